/* json.c: the parser. Where an array or object is open its `next` is the index of the one around it: that is the stack. */
#include "schema/json.h"

#include <string.h>

#include "base/assert.h"
#include "schema/keys.h"
#include "schema/numeral.h"
#include "schema/scan.h"
#include "schema/text.h"

enum { ROOM_MIN = 64, NONE = UINT32_MAX };

struct run {
    const char *text, *end;
    struct json_parser *parser;
    uint32_t count; /* of values */
    uint32_t open;  /* the innermost array or object; NONE */
    uint32_t depth;
    const struct json_limits *limits;
    struct keys_hash hash;
    weft_error error;
    struct json_fault *fault;
};

void weft__json_parser_init(struct json_parser *parser, const struct mem *mem, uint32_t seed)
{
    *parser = (struct json_parser){.mem = mem, .seed = seed};
}

void weft__json_parser_fini(struct json_parser *parser)
{
    if (parser->values) weft__mem_free(parser->mem, parser->values);
    if (parser->scratch) weft__mem_free(parser->mem, parser->scratch);
    *parser = (struct json_parser){0};
}

static const char *fail(struct run *run, weft_error error, const char *at, const char *sentence)
{
    run->error = error;
    *run->fault = (struct json_fault){.at = (uint32_t)(at - run->text), .sentence = sentence};
    return NULL;
}

/* No text has more values than half its bytes, and one. */
static bool grow(struct run *run)
{
    struct json_parser *parser = run->parser;
    uint32_t most = (uint32_t)(run->end - run->text) / 2 + 1;
    uint32_t room = parser->room > UINT32_MAX / 2 ? most : parser->room * 2;
    if (room < ROOM_MIN) room = ROOM_MIN;
    if (room > most && most > parser->room) room = most;
    WEFT_ASSERT(room > parser->room);
    struct json_value *values =
        weft__mem_grow(parser->mem, parser->values, run->count * sizeof *values, room * sizeof *values);
    if (!values) return false;
    parser->values = values;
    parser->room = room;
    return true;
}

static struct json_value *push(struct run *run, const char *at)
{
    if (run->count == run->parser->room && !grow(run)) {
        fail(run, WEFT_ENOMEM, at, "out of memory");
        return NULL;
    }
    return &run->parser->values[run->count++];
}

/* --- scalars -------------------------------------------------------------------------------------------------------------- */

static const char *string_any(struct run *run, const char *p, struct json_value *value)
{
    const char *sentence, *where;
    const char *behind = weft__text_scan(p, run->end, value, &sentence, &where);
    return behind ? behind : fail(run, WEFT_EINVAL, where, sentence);
}

/* p: behind its quote. Returns what is behind the other; so do the functions below, and NULL where they have failed. */
static inline const char *string(struct run *run, const char *p, struct json_value *value)
{
    value->kind = JSON_STRING;
    value->exponent = 0;
    value->at = (uint32_t)(p - run->text);
    value->hash = 0;
#ifdef SCAN_SSE2
    for (const char *block = p; run->end - block >= 16; block += 16) {
        unsigned found = scan_block_special(block);
        if (!found) continue;
        const char *special = block + __builtin_ctz(found);
        if (*special != '"') break;
        value->flags = JSON_ASCII;
        value->size_bytes = (uint32_t)(special - p);
        return special + 1;
    }
#endif
    return string_any(run, p, value);
}

static const char *number(struct run *run, const char *p, struct json_value *value)
{
    struct json_fault fault;
    weft_error error;
    value->kind = JSON_NUMBER;
    value->at = (uint32_t)(p - run->text);
    const char *behind = weft__numeral_scan(p, run->end, value, &error, &fault);
    return behind ? behind : fail(run, error, p + fault.at, fault.sentence);
}

static const char *literal(struct run *run, const char *p, struct json_value *value, const char *name,
                           size_t size_bytes, enum json_kind kind)
{
    if ((size_t)(run->end - p) < size_bytes || memcmp(p, name, size_bytes) != 0) {
        return fail(run, WEFT_EINVAL, p, "no value begins so");
    }
    *value = (struct json_value){.kind = (uint8_t)kind, .at = (uint32_t)(p - run->text)};
    return p + size_bytes;
}

