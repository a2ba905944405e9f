/* weft/letter.h: dead letters: what exceeded its attempts or its time, kept whole, with its history.
 *
 * A channel whose options name a dead-letter channel sends there what ends `worker_died` or `timed_out`; its caller
 * learns the outcome all the same. There a letter stands until somebody fetches it or puts it back; the channel's
 * depth_max and bytes_max bound its letters (besides what waits there), and where they are full the oldest is dropped,
 * counted and told to the node's hooks; so is one that can never fit. A letter is charged its payload and its history.
 * No worker gets a letter, and none becomes a letter again. */
#ifndef WEFT_LETTER_H
#define WEFT_LETTER_H

#include <weft/dispatch.h>
#include <weft/types.h>

/* One attempt that was made, and how it ended. Of one that was sent to a client node run_ns may begin when it was sent: its handler
 * may never have been entered. */
typedef struct weft_attempt {
    uint32_t attempt;
    char worker[WEFT_NAME_MAX + 1];
    char participant[WEFT_NAME_MAX + 1];
    const char *code; /* "worker_died", "abandoned", "start_to_close" … Static text. */
    weft_cause cause; /* of its participant's death, where that is what ended it */
    uint64_t run_ns;  /* from the entry of its handler to its end; 0 = never entered */
} weft_attempt;

typedef struct weft_letter {
    uint64_t id;                             /* rises in the order in which letters came */
    char channel[WEFT_CHANNEL_NAME_MAX + 1]; /* where it was dispatched */
    weft_dispatch_id dispatch;               /* as its tasks showed it */
    weft_outcome outcome;                    /* worker_died or timed_out */
    const char *code;                        /* as in the reply */
    weft_priority priority;
    const char *activity_type; /* or NULL. Lends, like what follows, until it is released. */
    const char *content_type;  /* or NULL */
    const uint8_t *schema_id;  /* of WEFT_SCHEMA_ID_BYTES: the schema that it met when it was dispatched, or NULL */
    weft_bytes payload;
    uint64_t came_wall_ns; /* CLOCK_REALTIME since 1970 */
    uint64_t queued_ns;    /* in all: waiting for a worker */
    const weft_attempt *attempts;
    size_t attempts_count;
    void *memory; /* ours */
} weft_letter;

#ifdef __cplusplus
extern "C" {
#endif

/* Calls found for each letter that stands on the channel, oldest first, until it returns false. It runs in the calling
 * thread without any lock of weft's, and may call what that thread may; the letter is lent for the call. One that goes
 * meanwhile is not seen, nor is one that comes. WEFT_ENOCHANNEL; WEFT_EINVAL; WEFT_ECLOSED. */
WEFT_API weft_error weft_letters_find(weft_node *node, const char *channel,
                                      bool (*found)(const weft_letter *letter, void *context), void *context);

/* Takes a letter off the channel; id 0: the oldest. Gives: release it. WEFT_ENOTFOUND: no such letter (any more);
 * WEFT_ENOCHANNEL; WEFT_ENOMEM: it stands there still; WEFT_EINVAL; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_letter_fetch(weft_node *node, const char *channel, uint64_t id, weft_letter *letter);

/* Dispatches it again where it came from (id 0: the oldest), with its payload, type, priority and crash policy, the
 * times of that channel, a new count of attempts, and no key; detached: the process is its caller, and its outcome can
 * be fetched by the ticket's id. ticket may be NULL. The letter is gone when that is admitted. WEFT_EREJECTED: not
 * admitted, the ticket says why: the letter stands there still. WEFT_ENOTFOUND; WEFT_ENOCHANNEL: this one, or where it
 * came from; WEFT_ENOMEM; WEFT_EINVAL; WEFT_ELIMIT; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_letter_put_back(weft_node *node, const char *channel, uint64_t id, weft_ticket *ticket);

/* Gives back what the letter holds, and clears it. Accepts NULL and a cleared or zeroed letter. Any thread; before the
 * node is closed. */
WEFT_API void weft_letter_release(weft_letter *letter);

#ifdef __cplusplus
}
#endif

#endif
