/* scan.h: bytes of a text, many at a time; what reads past its end is not here.
 *
 * Each of the two ways gives the same: SSE2, which every x86-64 has, and words of eight bytes. */
#ifndef WEFT_SCHEMA_SCAN_H
#define WEFT_SCHEMA_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(WEFT_JSON_PORTABLE)
#include <emmintrin.h>
#define SCAN_SSE2 1
#endif

/* For what must not become a call. */
#define SCAN_INLINE __attribute__((always_inline)) static inline

/* Eight bytes, the first lowest, whatever the host's byte order. */
SCAN_INLINE uint64_t scan_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return le64toh(word);
}

/* Whether a string's byte needs a look: a quote, a backslash, a control character, a byte that is not ASCII. */
static inline bool scan_special(char byte)
{
    return (unsigned char)byte < 0x20 || (unsigned char)byte >= 0x80 || byte == '"' || byte == '\\';
}

#define SCAN_BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bits of the word's special bytes; above the lowest of them, others may be set, too (a borrow). */
static inline uint64_t scan_word_special(uint64_t word)
{
    uint64_t quote = word ^ SCAN_BYTES('"'), backslash = word ^ SCAN_BYTES('\\');
    uint64_t found = (word - SCAN_BYTES(0x20)) | (quote - SCAN_BYTES(1)) | (backslash - SCAN_BYTES(1)) | word;
    return found & SCAN_BYTES(0x80);
}

/* The first special byte from p on, or end. */
static inline const char *scan_plain_words(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t found = scan_word_special(scan_word(p));
        if (found) return p + (__builtin_ctzll(found) >> 3);
    }
    while (p < end && !scan_special(*p))
        p++;
    return p;
}

#ifdef SCAN_SSE2
/* A bit for each of 16 bytes. */
SCAN_INLINE unsigned scan_block_special(const char *p)
{
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i low = _mm_subs_epi8(block, _mm_set1_epi8(0x20)); /* signed: negative from 0x80 on, too */
    __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}
#endif

/* Whether the first bytes of the two are the same: at most 16, which of each can be read. */
SCAN_INLINE bool scan_same_short(const char *a, const char *b, uint32_t size_bytes)
{
#ifdef SCAN_SSE2
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)a),
            y = _mm_loadu_si128((const __m128i *)(const void *)b);
    unsigned differ = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) ^ 0xffffu;
    return (differ & ((1u << size_bytes) - 1)) == 0;
#else
    return memcmp(a, b, size_bytes) == 0;
#endif
}

/* The first special byte from p on, or end. What lies between from and p can be read, too. */
SCAN_INLINE const char *scan_plain(const char *from, const char *p, const char *end)
{
#ifdef SCAN_SSE2
    for (; end - p >= 16; p += 16) {
        unsigned found = scan_block_special(p);
        if (found) return p + __builtin_ctz(found);
    }
    if (end - from >= 16) { /* the last 16 bytes, without those before p */
        unsigned found = scan_block_special(end - 16) >> (16 - (end - p));
        return found ? p + __builtin_ctz(found) : end;
    }
#else
    (void)from;
#endif
    return scan_plain_words(p, end);
}

#endif
