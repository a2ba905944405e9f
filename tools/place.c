/* place.c: where the node is that a verb asks. */
#include "verb.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Only places that nobody else can write to: who owns the socket is believed. */
const char *place_default(void)
{
    static char url[WEFT_URL_MAX + 1];
    const char *directory = getenv("XDG_RUNTIME_DIR");
    if (geteuid() == 0) directory = "/run";
    if (!directory || *directory != '/')
        return verb_usage("where is the node? XDG_RUNTIME_DIR is not set, so there is no default: name a URL"), NULL;
    if (snprintf(url, sizeof(url), "ipc://%s/weft.sock", directory) >= (int)sizeof(url))
        return verb_usage("where is the node? XDG_RUNTIME_DIR is too long for a socket: name a URL"), NULL;
    return url;
}

bool place_option(struct place *place, int option, const char *value)
{
    switch (option) {
    case PLACE_CONNECT:
        if (!*value) return verb_usage("--connect '': name a URL, or leave it out for the default"), false;
        place->urls = value;
        return true;
    case PLACE_WAIT: return option_number("--connect-ms", value, 0, WEFT_FOREVER - 1, &place->wait_ms);
    case PLACE_LOST: return option_number("--lost-ms", value, 0, WEFT_FOREVER - 1, &place->lost_ms);
    case PLACE_TLS_CA: place->tls_ca_file = value; return true;
    case PLACE_TLS_CERT_KEY: place->tls_cert_key_file = value; return true;
    default: return false;
    }
}

int place_dial(const struct place *place, weft_node **node)
{
    weft_node_options own = WEFT_NODE_OPTIONS;
    weft_dial_options options = WEFT_DIAL_OPTIONS;
    const char *urls = place->urls, *from = " (--connect)";
    if (!urls) {
        urls = getenv("WEFT_URL");
        from = " (WEFT_URL)";
    }
    if (!urls || !*urls) {
        urls = place_default();
        from = " (the default: --connect URL or WEFT_URL says otherwise)";
    }
    if (!urls) return VERB_ERROR;
    own.hooks = place->hooks;
    options.node = &own;
    options.name = place->name;
    options.dial_timeout_ms = place->wait_ms;
    options.lost_ms = place->lost_ms;
    options.tls_ca_file = place->tls_ca_file;
    options.tls_cert_key_file = place->tls_cert_key_file;
    weft_error error = weft_node_dial(urls, &options, node);
    if (error == WEFT_OK) return VERB_YES;
    if (error != WEFT_ELOST)
        return verb_error("%s%s", weft_error_message(), error == WEFT_EINVAL ? from : ""), VERB_ERROR;
    verb_error("%s%s; is weftd running there?", weft_error_message(), from);
    return VERB_LOST;
}

int verb_failed(weft_error error)
{
    verb_error("%s", weft_error_message());
    return error == WEFT_ELOST || error == WEFT_ETIMEDOUT ? VERB_LOST : VERB_ERROR;
}
