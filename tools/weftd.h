/* weftd.h: the daemon's parts. */
#ifndef WEFT_TOOLS_WEFTD_H
#define WEFT_TOOLS_WEFTD_H

#include <stdbool.h>

#include <weft/weft.h>

/* Declares what "NAME[:SCHEMA.json][,KEY=VALUE]..." describes, or makes it a template. False: it was said why not. */
bool declare_channel(weft_node *node, const char *text, bool template);

/* The keys, for --help. */
extern const char help_channel_keys[];

#endif
