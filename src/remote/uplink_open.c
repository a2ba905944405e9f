/* uplink_open.c: how a client node begins and ends. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "link/process.h"
#include "remote/client.h"
#include "remote/remote.h"
#include "remote/uplink_inside.h"

enum { GOODBYE_MS = 100, STALL_MS = 30000, BURY_MS = 10 };

/* What comes so soon after the last that left waits for more, see weft__hurry. */
#define GATHERS_NS (NS_PER_MS / 5)

static const struct line_limits line_limits = {
    .window_bytes = 1 << 20, .waiting_bytes = 1 << 20, .frame_max = FRAME_LARGE_MAX};

/* --- deaths of this process's own --------------------------------------------------------------- */

static void bury(struct timer *timer, uint64_t now_ns)
{
    struct uplink *uplink = list_record(timer, struct uplink, buries);
    uint64_t later_ns = weft__clock_after_ms(now_ns, BURY_MS);
    if (!weft__client_bury(uplink->node, later_ns))
        weft__timer_at(&uplink->remote, timer, weft__clock_after_ms(later_ns, BURY_MS));
}

/* A thread may end when the node has begun to be torn down: its end is not awaited before that of the participants. */
static void somebody_died(weft_node *node)
{
    struct uplink *uplink = node->uplink;
    weft__lock(&uplink->lock);
    if (!uplink->closing) weft__timer_at(&uplink->remote, &uplink->buries, 0);
    weft__unlock(&uplink->lock);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static weft_error split_urls(struct uplink *uplink, const char *urls)
{
    char sentence[FRAME_SENTENCE_MAX];
    uplink->texts = weft__mem_text(&uplink->node->mem, urls);
    if (!uplink->texts) return weft__error(WEFT_ENOMEM, "dial: no memory");
    char *rest = NULL;
    for (char *url = strtok_r(uplink->texts, ", ", &rest); url; url = strtok_r(NULL, ", ", &rest)) {
        if (!weft__url_check(url, false, sentence)) return weft__error(WEFT_EINVAL, "dial: %.80s: %s", url, sentence);
        if (strlen(url) > WEFT_URL_MAX || uplink->urls_count == UPLINK_URLS_MAX)
            return weft__error(WEFT_EINVAL, "dial: at most %d addresses of %d bytes", UPLINK_URLS_MAX, WEFT_URL_MAX);
        uplink->urls[uplink->urls_count++] = url;
    }
    return uplink->urls_count ? WEFT_OK : weft__error(WEFT_EINVAL, "dial: no address is given");
}

static weft_error check(const char *urls, const weft_dial_options *o, weft_node **node)
{
    if (!urls || !node) return weft__error_null("weft_node_dial", !urls ? "urls" : "node");
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "dial: options.version is not 1: initialise them with WEFT_DIAL_OPTIONS");
    if (o->name && !weft__word_valid(o->name, "."))
        return weft__error(WEFT_EINVAL, "dial: name %.80s is not 1 to 64 of [A-Za-z0-9_.-]", o->name);
    return WEFT_OK;
}

static bool copy_tls(struct uplink *uplink, const weft_dial_options *o)
{
    const char *from[] = {o->tls_ca_file, o->tls_cert_key_file, o->tls_server_name};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        if (from[i]) uplink->tls_texts[i] = weft__mem_text(&uplink->node->mem, from[i]);
        if (from[i] && !uplink->tls_texts[i]) return false;
    }
    uplink->tls = (struct pipe_tls){
        .ca_file = uplink->tls_texts[0], .cert_key_file = uplink->tls_texts[1], .server_name = uplink->tls_texts[2]};
    return true;
}

