/* reply.h: how a reply, or a ticket, is printed. */
#ifndef WEFT_TOOLS_REPLY_H
#define WEFT_TOOLS_REPLY_H

#include <weft/weft.h>

/* The exit status that stands for it. */
int reply_status(const weft_reply *reply);

/* In one line: a dispatch response (schemas/dispatch-response.schema.json) of the request of that number. */
void reply_json(const weft_reply *reply, const char *channel, uint64_t number);

/* Likewise of how it was let in: a dispatch acknowledgement (schemas/dispatch-acknowledgement.schema.json). */
void ticket_json(const weft_ticket *ticket, uint64_t number);

#endif
