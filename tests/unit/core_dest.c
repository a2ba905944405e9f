/* A destination that gathers (core.h, struct core_dest):
 *   - while it gathers an item wakes nobody; from the time on each wakes one who waits, as where nothing gathers
 *   - GATHERED_MAX items do not gather any longer; who is asked to wake somebody does so at any time */
#include "core/state.h"

#include <string.h>

#include "lib/check.h"

static struct core core;
static struct core_dest dest;
static struct core_waiter waiters[2];
static struct core_item items[GATHERED_MAX + 1];
static unsigned appended;

static int set_up(void **state)
{
    (void)state;
    memset(&core, 0, sizeof core);
    list_init(&core.wakes);
    weft__core_dest_init(&dest);
    for (int i = 0; i < 2; i++) {
        weft__core_waiter_init(&waiters[i]);
        check_true(weft__core_dest_wait(&dest, &waiters[i]));
    }
    appended = 0;
    return 0;
}

static void append_at(uint64_t now_ns)
{
    core.now_ns = now_ns;
    weft__dest_append(&core, &dest, &items[appended++], CORE_ITEM_TASK);
}

/* So many were woken since it was asked last. */
static unsigned woken(void)
{
    unsigned count = 0;
    while (list_pop_front(&core.wakes))
        count++;
    return count;
}

static void an_item_wakes_one_who_waits(void **state)
{
    (void)state;
    append_at(0);
    check_eq(woken(), 1);
    append_at(0);
    check_eq(woken(), 1);
}

static void while_it_gathers_an_item_wakes_nobody(void **state)
{
    (void)state;
    dest.gathers_until_ns = 1000;
    append_at(1);
    append_at(999);
    check_eq(woken(), 0);
    append_at(1000);
    check_eq(woken(), 1);
}

static void as_many_as_are_enough_gather_no_longer(void **state)
{
    (void)state;
    dest.gathers_until_ns = UINT64_MAX;
    while (appended < GATHERED_MAX - 1)
        append_at(1);
    check_eq(woken(), 0);
    append_at(1);
    check_eq(woken(), 1);
}

static void who_is_asked_to_wake_does(void **state)
{
    (void)state;
    dest.gathers_until_ns = UINT64_MAX;
    append_at(1);
    weft__core_dest_wake(&core, &dest);
    check_eq(woken(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_item_wakes_one_who_waits, set_up),
        cmocka_unit_test_setup(while_it_gathers_an_item_wakes_nobody, set_up),
        cmocka_unit_test_setup(as_many_as_are_enough_gather_no_longer, set_up),
        cmocka_unit_test_setup(who_is_asked_to_wake_does, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
