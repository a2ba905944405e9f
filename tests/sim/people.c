/* people.c: those who can die: sessions. */
#include <string.h>

#include "sim/keys.h"
#include "sim/model.h"

#include "base/clock.h"

/* --- sessions --------------------------------------------------------------------------------- */

static uint32_t any_session(struct world *world)
{
    uint32_t i = draw(world, world->shape.sessions);
    return world->sessions[i].handle ? i : NONE;
}

/* One that lives and is held, mostly; NONE. */
uint32_t likely_session(struct world *world)
{
    uint32_t index = NONE;
    for (int tries = 0; tries < 4; tries++) {
        index = any_session(world);
        if (index == NONE || !world->sessions[index].holders) continue;
        if (!world->sessions[index].fired || once_in(world, 40)) return index;
    }
    return NONE;
}

/* A living session of that name; NONE. */
static uint32_t bearer(const struct world *world, uint32_t name, bool *replaced)
{
    *replaced = false;
    for (uint32_t i = 0; i < world->shape.sessions; i++) {
        const struct sim_session *session = &world->sessions[i];
        if (!session->handle || session->name != name) continue;
        if (!session->fired) return i;
        *replaced = true;
    }
    return NONE;
}

void session_attach(struct world *world, uint32_t index, uint32_t name, bool declared)
{
    struct sim_session *session = &world->sessions[index];
    char text[24];
    bool replaces = false;
    snprintf(text, sizeof text, "person-%u", name);
    sim_enter(world, EV_ATTACH, true);
    uint64_t handle = 0;
    weft_error error = weft__core_session_attach(world->core, text, declared, &session->ended, &handle);
    TRACE(world, "attach session %u as %s: %d", index, text, (int)error);
    weft_error expected = WEFT_OK;
    if (world->closing)
        expected = WEFT_ECLOSED, cover(COVER_ECLOSED);
    else if (bearer(world, name, &replaces) != NONE)
        expected = WEFT_EEXIST, cover(COVER_EEXIST);
    else if (world->sessions_count >= world->shape.limits.sessions_max)
        expected = WEFT_ELIMIT, cover(COVER_ELIMIT);
    if (!sim_ran_out(world, error, COVER_ENOMEM_ATTACH))
        EXPECT(world, error == expected, "attach: %d and not %d", (int)error, (int)expected);
    if (!error) {
        if (replaces) cover(COVER_SESSION_REPLACED);
        *session = (struct sim_session){.handle = handle,
                                        .name = name,
                                        .serial = ++world->serial,
                                        .holders = 1,
                                        .declared = declared,
                                        .line = session->line};
        list_init(&session->ended);
        world->sessions_count++;
    }
    sim_leave(world);
}

bool act_attach(struct world *world)
{
    uint32_t index = draw(world, world->shape.sessions);
    if (world->sessions[index].handle) return false;
    uint32_t name = draw(world, world->shape.session_names);
    session_attach(world, index, name, once_in(world, 2));
    return true;
}

void session_arm(struct world *world, uint32_t index)
{
    struct sim_session *session = &world->sessions[index];
    sim_enter(world, EV_ARM, false);
    weft_error error = weft__core_session_armed(world->core, world->now_ns, session->handle);
    TRACE(world, "arm session %u: %d", index, (int)error);
    weft_error expected = session->fired ? WEFT_EDEAD : WEFT_OK;
    EXPECT(world, error == expected, "armed: %d and not %d", (int)error, (int)expected);
    if (error)
        cover(COVER_ARMED_LATE);
    else if (session->workers)
        cover(COVER_ARMED_WITH_WORKERS);
    if (!error) session->armed = true;
    sim_leave(world);
}

bool act_arm(struct world *world)
{
    uint32_t index = any_session(world);
    if (index == NONE || !world->sessions[index].holders) return false;
    if (world->sessions[index].armed && !once_in(world, 20)) return false;
    session_arm(world, index);
    return true;
}

/* What its death meets. */
static void cover_death(struct world *world, uint32_t index)
{
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life != CALL_OPEN || call->session != index) continue;
        if (call->detached)
            cover(COVER_DEATH_DETACHED);
        else if (call->state == DISPATCH_QUEUED)
            cover(COVER_DEATH_QUEUED);
        else
            cover(call->taken ? COVER_DEATH_TAKEN : COVER_DEATH_ASSIGNED);
    }
}

static void fired(struct world *world, uint32_t index)
{
    cover_death(world, index);
    for (uint32_t i = 0; i < world->shape.workers; i++)
        if (world->workers[i].handle && world->workers[i].session == index && !world->workers[i].unregistered)
            cover_end(world, i);
    world->sessions[index].fired = true;
    world->stats.deaths++;
}

void session_fire(struct world *world, uint32_t index)
{
    struct sim_session *session = &world->sessions[index];
    sim_enter(world, EV_FIRE, false);
    weft_cause cause = {.kind = WEFT_CAUSE_DECLARED, .value = (int32_t)index};
    weft_error error = weft__core_session_fired(world->core, world->now_ns, world->now_ns, session->handle, cause);
    TRACE(world, "fire session %u: %d", index, (int)error);
    weft_error expected = session->fired ? WEFT_EDEAD : WEFT_OK;
    EXPECT(world, error == expected, "fired: %d and not %d", (int)error, (int)expected);
    EXPECT(world, !weft__core_session_alive(world->core, session->handle, NULL, NULL),
           "alive after its link has fired");
    if (error)
        cover(COVER_EDEAD);
    else if (!session->armed)
        cover(COVER_FIRED_ARMING);
    if (!error) fired(world, index);
    sim_leave(world);
}

bool act_fire(struct world *world)
{
    uint32_t index = any_session(world);
    if (index == NONE || (world->sessions[index].fired && !once_in(world, 10))) return false;
    session_fire(world, index);
    return true;
}

bool act_hold(struct world *world)
{
    uint32_t index = any_session(world);
    if (index == NONE || !world->sessions[index].holders || world->sessions[index].holders > 2) return false;
    sim_enter(world, EV_HOLD, false);
    TRACE(world, "hold session %u", index);
    weft__core_session_hold(world->core, world->sessions[index].handle);
    world->sessions[index].holders++;
    sim_leave(world);
    return true;
}

static bool anything_hangs(const struct world *world, uint32_t index)
{
    if (world->sessions[index].workers || world->sessions[index].subscriptions) return true;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life == CALL_OPEN && call->session == index && call->session_serial == world->sessions[index].serial)
            return true;
    }
    return askers_hang(world, index);
}

void session_release(struct world *world, uint32_t index)
{
    struct sim_session *session = &world->sessions[index];
    sim_enter(world, EV_RELEASE, false);
    TRACE(world, "release session %u", index);
    bool last = --session->holders == 0;
    bool dies = last && session->declared && !session->fired && anything_hangs(world, index);
    weft__core_session_release(world->core, world->now_ns, world->now_ns, session->handle);
    if (dies) {
        cover(COVER_DIED_BY_RELEASE);
        fired(world, index);
    }
    sim_leave(world);
}

bool act_release(struct world *world)
{
    uint32_t index = any_session(world);
    if (index == NONE || !world->sessions[index].holders) return false;
    if (!world->sessions[index].fired && world->sessions[index].holders == 1 && !once_in(world, 4)) return false;
    session_release(world, index);
    return true;
}
