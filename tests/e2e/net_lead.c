/* Who waits reads (src/net/lead.h), with real sockets:
 *   - the function of a busy pipe is called on the thread that waits in weft__lead_park
 *   - its permit and its deadline end that wait, whether bytes come or not; the next who waits takes over at once
 *   - where nobody waits a tick gives the read away; ticks are asked for when they are needed, and end
 *   - close ends a read that nobody does; free waits for who leads
 *   - of two pipes one is read, whoever leads the other; without seats who waits just sleeps
 *   - many threads with permits and deadlines lose neither these nor bytes
 * A tick comes when a test calls it, and its time is made up. */
#include "e2e/net_flow.h"
#include "net/lead.h"
#include "net/lead_seat.h"
#include "net/pipe_state.h"

enum { ASLEEP = 2, AWAY = 4 }; /* of park.word; beyond: away, too */

/* A lead, and how often it has asked for ticks. */
struct led {
    struct lead lead;
    atomic_uint watches;
};

static void count_watch(void *context)
{
    atomic_fetch_add(&((struct led *)context)->watches, 1);
}

static void open_led(struct led *led)
{
    atomic_init(&led->watches, 0);
    weft__lead_init(&led->lead, count_watch, led);
    check_true(weft__lead_seated(&led->lead));
}

/* One comes by that waits for nothing, and so may come again. */
static void come_by(struct led *led)
{
    struct park park;
    weft__park_init(&park);
    weft__unpark(&park);
    check_true(weft__lead_park(&led->lead, &park, PARK_FOREVER));
}

/* Few bytes come until it is busy, and nobody waits any more: then ticks are asked for. */
static void make_busy(struct flow *flow, struct led *led)
{
    unsigned before = atomic_load(&led->watches);
    while (atomic_load(&led->watches) == before) {
        come_by(led);
        flow_bounce(flow);
    }
    check_true(weft__pipe_unserved(flow->pair.near.pipe));
}

/* Both of these, in one. */
static struct flow *open_busy(struct led *led)
{
    open_led(led);
    struct flow *flow = open_flow(&ways[0], &led->lead);
    make_busy(flow, led);
    return flow;
}

static void close_both(struct flow *flow, struct led *led)
{
    close_flow(flow);
    weft__lead_fini(&led->lead);
}

/* A thread that waits. */
struct waiting {
    struct lead *lead;
    struct park park;
    uint64_t deadline_ns;
    bool given;
    pthread_t thread;
};

static void *wait_there(void *argument)
{
    struct waiting *waiting = argument;
    waiting->given = weft__lead_park(waiting->lead, &waiting->park, waiting->deadline_ns);
    return NULL;
}

static void begin_waiting(struct waiting *waiting, struct led *led)
{
    *waiting = (struct waiting){.lead = &led->lead, .deadline_ns = PARK_FOREVER};
    weft__park_init(&waiting->park);
    waiting->thread = start(wait_there, waiting);
}

static void await_leading(struct waiting *waiting)
{
    while (atomic_load(&waiting->park.word) < AWAY)
        sched_yield();
}

static void await_following(struct waiting *waiting)
{
    while (atomic_load(&waiting->park.word) != ASLEEP)
        sched_yield();
}

static void end_waiting(struct waiting *waiting)
{
    weft__unpark(&waiting->park);
    join(waiting->thread);
    check_true(waiting->given);
}

static uint64_t in_ms(uint64_t ms)
{
    return weft__clock_after_ms(weft__clock_ns(), ms);
}

/* --- one who waits ---------------------------------------------------------------------------- */

static void who_waits_calls_the_function_of_a_busy_pipe(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct led led;
        struct waiting waiting;
        open_led(&led);
        struct flow *flow = open_flow(&ways[way], &led.lead);
        make_busy(flow, &led);
        begin_waiting(&waiting, &led);
        for (int i = 0; i < 100; i++) {
            flow_bounce(flow);
            check_true(pthread_equal(atomic_load(&flow->thread), waiting.thread));
        }
        end_waiting(&waiting);
        close_both(flow, &led);
    }
}

