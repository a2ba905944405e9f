/* lead_seat.h: what reading has to say to who leads. */
#ifndef WEFT_NET_LEAD_SEAT_H
#define WEFT_NET_LEAD_SEAT_H

#include <stdbool.h>

struct lead;
struct pipe;

/* Whether anybody can lead. */
bool weft__lead_seated(const struct lead *lead);

/* There is a read to be done, which nobody has; it may have been done when it is called. */
void weft__lead_offer(struct lead *lead, struct pipe *pipe);

/* Nobody takes that pipe up any more. */
void weft__lead_withdraw(struct lead *lead, struct pipe *pipe);

#endif
