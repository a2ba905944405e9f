#include "schema/text.h"

#include <string.h>

#include "base/utf8.h"
#include "schema/scan.h"

static const char unclosed[] = "a string is not closed", bad_utf8[] = "a string is not UTF-8",
                  control[] = "a control character stands in a string: it must be escaped",
                  bad_escape[] = "no escape begins so",
                  bad_hex[] = "\\u is followed by less than four hexadecimal digits",
                  lone[] = "half of a surrogate pair stands alone";

/* Of the character behind a backslash; 0: it has none. */
static char meaning(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the escape \uXXXX; -1: it is none. */
static int32_t code_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* What is behind the escape at p; NULL: it is none. */
static const char *escape_scan(const char *p, const char *end, const char **sentence)
{
    if (end - p < 2) {
        *sentence = unclosed;
        return NULL;
    }
    if (p[1] != 'u') {
        *sentence = bad_escape;
        return meaning(p[1]) ? p + 2 : NULL;
    }
    int32_t unit = code_unit(p, end);
    *sentence = bad_hex;
    if (unit < 0) return NULL;
    if (unit < 0xd800 || unit > 0xdfff) return p + 6;
    *sentence = lone;
    if (unit > 0xdbff) return NULL;
    int32_t low = code_unit(p + 6, end);
    return low >= 0xdc00 && low <= 0xdfff ? p + 12 : NULL;
}

const char *weft__text_scan(const char *start, const char *p, const char *end, struct json_value *value,
                            const char **sentence, const char **where)
{
    uint8_t flags = JSON_ASCII;
    for (;;) {
        p = scan_plain(start, p, end);
        *where = p;
        if (p == end) {
            *sentence = unclosed;
            return NULL;
        }
        if (*p == '"') break;
        if (*p == '\\') {
            flags |= JSON_ESCAPED;
            p = escape_scan(p, end, sentence);
            if (!p) return NULL;
        } else if ((unsigned char)*p < 0x20) {
            *sentence = control;
            return NULL;
        } else {
            flags &= (uint8_t)~JSON_ASCII;
            do {
                size_t size_bytes = weft__utf8_size(p, end);
                *where = p;
                *sentence = bad_utf8;
                if (!size_bytes) return NULL;
                p += size_bytes;
            } while (p < end && (unsigned char)*p >= 0x80);
        }
    }
    value->flags = flags;
    value->size_bytes = (uint32_t)(p - start);
    return p + 1;
}

/* --- decoding --------------------------------------------------------------------------------- */

static size_t utf8_write(uint32_t point, char to[4])
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    size_t size_bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size_bytes - 1; i > 0; i--, point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)((0xf00u >> size_bytes & 0xf0) | point);
    return size_bytes;
}

/* Decodes the escape at p, which is known to be valid: writes its bytes and their number, at most 4, and returns what is
 * behind it. */
static const char *unescape(const char *p, char to[4], size_t *size_bytes)
{
    if (p[1] != 'u') {
        to[0] = meaning(p[1]);
        *size_bytes = 1;
        return p + 2;
    }
    uint32_t point = (uint32_t)code_unit(p, p + 6);
    p += 6;
    if (point >= 0xd800 && point <= 0xdbff) {
        point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)code_unit(p, p + 6) - 0xdc00);
        p += 6;
    }
    *size_bytes = utf8_write(point, to);
    return p;
}

int weft__text_next(struct text_cursor *cursor)
{
    if (cursor->pending_used < cursor->pending_count) return (unsigned char)cursor->pending[cursor->pending_used++];
    if (cursor->p == cursor->end) return -1;
    if (*cursor->p != '\\') return (unsigned char)*cursor->p++;
    cursor->p = unescape(cursor->p, cursor->pending, &cursor->pending_count);
    cursor->pending_used = 1;
    return (unsigned char)cursor->pending[0];
}

size_t weft__json_decode(const struct json_doc *doc, const struct json_value *string, char *to)
{
    const char *p = weft__json_raw(doc, string), *end = p + string->size_bytes;
    char *out = to;
    if (!(string->flags & JSON_ESCAPED)) {
        memcpy(to, p, string->size_bytes);
        return string->size_bytes;
    }
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((escape ? escape : end) - p);
        memcpy(out, p, plain);
        out += plain;
        p += plain;
        if (!escape) break;
        char bytes[4];
        size_t size_bytes;
        p = unescape(p, bytes, &size_bytes);
        memcpy(out, bytes, size_bytes);
        out += size_bytes;
    }
    return (size_t)(out - to);
}

/* Bytes that begin a character: not 10xxxxxx. */
static uint32_t points_plain(const char *p, const char *end)
{
    uint32_t count = 0;
    for (; end - p >= 8; p += 8) {
        uint64_t word = scan_word(p);
        uint64_t inside = word >> 7 & ~word >> 6 & SCAN_BYTES(1);
        count += 8 - (uint32_t)__builtin_popcountll(inside);
    }
    for (; p < end; p++)
        count += ((unsigned char)*p & 0xc0) != 0x80;
    return count;
}

uint32_t weft__json_points(const struct json_doc *doc, const struct json_value *string)
{
    const char *p = weft__json_raw(doc, string), *end = p + string->size_bytes;
    if (!(string->flags & JSON_ESCAPED)) {
        return string->flags & JSON_ASCII ? string->size_bytes : points_plain(p, end);
    }
    uint32_t count = 0;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        count += points_plain(p, escape ? escape : end);
        if (!escape) break;
        char bytes[4];
        size_t size_bytes;
        p = unescape(escape, bytes, &size_bytes);
        count++;
    }
    return count;
}

bool weft__json_is(const struct json_doc *doc, const struct json_value *string, const char *decoded, size_t size_bytes)
{
    if (!(string->flags & JSON_ESCAPED)) {
        return string->size_bytes == size_bytes && memcmp(weft__json_raw(doc, string), decoded, size_bytes) == 0;
    }
    if (size_bytes > string->size_bytes) return false;
    struct text_cursor cursor = weft__text_open(doc, string);
    for (size_t i = 0; i < size_bytes; i++)
        if (weft__text_next(&cursor) != (unsigned char)decoded[i]) return false;
    return weft__text_next(&cursor) < 0;
}

bool weft__json_same_string(const struct json_doc *a_doc, const struct json_value *a, const struct json_doc *b_doc,
                            const struct json_value *b)
{
    if (!(a->flags & JSON_ESCAPED)) return weft__json_is(b_doc, b, weft__json_raw(a_doc, a), a->size_bytes);
    if (!(b->flags & JSON_ESCAPED)) return weft__json_is(a_doc, a, weft__json_raw(b_doc, b), b->size_bytes);
    struct text_cursor a_cursor = weft__text_open(a_doc, a), b_cursor = weft__text_open(b_doc, b);
    int byte;
    do {
        byte = weft__text_next(&a_cursor);
        if (byte != weft__text_next(&b_cursor)) return false;
    } while (byte >= 0);
    return true;
}