static void a_permit_ends_the_wait_of_who_leads(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    for (int i = 0; i < 50; i++) {
        struct waiting waiting;
        begin_waiting(&waiting, &led);
        await_leading(&waiting);
        end_waiting(&waiting);
    }
    flow_send(flow, 1);
    struct waiting waiting;
    begin_waiting(&waiting, &led);
    flow_await_call(flow);
    check_true(pthread_equal(atomic_load(&flow->thread), waiting.thread));
    end_waiting(&waiting);
    close_both(flow, &led);
}

static void a_permit_that_is_there_ends_the_wait_at_once(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    struct park park;
    weft__park_init(&park);
    weft__unpark(&park);
    check_true(weft__lead_park(&led.lead, &park, PARK_FOREVER));
    weft__unpark(&park);
    check_true(weft__lead_park(&led.lead, &park, 0));
    check_true(!weft__lead_park(&led.lead, &park, 0));
    close_both(flow, &led);
}

static void who_leads_keeps_its_deadline(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    struct park park;
    weft__park_init(&park);
    for (uint64_t ms = 0; ms < 5; ms++) {
        uint64_t deadline_ns = in_ms(ms);
        check_true(!weft__lead_park(&led.lead, &park, deadline_ns));
        check_true(weft__clock_ns() >= deadline_ns);
    }
    close_both(flow, &led);
}

struct sender {
    struct flow *flow;
    atomic_bool over;
};

static void *send_on(void *argument)
{
    struct sender *sender = argument;
    while (!atomic_load(&sender->over))
        flow_send(sender->flow, 100);
    return NULL;
}

/* The sender goes on until who waits has returned. */
static void who_leads_keeps_its_deadline_and_takes_its_permit_while_much_comes(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    struct sender sender = {.flow = flow};
    struct park park;
    struct waiting waiting;
    weft__park_init(&park);
    pthread_t thread = start(send_on, &sender);
    uint64_t before = atomic_load(&flow->came);
    while (atomic_load(&flow->came) == before) { /* again where the sender has not run in that time */
        uint64_t deadline_ns = in_ms(20);
        check_true(!weft__lead_park(&led.lead, &park, deadline_ns));
        check_true(weft__clock_ns() >= deadline_ns);
    }
    begin_waiting(&waiting, &led);
    for (before = atomic_load(&flow->came); atomic_load(&flow->came) < before + 10000;)
        sched_yield();
    end_waiting(&waiting);
    atomic_store(&sender.over, true);
    begin_waiting(&waiting, &led); /* it may stand in a write */
    join(thread);
    flow_await_bytes(flow);
    end_waiting(&waiting);
    close_both(flow, &led);
}

/* --- several ---------------------------------------------------------------------------------- */

static void who_sleeps_takes_over_when_the_leader_leaves(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    struct waiting line[4];
    unsigned watches = atomic_load(&led.watches);
    for (int i = 0; i < 4; i++) {
        begin_waiting(&line[i], &led);
        if (i)
            await_following(&line[i]);
        else
            await_leading(&line[i]);
    }
    for (int i = 0; i < 4; i++) {
        await_leading(&line[i]);
        flow_bounce(flow);
        check_true(pthread_equal(atomic_load(&flow->thread), line[i].thread));
        end_waiting(&line[i]);
    }
    check_eq(atomic_load(&led.watches), watches);
    close_both(flow, &led);
}

static void who_sleeps_when_a_pipe_turns_busy_leads_it(void **state)
{
    (void)state;
    struct led led;
    struct waiting waiting;
    open_led(&led);
    struct flow *flow = open_flow(&ways[0], &led.lead);
    begin_waiting(&waiting, &led);
    await_following(&waiting);
    do
        flow_bounce(flow);
    while (!pthread_equal(atomic_load(&flow->thread), waiting.thread));
    check_eq(atomic_load(&led.watches), 0); /* he looks after it */
    end_waiting(&waiting);
    check_eq(atomic_load(&led.watches), 1); /* now nobody does */
    close_both(flow, &led);
}

static void who_sleeps_keeps_its_deadline(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    struct waiting waiting;
    struct park park;
    weft__park_init(&park);
    begin_waiting(&waiting, &led);
    await_leading(&waiting);
    uint64_t deadline_ns = in_ms(5);
    check_true(!weft__lead_park(&led.lead, &park, deadline_ns));
    check_true(weft__clock_ns() >= deadline_ns);
    flow_bounce(flow);
    end_waiting(&waiting);
    close_both(flow, &led);
}

