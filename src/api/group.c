/* group.c: the edge of weft/group.h. */
#include <weft/group.h>

#include "api/error.h"
#include "exec/scope.h"
#include "exec/node.h"

weft_error weft_group_open(weft_node *node, const weft_group_options *options, weft_group **group)
{
    const weft_group_options defaults = WEFT_GROUP_OPTIONS;
    const weft_group_options *o = options ? options : &defaults;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !group) return weft__error_null(__func__, !node ? "node" : "group");
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "group: options.version is not 1: initialise them with WEFT_GROUP_OPTIONS");
    const char *name = o->name ? o->name : "group";
    if (!weft__word_valid(name, "."))
        return weft__error(WEFT_EINVAL, "group %.80s: not a name: 1 to 64 of [A-Za-z0-9_.-]", name);
    if (o->threads > GROUP_THREADS_MAX || o->threads_max > GROUP_THREADS_MAX)
        return weft__error(WEFT_EINVAL, "group %s: more than %d threads", name, GROUP_THREADS_MAX);
    if (o->threads_max && o->threads_max < o->threads)
        return weft__error(WEFT_EINVAL, "group %s: threads_max of %u is less than its %u threads", name, o->threads_max,
                           o->threads);
    if (o->batch_max < 1 || o->batch_max > BATCH_MAX)
        return weft__error(WEFT_EINVAL, "group %s: batch_max of %u is outside 1 to %d", name, o->batch_max, BATCH_MAX);
    uint32_t threads_max = o->threads_max ? o->threads_max : 4 * o->threads;
    weft_error error = weft__group_new(node, name, o->threads, threads_max, o->batch_max, group);
    if (error == WEFT_ELIMIT)
        return weft__error(error, "group %s: the node has %d groups, the most it takes", name, CORE_GROUPS_MAX);
    return weft__error_plain(error, name);
}

weft_error weft_group_run(weft_group *group, uint32_t timeout_ms)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!group) return weft__error_null(__func__, "group");
    if (weft__scope)
        return weft__error(WEFT_EDEADLK, "group %s: lent a thread that is in a handler or callback", group->name);
    weft_node *node = group->node;
    uint64_t now_ns = weft__enter(node);
    weft__call_begin(node);
    weft__leave(node);
    weft__group_lend_host(group, weft__deadline(now_ns, timeout_ms));
    (void)weft__enter(node);
    weft_error error = node->closed ? WEFT_ECLOSED : WEFT_OK;
    weft__leave_call(node);
    return weft__error_plain(error, "weft_group_run");
}

/* Whether the calling thread is in a handler of the group. */
static bool in_group(const weft_group *group)
{
    for (const struct scope *scope = weft__scope; scope; scope = scope->outer)
        if (scope->executor && scope->executor->group == group) return true;
    return false;
}

weft_error weft_group_close(weft_group *group)
{
    char sentence[ERROR_TEXT_MAX] = "";
    if (weft__forked) return weft__error_forked(__func__);
    if (!group) return WEFT_OK;
    if (in_group(group)) return weft__error(WEFT_EDEADLK, "group %s: closed from one of its handlers", group->name);
    (void)weft__enter(group->node);
    uint32_t lent_count = group->lent_count;
    weft_error error = lent_count ? WEFT_EBUSY : weft__core_group_remove(group->node->core, &group->core, sentence);
    weft__leave(group->node);
    if (lent_count)
        return weft__error(error, "group %s: %u threads of the host's are lent to it", group->name, lent_count);
    if (error) return weft__error(error, "group %s: %s", group->name, *sentence ? sentence : weft_error_text(error));
    weft__group_stop(group);
    weft__group_free(group);
    return WEFT_OK;
}
