/* goals.c: what weft is to reach. A goal is told when its contender takes part; `weft` validates each request against a
 * schema, `weft opaque` does not. */
#include "report.h"

const struct goal goals[] = {{"round_trip", 0, "weft", "nng relay", .limit = 1.25},
                             {"round_trip", 0, "weft", "nats", .limit = 1},
                             {"round_trip", 0, "weft", "redis", .limit = 1},
                             {"round_trip", 0, "weft", "gearmand", .limit = 1},
                             {"round_trip", 0, "weft", "beanstalkd", .limit = 1},
                             {"round_trip", 0, "weft", "zeromq", .limit = 1},
                             {"round_trip", 0, "weft", "rabbitmq", .limit = 1},
                             {"throughput_200", 0, "weft", NULL, .limit = 1.3},
                             {"throughput_200", 0, "weft opaque", NULL, .limit = 1.5},
                             {"throughput_200", 1, "weft opaque", NULL, .limit = 1},
                             {"throughput_4k", 0, "weft", NULL, .limit = 0.7},
                             {"throughput_4k", 0, "weft opaque", NULL, .limit = 1.2},
                             {"throughput_4k_string", 0, "weft", NULL, .limit = 1},
                             {"throughput_4k_string", 0, "weft opaque", NULL, .limit = 1.2},
                             {"fan_out", 0, "weft", "nats", .limit = 1.8},
                             {"crash", 0, "weft", NULL, .limit = 1.2},
                             {"own_share", 0, "weft", NULL, .absolute = 0.2},
                             {"round_trip", 0, "of-10000", "of-10", .limit = 1.3},
                             {"throughput_200", 0, "of-10000", "of-10", .limit = 1 / 1.3},
                             {"idle", 0, "weft", NULL, .absolute = 4096},
                             {"idle", 1, "weft", NULL, .absolute = 512},
                             {0}};
