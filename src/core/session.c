/* session.c: participants: who can die, and what hangs on them.
 *
 *   attach            armed              fired
 *   -------> ARMING ---------> ARMED ------------> DEAD      (fired is legal in every state; armed after it fails)
 *
 * Death is one store to `state`. Selection passes it at every upgrade, so from that store on no worker of the session
 * is chosen, though what hung on it is worked off in later holds. So is a bar, which can be taken away again: one store
 * to `bar`, and its workers leave the index, or come back to it, in later holds. The record lives until nothing hangs on it and nobody
 * holds it; then the shell is told through core->ended, and disarms the link. */
#include "core/state.h"

#include <string.h>

weft_error weft__core_session_attach(struct core *core, const char *name, bool declared, struct list_node *ended,
                                     uint64_t *handle)
{
    if (core->closing) return WEFT_ECLOSED;
    uint64_t hash = weft__name_hash(name);
    if (weft__namemap_find(&core->session_names, hash, name)) return WEFT_EEXIST;
    if (core->sessions.live_count >= core->limits.sessions_max) return WEFT_ELIMIT;
    char *own = weft__mem_text(core->mem, name);
    if (!own) return WEFT_ENOMEM;
    if (!weft__slotmap_ensure(&core->sessions, core->sessions.live_count + 1) ||
        !weft__namemap_reserve(&core->session_names)) {
        weft__mem_free(core->mem, own);
        return WEFT_ENOMEM;
    }
    struct core_session *session = weft__slotmap_take(&core->sessions);
    session->name = own;
    session->name_hash = hash;
    session->state = CORE_SESSION_ARMING;
    session->declared = declared;
    session->link = declared ? WEFT_LINK_DECLARED : WEFT_LINK_NODE;
    session->holders_count = 1;
    session->ended = ended;
    list_init(&session->workers);
    list_init(&session->dispatches);
    list_init(&session->subscriptions);
    list_init(&session->work.on);
    weft__namemap_add(&core->session_names, hash, own, session);
    *handle = session->slot.handle;
    return WEFT_OK;
}

/* Its workers are to be looked at again. */
static void turn(struct core *core, struct core_session *session)
{
    session->turn++;
    if (!list_empty(&session->workers)) weft__work_add(core, &session->work, WORK_SESSION);
}

weft_error weft__core_session_armed(struct core *core, uint64_t now_ns, uint64_t handle)
{
    core->now_ns = now_ns;
    struct core_session *session = weft__slotmap_find(&core->sessions, handle);
    if (!session) return WEFT_ENOTFOUND;
    if (session->state == CORE_SESSION_DEAD) return WEFT_EDEAD;
    session->state = CORE_SESSION_ARMED;
    turn(core, session);
    return WEFT_OK;
}

void weft__core_session_bar(struct core *core, uint64_t now_ns, uint64_t handle, enum core_bar bar)
{
    core->now_ns = now_ns;
    struct core_session *session = weft__slotmap_find(&core->sessions, handle);
    if (!session || session->state == CORE_SESSION_DEAD || session->bar == bar) return;
    session->bar = bar;
    turn(core, session);
}

/* The name is free at once: a replacement may come before the last of this one is worked off. */
static void die(struct core *core, struct core_session *session, uint64_t wall_ns, weft_cause cause)
{
    session->state = CORE_SESSION_DEAD;
    session->cause = cause;
    session->died_ns = core->now_ns;
    session->died_wall_ns = wall_ns;
    core->stats.deaths++;
    weft__note(core, WEFT_NODE_DIED, NULL, NULL, session->name, cause, 0);
    weft__namemap_remove(&core->session_names, session->name_hash, session->name);
    weft__work_add(core, &session->work, WORK_SESSION);
}

weft_error weft__core_session_fired(struct core *core, uint64_t now_ns, uint64_t wall_ns, uint64_t handle,
                                    weft_cause cause)
{
    core->now_ns = now_ns;
    struct core_session *session = weft__slotmap_find(&core->sessions, handle);
    if (!session) return WEFT_ENOTFOUND;
    if (session->state == CORE_SESSION_DEAD) return WEFT_EDEAD;
    die(core, session, wall_ns, cause);
    return WEFT_OK;
}

void weft__core_session_link(struct core *core, uint64_t handle, weft_link_kind link, int32_t watched)
{
    struct core_session *session = weft__slotmap_find(&core->sessions, handle);
    if (!session) return;
    session->link = link;
    session->watched = watched;
}

