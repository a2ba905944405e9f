/* weft.c: weft itself, as a user would race it: against include/weft alone. */
#include "contender.h"

static const char *missing(void)
{
    return "this version of weft does not speak between processes";
}

const struct contender contender_weft = {.name = "weft", .missing = missing};