/* It is his turn, and his deadline has just passed: his next wait lasts as long as it should. */
static void a_nudge_that_comes_too_late_is_forgotten(void **state)
{
    (void)state;
    struct led led;
    open_led(&led);
    for (bool late = false; !late;) { /* unless he had gone before the lock was had */
        struct waiting waiting = {.lead = &led.lead, .deadline_ns = in_ms(20)};
        weft__park_init(&waiting.park);
        waiting.thread = start(wait_there, &waiting);
        while (atomic_load(&waiting.park.word) != ASLEEP && weft__clock_ns() < waiting.deadline_ns)
            sched_yield();
        weft__lock(&led.lead.lock);
        while (atomic_load(&waiting.park.word) == ASLEEP)
            sched_yield();
        late = list_pop_front(&led.lead.followers) != NULL;
        if (late) weft__nudge(&waiting.park);
        weft__unlock(&led.lead.lock);
        join(waiting.thread);
        check_true(!waiting.given);
        uint64_t deadline_ns = in_ms(2);
        check_true(!weft__park(&waiting.park, deadline_ns));
        check_true(weft__clock_ns() >= deadline_ns);
    }
    weft__lead_fini(&led.lead);
}

/* --- ticks ------------------------------------------------------------------------------------ */

/* When the nth tick comes. */
static uint64_t tick_at(unsigned n)
{
    return NS_PER_S + n * NS_PER_MS;
}

static void a_tick_without_a_turn_gives_the_read_away(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    flow_send(flow, 1);
    (void)weft__lead_tick(&led.lead, tick_at(0));
    check_true(!weft__pipe_unserved(flow->pair.near.pipe));
    flow_await_call(flow);
    check_true(!pthread_equal(atomic_load(&flow->thread), pthread_self()));
    make_busy(flow, &led); /* it is offered again */
    close_both(flow, &led);
}

static void after_a_turn_the_read_waits_for_one_tick_more(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    come_by(&led);
    check_true(weft__lead_tick(&led.lead, tick_at(0)));
    check_true(weft__pipe_unserved(flow->pair.near.pipe));
    check_true(weft__lead_tick(&led.lead, tick_at(1)));
    check_true(!weft__pipe_unserved(flow->pair.near.pipe));
    flow_bounce(flow);
    close_both(flow, &led);
}

static void a_tick_leaves_who_leads_alone(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    struct waiting waiting;
    begin_waiting(&waiting, &led);
    await_leading(&waiting);
    for (unsigned i = 0; i < 100; i++)
        (void)weft__lead_tick(&led.lead, tick_at(i));
    flow_bounce(flow);
    check_true(pthread_equal(atomic_load(&flow->thread), waiting.thread));
    end_waiting(&waiting);
    close_both(flow, &led);
}

static void ticks_are_asked_for_when_a_read_is_left_and_end(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    check_eq(atomic_load(&led.watches), 1);
    check_true(atomic_load(&led.lead.watched));
    come_by(&led); /* leaves it again: ticks come anyway */
    check_eq(atomic_load(&led.watches), 1);
    unsigned ticks = 0;
    while (weft__lead_tick(&led.lead, tick_at(ticks)))
        check_true(++ticks < 100);
    check_true(ticks >= 2);
    check_true(!atomic_load(&led.lead.watched));
    make_busy(flow, &led);
    check_eq(atomic_load(&led.watches), 2);
    close_both(flow, &led);
}

/* Callbacks and a host's loop do not wait in a call of weft's: what comes is theirs at once. */
static void a_read_is_left_to_nobody_who_is_not_expected(void **state)
{
    (void)state;
    struct led led;
    open_led(&led);
    struct flow *flow = open_flow(&ways[0], &led.lead);
    for (int i = 0; i < 50; i++)
        flow_bounce(flow);
    check_eq(atomic_load(&led.watches), 0);
    make_busy(flow, &led);
    weft__lead_share(&led.lead);
    come_by(&led);
    check_true(!weft__pipe_unserved(flow->pair.near.pipe));
    for (int i = 0; i < 50; i++) {
        come_by(&led);
        flow_bounce(flow);
    }
    check_eq(atomic_load(&led.watches), 1);
    close_both(flow, &led);
}

