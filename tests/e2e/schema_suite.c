/* Schemas and documents from the specifications: each verdict is the expected one. Promises:
 *   - the required part of the official suite for draft-07 passes, whole
 *   - so does its optional part, but for the cases in the table below, each with its reason; and these still fail
 *   - our own cases for 2020-12 and draft-07 pass, in tests/schema; those that are of both pass in both
 *   - with formats asserted, so do those in tests/schema/formats
 *   - what is no schema, or can not be had, is refused with the code that says so
 *   - weft_validate and weft_validate_all agree on each */
#include "lib/check.h"

#include <stdio.h>
#include <string.h>

#include <weft/schema.h>

#include "lib/suite.h"

struct exception {
    const char *file, *group, *test, *reason;
};

#define ANNOTATION "content is an annotation here, as draft-07 allows (section 8.2) and 2020-12 demands"
#define NOT_KNOWN "internationalised host names are none of the formats that are checked"

static const struct exception exceptions[] = {
    {"content", "validation of string-encoded content based on media type", "an invalid JSON document", ANNOTATION},
    {"content", "validation of binary string-encoding", "an invalid base64 string (% is not a valid character)",
     ANNOTATION},
    {"content", "validation of binary-encoded media type documents", "a validly-encoded invalid JSON document",
     ANNOTATION},
    {"content", "validation of binary-encoded media type documents", "an invalid base64 string that is valid JSON",
     ANNOTATION},
    {"format/idn-hostname", "validation of internationalized host names",
     "illegal first char U+302E Hangul single dot tone mark", NOT_KNOWN},
    {"format/idn-hostname", "validation of internationalized host names",
     "contains illegal char U+302E Hangul single dot tone mark", NOT_KNOWN},
    {"format/idn-hostname", "validation of internationalized host names", "a host name with a component too long",
     NOT_KNOWN},
};

struct run {
    weft_schema_options options;
    const struct exception *exceptions;
    size_t exceptions_count, excepted;
    bool shared; /* of 2020-12's cases those only that are as well of draft-07's */
    weft_validator *validator;
    weft_schema *schema;
    bool skips;
    char trouble[512]; /* why there is no schema */
    size_t passed, failed;
};

static void report(struct run *run, const struct suite_group *group, const struct suite_test *test, const char *what)
{
    run->failed++;
    print_error("%s: %.*s: %.*s: %s\n", group->file, (int)group->name.size, group->name.at,
                test ? (int)test->name.size : 0, test ? test->name.at : "", what);
}

static const struct exception *excepted(const struct run *run, const struct suite_group *group,
                                        const struct suite_test *test)
{
    for (size_t i = 0; i < run->exceptions_count; i++) {
        const struct exception *row = run->exceptions + i;
        if (strcmp(row->file, group->file) == 0 && span_is(group->name, row->group) && span_is(test->name, row->test)) {
            return row;
        }
    }
    return NULL;
}

/* Whether draft-07 says the same of the schema: nothing in it is new, or has changed. */
static bool is_shared(struct span schema)
{
    static const char *const words[] = {
        "\"$",           "\"prefixItems\"", "minContains",     "maxContains",
        "\"unevaluated", "\"dependent",     "additionalItems", "\"required\": [\"a\"]\n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (memmem(schema.at, schema.size, words[i], strlen(words[i]))) {
            return false;
        }
    }
    return true;
}

static void take_group(void *context, const struct suite_group *group)
{
    struct run *run = context;
    run->skips = run->shared && !is_shared(group->schema);
    if (run->skips) {
        return;
    }
    weft_schema_release(run->schema);
    run->schema = NULL;
    weft_error error =
        weft_schema_compile((weft_bytes){group->schema.at, group->schema.size}, &run->options, &run->schema);
    if (error) {
        snprintf(run->trouble, sizeof run->trouble, "%s: %s", weft_error_name(error), weft_error_message());
    }
    if (group->error.size == 0) {
        return;
    }
    if (span_is(group->error, weft_error_name(error))) {
        run->passed++;
    } else {
        report(run, group, NULL, error ? run->trouble : "it compiles");
    }
}

static bool count_mismatch(const weft_mismatch *mismatch, void *context)
{
    check_true(mismatch->instance && mismatch->schema && mismatch->keyword && *mismatch->message);
    ++*(size_t *)context;
    return true;
}

