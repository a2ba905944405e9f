/* format_rules.h: the formats, file by file; and what they share. Texts are UTF-8, which is known to be valid. */
#ifndef WEFT_SCHEMA_FORMAT_RULES_H
#define WEFT_SCHEMA_FORMAT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is left of a text. */
struct span {
    const char *at, *end;
};

static inline struct span span_of(const char *text, size_t size_bytes)
{
    return (struct span){text, text + size_bytes};
}

static inline size_t span_bytes(struct span span)
{
    return (size_t)(span.end - span.at);
}

static inline int span_peek(struct span span)
{
    return span.at < span.end ? (unsigned char)*span.at : -1;
}

/* Passes the character if it is next. */
static inline bool span_pass(struct span *span, char c)
{
    bool next = span_peek(*span) == c;
    if (next) span->at++;
    return next;
}

/* What is before the first c, which is passed; false: there is none. */
static inline bool span_cut(struct span *span, char c, struct span *before)
{
    const char *at = span->at < span->end ? memchr(span->at, c, span_bytes(*span)) : NULL;
    if (!at) return false;
    *before = (struct span){span->at, at};
    span->at = at + 1;
    return true;
}

static inline bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_hex(int c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static inline bool is_letter(int c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static inline bool is_one_of(int c, const char *set)
{
    return c > 0 && c < 0x80 && strchr(set, c);
}

/* Passes a character of the text, which is not at its end. */
static inline int32_t span_decode(struct span *span)
{
    int32_t lead = (unsigned char)*span->at++;
    if (lead < 0x80) return lead;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    int32_t c = lead & (0x3f >> more);
    for (; more && span->at < span->end; more--)
        c = c << 6 | (*span->at++ & 0x3f);
    return c;
}

/* format_time.c: RFC 3339. */
bool weft__format_date_time(const char *text, size_t size_bytes);
bool weft__format_date(const char *text, size_t size_bytes);
bool weft__format_time(const char *text, size_t size_bytes);
bool weft__format_duration(const char *text, size_t size_bytes);

/* format_net.c: RFC 1123, 4291, 5321, 6531. */
bool weft__format_ipv4(const char *text, size_t size_bytes);
bool weft__format_ipv6(const char *text, size_t size_bytes);
bool weft__format_hostname(const char *text, size_t size_bytes);
bool weft__format_email(const char *text, size_t size_bytes);
bool weft__format_idn_email(const char *text, size_t size_bytes);

/* format_alabel.c: text: a label that begins with "xn--", in any case, of ASCII. */
bool weft__format_alabel(const char *text, size_t size_bytes);

/* format_uri.c: RFC 3986, 3987, 6570. */
bool weft__format_uri(const char *text, size_t size_bytes);
bool weft__format_uri_reference(const char *text, size_t size_bytes);
bool weft__format_iri(const char *text, size_t size_bytes);
bool weft__format_iri_reference(const char *text, size_t size_bytes);
bool weft__format_uri_template(const char *text, size_t size_bytes);

#endif
