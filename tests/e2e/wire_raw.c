/* Clients that are none: a plain socket, over each transport, that sends what it likes to a node with another client at work:
 *   - garbage, wrong lengths, half frames, frames over the maximum, frames of the wrong end: an error frame that names the cause, or
 *     the end of the stream; never more than that
 *   - each kind of frame before the greeting, and each that a client may send where there is nothing that it could be about
 *   - versions that do not exist; names that are none; a session with the same or a smaller epoch; with a larger one, which closes
 *     the older connection first
 *   - an instance under whose number the node's own dispatches are known: it is no session
 *   - who says nothing is let go after greeting_ms; floods of those leave room for others
 *   - who goes in order with calls open leaves nothing behind
 *   - who asks for much, takes nothing of it and comes back for more loses its session
 * And after each the node serves the other client as before. */
#include "e2e/wire_relay.h"

#include "base/mem.h"
#include "frame/frame.h"
#include "remote/ask.h"
#include "remote/clerk.h"

/* --- a plain client ------------------------------------------------------------------------------- */

struct raw {
    int fd;
    unsigned char bytes[1 << 16];
    size_t have, spent;
    bool reset; /* the stream was: what was said last may be gone with it */
};

static void raw_connect(struct raw *raw, const struct site *site)
{
    raw->have = raw->spent = 0;
    raw->reset = false;
    raw->fd = connect_to(site->url);
    check_true(raw->fd >= 0);
    /* A last resort: what should end or answer does not. */
    const struct timeval patience = {.tv_sec = 20};
    check_eq(setsockopt(raw->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
}

/* The other end may have closed already. */
static void raw_send(struct raw *raw, const void *bytes, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t put = send(raw->fd, (const char *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (put <= 0) return;
        sent += (size_t)put;
    }
}

static void raw_frame(struct raw *raw, const struct frame *frame)
{
    unsigned char bytes[1 << 16];
    check_true(weft__frame_size(frame) <= sizeof bytes);
    raw_send(raw, bytes, (size_t)(weft__frame_write(frame, false, bytes) - bytes));
}

/* The node's next frame; false: the stream has ended. What it says points into the client's bytes until the next call. */
static bool raw_next(struct raw *raw, struct frame *frame)
{
    char sentence[FRAME_SENTENCE_MAX];
    size_t need;
    memmove(raw->bytes, raw->bytes + raw->spent, raw->have - raw->spent);
    raw->have -= raw->spent;
    raw->spent = 0;
    for (;;) {
        enum frame_reading reading = weft__frame_read(raw->bytes, raw->have, 'N', SIZE_MAX, frame, &need, sentence);
        check_true(reading != FRAME_BAD);
        if (reading == FRAME_WHOLE) {
            raw->spent = frame->size;
            return true;
        }
        ssize_t got = recv(raw->fd, raw->bytes + raw->have, sizeof raw->bytes - raw->have, 0);
        raw->reset = got < 0 && errno == ECONNRESET;
        check_true(got >= 0 || raw->reset); /* not that nothing comes */
        if (got <= 0) return false;
        raw->have += (size_t)got;
    }
}

/* The next frame that is no beat. */
static bool raw_next_said(struct raw *raw, struct frame *frame)
{
    while (raw_next(raw, frame))
        if (frame->kind != FRAME_BEAT) return true;
    return false;
}

static struct frame hello_of(unsigned char number, uint64_t epoch)
{
    struct frame frame = {
        .kind = FRAME_HELLO,
        .hello = {.lowest = PROTOCOL_LOWEST, .highest = PROTOCOL_HIGHEST, .epoch = epoch, .resume_ms = 60000}};
    memset(frame.hello.instance, number, sizeof frame.hello.instance);
    frame.hello.instance[6] |= 0x10;
    return frame;
}

static void raw_greet(struct raw *raw, unsigned char number, uint64_t epoch, bool resumed)
{
    struct frame frame = hello_of(number, epoch);
    raw_frame(raw, &frame);
    check_true(raw_next(raw, &frame));
    check_str(weft__frame_name(frame.kind), "welcome");
    check_eq(frame.welcome.resumed, resumed);
}

/* It is told what was wrong, or not even that; and the stream ends. code 0: whichever. */
static void check_thrown_out(struct raw *raw, weft_error code, const char *word)
{
    struct frame frame;
    bool told = false;
    while (raw_next_said(raw, &frame)) {
        if (frame.kind != FRAME_ERROR) continue;
        told = true;
        if (code) check_str(weft_error_name((weft_error)frame.error.code), weft_error_name(code));
        if (word && !strstr(frame.error.sentence, word)) check_str(frame.error.sentence, word);
    }
    check_true(told || !word || raw->reset);
    close(raw->fd);
}

/* --- the scene -------------------------------------------------------------------------------------- */

struct scene {
    struct site site;
    weft_node *client;
    weft_worker *worker;
};

static void open_scene(struct scene *scene, const struct way *way, const weft_listen_options *options)
{
    open_site(&scene->site, way, options);
    check_ok(weft_channel_declare(scene->site.node, OTHER, NULL));
    check_ok(weft_channel_declare(scene->site.node, "event.test.news", NULL));
    scene->client = dial_named(scene->site.url, "client");
    scene->worker = register_named(scene->client, "worker", 4, echo, NULL);
}

static void check_serves(struct scene *scene)
{
    weft_reply reply = dispatch(scene->client, CHANNEL, "still there?");
    check_reply_text(&reply, "still there?");
}

/* Sessions of the plain clients are given up: nothing hangs on them. */
static void close_scene(struct scene *scene)
{
    check_serves(scene);
    check_ok(weft_worker_unregister(scene->worker));
    close_all_of(scene->client);
    await_true(stats_of(scene->site.node).attempts_running == 0);
    close_all_of(scene->site.node);
}

static void put32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

/* --- bytes that are no frames ------------------------------------------------------------------------- */

static void garbage_is_thrown_out(void **state)
{
    struct scene scene;
    struct raw raw;
    unsigned seed = 1;
    open_scene(&scene, *state, NULL);
    for (int greeted = 0; greeted < 2; greeted++) {
        for (unsigned i = 0; i < rounds("WIRE_GARBAGE", 60); i++) {
            unsigned char bytes[3000];
            for (size_t at = 0; at < sizeof bytes; at++)
                bytes[at] = (unsigned char)roll(&seed, 256);
            if (i % 2) put32(bytes, 8 + roll(&seed, 100)); /* a size that may be */
            if (i % 2) bytes[4] = (unsigned char)(1 + roll(&seed, 64));
            if (i % 4 == 3) bytes[5] = bytes[6] = bytes[7] = 0;
            raw_connect(&raw, &scene.site);
            if (greeted) raw_greet(&raw, (unsigned char)(1 + i % 200), i / 200 + 1, false);
            raw_send(&raw, bytes, sizeof bytes);
            (void)shutdown(raw.fd, SHUT_WR); /* if it is not thrown out already */
            check_thrown_out(&raw, WEFT_OK, NULL);
            if (i % 8 == 0) check_serves(&scene);
        }
    }
    close_scene(&scene);
}

static void wrong_lengths_are_told(void **state)
{
    static const struct {
        unsigned char bytes[16];
        size_t size;
        const char *word;
        bool greeted;
    } cases[] = {
        {{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}, 8, "hello", false},
        {{0, 0, 0, 0, 1, 0, 0, 0}, 8, "hello", false},
        {{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P'}, 10, "", false},
        {{8, 0, 0, 0, 99, 0, 0, 0}, 8, "99", false},
        {{0xff, 0xff, 0xff, 0x7f, 16, 0, 0, 0}, 8, "dispatch", true},
        {{8, 0, 0, 0, 16, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 16, "dispatch", true},
        {{7, 0, 0, 0, 17, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7}, 15, "cancel", true},
        {{8, 0, 0, 0, 17, 0xf0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 16, "cancel", true},
        {{8, 0, 0, 0, 17, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 16, "", true},
        {{8, 0, 0, 0, 200, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 16, "200", true},
        {{1, 0, 0, 0, 4, 0, 0, 0, 1}, 9, "goodbye", true},
    };
    struct scene scene;
    struct raw raw;
    open_scene(&scene, *state, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        raw_connect(&raw, &scene.site);
        if (cases[i].greeted) raw_greet(&raw, (unsigned char)(i + 1), 1, false);
        raw_send(&raw, cases[i].bytes, cases[i].size);
        check_thrown_out(&raw, WEFT_EPROTOCOL, cases[i].word);
        check_serves(&scene);
    }
    close_scene(&scene);
}

static void half_frames_wait_and_harm_nobody(void **state)
{
    struct scene scene;
    struct raw raws[20];
    unsigned char bytes[256];
    open_scene(&scene, *state, NULL);
    for (unsigned i = 0; i < 20; i++) {
        struct frame hello = hello_of((unsigned char)(i + 1), 1);
        size_t size = (size_t)(weft__frame_write(&hello, false, bytes) - bytes);
        raw_connect(&raws[i], &scene.site);
        raw_send(&raws[i], bytes, i < 10 ? size * i / 10 : size);
        if (i < 10) continue;
        struct frame dispatch = {.kind = FRAME_DISPATCH,
                                 .dispatch = {.call = 1, .priority = 2, .channel = OTHER, .payload = WEFT_TEXT("x")}};
        size = (size_t)(weft__frame_write(&dispatch, false, bytes) - bytes);
        raw_send(&raws[i], bytes, size * (i - 10) / 10);
    }
    check_serves(&scene);
    for (unsigned i = 0; i < 20; i++)
        close(raws[i].fd);
    check_serves(&scene);
    check_eq(info_of(scene.site.node, OTHER).queued, 0);
    close_scene(&scene);
}

static void raw_part(struct raw *raw, unsigned char flags, uint32_t total, uint32_t size)
{
    static unsigned char bytes[1 << 16];
    memset(bytes, 'x', sizeof bytes);
    put32(bytes, 4 + size);
    bytes[4] = FRAME_PART;
    bytes[5] = flags;
    bytes[6] = bytes[7] = 0;
    put32(bytes + 8, total);
    raw_send(raw, bytes, 12 + size);
}

static void large_frames_are_bounded(void **state)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    options.frame_bytes_max = 200000;
    struct scene scene;
    struct raw raw;
    open_scene(&scene, *state, &options);
    for (int i = 0; i < 7; i++) {
        raw_connect(&raw, &scene.site);
        raw_greet(&raw, (unsigned char)(i + 1), 1, false);
        switch (i) {
        case 0: raw_part(&raw, 1, 200001, 30000); break; /* over the maximum */
        case 1: raw_part(&raw, 1, UINT32_MAX, 30000); break;
        case 2: raw_part(&raw, 0, 0, 1000); break;                                      /* the middle of nothing */
        case 3: raw_part(&raw, 1, 100, 100); break;                                     /* that is not large */
        case 4: raw_part(&raw, 3, 100000, 1000); break;                                 /* the end, with too little */
        case 5: raw_part(&raw, 1, 70000, 40000), raw_part(&raw, 2, 0, 40000); break;    /* more than was said */
        default: raw_part(&raw, 1, 70000, 1000), raw_part(&raw, 1, 70000, 1000); break; /* one in another */
        }
        check_thrown_out(&raw, WEFT_EPROTOCOL, i < 2 ? "are allowed" : "");
        check_serves(&scene);
    }
    /* In parts, whole, and no frame at all. */
    raw_connect(&raw, &scene.site);
    raw_greet(&raw, 100, 1, false);
    raw_part(&raw, 1, 80000, 40000);
    raw_part(&raw, 2, 0, 40000);
    check_thrown_out(&raw, WEFT_EPROTOCOL, "");
    close_scene(&scene);
}

/* --- frames out of place ---------------------------------------------------------------------------- */

/* One of each kind, about nothing that there is. */
static struct frame about_nothing(enum frame_kind kind)
{
    struct frame frame = {.kind = kind};
    const weft_bytes text = WEFT_TEXT("x");
    switch (kind) {
    case FRAME_HELLO: return hello_of(77, 1);
    case FRAME_WELCOME: frame.welcome.name = "x"; break;
    case FRAME_ERROR: frame.error = (struct frame_error){.code = WEFT_EPROTOCOL, .sentence = "you are wrong"}; break;
    case FRAME_PART: frame.part = (struct frame_part){.bytes = text}; break;
    case FRAME_DISPATCH:
        frame.dispatch =
            (struct frame_dispatch){.call = 7, .priority = 2, .channel = "dispatch.no.such", .payload = text};
        break;
    case FRAME_CANCEL: frame.call.call = UINT64_MAX; break;
    case FRAME_ROOM:
    case FRAME_TASK_ROOM: frame.room = (struct frame_room){UINT64_MAX, UINT32_MAX}; break;
    case FRAME_REGISTER:
        frame.reg = (struct frame_register){.ask = 1, .worker = 9, .max_concurrent = 1, .channel = "dispatch.no.such"};
        break;
    case FRAME_UNREGISTER:
    case FRAME_DRAIN:
    case FRAME_WORKER_ENDED: frame.worker = (struct frame_worker){.ask = 2, .worker = UINT64_MAX}; break;
    case FRAME_STARTED:
    case FRAME_ALIVE:
    case FRAME_RELEASED:
    case FRAME_GIVE_BACK:
    case FRAME_TASK_CANCEL: frame.of_task.task = UINT64_C(0x123456789abc); break;
    case FRAME_PROGRESS:
    case FRAME_PARTIAL: frame.said = (struct frame_said){UINT64_MAX, text}; break;
    case FRAME_RESULT: frame.result = (struct frame_result){.task = 1, .kind = 1, .payload = text}; break;
    case FRAME_PUBLISH:
        frame.publish = (struct frame_publish){.ask = 3, .channel = "event.no.such", .payload = text};
        break;
    case FRAME_SUBSCRIBE:
        frame.subscribe = (struct frame_subscribe){
            .ask = 4, .subscription = 5, .items_max = 1, .bytes_max = 1, .pattern = "event.no.such"};
        break;
    case FRAME_UNSUBSCRIBE:
    case FRAME_SUBSCRIPTION_ENDED: frame.of_subscription = (struct frame_of_subscription){.ask = 6}; break;
    case FRAME_ASK: frame.ask = (struct frame_ask){.ask = 8, .operation = UINT16_MAX, .body = text}; break;
    case FRAME_OUTCOME: frame.outcome = (struct frame_outcome){.call = 1, .outcome = 1, .admission = 1}; break;
    case FRAME_UPDATE: frame.update = (struct frame_update){.call = 1, .kind = 1}; break;
    case FRAME_TASK: frame.task = (struct frame_task){.task = 1, .worker = 1}; break;
    case FRAME_EVENT: frame.event.channel = "event.test.news"; break;
    case FRAME_ANSWER: frame.answer = (struct frame_answer){.ask = 1, .sentence = ""}; break;
    default: break;
    }
    return frame;
}

#define KIND_OF(name, number, text, by, body) {FRAME_##name, #by[0]},
static const struct {
    enum frame_kind kind;
    char by;
} kinds[] = {FRAMES(KIND_OF)};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void every_frame_before_the_greeting_is_refused(void **state)
{
    struct scene scene;
    struct raw raw;
    open_scene(&scene, *state, NULL);
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].kind == FRAME_HELLO) continue;
        struct frame frame = about_nothing(kinds[i].kind);
        raw_connect(&raw, &scene.site);
        raw_frame(&raw, &frame);
        check_thrown_out(&raw, WEFT_EPROTOCOL, kinds[i].kind == FRAME_ERROR ? "" : weft__frame_name(kinds[i].kind));
        check_serves(&scene);
    }
    close_scene(&scene);
}

/* What a client may not send ends its connection; what is about nothing is answered, or nothing at all; and what comes behind it is
 * served. */
static void every_frame_about_nothing_harms_nobody(void **state)
{
    struct scene scene;
    struct raw raw;
    open_scene(&scene, *state, NULL);
    for (size_t i = 0; i < KINDS; i++) {
        enum frame_kind kind = kinds[i].kind;
        struct frame frame = about_nothing(kind);
        bool fatal = kinds[i].by == 'N' || kind == FRAME_HELLO || kind == FRAME_PART;
        raw_connect(&raw, &scene.site);
        raw_greet(&raw, (unsigned char)(i + 1), 1, false);
        raw_frame(&raw, &frame);
        if (fatal) {
            check_thrown_out(&raw, WEFT_EPROTOCOL, weft__frame_name(kind));
        } else if (kind == FRAME_ERROR) {
            check_thrown_out(&raw, WEFT_OK, NULL);
        } else if (kind == FRAME_GOODBYE) {
            if (raw_next_said(&raw, &frame)) /* else the welcome was still being written, and it went with the stream */
                check_str(weft__frame_name(frame.kind), "goodbye");
            close(raw.fd);
        } else {
            struct frame call = about_nothing(FRAME_DISPATCH);
            call.dispatch.channel = CHANNEL;
            call.dispatch.call = 1000;
            raw_frame(&raw, &call);
            do
                check_true(raw_next_said(&raw, &frame));
            while (frame.kind != FRAME_OUTCOME || frame.outcome.call != 1000);
            check_eq(frame.outcome.outcome, WEFT_COMPLETED);
            close(raw.fd);
        }
        check_serves(&scene);
    }
    close_scene(&scene);
}

/* A task's number is its worker's own. */
static void nobody_settles_the_task_of_another(void **state)
{
    struct scene scene;
    struct raw owner, thief;
    weft_completions *completions;
    open_scene(&scene, *state, NULL);
    raw_connect(&owner, &scene.site);
    raw_greet(&owner, 1, 1, false);
    raw_connect(&thief, &scene.site);
    raw_greet(&thief, 2, 1, false);
    struct frame frame = about_nothing(FRAME_REGISTER);
    frame.reg.channel = OTHER;
    raw_frame(&owner, &frame);
    check_true(raw_next_said(&owner, &frame) && frame.kind == FRAME_ANSWER && !frame.answer.error);
    check_ok(weft_completions_open(scene.client, 1, &completions));
    (void)submit(completions, OTHER, "mine", 1);
    check_true(raw_next_said(&owner, &frame) && frame.kind == FRAME_TASK);
    struct frame result = about_nothing(FRAME_RESULT);
    result.result.task = frame.task.task;
    result.result.payload = WEFT_TEXT("stolen");
    raw_frame(&thief, &result);
    struct frame wanted = {.kind = FRAME_BEAT, .beat = {.received = 0, .wanted = true}};
    raw_frame(&thief, &wanted);
    struct frame beat;
    check_true(raw_next(&thief, &beat)); /* it was dealt with */
    result.result.payload = WEFT_TEXT("honest");
    raw_frame(&owner, &result);
    raw_frame(&owner, &result); /* twice is once */
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "honest");
    check_ok(weft_completions_close(completions));
    close(owner.fd);
    close(thief.fd);
    close_scene(&scene);
}

static void hear_nothing(const weft_update *update, void *context)
{
    (void)update;
    (void)context;
    thread_check_true(false);
}

/* It fits into the frame that brings it, and into none that takes it on. */
static void a_part_that_no_frame_takes_on_fails_its_task(void **state)
{
    static unsigned char bytes[65000];
    weft_listen_options narrow = WEFT_LISTEN_OPTIONS;
    weft_dispatch_options streams = WEFT_DISPATCH_OPTIONS;
    struct scene scene;
    struct raw raw;
    weft_completions *completions;
    narrow.frame_bytes_max = 65536;
    streams.updated = hear_nothing;
    streams.window = 1;
    open_scene(&scene, *state, &narrow);
    raw_connect(&raw, &scene.site);
    raw_greet(&raw, 1, 1, false);
    struct frame frame = about_nothing(FRAME_REGISTER);
    frame.reg.channel = OTHER;
    raw_frame(&raw, &frame);
    check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_ANSWER && !frame.answer.error);
    check_ok(weft_completions_open(scene.client, 1, &completions));
    for (enum frame_kind kind = FRAME_PROGRESS; kind <= FRAME_PARTIAL; kind++) {
        check_ok(weft_dispatch_submit(completions, OTHER, WEFT_TEXT("x"), &streams, 1, NULL));
        check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_TASK);
        const uint64_t task = frame.task.task;
        const struct frame said = {.kind = kind, .said = {task, {bytes, sizeof bytes}}};
        raw_frame(&raw, &said);
        weft_reply reply = next_reply(completions);
        check_str(reply.message, "what it tells is larger than a frame of this node may be");
        check_reply_code(&reply, WEFT_FAILED, "payload_too_large");
        frame = (struct frame){.kind = FRAME_RESULT, .result = {.task = task, .kind = 1, .payload = WEFT_TEXT("x")}};
        raw_frame(&raw, &frame);
    }
    check_ok(weft_completions_close(completions));
    close(raw.fd);
    close_scene(&scene);
}

/* --- greetings ---------------------------------------------------------------------------------------- */

static void greetings_that_will_not_do(void **state)
{
    struct scene scene;
    struct raw raw, newer;
    open_scene(&scene, *state, NULL);
    struct frame hello = hello_of(1, 1);
    hello.hello.lowest = hello.hello.highest = PROTOCOL_HIGHEST + 1;
    raw_connect(&raw, &scene.site);
    raw_frame(&raw, &hello);
    check_thrown_out(&raw, WEFT_EUNSUPPORTED, "versions");
    hello = hello_of(1, 1);
    hello.hello.name = "no name/at all";
    raw_connect(&raw, &scene.site);
    raw_frame(&raw, &hello);
    check_thrown_out(&raw, WEFT_EINVAL, "name");
    hello.hello.name = "client"; /* which is there */
    raw_connect(&raw, &scene.site);
    raw_frame(&raw, &hello);
    check_thrown_out(&raw, WEFT_EEXIST, "taken");

    raw_connect(&raw, &scene.site);
    raw_greet(&raw, 2, 5, false);
    for (uint64_t epoch = 4; epoch <= 5; epoch++) {
        hello = hello_of(2, epoch);
        raw_connect(&newer, &scene.site);
        raw_frame(&newer, &hello);
        check_thrown_out(&newer, WEFT_ESTALE, "stale");
    }
    raw_connect(&newer, &scene.site);
    raw_greet(&newer, 2, 6, true);
    check_thrown_out(&raw, WEFT_OK, NULL); /* the older one is closed */
    struct frame call = about_nothing(FRAME_DISPATCH), frame;
    call.dispatch.channel = CHANNEL;
    raw_frame(&newer, &call);
    check_true(raw_next_said(&newer, &frame) && frame.kind == FRAME_OUTCOME);
    check_eq(frame.outcome.outcome, WEFT_COMPLETED);

    hello = hello_of(2, 7); /* of more than was ever sent */
    hello.hello.received = 1000;
    raw_connect(&raw, &scene.site);
    raw_frame(&raw, &hello);
    check_thrown_out(&raw, WEFT_EPROTOCOL, "");
    raw_connect(&raw, &scene.site);
    hello = hello_of(2, 8);
    hello.hello.anew = true;
    raw_frame(&raw, &hello);
    check_true(raw_next(&raw, &frame) && frame.kind == FRAME_WELCOME && !frame.welcome.resumed);
    close(raw.fd);
    close(newer.fd);
    close_scene(&scene);
}

static void who_says_nothing_is_let_go(void **state)
{
    enum { FLOOD = 300 };
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    options.greeting_ms = 150;
    struct scene scene;
    static struct raw raws[FLOOD];
    open_scene(&scene, *state, &options);
    for (int i = 0; i < FLOOD; i++)
        raw_connect(&raws[i], &scene.site);
    check_serves(&scene);
    for (int i = 0; i < FLOOD; i++)
        check_thrown_out(&raws[i], WEFT_ETIMEDOUT, NULL);
    weft_node *another = dial_named(scene.site.url, "another");
    close_all_of(another);
    close_scene(&scene);
}

/* Its calls would have the ids of what the node itself has dispatched, and its cancels be theirs. */
static void nobody_takes_the_ids_of_the_nodes_own(void **state)
{
    struct scene scene;
    struct raw raw;
    weft_completions *completions;
    weft_worker *worker;
    weft_task *task;
    open_scene(&scene, *state, NULL);
    check_ok(weft_worker_register(scene.site.node, OTHER, NULL, NULL, NULL, &worker));
    check_ok(weft_completions_open(scene.site.node, 4, &completions));
    weft_dispatch_id own = submit(completions, OTHER, "the node's", 1);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    const uint64_t sessions[] = {own.session, 0, (UINT64_C(1) << 52) - 1};
    for (size_t i = 0; i < sizeof sessions / sizeof *sessions; i++) {
        struct frame hello = hello_of(3, 1);
        memcpy(hello.hello.instance, &sessions[i], sizeof sessions[i]);
        raw_connect(&raw, &scene.site);
        raw_frame(&raw, &hello);
        const struct frame cancel = {.kind = FRAME_CANCEL, .call = {.call = own.number}};
        raw_frame(&raw, &cancel);
        check_thrown_out(&raw, WEFT_EPROTOCOL, "instance");
    }
    check_true(!weft_task_cancelled(task));
    check_ok(weft_task_complete(task, WEFT_TEXT("done")));
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "done");
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* --- endings ------------------------------------------------------------------------------------------ */

static void who_goes_with_calls_open_leaves_nothing(void **state)
{
    struct scene scene;
    struct raw raw;
    open_scene(&scene, *state, NULL);
    for (int in_order = 0; in_order < 2; in_order++) {
        struct frame frame = about_nothing(FRAME_DISPATCH);
        weft_worker *worker;
        weft_task *task;
        check_ok(weft_worker_register(scene.site.node, OTHER, NULL, NULL, NULL, &worker));
        raw_connect(&raw, &scene.site);
        frame = hello_of((unsigned char)(50 + in_order), 1);
        frame.hello.resume_ms = 100;
        raw_frame(&raw, &frame);
        check_true(raw_next(&raw, &frame) && frame.kind == FRAME_WELCOME);
        frame = about_nothing(FRAME_DISPATCH);
        frame.dispatch.channel = OTHER;
        raw_frame(&raw, &frame);
        frame.dispatch.call = 8;
        frame.dispatch.detached = true;
        raw_frame(&raw, &frame);
        check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
        const struct frame goodbye = {.kind = FRAME_GOODBYE};
        if (in_order) raw_frame(&raw, &goodbye);
        if (in_order) check_thrown_out(&raw, WEFT_OK, NULL);
        if (!in_order) close(raw.fd);
        await_true(weft_task_cancelled(task));
        (void)weft_task_acknowledge_cancel(task);
        check_ok(weft_worker_next(worker, WEFT_FOREVER, &task)); /* the detached one */
        check_true(!weft_task_cancelled(task));
        check_ok(weft_task_complete(task, WEFT_TEXT("alone")));
        check_ok(weft_worker_unregister(worker));
        await_true(stats_of(scene.site.node).dispatches_open == 0);
        await_true(stats_of(scene.site.node).participants == 2);
    }
    close_scene(&scene);
}

/* A worker goes with its tasks in hand: they have died with it, or, where its client says that it has told of all, never begun. */
static void goes_with_its_tasks(void **state, bool told)
{
    struct scene scene;
    struct raw raw;
    weft_completions *completions;
    struct frame frame = about_nothing(FRAME_REGISTER);
    open_scene(&scene, *state, NULL);
    check_ok(weft_completions_open(scene.client, 4, &completions));
    raw_connect(&raw, &scene.site);
    raw_greet(&raw, 1, 1, false);
    frame.reg.channel = OTHER;
    frame.reg.max_concurrent = 2;
    raw_frame(&raw, &frame);
    check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_ANSWER && !frame.answer.error);
    (void)submit(completions, OTHER, "one", 1);
    (void)submit(completions, OTHER, "two", 2);
    check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_TASK);
    check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_TASK);
    frame = (struct frame){.kind = FRAME_UNREGISTER, .worker = {.ask = 2, .worker = 9, .told = told}};
    raw_frame(&raw, &frame);
    check_true(raw_next_said(&raw, &frame));
    weft_worker *heir = register_worker(scene.client, OTHER, echo, NULL);
    for (int i = 0; i < 2; i++) {
        weft_reply reply = next_reply(completions);
        check_eq(reply.attempts, 1);
        if (told)
            check_reply_text(&reply, i ? "two" : "one");
        else
            check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
    }
    check_ok(weft_worker_unregister(heir));
    check_ok(weft_completions_close(completions));
    close(raw.fd);
    close_scene(&scene);
}

