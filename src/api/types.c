#include <weft/types.h>

#include <stdio.h>
#include <string.h>

weft_bytes weft_text(const char *text)
{
    return (weft_bytes){.data = text, .size = text ? strlen(text) : 0};
}

const char *weft_outcome_name(weft_outcome outcome)
{
    switch (outcome) {
    case WEFT_OUTCOME_NONE: break;
#define OUTCOME_NAME(name, number, text)                                                                               \
    case WEFT_##name: return text;
        WEFT_OUTCOMES(OUTCOME_NAME)
#undef OUTCOME_NAME
    }
    return "none";
}

const char *weft_cause_text(weft_cause cause, char *text, size_t size)
{
    const char *core = cause.core ? ", core dumped" : "";
    const char *signal;
    switch (cause.kind) {
    case WEFT_CAUSE_EXITED: (void)snprintf(text, size, "exit code %d", (int)cause.value); return text;
    case WEFT_CAUSE_SIGNALED:
        signal = sigdescr_np(cause.value);
        (void)snprintf(text, size, "signal %d (%s)%s", (int)cause.value, signal ? signal : "unknown", core);
        return text;
    case WEFT_CAUSE_THREAD_EXITED: (void)snprintf(text, size, "thread exited"); return text;
    case WEFT_CAUSE_DECLARED: (void)snprintf(text, size, "declared dead (%d)", (int)cause.value); return text;
    case WEFT_CAUSE_LINK_LOST: (void)snprintf(text, size, "connection lost"); return text;
    case WEFT_CAUSE_RELEASED: (void)snprintf(text, size, "released by its host"); return text;
    case WEFT_CAUSE_UNKNOWN: break;
    }
    (void)snprintf(text, size, "unknown");
    return text;
}
