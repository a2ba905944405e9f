/* utf8.h: where characters of UTF-8 (RFC 3629) end, so that no text is cut inside one; and how a text from anywhere is
 * shown to people. */
#ifndef WEFT_BASE_UTF8_H
#define WEFT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

static inline bool utf8_in(char byte, unsigned from, unsigned to)
{
    return (unsigned char)byte - from <= to - from;
}

/* The size of the character that begins at p, before end, with a byte that is not ASCII; 0: it is not UTF-8. Section 4.
 * Inline for the parser: a call would more than double what text takes that is not ASCII. */
static inline size_t weft__utf8_size(const char *p, const char *end)
{
    unsigned char lead = (unsigned char)*p;
    ptrdiff_t left = end - p;
    if (lead < 0xe0) return lead >= 0xc2 && left >= 2 && utf8_in(p[1], 0x80, 0xbf) ? 2 : 0;
    if (lead < 0xf0) {
        unsigned from = lead == 0xe0 ? 0xa0 : 0x80, to = lead == 0xed ? 0x9f : 0xbf;
        return left >= 3 && utf8_in(p[1], from, to) && utf8_in(p[2], 0x80, 0xbf) ? 3 : 0;
    }
    unsigned from = lead == 0xf0 ? 0x90 : 0x80, to = lead == 0xf4 ? 0x8f : 0xbf;
    bool whole =
        lead <= 0xf4 && left >= 4 && utf8_in(p[1], from, to) && utf8_in(p[2], 0x80, 0xbf) && utf8_in(p[3], 0x80, 0xbf);
    return whole ? 4 : 0;
}

/* How many bytes of a text, which is UTF-8, fit into so many: whole characters. */
size_t weft__utf8_fit(const char *text, size_t size_bytes, size_t max_bytes);

/* Writes a text for a person to read within a line, into room_bytes with the NUL, as much as fits. What would steer a
 * terminal, end the line or turn the direction of reading stands as \u001b; what is no UTF-8 as a question mark, and at
 * its end, where it was cut, as nothing. Returns how many bytes of the text that took. */
size_t weft__utf8_show(char *to, size_t room_bytes, const char *text, size_t size_bytes);

#endif