static void a_worker_that_goes_with_its_task(void **state)
{
    goes_with_its_tasks(state, false);
    goes_with_its_tasks(state, true);
}

/* But for one of protocol, where each end may have another picture of what was said. */
static void after_an_error_the_session_goes_on(void **state)
{
    static const weft_error codes[] = {WEFT_ENOMEM, WEFT_ECLOSED, WEFT_ESLOW, WEFT_EPROTOCOL};
    struct site site;
    struct raw raw;
    struct frame frame;
    open_site(&site, *state, NULL);
    for (unsigned char i = 0; i < sizeof codes / sizeof *codes; i++) {
        raw_connect(&raw, &site);
        raw_greet(&raw, i + 1, 1, false);
        frame = (struct frame){.kind = FRAME_ERROR, .error = {.code = (uint16_t)codes[i], .sentence = "it happens"}};
        raw_frame(&raw, &frame);
        while (raw_next(&raw, &frame)) {
        }
        close(raw.fd);
        uint64_t epoch = 2;
        frame = hello_of(i + 1, epoch);
        raw_connect(&raw, &site);
        for (raw_frame(&raw, &frame); !raw_next(&raw, &frame); raw_frame(&raw, &frame)) {
            check_eq(codes[i], WEFT_EPROTOCOL); /* it came before the session had ended */
            frame = hello_of(i + 1, ++epoch);
            close(raw.fd);
            raw_connect(&raw, &site);
        }
        check_str(weft__frame_name(frame.kind), "welcome");
        check_eq(frame.welcome.resumed, codes[i] != WEFT_EPROTOCOL);
        close(raw.fd);
    }
    close_all_of(site.node);
}

