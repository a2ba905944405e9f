#!/bin/bash
# The bounds in docs/embedding.md are those of the headers, and each error code stands there.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
guide=$WEFT_TOP/docs/embedding.md

# A line for each row: how it begins, its default and its maximum, as they must be contained in its cells.
cat >"$work/bounds.c" <<'C'
#include <stdio.h>
#include <weft/weft.h>
#include "core/core.h"
#include "core/inspect.h"
#include "exec/group.h"

enum { RECORDS = (1 << SLOT_INDEX_BITS) - 1 };

static const char *number(char *text, unsigned long long value)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%llu", value), out = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && length > 4 && (length - i) % 3 == 0) text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = 0;
    return text;
}

/* 0: the cell is not looked at. */
static void row(const char *begins, unsigned long long usual, unsigned long long most)
{
    char first[64] = "", second[64] = "";
    printf("%s\t%s\t%s\n", begins, usual ? number(first, usual) : "", most ? number(second, most) : "");
}

int main(void)
{
    weft_node_options node = WEFT_NODE_OPTIONS;
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    weft_worker_options worker = WEFT_WORKER_OPTIONS;
    weft_dispatch_options dispatch = WEFT_DISPATCH_OPTIONS;
    weft_subscribe_options subscribe = WEFT_SUBSCRIBE_OPTIONS;
    row("`threads`, default group", 0, GROUP_THREADS_MAX);
    row("`threads_max`", 0, GROUP_THREADS_MAX);
    row("`channels_max`, `participants_max`, `subscriptions_max`", node.channels_max, RECORDS);
    row("`channels_max`, `participants_max`, `subscriptions_max`", node.participants_max, RECORDS);
    row("`channels_max`, `participants_max`, `subscriptions_max`", node.subscriptions_max, RECORDS);
    row("`workers_max`", node.workers_max, RECORDS);
    row("`dispatches_max`", node.dispatches_max, RECORDS);
    row("`outcome_keep_ms`", node.outcome_keep_ms, 0);
    row("`schemas_max`", node.schemas_max, 0);
    row("`schema_ids`", 0, WEFT_SCHEMA_IDS_MAX);
    row("sets of schemas", 0, WEFT_SCHEMA_SETS_MAX);
    row("hooks", 0, CORE_NOTES_MAX);
    row("groups", 0, CORE_GROUPS_MAX);
    row("templates", 0, CORE_TEMPLATES_MAX);
    row("subscriptions by pattern", 0, WEFT_PATTERNS_MAX);
    row("`depth_max`, `bytes_max`: what waits", channel.depth_max, 0);
    row("`depth_max`, `bytes_max`: what waits", channel.bytes_max >> 20, 0);
    row("`payload_bytes_max`", channel.payload_bytes_max >> 20, 0);
    row("`attempts_max`", channel.attempts_max, CORE_ATTEMPTS_MAX);
    row("activity types in use", 0, CORE_TYPES_MAX);
    row("`dedup_max`", channel.dedup_max, 0);
    row("subscribers by its name", 0, WEFT_SUBSCRIBERS_MAX);
    row("deaths remembered", WEFT_DEATHS_KEPT, WEFT_DEATHS_KEPT);
    row("`max_concurrent`", worker.max_concurrent, WEFT_CONCURRENT_MAX);
    row("`activity_types`", 0, WEFT_ACTIVITY_TYPES_MAX);
    row("`window`", dispatch.window, WEFT_WINDOW_MAX);
    row("`items_max`, `bytes_max`: its inbox", subscribe.items_max, WEFT_INBOX_MAX);
    row("`items_max`, `bytes_max`: its inbox", subscribe.bytes_max >> 20, 0);
    row("a part of a channel's name", 0, WEFT_NAME_MAX);
    row("content type; key", 0, WEFT_CONTENT_TYPE_MAX);
    row("content type; key", 0, WEFT_KEY_MAX);
    return 0;
}
C
"${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Werror -I"$WEFT_TOP/include" -I"$WEFT_TOP/src" -o "$work/bounds" "$work/bounds.c"
"$work/bounds" >"$work/rows"

awk -F '\t' -v OFS='\t' '
    function holds(cell, number) { return number == "" || index(" " cell " ", " " number " ") || index(cell, " " number ";") }
    NR == FNR { if (/^\| /) lines[++count] = $0; next }
    {
        found = 0
        for (i = 1; i <= count; i++) if (index(lines[i], "| " $1) == 1) {
            found = 1
            split(lines[i], cells, "|")
            if (!holds(cells[3], $2) || !holds(cells[4], $3)) { print "the guide: " lines[i] "\n  but it is", $2, $3; failed = 1 }
        }
        if (!found) { print "the guide has no row: " $1; failed = 1 }
    }
    END { exit failed }' "$guide" "$work/rows"

failed=0
for code in $(sed -n 's/^    X(\(E[A-Z]*\), [0-9]*,.*/WEFT_\1/p' "$WEFT_TOP/include/weft/error.h"); do
    grep -q "^|.*\`$code\`" "$guide" || { echo "the guide does not say what to do about $code"; failed=1; }
done
exit $failed
