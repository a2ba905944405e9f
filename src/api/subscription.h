/* subscription.h: what the other entry points need of a subscription's. */
#ifndef WEFT_API_SUBSCRIPTION_H
#define WEFT_API_SUBSCRIPTION_H

#include "exec/subscription.h"

/* Closes its eventfd and frees the handle. It stands on no list. */
void weft__subscription_free(weft_subscription *subscription);

#endif
