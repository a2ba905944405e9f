/* fixture_remote.h: the verbs of fixture.h that are about sessions whose participants live elsewhere. All that goes to
 * such a one stands in one line, until it is delivered:
 *
 *     far_session("s1");
 *     worker("w1", .of = "s1", .far = true);
 *     dispatch("a");
 *     then("0 a#1 to w1");
 *     deliver("s1");
 *     then("0 s1 gets a#1");
 *
 * Its own dispatches come with a number (`.by = "s1", .number = 7`), and their outcomes go to its line. What was
 * delivered is said of as of any task: complete_inside, then return_from. The lines written down, besides outcomes and
 * updates:
 *
 *     s1 gets a#1                      a task; "with room 3": for so many parts, where it streams
 *     w1 told to stop a#1              a cancel notice
 *     a#1 has room for 2 more          of the parts it may send
 *     w1 is over                       a worker of it that has ended; it is forgotten
 *     s takes e                        an event of a subscription of it, `.far = "s1"` */
#ifndef WEFT_TESTS_FIXTURE_REMOTE_H
#define WEFT_TESTS_FIXTURE_REMOTE_H

#include "lib/fixture.h"

#define far_session(name) session(name)
#define deliver(name) world_verb(deliver_line, name, UINT32_MAX) /* all that stands in its line */
#define deliver_up_to(max, name) world_verb(deliver_line, name, max)
#define detach(name) world_verb(bar, name, CORE_BAR_DETACHED)
#define backlog(name) world_verb(bar, name, CORE_BAR_BACKLOGGED)
#define unbar(name) world_verb(bar, name, CORE_BAR_NONE)
#define enters(task) world_verb(enters, task) /* its handler was entered, there */
#define room_for(count, of)                                                                                            \
    world_verb(room_for, of, count) /* the caller of that dispatch has room for so many more parts */
#define waits_in_line(name) world_verb(waits_in_line, name) /* how many items */
#define lets_go_of(task) world_verb(lets_go_of, task) /* its holder, wherever it is: nothing more is said of it here */
#define found(task, session) world_verb(found, task, session) /* by its handle, as one of that session */
#define close_line(name) world_verb(close_line, name)         /* nobody drains it any more */

void world_deliver_line(const char *session, uint32_t max);
void world_bar(const char *session, enum core_bar bar);
void world_enters(const char *task);
void world_room_for(const char *dispatch, uint32_t count);
uint32_t world_waits_in_line(const char *session);
void world_close_line(const char *session);
void world_lets_go_of(const char *task);
bool world_found(const char *task, const char *session);

/* fixture.c and fixture_event.c, for these. */
struct core_dest *world_line_of(const char *session);
void world_got(enum core_item_kind kind, struct core_outcome *outcome, struct core_task *cancelled);
const char *world_got_task(struct core_task *task); /* its name, known from then on */
const char *world_name_of_task(const struct core_task *task);
const char *world_name_of_worker(const void *context);
void world_take_far_events(void *subscription_context);

#endif
