/* audit_internal.h: what the files of the audit share: tallies of what the records say, to hold against the counters. */
#ifndef WEFT_TESTS_AUDIT_INTERNAL_H
#define WEFT_TESTS_AUDIT_INTERNAL_H

#include "core/state.h"

struct channel_tally {
    uint32_t workers, members, draining, eligible, eligible_members;
    uint32_t in_flight, orphaned, open, queued, class_refs, hanging;
    uint64_t bytes;
};

struct tally {
    const struct core *core;
    bool has_work;
    struct channel_tally *channels; /* by index of the slot; so are the others */
    uint32_t *sessions_hanging;
    uint32_t groups_busy[CORE_GROUPS_MAX]; /* in the order of core->groups */
    uint32_t turns_due;
    uint32_t in_flight, open, reserved, potential, lost, items, walked_items, timers;
    uint32_t reserved_letters, joined, strange;
};

/* audit_letters.c: dead letters and keys. */
bool audit_reserved(const struct core_dispatch *dispatch);
bool audit_letters(const struct tally *tally);

/* Puts the sentence together and returns false. */
bool audit_broken(const char *file, int line, const char *expression, const char *about, uint64_t number);

/* The check of an invariant, in a function that returns whether all hold. about and number say of which record. */
#define HOLDS(expression, about, number)                                                                               \
    do {                                                                                                               \
        if (__builtin_expect(!(expression), 0))                                                                        \
            return audit_broken(__FILE__, __LINE__, #expression, about, (uint64_t)(number));                           \
    } while (0)

static inline uint32_t slot_number(const struct slot *slot)
{
    return (uint32_t)slot->handle & ((UINT32_C(1) << SLOT_INDEX_BITS) - 1);
}

/* audit_channel.c: queues, seats and indexes; the level rule. */
bool audit_channel(struct tally *tally, const struct core_channel *channel);
bool audit_schemas(const struct core *core);
bool audit_levels(const struct tally *tally);

/* audit_life.c: sessions and workers, dispatches and tasks. */
bool audit_worker(struct tally *tally, const struct core_worker *worker);
bool audit_session(struct tally *tally, const struct core_session *session);
bool audit_dispatch(struct tally *tally, const struct core_dispatch *dispatch);
bool audit_notes(struct tally *tally, const struct core_notes *notes);
bool audit_task(struct tally *tally, const struct core_task *task);
bool audit_item(struct tally *tally, const struct core_item *item, const struct core_dest *dest);

/* audit_remote.c: what is elsewhere. */
bool audit_bar(const struct core_session *session);
bool audit_remote_worker(struct tally *tally, const struct core_worker *worker);
bool audit_room(struct tally *tally, const struct core_stream *stream);
bool audit_id(struct tally *tally, const struct core_dispatch *dispatch);
bool audit_ids(const struct tally *tally); /* after the dispatches */

/* audit_event.c: subscriptions and audiences. */
bool audit_events(struct tally *tally); /* before the sessions */
uint64_t audit_events_digest(const struct core *core, uint64_t digest);
uint64_t audit_stir(uint64_t digest, uint64_t value);

#endif
