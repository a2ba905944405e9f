/* channels.c: declaring, pausing, draining and deleting channels. */
#include <string.h>

#include "sim/contracts.h"
#include "sim/keys.h"
#include "sim/model.h"

/* A time in milliseconds, mostly none. */
static uint32_t draw_ms(struct world *world, uint32_t set)
{
    return percent(world, set) ? rng_between(&world->rng, 1, once_in(world, 3) ? 200 : 20) : WEFT_FOREVER;
}

void channel_draw(struct world *world, weft_channel_options *options)
{
    *options = (weft_channel_options)WEFT_CHANNEL_OPTIONS;
    options->policy = (weft_policy)draw(world, 3);
    options->queue_full = (weft_queue_full)draw(world, 3);
    bool large = world->shape.audit_every > 1;
    if (once_in(world, large ? 8 : 2)) options->depth_max = draw(world, 5);
    if (once_in(world, large ? 16 : 4)) options->bytes_max = 400 + draw(world, 3000);
    if (once_in(world, 8)) options->payload_bytes_max = draw(world, 60);
    options->on_crash = percent(world, world->shape.redispatch) ? WEFT_CRASH_REDISPATCH : WEFT_CRASH_INHERIT;
    options->attempts_max = once_in(world, 4) ? rng_between(&world->rng, 1, 16) : rng_between(&world->rng, 1, 4);
    options->redispatch_wait_ms = once_in(world, 2) ? 0 : draw(world, 30);
    options->overlapping = once_in(world, 3);
    options->no_worker = (weft_no_worker)draw(world, 3);
    options->starve_ms = once_in(world, 3) ? WEFT_FOREVER : rng_between(&world->rng, 1, 20);
    options->cancel_grace_ms = once_in(world, 4) ? WEFT_FOREVER : draw(world, 20);
    options->schedule_to_start_ms = draw_ms(world, 20);
    options->start_to_close_ms = draw_ms(world, 20);
    options->schedule_to_close_ms = draw_ms(world, 20);
    options->heartbeat_ms = draw_ms(world, 10);
    options->dead_letter = once_in(world, 2) ? world->keeper : NULL;
    if (once_in(world, 2)) options->dedup_ms = once_in(world, 4) ? WEFT_FOREVER : draw(world, 60);
    if (once_in(world, 3)) options->dedup_max = draw(world, KEY_NAMES);
    contracts_draw(world, options, true);
}

static uint32_t any_channel(struct world *world)
{
    return draw(world, world->channels_count);
}

/* One that admits and hands out, mostly. */
uint32_t likely_channel(struct world *world)
{
    uint32_t index = any_channel(world);
    for (int tries = 0; tries < 3; tries++) {
        enum channel_life life = world->channels[index].life;
        if (life == CHANNEL_OPEN || (life == CHANNEL_NONE && index >= world->shape.channels) || once_in(world, 10))
            break;
        index = any_channel(world);
    }
    return index;
}

/* --- declaring -------------------------------------------------------------------------------- */

bool channel_same(weft_channel_options a, weft_channel_options b)
{
    if (a.on_crash == WEFT_CRASH_INHERIT) a.on_crash = WEFT_CRASH_FAIL;
    if (b.on_crash == WEFT_CRASH_INHERIT) b.on_crash = WEFT_CRASH_FAIL;
    if (a.no_worker == WEFT_NO_WORKER_INHERIT) a.no_worker = WEFT_NO_WORKER_WAIT;
    if (b.no_worker == WEFT_NO_WORKER_INHERIT) b.no_worker = WEFT_NO_WORKER_WAIT;
    return a.policy == b.policy && a.queue_full == b.queue_full && a.depth_max == b.depth_max &&
           a.bytes_max == b.bytes_max && a.payload_bytes_max == b.payload_bytes_max && a.on_crash == b.on_crash &&
           a.attempts_max == b.attempts_max && a.redispatch_wait_ms == b.redispatch_wait_ms &&
           a.overlapping == b.overlapping && a.no_worker == b.no_worker && a.starve_ms == b.starve_ms &&
           a.cancel_grace_ms == b.cancel_grace_ms && a.schedule_to_start_ms == b.schedule_to_start_ms &&
           a.start_to_close_ms == b.start_to_close_ms && a.schedule_to_close_ms == b.schedule_to_close_ms &&
           a.heartbeat_ms == b.heartbeat_ms &&
           strcmp(a.dead_letter ? a.dead_letter : "", b.dead_letter ? b.dead_letter : "") == 0 &&
           a.dedup_ms == b.dedup_ms && a.dedup_max == b.dedup_max && a.opaque == b.opaque &&
           strcmp(a.schema ? a.schema : "", b.schema ? b.schema : "") == 0 &&
           strcmp(a.result_schema ? a.result_schema : "", b.result_schema ? b.result_schema : "") == 0;
}

