#include "schema/sentence.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"

enum { VALUE_BYTES = 64 };

/* What does not fit is lost, with the character that its first byte belongs to. */
static void cut(struct sentence *s, size_t size_bytes)
{
    if (size_bytes < sizeof s->text) {
        s->size_bytes = size_bytes;
        return;
    }
    size_t at = weft__utf8_fit(s->text, sizeof s->text - 1, sizeof s->text - 4);
    memcpy(s->text + at, "...", 4);
    s->size_bytes = sizeof s->text - 1;
}

void weft__say_list(struct sentence *s, const char *format, va_list arguments)
{
    int more = vsnprintf(s->text + s->size_bytes, sizeof s->text - s->size_bytes, format, arguments);
    if (more > 0) cut(s, s->size_bytes + (size_t)more);
}

void weft__say(struct sentence *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weft__say_list(s, format, arguments);
    va_end(arguments);
}

void weft__say_bytes(struct sentence *s, const char *text, size_t size_bytes, size_t max_bytes)
{
    char shown[SENTENCE_BYTES];
    WEFT_ASSERT(max_bytes < sizeof shown);
    bool whole = weft__utf8_show(shown, max_bytes + 1, text, size_bytes) == size_bytes;
    weft__say(s, "%s%s", shown, whole ? "" : "...");
}

/* The tape keeps no size of those that it could read. */
static uint32_t number_size(const struct json_doc *doc, const struct json_value *number, uint32_t max_bytes)
{
    if (number->flags & JSON_LONG) return number->size_bytes;
    const char *text = doc->text + number->at;
    uint32_t size = 0, room = doc->size_bytes - number->at;
    if (room > max_bytes) room = max_bytes;
    while (size < room && text[size] && strchr("+-.0123456789eE", text[size]))
        size++;
    return size;
}

uint32_t weft__number_text_size(const struct json_doc *doc, const struct json_value *number)
{
    return number_size(doc, number, UINT32_MAX);
}

void weft__say_value(struct sentence *s, const struct json_doc *doc, const struct json_value *value)
{
    switch ((enum json_kind)value->kind) {
    case JSON_NULL: weft__say(s, "null"); return;
    case JSON_FALSE: weft__say(s, "false"); return;
    case JSON_TRUE: weft__say(s, "true"); return;
    case JSON_NUMBER:
        weft__say_bytes(s, doc->text + value->at, number_size(doc, value, VALUE_BYTES + 1), VALUE_BYTES);
        return;
    case JSON_STRING:
        weft__say(s, "\"");
        weft__say_bytes(s, weft__json_raw(doc, value), value->size_bytes, VALUE_BYTES);
        weft__say(s, "\"");
        return;
    case JSON_ARRAY: weft__say(s, "an array of %u item%s", value->count, value->count == 1 ? "" : "s"); return;
    case JSON_OBJECT: weft__say(s, "an object of %u propert%s", value->count, value->count == 1 ? "y" : "ies"); return;
    }
}

void weft__say_what(struct sentence *s, const struct json_doc *doc, const struct json_value *value)
{
    if (value->kind == JSON_NUMBER) weft__say(s, "the number ");
    if (value->kind == JSON_STRING) weft__say(s, "the string ");
    weft__say_value(s, doc, value);
}

void weft__say_types(struct sentence *s, unsigned types, bool integer)
{
    static const struct {
        unsigned bits;
        const char *name;
    } rows[] = {{1u << JSON_STRING, "a string"}, {1u << JSON_NUMBER, "a number"},    {1u << JSON_OBJECT, "an object"},
                {1u << JSON_ARRAY, "an array"},  {1u << JSON_TRUE, "true or false"}, {1u << JSON_NULL, "null"}};
    const char *names[sizeof rows / sizeof *rows];
    size_t count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (types & rows[i].bits)
            names[count++] = integer && rows[i].bits == 1u << JSON_NUMBER ? "an integer" : rows[i].name;
    for (size_t i = 0; i < count; i++)
        weft__say(s, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", names[i]);
}
