/* letters.c: dead letters: what died on a channel with a keeper stands there, whole, until it is taken or dropped.
 *
 * The world has one keeper. What should stand there follows from how calls ended; which of what should is missing was
 * dropped, and must be older than all that still stands. */
#include <string.h>

#include "sim/letters.h"
#include "sim/model.h"

static const char keeper_name[] = "dispatch.sim.dead";

void letters_declare(struct world *world)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    char message[ERROR_TEXT_MAX];
    if (once_in(world, 3)) return;
    if (once_in(world, 2)) options.depth_max = draw(world, 6);
    if (once_in(world, 3)) options.bytes_max = 300 + draw(world, 4000);
    world->keeper_options = options;
    weft_error error = weft__core_channel_declare(world->core, world->now_ns, keeper_name, &options, message);
    world->keeper = error ? NULL : keeper_name;
}

static struct core_letters *standing(const struct world *world)
{
    const struct core_channel *channel = weft__channel_find(world->core, weft__name_hash(keeper_name), keeper_name);
    return channel ? channel->letters : NULL;
}

static bool is_death(enum ending ending)
{
    weft_outcome outcome = model_outcome(ending);
    return outcome == WEFT_WORKER_DIED || outcome == WEFT_TIMED_OUT;
}

static const struct core_letter *letter_of(const struct world *world, weft_dispatch_id id)
{
    const struct core_letters *letters = world->keeper ? standing(world) : NULL;
    if (!letters) return NULL;
    for (const struct list_node *node = letters->standing.prev; node != &letters->standing; node = node->prev) {
        const struct core_letter *letter =
            list_record(list_record(node, struct letter_place, on), struct core_letter, place);
        if (letter->dispatch.number == id.number && letter->dispatch.session == id.session) return letter;
    }
    return NULL;
}

uint32_t letters_say(const struct world *world, const struct sim_call *call, uint32_t may)
{
    if (!world->channels[call->channel].options.dead_letter) return may;
    const struct core_letter *letter = letter_of(world, call->id);
    bool dropped = world->core->stats.letters_dropped > world->stats.letters_dropped;
    if (!letter && dropped) return may; /* it may have been one of those */
    uint32_t left = 0;
    for (unsigned i = 0; i < ENDINGS_COUNT; i++) {
        if (!(may & 1U << i)) continue;
        bool says_so = letter ? i == model_ending((weft_outcome)letter->outcome, letter->code) : !is_death(i);
        left |= says_so ? 1U << i : 0;
    }
    return left;
}

void letters_ended(struct world *world, const struct sim_call *call, enum ending ending, bool known)
{
    if (!world->channels[call->channel].options.dead_letter || !is_death(ending)) return;
    EXPECT(world, world->letters_count < LETTERS_MAX, "the simulator has no room for another letter");
    struct sim_letter *letter = &world->letters[world->letters_count++];
    *letter = (struct sim_letter){.dispatch = call->id,
                                  .payload = call->payload,
                                  .arrival = call->arrival,
                                  .ending = ending,
                                  .channel = call->channel,
                                  .type = call->type,
                                  .attempts = call->attempts,
                                  .priority = call->priority,
                                  .attempts_max = call->attempts_max,
                                  .redispatches = call->redispatches,
                                  .known = known};
    if (known && call->attempts && !call->retracted)
        memcpy(letter->worker_name, call->worker_name, sizeof letter->worker_name);
}

/* --- after each event ------------------------------------------------------------------------- */

static void expect_whole(struct world *world, struct sim_letter *should, const struct core_letter *letter)
{
    unsigned long long number = (unsigned long long)should->arrival;
    EXPECT(world, !should->id || should->id == letter->id, "the letter of dispatch %llu has two numbers", number);
    should->id = letter->id;
    should->seen = true;
    EXPECT(world, letter->payload == should->payload, "the letter of dispatch %llu has another's payload", number);
    EXPECT(world, letter->outcome == model_outcome(should->ending), "the letter of dispatch %llu: another outcome",
           number);
    EXPECT(world, strcmp(letter->channel, world->channels[should->channel].name) == 0,
           "the letter of dispatch %llu comes from %s", number, letter->channel);
    EXPECT(world, !letter->activity_type == !should->type, "the letter of dispatch %llu: another type", number);
    EXPECT(world, letter->priority == should->priority && letter->redispatches == should->redispatches,
           "the letter of dispatch %llu: another policy", number);
    if (!should->known) return;
    EXPECT(world, strcmp(letter->code, model_code(should->ending)) == 0, "the letter of dispatch %llu: %s", number,
           letter->code);
    EXPECT(world, letter->attempts_count == should->attempts, "the letter of dispatch %llu tells %u attempts of %u",
           number, letter->attempts_count, should->attempts);
    if (!should->worker_name[0]) return;
    const struct letter_attempt *last = &letter->attempts[letter->attempts_count - 1];
    EXPECT(world, strcmp(last->worker->text, should->worker_name) == 0,
           "the last attempt of the letter of dispatch %llu was %s's and not %s's", number, last->worker->text,
           should->worker_name);
    cover(COVER_LETTER_HISTORY);
}

