/* RFC 3986: references, resolved against a base. */
#include "lib/slow_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

struct part {
    const char *at;
    size_t size;
    bool there;
};

struct uri {
    struct part scheme, authority, path, query, fragment;
};

/* Up to one of the characters, or to the end; *rest goes behind. */
static struct part cut(const char **rest, const char *before)
{
    struct part part = {*rest, strcspn(*rest, before), true};
    *rest += part.size;
    return part;
}

/* Appendix B. */
static struct uri parse(const char *text)
{
    struct uri uri = {0};
    size_t scheme = strcspn(text, ":/?#");
    if (scheme > 0 && text[scheme] == ':') {
        uri.scheme = (struct part){text, scheme, true};
        text += scheme + 1;
    }
    if (strncmp(text, "//", 2) == 0) {
        text += 2;
        uri.authority = cut(&text, "/?#");
    }
    uri.path = cut(&text, "?#");
    if (*text == '?') {
        text++;
        uri.query = cut(&text, "#");
    }
    if (*text == '#') {
        text++;
        uri.fragment = cut(&text, "");
    }
    return uri;
}

/* Section 5.2.4, in place. */
static void remove_dot_segments(char *path)
{
    char *in = path, *out = path;
    while (*in) {
        size_t segment = 1 + strcspn(in + 1, "/");
        if (strncmp(in, "../", 3) == 0) {
            in += 3;
        } else if (strncmp(in, "./", 2) == 0) {
            in += 2;
        } else if (strncmp(in, "/./", 3) == 0) {
            in += 2;
        } else if (strcmp(in, "/.") == 0) {
            in++;
            *in = '/';
        } else if (strncmp(in, "/../", 4) == 0 || strcmp(in, "/..") == 0) {
            bool last = in[3] == 0;
            in += last ? 2 : 3;
            *in = '/';
            while (out > path && *--out != '/') {
            }
        } else if (strcmp(in, ".") == 0 || strcmp(in, "..") == 0) {
            break;
        } else {
            memmove(out, in, segment);
            out += segment;
            in += segment;
        }
    }
    *out = 0;
}

/* Section 5.2.3. */
static char *merge(const struct uri *base, struct part path)
{
    char *merged;
    if (base->authority.there && base->path.size == 0) {
        check_true(asprintf(&merged, "/%.*s", (int)path.size, path.at) >= 0);
        return merged;
    }
    const char *slash = memrchr(base->path.at, '/', base->path.size);
    size_t kept = slash ? (size_t)(slash - base->path.at) + 1 : 0;
    check_true(asprintf(&merged, "%.*s%.*s", (int)kept, base->path.at, (int)path.size, path.at) >= 0);
    return merged;
}

static void put(FILE *to, const char *before, struct part part, const char *behind)
{
    if (part.there) {
        fprintf(to, "%s%.*s%s", before, (int)part.size, part.at, behind);
    }
}

char *slow_uri_resolve(const char *base_text, const char *reference)
{
    struct uri base = parse(base_text), r = parse(reference), target = r;
    char *path = NULL;
    if (!r.scheme.there) {
        target.scheme = base.scheme;
    }
    if (!r.scheme.there && !r.authority.there) {
        target.authority = base.authority;
        if (r.path.size == 0) {
            target.path = base.path;
            target.query = r.query.there ? r.query : base.query;
        } else if (*r.path.at != '/') {
            path = merge(&base, r.path);
        }
    }
    if (!path) {
        path = strndup(target.path.at, target.path.size);
    }
    check_true(path);
    if (r.path.size > 0) {
        remove_dot_segments(path);
    }

    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    check_true(to);
    put(to, "", target.scheme, ":");
    put(to, "//", target.authority, "");
    fputs(path, to);
    put(to, "?", target.query, "");
    put(to, "#", r.fragment, "");
    fclose(to);
    free(path);
    return text;
}
