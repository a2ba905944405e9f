/* ring.h promises:
 *   - at gives the first point at or after a place, going round; NULL when empty
 *   - after gives each point once before it comes back to the first, in the order of places; equal places by worker
 *   - reserve makes room, and moves what is there; when it fails nothing has changed; the other calls allocate nothing
 *   - any mix of calls gives what a sorted array would give, wherever the places lie; short ones completely
 */
#include "core/ring.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/failmem.h"

enum { POINTS = 600 };

static struct failmem failmem;
static struct ring ring;
static struct ring_point points[POINTS];
static char workers[POINTS]; /* their addresses stand for workers */

static int set_up(void **state)
{
    (void)state;
    failmem_init(&failmem);
    weft__ring_init(&ring, &failmem.mem);
    memset(points, 0, sizeof points);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__ring_fini(&ring);
    return failmem.live_blocks == 0 ? 0 : -1;
}

static struct core_worker *worker(size_t i)
{
    return (struct core_worker *)(void *)&workers[i];
}

static void place(size_t i, uint64_t at)
{
    points[i].place = at;
    points[i].worker = worker(i);
}

static void add(size_t i, uint64_t at)
{
    place(i, at);
    check_true(weft__ring_reserve(&ring, ring.count + 1));
    weft__ring_add(&ring, &points[i]);
}

/* The index of the point at or after the place. */
static long at(uint64_t where)
{
    struct ring_point *point = weft__ring_at(&ring, where);
    return point ? point - points : -1;
}

static long after(size_t i)
{
    return weft__ring_after(&ring, &points[i]) - points;
}

static void ring_is_empty_at_first(void **state)
{
    (void)state;
    check_eq(at(0), -1);
    check_true(weft__ring_reserve(&ring, 10));
    check_eq(at(0), -1);
    check_eq(at(UINT64_MAX), -1);
}

static void ring_gives_the_first_point_at_or_after_going_round(void **state)
{
    (void)state;
    add(0, 100);
    add(1, UINT64_C(1) << 63);
    add(2, UINT64_MAX - 5);
    check_eq(at(0), 0);
    check_eq(at(100), 0);
    check_eq(at(101), 1);
    check_eq(at(UINT64_C(1) << 63), 1);
    check_eq(at((UINT64_C(1) << 63) + 1), 2);
    check_eq(at(UINT64_MAX - 5), 2);
    check_eq(at(UINT64_MAX - 4), 0);
    check_eq(at(UINT64_MAX), 0);
    check_eq(after(0), 1);
    check_eq(after(1), 2);
    check_eq(after(2), 0);
}

static void ring_takes_the_ends_of_the_circle(void **state)
{
    (void)state;
    add(0, 0);
    add(1, UINT64_MAX);
    check_eq(at(0), 0);
    check_eq(at(1), 1);
    check_eq(at(UINT64_MAX), 1);
    weft__ring_remove(&ring, &points[1]);
    check_eq(at(UINT64_MAX), 0);
    check_eq(after(0), 0);
    weft__ring_remove(&ring, &points[0]);
    check_eq(at(0), -1);
}

static void ring_orders_equal_places_by_worker(void **state)
{
    (void)state;
    add(2, 7);
    add(0, 7);
    add(1, 7);
    check_eq(at(7), 0);
    check_eq(after(0), 1);
    check_eq(after(1), 2);
    check_eq(after(2), 0);
    weft__ring_remove(&ring, &points[1]);
    check_eq(after(0), 2);
}

/* Left with few after it was full: what has none is passed over, near and far. */
static void ring_finds_the_few_that_are_left_of_many(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++)
        add(i, i * (UINT64_MAX / POINTS));
    for (size_t i = 0; i < POINTS; i++)
        if (i != 3 && i != 500) weft__ring_remove(&ring, &points[i]);
    check_eq(at(0), 3);
    check_eq(at(points[3].place + 1), 500);
    check_eq(at(points[500].place + 1), 3);
    check_eq(after(3), 500);
    check_eq(after(500), 3);
    weft__ring_remove(&ring, &points[500]);
    for (size_t i = 0; i < POINTS; i++)
        check_eq(at(i * (UINT64_MAX / POINTS)), 3);
}

static void ring_reserve_without_memory_changes_nothing(void **state)
{
    (void)state;
    failmem_fail_once(&failmem, 1);
    check_true(!weft__ring_reserve(&ring, 1));
    check_eq(failmem.live_blocks, 0);
    add(0, 100);
    add(1, 200);
    struct ring old = ring;
    failmem_fail_once(&failmem, 1);
    check_true(!weft__ring_reserve(&ring, POINTS));
    check_eq(memcmp(&ring, &old, sizeof ring), 0);
    check_eq(failmem.live_blocks, 1);
    check_eq(at(150), 1);
    check_true(weft__ring_reserve(&ring, POINTS));
    check_eq(failmem.live_blocks, 1);
    check_eq(at(150), 1);
    check_eq(after(1), 0);
}

static void ring_with_room_allocates_nothing(void **state)
{
    (void)state;
    check_true(weft__ring_reserve(&ring, POINTS));
    failmem_fail_from(&failmem, 1);
    for (size_t i = 0; i < POINTS; i++)
        add(i, i * i * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t i = 0; i < POINTS; i++) {
        (void)at(i << 50);
        (void)after(i);
        weft__ring_remove(&ring, &points[i]);
    }
    check_eq(failmem.allocations, 0);
}

static void ring_fini_is_harmless_on_zeroed_memory(void **state)
{
    (void)state;
    struct ring zeroed = {0};
    weft__ring_fini(&zeroed);
}