struct publisher {
    weft_node *node;
    atomic_bool over;
};

static void *publish_on(void *argument)
{
    struct publisher *publisher = argument;
    while (!atomic_load(&publisher->over))
        thread_check_ok(weft_publish(publisher->node, "event.test.news", WEFT_TEXT("news"), NULL, NULL));
    return NULL;
}

/* Though the node is writing at that moment. A beat, or what it misses, would take an hour. */
static void who_breaks_the_protocol_goes_at_once(void **state)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    options.beat_ms = 3600000;
    struct scene scene;
    struct raw raw;
    open_scene(&scene, *state, &options);
    struct publisher publisher = {.node = scene.site.node};
    pthread_t thread = start(publish_on, &publisher);
    for (unsigned char i = 1; i <= 200; i++) {
        struct frame frame = {
            .kind = FRAME_SUBSCRIBE,
            .subscribe = {
                .ask = 1, .subscription = 1, .pattern = "event.test.news", .items_max = 16, .bytes_max = 65536}};
        raw_connect(&raw, &scene.site);
        raw_greet(&raw, i, 1, false);
        raw_frame(&raw, &frame);
        while (raw_next(&raw, &frame) && frame.kind != FRAME_EVENT) {
        }
        check_str(weft__frame_name(frame.kind), "event");
        frame = hello_of(i, 1);
        raw_frame(&raw, &frame);
        check_thrown_out(&raw, WEFT_EPROTOCOL, NULL);
    }
    atomic_store(&publisher.over, true);
    join(thread);
    close_scene(&scene);
}