void letters_observe(struct world *world)
{
    enum { LETTER_BYTES = 4096 }; /* more than any is charged here */
    const struct core_letters *letters = world->keeper ? standing(world) : NULL;
    if (!letters) return;
    const weft_node_stats *is = &world->core->stats;
    uint64_t oldest = UINT64_MAX, dropped = 0;
    bool old_ones = false, may_never_fit = world->keeper_options.bytes_max < LETTER_BYTES;
    uint64_t counted = is->dead_lettered + is->letters_dropped;
    if (counted == world->letters_counted && letters->count == world->letters_count) return; /* none came or went */
    world->letters_counted = counted;
    for (uint32_t i = 0; i < world->letters_count; i++)
        world->letters[i].seen = false;
    for (const struct list_node *node = letters->standing.next; node != &letters->standing; node = node->next) {
        const struct core_letter *letter =
            list_record(list_record(node, struct letter_place, on), struct core_letter, place);
        uint32_t i = 0;
        while (i < world->letters_count && world->letters[i].dispatch.number != letter->dispatch.number)
            i++;
        EXPECT(world, i < world->letters_count, "a letter of a dispatch that did not die, or was dropped");
        old_ones |= world->letters[i].id != 0;
        expect_whole(world, &world->letters[i], letter);
        if (letter->id < oldest) oldest = letter->id;
    }
    for (uint32_t i = world->letters_count; i-- > 0;) {
        struct sim_letter *letter = &world->letters[i];
        if (letter->seen) continue;
        EXPECT(world, letter->id || !old_ones || may_never_fit,
               "the letter of dispatch %llu is gone, and came just now", (unsigned long long)letter->arrival);
        EXPECT(world, !letter->id || letter->id < oldest,
               "the letter of dispatch %llu is gone, and an older one is not", (unsigned long long)letter->arrival);
        dropped++;
        *letter = world->letters[--world->letters_count];
    }
    bool full = letters->count >= world->keeper_options.depth_max ||
                letters->bytes + LETTER_BYTES > world->keeper_options.bytes_max;
    EXPECT(world, !dropped || full, "a letter was dropped, and there is room");
    EXPECT(world, is->letters_dropped == world->stats.letters_dropped + dropped, "%llu letters are missing",
           (unsigned long long)dropped);
    world->stats.letters_dropped = is->letters_dropped;
    if (dropped) cover(COVER_LETTER_DROPPED);
    EXPECT(world, is->dead_lettered + is->letters_dropped >= world->letters_count + world->letters_taken,
           "letters are not counted");
}

/* --- taking them ------------------------------------------------------------------------------ */

static void forget_letter(struct world *world, uint32_t index)
{
    world->letters[index] = world->letters[--world->letters_count];
    world->letters_taken++;
}

static void fetch_letter(struct world *world, uint32_t index)
{
    struct core_letter_view view;
    bool wrong = once_in(world, 10);
    const struct sim_letter *should = &world->letters[index];
    sim_enter(world, EV_LETTER, false);
    weft_error error =
        weft__core_letter_fetch(world->core, keeper_name, should->id + wrong * (UINT64_C(1) << 60), &view);
    TRACE(world, "fetch the letter of dispatch %llu: %d", (unsigned long long)should->arrival, (int)error);
    EXPECT(world, error == (wrong ? WEFT_ENOTFOUND : WEFT_OK), "fetch a letter: %d", (int)error);
    if (!error) {
        EXPECT(world, view.payload == should->payload && view.letter.dispatch.number == should->dispatch.number,
               "another's letter");
        weft__message_drop(view.payload);
        forget_letter(world, index);
        cover(COVER_LETTER_FETCHED);
    }
    sim_leave(world);
}

static void walk_letters(struct world *world)
{
    struct core_letter_walk walk;
    struct core_letter_view view;
    uint32_t seen = 0;
    uint64_t before = 0;
    sim_enter(world, EV_LETTER, false);
    EXPECT(world, weft__core_letters_begin(world->core, keeper_name, &walk) == WEFT_OK, "the keeper is not there");
    while (weft__core_letters_next(&walk, &view)) {
        EXPECT(world, view.letter.id > before, "a walk over letters goes back");
        before = view.letter.id;
        weft__message_drop(view.payload);
        seen++;
    }
    EXPECT(world, seen == world->letters_count, "a walk finds %u letters of %u", seen, world->letters_count);
    sim_leave(world);
}

static void keeper_stays(struct world *world)
{
    char message[ERROR_TEXT_MAX];
    sim_enter(world, EV_LETTER, false);
    EXPECT(world, weft__core_channel_delete(world->core, world->now_ns, keeper_name, message) == WEFT_EBUSY,
           "a channel with letters is deleted");
    cover(COVER_EBUSY);
    sim_leave(world);
}

bool act_letter(struct world *world)
{
    if (!world->keeper || !world->letters_count) return false;
    uint32_t index = draw(world, world->letters_count);
    switch (draw(world, 6)) {
    case 0: walk_letters(world); break;
    case 1: keeper_stays(world); break;
    case 2: fetch_letter(world, index); break;
    default: return call_put_back(world, keeper_name, index);
    }
    return true;
}
