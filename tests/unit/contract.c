/* contract.h and what message.h says of contracts promise:
 *   - which content types are JSON
 *   - a contract holds its schemas, and a message its contract; whoever drops last ends them, in any order
 *   - meeting another contract drops the one before; meeting the same changes nothing
 *   - the schema of a message is what its payload was held against: none where it was not looked at
 *   - out of memory is NULL, and holds nothing */
#include "base/contract.h"

#include <stdio.h>

#include "base/message.h"
#include "lib/check.h"
#include "lib/failmem.h"

static struct failmem failmem;
static unsigned ends;

static void ended(struct named_schema *schema)
{
    check_eq(atomic_load(&schema->refs), 0);
    ends++;
}

static struct named_schema schema_of(const char *name)
{
    struct named_schema schema = {.end = ended};
    atomic_init(&schema.refs, 1);
    snprintf(schema.name, sizeof schema.name, "%s", name);
    return schema;
}

static int set_up(void **state)
{
    (void)state;
    ends = 0;
    failmem_init(&failmem);
    return 0;
}

static int nothing_leaked(void **state)
{
    (void)state;
    return failmem.live_blocks == 0 ? 0 : -1;
}

static void json_is_what_says_so(void **state)
{
    (void)state;
    static const char *const json[] = {NULL,
                                       "application/json",
                                       "APPLICATION/Json",
                                       "application/json;charset=utf-8",
                                       "application/json  ; a=b",
                                       "a/b+json",
                                       "image/svg+JSON;x",
                                       "x+json"};
    static const char *const other[] = {"",
                                        " ",
                                        ";",
                                        "json",
                                        "+json",
                                        "application/jso",
                                        "application/jsonl",
                                        "text/json",
                                        "application/json+xml",
                                        "a/b+jsonp",
                                        "a/b+json-seq",
                                        "text/plain;application/json",
                                        "text/plain; a=+json"};
    for (size_t i = 0; i < sizeof json / sizeof *json; i++)
        check_true(weft__content_type_json(json[i]));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        check_true(!weft__content_type_json(other[i]));
}

static void the_last_who_drops_ends_them(void **state)
{
    (void)state;
    struct named_schema request = schema_of("request"), result = schema_of("result");
    struct contract *contract = weft__contract_new(&failmem.mem, 7, &request, &result, false);
    struct message *message = weft__message_new(&failmem.mem, "1", 1, NULL);
    weft__message_meet(message, contract);
    check_eq(contract->generation, 7);
    weft__contract_drop(contract);
    weft__named_schema_drop(&request);
    weft__named_schema_drop(&result);
    check_eq(ends, 0);
    check_str(message->contract->result->name, "result");
    weft__message_drop(weft__message_hold(message));
    check_eq(ends, 0);
    weft__message_drop(message);
    check_eq(ends, 2);
    weft__contract_drop(NULL);
    weft__named_schema_drop(NULL);
    check_true(!weft__contract_hold(NULL) && !weft__named_schema_hold(NULL));
}

static void meeting_another_drops_the_one_before(void **state)
{
    (void)state;
    struct named_schema first = schema_of("first"), second = schema_of("second");
    struct contract *a = weft__contract_new(&failmem.mem, 1, &first, NULL, false);
    struct contract *b = weft__contract_new(&failmem.mem, 2, &second, NULL, false);
    struct message *message = weft__message_new(&failmem.mem, "1", 1, NULL);
    check_true(!weft__message_schema(message) && !weft__message_schema(NULL));
    weft__message_meet(message, a);
    weft__message_meet(message, a);
    weft__named_schema_drop(&first);
    weft__contract_drop(a);
    check_str(weft__message_schema(message)->name, "first");
    weft__message_meet(message, b);
    check_eq(ends, 1);
    check_str(weft__message_schema(message)->name, "second");
    weft__message_meet(message, NULL);
    check_true(!message->contract);
    weft__contract_drop(b);
    weft__named_schema_drop(&second);
    check_eq(ends, 2);
    weft__message_drop(message);
}

static void what_was_not_looked_at_has_no_schema(void **state)
{
    (void)state;
    static const char *const content_types[] = {NULL, "application/json", "text/plain"};
    struct named_schema schema = schema_of("s");
    for (int way = 0; way < 12; way++) {
        bool opaque = way % 2, asks = way / 2 % 2;
        const char *content_type = content_types[way / 4];
        struct contract *contract = weft__contract_new(&failmem.mem, 1, asks ? &schema : NULL, &schema, opaque);
        struct message *message = weft__message_new(&failmem.mem, "1", 1, content_type);
        weft__message_meet(message, contract);
        bool looked_at = asks && !(opaque && way / 4 == 2);
        check_true((weft__message_schema(message) == &schema) == looked_at);
        weft__contract_drop(contract);
        weft__message_drop(message);
    }
    weft__named_schema_drop(&schema);
    check_eq(ends, 1);
}

static void out_of_memory_holds_nothing(void **state)
{
    (void)state;
    struct named_schema schema = schema_of("s");
    failmem_fail_once(&failmem, 1);
    check_true(!weft__contract_new(&failmem.mem, 1, &schema, &schema, false));
    check_eq(atomic_load(&schema.refs), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_is_what_says_so, set_up, nothing_leaked),
        cmocka_unit_test_setup_teardown(the_last_who_drops_ends_them, set_up, nothing_leaked),
        cmocka_unit_test_setup_teardown(meeting_another_drops_the_one_before, set_up, nothing_leaked),
        cmocka_unit_test_setup_teardown(what_was_not_looked_at_has_no_schema, set_up, nothing_leaked),
        cmocka_unit_test_setup_teardown(out_of_memory_holds_nothing, set_up, nothing_leaked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