/* Both are waked at once: the leader mostly leaves first, and passes the read on to one who goes, too. */
static void a_read_is_looked_after_though_the_next_who_waits_goes(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    for (unsigned i = 1, ticks = 0; i <= 100; i++) {
        struct waiting leader, follower;
        begin_waiting(&leader, &led);
        await_leading(&leader);
        begin_waiting(&follower, &led);
        await_following(&follower);
        while (weft__lead_tick(&led.lead, tick_at(1000 * i + ticks)))
            ticks++;
        weft__lock(&led.lead.lock);
        weft__unpark(&leader.park);
        for (int j = 0; j < 20; j++)
            sched_yield();
        weft__unpark(&follower.park);
        weft__unlock(&led.lead.lock);
        join(leader.thread);
        join(follower.thread);
        check_true(leader.given && follower.given);
        check_true(weft__pipe_unserved(flow->pair.near.pipe));
        check_true(atomic_load(&led.lead.watched));
    }
    close_both(flow, &led);
}

/* --- the end of a pipe ------------------------------------------------------------------------ */

static void close_near(struct flow *flow)
{
    weft__pipe_close(flow->pair.near.pipe);
    flow_await_call(flow);
    check_true(atomic_load(&flow->ended));
}

static void close_ends_a_read_that_nobody_does(void **state)
{
    (void)state;
    struct led led;
    struct park park;
    struct flow *flow = open_busy(&led);
    weft__park_init(&park);
    close_near(flow);
    close_flow(flow);
    check_true(!weft__lead_park(&led.lead, &park, in_ms(1))); /* nothing is left of it */
    (void)weft__lead_tick(&led.lead, tick_at(0));
    (void)weft__lead_tick(&led.lead, tick_at(1));
    weft__lead_fini(&led.lead);
}

static void close_ends_the_read_of_who_leads_and_he_waits_on(void **state)
{
    (void)state;
    struct led led;
    struct waiting waiting;
    struct flow *flow = open_busy(&led);
    begin_waiting(&waiting, &led);
    await_leading(&waiting);
    close_near(flow);
    check_true(pthread_equal(atomic_load(&flow->thread), waiting.thread));
    await_following(&waiting);
    close_flow(flow);
    end_waiting(&waiting);
    weft__lead_fini(&led.lead);
}

static void the_end_of_a_stream_is_told_by_who_leads(void **state)
{
    (void)state;
    struct led led;
    struct waiting waiting;
    struct flow *flow = open_busy(&led);
    begin_waiting(&waiting, &led);
    await_leading(&waiting);
    weft__pipe_close(flow->pair.far.pipe);
    flow_await_call(flow);
    check_true(atomic_load(&flow->ended));
    end_waiting(&waiting);
    close_both(flow, &led);
}

struct freeing {
    struct pipe *pipe;
    atomic_bool freed;
};

static void *free_it(void *argument)
{
    struct freeing *freeing = argument;
    weft__pipe_free(freeing->pipe);
    atomic_store(&freeing->freed, true);
    return NULL;
}

static bool awaits_its_end(struct freeing *freeing)
{
    weft__lock(&freeing->pipe->lock);
    bool awaits = freeing->pipe->gone != NULL;
    weft__unlock(&freeing->pipe->lock);
    return awaits;
}

static void free_waits_for_who_leads_inside_the_function(void **state)
{
    (void)state;
    struct led led;
    struct waiting waiting;
    struct stop stop = {0};
    struct flow *flow = open_busy(&led);
    begin_waiting(&waiting, &led);
    await_leading(&waiting);
    flow->stop = &stop;
    flow_send(flow, 1);
    event_await(&stop.began, 1);
    struct freeing freeing = {.pipe = flow->pair.near.pipe};
    pthread_t thread = start(free_it, &freeing);
    while (!atomic_load(&freeing.freed) && !awaits_its_end(&freeing))
        sched_yield();
    check_true(!atomic_load(&freeing.freed));
    event_give(&stop.go_on);
    join(thread);
    check_true(atomic_load(&flow->ended));
    flow->pair.near.pipe = NULL;
    end_waiting(&waiting);
    close_both(flow, &led);
}

struct short_waits {
    struct led *led;
    atomic_bool over;
};

static void *wait_shortly_on_and_on(void *argument)
{
    struct short_waits *waits = argument;
    struct park park;
    weft__park_init(&park);
    while (!atomic_load(&waits->over))
        thread_check_true(!weft__lead_park(&waits->led->lead, &park, weft__clock_ns() + NS_PER_MS * 21 / 10));
    return NULL;
}

