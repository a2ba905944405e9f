/* audit.h: walks a whole core and tells the first invariant that does not hold.
 *
 * What holds after every entry and every step: the counters are the sums of what they count; each record stands on the
 * lists its state says, and on no other; queues are in the order of arrival; the index holds those workers whom the
 * predicate finds eligible, in the order of the channel's policy; each timer is set to what runs out first. Where no work
 * is left over, the level rule holds too: nothing waits that an eligible worker could have.
 *
 * It changes nothing and allocates nothing of the core's. About a microsecond for a core of fifty records; one thread
 * at a time. */
#ifndef WEFT_TESTS_AUDIT_H
#define WEFT_TESTS_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

struct core;

/* The first invariant that does not hold, as a sentence; NULL: all hold. Lends, until the next call. */
const char *audit(const struct core *core);

/* A number that any visible change of the core's state changes: for entries that must have changed nothing. */
uint64_t audit_digest(const struct core *core);

#endif
