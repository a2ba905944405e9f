#include "lib/fixture_remote.h"

#include <stdio.h>

static void took(const char *session, struct core_taken *taken)
{
    char line[96] = "";
    const char *name;
    switch (taken->kind) {
    case CORE_ITEM_TASK:
        name = world_got_task(taken->task);
        if (taken->task->streams)
            (void)snprintf(line, sizeof line, "%s gets %s with room %u", session, name, taken->room);
        else
            (void)snprintf(line, sizeof line, "%s gets %s", session, name);
        break;
    case CORE_ITEM_ROOM:
        (void)snprintf(line, sizeof line, "%s has room for %u more", world_name_of_task(taken->task), taken->room);
        break;
    case CORE_ITEM_WORKER:
        (void)snprintf(line, sizeof line, "%s is over", world_name_of_worker(taken->worker_context));
        weft__core_worker_forget(world.core, taken->worker);
        break;
    case CORE_ITEM_EVENTS: world_take_far_events(taken->subscription_context); break;
    default: world_got(taken->kind, &taken->outcome, taken->task); break;
    }
    if (*line) world_note(line);
}

void world_deliver_line(const char *session, uint32_t max)
{
    struct core_taken taken;
    while (max-- > 0 && weft__core_next(world.core, world_now_ns(), world_line_of(session), &taken))
        took(session, &taken);
    world_after_entry();
}

void world_bar(const char *session, enum core_bar bar)
{
    weft__core_session_bar(world.core, world_now_ns(), world_handle_of(session), bar);
    world_after_entry();
}

void world_enters(const char *task)
{
    weft__core_started(world.core, world_now_ns(), world_task_named(task));
    world_after_entry();
}

void world_room_for(const char *dispatch, uint32_t count)
{
    weft__core_room(world.core, world_now_ns(), world_id_of(dispatch), count);
    world_after_entry();
}

uint32_t world_waits_in_line(const char *session)
{
    return world_line_of(session)->items_count;
}

void world_close_line(const char *session)
{
    while (weft__core_dest_abandon(world.core, world_now_ns(), world_line_of(session)))
        world_after_entry();
    world_after_entry();
}