/* What nng does about a deadline may come when the read has ended otherwise, and the pipe is freed. */
static void a_pipe_is_freed_while_deadlines_of_who_leads_pass(void **state)
{
    (void)state;
    struct led led;
    open_led(&led);
    struct short_waits waits = {.led = &led};
    struct flow *flow = open_flow(&ways[0], &led.lead);
    pthread_t thread = start(wait_shortly_on_and_on, &waits);
    for (unsigned i = 0, seed = 5; i < 100; i++) {
        while (!atomic_load(&flow->thread) || !pthread_equal(atomic_load(&flow->thread), thread))
            flow_bounce(flow);
        usleep(roll(&seed, 1500));
        weft__pipe_close(flow->pair.near.pipe);
        close_flow(flow);
        flow = open_flow(&ways[i % 2], &led.lead);
    }
    atomic_store(&waits.over, true);
    join(thread);
    close_both(flow, &led);
}

/* --- two pipes -------------------------------------------------------------------------------- */

static void of_two_unserved_pipes_the_second_is_given_away(void **state)
{
    (void)state;
    struct led led;
    struct flow *first = open_busy(&led), *second = open_flow(&ways[1], &led.lead);
    for (int i = 0; i < 100; i++)
        flow_bounce(second);
    check_eq(atomic_load(&led.watches), 1);
    struct waiting waiting;
    begin_waiting(&waiting, &led);
    flow_bounce(first);
    check_true(pthread_equal(atomic_load(&first->thread), waiting.thread));
    close_flow(first);
    do /* now it is the one */
        flow_bounce(second);
    while (!pthread_equal(atomic_load(&second->thread), waiting.thread));
    end_waiting(&waiting);
    close_both(second, &led);
}

static void a_pipe_is_read_while_another_is_led_that_is_silent(void **state)
{
    (void)state;
    struct led led;
    struct flow *silent = open_busy(&led), *busy = open_flow(&ways[1], &led.lead);
    struct waiting waiting;
    begin_waiting(&waiting, &led);
    await_leading(&waiting);
    for (int i = 0; i < 200; i++)
        flow_bounce(busy);
    flow_bounce(silent);
    check_true(pthread_equal(atomic_load(&silent->thread), waiting.thread));
    end_waiting(&waiting);
    close_flow(silent);
    close_both(busy, &led);
}

/* --- seats, and the end of the transport ------------------------------------------------------ */

static void without_a_seat_who_waits_sleeps(void **state)
{
    (void)state;
    enum { MANY = 70 };
    static struct led many[MANY];
    unsigned seated = 0;
    struct waiting waiting;
    struct park park;
    for (int i = 0; i < MANY; i++) {
        weft__lead_init(&many[i].lead, count_watch, &many[i]);
        seated += weft__lead_seated(&many[i].lead);
    }
    check_eq(seated, 64);
    struct led *last = &many[MANY - 1];
    check_true(!weft__lead_seated(&last->lead));
    struct flow *flow = open_flow(&ways[0], &last->lead);
    begin_waiting(&waiting, last);
    await_following(&waiting);
    for (int i = 0; i < 50; i++) {
        flow_bounce(flow);
        check_true(!pthread_equal(atomic_load(&flow->thread), waiting.thread));
    }
    end_waiting(&waiting);
    weft__park_init(&park);
    uint64_t deadline_ns = in_ms(2);
    check_true(!weft__lead_park(&last->lead, &park, deadline_ns));
    check_true(weft__clock_ns() >= deadline_ns);
    check_true(!weft__lead_tick(&last->lead, tick_at(0)));
    check_eq(atomic_load(&last->watches), 0);
    close_flow(flow);
    for (int i = 0; i < MANY; i++)
        weft__lead_fini(&many[i].lead);
}

static void *give_permit(void *park)
{
    weft__unpark(park);
    return NULL;
}

static void a_lead_is_made_while_another_is_led(void **state)
{
    (void)state;
    struct led led, other;
    struct flow *flow = open_busy(&led);
    for (int i = 0; i < 20; i++) {
        struct waiting waiting;
        begin_waiting(&waiting, &led);
        await_leading(&waiting);
        pthread_t giver = start(give_permit, &waiting.park);
        open_led(&other); /* the thread sanitizer looks at what both use */
        weft__lead_fini(&other.lead);
        join(giver);
        join(waiting.thread);
        check_true(waiting.given);
    }
    close_both(flow, &led);
}

