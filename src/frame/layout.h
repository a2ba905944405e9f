/* layout.h: the bodies of the frames, field by field, in the order in which they travel: X(type, field, argument). Reading,
 * writing, sizes and sentences are made from it, and the tables of docs/protocol.md are held to it. FRAMES in frame.h says
 * which kind has which. First come flags, then what has its place, then what has not:
 *
 *     FLAG     a bit of the header's flags; argument: which
 *     MAGIC    u32 FRAME_MAGIC
 *     U8 … U64, I32
 *     CHOICE   u8, 0 to the argument          KIND   u8, 1 to the argument
 *     BYTES    INSTANCE_BYTES bytes
 *     SCHEMA   an id of 32 bytes, there where that flag is set
 *     TEXT     may be NULL                    NAME   a text that may not
 *     SENTENCE a text that is cut to FRAME_TEXT_MAX when written, and not NULL but "" when read
 *     NAMES    u8 count, at most the argument, and as many NAMEs
 *     SCHEMAS  u8 count, at most the argument, and as many ids
 *     REST     all bytes that are left; only as the last */
#ifndef WEFT_FRAME_LAYOUT_H
#define WEFT_FRAME_LAYOUT_H

#include <weft/weft.h>

#include "frame/frame.h"

#define BODY_hello(X)                                                                                                  \
    X(FLAG, anew, 1)                                                                                                   \
    X(MAGIC, magic, 0)                                                                                                 \
    X(U16, lowest, 0)                                                                                                  \
    X(U16, highest, 0)                                                                                                 \
    X(U32, features, 0)                                                                                                \
    X(BYTES, instance, 0)                                                                                              \
    X(U64, epoch, 0)                                                                                                   \
    X(U64, received, 0)                                                                                                \
    X(U32, resume_ms, 0)                                                                                               \
    X(I32, pid, 0)                                                                                                     \
    X(U64, start_time, 0)                                                                                              \
    X(TEXT, name, 0)

#define BODY_welcome(X)                                                                                                \
    X(FLAG, resumed, 1)                                                                                                \
    X(U16, version, 0)                                                                                                 \
    X(U32, features, 0)                                                                                                \
    X(U64, received, 0)                                                                                                \
    X(U64, session, 0)                                                                                                 \
    X(U32, resume_ms, 0)                                                                                               \
    X(U32, beat_ms, 0)                                                                                                 \
    X(U32, beats_missed_max, 0)                                                                                        \
    X(U32, frame_max, 0)                                                                                               \
    X(U32, window, 0)                                                                                                  \
    X(BYTES, node, 0)                                                                                                  \
    X(NAME, name, 0)

#define BODY_error(X)                                                                                                  \
    X(U16, code, 0)                                                                                                    \
    X(U8, kind, 0)                                                                                                     \
    X(SENTENCE, sentence, 0)

#define BODY_none(X)

#define BODY_beat(X)                                                                                                   \
    X(FLAG, wanted, 1)                                                                                                 \
    X(U64, received, 0)

#define BODY_part(X)                                                                                                   \
    X(FLAG, first, 1)                                                                                                  \
    X(FLAG, last, 2)                                                                                                   \
    X(U32, total, 0)                                                                                                   \
    X(REST, bytes, 0)

#define BODY_dispatch(X)                                                                                               \
    X(FLAG, detached, 1)                                                                                               \
    X(FLAG, streams, 2)                                                                                                \
    X(U64, call, 0)                                                                                                    \
    X(U64, sticky_hash, 0)                                                                                             \
    X(U32, schedule_to_start_ms, 0)                                                                                    \
    X(U32, start_to_close_ms, 0)                                                                                       \
    X(U32, schedule_to_close_ms, 0)                                                                                    \
    X(U32, heartbeat_ms, 0)                                                                                            \
    X(U16, window, 0)                                                                                                  \
    X(CHOICE, priority, 3)                                                                                             \
    X(CHOICE, on_crash, WEFT_CRASH_REDISPATCH)                                                                         \
    X(CHOICE, no_worker, WEFT_NO_WORKER_REJECT)                                                                        \
    X(U8, attempts_max, 0)                                                                                             \
    X(NAME, channel, 0)                                                                                                \
    X(TEXT, activity_type, 0)                                                                                          \
    X(TEXT, content_type, 0)                                                                                           \
    X(TEXT, key, 0)                                                                                                    \
    X(REST, payload, 0)

