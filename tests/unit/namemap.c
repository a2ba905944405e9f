/* namemap.h promises:
 *   - find gives the record that was added under that name, or NULL; names of equal hash are told apart
 *   - a removed name is gone, and every other is still found, however their places in the table collide or wrap
 *   - reserve makes room for one more; when it fails nothing has changed; add and remove allocate nothing
 *   - name_hash is the same on every host, depends on every byte and the length, and spreads over few low bits
 *   - any mix of calls gives what an array would give; short ones completely
 */
#include "base/namemap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/failmem.h"

enum { NAMES = 300 };

static struct failmem failmem;
static struct namemap map;
static char names[NAMES][24];

static int set_up(void **state)
{
    (void)state;
    failmem_init(&failmem);
    weft__namemap_init(&map, &failmem.mem);
    for (int i = 0; i < NAMES; i++)
        snprintf(names[i], sizeof names[i], "name-%d", i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__namemap_fini(&map);
    return failmem.live_blocks == 0 ? 0 : -1;
}

static void add(uint64_t hash, const char *name, void *record)
{
    check_true(weft__namemap_reserve(&map));
    weft__namemap_add(&map, hash, name, record);
}

static void namemap_finds_nothing_when_empty(void **state)
{
    (void)state;
    check_true(weft__namemap_find(&map, weft__name_hash("a"), "a") == NULL);
    check_true(weft__namemap_reserve(&map));
    check_true(weft__namemap_find(&map, weft__name_hash("a"), "a") == NULL);
}

static void namemap_finds_by_content_of_the_name(void **state)
{
    (void)state;
    int record;
    add(weft__name_hash("orders"), "orders", &record);
    char name[] = "orders";
    check_true(weft__namemap_find(&map, weft__name_hash(name), name) == &record);
    check_true(weft__namemap_find(&map, weft__name_hash("order"), "order") == NULL);
    check_eq(map.count, 1);
}

static void namemap_tells_names_of_equal_hash_apart(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        add(42, names[i], names[i]);
    for (int i = 0; i < 50; i++)
        check_true(weft__namemap_find(&map, 42, names[i]) == names[i]);
    check_true(weft__namemap_find(&map, 42, names[50]) == NULL);
    for (int i = 0; i < 50; i += 2)
        weft__namemap_remove(&map, 42, names[i]);
    for (int i = 0; i < 50; i++)
        check_true(weft__namemap_find(&map, 42, names[i]) == (i % 2 ? names[i] : NULL));
}

static void namemap_reserve_without_memory_changes_nothing(void **state)
{
    (void)state;
    failmem_fail_once(&failmem, 1);
    check_true(!weft__namemap_reserve(&map));
    check_eq(map.room, 0);

    int failures = 0;
    for (int i = 0; i < NAMES; i++) {
        struct namemap old = map;
        failmem_fail_once(&failmem, 1);
        if (!weft__namemap_reserve(&map)) {
            failures++;
            check_eq(memcmp(&map, &old, sizeof map), 0);
            check_eq(failmem.live_blocks, i ? 1 : 0);
            for (int j = 0; j < i; j++)
                check_true(weft__namemap_find(&map, weft__name_hash(names[j]), names[j]) == names[j]);
            failmem_fail_once(&failmem, 0);
        }
        add(weft__name_hash(names[i]), names[i], names[i]);
    }
    check_eq(failures, 7); /* at 0, 6, 12, 24, 48, 96 and 192 names */
}

static void namemap_add_and_remove_allocate_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        check_true(weft__namemap_reserve(&map));
        failmem_fail_from(&failmem, 1);
        weft__namemap_add(&map, weft__name_hash(names[i]), names[i], names[i]);
        check_eq(failmem.allocations, 0);
        failmem_fail_from(&failmem, 0);
    }
    failmem_fail_from(&failmem, 1);
    for (int i = 0; i < 100; i++)
        weft__namemap_remove(&map, weft__name_hash(names[i]), names[i]);
    check_eq(failmem.allocations, 0);
    check_eq(map.count, 0);
}

static void namemap_fini_is_harmless_on_zeroed_memory(void **state)
{
    (void)state;
    struct namemap zeroed = {0};
    weft__namemap_fini(&zeroed);
}

/* Five names with homes near the end of a table of eight, so that runs wrap; every sequence of six calls, each of
 * which adds one name or removes it. */
