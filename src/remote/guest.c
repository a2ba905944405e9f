/* guest.c: the life of a guest: greeted, attached, detached, taken up again, ended.
 *
 * Note LAST. A guest ends once (weft__guest_end): off the table, its session over, its participant dead, its destination
 * emptied. That takes several holds, and happens in whichever thread saw the reason; the memory goes with the last reference. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec/node.h"
#include "remote/station.h"

enum {
    PUBLIC_BYTES = 8,      /* of the instance, which stand in the ids of its dispatches */
    WAITING_FRAMES_MAX = 4 /* of the largest, that wait for a guest: answers are put without asking */
};

/* --- the table -------------------------------------------------------------------------------- */

static struct list_node *bucket_of(struct station *station, const unsigned char *instance)
{
    unsigned char hash[crypto_shorthash_BYTES];
    (void)crypto_shorthash(hash, instance, PUBLIC_BYTES, station->hash_key); /* all that begin alike stand together */
    return &station->guests[(hash[0] | hash[1] << 8) % STATION_BUCKETS];
}

/* With the station's lock. Whether another has the same half of public ids: dispatches are known by it to everybody, and belong
 * to who had it first. */
static bool public_taken(struct station *station, const unsigned char *instance)
{
    struct list_node *bucket = bucket_of(station, instance);
    for (struct list_node *on = bucket->next; on != bucket; on = on->next)
        if (memcmp(list_record(on, struct guest, on_station)->instance, instance, PUBLIC_BYTES) == 0) return true;
    return false;
}

/* With the station's lock. */
static struct guest *find(struct station *station, const unsigned char *instance)
{
    struct list_node *bucket = bucket_of(station, instance);
    for (struct list_node *on = bucket->next; on != bucket; on = on->next) {
        struct guest *guest = list_record(on, struct guest, on_station);
        if (memcmp(guest->instance, instance, INSTANCE_BYTES) == 0) return guest;
    }
    return NULL;
}

/* --- a guest's life --------------------------------------------------------------------------- */

static uint64_t public_of(const unsigned char *instance)
{
    uint64_t half;
    memcpy(&half, instance, sizeof half);
    return half;
}

static void abandon_dest(weft_node *node, struct core_dest *dest)
{
    for (bool more = true; more;) {
        uint64_t now_ns = weft__enter(node);
        more = weft__core_dest_abandon(node->core, now_ns, dest);
        weft__leave_inside(node);
    }
}

/* What it called by numbers, taken from its reader, who may still be at work: to him nothing of it is there any more. */
static struct numbers take_numbers(weft_node *node, struct numbers *numbers)
{
    (void)weft__enter(node);
    struct numbers taken = *numbers;
    weft__numbers_init(numbers, &node->mem);
    weft__leave_inside(node);
    return taken;
}

/* Its subscriptions' records, which have ended with the participant. A hold each, since an inbox may be large. */
static void forget_all(weft_node *node, struct guest *guest)
{
    struct numbers subscriptions = take_numbers(node, &guest->subscriptions);
    struct numbers workers = take_numbers(node, &guest->workers);
    for (uint32_t i = 0; i < subscriptions.room; i++) {
        uint64_t handle = subscriptions.pairs[i].handle;
        struct inbox inbox = {0};
        if (!handle) continue;
        uint64_t now_ns = weft__enter(node);
        weft__core_unsubscribe(node->core, now_ns, handle);
        weft__core_subscription_forget(node->core, handle, &inbox);
        weft__leave_inside(node);
        weft__inbox_free(&inbox, &node->mem);
    }
    for (uint32_t i = 0; i < workers.room; i++) {
        uint64_t handle = workers.pairs[i].handle;
        if (!handle) continue;
        uint64_t now_ns = weft__enter(node);
        weft__core_worker_unregister(node->core, now_ns, handle); /* its record goes with the destination */
        weft__leave_inside(node);
    }
    weft__numbers_fini(&subscriptions);
    weft__numbers_fini(&workers);
}

