/* json_text.h: texts of JSON for tests: where they stand, and whether they are ones, told slowly and obviously. */
#ifndef WEFT_TESTS_JSON_TEXT_H
#define WEFT_TESTS_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A copy whose last byte is the last of a page, with an unreadable one behind it. Lends, until the next call. */
const char *json_guarded(const char *text, size_t size_bytes);

/* Parses such a copy, and checks the tape, or that there is a sentence and a place. */
weft_error json_parse_guarded(struct json_parser *parser, const char *text, size_t size_bytes,
                              const struct json_limits *limits, struct json_doc *doc, struct json_fault *fault);

/* Whether it is a text of RFC 8259, by its grammar, a function for each rule. Depth and size are bounded by the
 * caller. */
bool json_grammatical(const char *text, size_t size_bytes);

/* Fails the test unless each value is where the others say: counts, indices, kinds, offsets. */
void json_check_tape(const struct json_doc *doc);

/* Changes one thing: a byte, a piece gone, doubled or moved. Returns the new size, at most room. */
size_t json_mutate(char *text, size_t size_bytes, size_t room, uint64_t *random);

/* xorshift64*: not 0. */
uint64_t json_random(uint64_t *random);

#ifdef __cplusplus
}
#endif

#endif
