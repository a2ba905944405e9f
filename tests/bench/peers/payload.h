/* payload.h: what is dispatched: the same bytes in every process and run. */
#ifndef WEFT_TESTS_BENCH_PEERS_PAYLOAD_H
#define WEFT_TESTS_BENCH_PEERS_PAYLOAD_H

#include <weft/types.h>

enum { PAYLOAD_200, PAYLOAD_4K, PAYLOAD_4K_STRING, PAYLOADS };

/* JSON: a task of exactly 200 bytes; of exactly 4096, of many small values; and of exactly 4096 that is nearly all one
 * string. */
weft_bytes payload(int which);
/* A JSON Schema that they match: what a channel that validates asks for. */
weft_bytes payload_schema(void);

#endif
