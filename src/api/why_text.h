/* why_text.h: answers as sentences, from what the core copied out. Pure. */
#ifndef WEFT_API_WHY_TEXT_H
#define WEFT_API_WHY_TEXT_H

#include "core/core.h"

enum { WHY_RULES = WEFT_RULE_BACKLOGGED + 1 };

/* How many workers each rule refuses. */
struct why_tally {
    uint32_t by_rule[WHY_RULES];
};

/* Of one worker, and the dispatch that why is about. Cut to size bytes with a terminator. */
void weft__refusal_text(const struct core_refusal_row *row, const struct core_why *why, char *text, size_t size);

/* Of the whole: why, and what would help. */
void weft__why_text(const struct core_why *why, const struct why_tally *tally, char *text, size_t size);

#endif
