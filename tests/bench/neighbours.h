/* neighbours.h: what other parsers take for the documents of tasks.h: nanoseconds a document. */
#ifndef WEFT_TESTS_BENCH_NEIGHBOURS_H
#define WEFT_TESTS_BENCH_NEIGHBOURS_H

#ifdef __cplusplus
extern "C" {
#endif

/* simdjson's DOM, from text that is padded as it wants, with a parser that is used again. */
double bench_simdjson_ns(int size);

/* jansson, its tree freed. */
double bench_jansson_ns(int size);

#ifdef __cplusplus
}
#endif

#endif