/* False: it has ended already. Its name is free afterwards. */
static bool leave_core(struct guest *guest, weft_cause cause)
{
    struct station *station = guest->station;
    weft_node *node = station->node;
    weft__lock(&station->lock);
    bool ended = guest->ended;
    guest->ended = true;
    if (!ended) {
        list_remove(&guest->on_station);
        station->guests_count--;
        if (!station->guests_count && station->closer) weft__unpark(station->closer);
    }
    weft__unlock(&station->lock);
    if (ended) return false;
    weft__clerk_forget(&station->clerk, &guest->session);
    uint64_t wall_ns = weft__clock_wall_ns();
    uint64_t now_ns = weft__enter(node);
    guest->gone = true; /* its reader may still be at work */
    if (cause.kind != WEFT_CAUSE_RELEASED || guest->workers.count || guest->subscriptions.count)
        (void)weft__core_session_fired(node->core, now_ns, wall_ns, guest->core_session, cause);
    weft__leave_inside(node); /* which works all of it off */
    forget_all(node, guest);
    abandon_dest(node, &guest->session.dest);
    wall_ns = weft__clock_wall_ns();
    now_ns = weft__enter(node);
    weft__core_session_release(node->core, now_ns, wall_ns, guest->core_session);
    weft__leave_inside(node);
    return true;
}

void weft__guest_end(struct guest *guest, weft_cause cause)
{
    if (!leave_core(guest, cause)) return;
    weft__session_over(&guest->session);
    weft__session_drop(&guest->session); /* the station's */
}

static void guest_free(struct session *session)
{
    struct guest *guest = list_record(session, struct guest, session);
    struct station *station = guest->station;
    weft__timer_gone(&station->remote, &guest->drain);
    weft__process_monitor_remove(&station->monitor, &guest->process);
    weft__numbers_fini(&guest->workers);
    weft__numbers_fini(&guest->subscriptions);
    weft__mem_free(&station->node->mem, guest);
}

/* All that bars it is kept in one hold, so that what goes uncovers what stays. */
static void bar(struct guest *guest, unsigned bars, bool barred)
{
    weft_node *node = guest->station->node;
    uint64_t now_ns = weft__enter(node);
    guest->bars = barred ? guest->bars | bars : guest->bars & ~bars;
    enum core_bar why = guest->bars & (GUEST_DETACHED | GUEST_DIED) ? CORE_BAR_DETACHED
                        : guest->bars & GUEST_BACKLOGGED            ? CORE_BAR_BACKLOGGED
                                                                    : CORE_BAR_NONE;
    weft__core_session_bar(node->core, now_ns, guest->core_session, why);
    weft__leave_inside(node);
}

static void guest_backlogged(struct session *session, bool backlogged)
{
    bar(list_record(session, struct guest, session), GUEST_BACKLOGGED, backlogged);
}

/* It was to be sent something that is lost. */
static void guest_failed(struct session *session)
{
    weft__guest_end(list_record(session, struct guest, session), (weft_cause){.kind = WEFT_CAUSE_LINK_LOST});
}

/* --- its process ------------------------------------------------------------------------------ */

static void drain_due(struct timer *timer, uint64_t now_ns)
{
    struct guest *guest = list_record(timer, struct guest, drain);
    (void)now_ns;
    weft__guest_end(guest, guest->cause);
}

/* What it has sent is read to the end first, or for drain_ms if somebody keeps its socket open. */
void weft__guest_process_fired(void *context, struct process_watch *watch, weft_cause cause)
{
    struct station *station = context;
    struct guest *guest = list_record(watch, struct guest, process);
    bar(guest, GUEST_DIED, true);
    weft__lock(&station->lock);
    guest->died = true;
    guest->cause = cause;
    bool detached = guest->detached_ns != 0;
    weft__unlock(&station->lock);
    if (detached)
        weft__guest_end(guest, cause);
    else
        weft__timer_at(&station->remote, &guest->drain,
                       weft__clock_after_ms(weft__clock_ns(), station->options.drain_ms));
}

static bool is_loopback(const struct pipe_peer *peer)
{
    return strncmp(peer->address, "127.", 4) == 0 || strncmp(peer->address, "[::1]", 5) == 0;
}

/* The peer's word is believed where the kernel says the same (ipc), or where the peer is on this host and such a process is
 * here: who lies about it ends with a stranger, or waits for resume_ms. */
