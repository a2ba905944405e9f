/* ids.c: dispatches by the ids that strangers have made.
 *
 * A dispatch of this process is found by its handle, which is half of its id. One that comes from another process has the
 * number that its caller gave it there, and is found through a table of pointers: open addressing with linear probing and
 * backward-shift deletion, as in base/namemap.c; what is compared stands in the records. The numbers are chosen outside,
 * so where they are looked for is mixed with a seed.
 *
 * Both halves of a stranger's id are its own, but its session has a bit that no session of ours has (weft__strange_session), which
 * the shell sees to: so it cannot choose an id that we have given, or will give. What a key of its stands for has session 0. At
 * admission an id that is known is refused. */
#include "core/state.h"

#include "base/mix.h"

enum { ROOM_LEAST = 16 };

static uint32_t home(const struct core *core, weft_dispatch_id id)
{
    return (uint32_t)weft__mix(weft__mix(id.number ^ core->limits.seed) + id.session) & (core->ids.room - 1);
}

static bool same(const struct core_dispatch *dispatch, weft_dispatch_id id)
{
    return dispatch->number == id.number && dispatch->session_id == id.session;
}

static void put(struct core *core, struct core_dispatch *dispatch)
{
    struct core_ids *ids = &core->ids;
    uint32_t at = home(core, weft__dispatch_id(dispatch));
    while (ids->entries[at])
        at = (at + 1) & (ids->room - 1);
    ids->entries[at] = dispatch;
}

bool weft__ids_reserve(struct core *core)
{
    struct core_ids *ids = &core->ids;
    if (ids->count + 1 <= ids->room - ids->room / 4) return true;
    struct core_ids old = *ids;
    uint32_t room = old.room ? old.room * 2 : ROOM_LEAST;
    struct core_dispatch **entries = weft__mem_zalloc(core->mem, room * sizeof(struct core_dispatch *));
    if (!entries) return false;
    ids->entries = entries;
    ids->room = room;
    for (uint32_t i = 0; i < old.room; i++)
        if (old.entries[i]) put(core, old.entries[i]);
    weft__mem_free(core->mem, old.entries);
    return true;
}

void weft__ids_add(struct core *core, struct core_dispatch *dispatch)
{
    WEFT_ASSERT(core->ids.count < core->ids.room);
    core->ids.count++;
    put(core, dispatch);
}

void weft__ids_remove(struct core *core, const struct core_dispatch *dispatch)
{
    struct core_ids *ids = &core->ids;
    uint32_t mask = ids->room - 1;
    uint32_t gap = home(core, weft__dispatch_id(dispatch));
    while (ids->entries[gap] != dispatch)
        gap = (gap + 1) & mask;
    for (uint32_t at = (gap + 1) & mask; ids->entries[at]; at = (at + 1) & mask) {
        uint32_t its_home = home(core, weft__dispatch_id(ids->entries[at]));
        if (((at - its_home) & mask) < ((at - gap) & mask)) continue; /* it would stand before its home */
        ids->entries[gap] = ids->entries[at];
        gap = at;
    }
    ids->entries[gap] = NULL;
    ids->count--;
}

static struct core_dispatch *strange(const struct core *core, weft_dispatch_id id)
{
    const struct core_ids *ids = &core->ids;
    if (ids->count == 0) return NULL;
    for (uint32_t at = home(core, id); ids->entries[at]; at = (at + 1) & (ids->room - 1))
        if (same(ids->entries[at], id)) return ids->entries[at];
    return NULL;
}

struct core_dispatch *weft__dispatch_find(const struct core *core, weft_dispatch_id id)
{
    struct core_dispatch *dispatch = strange(core, id);
    if (dispatch) return dispatch;
    dispatch = weft__slotmap_find(&core->dispatches, id.number);
    return dispatch && !dispatch->strange && dispatch->session_id == id.session ? dispatch : NULL;
}