#define BODY_call(X)                                                                                                   \
    X(FLAG, gone, 1)                                                                                                   \
    X(U64, call, 0)

#define BODY_room(X)                                                                                                   \
    X(U64, number, 0)                                                                                                  \
    X(U32, count, 0)

#define BODY_outcome(X)                                                                                                \
    X(U64, call, 0)                                                                                                    \
    X(U16, error, 0)                                                                                                   \
    X(CHOICE, outcome, WEFT_REJECTED)                                                                                  \
    X(CHOICE, admission, WEFT_ADMISSION_REJECTED)                                                                      \
    X(U8, attempts, 0)                                                                                                 \
    X(U32, retry_after_ms, 0)                                                                                          \
    X(U64, queued_ns, 0)                                                                                               \
    X(U64, started_ns, 0)                                                                                              \
    X(U64, run_ns, 0)                                                                                                  \
    X(TEXT, code, 0)                                                                                                   \
    X(TEXT, worker, 0)                                                                                                 \
    X(TEXT, content_type, 0)                                                                                           \
    X(REST, payload, 0)

#define BODY_update(X)                                                                                                 \
    X(U64, call, 0)                                                                                                    \
    X(KIND, kind, WEFT_UPDATE_RESTARTED)                                                                               \
    X(U32, attempt, 0)                                                                                                 \
    X(U64, number, 0)                                                                                                  \
    X(REST, payload, 0)

#define BODY_reg(X)                                                                                                    \
    X(U32, ask, 0)                                                                                                     \
    X(U64, worker, 0)                                                                                                  \
    X(U32, max_concurrent, 0)                                                                                          \
    X(NAME, channel, 0)                                                                                                \
    X(TEXT, name, 0)                                                                                                   \
    X(NAMES, activity_types, WEFT_ACTIVITY_TYPES_MAX)                                                                  \
    X(SCHEMAS, schema_ids, WEFT_SCHEMA_IDS_MAX)

#define BODY_worker(X)                                                                                                 \
    X(FLAG, told, 1)                                                                                                   \
    X(U32, ask, 0)                                                                                                     \
    X(U64, worker, 0)

#define BODY_task(X)                                                                                                   \
    X(FLAG, timed, 1)                                                                                                  \
    X(FLAG, streams, 2)                                                                                                \
    X(U64, task, 0)                                                                                                    \
    X(U64, worker, 0)                                                                                                  \
    X(U64, id.session, 0)                                                                                              \
    X(U64, id.number, 0)                                                                                               \
    X(U32, attempt, 0)                                                                                                 \
    X(U32, remaining_ms, 0)                                                                                            \
    X(U16, window, 0)                                                                                                  \
    X(U16, room, 0)                                                                                                    \
    X(SCHEMA, schema_id, 4)                                                                                            \
    X(TEXT, activity_type, 0)                                                                                          \
    X(TEXT, content_type, 0)                                                                                           \
    X(REST, payload, 0)

#define BODY_of_task(X) X(U64, task, 0)

#define BODY_said(X)                                                                                                   \
    X(U64, task, 0)                                                                                                    \
    X(REST, payload, 0)

#define BODY_result(X)                                                                                                 \
    X(FLAG, runs_on, 1)                                                                                                \
    X(U64, task, 0)                                                                                                    \
    X(KIND, kind, FRAME_RESULT_DIED)                                                                                   \
    X(U64, run_ns, 0)                                                                                                  \
    X(TEXT, code, 0)                                                                                                   \
    X(TEXT, content_type, 0)                                                                                           \
    X(REST, payload, 0)

#define BODY_publish(X)                                                                                                \
    X(U32, ask, 0)                                                                                                     \
    X(NAME, channel, 0)                                                                                                \
    X(TEXT, content_type, 0)                                                                                           \
    X(REST, payload, 0)

