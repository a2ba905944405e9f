/* The compiler against an interpreter that is slow and obvious (tests/lib/slow_schema.h), on schemas and documents by
 * chance. Promises:
 *   - each schema compiles, and each verdict is the interpreter's, in fast mode and in all-errors mode
 *   - what is told of a mismatch leads to the value, to the keyword in the schema, and has a sentence
 *   - where names may stand twice, the verdict is that on the document with the last of each, and what is told is the same
 *   - texts that mean the same have the same id, and other schemas have others
 *
 * Prints its seed first; schema_model SEED runs that again, schema_model SEED SCHEMAS more of it; what differs is shown
 * with the schema and the document. */
#include "lib/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/random_schema.h"
#include "lib/slow_schema.h"

enum { DOCUMENTS = 16 };

static uint64_t chosen_seed;
static size_t schemas = 200;

struct world {
    struct rng rng;
    weft_validator *validator;
    size_t valid, invalid, lost, twice; /* twice: documents with a name that stood twice */
};

static _Noreturn void differs(json_t *schema, json_t *document, const char *expected, const char *got)
{
    char *schema_text = json_dumps(schema, JSON_ENCODE_ANY), *text = json_dumps(document, JSON_ENCODE_ANY);
    fprintf(stderr, "schema:   %s\ndocument: %s\nexpected %s, got %s\n", schema_text, text, expected, got);
    free(schema_text);
    free(text);
    fail();
    abort();
}

static weft_schema *compile(json_t *schema, const char *text, weft_draft draft, bool duplicate_keys)
{
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.draft = draft;
    options.duplicate_keys = duplicate_keys;
    weft_schema *compiled = NULL;
    if (weft_schema_compile(weft_text(text), &options, &compiled)) {
        differs(schema, NULL, "that it compiles", weft_error_message());
    }
    return compiled;
}

struct found {
    struct slow_schema *slow;
    json_t *schema, *document;
    size_t count;
};

/* Whether the place ends with the keyword; or, where that asks for other members, with the name of who asks behind. */
static bool ends_with_keyword(const weft_mismatch *mismatch)
{
    const char *slash = strrchr(mismatch->schema, '/');
    bool dependent =
        strcmp(mismatch->keyword, "dependentRequired") == 0 || strcmp(mismatch->keyword, "dependencies") == 0;
    if (slash && !dependent) {
        return strcmp(slash + 1, mismatch->keyword) == 0;
    }
    size_t size = strlen(mismatch->keyword);
    return slash && slash - mismatch->schema > (ptrdiff_t)size && slash[-(ptrdiff_t)size - 1] == '/' &&
           strncmp(slash - size, mismatch->keyword, size) == 0;
}

static bool take_mismatch(const weft_mismatch *mismatch, void *context)
{
    struct found *found = context;
    json_t *there = slow_schema_at(found->slow, mismatch->schema);
    if (!slow_pointer(found->document, mismatch->instance)) {
        differs(found->schema, found->document, "a place in the document", mismatch->instance);
    }
    if (!there || (*mismatch->keyword ? !ends_with_keyword(mismatch) : !json_is_false(there))) {
        differs(found->schema, found->document, "the place of the keyword or of false", mismatch->schema);
    }
    check_true(strlen(mismatch->message) > 10);
    found->count++;
    return true;
}

/* A schema, as the library and the interpreter have it; lenient: names may stand twice. */
struct both {
    json_t *schema;
    weft_schema *compiled, *lenient;
    struct slow_schema *slow;
};

static void expect(struct world *world, const struct both *both, const weft_schema *compiled, json_t *document,
                   const char *text, enum slow_verdict verdict)
{
    weft_error expected = verdict == SLOW_VALID ? WEFT_OK : WEFT_EMISMATCH;
    weft_error fast = weft_validate(world->validator, compiled, weft_text(text));
    struct found found = {.slow = both->slow, .schema = both->schema, .document = document};
    weft_error all = weft_validate_all(world->validator, compiled, weft_text(text), take_mismatch, &found);
    if (fast != expected || all != expected) {
        fprintf(stderr, "text:     %s\n", text);
    }
    if (fast != expected) {
        differs(both->schema, document, weft_error_name(expected), weft_error_name(fast));
    }
    if (all != expected || (found.count > 0) != (expected != WEFT_OK)) {
        differs(both->schema, document, weft_error_name(expected), "another verdict in all-errors mode");
    }
}

