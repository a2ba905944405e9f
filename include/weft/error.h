/* weft/error.h: what can go wrong, and what to do about it.
 *
 * A call returns WEFT_OK (0) or one of these codes; a code keeps its number and its meaning for ever, and new ones
 * go to the end. A call that fails has changed nothing, unless its contract says otherwise, and leaves one sentence
 * that says what and where in weft_error_message(), until the next call that fails in the same thread.
 *
 * fork(). A child has weft's memory, and none of its threads. So once a node was opened in a process, each call that
 * returns a weft_error returns WEFT_EFORKED in its children, and in theirs, before it touches anything; those that
 * need no node work: weft_process_start_time, weft_listing_json, weft_why_json, all of weft/schema.h. The calls that
 * return no error never wait, either: what they lend and name is as it was at the fork, releasing clears what it is
 * given and frees nothing, and weft_participant_alive says no. A child that is forked in a handler or callback must
 * exec or _exit there: one that returns into weft is stopped with one line. exec makes a process like any other, vfork
 * and posix_spawn need no care, and who forks before the first node is opened can use weft in the child, too. (A child
 * made by clone(2) itself, or _Fork, is not noticed.) */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

#include <weft/version.h>

/* X(name, number, text) */
#define WEFT_ERRORS(X)                                                                                                 \
    X(OK, 0, "no error")                                                                                               \
    X(EINVAL, 1, "an argument is outside what the call accepts: mend the call")                                        \
    X(ENOMEM, 2, "out of memory: nothing has changed, try again later")                                                \
    X(ECLOSED, 3, "the node, channel or worker is closed or closing: open another")                                    \
    X(ETIMEDOUT, 4, "the time given for this call ran out")                                                            \
    X(EAGAIN, 5, "nothing there now: try again when woken")                                                            \
    X(EBUSY, 6, "still in use: the message names what")                                                                \
    X(EDEADLK, 7, "the call would wait for its own caller, or no thread is left to wait: make it from another thread") \
    X(EEXIST, 8, "the name is taken: choose another")                                                                  \
    X(EDIFFERS, 9, "declared before with other options: the message names the first difference")                       \
    X(ENOCHANNEL, 10, "no channel of that name: declare it (a template makes one for workers and events)")             \
    X(ENOTFOUND, 11, "no such dispatch, letter, worker or process")                                                    \
    X(EREJECTED, 12, "the dispatch was not admitted: the ticket says why and when to retry")                           \
    X(ELIMIT, 13, "a table is full: the message names the bound")                                                      \
    X(EDEAD, 14, "the participant is dead")                                                                            \
    X(ESTALE, 15, "the task is no longer this worker's: its result was refused")                                       \
    X(EUNSUPPORTED, 16, "this version cannot do that, and does not pretend to")                                        \
    X(ESYSTEM, 17, "the operating system refused: the message says what")                                              \
    X(EFORKED, 18, "this process was forked from one that uses weft: exec first")                                      \
    X(ESLOW, 19, "cut off: its inbox was full and nothing was taken from it for too long: subscribe again")            \
    X(EMISMATCH, 20, "the document does not match its schema: the message says where")                                 \
    X(EPROTOCOL, 21, "the other end sent what this protocol does not allow: the message says what")                    \
    X(ELOST, 22, "the node cannot be reached, or is not the one it was: nothing is known of what was asked")

typedef enum weft_error {
#define WEFT_ERROR_ENUM(name, number, text) WEFT_##name = number,
    WEFT_ERRORS(WEFT_ERROR_ENUM)
#undef WEFT_ERROR_ENUM
} weft_error;

#ifdef __cplusplus
extern "C" {
#endif

/* "WEFT_EINVAL"; "WEFT_E?" for a number that is no code. Static text; any thread. */
WEFT_API const char *weft_error_name(weft_error error);

/* The sentence of the list above. Static text; any thread. */
WEFT_API const char *weft_error_text(weft_error error);

/* What the last failing call of this thread had to say, "" before the first: UTF-8, at most 511 bytes, one line, fit for a
 * terminal: of what it quotes, control characters and those that change the direction of reading stand as \u001b. Lends,
 * until the next failing call of this thread. */
WEFT_API const char *weft_error_message(void);

#ifdef __cplusplus
}
#endif

#endif