#define BODY_subscribe(X)                                                                                              \
    X(U32, ask, 0)                                                                                                     \
    X(U64, subscription, 0)                                                                                            \
    X(CHOICE, slow, WEFT_DISCONNECT)                                                                                   \
    X(U32, items_max, 0)                                                                                               \
    X(U32, stall_ms, 0)                                                                                                \
    X(U64, bytes_max, 0)                                                                                               \
    X(NAME, pattern, 0)

#define BODY_of_subscription(X)                                                                                        \
    X(U32, ask, 0)                                                                                                     \
    X(U64, subscription, 0)

#define BODY_event(X)                                                                                                  \
    X(U64, subscription, 0)                                                                                            \
    X(U64, number, 0)                                                                                                  \
    X(U64, publisher, 0)                                                                                               \
    X(U64, published_wall_ns, 0)                                                                                       \
    X(U32, dropped, 0)                                                                                                 \
    X(SCHEMA, schema_id, 1)                                                                                            \
    X(NAME, channel, 0)                                                                                                \
    X(TEXT, content_type, 0)                                                                                           \
    X(REST, payload, 0)

#define BODY_ask(X)                                                                                                    \
    X(U32, ask, 0)                                                                                                     \
    X(U16, operation, 0)                                                                                               \
    X(REST, body, 0)

#define BODY_answer(X)                                                                                                 \
    X(U32, ask, 0)                                                                                                     \
    X(U16, error, 0)                                                                                                   \
    X(U32, value, 0)                                                                                                   \
    X(SENTENCE, sentence, 0)                                                                                           \
    X(REST, body, 0)

/* Of what has its place: its size, and the flags; for sums: 0 BODY_x(PLACE_SIZE). */
#define PLACE_FLAG 0
#define PLACE_MAGIC 4
#define PLACE_U8 1
#define PLACE_U16 2
#define PLACE_U32 4
#define PLACE_U64 8
#define PLACE_I32 4
#define PLACE_CHOICE 1
#define PLACE_KIND 1
#define PLACE_BYTES INSTANCE_BYTES
#define PLACE_SCHEMA 0
#define PLACE_TEXT 0
#define PLACE_NAME 0
#define PLACE_SENTENCE 0
#define PLACE_NAMES 0
#define PLACE_SCHEMAS 0
#define PLACE_REST 0
#define PLACE_SIZE(type, field, argument) +PLACE_##type

#define BIT_FLAG(bit) | (bit)
#define BIT_MAGIC(argument)
#define BIT_U8(argument)
#define BIT_U16(argument)
#define BIT_U32(argument)
#define BIT_U64(argument)
#define BIT_I32(argument)
#define BIT_CHOICE(argument)
#define BIT_KIND(argument)
#define BIT_BYTES(argument)
#define BIT_SCHEMA(bit) | (bit)
#define BIT_TEXT(argument)
#define BIT_NAME(argument)
#define BIT_SENTENCE(argument)
#define BIT_NAMES(argument)
#define BIT_SCHEMAS(argument)
#define BIT_REST(argument)
#define FLAG_BIT(type, field, argument) BIT_##type(argument)

/* Each body once: the member of struct frame, and its type. */
#define FRAME_BODIES(X)                                                                                                \
    X(hello, frame_hello)                                                                                              \
    X(welcome, frame_welcome)                                                                                          \
    X(none, frame_none)                                                                                                \
    X(error, frame_error)                                                                                              \
    X(beat, frame_beat)                                                                                                \
    X(part, frame_part)                                                                                                \
    X(dispatch, frame_dispatch)                                                                                        \
    X(call, frame_call)                                                                                                \
    X(room, frame_room)                                                                                                \
    X(outcome, frame_outcome)                                                                                          \
    X(update, frame_update)                                                                                            \
    X(reg, frame_register)                                                                                             \
    X(worker, frame_worker)                                                                                            \
    X(task, frame_task)                                                                                                \
    X(of_task, frame_of_task)                                                                                          \
    X(said, frame_said)                                                                                                \
    X(result, frame_result)                                                                                            \
    X(publish, frame_publish)                                                                                          \
    X(subscribe, frame_subscribe)                                                                                      \
    X(of_subscription, frame_of_subscription)                                                                          \
    X(event, frame_event)                                                                                              \
    X(ask, frame_ask)                                                                                                  \
    X(answer, frame_answer)

#endif
