/* station.c: where a node listens: the addresses, the guests together, and how it takes leave of them. */
#include <sodium.h>

#include "api/error.h"
#include "exec/node.h"
#include "remote/station.h"

static void accepted(void *context, struct pipe *pipe)
{
    struct station *station = context;
    if (!pipe) {
        uint64_t now_ns = weft__enter(station->node);
        weft__core_no_descriptors(station->node->core, now_ns);
        weft__leave_inside(station->node);
        return;
    }
    weft__lock(&station->remote.lock);
    bool crowded = station->remote.greeting_count >= GREETING_MAX;
    weft__unlock(&station->remote.lock);
    if (crowded)
        weft__remote_reap(&station->remote, pipe);
    else
        (void)weft__conn_new(&station->remote, &weft__guest_ops, station, pipe, station->options.greeting_ms, NULL);
}

weft_error weft__station_open(weft_node *node, const weft_listen_options *options, struct station **opened)
{
    struct station *station = weft__mem_zalloc(&node->mem, sizeof(*station));
    if (!station) return WEFT_ENOMEM;
    station->node = node;
    station->options = *options;
    randombytes_buf(station->id, sizeof station->id);
    randombytes_buf(station->hash_key, sizeof station->hash_key);
    for (size_t i = 0; i < STATION_BUCKETS; i++)
        list_init(&station->guests[i]);
    station->remote.half_bytes_max =
        options->half_bytes_max < options->frame_bytes_max ? options->frame_bytes_max : options->half_bytes_max;
    weft_error error = weft__remote_start(&station->remote, node);
    if (error) {
        weft__mem_free(&node->mem, station);
        return error;
    }
    weft__lock_init(&station->lock, LOCK_STATION);
    weft__process_monitor_init(&station->monitor, weft__guest_process_fired, station);
    weft__clerk_init(&station->clerk, node);
    *opened = station;
    return WEFT_OK;
}

/* A guest that was not told yet, at or behind that place in the table, with a reference; NULL: no more. all: or was. */
static struct guest *next_guest(struct station *station, size_t *bucket, bool all, bool *detached)
{
    struct guest *guest = NULL;
    weft__lock(&station->lock);
    for (; *bucket < STATION_BUCKETS && !guest; *bucket += !guest) {
        struct list_node *guests = &station->guests[*bucket];
        for (struct list_node *on = guests->next; on != guests && !guest; on = on->next) {
            struct guest *next = list_record(on, struct guest, on_station);
            if (all || !next->parting) guest = next;
        }
    }
    if (guest) {
        guest->parting = true;
        *detached = guest->detached_ns != 0;
        weft__session_hold(&guest->session);
    }
    weft__unlock(&station->lock);
    return guest;
}

static void say_goodbye(struct session *session)
{
    weft__lock(&session->lock);
    bool at_once = weft__line_unacknowledged(session->line) == 0;
    session->wants_delivered = !at_once;
    if (!at_once) weft__line_beat(session->line, true);
    weft__unlock(&session->lock);
    if (at_once)
        weft__guest_delivered(session);
    else
        weft__session_flush(session);
}

static void close_acceptors(struct station *station)
{
    weft__lock(&station->lock);
    station->closing = true;
    uint32_t count = station->acceptors_count;
    station->acceptors_count = 0;
    weft__unlock(&station->lock);
    for (uint32_t i = 0; i < count; i++)
        weft__acceptor_close(station->acceptors[i]);
}

/* False: the deadline has passed, and there are still some. */
static bool await_guests(struct station *station, uint64_t deadline_ns)
{
    struct park park;
    bool in_time = true;
    weft__lock(&station->lock);
    while (station->guests_count && in_time) {
        weft__park_init(&park);
        station->closer = &park;
        weft__unlock(&station->lock);
        in_time = weft__park(&park, deadline_ns);
        weft__lock(&station->lock);
        station->closer = NULL;
    }
    bool none = station->guests_count == 0;
    weft__unlock(&station->lock);
    return none;
}