/* Everything but the connection. What fails is freed by who called. */
static weft_error build(struct uplink *uplink, const char *urls, const weft_dial_options *o)
{
    weft_node *node = uplink->node;
    if (!copy_tls(uplink, o)) return weft__error(WEFT_ENOMEM, "dial: no memory");
    uplink->options = *o;
    uplink->options.node = NULL;
    uplink->options.name = NULL;
    if (o->name) (void)snprintf(uplink->name, sizeof uplink->name, "%s", o->name);
    weft_error error = split_urls(uplink, urls);
    if (error) return error;
    if (weft__process_start_time((int32_t)getpid(), &uplink->start_time)) uplink->start_time = 0;
    uplink->spare = weft__line_new(&node->mem, 'C', &line_limits);
    if (!uplink->spare || !weft__timer_ready(&uplink->remote, &uplink->again, weft__uplink_again_due) ||
        !weft__timer_ready(&uplink->remote, &uplink->buries, bury) ||
        weft__session_init(&uplink->session, &uplink->remote, &weft__uplink_ops, 'C', &line_limits))
        return weft__error(WEFT_ENOMEM, "dial: no memory");
    uplink->seated = true;
    uplink->session.beat_ms = 5000;
    uplink->session.beats_missed_max = 3;
    uplink->session.stall_ms = STALL_MS;
    uint64_t now_ns = weft__enter(node);
    error = weft__core_uplink_open(node->core, now_ns, node->process->session, &uplink->session.dest);
    uplink->session.gathers_ns = GATHERS_NS;
    node->gathers = &uplink->session.dest;
    node->lead = &uplink->lead;
    if (!error) weft__session_pump_ready(&uplink->session);
    weft__leave(node);
    return error ? weft__error_plain(error, "dial") : WEFT_OK;
}

static weft_error uplink_new(weft_node *node, const unsigned char *instance, uint64_t public_session,
                             struct uplink **made)
{
    struct uplink *uplink = weft__mem_zalloc(&node->mem, sizeof(*uplink));
    if (!uplink) return weft__error(WEFT_ENOMEM, "dial: no memory");
    uplink->node = node;
    uplink->public_session = public_session;
    memcpy(uplink->instance, instance, INSTANCE_BYTES);
    list_init(&uplink->asking);
    list_init(&uplink->standing);
    list_init(&uplink->anew);
    list_init(&uplink->waiters);
    weft__numbers_init(&uplink->tasks, &node->mem);
    weft__numbers_init(&uplink->hands, &node->mem);
    weft__lock_init(&uplink->lock, LOCK_STATION);
    weft__lead_init(&uplink->lead, weft__service_watch, node);
    uplink->down_ns = weft__clock_ns();
    weft_error error = weft__remote_start(&uplink->remote, node);
    if (error) {
        weft__lead_fini(&uplink->lead);
        weft__lock_fini(&uplink->lock);
        weft__mem_free(&node->mem, uplink);
        return weft__error(error, "dial: no thread to be had");
    }
    *made = uplink;
    return WEFT_OK;
}

static weft_error await_first(struct uplink *uplink)
{
    char said[ERROR_TEXT_MAX];
    weft_error error = WEFT_OK;
    weft__lock(&uplink->lock);
    while (!uplink->was_up && !uplink->refused && !error)
        if (!weft__uplink_await_change(uplink, uplink->first_ns)) error = WEFT_ELOST;
    if (uplink->refused) error = uplink->refused;
    if (uplink->was_up) error = WEFT_OK;
    bool tries = error == WEFT_ELOST && !uplink->again_ns;
    if (tries && !uplink->said[uplink->url][0]) weft__uplink_note(uplink, UPLINK_SILENT); /* else what it said before */
    weft__uplink_said(uplink, said, sizeof said);
    weft__unlock(&uplink->lock);
    return error ? weft__error(error, "dial: %s", said) : WEFT_OK;
}

static weft_error dial_node(const char *urls, const weft_dial_options *options, weft_node **dialled)
{
    unsigned char instance[INSTANCE_BYTES];
    uint64_t public_session;
    weft_node *node;
    randombytes_buf(instance, sizeof instance);
    instance[6] &= 0x1f; /* below 2^53: a number that every reader of JSON reads as it stands */
    instance[7] = 0;
    memcpy(&public_session, instance, sizeof public_session);
    public_session |= CORE_STRANGE_SESSION;
    memcpy(instance, &public_session, sizeof public_session);
    weft_error error = weft__node_open(options->node, public_session, &node);
    if (error) return error;
    error = uplink_new(node, instance, public_session, &node->uplink);
    if (!error) error = build(node->uplink, urls, options);
    if (!error) {
        node->uplink->first_ns = weft__deadline(weft__clock_ns(), options->dial_timeout_ms);
        weft__uplink_dial_next(node->uplink);
        weft__uplink_set_timer(node->uplink);
        error = await_first(node->uplink);
    }
    if (!error && options->node && options->node->hooks && weft__callbacks_start(node))
        error = weft__error(WEFT_ESYSTEM, "dial: no thread for the hooks to be had");
    if (error) {
        char said[ERROR_TEXT_MAX];
        (void)snprintf(said, sizeof said, "%s", weft_error_message());
        (void)weft_node_close(node, 0);
        return weft__error(error, "%s", said);
    }
    node->died = somebody_died;
    *dialled = node;
    return WEFT_OK;
}

