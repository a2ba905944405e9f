/* frame_fault.c: sentences about bad frames: it walks a frame by the layout of its body until something is not as it has to
 * be, and says what, in which field, at which byte of the frame. */
#include "frame/frame_fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "frame/layout.h"
#include "frame/wire.h"

enum type {
    FLAG,
    MAGIC,
    U8,
    U16,
    U32,
    U64,
    I32,
    CHOICE,
    KIND,
    BYTES,
    SCHEMA,
    TEXT,
    NAME,
    SENTENCE,
    NAMES,
    SCHEMAS,
    REST
};

struct field {
    const char *name; /* NULL = no more fields */
    enum type type;
    unsigned argument;
    size_t place; /* bytes that it takes in any case, for those that have their place */
};

#define FIELD(type, field, argument) {#field, type, argument, PLACE_##type},
#define FIELDS(body, type) static const struct field fields_##body[] = {BODY_##body(FIELD){NULL, FLAG, 0, 0}};
FRAME_BODIES(FIELDS)

static const struct field *const fields_of[] = {
#define FIELDS_OF(name, number, text, by, body) [number] = fields_##body,
    FRAMES(FIELDS_OF)
#undef FIELDS_OF
};

struct walk {
    const unsigned char *bytes;
    size_t at, size; /* of the whole frame */
    const char *name;
    char *sentence;
};

/* Returns false, for those who say so. */
__attribute__((format(printf, 2, 3))) static bool say(struct walk *walk, const char *format, ...)
{
    int length = snprintf(walk->sentence, FRAME_SENTENCE_MAX, "%s: ", walk->name);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(walk->sentence + length, (size_t)(FRAME_SENTENCE_MAX - length), format, arguments);
    va_end(arguments);
    return false;
}

static bool room(struct walk *walk, const char *name, size_t wanted)
{
    if (walk->size - walk->at >= wanted) return true;
    return say(walk, "%s at byte %zu takes %zu, and the frame ends at byte %zu", name, walk->at, wanted, walk->size);
}

static bool text(struct walk *walk, const char *name, bool wanted)
{
    if (!room(walk, name, 1)) return false;
    size_t at = walk->at, size = walk->bytes[at];
    if (size == 0 && wanted) return say(walk, "%s at byte %zu is empty, and must be given", name, at);
    if (!room(walk, name, size ? 1 + size + 1 : 1)) return false;
    walk->at += size ? 1 + size + 1 : 1;
    if (size == 0) return true;
    const unsigned char *zero = memchr(walk->bytes + at + 1, 0, size + 1);
    if (!zero) return say(walk, "%s at byte %zu has no zero at its end, after %zu", name, at, size);
    if (zero == walk->bytes + at + 1 + size) return true;
    return say(walk, "%s at byte %zu has a zero within it, at byte %zu", name, at, (size_t)(zero - walk->bytes));
}

static bool count(struct walk *walk, const char *name, unsigned max, unsigned *entries)
{
    if (!room(walk, name, 1)) return false;
    *entries = walk->bytes[walk->at];
    if (*entries > max) return say(walk, "%s at byte %zu are %u, at most %u may be", name, walk->at, *entries, max);
    walk->at++;
    return true;
}

static bool names(struct walk *walk, const struct field *field)
{
    unsigned entries;
    if (!count(walk, field->name, field->argument, &entries)) return false;
    for (unsigned i = 0; i < entries; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s[%u]", field->name, i);
        if (!text(walk, name, true)) return false;
    }
    return true;
}

static bool schemas(struct walk *walk, const char *name, unsigned entries)
{
    if (!room(walk, name, (size_t)entries * WEFT_SCHEMA_ID_BYTES)) return false;
    walk->at += (size_t)entries * WEFT_SCHEMA_ID_BYTES;
    return true;
}

static bool choice(struct walk *walk, const struct field *field)
{
    unsigned value = walk->bytes[walk->at], least = field->type == KIND;
    if (value >= least && value <= field->argument) return true;
    return say(walk, "%s at byte %zu is %u, and can be %u to %u", field->name, walk->at, value, least, field->argument);
}

static bool placed(struct walk *walk, const struct field *field)
{
    if (!room(walk, field->name, field->place)) return false;
    if ((field->type == CHOICE || field->type == KIND) && !choice(walk, field)) return false;
    if (field->type == MAGIC && wire_get32(walk->bytes + walk->at) != FRAME_MAGIC)
        return say(walk, "magic at byte %zu is not \"WEFT\"", walk->at);
    walk->at += field->place;
    return true;
}

static bool well(struct walk *walk, const struct field *field)
{
    unsigned entries;
    switch (field->type) {
    case SCHEMA: return !(walk->bytes[5] & field->argument) || schemas(walk, field->name, 1);
    case TEXT:
    case SENTENCE: return text(walk, field->name, false);
    case NAME: return text(walk, field->name, true);
    case NAMES: return names(walk, field);
    case SCHEMAS: return count(walk, field->name, field->argument, &entries) && schemas(walk, field->name, entries);
    case REST: walk->at = walk->size; return true;
    default: return placed(walk, field);
    }
}

static bool header_well(struct walk *walk, char by, size_t size_max)
{
    unsigned kind = walk->bytes[4], zero = wire_get16(walk->bytes + 6);
    char who = weft__frame_by(kind);
    walk->name = "frame";
    if (!who) return say(walk, "kind %u at byte 4 is unknown to protocol version %d", kind, PROTOCOL_HIGHEST);
    walk->name = weft__frame_name(kind);
    if (who != 'B' && who != by)
        return say(walk, "kind %u at byte 4 is sent by %s only", kind, who == 'C' ? "clients" : "nodes");
    if (zero) return say(walk, "bytes 6 and 7 are %u, and must be zero", zero);
    if (walk->size > size_max)
        return say(walk, "a body of %zu bytes at byte 0 is over the maximum of %zu", walk->size - FRAME_HEADER_BYTES,
                   size_max - FRAME_HEADER_BYTES);
    return true;
}

static bool flags_well(struct walk *walk, const struct field *fields)
{
    unsigned flags = walk->bytes[5];
    for (; fields->name; fields++)
        if (fields->type == FLAG || fields->type == SCHEMA) flags &= ~fields->argument;
    return !flags || say(walk, "flags 0x%02x at byte 5 mean nothing in protocol version %d", flags, PROTOCOL_HIGHEST);
}

void weft__frame_fault(const unsigned char *bytes, char by, size_t size_max, char *sentence)
{
    struct walk walk = {bytes, FRAME_HEADER_BYTES, (size_t)wire_get32(bytes) + FRAME_HEADER_BYTES, NULL, sentence};
    if (!header_well(&walk, by, size_max)) return;
    const struct field *field = fields_of[bytes[4]];
    if (!flags_well(&walk, field)) return;
    for (; field->name; field++)
        if (!well(&walk, field)) return;
    say(&walk, "the frame should end at byte %zu, and %zu more follow", walk.at, walk.size - walk.at);
}
