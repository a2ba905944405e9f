/* json.c: the parser. Where an array or object is open its `next` is the index of the one around it: that is the
 * stack. */
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
    const struct json_limits *limits;
    struct keys_hash hash;
    bool dropped; /* a member, for a later one of its name */
    weft_error error;
    struct json_fault *fault;
};

/* Where the parser is. It lives in registers: only what is inlined may see it. */
struct place {
    const char *p;
    const char *text, *end;
    struct json_value *next, *last; /* the first that is free; behind the last that there is */
    struct json_value *around;      /* the innermost array or object that is open; NULL */
    uint32_t count, depth;          /* of what is in it so far; of it */
    char close;                     /* its last byte */
    struct keys_seen keys;          /* of it, if it is an object */
    struct keys_seen *outside;      /* of those around it */
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

__attribute__((noinline)) static const char *fail(struct run *run, weft_error error, const char *at,
                                                  const char *sentence)
{
    run->error = error;
    *run->fault = (struct json_fault){.at = (uint32_t)(at - run->text), .sentence = sentence};
    return NULL;
}

/* A value takes two bytes at least, but the last and those that are open; and there is room for a key and its value
 * before they are seen. */
__attribute__((noinline)) static bool grow(struct run *run)
{
    struct json_parser *parser = run->parser;
    uint32_t most = (uint32_t)(run->end - run->text) / 2 + JSON_DEPTH_MAX / 2 + 4;
    uint32_t room = parser->room < most / 2 ? parser->room * 2 : most;
    if (room < ROOM_MIN) room = ROOM_MIN;
    WEFT_ASSERT(room > parser->room);
    struct json_value *values =
        weft__mem_grow(parser->mem, parser->values, parser->room * sizeof *values, room * sizeof *values);
    if (!values) {
        fail(run, WEFT_ENOMEM, run->text, "out of memory");
        return false;
    }
    parser->values = values;
    parser->room = room;
    return true;
}

/* Makes sure of so many free values. */
SCAN_INLINE bool reserve(struct run *run, struct place *at, ptrdiff_t count)
{
    if (at->last - at->next >= count) return true;
    struct json_parser *parser = run->parser;
    ptrdiff_t used = at->next - parser->values, open = at->around ? at->around - parser->values : 0;
    if (!grow(run)) return false;
    at->next = parser->values + used;
    at->last = parser->values + parser->room;
    if (at->around) at->around = parser->values + open;
    return true;
}

SCAN_INLINE void begin(const struct place *at, const char *p, struct json_value *value, enum json_kind kind, int flags)
{
    value->kind = (uint8_t)kind;
    value->flags = (uint8_t)flags;
    value->exponent = 0;
    value->at = (uint32_t)(p - at->text);
}

__attribute__((noinline)) static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* The next byte that is no white space; 0: there is none. */
SCAN_INLINE char peek(struct place *at)
{
    if (at->p == at->end) return 0;
    if ((unsigned char)*at->p > ' ') return *at->p;
    at->p = skip_space(at->p, at->end);
    if (at->p == at->end) return 0;
    return *at->p;
}

/* --- scalars ---------------------------------------------------------------------------------- */

__attribute__((noinline)) static const char *string_any(struct run *run, const char *p, struct json_value *value)
{
    const char *sentence, *where;
    const char *behind = weft__text_scan(run->text + value->at, p, run->end, value, &sentence, &where);
    return behind ? behind : fail(run, WEFT_EINVAL, where, sentence);
}

/* p: behind its quote. Returns what is behind the other; so do the functions below, and NULL where they have failed. */
SCAN_INLINE const char *string(struct run *run, const struct place *at, struct json_value *value)
{
    const char *start = at->p + 1, *p = scan_plain(at->text, start, at->end);
    begin(at, start, value, JSON_STRING, JSON_ASCII);
    value->size_bytes = (uint32_t)(p - start);
    value->hash = 0;
    return p < at->end && *p == '"' ? p + 1 : string_any(run, p, value);
}

__attribute__((noinline)) static const char *number_any(struct run *run, const char *p, struct json_value *value)
{
    struct json_fault fault;
    weft_error error;
    const char *behind = weft__numeral_scan(p, run->end, value, &error, &fault);
    return behind ? behind : fail(run, error, p + fault.at, fault.sentence);
}

SCAN_INLINE const char *number(struct run *run, const struct place *at, struct json_value *value)
{
    begin(at, at->p, value, JSON_NUMBER, 0);
    const char *behind = weft__numeral_short(at->p, at->end, value);
    return behind ? behind : number_any(run, at->p, value);
}

SCAN_INLINE const char *literal(struct run *run, const struct place *at, struct json_value *value, const char *name,
                                size_t size_bytes, enum json_kind kind)
{
    if ((size_t)(at->end - at->p) < size_bytes || memcmp(at->p, name, size_bytes) != 0) {
        return fail(run, WEFT_EINVAL, at->p, "no value begins so");
    }
    begin(at, at->p, value, kind, 0);
    value->mantissa = 0;
    return at->p + size_bytes;
}

SCAN_INLINE const char *scalar(struct run *run, const struct place *at, struct json_value *value, char byte)
{
    switch (byte) {
    case 't': return literal(run, at, value, "true", 4, JSON_TRUE);
    case 'f': return literal(run, at, value, "false", 5, JSON_FALSE);
    case 'n': return literal(run, at, value, "null", 4, JSON_NULL);
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
    case '9': return number(run, at, value);
    case ']':
    case '}':
    case ',': return fail(run, WEFT_EINVAL, at->p, "a value is missing");
    default:
        return fail(run, WEFT_EINVAL, at->p,
                    at->p == at->end ? "the text ends where a value is due" : "no value begins so");
    }
}

/* --- arrays and objects ----------------------------------------------------------------------- */

__attribute__((noinline)) static const char *key_any(struct run *run, const char *p, struct json_value *value)
{
    const char *behind = string_any(run, p, value);
    if (!behind || weft__keys_hash(&run->hash, run->parser, run->text, value)) return behind;
    return fail(run, WEFT_ENOMEM, p, "out of memory");
}

SCAN_INLINE const char *key(struct run *run, const struct place *at, struct json_value *value)
{
    const char *p = at->p + 1;
    begin(at, p, value, JSON_STRING, JSON_ASCII);
#ifdef SCAN_SSE2
    if (at->end - p >= 16) {
        unsigned size_bytes = (unsigned)__builtin_ctz(scan_block_special(p) | 1u << 16);
        if (size_bytes < 16 && p[size_bytes] == '"') {
            value->size_bytes = size_bytes;
            value->hash = weft__keys_hash_short(&run->hash, p, size_bytes);
            return p + size_bytes + 1;
        }
    }
#endif
    return key_any(run, p, value);
}

/* A key and its colon. */
SCAN_INLINE bool member(struct run *run, struct place *at)
{
    if (!reserve(run, at, 2)) return false;
    if (peek(at) != '"') return fail(run, WEFT_EINVAL, at->p, "a key is missing: a string in quotes");
    at->p = key(run, at, at->next);
    if (!at->p) return false;
    at->keys = weft__keys_see(at->keys, at->next++->hash);
    if (peek(at) != ':') return fail(run, WEFT_EINVAL, at->p, "a colon is missing behind a key");
    at->p++;
    return true;
}

/* The next key, or room for an element. */
SCAN_INLINE bool item(struct run *run, struct place *at)
{
    return at->close == '}' ? member(run, at) : reserve(run, at, 1);
}

SCAN_INLINE bool enter(struct run *run, struct place *at)
{
    if (at->depth == run->limits->depth_max) {
        return fail(run, WEFT_ELIMIT, at->p, "arrays and objects are nested too deeply");
    }
    if (at->around) at->around->count = at->count;
    at->outside[at->depth++] = at->keys;
    at->close = (char)(*at->p + 2); /* [ and ], { and } */
    struct json_value *value = at->next++;
    begin(at, at->p++, value, at->close == '}' ? JSON_OBJECT : JSON_ARRAY, 0);
    value->next = at->around ? (uint32_t)(at->around - run->parser->values) : NONE;
    at->around = value;
    at->count = 0;
    at->keys = (struct keys_seen){0, 0};
    return true;
}

/* Of an object that is closed; p: its end. */
__attribute__((noinline)) static bool check_keys(struct run *run, const char *p, struct json_value *object)
{
    const struct json_value *twice = NULL;
    uint32_t count = object->count;
    weft_error error = weft__keys_check(run->parser, run->text, object, run->limits->duplicate_keys ? NULL : &twice);
    run->dropped |= object->count != count;
    if (twice) return fail(run, error, run->text + twice->at, "a key stands twice in its object");
    return !error || fail(run, error, p, "out of memory");
}

SCAN_INLINE bool leave(struct run *run, struct place *at)
{
    struct json_value *values = run->parser->values, *value = at->around;
    uint32_t outer = value->next;
    value->count = at->count;
    value->next = (uint32_t)(at->next - values);
    if (weft__keys_twice(at->keys) && !check_keys(run, at->p, value)) return false;
    at->p++;
    at->keys = at->outside[--at->depth];
    at->around = NULL;
    if (outer == NONE) return true;
    at->around = values + outer;
    at->count = at->around->count;
    at->close = at->around->kind == JSON_OBJECT ? '}' : ']';
    return true;
}

/* From behind a value to where the next is due, or to the end. */
SCAN_INLINE bool advance(struct run *run, struct place *at)
{
    while (at->around) {
        at->count++;
        char byte = peek(at);
        if (byte == ',') {
            at->p++;
            return item(run, at);
        }
        if (byte != at->close) {
            return fail(run, WEFT_EINVAL, at->p,
                        at->p == at->end ? "the text ends within an array or object"
                                         : "a comma or the closing bracket is missing");
        }
        if (!leave(run, at)) return false;
    }
    return true;
}

/* A value, or its beginning: up to where the next is due. */
SCAN_INLINE bool value_due(struct run *run, struct place *at)
{
    char byte = peek(at);
    if (byte == '"') {
        at->p = string(run, at, at->next++);
    } else if (byte == '{' || byte == '[') {
        if (!enter(run, at)) return false;
        if (peek(at) != at->close) return item(run, at);
        if (!leave(run, at)) return false;
    } else {
        at->p = scalar(run, at, at->next++, byte);
    }
    return at->p && advance(run, at);
}

static bool document(struct run *run, uint32_t *count)
{
    if (!run->parser->values && !grow(run)) return false;
    struct keys_seen outside[JSON_DEPTH_MAX];
    struct place at = {.p = run->text,
                       .text = run->text,
                       .end = run->end,
                       .next = run->parser->values,
                       .last = run->parser->values + run->parser->room,
                       .outside = outside};
    do
        if (!value_due(run, &at)) return false;
    while (at.around);
    (void)peek(&at);
    if (at.p != at.end) return fail(run, WEFT_EINVAL, at.p, "something stands behind the value");
    *count = (uint32_t)(at.next - run->parser->values);
    if (run->dropped) *count = weft__keys_squeeze(run->parser->values, *count);
    return true;
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
                      .limits = limits,
                      .hash = weft__keys_hash_init(parser->seed),
                      .fault = fault};
    if (size_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        fail(&run, WEFT_EINVAL, text, "a byte order mark stands before the value");
        return run.error;
    }
    uint32_t count;
    if (!document(&run, &count)) return run.error;
    *doc =
        (struct json_doc){.text = text, .size_bytes = (uint32_t)size_bytes, .count = count, .values = parser->values};
    return WEFT_OK;
}