static void watch_process(struct guest *guest, const struct frame_hello *hello, const struct pipe_peer *peer)
{
    bool believed = peer->local ? peer->pid == hello->pid && peer->pid > 0 : is_loopback(peer) && hello->pid > 0;
    if (!believed || hello->start_time == 0) return;
    if (weft__process_watch_open(&guest->process, hello->pid, hello->start_time)) return;
    if (weft__process_monitor_add(&guest->station->monitor, &guest->process))
        weft__process_monitor_remove(&guest->station->monitor, &guest->process);
}

/* --- greeting --------------------------------------------------------------------------------- */

static weft_error attach_participant(struct guest *guest, const char *name)
{
    weft_node *node = guest->station->node;
    uint64_t now_ns = weft__enter(node);
    weft_error error = weft__core_session_attach(node->core, name, false, NULL, &guest->core_session);
    if (!error) {
        weft__core_session_link(node->core, guest->core_session, WEFT_LINK_SESSION, guest->process.pid);
        guest->bars = GUEST_DETACHED;
        weft__core_session_bar(node->core, now_ns, guest->core_session, CORE_BAR_DETACHED);
        (void)weft__core_session_armed(node->core, now_ns, guest->core_session);
        weft__session_pump_ready(&guest->session);
    }
    weft__leave_inside(node);
    return error;
}

/* With the station's lock: a guest in the table, with one reference, the table's. */
static weft_error guest_new(struct station *station, const struct frame_hello *hello, struct guest **made)
{
    const weft_listen_options *o = &station->options;
    const struct line_limits limits = {
        .window_bytes = 1 << 20, .waiting_bytes = 1 << 20, .frame_max = o->frame_bytes_max};
    char name[WEFT_NAME_MAX + 1];
    if (hello->name)
        (void)snprintf(name, sizeof name, "%s", hello->name);
    else
        (void)snprintf(name, sizeof name, "peer-%016llx", (unsigned long long)public_of(hello->instance));
    struct guest *guest = weft__mem_zalloc(&station->node->mem, sizeof(*guest) + strlen(name) + 1);
    if (!guest) return WEFT_ENOMEM;
    memcpy(guest->name, name, strlen(name) + 1);
    guest->station = station;
    guest->process.pidfd = -1;
    memcpy(guest->instance, hello->instance, INSTANCE_BYTES);
    guest->public_session = public_of(hello->instance);
    guest->resume_ms = hello->resume_ms < o->resume_ms ? hello->resume_ms : o->resume_ms;
    guest->detached_ns = weft__clock_ns();
    weft__numbers_init(&guest->workers, &station->node->mem);
    weft__numbers_init(&guest->subscriptions, &station->node->mem);
    list_init(&guest->on_station);
    if (!weft__timer_ready(&station->remote, &guest->drain, drain_due)) {
        weft__mem_free(&station->node->mem, guest);
        return WEFT_ENOMEM;
    }
    weft_error error = weft__session_init(&guest->session, &station->remote, &weft__guest_ops, 'N', &limits);
    if (error) {
        weft__timer_gone(&station->remote, &guest->drain);
        weft__mem_free(&station->node->mem, guest);
        return error;
    }
    guest->session.beat_ms = o->beat_ms;
    guest->session.beats_missed_max = o->beats_missed_max;
    guest->session.stall_ms = o->stall_ms;
    /* What is sent again after a cut waits as well: it is no fault of the guest's. */
    guest->session.waiting_bytes_most =
        (uint64_t)WAITING_FRAMES_MAX * o->frame_bytes_max + limits.window_bytes + limits.waiting_bytes;
    *made = guest;
    return WEFT_OK;
}

/* Its client has given it up: what it left behind is over before the next one begins. */
static void give_up(struct station *station, const struct frame_hello *hello)
{
    weft__lock(&station->lock);
    struct guest *guest = find(station, hello->instance);
    bool given_up = guest && hello->epoch > guest->epoch;
    if (given_up) weft__session_hold(&guest->session);
    weft__unlock(&station->lock);
    if (!given_up) return;
    weft__guest_end(guest, (weft_cause){.kind = WEFT_CAUSE_LINK_LOST});
    weft__session_drop(&guest->session);
}

