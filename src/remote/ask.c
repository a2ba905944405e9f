#include "remote/ask.h"

weft_error weft__ask_serve(struct session *session, const struct frame_ask *ask, char *sentence)
{
    (void)session;
    (void)ask;
    (void)sentence;
    return WEFT_EPROTOCOL;
}