/* A client node that waits to dial again has a lead, and no pipe. */
static void a_lead_outlives_the_transport(void **state)
{
    (void)state;
    struct led led;
    open_led(&led);
    for (int i = 0; i < 3; i++) {
        struct flow *flow = open_flow(&ways[0], &led.lead);
        struct waiting waiting;
        check_true(!weft__net_fini());
        make_busy(flow, &led);
        begin_waiting(&waiting, &led);
        flow_bounce(flow);
        check_true(pthread_equal(atomic_load(&flow->thread), waiting.thread));
        end_waiting(&waiting);
        close_flow(flow);
        for (unsigned tick = 0; weft__lead_tick(&led.lead, tick_at(1000 * (unsigned)i + tick)); tick++) {
        }
        check_true(weft__net_fini());
    }
    weft__lead_fini(&led.lead);
}

/* --- many threads ----------------------------------------------------------------------------- */

enum { WAITERS = 4, STORM_MS = 250 };

/* Permits are given to each waiter one after the other: a lost one would leave its giver behind for ever. */
struct stormy {
    struct led *led;
    struct park park;
    unsigned seed;
    atomic_uint given, taken;
    atomic_bool over;
    pthread_t thread;
};

static void *wait_in_the_storm(void *argument)
{
    struct stormy *stormy = argument;
    while (!atomic_load(&stormy->over)) {
        bool bounded = roll(&stormy->seed, 3) > 0;
        uint64_t deadline_ns = bounded ? weft__clock_ns() + roll(&stormy->seed, 4000) * 1000 : PARK_FOREVER;
        bool taken = weft__lead_park(&stormy->led->lead, &stormy->park, deadline_ns);
        thread_check_true(taken || bounded);
        if (!taken) continue;
        unsigned nth = atomic_fetch_add(&stormy->taken, 1) + 1;
        thread_check_true(nth <= atomic_load(&stormy->given));
    }
    return NULL;
}

struct storm {
    struct led led;
    struct stormy waiters[WAITERS];
    struct flow *flow;
    unsigned seed, sender_seed;
    atomic_bool over;
};

/* As the service: while ticks are asked for. */
static void *tick_on(void *argument)
{
    struct storm *storm = argument;
    while (!atomic_load(&storm->over)) {
        if (atomic_load(&storm->led.lead.watched)) (void)weft__lead_tick(&storm->led.lead, weft__clock_ns());
        usleep(300);
    }
    return NULL;
}

static void *send_in_the_storm(void *argument)
{
    struct storm *storm = argument;
    unsigned seed = storm->sender_seed;
    while (!atomic_load(&storm->over)) {
        flow_send(storm->flow, 1 + roll(&seed, 300));
        if (roll(&seed, 8) == 0) usleep(roll(&seed, 3000)); /* it may be nng's again */
    }
    return NULL;
}

static void give_permits(struct storm *storm, uint64_t until_ns)
{
    while (weft__clock_ns() < until_ns) {
        struct stormy *to = &storm->waiters[roll(&storm->seed, WAITERS)];
        if (atomic_load(&to->taken) < atomic_load(&to->given)) continue;
        atomic_fetch_add(&to->given, 1);
        weft__unpark(&to->park);
        if (roll(&storm->seed, 4) == 0) usleep(roll(&storm->seed, 500));
    }
}

static void end_waiter(struct stormy *waiter)
{
    while (atomic_load(&waiter->taken) < atomic_load(&waiter->given))
        sched_yield();
    atomic_store(&waiter->over, true);
    atomic_fetch_add(&waiter->given, 1);
    weft__unpark(&waiter->park);
    join(waiter->thread);
    check_true(atomic_load(&waiter->given) - atomic_load(&waiter->taken) <= 1);
}