/* So many asks in one write. */
static void raw_asks(struct raw *raw, enum ask_operation operation, const void *arguments, uint32_t count)
{
    struct shape_out out = {.mem = &weft__mem_libc, .most = 1 << 10};
    weft__shape_write(&out, weft__ask_row(operation)->arguments, arguments);
    struct frame frame = {.kind = FRAME_ASK, .ask = {.operation = (uint16_t)operation, .body = {out.bytes, out.size}}};
    unsigned char *bytes = malloc(count * weft__frame_size(&frame)), *end = bytes;
    check_true(bytes != NULL);
    for (uint32_t i = 0; i < count; i++) {
        frame.ask.ask = i + 1;
        end = weft__frame_write(&frame, false, end);
    }
    weft__shape_out_free(&out);
    raw_send(raw, bytes, (size_t)(end - bytes));
    free(bytes);
}

/* It asks for more than it takes: its connection ends. It comes back for more and has still taken nothing: its session ends. */
static void who_never_takes_what_it_asked_for_is_let_go(void **state)
{
    enum { ASKS = 60, CONNECTIONS_MAX = 100 };
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    struct scene scene;
    struct raw raw;
    static char text[60000];
    const struct ask_named large = {.name = "large"};
    weft_schema *schema;
    bool resumed = true;
    unsigned connections = 0;
    options.frame_bytes_max = 65536;
    open_scene(&scene, *state, &options);
    (void)snprintf(text, sizeof text, "{\"description\": \"%0*d\"}", (int)sizeof text - 32, 0);
    check_ok(weft_schema_compile(weft_text(text), NULL, &schema));
    check_ok(weft_schema_register(scene.site.node, "large", schema));
    weft_schema_release(schema);
    for (; resumed; connections++) {
        check_true(connections < CONNECTIONS_MAX);
        struct frame frame = hello_of(1, connections + 1);
        raw_connect(&raw, &scene.site);
        raw_frame(&raw, &frame);
        if (raw_next(&raw, &frame)) { /* else it came while its session was ended */
            check_str(weft__frame_name(frame.kind), "welcome");
            resumed = connections == 0 || frame.welcome.resumed;
            if (resumed) raw_asks(&raw, ASK_SCHEMA_GET, &large, ASKS);
        }
        if (resumed) check_thrown_out(&raw, WEFT_ESLOW, NULL);
        check_serves(&scene);
    }
    check_true(connections > 2);
    close(raw.fd);
    close_scene(&scene);
}

