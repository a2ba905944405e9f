/* compile_pool.c: what a compilation gathers: its error, memory, texts, constants and patterns. */
#include "schema/compile.h"

#include <stdarg.h>
#include <string.h>

#include "api/error.h"
#include "base/utf8.h"
#include "schema/sentence.h"

/* --- errors and memory ------------------------------------------------------------------------ */

bool weft__compile_error(struct compiler *c, weft_error error, const char *format, ...)
{
    struct sentence sentence = {.size_bytes = 0};
    va_list arguments;
    va_start(arguments, format);
    weft__say_list(&sentence, format, arguments);
    va_end(arguments);
    c->error = weft__error(error, "%s", sentence.text);
    return false;
}

/* "base#/a/b/keyword", from the end; what is too long loses its beginning. */
static const char *place_text(const struct compiler *c, uint32_t record, const char *keyword, char *text, size_t size)
{
    char *at = text + size - 1;
    *at = '\0';
    for (const char *part = keyword; part; record = c->records.items[record].parent) {
        size_t part_size = strlen(part);
        if (part_size + 5 > (size_t)(at - text)) {
            memcpy(at -= 3, "...", 3);
            return at;
        }
        if (part_size) memcpy(at -= part_size, part, part_size);
        if (part_size) *--at = '/';
        if (c->records.items[record].parent == PROGRAM_NONE) break;
        part = c->records.items[record].token;
    }
    *--at = '#';
    return at;
}

enum { URI_BYTES = 120 }; /* of a sentence */

bool weft__compile_error_at(struct compiler *c, weft_error error, uint32_t record, const char *keyword,
                            const char *format, ...)
{
    char place[256], uri[URI_BYTES + 1];
    struct sentence sentence = {.size_bytes = 0};
    va_list arguments;
    va_start(arguments, format);
    weft__say_list(&sentence, format, arguments);
    va_end(arguments);
    const char *whole = weft__record_resource(c, record)->uri;
    (void)weft__utf8_show(uri, sizeof uri, whole, strlen(whole));
    c->error = weft__error(error, "%s%s: %s", uri, place_text(c, record, keyword, place, sizeof place), sentence.text);
    return false;
}

void *weft__compile_alloc(struct compiler *c, size_t size_bytes)
{
    void *block = weft__arena_alloc(&c->arena, size_bytes);
    if (!block) weft__compile_error(c, WEFT_ENOMEM, "schema: out of memory");
    return block;
}

char *weft__uri_alloc(struct compiler *c, size_t size_bytes)
{
    if (size_bytes > c->uri_bytes_left) {
        weft__compile_error(c, WEFT_ELIMIT, "schema: its URIs are too long, or too many");
        return NULL;
    }
    c->uri_bytes_left -= size_bytes;
    return weft__compile_alloc(c, size_bytes);
}

void *weft__list_room(struct compiler *c, void *items, size_t count, size_t *room, size_t n, size_t item_bytes)
{
    if (c->error) return items;
    if (count + n > *room) {
        size_t more = *room ? 2 * *room : 16;
        while (more < count + n)
            more *= 2;
        void *grown = weft__compile_alloc(c, more * item_bytes);
        if (!grown) return items;
        if (count) memcpy(grown, items, count * item_bytes);
        items = grown;
        *room = more;
    }
    if (n) memset((char *)items + count * item_bytes, 0, n * item_bytes);
    return items;
}

/* --- texts, constants, patterns --------------------------------------------------------------- */

static bool reserve_text(struct compiler *c, size_t size_bytes)
{
    c->texts.items = weft__list_room(c, c->texts.items, c->texts.count, &c->texts.room, size_bytes, 1);
    return !c->error;
}

/* With its size before and a terminator behind; text NULL: the bytes are written by who called. */
bool weft__text_add(struct compiler *c, const char *text, size_t size_bytes, uint32_t *index)
{
    uint32_t size = (uint32_t)size_bytes;
    if (!reserve_text(c, sizeof size + size_bytes + 1)) return false;
    char *to = c->texts.items + c->texts.count;
    memcpy(to, &size, sizeof size);
    if (text) memcpy(to + sizeof size, text, size_bytes);
    *index = (uint32_t)(c->texts.count + sizeof size);
    c->texts.count += sizeof size + size_bytes + 1;
    return true;
}

bool weft__text_of(struct compiler *c, const struct json_doc *doc, const struct json_value *string, uint32_t *index)
{
    char *text = weft__compile_alloc(c, string->size_bytes);
    return text && weft__text_add(c, text, weft__json_decode(doc, string, text), index);
}

static size_t copied_size(const struct json_doc *doc, const struct json_value *value)
{
    if (value->kind == JSON_STRING) return value->size_bytes;
    return value->kind == JSON_NUMBER ? weft__number_text_size(doc, value) : 0;
}

/* A value with all that is in it, and its texts as they stand. */
bool weft__constant_add(struct compiler *c, uint32_t record, const struct json_value *from, uint32_t *index)
{
    const struct json_doc *doc = weft__record_doc(c, record);
    size_t count = (size_t)(weft__json_next(doc, from) - from);
    c->constants.items = weft__list_room(c, c->constants.items, c->constants.count, &c->constants.room, count,
                                         sizeof *c->constants.items);
    *index = (uint32_t)c->constants.count;
    uint32_t moved = *index - (uint32_t)(from - doc->values);
    for (size_t i = 0; i < count && !c->error; i++) {
        struct json_value *value = &c->constants.items[c->constants.count++];
        size_t size = copied_size(doc, from + i);
        c->constant_texts.items =
            weft__list_room(c, c->constant_texts.items, c->constant_texts.count, &c->constant_texts.room, size + 1, 1);
        if (c->error) return false;
        *value = from[i];
        value->at = (uint32_t)c->constant_texts.count;
        if (size) memcpy(c->constant_texts.items + value->at, doc->text + from[i].at, size);
        c->constant_texts.count += size + 1; /* a number ends where no more of it follows */
        if (value->kind >= JSON_ARRAY) value->next += moved;
    }
    return !c->error;
}

/* A pattern that was there lately is not compiled again. */
static bool find_regex(const struct compiler *c, uint32_t text, uint32_t *index)
{
    enum { LATELY = 32 };
    uint32_t size = weft__text_size(c, text);
    for (size_t i = c->regexes.count; i-- > 0 && i + LATELY >= c->regexes.count;) {
        uint32_t other = c->regexes.items[i].text;
        if (weft__text_size(c, other) != size || memcmp(c->texts.items + other, c->texts.items + text, size) != 0)
            continue;
        *index = (uint32_t)i;
        return true;
    }
    return false;
}

bool weft__regex_add(struct compiler *c, uint32_t record, const char *keyword, uint32_t text, uint32_t *index)
{
    if (find_regex(c, text, index)) return true;
    struct program_regex *regex = LIST_ADD(c, &c->regexes);
    if (!regex) return false;
    const char *pattern = c->texts.items + text;
    struct regex_fault fault = {0};
    *index = (uint32_t)(c->regexes.count - 1);
    regex->text = text;
    weft_error error = weft__regex_new(&c->mem, pattern, weft__text_size(c, text), &regex->regex, &fault);
    if (!error) return true;
    c->regexes.count--;
    if (error == WEFT_ENOMEM) return weft__compile_error(c, error, "schema: out of memory");
    return weft__compile_error_at(c, error, record, keyword, "the pattern \"%.100s\", at byte %zu: %s", pattern,
                                  fault.at, fault.sentence);
}
