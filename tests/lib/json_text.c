#include "lib/json_text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/check.h"

const char *json_guarded(const char *text, size_t size_bytes)
{
    static char *pages;
    static size_t room;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!pages || room < size_bytes) {
        if (pages) (void)munmap(pages, room + page);
        room = (size_bytes / page + 1) * page;
        pages = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check_true(pages != MAP_FAILED);
        check_true(mprotect(pages + room, page, PROT_NONE) == 0);
    }
    return size_bytes ? memcpy(pages + room - size_bytes, text, size_bytes) : pages + room;
}

/* --- the grammar: each function takes what it names off the text, and false is that it does not stand there ------- */

struct text {
    const char *p, *end;
};

static bool value(struct text *t);

static bool take(struct text *t, char c)
{
    if (t->p == t->end || *t->p != c) return false;
    t->p++;
    return true;
}

static bool take_one_of(struct text *t, const char *set)
{
    if (t->p == t->end || !*t->p || !strchr(set, *t->p)) return false;
    t->p++;
    return true;
}

static bool take_word(struct text *t, const char *word)
{
    for (; *word; word++)
        if (!take(t, *word)) return false;
    return true;
}

static void ws(struct text *t)
{
    while (take_one_of(t, " \t\n\r"))
        continue;
}

static bool digits(struct text *t)
{
    if (!take_one_of(t, "0123456789")) return false;
    while (take_one_of(t, "0123456789"))
        continue;
    return true;
}

static bool number(struct text *t)
{
    take(t, '-');
    if (!take(t, '0') && !digits(t)) return false;
    if (take(t, '.') && !digits(t)) return false;
    if (take_one_of(t, "eE")) {
        take_one_of(t, "+-");
        return digits(t);
    }
    return true;
}

static bool hex4(struct text *t, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        const char *at = t->p;
        if (!take_one_of(t, "0123456789abcdefABCDEF")) return false;
        *unit = *unit * 16 + (unsigned)strtoul((char[2]){*at, 0}, NULL, 16);
    }
    return true;
}

static bool escape(struct text *t)
{
    unsigned unit, low;
    if (take_one_of(t, "\"\\/bfnrt")) return true;
    if (!take(t, 'u') || !hex4(t, &unit)) return false;
    if (unit >= 0xdc00 && unit <= 0xdfff) return false;
    if (unit < 0xd800 || unit > 0xdbff) return true;
    return take_word(t, "\\u") && hex4(t, &low) && low >= 0xdc00 && low <= 0xdfff;
}