/* Two in the core may bear a name: one that is deleted and not worked off, and its successor. */
void channel_declare(struct world *world, uint32_t index, const weft_channel_options *options)
{
    struct sim_channel *channel = &world->channels[index];
    char message[ERROR_TEXT_MAX];
    sim_enter(world, EV_DECLARE, true);
    weft_error expected = WEFT_OK;
    if (world->closing)
        expected = WEFT_ECLOSED;
    else if (options->attempts_max == 0)
        expected = WEFT_EINVAL;
    else if (options->durable)
        expected = WEFT_EUNSUPPORTED;
    else if (channel->life != CHANNEL_NONE)
        expected = channel_same(channel->options, *options) ? WEFT_OK : WEFT_EDIFFERS;
    else if (world->core->channels.live_count >= world->shape.limits.channels_max)
        expected = WEFT_ELIMIT;
    else if (!contracts_known(world, options))
        expected = WEFT_ENOTFOUND;
    weft_error error = weft__core_channel_declare(world->core, world->now_ns, channel->name, options, message);
    TRACE(world, "declare %s: %d", channel->name, (int)error);
    if (!sim_ran_out(world, error, COVER_ENOMEM_DECLARE))
        EXPECT(world, error == expected, "declare: %d and not %d", (int)error, (int)expected);
    if (error == WEFT_ECLOSED) cover(COVER_ECLOSED);
    if (error == WEFT_EINVAL) cover(COVER_EINVAL);
    if (error == WEFT_EUNSUPPORTED) cover(COVER_EUNSUPPORTED);
    if (error == WEFT_EDIFFERS) cover(COVER_EDIFFERS);
    if (error == WEFT_ELIMIT) cover(COVER_ELIMIT);
    if (error == WEFT_ENOTFOUND) cover(COVER_ENOTFOUND);
    if (!error && channel->life == CHANNEL_NONE) {
        contracts_renewed(world, channel->name, options, &channel->contract, false);
        channel->options = *options;
        channel->life = CHANNEL_OPEN;
        channel->serial = ++world->serial;
        channel->turns = 0;
        memset(&channel->told, 0, sizeof channel->told);
    }
    sim_leave(world);
}

bool act_declare(struct world *world)
{
    uint32_t index = draw(world, world->shape.channels);
    struct sim_channel *channel = &world->channels[index];
    weft_channel_options options;
    if (channel->life != CHANNEL_NONE && !once_in(world, 30)) return false;
    if (channel->life != CHANNEL_NONE && once_in(world, 2))
        options = channel->options;
    else
        channel_draw(world, &options);
    if (once_in(world, 10)) options.attempts_max = 0;
    if (once_in(world, 10)) options.durable = true;
    channel_declare(world, index, &options);
    return true;
}

bool act_template(struct world *world)
{
    weft_channel_options options;
    static const char *const patterns[] = {"dispatch.made.c*", "*.made.*", "dispatch.elsewhere.*", "nothing"};
    char message[ERROR_TEXT_MAX];
    uint32_t index = draw(world, 4);
    const char *pattern = patterns[index];
    bool matches = strstr(pattern, "made");
    if (!world->shape.templated) return false;
    channel_draw(world, &options);
    sim_enter(world, EV_TEMPLATE, true);
    weft_error error = weft__core_template_declare(world->core, pattern, &options, message);
    TRACE(world, "template %s: %d", pattern, (int)error);
    if (!sim_ran_out(world, error, COVER_ENOMEM_TEMPLATE)) {
        EXPECT(world, (error == WEFT_ECLOSED) == world->closing, "template: %d", (int)error);
        EXPECT(world,
               error == WEFT_OK || error == WEFT_ECLOSED || error == WEFT_EINVAL || error == WEFT_EDIFFERS ||
                   (error == WEFT_ENOTFOUND && !contracts_known(world, &options)),
               "template: %d", (int)error);
    }
    if (error == WEFT_EINVAL) cover(COVER_EINVAL);
    if (error == WEFT_EDIFFERS) cover(COVER_EDIFFERS);
    if (!error && !world->patterns_declared[index]) {
        world->patterns_declared[index] = true;
        contracts_named(world, &options);
    }
    if (!error && matches && !world->templates) {
        world->templates = 1;
        world->template_options = options; /* the first that matches is used */
    }
    sim_leave(world);
    return true;
}

/* --- states ----------------------------------------------------------------------------------- */

