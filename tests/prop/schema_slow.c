/* The slow interpreter of tests/lib, held to the same cases as the library: what it says is then worth comparing with.
 * Promises:
 *   - its verdict is the expected one on our cases and on the official ones for draft-07, where it can have one */
#include "lib/check.h"

#include <string.h>

#include "lib/slow_schema.h"
#include "lib/suite.h"

struct run {
    weft_draft draft;
    struct suite_sources sources;
    struct slow_schema *schema;
    bool meta; /* the schema names a meta-schema, which the interpreter does not have */
    size_t agreed, beyond, failed;
};

/* What jansson and PCRE2 do not tell as JSON Schema and ECMA-262 do, and dialects that assert formats. */
static bool is_beyond(const struct suite_group *group)
{
    static const char *const files[] = {"bignum", "ecmascript-regex", "vocabulary"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(group->file, files[i]) == 0) {
            return strcmp(files[i], "vocabulary") != 0 ||
                   memmem(group->name.at, group->name.size, "format-assertion", 16);
        }
    }
    return false;
}

static void take_group(void *context, const struct suite_group *group)
{
    struct run *run = context;
    if (run->schema) {
        slow_schema_free(run->schema);
    }
    weft_bytes json = {group->schema.at, group->schema.size};
    run->schema = slow_schema_new(json, run->draft, run->sources.all, run->sources.count);
    run->meta = memmem(json.data, json.size, "json-schema.org/draft", 21) != NULL;
}

static void take_test(void *context, const struct suite_group *group, const struct suite_test *test)
{
    struct run *run = context;
    json_t *data = slow_json(test->data.at, test->data.size);
    bool beyond = is_beyond(group) || !run->schema || !data;
    enum slow_verdict verdict = beyond ? SLOW_LOST : slow_schema_validate(run->schema, data);
    if (beyond || (verdict == SLOW_LOST && run->meta)) {
        run->beyond++;
    } else if (verdict == (test->valid ? SLOW_VALID : SLOW_INVALID)) {
        run->agreed++;
    } else {
        run->failed++;
        print_error("%s: %.*s: %.*s: %s\n", group->file, (int)group->name.size, group->name.at, (int)test->name.size,
                    test->name.at, verdict == SLOW_LOST ? "lost" : "the other verdict");
    }
    json_decref(data);
}

static void expect_all(weft_draft draft, const char *directory, size_t agreed_min, size_t beyond_max)
{
    struct run run = {.draft = draft};
    suite_sources_add(&run.sources, suite_ours("remotes").text, SUITE_DEBIAN_BASE);
    suite_sources_add(&run.sources, SUITE_DEBIAN "/remotes", SUITE_DEBIAN_BASE);
    suite_walk(directory, false, &(struct suite_visitor){.context = &run, .group = take_group, .test = take_test});
    slow_schema_free(run.schema);
    suite_sources_free(&run.sources);
    print_message("%s: %zu as expected, %zu beyond it\n", directory, run.agreed, run.beyond);
    check_eq(run.failed, 0);
    check_true(run.agreed >= agreed_min);
    check_true(run.beyond <= beyond_max);
}

static void as_expected_of_our_2020_12(void **state)
{
    (void)state;
    expect_all(WEFT_DRAFT_2020_12, suite_ours("2020-12").text, 1850, 260);
}

static void as_expected_of_our_draft_07(void **state)
{
    (void)state;
    expect_all(WEFT_DRAFT_7, suite_ours("draft-07").text, 170, 25);
}

static void as_expected_of_the_official_draft_07(void **state)
{
    (void)state;
    expect_all(WEFT_DRAFT_7, SUITE_DEBIAN "/tests/draft7", 415, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_expected_of_our_2020_12),
        cmocka_unit_test(as_expected_of_our_draft_07),
        cmocka_unit_test(as_expected_of_the_official_draft_07),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
