/* heap.h promises:
 *   - first is the node with the least key, and NULL when empty
 *   - set inserts a node or moves it; remove takes it out wherever it stands, and does nothing when it is in no heap
 *   - the same calls give the same order, equal keys included
 *   - ensure makes room; when it fails nothing has changed; set allocates nothing
 *   - any mix of calls gives what a plain array would give; short ones completely
 */
#include "base/heap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/failmem.h"

enum { NODES = 500 };

static struct failmem failmem;
static struct heap heap;
static struct heap_node nodes[NODES];

static int set_up(void **state)
{
    (void)state;
    failmem_init(&failmem);
    weft__heap_init(&heap, &failmem.mem);
    memset(nodes, 0, sizeof nodes);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__heap_fini(&heap);
    return failmem.live_blocks == 0 ? 0 : -1;
}

/* The index of the node that leaves, which has the key. */
static long pop(uint64_t key)
{
    uint64_t got_key = 0;
    struct heap_node *node = weft__heap_first(&heap, &got_key);
    check_true(node != NULL);
    check_eq(got_key, key);
    weft__heap_remove(&heap, node);
    check_eq(node->position, 0);
    return node - nodes;
}

static void check_invariants(void)
{
    for (uint32_t i = 0; i < heap.count; i++) {
        check_eq(heap.entries[i].node->position, i + 1);
        if (i) check_true(heap.entries[(i - 1) / 4].key <= heap.entries[i].key);
    }
}

static void heap_is_empty_at_first(void **state)
{
    (void)state;
    uint64_t key = 7;
    check_true(weft__heap_first(&heap, &key) == NULL);
    check_eq(key, 7);
    weft__heap_remove(&heap, &nodes[0]);
    check_eq(heap.count, 0);
}

static void heap_gives_nodes_by_rising_key(void **state)
{
    (void)state;
    check_true(weft__heap_ensure(&heap, NODES));
    for (uint32_t i = 0; i < NODES; i++)
        weft__heap_set(&heap, &nodes[i], i * 271 % NODES);
    check_invariants();
    for (uint32_t key = 0; key < NODES; key++)
        check_eq(pop(key) * 271 % NODES, key);
}

static void heap_orders_the_extreme_keys(void **state)
{
    (void)state;
    check_true(weft__heap_ensure(&heap, 3));
    weft__heap_set(&heap, &nodes[0], UINT64_MAX);
    weft__heap_set(&heap, &nodes[1], UINT64_MAX - 1);
    weft__heap_set(&heap, &nodes[2], 0);
    check_eq(pop(0), 2);
    check_eq(pop(UINT64_MAX - 1), 1);
    check_eq(pop(UINT64_MAX), 0);
}

static void heap_set_moves_a_node_up_and_down(void **state)
{
    (void)state;
    check_true(weft__heap_ensure(&heap, 40));
    for (uint32_t i = 0; i < 40; i++)
        weft__heap_set(&heap, &nodes[i], 100 + i);
    weft__heap_set(&heap, &nodes[39], 1);
    weft__heap_set(&heap, &nodes[0], 1000);
    check_eq(heap.count, 40);
    check_invariants();
    check_eq(pop(1), 39);
    check_eq(pop(101), 1);
    for (uint32_t i = 2; i < 39; i++)
        check_eq(pop(100 + i), i);
    check_eq(pop(1000), 0);
}

static void heap_remove_takes_any_node_out_and_only_once(void **state)
{
    (void)state;
    check_true(weft__heap_ensure(&heap, 30));
    for (uint32_t removed = 0; removed < 30; removed++) {
        for (uint32_t i = 0; i < 30; i++)
            weft__heap_set(&heap, &nodes[i], i * 7 % 30);
        weft__heap_remove(&heap, &nodes[removed]);
        weft__heap_remove(&heap, &nodes[removed]);
        check_eq(heap.count, 29);
        check_invariants();
        for (uint32_t key = 0; key < 30; key++)
            if (key != removed * 7 % 30) pop(key);
    }
}

static void heap_keeps_equal_keys_in_an_order_set_by_the_calls_alone(void **state)
{
    (void)state;
    long order[2][NODES];
    for (int run = 0; run < 2; run++) {
        weft__heap_fini(&heap);
        weft__heap_init(&heap, &failmem.mem);
        check_true(weft__heap_ensure(&heap, run ? NODES : 1));
        for (uint32_t i = 0; i < NODES; i++) {
            check_true(weft__heap_ensure(&heap, i + 1));
            weft__heap_set(&heap, &nodes[i], i % 3);
        }
        for (uint32_t i = 0; i < NODES; i += 5)
            weft__heap_set(&heap, &nodes[i], 1);
        for (uint32_t i = 0; i < NODES; i++) {
            uint64_t key;
            struct heap_node *node = weft__heap_first(&heap, &key);
            order[run][i] = pop(key);
            check_true(node == &nodes[order[run][i]]);
        }
    }
    check_eq(memcmp(order[0], order[1], sizeof order[0]), 0);
}