bool act_pause(struct world *world)
{
    struct sim_channel *channel = &world->channels[any_channel(world)];
    if (channel->life != CHANNEL_OPEN && !once_in(world, 10)) return false;
    sim_enter(world, EV_PAUSE, false);
    weft_error error = weft__core_channel_pause(world->core, world->now_ns, channel->name);
    TRACE(world, "pause %s: %d", channel->name, (int)error);
    weft_error expected = WEFT_OK;
    if (channel->life == CHANNEL_NONE)
        expected = WEFT_ENOCHANNEL;
    else if (channel->life == CHANNEL_DRAINING)
        expected = WEFT_EINVAL;
    EXPECT(world, error == expected, "pause: %d and not %d", (int)error, (int)expected);
    if (!error) {
        channel->life = CHANNEL_PAUSED;
        cover(COVER_PAUSED);
    }
    sim_leave(world);
    return true;
}

bool act_resume(struct world *world)
{
    struct sim_channel *channel = &world->channels[any_channel(world)];
    if ((channel->life == CHANNEL_NONE || channel->life == CHANNEL_OPEN) && !once_in(world, 20)) return false;
    sim_enter(world, EV_RESUME, false);
    weft_error error = weft__core_channel_resume(world->core, world->now_ns, channel->name);
    TRACE(world, "resume %s: %d", channel->name, (int)error);
    weft_error expected = channel->life == CHANNEL_NONE ? WEFT_ENOCHANNEL : WEFT_OK;
    EXPECT(world, error == expected, "resume: %d and not %d", (int)error, (int)expected);
    if (!error) {
        channel->life = CHANNEL_OPEN;
        cover(COVER_RESUMED);
    }
    sim_leave(world);
    return true;
}

static uint32_t open_calls(const struct world *world, const struct sim_channel *channel)
{
    uint32_t count = askers_open(world, (uint32_t)(channel - world->channels));
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        count += call->life == CALL_OPEN && &world->channels[call->channel] == channel;
    }
    return count;
}

bool act_drain(struct world *world)
{
    struct sim_channel *channel = &world->channels[any_channel(world)];
    if (channel->life == CHANNEL_NONE || channel->drained.waiting || !once_in(world, 2)) return false;
    sim_enter(world, EV_DRAIN, false);
    weft_error error = weft__core_channel_drain(world->core, world->now_ns, channel->name, &channel->drained.core);
    TRACE(world, "drain %s: %d", channel->name, (int)error);
    weft_channel_info info;
    EXPECT(world, weft__core_channel_info(world->core, world->now_ns, channel->name, &info) == WEFT_OK,
           "a channel is not there");
    bool idle = open_calls(world, channel) == 0 && info.in_flight == 0;
    EXPECT(world, error == (idle ? WEFT_OK : WEFT_EAGAIN), "drain: %d", (int)error);
    EXPECT(world, info.state == (idle ? WEFT_CHANNEL_DRAINED : WEFT_CHANNEL_DRAINING), "a draining channel is not");
    if (error) cover(COVER_EAGAIN);
    cover(error ? COVER_DRAINING : COVER_DRAINED);
    channel->drained.waiting = error == WEFT_EAGAIN;
    channel->life = CHANNEL_DRAINING;
    sim_leave(world);
    return true;
}

bool act_delete(struct world *world)
{
    uint32_t index = any_channel(world);
    struct sim_channel *channel = &world->channels[index];
    if (!once_in(world, channel->life == CHANNEL_DRAINING ? 2 : 8)) return false;
    char message[ERROR_TEXT_MAX];
    weft_channel_info info = {.in_flight = 0};
    bool with_workers = false;
    sim_enter(world, EV_DELETE, false);
    (void)weft__core_channel_info(world->core, world->now_ns, channel->name, &info);
    weft_error expected = WEFT_OK;
    if (channel->life == CHANNEL_NONE)
        expected = WEFT_ENOCHANNEL;
    else if (open_calls(world, channel) || info.in_flight)
        expected = WEFT_EBUSY;
    weft_error error = weft__core_channel_delete(world->core, world->now_ns, channel->name, message);
    TRACE(world, "delete %s: %d", channel->name, (int)error);
    EXPECT(world, error == expected, "delete: %d and not %d", (int)error, (int)expected);
    if (error == WEFT_EBUSY) cover(COVER_EBUSY);
    if (error == WEFT_ENOCHANNEL) cover(COVER_ENOCHANNEL);
    if (!error) {
        for (uint32_t i = 0; i < world->shape.workers; i++) {
            const struct sim_worker *worker = &world->workers[i];
            with_workers |= worker->handle && worker->channel == index && !worker_ended(world, worker);
        }
        cover(with_workers ? COVER_DELETED_WITH_WORKERS : COVER_DELETED);
        channel->life = CHANNEL_NONE;
        channel->serial = ++world->serial;
        keys_deleted(world, index);
    }
    sim_leave(world);
    return true;
}
