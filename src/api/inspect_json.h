/* inspect_json.h: what the documents of listings and of why share. */
#ifndef WEFT_API_INSPECT_JSON_H
#define WEFT_API_INSPECT_JSON_H

#include <weft/worker.h>

#include "api/json.h"

void weft__json_worker(struct json *json, const char *name, const weft_worker_info *worker);

/* Hands the text out, or says that there was no memory for it. size may be NULL. */
weft_error weft__json_give(struct json *json, char **text, size_t *size, const char *call);

#endif