static void namemap_agrees_with_its_model_on_every_short_sequence(void **state)
{
    (void)state;
    enum { SMALL = 5, CALLS = 6, SEQUENCES = 15625 };
    static const uint64_t homes[][SMALL] = {{6, 6, 7, 7, 0}, {7, 7, 7, 0, 0}, {5, 6, 7, 0, 1}, {7, 6, 5, 7, 6}};
    for (size_t set = 0; set < sizeof homes / sizeof *homes; set++) {
        for (int sequence = 0; sequence < SEQUENCES; sequence++) {
            bool in[SMALL] = {false};
            for (int call = 0, rest = sequence; call < CALLS; call++, rest /= SMALL) {
                int i = rest % SMALL;
                if (in[i])
                    weft__namemap_remove(&map, homes[set][i], names[i]);
                else
                    add(homes[set][i], names[i], names[i]);
                in[i] = !in[i];
                for (int j = 0; j < SMALL; j++)
                    check_true(weft__namemap_find(&map, homes[set][j], names[j]) == (in[j] ? names[j] : NULL));
            }
            for (int i = 0; i < SMALL; i++)
                if (in[i]) weft__namemap_remove(&map, homes[set][i], names[i]);
            check_eq(map.count, 0);
        }
    }
    check_eq(map.room, 8);
}

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static void namemap_agrees_with_its_model(uint64_t hash_mask)
{
    enum { STEPS = 100000 };
    const char *given = getenv("SEED");
    random_state = (given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL)) | 1;
    print_message("seed %llu\n", (unsigned long long)random_state);
    void *model[NAMES] = {NULL};
    uint32_t count = 0;
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = random_below(NAMES);
        uint64_t hash = weft__name_hash(names[i]) & hash_mask;
        check_true(weft__namemap_find(&map, hash, names[i]) == model[i]);
        uint32_t target = step / 5000 % 2 ? 20 : 280; /* the table fills and empties in turn */
        bool fill = random_below(NAMES) < target;
        if (!model[i] && fill) {
            model[i] = &names[random_below(NAMES)];
            add(hash, names[i], model[i]);
            count++;
        } else if (model[i] && !fill) {
            weft__namemap_remove(&map, hash, names[i]);
            model[i] = NULL;
            count--;
        }
        check_eq(map.count, count);
    }
    for (int i = 0; i < NAMES; i++)
        check_true(weft__namemap_find(&map, weft__name_hash(names[i]) & hash_mask, names[i]) == model[i]);
}

static void namemap_agrees_with_its_model_on_random_calls(void **state)
{
    (void)state;
    namemap_agrees_with_its_model(UINT64_MAX);
}

static void namemap_agrees_with_its_model_when_hashes_collide(void **state)
{
    (void)state;
    namemap_agrees_with_its_model(UINT64_C(0xf8));
}

static void name_hash_is_the_same_on_every_host(void **state)
{
    (void)state;
    check_eq(weft__name_hash(""), UINT64_C(0x292f3a1075f4cce4));
    check_eq(weft__name_hash("a"), UINT64_C(0xba69456048e6f35c));
    check_eq(weft__name_hash("orders"), UINT64_C(0x62f36b1989ca04ec));
    check_eq(weft__name_hash("invoices"), UINT64_C(0x7a3492a3bfec57e8));
    check_eq(weft__name_hash("caf\xc3\xa9.bestellung"), UINT64_C(0x2710b7b2a66fbbda));
}

static void name_hash_depends_on_every_bit_and_mixes_it_well(void **state)
{
    (void)state;
    unsigned flipped = 0, pairs = 0;
    for (size_t length = 1; length <= 40; length++) {
        char name[41] = {0};
        memset(name, 'x', length);
        uint64_t hash = weft__name_hash(name);
        for (size_t bit = 0; bit < 8 * length; bit++) {
            name[bit / 8] = (char)(name[bit / 8] ^ 1 << bit % 8);
            uint64_t difference = hash ^ weft__name_hash(name);
            name[bit / 8] = (char)(name[bit / 8] ^ 1 << bit % 8);
            unsigned bits = (unsigned)__builtin_popcountll(difference);
            check_true(bits >= 10);
            check_true(bits <= 54);
            flipped += bits;
            pairs++;
        }
    }
    check_true(flipped > 31 * pairs);
    check_true(flipped < 33 * pairs);
}

static void name_hash_spreads_numbered_names_over_low_bits(void **state)
{
    (void)state;
    unsigned buckets[1024] = {0};
    for (int i = 0; i < 10240; i++) {
        char name[32];
        snprintf(name, sizeof name, "tenant.channel-%d", i);
        buckets[weft__name_hash(name) % 1024]++;
    }
    for (int i = 0; i < 1024; i++)
        check_true(buckets[i] < 30);
}

static void name_hash_does_not_read_past_the_terminator(void **state)
{
    (void)state;
    for (size_t length = 0; length < 20; length++) {
        char *exact = malloc(length + 1); /* the address sanitizer stands behind it */
        memset(exact, 'n', length);
        exact[length] = 0;
        char followed[40];
        memset(followed, 0x5a, sizeof followed);
        memcpy(followed, exact, length + 1);
        check_eq(weft__name_hash(exact), weft__name_hash(followed));
        free(exact);
    }
}

#define namemap_test(body) cmocka_unit_test_setup_teardown(body, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        namemap_test(namemap_finds_nothing_when_empty),
        namemap_test(namemap_finds_by_content_of_the_name),
        namemap_test(namemap_tells_names_of_equal_hash_apart),
        namemap_test(namemap_reserve_without_memory_changes_nothing),
        namemap_test(namemap_add_and_remove_allocate_nothing),
        namemap_test(namemap_fini_is_harmless_on_zeroed_memory),
        namemap_test(namemap_agrees_with_its_model_on_every_short_sequence),
        namemap_test(namemap_agrees_with_its_model_on_random_calls),
        namemap_test(namemap_agrees_with_its_model_when_hashes_collide),
        cmocka_unit_test(name_hash_is_the_same_on_every_host),
        cmocka_unit_test(name_hash_depends_on_every_bit_and_mixes_it_well),
        cmocka_unit_test(name_hash_spreads_numbered_names_over_low_bits),
        cmocka_unit_test(name_hash_does_not_read_past_the_terminator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
