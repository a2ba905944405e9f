/* json.h: writing a JSON document into a buffer that grows. Commas are its own affair; nesting is the caller's. */
#ifndef WEFT_API_JSON_H
#define WEFT_API_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char *text; /* of the C library's memory; ends with a NUL */
    size_t used, room;
    bool failed; /* out of memory: what follows is dropped */
    bool comma;  /* before the next */
};

/* In an object name is the member's; in an array it is NULL. */
void weft__json_open(struct json *json, const char *name, char bracket);
void weft__json_close(struct json *json, char bracket);
void weft__json_number(struct json *json, const char *name, uint64_t value);
void weft__json_signed(struct json *json, const char *name, int64_t value);
void weft__json_bool(struct json *json, const char *name, bool value);
void weft__json_id(struct json *json, const char *name, const uint8_t *id); /* a schema's, in hexadecimal; NULL: null */
void weft__json_text(struct json *json, const char *name, const char *value); /* NULL: null */

/* Frees the text. */
void weft__json_drop(struct json *json);

#endif
