#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t weft__utf8_fit(const char *text, size_t size_bytes, size_t max_bytes)
{
    if (size_bytes <= max_bytes) return size_bytes;
    while (max_bytes && utf8_in(text[max_bytes], 0x80, 0xbf))
        max_bytes--;
    return max_bytes;
}

/* Of a character that is UTF-8. */
static uint32_t code_point(const char *p, size_t size)
{
    uint32_t point = (unsigned char)*p & (size == 1 ? 0x7fu : 0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++)
        point = point << 6 | ((unsigned char)p[i] & 0x3fu);
    return point;
}

/* C0, DEL and C1; line and paragraph separator; the marks, embeddings, overrides and isolates of UAX 9. */
static bool steers(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c || (point >= 0x200e && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

size_t weft__utf8_show(char *to, size_t room_bytes, const char *text, size_t size_bytes)
{
    const char *from = text, *end = text + size_bytes,
               *bad = NULL; /* what was just passed, and nothing stands for it */
    while (from < end) {
        size_t size = (unsigned char)*from < 0x80 ? 1 : weft__utf8_size(from, end);
        if (!size) {
            if (!bad) bad = from;
            from++;
            continue;
        }
        uint32_t point = code_point(from, size);
        size_t shown_bytes = (bad != NULL) + (steers(point) ? 6 : size);
        if (shown_bytes >= room_bytes) break;
        room_bytes -= shown_bytes;
        if (bad) *to++ = '?';
        bad = NULL;
        if (steers(point))
            (void)snprintf(to, 7, "\\u%04x", (unsigned)point);
        else
            memcpy(to, from, size);
        to += steers(point) ? 6 : size;
        from += size;
    }
    *to = '\0';
    return (size_t)(from - text);
}
