#include "lib/suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

enum { PATH_MAX_BYTES = sizeof(struct suite_path) };

char *suite_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_error("%s can not be opened\n", path);
        fail();
    }
    check_eq(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    check_true(end > 0);
    rewind(file);
    char *text = malloc((size_t)end + 1);
    check_true(text);
    *size = fread(text, 1, (size_t)end, file);
    check_eq(*size, end);
    text[*size] = 0;
    fclose(file);
    return text;
}

struct suite_path suite_ours(const char *name)
{
    struct suite_path path;
    const char *top = getenv("WEFT_TOP");
    snprintf(path.text, sizeof path.text, "%s/tests/schema/%s", top ? top : ".", name);
    return path;
}

/* Calls visit with the path of each .json, and with what of it is below the directory; by name. */
static void each_file(const char *directory, const char *within, bool below,
                      void (*visit)(const char *path, const char *name, void *context), void *context)
{
    char path[PATH_MAX_BYTES], name[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, within);
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        print_error("%s can not be read\n", path);
        fail();
    }
    for (int i = 0; i < count; i++) {
        const char *entry = entries[i]->d_name, *dot = strrchr(entry, '.');
        check_true(snprintf(name, sizeof name, "%s%s", within, entry) < (int)sizeof name - 2);
        if (entries[i]->d_type == DT_DIR && *entry != '.' && below) {
            strcat(name, "/");
            each_file(directory, name, below, visit, context);
        } else if (dot && strcmp(dot, ".json") == 0) {
            check_true(snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path);
            visit(path, name, context);
        }
        free(entries[i]);
    }
    free(entries);
}

static void walk_tests(const struct suite_visitor *visitor, const struct suite_group *group, struct span tests)
{
    struct span_walk walk = span_walk(tests);
    struct span key, member;
    while (span_next(&walk, &key, &member)) {
        struct suite_test test = {.name = span_inside(span_member(member, "description")),
                                  .data = span_member(member, "data"),
                                  .valid = span_is(span_member(member, "valid"), "true")};
        check_true(test.data.size > 0 && (test.valid || span_is(span_member(member, "valid"), "false")));
        visitor->test(visitor->context, group, &test);
    }
}

static void walk_file(const char *path, const char *name, void *context)
{
    const struct suite_visitor *visitor = context;
    size_t size;
    char *text = suite_read(path, &size), *file = strndup(name, strlen(name) - strlen(".json"));
    struct span_walk walk = span_walk(span_of(text, size));
    struct span key, member;
    while (span_next(&walk, &key, &member)) {
        struct span tests = span_member(member, "tests"), error = span_member(member, "error");
        struct suite_group group = {.file = file,
                                    .name = span_inside(span_member(member, "description")),
                                    .schema = span_member(member, "schema"),
                                    .error = error.size > 0 ? span_inside(error) : error};
        check_true(group.schema.size > 0 && (tests.size > 0) != (error.size > 0));
        visitor->group(visitor->context, &group);
        if (tests.size > 0) {
            walk_tests(visitor, &group, tests);
        }
    }
    free(file);
    free(text);
}

void suite_walk(const char *directory, bool below, const struct suite_visitor *visitor)
{
    each_file(directory, "", below, walk_file, (void *)visitor);
}

struct adding {
    struct suite_sources *sources;
    const char *base;
};

static void add_source(const char *path, const char *name, void *context)
{
    const struct adding *adding = context;
    struct suite_sources *sources = adding->sources;
    weft_schema_source *all = realloc(sources->all, (sources->count + 1) * sizeof *all);
    check_true(all);
    sources->all = all;
    size_t size;
    char *text = suite_read(path, &size), *uri;
    check_true(asprintf(&uri, "%s%s", adding->base, name) > 0);
    all[sources->count++] = (weft_schema_source){.uri = uri, .json = {text, size}};
}

void suite_sources_add(struct suite_sources *sources, const char *directory, const char *base)
{
    each_file(directory, "", true, add_source, &(struct adding){sources, base});
}

void suite_sources_free(struct suite_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        free((char *)sources->all[i].uri);
        free((void *)sources->all[i].json.data);
    }
    free(sources->all);
    *sources = (struct suite_sources){0};
}
