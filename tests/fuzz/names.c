/* Channel names and patterns: the matcher agrees with the obvious recursive one, and what is valid matches itself. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

/* matches[i][j]: the pattern from i matches the name from j. */
static int obvious(const char *pattern, const char *name)
{
    static int matches[34][34];
    int p = (int)strlen(pattern), n = (int)strlen(name);
    for (int i = p; i >= 0; i--)
        for (int j = n; j >= 0; j--) {
            if (pattern[i] == '*')
                matches[i][j] = matches[i + 1][j] || (j < n && name[j] != '.' && matches[i][j + 1]);
            else
                matches[i][j] = pattern[i] == name[j] && (j == n || matches[i + 1][j + 1]);
        }
    return matches[0][0];
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
