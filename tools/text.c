/* text.c: putting text from anywhere where only clean text may stand. */
#include "verb.h"

#include <stdint.h>

/* The code point that begins there (RFC 3629), and its size; 0xfffd and 1 where none does. */
static uint32_t point(const unsigned char *text, size_t *size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    uint32_t value = bytes == 1 ? text[0] : bytes ? text[0] & (0x7fu >> bytes) : 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) bytes = 0; /* a NUL that ends the text is no exception */
        value = value << 6 | (text[i] & 0x3fu);
    }
    bool good = bytes && value >= least[bytes] && value <= 0x10ffff && value >> 11 != 0x1b;
    *size = good ? bytes : 1;
    return good ? value : 0xfffd;
}

/* Control characters, separators of lines, and what turns the direction of reading. */
static bool steers(uint32_t value)
{
    return value < ' ' || (value >= 0x7f && value < 0xa0) || value == 0x61c || value == 0x200e || value == 0x200f ||
           (value >= 0x2028 && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069);
}

static void put(FILE *to, const char *text, bool json)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        size_t size;
        uint32_t value = point(at, &size);
        if (steers(value))
            fprintf(to, "\\u%04x", (unsigned)value);
        else if (value == 0xfffd)
            fputs("\xef\xbf\xbd", to);
        else {
            if (json && (value == '"' || value == '\\')) fputc('\\', to);
            fwrite(at, 1, size, to);
        }
        at += size;
    }
}

void put_json(const char *text)
{
    put(stdout, text, true);
}

void put_json_string(const char *text)
{
    putchar('"');
    put_json(text);
    putchar('"');
}

void put_plain(FILE *to, const char *text)
{
    put(to, text, false);
}

bool is_text(const char *bytes, size_t size)
{
    const unsigned char *at = (const unsigned char *)bytes;
    for (size_t i = 0; i < size;) {
        unsigned char last[5] = {0}; /* ends with a NUL, where the bytes end within a character */
        size_t step;
        for (size_t k = 0; k < 4 && i + k < size; k++)
            last[k] = at[i + k];
        if (!last[0] || (point(last, &step) == 0xfffd && step == 1)) return false;
        i += step;
    }
    return true;
}
