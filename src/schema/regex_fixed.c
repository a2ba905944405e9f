#include "schema/regex_fixed.h"

/* What one byte may be. */
struct set {
    uint8_t from[FIXED_RANGES_MAX], to[FIXED_RANGES_MAX];
    uint32_t count;
};

/* Where the reading of a pattern is; what it does not know makes it no fixed one. */
struct reader {
    const char *p, *end;
};

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_one_of(char byte, const char *bytes)
{
    return byte && strchr(bytes, byte);
}

static bool next_is(const struct reader *reader, char byte)
{
    return reader->p < reader->end && *reader->p == byte;
}

static bool add(struct set *set, char from, char to)
{
    if (set->count == FIXED_RANGES_MAX) return false;
    set->from[set->count] = (uint8_t)from;
    set->to[set->count++] = (uint8_t)to;
    return true;
}

/* An escape, behind its backslash. *one: the character that it stands for; 0: it stands for a class, which is added. */
static bool read_escape(struct reader *reader, struct set *set, char *one)
{
    if (reader->p == reader->end) return false;
    char byte = *reader->p++;
    *one = 0;
    if (byte == 'd') return add(set, '0', '9');
    if (byte == 'w') return add(set, '0', '9') && add(set, 'A', 'Z') && add(set, 'a', 'z') && add(set, '_', '_');
    *one = byte;
    return is_one_of(byte, "^$\\.*+?()[]{}|/-");
}

/* A character of a class, or an escape in it. */
static bool read_member(struct reader *reader, struct set *set, char *one)
{
    if (reader->p == reader->end || (unsigned char)*reader->p >= 0x80 || !*reader->p) return false;
    *one = *reader->p++;
    return *one != '\\' || read_escape(reader, set, one);
}

/* Behind the bracket that opens it. */
static bool read_class(struct reader *reader, struct set *set)
{
    if (next_is(reader, '^')) return false;
    while (!next_is(reader, ']')) {
        char from, to;
        if (!read_member(reader, set, &from)) return false;
        if (!from) continue;
        to = from;
        if (next_is(reader, '-') && reader->end - reader->p >= 2 && reader->p[1] != ']') {
            reader->p++;
            if (!read_member(reader, set, &to) || !to) return false;
        }
        if (!add(set, from, to)) return false;
    }
    reader->p++;
    return set->count > 0;
}

static bool read_atom(struct reader *reader, struct set *set)
{
    char byte = *reader->p++, one;
    if (byte == '[') return read_class(reader, set);
    if (byte == '\\') return read_escape(reader, set, &one) && (!one || add(set, one, one));
    return (unsigned char)byte < 0x80 && byte && !is_one_of(byte, "^$.*+?()]{}|") && add(set, byte, byte);
}

/* {n}, if there is one. */
static bool read_count(struct reader *reader, uint32_t *count)
{
    *count = 1;
    if (!next_is(reader, '{')) return true;
    *count = 0;
    for (reader->p++; reader->p < reader->end && *reader->p >= '0' && *reader->p <= '9'; reader->p++) {
        *count = *count * 10 + (uint32_t)(*reader->p - '0');
        if (*count > FIXED_SIZE_MAX) return false;
    }
    if (!next_is(reader, '}')) return false;
    reader->p++;
    return true;
}