static weft_dispatch_id submit_detached(weft_node *node)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    options.detached = true;
    check_ok(weft_dispatch_async(node, OTHER, WEFT_TEXT("x"), &options, NULL, NULL, 0, &ticket));
    return ticket.id;
}

enum { QUICK_CALL = 8, SLOW_CALLS = 60 };

/* A quick one, and behind it, in one read, what takes long to validate. True: its outcome came before that was over. */
static bool quick_before_slow(struct scene *scene, unsigned epoch)
{
    static unsigned char bytes[1 << 16], *end = bytes;
    struct raw raw;
    struct frame frame;
    const struct ask_none none = {0};
    const uint64_t last = QUICK_CALL + 2 * SLOW_CALLS;
    raw_connect(&raw, &scene->site);
    raw_greet(&raw, 1, epoch, false);
    raw_asks(&raw, ASK_PING, &none, 1000); /* then it reads much at a time */
    for (int i = 0; i < 1000; i++)
        check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_ANSWER);
    frame = about_nothing(FRAME_DISPATCH);
    frame.dispatch.call = QUICK_CALL;
    frame.dispatch.channel = CHANNEL;
    frame.dispatch.payload = WEFT_TEXT("\"quick\"");
    end = weft__frame_write(&frame, false, bytes);
    for (uint64_t i = 1; i <= SLOW_CALLS; i++) { /* a group of frames is prepared before any of it is let in */
        frame.dispatch.call = QUICK_CALL + i;
        frame.dispatch.channel = "dispatch.no.such";
        end = weft__frame_write(&frame, false, end);
    }
    frame.dispatch.channel = "dispatch.test.slow";
    for (uint64_t i = 1; i <= SLOW_CALLS; i++) {
        frame.dispatch.call = QUICK_CALL + SLOW_CALLS + i;
        frame.dispatch.payload = i < SLOW_CALLS ? WEFT_TEXT("\"x\"") : WEFT_TEXT("1");
        end = weft__frame_write(&frame, false, end);
    }
    raw_send(&raw, bytes, (size_t)(end - bytes));
    bool served = false;
    while (raw_next_said(&raw, &frame) && frame.kind == FRAME_OUTCOME && frame.outcome.call != last)
        served |= frame.outcome.call == QUICK_CALL && frame.outcome.outcome == WEFT_COMPLETED;
    check_eq(frame.kind, FRAME_OUTCOME);
    if (!served) /* it comes behind them, and the raw end has it in hand before it says goodbye */
        check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_OUTCOME && frame.outcome.call == QUICK_CALL);
    frame = (struct frame){.kind = FRAME_GOODBYE};
    raw_frame(&raw, &frame);
    check_thrown_out(&raw, WEFT_OK, NULL);
    return served;
}

