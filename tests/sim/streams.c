/* streams.c: what tasks say before the outcome, who waits to say it, and what callers must hear.
 *
 * A caller who listens hears, in this order: that the stream restarts, if it is not the first attempt; then parts,
 * numbered from 1, none missing; and progress where it was said last, as far as it was not replaced. */
#include <string.h>

#include "sim/model.h"

#include "base/clock.h"

void model_updated(const weft_update *update, void *context)
{
    (void)update;
    (void)context;
}

/* --- what a caller must hear ------------------------------------------------------------------ */

static void will_hear(struct world *world, struct sim_call *call, weft_update_kind kind, const struct message *message)
{
    EXPECT(world, call->words_count < WORDS_MAX, "the simulator lost count of what was said");
    struct sim_word *word = &call->words[call->words_count++];
    *word = (struct sim_word){.kind = kind, .attempt = call->announced, .message = message};
    if (kind == WEFT_UPDATE_PARTIAL) {
        word->number = ++call->said;
        call->parts_count++;
    }
}

static void forget_word(struct sim_call *call, uint32_t index)
{
    if (call->words[index].kind == WEFT_UPDATE_PARTIAL) call->parts_count--;
    call->words_count--;
    memmove(&call->words[index], &call->words[index + 1], (call->words_count - index) * sizeof *call->words);
}

static void says_progress(struct world *world, struct sim_call *call, const struct message *message)
{
    for (uint32_t i = 0; i < call->words_count; i++) {
        if (call->words[i].kind != WEFT_UPDATE_PROGRESS) continue;
        cover(i + 1 < call->words_count ? COVER_PROGRESS_MOVED : COVER_PROGRESS_REPLACED);
        forget_word(call, i--);
    }
    will_hear(world, call, WEFT_UPDATE_PROGRESS, message);
}

void model_announce(struct world *world, struct sim_call *call, uint32_t attempt)
{
    if (!call->window || attempt == call->announced) return;
    if (call->words_count) cover(COVER_WORDS_DROPPED);
    call->announced = attempt;
    call->words_count = call->parts_count = 0;
    call->said = 0;
    will_hear(world, call, WEFT_UPDATE_RESTARTED, NULL);
}

void model_broken(struct sim_call *call)
{
    call->waiting = 0;
}

void model_deaf(struct world *world, struct sim_call *call)
{
    if (call->waiting || model_far_waits(call)) call->beat_ns = world->now_ns;
    call->out = call->window = call->words_count = call->parts_count = call->waiting = 0;
}

void model_heard(struct world *world, struct sim_call *call, const struct core_outcome *update)
{
    unsigned long long number = (unsigned long long)call->arrival;
    EXPECT(world,
           call->life != CALL_FREE && update->id.number == call->id.number && update->id.session == call->id.session,
           "an update of a dispatch that is not there");
    EXPECT(world, call->window, "an update of dispatch %llu, whose caller does not listen", number);
    EXPECT(world, call->words_count, "an update of dispatch %llu, which has said nothing", number);
    const struct sim_word *word = &call->words[0];
    EXPECT(world, update->update == word->kind, "dispatch %llu: update %d and not %d", number, (int)update->update,
           (int)word->kind);
    EXPECT(world, update->attempts == word->attempt, "dispatch %llu: an update of attempt %u and not %u", number,
           update->attempts, word->attempt);
    EXPECT(world, update->number == word->number, "dispatch %llu: part %llu and not %llu", number,
           (unsigned long long)update->number, (unsigned long long)word->number);
    EXPECT(world, update->message == word->message, "dispatch %llu: another's words", number);
    EXPECT(world,
           update->context == world && update->context2 == (call->strange ? NULL : call) &&
               update->updated == model_updated && update->updated_context == world,
           "dispatch %llu: another's context", number);
    static const enum cover heard[] = {[WEFT_UPDATE_PROGRESS] = COVER_PROGRESS_HEARD,
                                       [WEFT_UPDATE_PARTIAL] = COVER_PART_HEARD,
                                       [WEFT_UPDATE_RESTARTED] = COVER_RESTART_HEARD};
    cover(heard[word->kind]);
    if (call->life == CALL_ENDED) cover(COVER_HEARD_AT_THE_END);
    weft__message_drop(update->message);
    bool part = word->kind == WEFT_UPDATE_PARTIAL;
    if (part && call->life == CALL_OPEN && !call->credit && model_far_waits(call)) call->beat_ns = world->now_ns;
    call->out += part && call->credit;
    forget_word(call, 0);
}

/* --- what tasks say --------------------------------------------------------------------------- */

static const struct sim_task *task_of(const struct world *world, const struct sender *sender)
{
    for (uint32_t i = 0; i < world->tasks_count; i++)
        if (world->tasks[i].order == sender->order) return &world->tasks[i];
    return NULL;
}

static struct message *words(struct world *world)
{
    static const char text[] = "half of it";
    return weft__message_new(&world->memory.mem, text, sizeof text, NULL);
}

/* What the task is told, but for the window; *call: where it is heard, or would be. */
static weft_error expected_error(struct world *world, const struct sim_task *held, struct sim_call **call)
{
    *call = model_current(world, held);
    if (held->settled) {
        cover(COVER_WORDS_SETTLED);
        return WEFT_EINVAL;
    }
    if (*call) {
        (*call)->beat_ns = world->now_ns;
        if (!(*call)->window) cover(held->task->streams ? COVER_WORDS_DEAF : COVER_WORDS_UNASKED);
        return WEFT_OK;
    }
    cover(COVER_WORDS_STALE);
    return WEFT_ESTALE;
}