static void rage(unsigned seed, const struct way *way)
{
    struct storm storm = {.seed = seed, .sender_seed = seed + 77};
    open_led(&storm.led);
    storm.flow = open_flow(way, &storm.led.lead);
    for (unsigned i = 0; i < WAITERS; i++) {
        storm.waiters[i] = (struct stormy){.led = &storm.led, .seed = seed * WAITERS + i};
        weft__park_init(&storm.waiters[i].park);
        storm.waiters[i].thread = start(wait_in_the_storm, &storm.waiters[i]);
    }
    pthread_t ticker = start(tick_on, &storm), sender = start(send_in_the_storm, &storm);
    give_permits(&storm, in_ms(STORM_MS));
    atomic_store(&storm.over, true);
    join(sender);
    flow_await_bytes(storm.flow);                              /* ticks end with the storm, but who waits leads */
    if (seed % 2) weft__pipe_free(storm.flow->pair.near.pipe); /* while they wait */
    if (seed % 2) storm.flow->pair.near.pipe = NULL;
    for (int i = 0; i < WAITERS; i++)
        end_waiter(&storm.waiters[i]);
    join(ticker);
    check_eq(atomic_load(&storm.flow->came), storm.flow->sent);
    close_both(storm.flow, &storm.led);
}

/* The second does not take his turn so shortly before his end; where he is late the third has it anyhow. */
static void who_is_near_his_deadline_passes_his_turn_on(void **state)
{
    (void)state;
    struct led led;
    struct flow *flow = open_busy(&led);
    for (int i = 0; i < 20; i++) {
        struct waiting first, second = {.lead = &led.lead}, third;
        begin_waiting(&first, &led);
        await_leading(&first);
        weft__park_init(&second.park);
        second.deadline_ns = in_ms(6);
        second.thread = start(wait_there, &second);
        while (atomic_load(&second.park.word) != ASLEEP && weft__clock_ns() < second.deadline_ns)
            sched_yield();
        begin_waiting(&third, &led);
        await_following(&third);
        while (weft__clock_ns() + 3 * NS_PER_MS / 2 < second.deadline_ns)
            sched_yield();
        end_waiting(&first);
        join(second.thread);
        await_leading(&third);
        end_waiting(&third);
    }
    close_both(flow, &led);
}

static void no_permit_and_no_byte_is_lost(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++)
        rage(seed, &ways[seed / 2 % 2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_calls_the_function_of_a_busy_pipe),
        cmocka_unit_test(a_permit_ends_the_wait_of_who_leads),
        cmocka_unit_test(a_permit_that_is_there_ends_the_wait_at_once),
        cmocka_unit_test(who_leads_keeps_its_deadline),
        cmocka_unit_test(who_leads_keeps_its_deadline_and_takes_its_permit_while_much_comes),
        cmocka_unit_test(who_sleeps_takes_over_when_the_leader_leaves),
        cmocka_unit_test(who_sleeps_when_a_pipe_turns_busy_leads_it),
        cmocka_unit_test(who_sleeps_keeps_its_deadline),
        cmocka_unit_test(a_nudge_that_comes_too_late_is_forgotten),
        cmocka_unit_test(a_tick_without_a_turn_gives_the_read_away),
        cmocka_unit_test(after_a_turn_the_read_waits_for_one_tick_more),
        cmocka_unit_test(a_tick_leaves_who_leads_alone),
        cmocka_unit_test(ticks_are_asked_for_when_a_read_is_left_and_end),
        cmocka_unit_test(a_read_is_left_to_nobody_who_is_not_expected),
        cmocka_unit_test(a_read_is_looked_after_though_the_next_who_waits_goes),
        cmocka_unit_test(close_ends_a_read_that_nobody_does),
        cmocka_unit_test(close_ends_the_read_of_who_leads_and_he_waits_on),
        cmocka_unit_test(the_end_of_a_stream_is_told_by_who_leads),
        cmocka_unit_test(free_waits_for_who_leads_inside_the_function),
        cmocka_unit_test(a_pipe_is_freed_while_deadlines_of_who_leads_pass),
        cmocka_unit_test(of_two_unserved_pipes_the_second_is_given_away),
        cmocka_unit_test(a_pipe_is_read_while_another_is_led_that_is_silent),
        cmocka_unit_test(without_a_seat_who_waits_sleeps),
        cmocka_unit_test(a_lead_is_made_while_another_is_led),
        cmocka_unit_test(a_lead_outlives_the_transport),
        cmocka_unit_test(who_is_near_his_deadline_passes_his_turn_on),
        cmocka_unit_test(no_permit_and_no_byte_is_lost),
    };
    return cmocka_run_group_tests(tests, net_set_up, net_tear_down);
}
