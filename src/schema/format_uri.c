/* format_uri.c: URIs, IRIs and their templates. */
#include "schema/format_rules.h"

/* What a part may hold besides letters, digits, "-._~" and escapes; and which code points above ASCII. */
struct part {
    const char *more;
    bool wide;         /* ucschar */
    bool private_wide; /* and iprivate */
};

#define SUB_DELIMS "!$&'()*+,;="

/* RFC 3987, 2.2. */
static bool ucschar(int32_t c)
{
    if (c >= 0x10000) return (c & 0xffff) <= 0xfffd && c < 0xf0000 && !(c >= 0xe0000 && c < 0xe1000);
    return (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) || (c >= 0xfdf0 && c <= 0xffef);
}

static bool iprivate(int32_t c)
{
    return (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xf0000 && (c & 0xffff) <= 0xfffd);
}

/* The two digits behind a %. */
static bool pass_escape(struct span *span)
{
    if (span_bytes(*span) < 2 || !is_hex((unsigned char)span->at[0]) || !is_hex((unsigned char)span->at[1]))
        return false;
    span->at += 2;
    return true;
}

static bool holds(struct span span, struct part part)
{
    while (span.at < span.end) {
        int32_t c = span_decode(&span);
        if (c == '%') {
            if (!pass_escape(&span)) return false;
        } else if (c >= 0x80) {
            if (!(part.wide && ucschar(c)) && !(part.private_wide && iprivate(c))) return false;
        } else if (!is_digit(c) && !is_letter(c) && !is_one_of(c, "-._~") && !is_one_of(c, part.more))
            return false;
    }
    return true;
}

/* --- RFC 3986 --------------------------------------------------------------------------------- */

/* Between its brackets. */
static bool ip_literal(struct span span)
{
    if ((span_peek(span) | 32) != 'v') return weft__format_ipv6(span.at, span_bytes(span));
    struct span version;
    span.at++;
    if (!span_cut(&span, '.', &version) || version.at == version.end || span.at == span.end) return false;
    for (; version.at < version.end; version.at++)
        if (!is_hex((unsigned char)*version.at)) return false;
    for (; span.at < span.end; span.at++) {
        int c = (unsigned char)*span.at;
        if (!is_digit(c) && !is_letter(c) && !is_one_of(c, "-._~:" SUB_DELIMS)) return false;
    }
    return true;
}

static bool authority(struct span span, bool wide)
{
    struct span userinfo, literal;
    if (span_cut(&span, '@', &userinfo) && !holds(userinfo, (struct part){":" SUB_DELIMS, wide, false})) return false;
    if (span_pass(&span, '[')) {
        if (!span_cut(&span, ']', &literal) || !ip_literal(literal)) return false;
    } else {
        struct span host = span;
        while (span_peek(span) >= 0 && span_peek(span) != ':')
            span.at++;
        host.end = span.at;
        if (!holds(host, (struct part){SUB_DELIMS, wide, false})) return false;
    }
    if (span.at == span.end) return true;
    if (!span_pass(&span, ':')) return false;
    while (is_digit(span_peek(span)))
        span.at++;
    return span.at == span.end;
}

/* Passes a scheme and its colon. */
static bool pass_scheme(struct span *span)
{
    struct span rest = *span, scheme;
    if (!span_cut(&rest, ':', &scheme) || !is_letter(span_peek(scheme))) return false;
    for (; scheme.at < scheme.end; scheme.at++) {
        int c = (unsigned char)*scheme.at;
        if (!is_digit(c) && !is_letter(c) && !is_one_of(c, "+-.")) return false;
    }
    *span = rest;
    return true;
}

/* Cuts off what is behind the first c. */
static struct span cut_off(struct span *span, char c)
{
    struct span before, after = *span;
    if (!span_cut(&after, c, &before)) return (struct span){span->end, span->end};
    *span = before;
    return after;
}

static bool reference(struct span span, bool wide, bool absolute)
{
    struct span fragment = cut_off(&span, '#'), query = cut_off(&span, '?');
    if (!holds(fragment, (struct part){"/?:@" SUB_DELIMS, wide, false})) return false;
    if (!holds(query, (struct part){"/?:@" SUB_DELIMS, wide, wide})) return false;

    bool scheme = pass_scheme(&span);
    if (absolute && !scheme) return false;
    if (span_bytes(span) >= 2 && span.at[0] == '/' && span.at[1] == '/') {
        struct span host = {span.at + 2, span.at + 2};
        while (host.end < span.end && *host.end != '/')
            host.end++;
        if (!authority(host, wide)) return false;
        span.at = host.end;
    } else if (!scheme) { /* its first segment would be one */
        struct span first, rest = span;
        if (!span_cut(&rest, '/', &first)) first = span;
        if (memchr(first.at, ':', span_bytes(first))) return false;
    }
    return holds(span, (struct part){"/:@" SUB_DELIMS, wide, false});
}

bool weft__format_uri(const char *text, size_t size_bytes)
{
    return reference(span_of(text, size_bytes), false, true);
}

bool weft__format_uri_reference(const char *text, size_t size_bytes)
{
    return reference(span_of(text, size_bytes), false, false);
}

bool weft__format_iri(const char *text, size_t size_bytes)
{
    return reference(span_of(text, size_bytes), true, true);
}

bool weft__format_iri_reference(const char *text, size_t size_bytes)
{
    return reference(span_of(text, size_bytes), true, false);
}

/* --- RFC 6570 --------------------------------------------------------------------------------- */

/* varname: words of letters, digits, _ and escapes, with single dots between them. */
static bool pass_variable(struct span *span)
{
    bool dot = true;
    for (int c; (c = span_peek(*span)) >= 0; dot = c == '.') {
        if (c == '.' ? dot : !is_digit(c) && !is_letter(c) && c != '_' && c != '%') break;
        span->at++;
        if (c == '%' && !pass_escape(span)) return false;
    }
    return !dot;
}

/* "*", or ":" and 1 to 9999. */
static bool pass_modifier(struct span *span)
{
    if (span_pass(span, '*') || !span_pass(span, ':')) return true;
    const char *begin = span->at;
    while (is_digit(span_peek(*span)))
        span->at++;
    return span->at > begin && span->at - begin <= 4 && *begin != '0';
}

/* Between its braces. */
static bool expression(struct span span)
{
    if (is_one_of(span_peek(span), "+#./;?&=,!@|")) span.at++;
    do {
        if (!pass_variable(&span) || !pass_modifier(&span)) return false;
    } while (span_pass(&span, ','));
    return span.at == span.end;
}

bool weft__format_uri_template(const char *text, size_t size_bytes)
{
    struct span span = span_of(text, size_bytes), inside;
    while (span.at < span.end) {
        int32_t c = span_decode(&span);
        if (c == '{') {
            if (!span_cut(&span, '}', &inside) || !expression(inside)) return false;
        } else if (c == '%') {
            if (!pass_escape(&span)) return false;
        } else if (c <= ' ' || is_one_of(c, "\"<>\\^`|}\x7f") || (c >= 0x80 && !ucschar(c) && !iprivate(c)))
            return false;
    }
    return true;
}
