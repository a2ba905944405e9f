#include "base/utf8.h"

#include <string.h>

size_t weft__utf8_fit(const char *text, size_t size_bytes, size_t max_bytes)
{
    if (size_bytes <= max_bytes) return size_bytes;
    while (max_bytes && utf8_in(text[max_bytes], 0x80, 0xbf))
        max_bytes--;
    return max_bytes;
}

void weft__utf8_mend(char *text)
{
    const char *from = text, *end = text + strlen(text);
    char *to = text;
    bool bad = false; /* what was just passed, and nothing stands for it yet */
    while (from < end) {
        size_t size = (unsigned char)*from < 0x80 ? 1 : weft__utf8_size(from, end);
        if (size && bad) *to++ = '?';
        bad = !size;
        if (bad) from++;
        memmove(to, from, size);
        to += size;
        from += size;
    }
    *to = '\0';
}