static void heap_ensure_without_memory_changes_nothing(void **state)
{
    (void)state;
    failmem_fail_once(&failmem, 1);
    check_true(!weft__heap_ensure(&heap, 1));
    check_true(weft__heap_ensure(&heap, 1));

    weft__heap_set(&heap, &nodes[0], 5);
    struct heap old = heap;
    failmem_fail_once(&failmem, 1);
    check_true(!weft__heap_ensure(&heap, NODES));
    check_eq(memcmp(&heap, &old, sizeof heap), 0);
    check_eq(failmem.live_blocks, 1);
    check_true(weft__heap_ensure(&heap, NODES));
    check_eq(pop(5), 0);
}

static void heap_set_allocates_nothing_once_room_was_made(void **state)
{
    (void)state;
    check_true(weft__heap_ensure(&heap, NODES));
    failmem_fail_from(&failmem, 1);
    check_true(weft__heap_ensure(&heap, NODES));
    for (uint32_t i = 0; i < NODES; i++)
        weft__heap_set(&heap, &nodes[i], i);
    check_eq(failmem.allocations, 0);
}

static void heap_fini_is_harmless_on_zeroed_memory(void **state)
{
    (void)state;
    struct heap zeroed = {0};
    weft__heap_fini(&zeroed);
}

/* The model: a key for each node, and whether it is in. */

static uint64_t keys[NODES];
static bool in[NODES];
static uint32_t in_count;

static void check_against_model(uint32_t nodes_count)
{
    bool any = false;
    uint64_t least = 0;
    for (uint32_t i = 0; i < nodes_count; i++) {
        check_eq(nodes[i].position != 0, in[i]);
        if (!in[i]) continue;
        check_eq(heap.entries[nodes[i].position - 1].key, keys[i]);
        if (!any || keys[i] < least) least = keys[i];
        any = true;
    }
    uint64_t key = 0;
    struct heap_node *first = weft__heap_first(&heap, &key);
    check_eq(first != NULL, any);
    if (first) check_eq(key, least);
    if (first) check_eq(keys[first - nodes], least);
    check_eq(heap.count, in_count);
    check_invariants();
}

static void model_set(uint32_t node, uint64_t key)
{
    in_count += !in[node];
    in[node] = true;
    keys[node] = key;
    weft__heap_set(&heap, &nodes[node], key);
}

static void model_remove(uint32_t node)
{
    in_count -= in[node];
    in[node] = false;
    weft__heap_remove(&heap, &nodes[node]);
}

/* Seven nodes with the keys 0 to 2 in every combination; then each node moved to each key, or removed. */
static void heap_agrees_with_its_model_on_every_small_heap(void **state)
{
    (void)state;
    enum { SMALL = 7, COMBINATIONS = 2187, CHANGES = 4 };
    check_true(weft__heap_ensure(&heap, SMALL));
    for (uint32_t combination = 0; combination < COMBINATIONS; combination++) {
        for (uint32_t change = 0; change < SMALL * CHANGES; change++) {
            for (uint32_t i = 0, rest = combination; i < SMALL; i++, rest /= 3)
                model_set(i, rest % 3);
            if (change % CHANGES < 3)
                model_set(change / CHANGES, change % CHANGES);
            else
                model_remove(change / CHANGES);
            check_against_model(SMALL);
            for (uint32_t i = 0; i < SMALL; i++)
                model_remove(i);
        }
    }
}

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static void heap_agrees_with_its_model_on_random_calls(void **state)
{
    (void)state;
    enum { STEPS = 100000 };
    const char *given = getenv("SEED");
    random_state = (given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL)) | 1;
    print_message("seed %llu\n", (unsigned long long)random_state);
    memset(in, 0, sizeof in);
    in_count = 0;
    for (int step = 0; step < STEPS; step++) {
        uint32_t node = random_below(NODES), choice = random_below(8);
        if (choice < 4) {
            check_true(weft__heap_ensure(&heap, in_count + 1));
            model_set(node, random_below(1000));
        } else if (choice < 6) {
            model_remove(node);
        } else {
            uint64_t key;
            struct heap_node *first = weft__heap_first(&heap, &key);
            if (first) model_remove((uint32_t)(first - nodes));
        }
        if (step % 100 == 0) check_against_model(NODES);
    }
    for (uint64_t last = 0, key; in_count; last = key) {
        struct heap_node *first = weft__heap_first(&heap, &key);
        check_true(key >= last);
        model_remove((uint32_t)(first - nodes));
    }
    check_against_model(NODES);
}

#define heap_test(body) cmocka_unit_test_setup_teardown(body, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        heap_test(heap_is_empty_at_first),
        heap_test(heap_gives_nodes_by_rising_key),
        heap_test(heap_orders_the_extreme_keys),
        heap_test(heap_set_moves_a_node_up_and_down),
        heap_test(heap_remove_takes_any_node_out_and_only_once),
        heap_test(heap_keeps_equal_keys_in_an_order_set_by_the_calls_alone),
        heap_test(heap_ensure_without_memory_changes_nothing),
        heap_test(heap_set_allocates_nothing_once_room_was_made),
        heap_test(heap_fini_is_harmless_on_zeroed_memory),
        heap_test(heap_agrees_with_its_model_on_every_small_heap),
        heap_test(heap_agrees_with_its_model_on_random_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