/* The task of another's worker does not wait for what is being validated. (On a busy machine that may be over before the worker's
 * process has had its turns: so there are some tries.) */
static void who_takes_long_to_read_holds_up_nobody(void **state)
{
    enum { DEPTH = 16, TRIES = 20 };
    static char text[4096];
    struct scene scene;
    weft_schema *schema;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    open_scene(&scene, *state, NULL);
    size_t size = (size_t)snprintf(text, sizeof text, "{\"$ref\": \"#/$defs/0\", \"$defs\": {");
    for (int i = 0; i < DEPTH; i++)
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "\"%d\": {\"allOf\": [{\"$ref\": \"#/$defs/%d\"}, {\"$ref\": \"#/$defs/%d\"}]}, ", i,
                                 i + 1, i + 1);
    (void)snprintf(text + size, sizeof text - size, "\"%d\": {\"type\": \"string\"}}}", DEPTH);
    check_ok(weft_schema_compile(weft_text(text), NULL, &schema));
    check_ok(weft_schema_register(scene.site.node, "slow", schema));
    weft_schema_release(schema);
    options.schema = "slow";
    check_ok(weft_channel_declare(scene.site.node, "dispatch.test.slow", &options));
    bool served = false;
    for (unsigned try = 1; try <= TRIES && !served; try++)
        served = quick_before_slow(&scene, try);
    check_true(served);
    close_scene(&scene);
}

