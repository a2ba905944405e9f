/* seeing.h: those who look inside; see seeing.c. */
#ifndef WEFT_SIM_SEEING_H
#define WEFT_SIM_SEEING_H

#include "lib/audit.h"
#include "sim/world.h"

/* Inside an entry: why some call stands where it stands; a listing. */
void ask_why(struct world *world);
void ask_listing(struct world *world);

/* Of those that stand before the call in the queue of a worker that may have it there are so many that it may not have that
 * it gives up; lately: those counted that have left the queue in this event. */
bool gives_up_before(const struct world *world, const struct sim_worker *worker, const struct sim_call *call,
                     bool lately);

/* What is said of a request before it is made, held against what comes of it. */
struct forecast {
    bool asked;
    weft_error error;
    struct core_why why;
};

void forecast_make(struct world *world, const struct core_request *request, struct forecast *forecast);
void forecast_check(struct world *world, const struct forecast *forecast, weft_error error,
                    const struct core_admitted *admitted, const weft_channel_info *before);

/* What happens is noted from the beginning, in some worlds; taken and counted after each event. */
void notes_open(struct world *world);
void observe_notes(struct world *world);

#endif