static struct sim_task *any_speaker(struct world *world)
{
    if (!world->tasks_count) return NULL;
    struct sim_task *held = &world->tasks[draw(world, world->tasks_count)];
    return held->begun && (!held->settled || once_in(world, 8)) ? held : NULL;
}

bool act_progress(struct world *world)
{
    struct sim_task *held = any_speaker(world);
    struct sim_call *call;
    if (!held) return false;
    struct message *message = words(world);
    sim_enter(world, EV_PROGRESS, false);
    weft_error expected = expected_error(world, held, &call);
    weft_error error = weft__core_progress(world->core, world->now_ns, held->task, message);
    TRACE(world, "progress: %d", (int)error);
    EXPECT(world, error == expected, "progress: %d and not %d", (int)error, (int)expected);
    if (error) weft__message_drop(message);
    if (!error && call->window) says_progress(world, call, message);
    sim_leave(world);
    return true;
}

/* sender: who comes back from waiting, or leaves a waiter if need be; NULL: only asks. */
static void say_part(struct world *world, struct sim_task *held, struct sender *sender, bool waits)
{
    struct sim_call *call;
    bool waited = sender && sender->busy;
    struct message *message = words(world);
    sim_enter(world, EV_PARTIAL, false);
    weft_error expected = expected_error(world, held, &call);
    bool full = !expected && model_full(call);
    EXPECT(world, !full || !held->far, "a task elsewhere knows of room that is not there");
    if (full) expected = WEFT_EAGAIN;
    if (waited) {
        held->sending--;
        sender->busy = sender->woken = false;
        if (call && call->window) call->waiting--;
    }
    weft_error error = weft__core_partial(world->core, world->now_ns, held->task, message,
                                          waits ? &sender->waiter.core : NULL, waited);
    TRACE(world, "part%s: %d", waited ? ", after a wait" : "", (int)error);
    EXPECT(world, error == expected, "part: %d and not %d", (int)error, (int)expected);
    if (error) weft__message_drop(message);
    if (!error && call->window) will_hear(world, call, WEFT_UPDATE_PARTIAL, message);
    if (!error && call->window && held->far) held->room--;
    if (full && waits) {
        sender->busy = sender->waiter.waiting = true;
        sender->order = held->order;
        held->sending++;
        call->waiting++;
    }
    if (full) cover(!waits ? COVER_WINDOW_FULL : waited ? COVER_WINDOW_AGAIN : COVER_WINDOW_WAIT);
    if (waited && error == WEFT_ESTALE) cover(COVER_WINDOW_STALE);
    if (waited && !error) cover(COVER_WINDOW_SENT);
    sim_leave(world);
}

/* Who was woken comes back; who was not gives up. */
static void come_back(struct world *world, struct sender *sender)
{
    struct sim_task *held = (struct sim_task *)task_of(world, sender);
    EXPECT(world, held, "the simulator lost a task that waits for its caller");
    if (!sender->woken) {
        EXPECT(world, weft__core_unwait(&sender->waiter.core), "who waits for his caller does not");
        sender->waiter.waiting = false;
        cover(COVER_WINDOW_GIVEN_UP);
    }
    say_part(world, held, sender, sender->woken && once_in(world, 2));
}

bool act_partial(struct world *world)
{
    struct sender *sender = &world->senders[draw(world, SENDERS)];
    if (sender->busy && (sender->woken || once_in(world, 8))) {
        come_back(world, sender);
        return true;
    }
    struct sim_task *held = any_speaker(world);
    if (!held) return false;
    const struct sim_call *call = held->far ? model_current(world, held) : NULL;
    if (call && call->window && !held->room) return false; /* it waits there */
    bool waits = !sender->busy && !held->far && once_in(world, 2);
    say_part(world, held, waits ? sender : NULL, waits);
    return true;
}

void senders_give_up(struct world *world)
{
    for (uint32_t i = 0; i < SENDERS; i++)
        while (world->senders[i].busy)
            come_back(world, &world->senders[i]);
}

/* --- after each event ------------------------------------------------------------------------- */

void observe_senders(struct world *world)
{
    for (uint32_t i = 0; i < SENDERS; i++) {
        const struct sender *sender = &world->senders[i];
        if (!sender->busy || !sender->waiter.waiting) continue;
        const struct sim_task *held = task_of(world, sender);
        const struct sim_call *call = held ? model_current(world, held) : NULL;
        EXPECT(world, call && call->window, "a task waits for a caller who waits for it no more");
        bool late =
            call->heartbeat_ms != WEFT_FOREVER && world->now_ns - call->beat_ns > call->heartbeat_ms * NS_PER_MS;
        if (late && world->event.kind == EV_TICK) cover(COVER_WINDOW_ALIVE);
        bool others = false;
        for (uint32_t j = 0; j < SENDERS; j++) {
            const struct sim_task *other = world->senders[j].woken ? task_of(world, &world->senders[j]) : NULL;
            others |= other && other->call == held->call && other->call_serial == held->call_serial;
        }
        EXPECT(world, others || model_full(call), "a task waits for its caller, and there is room");
    }
}
