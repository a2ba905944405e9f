/* names.c: the words of enums: what the JSON documents and the tools print. */
#include <weft/weft.h>

#define WORD(list, value) ((unsigned)(value) < sizeof(list) / sizeof(*(list)) && (list)[value] ? (list)[value] : "none")

const char *weft_rule_name(weft_rule rule)
{
    static const char *const words[] = {
#define RULE_WORD(name, number, text) [number] = text,
        WEFT_RULES(RULE_WORD)
#undef RULE_WORD
    };
    return WORD(words, rule);
}

const char *weft_standing_name(weft_standing standing)
{
    static const char *const words[] = {NULL, "request", "queued", "assigned", "fenced", "ended"};
    return WORD(words, standing);
}

const char *weft_channel_state_name(weft_channel_state state)
{
    static const char *const words[] = {NULL, "open", "paused", "draining", "drained"};
    return WORD(words, state);
}

const char *weft_worker_state_name(weft_worker_state state)
{
    static const char *const words[] = {NULL, "arming", "ready", "draining", "dead", "removed"};
    return WORD(words, state);
}

const char *weft_policy_name(weft_policy policy)
{
    static const char *const words[] = {"round_robin", "least_loaded", "sticky"};
    return WORD(words, policy);
}

const char *weft_link_kind_name(weft_link_kind kind)
{
    static const char *const words[] = {NULL, "node", "process", "thread", "declared", "session"};
    return WORD(words, kind);
}

const char *weft_node_event_name(weft_node_event_kind kind)
{
    static const char *const words[] = {
#define EVENT_WORD(name, number, text) [number] = text,
        WEFT_NODE_EVENTS(EVENT_WORD)
#undef EVENT_WORD
    };
    return WORD(words, kind);
}

const char *weft_log_level_name(weft_log_level level)
{
    static const char *const words[] = {NULL, "error", "warning", "info"};
    return WORD(words, level);
}
