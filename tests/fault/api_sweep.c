/* Memory: every call of the public interface, on a node whose allocator refuses the Nth allocation, for each N until
 * nothing is refused any more; with the node's own threads about. Promises:
 *   - the call succeeds (somebody else was refused, or it could do without) or returns WEFT_ENOMEM
 *   - after WEFT_ENOMEM nothing that can be seen has changed; refused again and again it keeps no more memory than
 *     it did
 *   - tried again with memory it succeeds, and what can be seen then is the same as without the refusal
 *   - when the node is closed, not a block is left */
#include <stdio.h>
#include <stdlib.h>

#include "lib/calls.h"
#include "lib/check.h"
#include "lib/failmem.h"

/* On the heap: where a check fails, its threads live on. */
struct world {
    struct cast cast;
    struct failmem failmem;
    weft_allocator allocator;
};

static char seen[2][8192]; /* before the call; after it where nothing was refused */

static void note(char *text, struct cast *cast)
{
    cast_settle(cast);
    snprintf(text, sizeof seen[0], "%s", cast_seen(cast));
}

static struct world *open_world(void)
{
    struct world *world = calloc(1, sizeof *world);
    check_true(world != NULL);
    failmem_init(&world->failmem);
    const struct mem *mem = &world->failmem.mem;
    world->allocator = (weft_allocator){mem->alloc, mem->free, mem->context};
    cast_open(&world->cast, 2, &world->allocator);
    note(seen[0], &world->cast);
    return world;
}

static void close_world(struct world *world)
{
    cast_close(&world->cast);
    check_eq(world->failmem.live_blocks, 0);
    free(world);
}

static void check_unchanged(struct cast *cast, const char *expected)
{
    cast_settle(cast);
    check_str(cast_seen(cast), expected);
}

/* After WEFT_ENOMEM: refused everything, it keeps no more; then it gets all it wants. */
static void try_again(const struct call *call, struct world *world)
{
    check_unchanged(&world->cast, seen[0]);
    uint64_t live_bytes = world->failmem.live_bytes;
    failmem_fail_from(&world->failmem, 1);
    weft_error error = call->call(&world->cast);
    failmem_fail_once(&world->failmem, 0);
    if (!error) return; /* what it had reserved was enough */
    check_err(error, WEFT_ENOMEM);
    check_unchanged(&world->cast, seen[0]);
    check_eq(world->failmem.live_bytes, live_bytes);
    check_ok(call->call(&world->cast));
}

/* With the nth allocation refused. False: there was no nth. */
static bool sweep_nth(const struct call *call, uint64_t nth)
{
    struct world *world = open_world();
    failmem_fail_once(&world->failmem, nth);
    weft_error error = call->call(&world->cast);
    cast_settle(&world->cast);
    bool refused = world->failmem.refused > 0;
    failmem_fail_once(&world->failmem, 0);
    if (error) {
        check_err(error, WEFT_ENOMEM);
        check_true(refused);
        try_again(call, world);
    }
    check_unchanged(&world->cast, seen[1]);
    close_world(world);
    return refused;
}

static unsigned sweep(const struct call *call)
{
    struct world *world = open_world();
    uint64_t nth = 1;
    check_ok(call->call(&world->cast));
    note(seen[1], &world->cast);
    close_world(world);
    while (sweep_nth(call, nth))
        nth++;
    return (unsigned)nth - 1;
}

static void sweeps(void **state)
{
    const struct call *call = *state;
    printf("# %s %s: %u allocations refused\n", call->name, call->variant, sweep(call));
}

static void every_call_has_a_row(void **state)
{
    (void)state;
    calls_check_complete();
}

int main(void)
{
    struct CMUnitTest tests[256] = {cmocka_unit_test(every_call_has_a_row)};
    size_t count = 1;
    for (; count <= calls_count; count++) {
        struct CMUnitTest test = {
            .name = calls[count - 1].name, .test_func = sweeps, .initial_state = (void *)(uintptr_t)&calls[count - 1]};
        tests[count] = test;
    }
    return _cmocka_run_group_tests("every call, memory refused", tests, count, NULL, NULL);
}
