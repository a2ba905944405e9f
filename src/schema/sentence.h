/* sentence.h: what a person reads: bounded, cut where it would be too long, and never in the middle of a character. */
#ifndef WEFT_SCHEMA_SENTENCE_H
#define WEFT_SCHEMA_SENTENCE_H

#include <stdarg.h>

#include "schema/json.h"

enum { SENTENCE_BYTES = 384 };

struct sentence {
    char text[SENTENCE_BYTES]; /* always terminated */
    size_t size_bytes;
};

__attribute__((format(printf, 2, 3))) void weft__say(struct sentence *sentence, const char *format, ...);
__attribute__((format(printf, 2, 0))) void weft__say_list(struct sentence *sentence, const char *format,
                                                          va_list arguments);

/* These bytes, as weft__utf8_show has them: at most max_bytes, which are fewer than SENTENCE_BYTES, and "..." for the
 * rest. */
void weft__say_bytes(struct sentence *sentence, const char *text, size_t size_bytes, size_t max_bytes);

/* How many bytes of text a number is. */
uint32_t weft__number_text_size(const struct json_doc *doc, const struct json_value *number);

/* As JSON, short: "abc", 7, null; an array of 3 items. */
void weft__say_value(struct sentence *sentence, const struct json_doc *doc, const struct json_value *value);

/* With what it is: the string "abc", the number 7, null, an array of 3 items. */
void weft__say_what(struct sentence *sentence, const struct json_doc *doc, const struct json_value *value);

/* "a string, an integer or null", by the bits of enum json_kind. */
void weft__say_types(struct sentence *sentence, unsigned types, bool integer);

#endif
