/* weft/weft.h: a channel-based dispatch fabric.
 *
 * Open a node, declare a channel, register workers on it, dispatch to it. A worker whose participant dies is chosen no
 * more from that instant on, and every dispatch ends exactly once. The other headers are a tour in this order. */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <weft/version.h>
#include <weft/error.h>
#include <weft/types.h>
#include <weft/node.h>
#include <weft/channel.h>
#include <weft/participant.h>
#include <weft/remote.h>
#include <weft/group.h>
#include <weft/worker.h>
#include <weft/task.h>
#include <weft/dispatch.h>
#include <weft/event.h>
#include <weft/letter.h>
#include <weft/inspect.h>
#include <weft/schema.h>
#include <weft/contract.h>

#endif