/* Finds or makes the guest. Gives a reference. *fresh: it is new, and not a participant yet. */
static weft_error seat(struct station *station, const struct frame_hello *hello, struct guest **found, bool *fresh)
{
    weft_error error = WEFT_OK;
    weft__lock(&station->lock);
    struct guest *guest = find(station, hello->instance);
    *fresh = !guest;
    if (station->closing)
        error = WEFT_ECLOSED;
    else if (guest && hello->epoch <= guest->epoch)
        error = WEFT_ESTALE;
    else if (!guest && public_taken(station, hello->instance))
        error = WEFT_EEXIST;
    else if (!guest && station->guests_count >= station->options.sessions_max)
        error = WEFT_ELIMIT;
    else if (!guest)
        error = guest_new(station, hello, &guest);
    if (!error) {
        guest->epoch = hello->epoch;
        guest->version = hello->highest < PROTOCOL_HIGHEST ? hello->highest : PROTOCOL_HIGHEST;
        if (*fresh) {
            list_push_back(bucket_of(station, hello->instance), &guest->on_station);
            station->guests_count++;
        }
        weft__session_hold(&guest->session);
        *found = guest;
    }
    weft__unlock(&station->lock);
    return error;
}

static const char *refusal(weft_error error)
{
    switch (error) {
    case WEFT_ECLOSED: return "the node is closing";
    case WEFT_ESTALE: return "stale: a newer connection of this session was here";
    case WEFT_ELIMIT: return "sessions_max: the node serves as many client nodes as it may";
    case WEFT_EEXIST: return "the name, or the beginning of the instance, is taken at the node: choose another";
    default: return weft_error_text(error);
    }
}

static void greeted(struct conn *conn, const struct frame *frame)
{
    struct station *station = conn->context;
    const struct frame_hello *hello = &frame->hello;
    char sentence[FRAME_SENTENCE_MAX];
    struct pipe_peer peer;
    struct guest *guest;
    bool fresh;
    if (frame->kind != FRAME_HELLO) {
        weft__conn_refuse(conn, WEFT_EPROTOCOL, "a client says hello first");
        return;
    }
    if (hello->lowest > PROTOCOL_HIGHEST || hello->highest < PROTOCOL_LOWEST) {
        (void)snprintf(sentence, sizeof sentence, "this node speaks versions %d to %d, the client %u to %u",
                       PROTOCOL_LOWEST, PROTOCOL_HIGHEST, hello->lowest, hello->highest);
        weft__conn_refuse(conn, WEFT_EUNSUPPORTED, sentence);
        return;
    }
    if (hello->name && !weft__word_valid(hello->name, ".")) {
        weft__conn_refuse(conn, WEFT_EINVAL, "the name is not 1 to 64 of [A-Za-z0-9_.-]");
        return;
    }
    if (!weft__strange_session(public_of(hello->instance))) {
        weft__conn_refuse(conn, WEFT_EPROTOCOL,
                          "instance: bit 52 of its first eight bytes is not set, as in the node's own");
        return;
    }
    if (hello->anew) give_up(station, hello);
    weft_error error = seat(station, hello, &guest, &fresh);
    if (!error && fresh) {
        weft__pipe_peer(conn->pipe, &peer);
        watch_process(guest, hello, &peer);
        error = attach_participant(guest, guest->name);
        if (error) {
            weft__lock(&station->lock);
            guest->ended = true;
            list_remove(&guest->on_station);
            station->guests_count--;
            weft__unlock(&station->lock);
            weft__session_over(&guest->session);
            weft__session_drop(&guest->session);
            weft__session_drop(&guest->session);
        }
    }
    if (error) {
        weft__conn_refuse(conn, error, refusal(error));
        return;
    }
    if (fresh) /* where it is never attached */
        weft__timer_at(&station->remote, &guest->session.timer,
                       weft__clock_after_ms(weft__clock_ns(), guest->resume_ms));
    weft__conn_attach(conn, &guest->session, fresh ? 0 : hello->received); /* else it is of a session that is gone */
    weft__session_drop(&guest->session);
}

/* --- what its session tells ------------------------------------------------------------------- */

