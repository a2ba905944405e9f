/* format_net.c: addresses of hosts and of people. */
#include "schema/format_rules.h"

enum { LABEL_BYTES_MAX = 63, HOSTNAME_BYTES_MAX = 253, LOCAL_BYTES_MAX = 64, DOMAIN_BYTES_MAX = 255 };

/* --- addresses -------------------------------------------------------------------------------- */

/* Four decimal numbers to 255, without leading zeros (RFC 2673, 3.2). */
static bool ipv4(struct span span)
{
    for (int part = 0; part < 4; part++) {
        if (part && !span_pass(&span, '.')) return false;
        const char *begin = span.at;
        int value = 0;
        for (; is_digit(span_peek(span)) && span.at - begin < 3; span.at++)
            value = value * 10 + *span.at - '0';
        if (span.at == begin || value > 255 || (*begin == '0' && span.at - begin > 1)) return false;
    }
    return span.at == span.end;
}

/* RFC 4291, 2.2: eight groups; or fewer, with :: once for those left out; the last two may be written as an IPv4. */
static bool ipv6(struct span span)
{
    int groups = 0;
    bool gap = false;
    if (span_bytes(span) >= 2 && span.at[0] == ':' && span.at[1] == ':') {
        gap = true;
        span.at += 2;
        if (span.at == span.end) return true;
    }
    for (;;) {
        const char *begin = span.at;
        while (is_hex(span_peek(span)))
            span.at++;
        if (span_peek(span) == '.') {
            groups += 2;
            return ipv4((struct span){begin, span.end}) && (gap ? groups < 8 : groups == 8);
        }
        if (span.at == begin || span.at - begin > 4 || ++groups > 8) return false;
        if (span.at == span.end) return gap ? groups < 8 : groups == 8;
        if (!span_pass(&span, ':')) return false;
        if (!span_pass(&span, ':')) continue;
        if (gap) return false;
        gap = true;
        if (span.at == span.end) return groups < 8;
    }
}

bool weft__format_ipv4(const char *text, size_t size_bytes)
{
    return ipv4(span_of(text, size_bytes));
}

bool weft__format_ipv6(const char *text, size_t size_bytes)
{
    return ipv6(span_of(text, size_bytes));
}

/* --- names of hosts --------------------------------------------------------------------------- */

static bool is_alabel(struct span span)
{
    return span_bytes(span) >= 4 && (span.at[0] | 32) == 'x' && (span.at[1] | 32) == 'n' && span.at[2] == '-' &&
           span.at[3] == '-';
}

/* Letters, digits and inner hyphens; wide: and what is not ASCII. */
static bool label(struct span span, bool wide)
{
    if (span.at == span.end || span_bytes(span) > LABEL_BYTES_MAX) return false;
    if (*span.at == '-' || span.end[-1] == '-') return false;
    for (; span.at < span.end; span.at++) {
        int c = (unsigned char)*span.at;
        if (!is_digit(c) && !is_letter(c) && c != '-' && !(wide && c >= 0x80)) return false;
    }
    return true;
}

static bool labels(struct span span, bool wide)
{
    struct span before;
    while (span_cut(&span, '.', &before))
        if (!label(before, wide)) return false;
    return label(span, wide);
}

static bool alabels(struct span span)
{
    struct span before;
    bool more;
    do {
        more = span_cut(&span, '.', &before);
        if (!more) before = span;
        if (is_alabel(before) && !weft__format_alabel(before.at, span_bytes(before))) return false;
    } while (more);
    return true;
}

bool weft__format_hostname(const char *text, size_t size_bytes)
{
    struct span span = span_of(text, size_bytes);
    return size_bytes <= HOSTNAME_BYTES_MAX && labels(span, false) && alabels(span);
}

/* --- addresses of people ---------------------------------------------------------------------- */

/* Atoms with single dots between them. */
static bool dot_string(struct span span, bool wide)
{
    bool dot = true;
    for (; span.at < span.end; span.at++) {
        int c = (unsigned char)*span.at;
        if (c == '.' && dot) return false;
        dot = c == '.';
        if (!dot && !is_digit(c) && !is_letter(c) && !is_one_of(c, "!#$%&'*+-/=?^_`{|}~") && !(wide && c >= 0x80))
            return false;
    }
    return !dot;
}

/* Between its quotes. */
static bool quoted_string(struct span span, bool wide)
{
    for (; span.at < span.end; span.at++) {
        int c = (unsigned char)*span.at;
        if (c == '"') return false;
        if (c == '\\') c = ++span.at < span.end ? (unsigned char)*span.at : -1;
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !wide)) return false;
    }
    return true;
}

static bool local_part(struct span span, bool wide)
{
    size_t size_bytes = span_bytes(span);
    if (size_bytes > LOCAL_BYTES_MAX) return false;
    if (size_bytes < 2 || span.at[0] != '"') return dot_string(span, wide);
    return span.end[-1] == '"' && quoted_string((struct span){span.at + 1, span.end - 1}, wide);
}

/* Between its brackets. */
static bool address_literal(struct span span)
{
    struct span tag;
    if (!span_cut(&span, ':', &tag)) return ipv4(span);
    static const char ipv6_tag[] = "ipv6";
    bool is_ipv6 = span_bytes(tag) == 4;
    for (size_t i = 0; i < span_bytes(tag); i++) {
        int c = (unsigned char)tag.at[i];
        if (!is_digit(c) && !is_letter(c) && c != '-') return false;
        if (is_ipv6 && (c | 32) != ipv6_tag[i]) is_ipv6 = false;
    }
    if (is_ipv6) return ipv6(span);
    if (tag.at == tag.end || tag.end[-1] == '-' || span.at == span.end) return false;
    for (; span.at < span.end; span.at++) /* dcontent */
        if (*span.at < 33 || *span.at > 126 || is_one_of(*span.at, "[\\]")) return false;
    return true;
}

/* Mailbox of RFC 5321, 4.1.2. The last @ parts it: a domain has none. */
static bool mailbox(struct span span, bool wide)
{
    const char *at = span.at < span.end ? memrchr(span.at, '@', span_bytes(span)) : NULL;
    if (!at || !local_part((struct span){span.at, at}, wide)) return false;
    struct span domain = {at + 1, span.end};
    if (span_bytes(domain) > DOMAIN_BYTES_MAX) return false;
    if (span_bytes(domain) >= 2 && domain.at[0] == '[' && domain.end[-1] == ']')
        return address_literal((struct span){domain.at + 1, domain.end - 1});
    return labels(domain, wide);
}

bool weft__format_email(const char *text, size_t size_bytes)
{
    return mailbox(span_of(text, size_bytes), false);
}

bool weft__format_idn_email(const char *text, size_t size_bytes)
{
    return mailbox(span_of(text, size_bytes), true);
}
