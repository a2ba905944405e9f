/* mem.h promises:
 *   - alloc, free and context of the seam are used, the context passed on
 *   - zalloc's block is zeroed, whatever the allocator hands out
 *   - grow keeps the old bytes and frees the old block; grow of NULL is alloc; a failed grow leaves the old block
 *   - text copies with the terminator
 *   - each returns NULL when the allocator refuses
 *   - mem_libc gives memory, and its free accepts NULL
 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/failmem.h"

static void *dirty_alloc(void *context, size_t size_bytes)
{
    ++*(int *)context;
    void *block = malloc(size_bytes);
    return block ? memset(block, 0xa5, size_bytes) : NULL;
}

static void dirty_free(void *context, void *block)
{
    --*(int *)context;
    free(block);
}

static void mem_zalloc_zeroes_what_a_dirty_allocator_gives(void **state)
{
    (void)state;
    int live = 0;
    const struct mem mem = {.alloc = dirty_alloc, .free = dirty_free, .context = &live};
    unsigned char *block = weft__mem_zalloc(&mem, 1000);
    check_eq(live, 1);
    for (size_t i = 0; i < 1000; i++)
        check_eq(block[i], 0);
    weft__mem_free(&mem, block);
    check_eq(live, 0);
}

static void mem_grow_keeps_the_old_bytes_and_frees_the_old_block(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    char *block = weft__mem_grow(&failmem.mem, NULL, 0, 4);
    memcpy(block, "abc", 4);
    block = weft__mem_grow(&failmem.mem, block, 4, 4000);
    check_str(block, "abc");
    check_eq(failmem.live_blocks, 1);
    check_eq(failmem.live_bytes, 4000);
    weft__mem_free(&failmem.mem, block);
    check_eq(failmem.live_blocks, 0);
}

static void mem_grow_that_fails_leaves_the_old_block(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    char *block = weft__mem_text(&failmem.mem, "abc");
    failmem_fail_once(&failmem, 1);
    check_true(weft__mem_grow(&failmem.mem, block, 4, 4000) == NULL);
    check_str(block, "abc");
    check_eq(failmem.live_bytes, 4);
    weft__mem_free(&failmem.mem, block);
}

static void mem_text_copies(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    char original[] = "channel";
    char *copy = weft__mem_text(&failmem.mem, original);
    original[0] = 'C';
    check_str(copy, "channel");
    check_eq(failmem.live_bytes, sizeof "channel");
    weft__mem_free(&failmem.mem, copy);
}

static void mem_returns_null_when_the_allocator_refuses(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    failmem_fail_from(&failmem, 1);
    check_true(weft__mem_alloc(&failmem.mem, 8) == NULL);
    check_true(weft__mem_zalloc(&failmem.mem, 8) == NULL);
    check_true(weft__mem_grow(&failmem.mem, NULL, 0, 8) == NULL);
    check_true(weft__mem_text(&failmem.mem, "abc") == NULL);
    check_eq(failmem.refused, 4);
}

static void mem_libc_gives_memory_and_frees_null(void **state)
{
    (void)state;
    char *block = weft__mem_alloc(&weft__mem_libc, 100);
    check_true(block != NULL);
    memset(block, 1, 100);
    weft__mem_free(&weft__mem_libc, block);
    weft__mem_free(&weft__mem_libc, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mem_zalloc_zeroes_what_a_dirty_allocator_gives),
        cmocka_unit_test(mem_grow_keeps_the_old_bytes_and_frees_the_old_block),
        cmocka_unit_test(mem_grow_that_fails_leaves_the_old_block),
        cmocka_unit_test(mem_text_copies),
        cmocka_unit_test(mem_returns_null_when_the_allocator_refuses),
        cmocka_unit_test(mem_libc_gives_memory_and_frees_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
