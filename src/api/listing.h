/* listing.h: listings on their way to the user. */
#ifndef WEFT_API_LISTING_H
#define WEFT_API_LISTING_H

#include <weft/inspect.h>

#include "base/arena.h"

/* An empty one, with the arena that it goes with; weft_listing_release frees it. NULL: out of memory. */
weft_listing *weft__listing_new(const struct mem *mem, struct arena **arena);

#endif
