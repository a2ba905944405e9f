/* contenders.c: who is raced, in this order. */
#include "contender.h"

#include <string.h>

const struct contender *const contenders[] = {&contender_weft,      &contender_weft_opaque,
                                              &contender_epoll,     &contender_nng,
                                              &contender_gearmand,  &contender_redis,
                                              &contender_nats,      &contender_beanstalkd,
                                              &contender_zeromq,    &contender_mosquitto,
                                              &contender_rabbitmq,  &contender_weft_ten,
                                              &contender_weft_many, NULL};

const struct contender *contender_named(const char *name)
{
    for (const struct contender *const *one = contenders; *one; one++)
        if (strcmp((*one)->name, name) == 0) return *one;
    return NULL;
}