void weft__station_part(struct station *station, uint64_t deadline_ns)
{
    close_acceptors(station);
    weft__clerk_finish(&station->clerk, deadline_ns);
    const weft_cause released = {.kind = WEFT_CAUSE_RELEASED};
    struct guest *guest;
    bool detached;
    for (size_t bucket = 0; (guest = next_guest(station, &bucket, false, &detached));) {
        if (!detached) weft__session_await_pump(&guest->session, deadline_ns);
        if (detached) /* and nobody is let in any more */
            weft__guest_end(guest, released);
        else
            say_goodbye(&guest->session);
        weft__session_drop(&guest->session);
    }
    if (await_guests(station, deadline_ns)) return;
    for (size_t bucket = 0; (guest = next_guest(station, &bucket, true, &detached));) {
        weft__guest_end(guest, released);
        weft__session_drop(&guest->session);
    }
}

void weft__station_free(struct station *station)
{
    struct mem *mem = &station->node->mem;
    weft__clerk_stop(&station->clerk);
    weft__remote_stop(&station->remote);
    weft__clerk_fini(&station->clerk);
    weft__process_monitor_stop(&station->monitor);
    weft__lock_fini(&station->lock);
    weft__mem_free(mem, station);
}

/* --- the public call -------------------------------------------------------------------------- */

static weft_error check(const weft_node *node, const char *url, const weft_listen_options *o)
{
    char sentence[FRAME_SENTENCE_MAX];
    if (!node || !url) return weft__error_null("weft_node_listen", !node ? "node" : "url");
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "listen: options.version is not 1: initialise them with WEFT_LISTEN_OPTIONS");
    if (!o->sessions_max || !o->beat_ms || !o->beats_missed_max || !o->greeting_ms || !o->stall_ms)
        return weft__error(WEFT_EINVAL,
                           "listen: sessions_max, beat_ms, beats_missed_max, greeting_ms and stall_ms are not 0");
    if (o->frame_bytes_max < 65536) return weft__error(WEFT_EINVAL, "listen: frame_bytes_max is at least 65536");
    if (!weft__url_check(url, true, sentence)) return weft__error(WEFT_EINVAL, "listen: %.80s: %s", url, sentence);
    return WEFT_OK;
}

static weft_error listen_at(weft_node *node, const char *url, const weft_listen_options *options, char *bound)
{
    const struct pipe_tls tls = {.ca_file = options->tls_ca_file, .cert_key_file = options->tls_cert_key_file};
    char sentence[FRAME_SENTENCE_MAX] = "", own_bound[WEFT_URL_MAX + 1];
    struct acceptor *acceptor;
    weft_error error = WEFT_OK;
    weft__lock(&node->lock);
    if (node->closing) error = WEFT_ECLOSED;
    if (!error && !node->station) error = weft__station_open(node, options, &node->station);
    struct station *station = node->station;
    weft__unlock(&node->lock);
    if (error) return weft__error_plain(error, "listen");
    error = weft__pipe_listen(&node->mem, url, options->tls_cert_key_file ? &tls : NULL, accepted, station, &acceptor,
                              bound ? bound : own_bound, sentence);
    if (error) return weft__error(error, "listen: %s: %s", url, sentence);
    weft__lock(&station->lock);
    bool closing = station->closing, fits = station->acceptors_count < STATION_URLS_MAX && !closing;
    if (fits) station->acceptors[station->acceptors_count++] = acceptor;
    weft__unlock(&station->lock);
    if (fits) return WEFT_OK;
    weft__acceptor_close(acceptor);
    if (closing) return weft__error_plain(WEFT_ECLOSED, "listen");
    return weft__error(WEFT_ELIMIT, "listen: %s: a node listens on %d addresses at most", url, STATION_URLS_MAX);
}

weft_error weft_transport_fini(void)
{
    if (weft__forked) return weft__error_forked(__func__);
    return weft__net_fini() ? WEFT_OK : weft__error(WEFT_EBUSY, "transport: a node still listens, or has dialled");
}

weft_error weft_node_listen(weft_node *node, const char *url, const weft_listen_options *options, char *bound)
{
    const weft_listen_options defaults = WEFT_LISTEN_OPTIONS;
    if (weft__forked) return weft__error_forked(__func__);
    if (!options) options = &defaults;
    weft_error error = check(node, url, options);
    if (error) return error;
    if (node->uplink) return weft__error(WEFT_EINVAL, "listen: this is a client node: it serves nobody");
    int cancel;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* random bytes and files are cancellation points */
    weft__call_open(node);                                         /* closing waits for it */
    error = listen_at(node, url, options, bound);
    weft__call_close(node);
    (void)pthread_setcancelstate(cancel, NULL);
    return error;
}