static inline const char *scalar(struct run *run, const char *p, struct json_value *value)
{
    switch (*p) {
    case '"': return string(run, p + 1, value);
    case 't': return literal(run, p, value, "true", 4, JSON_TRUE);
    case 'f': return literal(run, p, value, "false", 5, JSON_FALSE);
    case 'n': return literal(run, p, value, "null", 4, JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return number(run, p, value);
    case ']':
    case '}':
    case ',': return fail(run, WEFT_EINVAL, p, "a value is missing");
    default: return fail(run, WEFT_EINVAL, p, "no value begins so");
    }
}

/* --- arrays and objects ------------------------------------------------------------------------------------------------------ */

static inline const char *key(struct run *run, const char *p)
{
    if (p == run->end || *p != '"') return fail(run, WEFT_EINVAL, p, "a key is missing: a string in quotes");
    struct json_value *value = push(run, p);
    if (!value || !(p = string(run, p + 1, value))) return NULL;
    if (!weft__keys_hash_of(&run->hash, run->parser, run->text, run->end, value)) {
        return fail(run, WEFT_ENOMEM, p, "out of memory");
    }
    p = scan_space(p, run->end);
    if (p == run->end || *p != ':') return fail(run, WEFT_EINVAL, p, "a colon is missing behind a key");
    return p + 1;
}

static const char *enter(struct run *run, const char *p, struct json_value *value)
{
    if (run->depth == run->limits->depth_max) {
        return fail(run, WEFT_ELIMIT, p, "arrays and objects are nested too deeply");
    }
    run->depth++;
    *value = (struct json_value){
        .kind = *p == '{' ? JSON_OBJECT : JSON_ARRAY, .at = (uint32_t)(p - run->text), .count = 0, .next = run->open};
    run->open = run->count - 1;
    return p + 1;
}

/* p: the bracket. */
static const char *leave(struct run *run, const char *p)
{
    struct json_value *value = &run->parser->values[run->open];
    run->depth--;
    run->open = value->next;
    value->next = run->count;
    if (value->kind == JSON_OBJECT && value->count > 1 && !run->limits->duplicate_keys) {
        const struct json_value *twice;
        weft_error error = weft__keys_check(run->parser, run->text, value, &twice);
        if (error == WEFT_EINVAL) return fail(run, error, run->text + twice->at, "a key stands twice in its object");
        if (error) return fail(run, error, p, "out of memory");
    }
    return p + 1;
}

/* From behind a value to where the next begins, or to the end. */
static inline const char *advance(struct run *run, const char *p)
{
    while (run->open != NONE) {
        struct json_value *around = &run->parser->values[run->open];
        around->count++;
        p = scan_space(p, run->end);
        if (p == run->end) return fail(run, WEFT_EINVAL, p, "the text ends within an array or object");
        if (*p == ',') {
            p = scan_space(p + 1, run->end);
            return around->kind == JSON_OBJECT ? key(run, p) : p;
        }
        if (*p != (around->kind == JSON_OBJECT ? '}' : ']')) {
            return fail(run, WEFT_EINVAL, p, "a comma or the closing bracket is missing");
        }
        if (!(p = leave(run, p))) return NULL;
    }
    return p;
}

/* Into an array or object: to where its first value begins, or behind it if it is empty. */
static inline const char *open(struct run *run, const char *p, struct json_value *value, bool *empty)
{
    char close = (char)(*p + 2); /* [ and ], { and } */
    bool object = *p == '{';
    if (!(p = enter(run, p, value))) return NULL;
    p = scan_space(p, run->end);
    *empty = p < run->end && *p == close;
    if (*empty) return leave(run, p);
    return object ? key(run, p) : p;
}

static const char *document(struct run *run)
{
    const char *p = run->text;
    do {
        p = scan_space(p, run->end);
        if (p == run->end) return fail(run, WEFT_EINVAL, p, "the text ends where a value is due");
        struct json_value *value = push(run, p);
        if (!value) return NULL;
        bool ended = true;
        if (*p == '{' || *p == '[') {
            p = open(run, p, value, &ended);
        } else {
            p = scalar(run, p, value);
        }
        if (p && ended) p = advance(run, p);
        if (!p) return NULL;
    } while (run->open != NONE);
    p = scan_space(p, run->end);
    return p == run->end ? p : fail(run, WEFT_EINVAL, p, "something stands behind the value");
}

weft_error weft__json_parse(struct json_parser *parser, const char *text, size_t size_bytes,
                            const struct json_limits *limits, struct json_doc *doc, struct json_fault *fault)
{
    WEFT_ASSERT(limits->depth_max <= JSON_DEPTH_MAX);
    if (size_bytes > limits->size_bytes_max) {
        *fault = (struct json_fault){.at = limits->size_bytes_max, .sentence = "the text is too long"};
        return WEFT_ELIMIT;
    }
    if (size_bytes == 0) text = "";
    struct run run = {.text = text,
                      .end = text + size_bytes,
                      .parser = parser,
                      .open = NONE,
                      .limits = limits,
                      .hash = weft__keys_hash_init(parser->seed),
                      .fault = fault};
    if (size_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        fail(&run, WEFT_EINVAL, text, "a byte order mark stands before the value");
        return run.error;
    }
    if (!document(&run)) return run.error;
    *doc = (struct json_doc){.text = text,
                             .size_bytes = (uint32_t)size_bytes,
                             .count = run.count,
                             .duplicate_keys = limits->duplicate_keys,
                             .values = parser->values};
    return WEFT_OK;
}
