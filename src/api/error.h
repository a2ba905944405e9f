/* error.h: how an entry point says what went wrong. */
#ifndef WEFT_API_ERROR_H
#define WEFT_API_ERROR_H

#include <weft/error.h>

#include "base/fork.h"

/* Keeps the sentence for weft_error_message, as weft__utf8_show has it, and returns the code, WEFT_OK included (which
 * keeps nothing). */
__attribute__((format(printf, 2, 3))) weft_error weft__error(weft_error code, const char *format, ...);

/* The same, with the code's own sentence, after "<where>: ". */
weft_error weft__error_plain(weft_error code, const char *where);

/* What the core has to say, where it made a sentence; else the code's own, after "<where>: ". */
weft_error weft__error_told(weft_error code, const char *where, const char *sentence);

/* Each entry point that returns a weft_error begins with
 *     if (weft__forked) return weft__error_forked(__func__);
 * before it looks at anything. tests/lib/calls.c has a row for each, and counts them. */
weft_error weft__error_forked(const char *call);

/* WEFT_EINVAL: "<call>: <argument> is NULL". */
weft_error weft__error_null(const char *call, const char *argument);

/* WEFT_EINVAL: "<name>: not a channel's name ..." */
weft_error weft__error_channel_name(const char *name);

/* WEFT_EINVAL: "<pattern>: not a pattern of channels ..." */
weft_error weft__error_channel_pattern(const char *pattern);

/* WEFT_EINVAL where that is no content type, which is 1 to WEFT_CONTENT_TYPE_MAX of printable ASCII, or NULL. */
weft_error weft__error_content_type(const char *call, const char *content_type);

#endif
