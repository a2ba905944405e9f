/* weft/group.h: executor groups: the threads that run handlers.
 *
 * A group is capacity: a worker gets a task only while its group has a free thread. While handlers are quick (some
 * microseconds) a thread takes up to 16 tasks at a time; what it has not begun goes back as soon as one is not. If their
 * participant dies meanwhile, they count as begun. */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <weft/types.h>

typedef struct weft_group_options {
    uint32_t version;     /* filled in by WEFT_GROUP_OPTIONS */
    const char *name;     /* copies; shown, and the name of its threads; NULL = "group" */
    uint32_t threads;     /* of the node's; 0 = only those that the host lends with weft_group_run */
    uint32_t threads_max; /* with the substitutes for handlers that wait in weft_dispatch; 0 = four times threads */
    uint32_t batch_max;   /* tasks a thread takes at a time while handlers are quick, 1 to 16 */
} weft_group_options;

#define WEFT_GROUP_OPTIONS_VALUES 1, 0, 2, 0, 16
#ifdef __cplusplus
#define WEFT_GROUP_OPTIONS (weft_group_options{WEFT_GROUP_OPTIONS_VALUES})
#else
#define WEFT_GROUP_OPTIONS                                                                                             \
    {                                                                                                                  \
        WEFT_GROUP_OPTIONS_VALUES                                                                                      \
    }
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a group. Gives: close it. WEFT_EINVAL; WEFT_ENOMEM; WEFT_ESYSTEM: no thread; WEFT_ELIMIT: 64 a node, its
 * own included. */
WEFT_API weft_error weft_group_open(weft_node *node, const weft_group_options *options, weft_group **group);

/* Lends the calling thread to the group: it runs handlers until timeout_ms have passed (WEFT_OK) or the node closes
 * (WEFT_ECLOSED); a handler under way is finished first. No thread may call it when the node may be gone: one that comes
 * back for more is stopped and joined before the close. WEFT_EDEADLK: called from a handler or callback. */
WEFT_API weft_error weft_group_run(weft_group *group, uint32_t timeout_ms);

/* Ends it. WEFT_EBUSY: workers or subscriptions are on it, or a lent thread is: nothing has changed. WEFT_EDEADLK:
 * from one of its handlers. NULL: WEFT_OK. weft_node_close closes what is left. */
WEFT_API weft_error weft_group_close(weft_group *group);

#ifdef __cplusplus
}
#endif

#endif