static void guest_welcome(struct session *session, struct frame *frame)
{
    struct guest *guest = list_record(session, struct guest, session);
    const weft_listen_options *o = &guest->station->options;
    *frame = (struct frame){.kind = FRAME_WELCOME,
                            .welcome = {.version = guest->version,
                                        .resumed = guest->resumed,
                                        .received = weft__line_received(session->line),
                                        .session = guest->public_session,
                                        .resume_ms = guest->resume_ms,
                                        .beat_ms = o->beat_ms,
                                        .beats_missed_max = o->beats_missed_max,
                                        .frame_max = o->frame_bytes_max,
                                        .window = 1 << 20,
                                        .name = guest->name}};
    memcpy(frame->welcome.node, guest->station->id, INSTANCE_BYTES);
    guest->resumed = true;
}

static uint64_t next_beat(const struct session *session, uint64_t now_ns)
{
    return weft__clock_after_ms(now_ns, session->beat_ms);
}

static void guest_up(struct session *session)
{
    struct guest *guest = list_record(session, struct guest, session);
    struct station *station = guest->station;
    weft__lock(&station->lock);
    guest->detached_ns = 0;
    weft__unlock(&station->lock);
    weft__timer_at(&station->remote, &session->timer, next_beat(session, weft__clock_ns()));
    bar(guest, GUEST_DETACHED, false);
}

static void guest_down(struct session *session, weft_error error, const char *sentence)
{
    struct guest *guest = list_record(session, struct guest, session);
    struct station *station = guest->station;
    (void)sentence;
    bar(guest, GUEST_DETACHED, true);
    uint64_t now_ns = weft__clock_ns();
    weft__lock(&station->lock);
    guest->detached_ns = now_ns;
    bool died = guest->died, ended = guest->ended, closing = station->closing;
    weft__unlock(&station->lock);
    if (ended) return;
    if (closing)
        weft__guest_end(guest, (weft_cause){.kind = WEFT_CAUSE_RELEASED});
    else if (died)
        weft__guest_end(guest, guest->cause);
    else if (error == WEFT_EPROTOCOL) /* each end may have another picture of the session: it cannot go on */
        weft__guest_end(guest, (weft_cause){.kind = WEFT_CAUSE_LINK_LOST});
    else
        weft__timer_at(&station->remote, &session->timer, weft__clock_after_ms(now_ns, guest->resume_ms));
}

/* An orderly end: answered, and all is over. */
static void guest_goodbye(struct session *session)
{
    struct guest *guest = list_record(session, struct guest, session);
    if (!leave_core(guest, (weft_cause){.kind = WEFT_CAUSE_RELEASED})) return;
    weft__session_close(session, WEFT_OK, NULL);
    weft__session_over(session);
    weft__session_drop(session); /* the station's */
}

/* A sign of life; or the end of one that gives none; or of one that was not taken up again. */
static void guest_beat(struct session *session, uint64_t now_ns)
{
    struct guest *guest = list_record(session, struct guest, session);
    struct station *station = guest->station;
    weft__lock(&station->lock);
    uint64_t detached_ns = guest->detached_ns;
    bool ended = guest->ended;
    weft__unlock(&station->lock);
    if (ended) return;
    if (detached_ns) {
        uint64_t end_ns = weft__clock_after_ms(detached_ns, guest->resume_ms);
        if (now_ns < end_ns)
            weft__timer_at(&station->remote, &session->timer, end_ns);
        else
            weft__guest_end(guest, (weft_cause){.kind = WEFT_CAUSE_LINK_LOST});
        return;
    }
    weft__session_beat(session, now_ns);
    weft__timer_at(&station->remote, &session->timer, next_beat(session, now_ns));
}

void weft__guest_delivered(struct session *session)
{
    weft__session_close(session, WEFT_OK, NULL);
}

static void not_greeted(struct conn *conn, weft_error error, const char *sentence)
{
    (void)conn;
    (void)error;
    (void)sentence;
}

const struct session_ops weft__guest_ops = {.hears = 'C',
                                            .greeted = greeted,
                                            .welcome = guest_welcome,
                                            .up = guest_up,
                                            .frames = weft__guest_frames,
                                            .taken = weft__guest_taken,
                                            .put = weft__guest_put,
                                            .spent = weft__guest_spent,
                                            .goodbye = guest_goodbye,
                                            .delivered = weft__guest_delivered,
                                            .down = guest_down,
                                            .lost = not_greeted,
                                            .backlogged = guest_backlogged,
                                            .failed = guest_failed,
                                            .beat = guest_beat,
                                            .free = guest_free};
