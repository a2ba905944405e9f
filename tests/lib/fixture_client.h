/* fixture_client.h: the verbs of fixture.h for a core that is a node's client. The spec plays the node:
 *
 *     uplink();
 *     call("a");
 *     send();
 *     then("0 a goes out");
 *     answer("a", WEFT_COMPLETED, .worker = "w7");
 *     then("0 a completed by w7 #1");
 *
 *     mirror("dispatch.media.resize");
 *     worker("w1");
 *     hand("b", "w1");
 *     take("w1");
 *     complete("b#1");
 *     send();
 *     then("0 b#1 to w1", "0 w1 takes b#1", "0 b#1 ends complete");
 *
 * What goes to the node is written down when it is sent:
 *
 *     a goes out                       a call
 *     a is called off                  the node is to cancel it
 *     a heard of 2                     so many partial results: there is room for more
 *     b#1 starts                       a task of the node's, which is timed: its handler was entered
 *     b#1 says half, b#1 part 2 two    progress, a partial result
 *     b#1 ends failed:no               its result ("runs on": its handler has not returned yet)
 *     b#1 returns                      it has now
 *     b#1 given back                   it was never begun */
#ifndef WEFT_TESTS_FIXTURE_CLIENT_H
#define WEFT_TESTS_FIXTURE_CLIENT_H

#include "lib/fixture.h"

/* --- calls ------------------------------------------------------------------------------------ */

#define uplink() world_verb(uplink, "host")
#define uplink_of(session) world_verb(uplink, session)
#define call(name, ...)                                                                                                \
    (world_here(CHECK_SITE("call(" #name ")")),                                                                        \
     world_dispatch(name, &(struct asked){.on = WEFT_UPLINK_CHANNEL, __VA_ARGS__}))
#define send() world_verb(send, 0) /* all that waits for the node */
#define send_one() world_verb(send, 1)

struct answered {
    weft_error error;
    const char *code, *worker;
    const char *sentence; /* of an error; NULL: none */
    uint32_t attempts;    /* 0 = 1 */
    uint32_t retry_after_ms;
    uint64_t queued_ns, started_ns, run_ns;
};
#define answer(name, outcome, ...)                                                                                     \
    (world_here(CHECK_SITE("answer(" #name ")")), world_answer(name, outcome, &(struct answered){__VA_ARGS__}))
#define lose_node() world_verb(lose_node, 0)
#define node_away(away) world_verb(node_away, away)
#define is_out(name) world_verb(is_out, name)
#define told_progress(name, attempt, text) world_verb(update_came, name, WEFT_UPDATE_PROGRESS, attempt, 0, text)
#define told_part(name, attempt, number, text) world_verb(update_came, name, WEFT_UPDATE_PARTIAL, attempt, number, text)
#define told_restart(name, attempt) world_verb(update_came, name, WEFT_UPDATE_RESTARTED, attempt, 0, NULL)

/* --- tasks of the node's ---------------------------------------------------------------------- */

#define mirror(name) world_verb(mirror, name)

struct handed {
    uint32_t attempt; /* 0 = 1 */
    const char *type;
    bool timed;
    uint32_t window; /* 0: it does not stream */
    uint32_t taken;  /* of it: there is no room for so many */
    uint32_t deadline_ms;
};
#define hand(name, to, ...)                                                                                            \
    (world_here(CHECK_SITE("hand(" #name ", " #to ")")), world_hand(name, to, &(struct handed){__VA_ARGS__}))
#define call_off(name) world_verb(call_off, name) /* the node does so */
#define make_room(name, count) world_verb(make_room, name, count)
#define close_wire() world_verb(close_wire, 0) /* nothing goes to the node any more */

/* --- events of the node's --------------------------------------------------------------------- */

#define event_came(name, to, dropped) world_verb(event_came, name, to, dropped)

void world_uplink(const char *session);
void world_send(int count);
void world_answer(const char *name, weft_outcome outcome, const struct answered *answered);
void world_lose_node(int unused);
void world_node_away(bool away);
bool world_is_out(const char *name);
void world_update_came(const char *name, weft_update_kind kind, uint32_t attempt, uint64_t number, const char *text);
void world_mirror(const char *name);
void world_hand(const char *name, const char *to, const struct handed *handed);
void world_call_off(const char *name);
void world_make_room(const char *name, uint32_t count);
void world_close_wire(int unused);
void world_event_came(const char *name, const char *to, uint32_t dropped);

#endif