/* --- the model: an array, sorted by place and worker ------------------------------------------ */

static const struct ring_point *model[POINTS];
static size_t model_count;

static int compare(const void *a, const void *b)
{
    const struct ring_point *p = *(const struct ring_point *const *)a, *q = *(const struct ring_point *const *)b;
    if (p->place != q->place) return p->place < q->place ? -1 : 1;
    return ((uintptr_t)p->worker > (uintptr_t)q->worker) - ((uintptr_t)p->worker < (uintptr_t)q->worker);
}

static void model_add(size_t i)
{
    model[model_count++] = &points[i];
    qsort(model, model_count, sizeof(const struct ring_point *), compare);
}

static void model_remove(size_t i)
{
    size_t at_index = 0;
    while (model[at_index] != &points[i])
        at_index++;
    memmove(&model[at_index], &model[at_index + 1], (--model_count - at_index) * sizeof(const struct ring_point *));
}

static const struct ring_point *model_at(uint64_t where)
{
    for (size_t i = 0; i < model_count; i++)
        if (model[i]->place >= where) return model[i];
    return model_count ? model[0] : NULL;
}

static void check_place(uint64_t where)
{
    check_true(weft__ring_at(&ring, where) == model_at(where));
}

/* Around each point, and once round. */
static void check_against_model(void)
{
    check_eq(ring.count, model_count);
    check_place(0);
    check_place(UINT64_MAX);
    for (size_t i = 0; i < model_count; i++) {
        check_place(model[i]->place - 1);
        check_place(model[i]->place);
        check_place(model[i]->place + 1);
        check_true(weft__ring_after(&ring, model[i]) == model[(i + 1) % model_count]);
    }
}

/* Every set of up to eight places out of twelve, added in rising and falling order, then each one removed. */
static void ring_agrees_with_its_model_on_every_small_ring(void **state)
{
    (void)state;
    enum { PLACES = 12 };
    static const uint64_t places[PLACES] = {0,
                                            1,
                                            2,
                                            (UINT64_C(1) << 58) - 1,
                                            UINT64_C(1) << 58,
                                            UINT64_C(3) << 58,
                                            UINT64_C(1) << 63,
                                            (UINT64_C(1) << 63) + 1,
                                            UINT64_C(63) << 58,
                                            (UINT64_C(63) << 58) + 1,
                                            UINT64_MAX - 1,
                                            UINT64_MAX};
    check_true(weft__ring_reserve(&ring, PLACES));
    for (unsigned set = 0; set < 1U << PLACES; set++) {
        model_count = 0;
        for (size_t n = 0; n < PLACES; n++) {
            size_t i = set % 3 ? n : PLACES - 1 - n;
            if (!(set >> i & 1)) continue;
            place(i, places[i]);
            weft__ring_add(&ring, &points[i]);
            model_add(i);
        }
        check_against_model();
        for (size_t n = 0; n < PLACES; n++) {
            size_t i = set % 2 ? n : PLACES - 1 - n;
            if (!(set >> i & 1)) continue;
            weft__ring_remove(&ring, &points[i]);
            model_remove(i);
            if (model_count % 3 == 0) check_against_model();
        }
    }
}

static uint64_t random_state;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Spread evenly; crowded into one arc; a few places that many share; near the ends of the circle. */
static uint64_t random_place(int how)
{
    uint64_t word = random_word();
    switch (how) {
    case 0: return word;
    case 1: return UINT64_C(0x7777000000000000) + (word >> 44);
    case 2: return (word >> 61) * (UINT64_MAX / 7);
    default: return word & 1 ? word >> 58 : ~(word >> 58);
    }
}

static void ring_agrees_with_its_model_on_random_calls(void **state)
{
    (void)state;
    enum { STEPS = 20000 };
    const char *given = getenv("SEED");
    random_state = (given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL)) | 1;
    unsigned long long seed = random_state;
    print_message("seed %llu\n", seed);
    static bool in[POINTS];
    for (int how = 0; how < 4; how++) {
        model_count = 0;
        for (int n = 0; n < STEPS; n++) {
            size_t i = random_word() % POINTS;
            if (in[i] && random_word() % 8 < 5) {
                weft__ring_remove(&ring, &points[i]);
                model_remove(i);
                in[i] = false;
            } else if (!in[i]) {
                add(i, random_place(how));
                model_add(i);
                in[i] = true;
            }
            check_place(random_place(how));
            check_place(random_word());
            if (n % 100 == 0) check_against_model();
        }
        for (size_t i = 0; i < POINTS; i++) {
            if (!in[i]) continue;
            weft__ring_remove(&ring, &points[i]);
            model_remove(i);
            in[i] = false;
            if (i % 16 == 0) check_against_model();
        }
        check_eq(at(random_word()), -1);
    }
}

#define ring_test(body) cmocka_unit_test_setup_teardown(body, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ring_test(ring_is_empty_at_first),
        ring_test(ring_gives_the_first_point_at_or_after_going_round),
        ring_test(ring_takes_the_ends_of_the_circle),
        ring_test(ring_orders_equal_places_by_worker),
        ring_test(ring_finds_the_few_that_are_left_of_many),
        ring_test(ring_reserve_without_memory_changes_nothing),
        ring_test(ring_with_room_allocates_nothing),
        ring_test(ring_fini_is_harmless_on_zeroed_memory),
        ring_test(ring_agrees_with_its_model_on_every_small_ring),
        ring_test(ring_agrees_with_its_model_on_random_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
