/* Channel names and patterns: the matcher agrees with the obvious recursive one, and what is valid matches itself. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

static int obvious(const char *pattern, const char *name)
{
    if (*pattern == '*') return obvious(pattern + 1, name) || (*name && *name != '.' && obvious(pattern, name + 1));
    return *pattern == *name && (!*name || obvious(pattern + 1, name + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char pattern[32], name[32];
    size_t half = size / 2;
    if (half >= sizeof(pattern) || size - half >= sizeof(name)) return 0;
    memcpy(pattern, data, half);
    memcpy(name, data + half, size - half);
    pattern[half] = name[size - half] = '\0';

    if (weft__channel_name_valid(name)) {
        if (!weft__pattern_valid(name) || !weft__pattern_match(name, name)) abort();
        if (!weft__pattern_match("*.*.*", name)) abort();
    }
    if (weft__pattern_match(pattern, name) != obvious(pattern, name)) abort();
    return 0;
}
