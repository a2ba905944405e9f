/* slow_internal.h: what the parts of the slow interpreter know of each other. */
#ifndef WEFT_TESTS_SLOW_INTERNAL_H
#define WEFT_TESTS_SLOW_INTERNAL_H

#include <stdbool.h>

#include "lib/slow_schema.h"

/* A schema object, and where it stands. */
struct slow_place {
    json_t *schema;
    char *base; /* URI of the resource that it is in */
    weft_draft draft;
    bool asserts; /* its dialect has the validation vocabulary */
};

struct slow_anchor {
    char *base, *name;
    json_t *schema;
    bool dynamic;
};

struct slow_resource {
    char *uri;
    json_t *schema;
};

struct slow_schema {
    json_t *root, *documents; /* documents: an array, the root and the sources */
    struct slow_place *places;
    struct slow_anchor *anchors;
    struct slow_resource *resources;
    size_t places_count, anchors_count, resources_count;
    int depth, steps;
    bool lost;
};

/* RFC 3986, section 5.2.2. Free it. */
char *slow_uri_resolve(const char *base, const char *reference);

struct slow_place *slow_place_of(struct slow_schema *all, json_t *schema); /* NULL: it is a boolean */
struct slow_anchor *slow_anchor_find(struct slow_schema *all, const char *base, const char *name);

/* What a reference leads to, from a schema of that base. *anchor: the anchor by which, or NULL. NULL: nothing. */
json_t *slow_follow(struct slow_schema *all, const char *base, const char *reference, struct slow_anchor **anchor);

/* The resources that evaluation has gone through, from the innermost: section 7.1 of the core, dynamic scope. */
struct slow_scope {
    const struct slow_scope *outer;
    const char *base;
};

/* A schema that meets a value. */
struct slow_at {
    struct slow_schema *all;
    const struct slow_place *place;
    json_t *schema, *value;
    const struct slow_scope *scope;
    json_t *seen; /* a set: the properties or indexes that were evaluated */
};

enum { SLOW_IN_7 = 1, SLOW_IN_2020 = 2, SLOW_IN_BOTH = 3 };

struct slow_keyword {
    const char *name; /* NULL: no more */
    int of;           /* which drafts */
    bool (*holds)(struct slow_at *at, json_t *argument);
};

extern const struct slow_keyword slow_assertions[]; /* of the validation vocabulary */

bool slow_required(struct slow_at *at, json_t *names);
long double slow_number(json_t *value);
bool slow_matches(const char *pattern, size_t pattern_size, const char *text, size_t size);

#endif
