/* participant.c: the edge of weft/participant.h. */
#include <weft/participant.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/node.h"
#include "exec/participant.h"

static weft_error check(weft_node *node, const char *name, weft_participant **participant)
{
    if (!node || !participant) return weft__error_null("participant", !node ? "node" : "participant");
    if (name && !weft__word_valid(name, "."))
        return weft__error(WEFT_EINVAL, "%.80s: not a participant's name: 1 to 64 of [A-Za-z0-9_.-]", name);
    return WEFT_OK;
}

static weft_error report(weft_error error, const char *name)
{
    if (error == WEFT_ELIMIT)
        return weft__error(error, "participant %s: participants_max of the node is reached", name);
    if (error == WEFT_ESYSTEM)
        return weft__error(error, "participant %s: it cannot be watched: %s", name, strerror(errno));
    return error ? weft__error(error, "participant %s: %s", name, weft_error_text(error)) : error;
}

weft_error weft_participant_process(weft_node *node, const char *name, int32_t pid, uint64_t start_time,
                                    weft_participant **participant)
{
    char own_name[32];
    if (weft__forked) return weft__error_forked(__func__);
    weft_error error = check(node, name, participant);
    if (error) return error;
    if (pid <= 0) return weft__error(WEFT_EINVAL, "participant: %d is no process", (int)pid);
    (void)snprintf(own_name, sizeof own_name, "pid-%d", (int)pid);
    if (!name) name = own_name;
    return report(weft__participant_new(node, PARTICIPANT_PROCESS, name, pid, start_time, participant), name);
}

weft_error weft_participant_thread(weft_node *node, const char *name, weft_participant **participant)
{
    weft_participant *found;
    if (weft__forked) return weft__error_forked(__func__);
    weft_error error = check(node, name, participant);
    if (!error) error = report(weft__participant_of_thread(node, name, &found), name ? name : "of this thread");
    if (error) return error;

    char has[WEFT_NAME_MAX + 1] = "";
    const char *known = NULL;
    (void)weft__enter(node);
    (void)weft__core_session_alive(node->core, found->session, NULL, &known);
    if (known) memcpy(has, known, strlen(known) + 1);
    bool same = !name || strcmp(name, has) == 0;
    if (same) weft__core_session_hold(node->core, found->session);
    weft__leave(node);
    if (!same) return weft__error(WEFT_EEXIST, "participant %s: this thread is participant %s already", name, has);
    *participant = found;
    return WEFT_OK;
}

weft_error weft_participant_declare(weft_node *node, const char *name, weft_participant **participant)
{
    if (weft__forked) return weft__error_forked(__func__);
    weft_error error = check(node, name, participant);
    if (error) return error;
    if (!name) return weft__error(WEFT_EINVAL, "participant: one that is declared needs a name");
    return report(weft__participant_new(node, PARTICIPANT_DECLARED, name, 0, 0, participant), name);
}

weft_error weft_participant_dead(weft_participant *participant, int32_t value)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!participant) return weft__error_null(__func__, "participant");
    weft_node *node = participant->node;
    weft_cause cause = {.kind = WEFT_CAUSE_DECLARED, .value = value};
    uint64_t wall_ns = weft__clock_wall_ns();
    uint64_t now_ns = weft__enter(node);
    weft_error error = weft__core_session_fired(node->core, now_ns, wall_ns, participant->session, cause);
    weft__leave(node);
    if (node->died) node->died(node);
    return weft__error_plain(error, "weft_participant_dead");
}

bool weft_participant_alive(const weft_participant *participant, weft_cause *cause)
{
    weft_cause why = {.kind = WEFT_CAUSE_UNKNOWN};
    if (cause) *cause = why;
    if (!participant || weft__forked) return false;
    (void)weft__enter(participant->node);
    bool alive = weft__core_session_alive(participant->node->core, participant->session, &why, NULL);
    weft__leave(participant->node);
    if (cause) *cause = why;
    return alive;
}

void weft_participant_release(weft_participant *participant)
{
    if (participant && !weft__forked) weft__participant_release(participant);
}

weft_error weft_process_start_time(int32_t pid, uint64_t *start_time)
{
    if (!start_time) return weft__error_null(__func__, "start_time");
    if (pid <= 0) return weft__error(WEFT_EINVAL, "weft_process_start_time: %d is no process", (int)pid);
    return weft__error(weft__process_start_time(pid, start_time), "process %d: there is none", (int)pid);
}
