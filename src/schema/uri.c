#include "schema/uri.h"

#include <string.h>

/* The components of RFC 3986, 3: each a stretch of the text; without its delimiters. */
struct span {
    const char *at; /* NULL: there is none */
    size_t size;
};

struct uri {
    struct span scheme, authority, path, query, fragment;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The size of "scheme" where "scheme:" begins the text; 0: it does not. */
static size_t scheme_size(const char *text)
{
    if (!is_letter(*text)) return 0;
    size_t size = 1;
    while (is_letter(text[size]) || (text[size] >= '0' && text[size] <= '9') ||
           (text[size] && strchr("+-.", text[size])))
        size++;
    return text[size] == ':' ? size : 0;
}

bool weft__uri_is_absolute(const char *uri)
{
    return scheme_size(uri) > 0;
}

static struct uri split(const char *text)
{
    struct uri uri = {0};
    size_t size = scheme_size(text);
    if (size) {
        uri.scheme = (struct span){text, size};
        text += size + 1;
    }
    if (text[0] == '/' && text[1] == '/') {
        uri.authority = (struct span){text + 2, strcspn(text + 2, "/?#")};
        text += 2 + uri.authority.size;
    }
    uri.path = (struct span){text, strcspn(text, "?#")};
    text += uri.path.size;
    if (*text == '?') {
        uri.query = (struct span){text + 1, strcspn(text + 1, "#")};
        text += 1 + uri.query.size;
    }
    if (*text == '#') uri.fragment = (struct span){text + 1, strlen(text + 1)};
    return uri;
}

static char *append(char *to, const char *text, size_t size)
{
    memmove(to, text, size);
    return to + size;
}

/* The path of the reference behind base's directory: RFC 3986, 5.2.3. */
static char *merge(char *to, const struct uri *base, struct span path)
{
    size_t directory = base->path.size;
    while (directory && base->path.at[directory - 1] != '/')
        directory--;
    if (base->authority.at && !base->path.size)
        *to++ = '/';
    else
        to = append(to, base->path.at, directory);
    return append(to, path.at, path.size);
}

/* RFC 3986, 5.2.4, in place, on a path from `begin` to `end`. Returns its new end. */
static char *remove_dots(char *begin, char *end)
{
    char *to = begin;
    bool rooted = begin < end && *begin == '/';
    for (char *at = begin; at < end;) {
        char *segment = *at == '/' ? at + 1 : at; /* with the slash before it */
        char *next = segment;
        while (next < end && *next != '/')
            next++;
        size_t size = (size_t)(next - segment);
        bool last = next == end;
        if (size == 1 && segment[0] == '.') {
            if (last && (to > begin || rooted)) *to++ = '/';
        } else if (size == 2 && segment[0] == '.' && segment[1] == '.') {
            while (to > begin && *--to != '/')
                continue;
            if (last && (to > begin || rooted)) *to++ = '/';
        } else if (to == begin && *at == '/' && !rooted) {
            to = append(to, segment, size); /* what stood before it is gone */
        } else {
            to = append(to, at, (size_t)(next - at));
        }
        at = next;
    }
    return to;
}

static char *write_authority(char *to, struct span authority)
{
    if (!authority.at) return to;
    to = append(to, "//", 2);
    return append(to, authority.at, authority.size);
}

static char *write_behind(char *to, char delimiter, struct span span)
{
    if (!span.at) return to;
    *to++ = delimiter;
    return append(to, span.at, span.size);
}

/* RFC 3986, 5.2.2. */
char *weft__uri_resolve(char *to, const char *base_text, const char *reference_text)
{
    struct uri base = split(base_text), reference = split(reference_text);
    bool own_scheme = reference.scheme.at, own_authority = own_scheme || reference.authority.at;
    struct span scheme = own_scheme ? reference.scheme : base.scheme;
    char *at = to;
    if (scheme.at) {
        at = append(at, scheme.at, scheme.size);
        *at++ = ':';
    }
    at = write_authority(at, own_authority ? reference.authority : base.authority);
    char *path = at;
    struct span query = reference.query;
    if (own_authority || (reference.path.size && reference.path.at[0] == '/')) {
        at = append(at, reference.path.at, reference.path.size);
    } else if (reference.path.size) {
        at = merge(at, &base, reference.path);
    } else {
        at = append(at, base.path.at, base.path.size);
        if (!query.at) query = base.query;
    }
    at = remove_dots(path, at);
    at = write_behind(at, '?', query);
    at = write_behind(at, '#', reference.fragment);
    *at = '\0';
    return to;
}

char *weft__uri_cut_fragment(char *uri)
{
    char *hash = strchr(uri, '#');
    if (!hash) return NULL;
    *hash = '\0';
    return hash + 1;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool weft__uri_decode(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
        if (low < 0 || high + low == 0) return false;
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *to = '\0';
    return true;
}
