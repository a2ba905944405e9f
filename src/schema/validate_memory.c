/* validate_memory.c: memory of a run: room, texts, the stack of bit sets, comparisons that take steps. */
#include "schema/validate.h"

#include <string.h>

void *weft__run_room(struct run *run, void *items, size_t *room, size_t count, size_t item_bytes)
{
    const struct mem *mem = &run->validator->mem;
    size_t more = *room ? *room : 64;
    while (more < count)
        more *= 2;
    void *grown = weft__mem_grow(mem, items, *room * item_bytes, more * item_bytes);
    if (!grown) {
        weft__run_stop(run, WEFT_ENOMEM, NULL, "validate: out of memory");
        return items;
    }
    *room = more;
    return grown;
}

const char *weft__run_text(struct run *run, const struct json_value *string, size_t *size_bytes)
{
    if (!(string->flags & JSON_ESCAPED)) {
        *size_bytes = string->size_bytes;
        return weft__json_raw(run->doc, string);
    }
    if (!RUN_ROOM(run, &run->validator->text, string->size_bytes)) return NULL;
    *size_bytes = weft__json_decode(run->doc, string, run->validator->text.items);
    return run->validator->text.items;
}

bool weft__run_equal(struct run *run, const struct json_doc *a_doc, const struct json_value *a,
                     const struct json_value *b)
{
    uint32_t left = run->steps < UINT32_MAX ? (uint32_t)run->steps : UINT32_MAX, before = left;
    bool equal = weft__json_equal(a_doc, a, run->doc, b, &left);
    run->steps -= before - left;
    if (!left)
        return weft__run_stop(run, WEFT_ELIMIT, NULL, "the document takes more than %u steps to validate",
                              run->steps_max);
    return equal;
}

static size_t words(uint32_t count)
{
    return (count + (size_t)63) / 64;
}

bool weft__marks_push(struct run *run, uint32_t count)
{
    size_t end = run->marks_end + words(count);
    if (!RUN_ROOM(run, &run->validator->marks, end)) {
        run->marks = run->marks_end;
        return false;
    }
    if (words(count)) memset(run->validator->marks.items + run->marks_end, 0, words(count) * sizeof(uint64_t));
    run->marks = run->marks_end;
    run->marks_end = end;
    return true;
}

void weft__marks_pop(struct run *run, size_t outer, uint32_t count, bool keep)
{
    uint64_t *items = run->validator->marks.items;
    run->marks_end = run->marks;
    for (size_t i = 0; keep && i < words(count); i++)
        items[outer + i] |= items[run->marks + i];
    run->marks = outer;
}