/* What each of its bytes may be. */
static bool read_sets(const char *pattern, size_t size_bytes, struct set sets[FIXED_SIZE_MAX], uint32_t *sets_count)
{
    if (size_bytes < 2 || pattern[0] != '^' || pattern[size_bytes - 1] != '$') return false;
    struct reader reader = {pattern + 1, pattern + size_bytes - 1};
    *sets_count = 0;
    while (reader.p < reader.end) {
        struct set set = {.count = 0};
        uint32_t count;
        if (!read_atom(&reader, &set) || !read_count(&reader, &count) || *sets_count + count > FIXED_SIZE_MAX)
            return false;
        while (count--)
            sets[(*sets_count)++] = set;
    }
    return *sets_count > 0;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* Of the block, its first byte in the subject. */
static uint32_t block_at(uint32_t size_bytes, uint32_t block)
{
    uint32_t at = block * FIXED_BLOCK;
    return at + FIXED_BLOCK <= size_bytes || size_bytes < FIXED_BLOCK ? at : size_bytes - FIXED_BLOCK;
}

/* Who has fewer ranges than others has its first ones again. */
static void fill(struct regex_fixed *fixed, const struct set *sets)
{
    for (uint32_t block = 0; block * FIXED_BLOCK < fixed->size_bytes; block++) {
        for (uint32_t i = 0, at = block_at(fixed->size_bytes, block); i < FIXED_BLOCK; i++, at++) {
            if (at >= fixed->size_bytes) continue;
            for (uint32_t range = 0; range < FIXED_RANGES_MAX; range++) {
                uint32_t from = range % sets[at].count;
                fixed->blocks[block].from[range][i] = sets[at].from[from];
                fixed->blocks[block].span[range][i] = (uint8_t)(sets[at].to[from] - sets[at].from[from]);
            }
        }
    }
}

bool weft__regex_fixed_of(const char *pattern, size_t size_bytes, struct regex_fixed *fixed)
{
    struct set sets[FIXED_SIZE_MAX];
    *fixed = (struct regex_fixed){0};
    if (!read_sets(pattern, size_bytes, sets, &fixed->size_bytes)) return false;
    for (uint32_t i = 0; i < fixed->size_bytes; i++)
        if (sets[i].count > fixed->ranges) fixed->ranges = sets[i].count;
    fill(fixed, sets);
    return true;
}

/* --- matching --------------------------------------------------------------------------------- */

struct words {
    uint64_t low, high;
};

/* Fewer than 16 bytes, with zeros behind. */
static inline struct words load_short(const char *p, uint32_t size_bytes)
{
    struct words words = {0, 0};
    if (size_bytes >= 8) {
        words.low = scan_word(p);
        if (size_bytes > 8) words.high = scan_word(p + size_bytes - 8) >> (8 * (16 - size_bytes));
        return words;
    }
    for (uint32_t i = 0; i < size_bytes; i++)
        words.low |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return words;
}

static inline bool match_block(const struct regex_fixed_block *block, uint32_t ranges, struct words words)
{
#ifdef SCAN_SSE2
    __m128i bytes = _mm_set_epi64x((int64_t)words.high, (int64_t)words.low), in = _mm_setzero_si128();
    for (uint32_t range = 0; range < ranges; range++) {
        __m128i from = _mm_loadu_si128((const __m128i *)(const void *)block->from[range]);
        __m128i span = _mm_loadu_si128((const __m128i *)(const void *)block->span[range]);
        __m128i offset = _mm_sub_epi8(bytes, from);
        in = _mm_or_si128(in, _mm_cmpeq_epi8(_mm_min_epu8(offset, span), offset));
    }
    return _mm_movemask_epi8(in) == 0xffff;
#else
    for (uint32_t i = 0; i < FIXED_BLOCK; i++) {
        uint8_t byte = (uint8_t)((i < 8 ? words.low : words.high) >> 8 * (i % 8));
        bool in = false;
        for (uint32_t range = 0; range < ranges; range++)
            in |= (uint8_t)(byte - block->from[range][i]) <= block->span[range][i];
        if (!in) return false;
    }
    return true;
#endif
}

bool weft__regex_fixed_match(const struct regex_fixed *fixed, const char *subject, size_t size_bytes)
{
    if (size_bytes != fixed->size_bytes) return false;
    uint32_t size = fixed->size_bytes;
    if (size < FIXED_BLOCK) return match_block(fixed->blocks, fixed->ranges, load_short(subject, size));
    for (uint32_t block = 0; block * FIXED_BLOCK < size; block++) {
        const char *at = subject + block_at(size, block);
        struct words words = {scan_word(at), scan_word(at + 8)};
        if (!match_block(&fixed->blocks[block], fixed->ranges, words)) return false;
    }
    return true;
}
