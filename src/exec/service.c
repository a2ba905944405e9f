/* Note GUARD. While there are batches of several tasks that are neither handed in nor unloaded, the service thread looks at all
 * batches each GUARD_NS; and for KEEP_NS after the last one was taken, so that a busy node does not wake it for each. On an
 * idle node it sleeps without a time. */
#include "exec/service.h"

#include "base/clock.h"
#include "exec/node.h"
#include "net/lead.h"
#include "base/thread.h"

#define GUARD_NS NS_PER_MS
#define KEEP_NS (8 * NS_PER_MS)

static void *service_main(void *argument)
{
    weft_node *node = argument;
    struct service *service = &node->service;
    struct departure departure;
    weft__departure_init(&departure);
    for (struct lead *lead = NULL;;) {
        if (lead) (void)weft__lead_tick(lead, weft__clock_ns());
        uint64_t now_ns = weft__enter(node);
        if (service->stopping) break;
        weft__core_tick(node->core, now_ns);
        weft__hurry(node);
        service->guarding =
            service->batches_count > 0 || (service->guarded_ns && now_ns < service->guarded_ns + KEEP_NS);
        lead = node->lead && atomic_load(&node->lead->watched) ? node->lead : NULL;
        uint64_t until_ns = weft__core_due(node->core);
        if ((service->guarding || lead) && until_ns > now_ns + GUARD_NS) until_ns = now_ns + GUARD_NS;
        bool guarding = service->guarding;
        weft__core_sleep(node->core, &service->waiter.core, until_ns);
        weft__leave_inside(node);

        if (guarding) weft__groups_guard(node, now_ns, &departure);
        weft__act(node, &departure);
        weft__sleep(node, &service->waiter, until_ns);
    }
    weft__leave_inside(node);
    return NULL;
}

bool weft__service_start(weft_node *node)
{
    weft__waiter_init(&node->service.waiter);
    return weft__thread_start(&node->service.thread, "weft-service", service_main, node);
}

void weft__service_stop(weft_node *node)
{
    (void)weft__enter(node);
    node->service.stopping = true;
    weft__waiter_wake(node, &node->service.waiter);
    weft__leave_bare(node);
    weft__thread_join(node->service.thread);
}

void weft__service_watch(void *node)
{
    (void)weft__enter(node);
    weft__waiter_wake(node, &((weft_node *)node)->service.waiter);
    weft__leave_bare(node);
}

void weft__service_guard(weft_node *node, uint64_t now_ns)
{
    node->service.guarded_ns = now_ns;
    if (node->service.guarding) return;
    node->service.guarding = true;
    weft__waiter_wake(node, &node->service.waiter);
}
