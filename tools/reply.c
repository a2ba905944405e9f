/* reply.c: a reply as one line of JSON: a dispatch response, whose result is an envelope; and a ticket: an acknowledgement. */
#include "reply.h"

#include <inttypes.h>
#include <string.h>

#include "verb.h"

int reply_status(const weft_reply *reply)
{
    static const int statuses[] = {
        [WEFT_COMPLETED] = VERB_YES,       [WEFT_FAILED] = VERB_NO,           [WEFT_WORKER_DIED] = VERB_WORKER_DIED,
        [WEFT_TIMED_OUT] = VERB_TIMED_OUT, [WEFT_CANCELLED] = VERB_CANCELLED, [WEFT_REJECTED] = VERB_REJECTED,
        [WEFT_NODE_LOST] = VERB_NODE_LOST};
    return statuses[reply->outcome];
}

/* --- the payload ------------------------------------------------------------------------------------------------------ */

static bool is_json(weft_bytes payload)
{
    static weft_schema *anything;
    static weft_validator *validator;
    if (!anything && weft_schema_compile(WEFT_TEXT("true"), NULL, &anything)) return false;
    if (!validator && weft_validator_open(NULL, &validator)) return false;
    return weft_validate(validator, anything, payload) == WEFT_OK;
}

static bool means_json(const char *type)
{
    size_t size = type ? strcspn(type, "; ") : 0;
    return !type || (size == 16 && strncmp(type, "application/json", 16) == 0) ||
           (size > 5 && strncmp(type + size - 5, "+json", 5) == 0);
}

/* JSON has its ends of lines between its tokens only: a space does as well there. */
static void put_in_line(weft_bytes json)
{
    const char *text = json.data;
    for (size_t i = 0; i < json.size; i++)
        putchar(text[i] == '\n' || text[i] == '\r' ? ' ' : text[i]);
}

static void put_text(weft_bytes payload)
{
    char piece[1024];
    const char *text = payload.data;
    putchar('"');
    for (size_t at = 0, size; at < payload.size; at += size) {
        size = payload.size - at < sizeof(piece) - 1 ? payload.size - at : sizeof(piece) - 1;
        while (at + size < payload.size && ((unsigned char)text[at + size] & 0xc0) == 0x80)
            size--; /* not within a character */
        memcpy(piece, text + at, size);
        piece[size] = '\0';
        put_json(piece);
    }
    putchar('"');
}

static void put_base64(weft_bytes payload)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = payload.data;
    putchar('"');
    for (size_t i = 0; i < payload.size; i += 3) {
        size_t left = payload.size - i;
        unsigned long group = (unsigned long)bytes[i] << 16;
        if (left > 1) group |= (unsigned long)bytes[i + 1] << 8;
        if (left > 2) group |= bytes[i + 2];
        putchar(digits[group >> 18]);
        putchar(digits[group >> 12 & 63]);
        putchar(left > 1 ? digits[group >> 6 & 63] : '=');
        putchar(left > 2 ? digits[group & 63] : '=');
    }
    putchar('"');
}

static void put_data(const weft_reply *reply)
{
    const char *type = reply->content_type;
    if (means_json(type) && is_json(reply->payload)) {
        if (type) fputs("\"datacontenttype\": ", stdout), put_json_string(type), fputs(", ", stdout);
        fputs("\"data\": ", stdout);
        put_in_line(reply->payload);
        return;
    }
    bool text = is_text(reply->payload.data, reply->payload.size);
    fputs("\"datacontenttype\": ", stdout);
    put_json_string(type ? type : text ? "text/plain" : "application/octet-stream");
    fputs(text ? ", \"data\": " : ", \"data_base64\": ", stdout);
    if (text)
        put_text(reply->payload);
    else
        put_base64(reply->payload);
}

static void put_result(const weft_reply *reply, const char *channel, uint64_t number)
{
    printf("{\"specversion\": \"1.0\", \"id\": \"%" PRIu64 ":%" PRIu64 "\", \"source\": \"/worker/%s\", \"type\": "
           "\"weft.result\", \"channel\": \"%s\", \"causationid\": \"%" PRIu64 "\", ",
           reply->id.session, reply->id.number, reply->worker, channel, number);
    put_data(reply);
    putchar('}');
}

/* --- the reply -------------------------------------------------------------------------------------------------------- */

static void put_word(const char *name, const char *word)
{
    printf(", \"%s\": ", name);
    if (word && *word)
        put_json_string(word);
    else
        fputs("null", stdout);
}

/* How both begin. */
static void put_request(uint64_t number, bool rejected, weft_dispatch_id id)
{
    printf("{\"request\": \"%" PRIu64 "\", \"id\": ", number);
    if (rejected)
        fputs("null", stdout);
    else
        printf("{\"session\": %" PRIu64 ", \"number\": %" PRIu64 "}", id.session, id.number);
}

void ticket_json(const weft_ticket *ticket, uint64_t number)
{
    put_request(number, ticket->admission == WEFT_ADMISSION_REJECTED, ticket->id);
    put_word("admission", weft_admission_name(ticket->admission));
    printf(", \"retry_after_ms\": %" PRIu32, ticket->retry_after_ms);
    put_word("reason", ticket->reason);
    puts("}");
}

void reply_json(const weft_reply *reply, const char *channel, uint64_t number)
{
    bool completed = reply->outcome == WEFT_COMPLETED;
    put_request(number, reply->outcome == WEFT_REJECTED, reply->id);
    put_word("outcome", weft_outcome_name(reply->outcome));
    put_word("admission", weft_admission_name(reply->admission ? reply->admission : WEFT_ADMISSION_SENT));
    printf(", \"retry_after_ms\": %" PRIu32 ", \"attempts\": %" PRIu32 ", \"result\": ", reply->retry_after_ms,
           reply->attempts);
    if (completed)
        put_result(reply, channel, number);
    else
        fputs("null", stdout);
    put_word("code", completed ? NULL : reply->code);
    put_word("message", completed ? NULL : reply->message);
    put_word("worker", reply->worker);
    printf(", \"queued_ns\": %" PRIu64 ", \"started_ns\": %" PRIu64 ", \"run_ns\": %" PRIu64 "}\n", reply->queued_ns,
           reply->started_ns, reply->run_ns);
}
