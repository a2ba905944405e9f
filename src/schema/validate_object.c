/* validate_object.c: the members of an object: one pass over them, for all that a schema says of them. */
#include "schema/validate.h"

#include <string.h>

#include "schema/scan.h"

__attribute__((noinline)) static bool is_name(const struct run *run, const struct json_value *key, uint32_t text)
{
    const struct program *program = run->program;
    if (key->flags & JSON_ESCAPED)
        return weft__json_is(run->doc, key, program->texts + text, weft__program_text_size(program, text));
    return key->size_bytes == weft__program_text_size(program, text) &&
           memcmp(weft__json_raw(run->doc, key), program->texts + text, key->size_bytes) == 0;
}

/* One over all members of an object. */
struct pass {
    const struct object *object;
    const struct slot *slots;
    const char *text;
    uint32_t mask, head_end; /* head_end: up to there SLOT_HEAD bytes of the text can be read */
    uint32_t node_end;       /* nodes below it are all that is said of a member that has them */
    bool others;             /* something is said of members that have none */
    size_t marks;
};

static inline struct pass open_pass(const struct run *run, const struct object *object)
{
    uint32_t size_bytes = run->doc->size_bytes;
    bool more = object->patterns_count || object->names != NODE_NONE;
    return (struct pass){.object = object,
                         .slots = run->program->slots + object->slots,
                         .text = run->doc->text,
                         .mask = object->mask,
                         .head_end = size_bytes < SLOT_HEAD ? 0 : size_bytes - SLOT_HEAD + 1,
                         .node_end = more || run->marks != MARKS_NONE ? 0 : NODE_TRUE,
                         .others = more || object->additional != NODE_NONE,
                         .marks = run->marks};
}

static inline bool is_slot(const struct run *run, const struct pass *pass, const struct json_value *key,
                           const struct slot *slot)
{
    if (slot->hash != key->hash) return false;
    if (key->size_bytes > SLOT_HEAD || key->at >= pass->head_end || key->flags & JSON_ESCAPED)
        return is_name(run, key, slot->name);
    return key->size_bytes == slot->size_bytes && scan_same_short(pass->text + key->at, slot->head, key->size_bytes);
}

__attribute__((noinline)) static const struct slot *find_further(const struct run *run, const struct pass *pass,
                                                                 const struct json_value *key)
{
    uint32_t at = key->hash & pass->mask;
    do
        at = (at + 1) & pass->mask;
    while (pass->slots[at].name && !is_slot(run, pass, key, &pass->slots[at]));
    return &pass->slots[at];
}

/* The slot of that name, or a free one: mostly the first. */
static inline const struct slot *find_slot(const struct run *run, const struct pass *pass, const struct json_value *key)
{
    const struct slot *slot = &pass->slots[key->hash & pass->mask];
    return !slot->name || is_slot(run, pass, key, slot) ? slot : find_further(run, pass, key);
}

static const struct json_value *find_member(const struct run *run, const struct json_value *object, uint32_t name)
{
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(run->doc, key + 1))
        if (is_name(run, key, name)) return key + 1;
    return NULL;
}

/* *known: it matched one of the patterns' names. */
static bool run_patterns(struct run *run, const struct object *object, const struct json_value *key, bool *known)
{
    bool valid = true;
    for (uint32_t i = 0; i < object->patterns_count; i++) {
        const struct pattern *pattern = &run->program->patterns[object->patterns + i];
        if (!weft__run_matches(run, pattern->regex, key)) {
            if (run->stop) return false;
            continue;
        }
        *known = true;
        if (weft__check(run, pattern->node, key + 1)) continue;
        valid = false;
        if (run->first) break;
    }
    return valid;
}

/* All that may be said of a member. */
__attribute__((noinline)) static bool run_all(struct run *run, const struct pass *pass, const struct slot *slot,
                                              const struct json_value *key, uint32_t index)
{
    const struct object *object = pass->object;
    bool known = slot->node != NODE_NONE, valid = !known || weft__check(run, slot->node, key + 1);
    if (!valid && run->first) return false;
    if (object->patterns_count) valid &= run_patterns(run, object, key, &known);
    if (!valid && run->first) return false;
    if (!known && object->additional != NODE_NONE) {
        known = true;
        valid &= weft__check(run, object->additional, key + 1);
        if (!valid && run->first) return false;
    }
    if (object->names != NODE_NONE) valid &= weft__check(run, object->names, key);
    if (known && pass->marks != MARKS_NONE && (valid || !run->first)) weft__mark(run, pass->marks, index);
    return valid;
}

/* Written out where weft__check would become a call: most members end here. */
static inline bool run_member(struct run *run, const struct pass *pass, const struct slot *slot,
                              const struct json_value *key, uint32_t index)
{
    if (slot->node < pass->node_end)
        return weft__within(run, &run->program->nodes[slot->node], key + 1) || weft__run_node(run, slot->node, key + 1);
    if (slot->node == NODE_NONE && !pass->others) return true;
    return run_all(run, pass, slot, key, index);
}

static bool fail_required(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    if (run->quiet) return false;
    const struct object *object = &run->program->objects[op->a];
    for (uint32_t i = 0; i < object->required_count; i++) {
        uint32_t name = run->program->lists[object->required + i];
        if (!weft__take(run, value->count)) return false;
        if (find_member(run, value, name)) continue;
        (void)weft__fail_keyword(run, node, op, KEYWORD_REQUIRED, value, name);
        if (run->first) break;
    }
    return false;
}

/* No name stands twice in a document, so that it is enough to count those that are required. */
bool weft__run_object(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    const struct object *object = &run->program->objects[op->a];
    const struct json_value *key = value + 1;
    const struct pass pass = open_pass(run, object);
    uint32_t required = 0;
    bool valid = true;
    if (!weft__take(run, (int64_t)value->count * (1 + object->patterns_count))) return false;
    run->marks = MARKS_NONE;
    for (uint32_t i = 0; i < value->count; i++, key = weft__json_next(run->doc, key + 1)) {
        const struct slot *slot = find_slot(run, &pass, key);
        required += slot->required;
        if (run_member(run, &pass, slot, key, i)) continue;
        valid = false;
        if (run->first) break;
    }
    run->marks = pass.marks;
    if (!valid && run->first) return false;
    return required == object->required_count ? valid : fail_required(run, node, op, value);
}

bool weft__run_dependent_required(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    bool valid = true;
    if (!weft__take(run, value->count) || !find_member(run, value, op->a)) return !run->stop;
    for (uint32_t i = 0; i < op->c; i++) {
        uint32_t name = run->program->lists[op->b + i];
        if (!weft__take(run, value->count)) return false;
        if (find_member(run, value, name)) continue;
        valid = weft__fail(run, node, op, value, name, op->a);
        if (run->first) break;
    }
    return valid;
}

bool weft__run_dependent_schema(struct run *run, const struct op *op, const struct json_value *value)
{
    if (!weft__take(run, value->count)) return false;
    return !find_member(run, value, op->a) || weft__check(run, op->b, value);
}