weft_error weft_node_dial(const char *urls, const weft_dial_options *options, weft_node **dialled)
{
    const weft_dial_options defaults = WEFT_DIAL_OPTIONS;
    int cancel;
    if (weft__forked) return weft__error_forked(__func__);
    if (!options) options = &defaults;
    weft_error error = check(urls, options, dialled);
    if (error) return error;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* random bytes and files are cancellation points */
    error = dial_node(urls, options, dialled);
    (void)pthread_setcancelstate(cancel, NULL);
    return error;
}

/* All that was put has been got: the last word can be said. */
void weft__uplink_delivered(struct session *session)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    weft__lock(&uplink->lock);
    uplink->parted = true;
    weft__unlock(&uplink->lock);
    weft__session_close(session, WEFT_OK, NULL);
}

/* Goodbye is said when everything before it was got, and answered when it was dealt with. A connection that breaks before that is
 * made anew. */
void weft__uplink_part(struct uplink *uplink, uint64_t deadline_ns)
{
    struct session *session = &uplink->session;
    weft__lock(&uplink->lock);
    bool was_up = uplink->was_up;
    weft__unlock(&uplink->lock);
    if (!was_up) return;
    uint64_t least_ns = weft__clock_after_ms(weft__clock_ns(), GOODBYE_MS);
    if (deadline_ns < least_ns) deadline_ns = least_ns;
    weft__session_await_pump(session, deadline_ns);
    weft__lock(&uplink->lock);
    bool up = uplink->was_up && !uplink->down_ns, parting = uplink->was_up && !uplink->lost;
    uplink->parting = parting;
    weft__unlock(&uplink->lock);
    if (!parting) return;
    weft__lock(&session->lock);
    bool at_once = weft__line_unacknowledged(session->line) == 0;
    session->wants_delivered = !at_once;
    if (!at_once) weft__line_beat(session->line, true);
    weft__unlock(&session->lock);
    if (at_once && !up) return;
    if (at_once)
        weft__uplink_delivered(session);
    else
        weft__session_flush(session);
    weft__lock(&uplink->lock);
    while (uplink->parting && !uplink->lost && !(uplink->parted && uplink->down_ns) &&
           weft__uplink_await_change(uplink, deadline_ns)) {
    }
    uplink->parted = true;
    weft__unlock(&uplink->lock);
}

void weft__uplink_close(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uplink->closing = true;
    struct dial *dial = uplink->dial;
    if (dial) weft__dial_cancel(dial);
    while (uplink->dialling || uplink->starting || uplink->greeting_count)
        (void)weft__uplink_await_change(uplink, PARK_FOREVER);
    dial = uplink->dial;
    uplink->dial = NULL;
    weft__unlock(&uplink->lock);
    weft__dial_free(dial); /* its call has returned then */
    weft__timer_gone(&uplink->remote, &uplink->again);
    weft__timer_gone(&uplink->remote, &uplink->buries);
    weft__uplink_tell_all(uplink, WEFT_ECLOSED);
    if (uplink->seated) {
        weft__session_over(&uplink->session);
        weft__session_drop(&uplink->session);
    }
    weft__remote_stop(&uplink->remote);
}

void weft__uplink_destroy(struct uplink *uplink)
{
    const struct mem *mem = &uplink->node->mem;
    weft__line_free(uplink->spare);
    for (struct list_node *on; (on = list_pop_front(&uplink->standing));)
        weft__mem_free(mem, list_record(on, struct standing, on));
    for (size_t i = 0; i < UPLINK_CONTRACTS; i++)
        weft__contract_drop(uplink->contracts[i]);
    weft__numbers_fini(&uplink->tasks);
    weft__numbers_fini(&uplink->hands);
    for (size_t i = 0; i < sizeof uplink->tls_texts / sizeof *uplink->tls_texts; i++)
        weft__mem_free(mem, uplink->tls_texts[i]);
    weft__mem_free(mem, uplink->texts);
    weft__lead_fini(&uplink->lead);
    weft__lock_fini(&uplink->lock);
    weft__mem_free(mem, uplink);
}
