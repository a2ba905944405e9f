/* span.h: walking over JSON that is known to be well formed, by its text: nothing is decoded, so numbers keep each
 * digit. */
#ifndef WEFT_TESTS_SPAN_H
#define WEFT_TESTS_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *at;
    size_t size;
};

/* Where one is in an array or object. */
struct span_walk {
    const char *at, *end;
    bool object;
};

struct span span_of(const char *text, size_t size); /* without blanks around it */
struct span_walk span_walk(struct span container);

/* The next element, or the next member with the text between the quotes of its key. False: there is no more. */
bool span_next(struct span_walk *walk, struct span *key, struct span *value);

/* The value of a member; nothing, of size 0: there is none. */
struct span span_member(struct span object, const char *key);

bool span_is(struct span text, const char *what);

/* What is between the quotes of a string. */
struct span span_inside(struct span string);

#endif