/* A client does not choose how long the node's threads are at one document. */
static void schemas_of_clients_have_bounds(void **state)
{
    struct scene scene;
    weft_schema *schema;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    open_scene(&scene, *state, NULL);
    check_ok(weft_schema_compile(WEFT_TEXT("true"), &options, &schema));
    check_ok(weft_schema_register(scene.client, "bounded", schema));
    weft_schema_release(schema);
    options.steps_max++;
    check_ok(weft_schema_compile(WEFT_TEXT("true"), &options, &schema));
    check_err(weft_schema_register(scene.client, "unbounded", schema), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "steps_max") != NULL);
    weft_schema_release(schema);
    close_scene(&scene);
}

/* As many as it likes: others ask all the same; and they end with it. */
static void asks_that_wait_take_nobodys_place(void **state)
{
    struct scene scene;
    struct raw raw;
    struct frame frame;
    weft_listing *listing;
    open_scene(&scene, *state, NULL);
    const struct ask_fetch fetch = {.id = submit_detached(scene.site.node), .timeout_ms = WEFT_FOREVER};
    raw_connect(&raw, &scene.site);
    raw_greet(&raw, 1, 1, false);
    raw_asks(&raw, ASK_DISPATCH_FETCH, &fetch, CLERK_JOBS_MAX + 1);
    for (uint32_t refused = 0; refused < CLERK_JOBS_MAX + 1 - CLERK_SHARE_MAX; refused++) {
        check_true(raw_next_said(&raw, &frame) && frame.kind == FRAME_ANSWER);
        check_str(weft_error_name((weft_error)frame.answer.error), "WEFT_ELIMIT");
    }
    check_ok(weft_node_inspect(scene.client, NULL, &listing));
    weft_listing_release(listing);
    frame = (struct frame){.kind = FRAME_GOODBYE};
    raw_frame(&raw, &frame);
    check_thrown_out(&raw, WEFT_OK, NULL);
    check_ok(weft_dispatch_cancel(scene.site.node, fetch.id));
    close_scene(&scene);
}

