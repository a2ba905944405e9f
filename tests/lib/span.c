#include "lib/span.h"

#include <string.h>

#include "lib/check.h"

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct span span_of(const char *text, size_t size)
{
    while (size > 0 && blank(*text)) {
        text++;
        size--;
    }
    while (size > 0 && blank(text[size - 1])) {
        size--;
    }
    return (struct span){text, size};
}

/* Behind the string whose first quote is at `at`. */
static const char *behind_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        at += *at == '\\';
    }
    check_true(at < end);
    return at + 1;
}

static const char *behind_value(const char *at, const char *end)
{
    int depth = 0;
    while (at < end && (depth > 0 || (*at != ',' && *at != ']' && *at != '}'))) {
        if (*at == '"') {
            at = behind_string(at, end);
            continue;
        }
        depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
        at++;
    }
    return at;
}

struct span_walk span_walk(struct span container)
{
    check_true(container.size >= 2 && (*container.at == '[' || *container.at == '{'));
    return (struct span_walk){container.at + 1, container.at + container.size - 1, *container.at == '{'};
}

bool span_next(struct span_walk *walk, struct span *key, struct span *value)
{
    while (walk->at < walk->end && (blank(*walk->at) || *walk->at == ',')) {
        walk->at++;
    }
    if (walk->at >= walk->end) {
        return false;
    }
    *key = (struct span){walk->at, 0};
    if (walk->object) {
        const char *behind = behind_string(walk->at, walk->end);
        *key = (struct span){walk->at + 1, (size_t)(behind - walk->at) - 2};
        walk->at = memchr(behind, ':', (size_t)(walk->end - behind));
        check_true(walk->at);
        walk->at++;
    }
    const char *behind = behind_value(walk->at, walk->end);
    *value = span_of(walk->at, (size_t)(behind - walk->at));
    walk->at = behind;
    return true;
}

struct span span_member(struct span object, const char *key)
{
    struct span_walk walk = span_walk(object);
    struct span name, value;
    while (span_next(&walk, &name, &value)) {
        if (span_is(name, key)) {
            return value;
        }
    }
    return (struct span){NULL, 0};
}

bool span_is(struct span text, const char *what)
{
    return text.size == strlen(what) && memcmp(text.at, what, text.size) == 0;
}

struct span span_inside(struct span string)
{
    check_true(string.size >= 2 && *string.at == '"');
    return (struct span){string.at + 1, string.size - 2};
}
