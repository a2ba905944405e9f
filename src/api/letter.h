/* letter.h: letters on their way out of the core. */
#ifndef WEFT_API_LETTER_H
#define WEFT_API_LETTER_H

#include "core/core.h"

/* Fills in when it came. */
void weft__letter_date(struct core_letter_view *view);

#endif