static void complete_large(weft_task *task, void *context)
{
    static unsigned char bytes[65300];
    (void)context;
    thread_check_ok(weft_task_complete(task, (weft_bytes){bytes, sizeof bytes}));
}

/* It fits a frame as a result, but not with what an answer has besides: that is its outcome then, and it is not lost. */
static void a_fetched_result_that_is_too_large_has_failed(void **state)
{
    weft_listen_options narrow = WEFT_LISTEN_OPTIONS;
    struct scene scene;
    weft_reply reply;
    narrow.frame_bytes_max = 65536;
    open_scene(&scene, *state, &narrow);
    weft_worker *worker = register_worker(scene.site.node, OTHER, complete_large, NULL);
    const weft_dispatch_id id = submit_detached(scene.site.node);
    check_ok(weft_dispatch_fetch(scene.client, id, WEFT_FOREVER, &reply));
    check_reply_code(&reply, WEFT_FAILED, "payload_too_large");
    check_err(weft_dispatch_fetch(scene.client, id, 0, &reply), WEFT_ENOTFOUND);
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* What is told of the worker that had it before is not taken for the one that has it now. */
static void a_number_may_be_used_again_at_once(void **state)
{
    struct scene scene;
    struct raw raw;
    weft_completions *completions;
    unsigned char bytes[4096], *end = bytes;
    struct frame frame, reg = about_nothing(FRAME_REGISTER);
    reg.reg.channel = OTHER;
    const struct frame unregister = {.kind = FRAME_UNREGISTER, .worker = {.ask = 2, .worker = reg.reg.worker}};
    open_scene(&scene, *state, NULL);
    check_ok(weft_completions_open(scene.client, 1, &completions));
    raw_connect(&raw, &scene.site);
    raw_greet(&raw, 1, 1, false);
    end = weft__frame_write(&reg, false, end);
    end = weft__frame_write(&unregister, false, end);
    end = weft__frame_write(&reg, false, end);
    raw_send(&raw, bytes, (size_t)(end - bytes));
    (void)submit(completions, OTHER, "x", 1);
    do
        check_true(raw_next(&raw, &frame));
    while (frame.kind != FRAME_TASK);
    frame = (struct frame){.kind = FRAME_GOODBYE};
    raw_frame(&raw, &frame);
    check_thrown_out(&raw, WEFT_OK, NULL);
    weft_reply reply = next_reply(completions);
    check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
    check_ok(weft_completions_close(completions));
    close_scene(&scene);
}

int main(int argc, char **argv)
{
    play_role(argc, argv, NULL, 0);
    const struct CMUnitTest tests[] = {
        OVER_EACH(garbage_is_thrown_out),
        OVER_EACH(wrong_lengths_are_told),
        OVER_EACH(half_frames_wait_and_harm_nobody),
        OVER_EACH(large_frames_are_bounded),
        OVER_EACH(after_an_error_the_session_goes_on),
        OVER_EACH(who_breaks_the_protocol_goes_at_once),
        OVER_EACH(every_frame_before_the_greeting_is_refused),
        OVER_EACH(every_frame_about_nothing_harms_nobody),
        OVER_EACH(nobody_settles_the_task_of_another),
        OVER_EACH(a_part_that_no_frame_takes_on_fails_its_task),
        OVER_EACH(greetings_that_will_not_do),
        OVER_EACH(nobody_takes_the_ids_of_the_nodes_own),
        OVER_EACH(who_says_nothing_is_let_go),
        OVER_EACH(who_goes_with_calls_open_leaves_nothing),
        OVER_EACH(a_worker_that_goes_with_its_task),
        OVER_EACH(who_never_takes_what_it_asked_for_is_let_go),
        OVER_EACH(who_takes_long_to_read_holds_up_nobody),
        OVER_EACH(schemas_of_clients_have_bounds),
        OVER_EACH(asks_that_wait_take_nobodys_place),
        OVER_EACH(a_fetched_result_that_is_too_large_has_failed),
        OVER_EACH(a_number_may_be_used_again_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