/* By decoding it: the size must be the shortest that holds the code point, which must be one. */
static bool utf8(struct text *t)
{
    unsigned lead = (unsigned char)*t->p++;
    int more = lead >= 0xf8 ? -1 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : lead >= 0x80 ? -1 : 0;
    if (more < 0) return false;
    unsigned point = more == 0 ? lead : lead & (0x3fu >> more);
    for (int i = 0; i < more; i++) {
        if (t->p == t->end || ((unsigned char)*t->p & 0xc0) != 0x80) return false;
        point = point << 6 | ((unsigned char)*t->p++ & 0x3f);
    }
    static const unsigned least[] = {0, 0x80, 0x800, 0x10000};
    return point >= least[more] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

static bool string(struct text *t)
{
    if (!take(t, '"')) return false;
    while (!take(t, '"')) {
        if (t->p == t->end || (unsigned char)*t->p < 0x20) return false;
        if (take(t, '\\') ? !escape(t) : !utf8(t)) return false;
    }
    return true;
}

static bool member(struct text *t)
{
    ws(t);
    if (!string(t)) return false;
    ws(t);
    return take(t, ':') && value(t);
}

static bool list(struct text *t, bool (*item)(struct text *t), char close)
{
    ws(t);
    if (take(t, close)) return true;
    do
        if (!item(t)) return false;
    while (take(t, ','));
    return take(t, close);
}

static bool value(struct text *t)
{
    bool good;
    ws(t);
    if (t->p == t->end) return false;
    switch (*t->p) {
    case '{':
        t->p++;
        good = list(t, member, '}');
        break;
    case '[':
        t->p++;
        good = list(t, value, ']');
        break;
    case '"': good = string(t); break;
    case 't': good = take_word(t, "true"); break;
    case 'f': good = take_word(t, "false"); break;
    case 'n': good = take_word(t, "null"); break;
    default: good = number(t);
    }
    ws(t);
    return good;
}

bool json_grammatical(const char *text, size_t size_bytes)
{
    struct text t = {text, text + size_bytes};
    return value(&t) && t.p == t.end;
}

/* --- the tape --------------------------------------------------------------------------------- */

static uint32_t check_value(const struct json_doc *doc, uint32_t index)
{
    check_true(index < doc->count);
    const struct json_value *value = &doc->values[index];
    const char *at = doc->text + value->at;
    check_true(value->at < doc->size_bytes);
    switch ((enum json_kind)value->kind) {
    case JSON_NULL: check_true(*at == 'n'); return index + 1;
    case JSON_FALSE: check_true(*at == 'f'); return index + 1;
    case JSON_TRUE: check_true(*at == 't'); return index + 1;
    case JSON_NUMBER:
        check_true(*at == '-' || (*at >= '0' && *at <= '9'));
        if (value->flags & JSON_LONG) check_true(value->at + value->size_bytes <= doc->size_bytes);
        return index + 1;
    case JSON_STRING:
        check_true(at[-1] == '"' && at[value->size_bytes] == '"');
        check_eq(!!(value->flags & JSON_ESCAPED), memchr(at, '\\', value->size_bytes) != NULL);
        return index + 1;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    check_true(*at == (value->kind == JSON_OBJECT ? '{' : '['));
    uint32_t next = index + 1;
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->kind == JSON_OBJECT) {
            check_eq(doc->values[next].kind, JSON_STRING);
            next = check_value(doc, next);
        }
        next = check_value(doc, next);
    }
    check_eq(value->next, next);
    return next;
}

void json_check_tape(const struct json_doc *doc)
{
    check_eq(check_value(doc, 0), doc->count);
}

weft_error json_parse_guarded(struct json_parser *parser, const char *text, size_t size_bytes,
                              const struct json_limits *limits, struct json_doc *doc, struct json_fault *fault)
{
    weft_error error = weft__json_parse(parser, json_guarded(text, size_bytes), size_bytes, limits, doc, fault);
    if (error) {
        check_true(fault->sentence && *fault->sentence);
        check_true(fault->at <= size_bytes);
    } else {
        json_check_tape(doc);
    }
    return error;
}

/* --- mutants ---------------------------------------------------------------------------------- */

uint64_t json_random(uint64_t *random)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return *random * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t below(uint64_t *random, size_t bound)
{
    return (size_t)(json_random(random) >> 8) % bound;
}

size_t json_mutate(char *text, size_t size_bytes, size_t room, uint64_t *random)
{
    static const char likely[] = "{}[]:,\"\\u0019-+.eE tfn/bdD8cC\n\x80\xc3\xe2\xed\xf0\xf4\x1f\x7f";
    size_t at = below(random, size_bytes + 1), left = size_bytes - at;
    size_t piece = left ? 1 + below(random, left < 12 ? left : 12) : 0;
    switch (below(random, 5)) {
    case 0: /* another byte */
        if (left) text[at] = (char)json_random(random);
        return size_bytes;
    case 1:
        if (left) text[at] = likely[below(random, sizeof likely - 1)];
        return size_bytes;
    case 2: /* a byte more */
        if (size_bytes == room) return size_bytes;
        memmove(text + at + 1, text + at, left);
        text[at] = likely[below(random, sizeof likely - 1)];
        return size_bytes + 1;
    case 3: /* a piece gone */ memmove(text + at, text + at + piece, left - piece); return size_bytes - piece;
    default: /* a piece twice */
        if (size_bytes + piece > room) return size_bytes;
        memmove(text + at + piece, text + at, left);
        return size_bytes + piece;
    }
}