/* Whether the library's verdict is the case's; *what says it. */
static bool agrees(struct run *run, const struct suite_test *test, const char **what)
{
    *what = run->trouble;
    if (!run->schema) {
        return false;
    }
    weft_bytes data = {test->data.at, test->data.size};
    size_t mismatches = 0;
    weft_error fast = weft_validate(run->validator, run->schema, data);
    weft_error all = weft_validate_all(run->validator, run->schema, data, count_mismatch, &mismatches);
    *what = weft_error_name(fast);
    if (fast != (test->valid ? WEFT_OK : WEFT_EMISMATCH)) {
        return false;
    }
    *what = fast == all ? "weft_validate_all tells no mismatch, or of one too many" : "weft_validate_all differs";
    return fast == all && (mismatches > 0) == !test->valid;
}

static void take_test(void *context, const struct suite_group *group, const struct suite_test *test)
{
    struct run *run = context;
    if (run->skips) {
        return;
    }
    const char *what;
    const struct exception *exception = excepted(run, group, test);
    bool agreed = agrees(run, test, &what);
    if (agreed != !exception) {
        report(run, group, test, agreed ? "passes now: take it off the table" : what);
        return;
    }
    run->excepted += exception != NULL;
    run->passed++;
}

/* At least that many cases: a directory that is not there, or a reader that sees nothing, is no success. */
static void expect_all(struct run run, const char *directory, bool below, size_t at_least)
{
    struct suite_sources sources = {0};
    suite_sources_add(&sources, suite_ours("remotes").text, SUITE_DEBIAN_BASE);
    suite_sources_add(&sources, SUITE_DEBIAN "/remotes", SUITE_DEBIAN_BASE);
    run.options.sources = sources.all;
    run.options.sources_count = sources.count;
    check_ok(weft_validator_open(NULL, &run.validator));
    suite_walk(directory, below, &(struct suite_visitor){.context = &run, .group = take_group, .test = take_test});
    weft_schema_release(run.schema);
    weft_validator_close(run.validator);
    suite_sources_free(&sources);

    print_message("%s: %zu passed, of which %zu as excepted; %zu failed\n", directory, run.passed, run.excepted,
                  run.failed);
    check_eq(run.failed, 0);
    check_eq(run.excepted, run.exceptions_count);
    check_true(run.passed >= at_least);
}

static weft_schema_options options(weft_draft draft, bool assert_formats)
{
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.draft = draft;
    options.assert_formats = assert_formats;
    return options;
}

static void required_part_of_the_official_draft_07(void **state)
{
    (void)state;
    expect_all((struct run){.options = options(WEFT_DRAFT_7, false)}, SUITE_DEBIAN "/tests/draft7", false, 423);
}

static void optional_part_of_the_official_draft_07_but_for_the_table(void **state)
{
    (void)state;
    struct run run = {.options = options(WEFT_DRAFT_7, true),
                      .exceptions = exceptions,
                      .exceptions_count = sizeof exceptions / sizeof *exceptions};
    expect_all(run, SUITE_DEBIAN "/tests/draft7/optional", true, 143);
}

static void our_cases_of_2020_12(void **state)
{
    (void)state;
    expect_all((struct run){.options = options(WEFT_DRAFT_2020_12, false)}, suite_ours("2020-12").text, false, 2100);
}

static void our_cases_of_draft_07(void **state)
{
    (void)state;
    expect_all((struct run){.options = options(WEFT_DRAFT_7, false)}, suite_ours("draft-07").text, false, 190);
}

static void our_cases_that_both_drafts_share(void **state)
{
    (void)state;
    expect_all((struct run){.options = options(WEFT_DRAFT_7, false), .shared = true}, suite_ours("2020-12").text, false,
               1000);
}

static void formats_when_they_are_asserted(void **state)
{
    (void)state;
    expect_all((struct run){.options = options(WEFT_DRAFT_2020_12, true)}, suite_ours("formats").text, false, 670);
}

static void refused_with_the_right_code(void **state)
{
    (void)state;
    expect_all((struct run){.options = options(WEFT_DRAFT_2020_12, false)}, suite_ours("refused").text, false, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_part_of_the_official_draft_07),
        cmocka_unit_test(optional_part_of_the_official_draft_07_but_for_the_table),
        cmocka_unit_test(our_cases_of_2020_12),
        cmocka_unit_test(our_cases_of_draft_07),
        cmocka_unit_test(our_cases_that_both_drafts_share),
        cmocka_unit_test(formats_when_they_are_asserted),
        cmocka_unit_test(refused_with_the_right_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
