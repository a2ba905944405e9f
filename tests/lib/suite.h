/* suite.h: files of cases in the format of the JSON Schema Test Suite:
 *
 *     [{"description": ..., "schema": ..., "tests": [{"description": ..., "data": ..., "valid": true}, ...]}, ...]
 *
 * A group without tests, with an "error" instead, names the code with which its schema is refused. */
#ifndef WEFT_TESTS_SUITE_H
#define WEFT_TESTS_SUITE_H

#include <weft/schema.h>

#include "lib/span.h"

struct suite_group {
    const char *file; /* below the directory, without .json: "optional/bignum" */
    struct span name, schema;
    struct span error; /* of size 0: it has tests */
};

struct suite_test {
    struct span name, data;
    bool valid;
};

struct suite_visitor {
    void *context;
    void (*group)(void *context, const struct suite_group *group);
    void (*test)(void *context, const struct suite_group *group, const struct suite_test *test);
};

/* Calls the visitor for each group, then for its tests, of each .json of the directory, by name. below: as well those
 * of directories in it. */
void suite_walk(const char *directory, bool below, const struct suite_visitor *visitor);

/* Schemas that others refer to: each .json below the directory, with the URI that it has beneath the base. Gives: free
 * them. */
struct suite_sources {
    weft_schema_source *all;
    size_t count;
};
void suite_sources_add(struct suite_sources *sources, const char *directory, const char *base);
void suite_sources_free(struct suite_sources *sources);

/* tests/schema/NAME of the source tree. */
struct suite_path {
    char text[1024];
};
struct suite_path suite_ours(const char *name);

/* The whole text of a file and a terminator; free it. */
char *suite_read(const char *path, size_t *size);

#define SUITE_DEBIAN "/usr/share/json-schema-test-suite"
#define SUITE_DEBIAN_BASE "http://localhost:1234/"

#endif
