#include "api/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

#include "base/contract.h"
#include "base/utf8.h"

static _Thread_local char message[512];

weft_error weft__error(weft_error code, const char *format, ...)
{
    if (!code) return code;
    char told[sizeof message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(told, sizeof told, format, arguments); /* cut where too long */
    va_end(arguments);
    (void)weft__utf8_show(message, sizeof message, told, strlen(told));
    return code;
}

weft_error weft__error_plain(weft_error code, const char *where)
{
    return weft__error(code, "%s: %s", where, weft_error_text(code));
}

weft_error weft__error_told(weft_error code, const char *where, const char *sentence)
{
    if (code && *sentence) return weft__error(code, "%s", sentence);
    return weft__error_plain(code, where);
}

weft_error weft__error_forked(const char *call)
{
    return weft__error(WEFT_EFORKED,
                       "%s: this process was forked from one that uses weft, whose threads it does not have: exec "
                       "first, or fork before the first node is opened",
                       call);
}

weft_error weft__error_null(const char *call, const char *argument)
{
    return weft__error(WEFT_EINVAL, "%s: %s is NULL", call, argument);
}

weft_error weft__error_channel_name(const char *name)
{
    return weft__error(WEFT_EINVAL, "%.80s: not a channel's name, which is <kind>.<namespace>.<name>", name);
}

weft_error weft__error_channel_pattern(const char *pattern)
{
    return weft__error(
        WEFT_EINVAL,
        "%.80s: not a pattern of channels, which is <kind>.<namespace>.<name>, with * for any characters "
        "of a part",
        pattern);
}

weft_error weft__error_content_type(const char *call, const char *content_type)
{
    if (weft__content_type_valid(content_type)) return WEFT_OK;
    return weft__error(WEFT_EINVAL, "%s: content_type is not 1 to %d characters of printable ASCII", call,
                       WEFT_CONTENT_TYPE_MAX);
}

const char *weft_error_message(void)
{
    return message;
}

const char *weft_error_name(weft_error error)
{
    switch (error) {
#define ERROR_NAME(name, number, text)                                                                                 \
    case WEFT_##name: return "WEFT_" #name;
        WEFT_ERRORS(ERROR_NAME)
#undef ERROR_NAME
    }
    return "WEFT_E?";
}

const char *weft_error_text(weft_error error)
{
    switch (error) {
#define ERROR_TEXT(name, number, text)                                                                                 \
    case WEFT_##name: return text;
        WEFT_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
    }
    return "no such error code";
}
