/* hooks.h: telling whoever operates a node what happens on it. */
#ifndef WEFT_EXEC_HOOKS_H
#define WEFT_EXEC_HOOKS_H

#include <weft/node.h>

#include "core/core.h"

/* Calls event with the note, and log with its sentence. The callback thread, outside every lock. */
void weft__hooks_call(const weft_hooks *hooks, const struct core_note *note);

#endif