void weft__core_session_hold(struct core *core, uint64_t handle)
{
    struct core_session *session = weft__slotmap_find(&core->sessions, handle);
    if (session) session->holders_count++;
}

void weft__core_session_release(struct core *core, uint64_t now_ns, uint64_t wall_ns, uint64_t handle)
{
    core->now_ns = now_ns;
    struct core_session *session = weft__slotmap_find(&core->sessions, handle);
    WEFT_ASSERT(session && session->holders_count > 0);
    session->holders_count--;
    if (session->holders_count == 0 && session->declared && session->state != CORE_SESSION_DEAD &&
        session->hanging_count > 0)
        die(core, session, wall_ns, (weft_cause){.kind = WEFT_CAUSE_RELEASED});
    weft__session_changed(core, session);
}

bool weft__core_session_alive(const struct core *core, uint64_t handle, weft_cause *cause, const char **name)
{
    const struct core_session *session = weft__slotmap_find(&core->sessions, handle);
    if (!session) return false;
    if (cause) *cause = session->cause;
    if (name) *name = session->name;
    return session->state != CORE_SESSION_DEAD;
}

/* Its workers may be chosen now, or no more. The list turns once: each worker goes to its end as it is seen. What was
 * assigned to one that is detached goes to others first. */
static void work_turned(struct core *core, struct core_session *session)
{
    for (struct list_node *node; (node = list_first(&session->workers));) {
        struct core_worker *worker = list_record(node, struct core_worker, on_session);
        if (worker->seen_turn == session->turn) return;
        if (core->budget-- <= 0) {
            weft__work_add(core, &session->work, WORK_SESSION);
            return;
        }
        weft__index_update(core, worker);
        if (session->bar == CORE_BAR_DETACHED && !weft__worker_retract(core, worker)) {
            weft__work_add(core, &session->work, WORK_SESSION);
            return;
        }
        worker->seen_turn = session->turn;
        list_remove(node);
        list_push_back(&session->workers, node);
        weft__serve_worker(core, worker);
    }
}

/* Its workers and subscriptions end, its dispatches are cancelled. */
static void work_dead(struct core *core, struct core_session *session)
{
    for (struct list_node *node; (node = list_first(&session->workers));) {
        if (core->budget-- <= 0) {
            weft__work_add(core, &session->work, WORK_SESSION);
            return;
        }
        struct core_worker *worker = list_record(node, struct core_worker, on_session);
        weft__channel_death(worker->channel, session, 1, worker->in_flight);
        weft__worker_end(core, worker, WEFT_WORKER_DEAD);
    }
    for (struct list_node *node; (node = list_first(&session->subscriptions));) {
        if (core->budget-- <= 0) {
            weft__work_add(core, &session->work, WORK_SESSION);
            return;
        }
        weft__subscription_end(core, list_record(node, struct core_subscription, on_session), WEFT_EDEAD);
    }
    for (struct list_node *node; (node = list_first(&session->dispatches));) {
        if (core->budget-- <= 0) {
            weft__work_add(core, &session->work, WORK_SESSION);
            return;
        }
        struct core_dispatch *dispatch = list_record(node, struct core_dispatch, on_session);
        if (dispatch->detached) {
            list_remove(node);
            dispatch->session = NULL;
            session->hanging_count--;
        } else {
            weft__settle(core, dispatch, WEFT_CANCELLED, "caller_died", NULL);
        }
    }
}

void weft__session_work(struct core *core, struct core_session *session)
{
    session->hanging_count++; /* it must not end under our feet */
    if (session->state == CORE_SESSION_DEAD)
        work_dead(core, session);
    else
        work_turned(core, session);
    session->hanging_count--;
    weft__session_changed(core, session);
}

/* Ends the record when nothing hangs on it any more. */
void weft__session_changed(struct core *core, struct core_session *session)
{
    if (session->holders_count > 0 || session->hanging_count > 0 || list_linked(&session->work.on)) return;
    if (session->state != CORE_SESSION_DEAD)
        weft__namemap_remove(&core->session_names, session->name_hash, session->name);
    if (session->ended) list_push_back(&core->ended, session->ended);
    weft__mem_free(core->mem, session->name);
    weft__slotmap_give(&core->sessions, session);
}
