/* A node's parent is at (index - 1) / 4, its children at 4 * index + 1 to 4 * index + 4: half the levels of a binary
 * heap, and the four keys compared share a cache line or two. A hole rises or sinks, and the entry is written once. */
#include "base/heap.h"

#include "base/assert.h"

enum { ROOM_MIN = 16, ROOM_MAX = 1 << 28 };

static void rise(struct heap *heap, uint32_t hole, struct heap_entry entry);
static void sink(struct heap *heap, uint32_t hole, struct heap_entry entry);
static void settle(struct heap *heap, uint32_t hole, struct heap_entry entry);

void weft__heap_init(struct heap *heap, const struct mem *mem)
{
    *heap = (struct heap){.mem = mem};
}

void weft__heap_fini(struct heap *heap)
{
    if (heap->entries) weft__mem_free(heap->mem, heap->entries);
    *heap = (struct heap){0};
}

bool weft__heap_ensure(struct heap *heap, uint32_t count)
{
    if (count <= heap->room) return true;
    WEFT_ASSERT(count <= ROOM_MAX);
    uint32_t room = heap->room ? heap->room : ROOM_MIN;
    while (room < count)
        room *= 2;

    size_t old_bytes = heap->count * sizeof(struct heap_entry);
    size_t new_bytes = room * sizeof(struct heap_entry);
    struct heap_entry *entries = weft__mem_grow(heap->mem, heap->entries, old_bytes, new_bytes);
    if (!entries) return false;
    heap->entries = entries;
    heap->room = room;
    return true;
}

void weft__heap_set(struct heap *heap, struct heap_node *node, uint64_t key)
{
    struct heap_entry entry = {.key = key, .node = node};
    if (node->position) {
        WEFT_ASSERT(heap->entries[node->position - 1].node == node);
        settle(heap, node->position - 1, entry);
    } else {
        WEFT_ASSERT(heap->count < heap->room);
        rise(heap, heap->count++, entry);
    }
}

void weft__heap_remove(struct heap *heap, struct heap_node *node)
{
    if (!node->position) return;
    uint32_t hole = node->position - 1;
    WEFT_ASSERT(hole < heap->count);
    WEFT_ASSERT(heap->entries[hole].node == node);
    node->position = 0;
    struct heap_entry last = heap->entries[--heap->count];
    if (hole < heap->count) settle(heap, hole, last);
}

struct heap_node *weft__heap_first(const struct heap *heap, uint64_t *key)
{
    if (!heap->count) return NULL;
    *key = heap->entries[0].key;
    return heap->entries[0].node;
}

static void put(struct heap *heap, uint32_t index, struct heap_entry entry)
{
    heap->entries[index] = entry;
    entry.node->position = index + 1;
}

static void rise(struct heap *heap, uint32_t hole, struct heap_entry entry)
{
    while (hole) {
        uint32_t parent = (hole - 1) / 4;
        if (heap->entries[parent].key <= entry.key) break;
        put(heap, hole, heap->entries[parent]);
        hole = parent;
    }
    put(heap, hole, entry);
}

static void sink(struct heap *heap, uint32_t hole, struct heap_entry entry)
{
    for (;;) {
        uint32_t least = 4 * hole + 1;
        if (least >= heap->count) break;
        uint32_t end = heap->count - least > 4 ? least + 4 : heap->count;
        for (uint32_t child = least + 1; child < end; child++)
            if (heap->entries[child].key < heap->entries[least].key) least = child;
        if (heap->entries[least].key >= entry.key) break;
        put(heap, hole, heap->entries[least]);
        hole = least;
    }
    put(heap, hole, entry);
}

static void settle(struct heap *heap, uint32_t hole, struct heap_entry entry)
{
    if (hole && heap->entries[(hole - 1) / 4].key > entry.key)
        rise(heap, hole, entry);
    else
        sink(heap, hole, entry);
}