static void compare(struct world *world, const struct both *both, json_t *document, json_t *pool)
{
    enum slow_verdict verdict = slow_schema_validate(both->slow, document);
    if (verdict == SLOW_LOST) {
        world->lost++;
        return;
    }
    char *text = random_text(&world->rng, document);
    expect(world, both, both->compiled, document, text, verdict);
    free(text);

    text = random_text_twice(&world->rng, document, pool);
    json_t *last = slow_json(text, strlen(text));
    check_eq(slow_schema_validate(both->slow, last), verdict); /* jansson takes the last, too */
    json_decref(last);
    expect(world, both, both->lenient, document, text, verdict);
    world->twice += weft_validate(world->validator, both->compiled, weft_text(text)) == WEFT_EINVAL;
    free(text);

    world->valid += verdict == SLOW_VALID;
    world->invalid += verdict == SLOW_INVALID;
}

/* other: compiled from another text that means the same. */
static void compare_ids(struct world *world, json_t *schema, const weft_schema *compiled, weft_draft draft)
{
    uint8_t id[WEFT_SCHEMA_ID_BYTES], other_id[WEFT_SCHEMA_ID_BYTES];
    check_ok(weft_schema_id(compiled, id));
    for (int i = 0; i < 2; i++) {
        char *text = random_text(&world->rng, schema);
        weft_schema *other = compile(schema, text, draft, i == 0);
        check_ok(weft_schema_id(other, other_id));
        if ((memcmp(id, other_id, sizeof id) == 0) != (i == 0)) {
            differs(schema, NULL, i == 0 ? "the id of another text" : "an id of its own", text);
        }
        weft_schema_release(other);
        free(text);
        json_object_set_new(schema, "$comment", json_string("and now it is another"));
    }
}

static void meet(struct world *world, weft_draft draft)
{
    json_t *pool = json_array(), *schema = random_schema(&world->rng, draft, pool);
    char *text = random_text(&world->rng, schema), *plain = json_dumps(schema, 0);
    struct both both = {.schema = schema,
                        .compiled = compile(schema, text, draft, false),
                        .lenient = compile(schema, text, draft, true),
                        .slow = slow_schema_new(weft_text(plain), draft, NULL, 0)};
    check_true(both.slow);
    for (int i = 0; i < DOCUMENTS; i++) {
        json_t *document = random_document(&world->rng, pool);
        compare(world, &both, document, pool);
        json_decref(document);
    }
    compare_ids(world, schema, both.compiled, draft);
    slow_schema_free(both.slow);
    weft_schema_release(both.compiled);
    weft_schema_release(both.lenient);
    free(text);
    free(plain);
    json_decref(schema);
    json_decref(pool);
}

static void run(uint64_t seed, weft_draft draft)
{
    struct world world = {.rng = {seed}};
    print_message("again: schema_model 0x%" PRIx64 "\n", seed);
    check_ok(weft_validator_open(NULL, &world.validator));
    for (size_t i = 0; i < schemas; i++) {
        meet(&world, draft);
    }
    weft_validator_close(world.validator);
    print_message("0x%" PRIx64 ": %zu valid, %zu invalid, %zu without a verdict\n", seed, world.valid, world.invalid,
                  world.lost);
    check_eq(world.lost, 0);
    check_true(world.valid > schemas && world.invalid > schemas && world.twice > schemas);
}

static uint64_t seed(void)
{
    uint64_t seed = chosen_seed;
    if (seed == 0) {
        check_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
    }
    return seed;
}

static void agrees_on_2020_12_with_a_fixed_seed(void **state)
{
    (void)state;
    run(20201208, WEFT_DRAFT_2020_12);
}

static void agrees_on_2020_12_with_a_random_seed(void **state)
{
    (void)state;
    run(seed(), WEFT_DRAFT_2020_12);
}

static void agrees_on_draft_07_with_a_random_seed(void **state)
{
    (void)state;
    run(seed(), WEFT_DRAFT_7);
}

int main(int argc, char **argv)
{
    chosen_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
    schemas = argc > 2 ? strtoull(argv[2], NULL, 0) : schemas;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_on_2020_12_with_a_fixed_seed),
        cmocka_unit_test(agrees_on_2020_12_with_a_random_seed),
        cmocka_unit_test(agrees_on_draft_07_with_a_random_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
