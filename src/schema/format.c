/* format.c: the list of formats, and those of a few lines: RFC 4122, RFC 6901, Relative JSON Pointers. */
#include "schema/format.h"
#include "schema/format_rules.h"
#include "schema/regex.h"

static bool uuid(const char *text, size_t size_bytes)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (size_bytes != sizeof shape - 1) return false;
    for (size_t i = 0; i < size_bytes; i++)
        if (shape[i] == '-' ? text[i] != '-' : !is_hex((unsigned char)text[i])) return false;
    return true;
}

static bool json_pointer(const char *text, size_t size_bytes)
{
    if (size_bytes && text[0] != '/') return false;
    for (size_t i = 0; i < size_bytes; i++)
        if (text[i] == '~' && (i + 1 == size_bytes || (text[i + 1] != '0' && text[i + 1] != '1'))) return false;
    return true;
}

static bool pass_integer(struct span *span)
{
    if (span_pass(span, '0')) return !is_digit(span_peek(*span));
    if (!is_digit(span_peek(*span))) return false;
    while (is_digit(span_peek(*span)))
        span->at++;
    return true;
}

/* With the index manipulation ("0-1/name") of draft-bhutton-relative-json-pointer-00. */
static bool relative_json_pointer(const char *text, size_t size_bytes)
{
    struct span span = span_of(text, size_bytes);
    if (!pass_integer(&span)) return false;
    if ((span_pass(&span, '+') || span_pass(&span, '-')) && !pass_integer(&span)) return false;
    if (span_pass(&span, '#')) return span.at == span.end;
    return json_pointer(span.at, span_bytes(span));
}

static const struct format formats[] = {
    {"date-time", weft__format_date_time},
    {"date", weft__format_date},
    {"time", weft__format_time},
    {"duration", weft__format_duration},
    {"email", weft__format_email},
    {"idn-email", weft__format_idn_email},
    {"hostname", weft__format_hostname},
    {"ipv4", weft__format_ipv4},
    {"ipv6", weft__format_ipv6},
    {"uri", weft__format_uri},
    {"uri-reference", weft__format_uri_reference},
    {"iri", weft__format_iri},
    {"iri-reference", weft__format_iri_reference},
    {"uri-template", weft__format_uri_template},
    {"uuid", uuid},
    {"json-pointer", json_pointer},
    {"relative-json-pointer", relative_json_pointer},
    {"regex", weft__regex_valid},
};

const struct format *weft__format_find(const char *name, size_t size_bytes)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strlen(formats[i].name) == size_bytes && memcmp(formats[i].name, name, size_bytes) == 0) return &formats[i];
    return NULL;
}
