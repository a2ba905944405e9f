#include "schema/canonical.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "schema/number.h"
#include "schema/text.h"

/* The text as it grows. */
struct writer {
    const struct mem *mem;
    const struct json_doc *doc;
    char *text;
    size_t used, room;
    weft_error error;
    uint32_t *at;
};

/* A member, to be sorted. */
struct member {
    const char *name; /* decoded */
    uint32_t size_bytes;
    const struct json_value *value;
};

static void write_value(struct writer *writer, const struct json_value *value);

static bool reserve(struct writer *writer, size_t size_bytes)
{
    if (writer->error) return false;
    if (writer->room - writer->used >= size_bytes) return true;
    size_t room = writer->room * 2 > writer->used + size_bytes ? writer->room * 2 : writer->used + size_bytes;
    char *text = weft__mem_grow(writer->mem, writer->text, writer->used, room);
    if (!text) {
        writer->error = WEFT_ENOMEM;
        return false;
    }
    writer->text = text;
    writer->room = room;
    return true;
}

static void put(struct writer *writer, const char *text, size_t size_bytes)
{
    if (size_bytes == 0 || !reserve(writer, size_bytes)) return;
    memcpy(writer->text + writer->used, text, size_bytes);
    writer->used += size_bytes;
}

/* RFC 8785, section 3.2.2.2. */
static void put_byte(struct writer *writer, int byte)
{
    static const char names[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\", hex[] = "0123456789abcdef";
    const char *name = byte ? strchr(names, byte) : NULL;
    if (name) {
        const char escape[2] = {'\\', letters[name - names]};
        put(writer, escape, sizeof escape);
    } else if (byte < 0x20) {
        const char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        put(writer, escape, sizeof escape);
    } else {
        const char plain = (char)byte;
        put(writer, &plain, 1);
    }
}

static void write_string(struct writer *writer, const char *decoded, size_t size_bytes)
{
    put(writer, "\"", 1);
    for (size_t i = 0; i < size_bytes; i++)
        put_byte(writer, (unsigned char)decoded[i]);
    put(writer, "\"", 1);
}

/* --- objects ---------------------------------------------------------------------------------- */

/* By UTF-16 code units (section 3.2.3). UTF-8 orders as code points do, which differs where a surrogate pair, from
 * U+10000 on, meets what is above the surrogates, U+E000 to U+FFFF: their first bytes are 0xF0 and more, and 0xEE or
 * 0xEF. */
static int by_name(const struct member *a, const struct member *b)
{
    uint32_t both = a->size_bytes < b->size_bytes ? a->size_bytes : b->size_bytes;
    for (uint32_t i = 0; i < both; i++) {
        int x = (unsigned char)a->name[i], y = (unsigned char)b->name[i];
        if (x == y) continue;
        if (x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0)) return y - x;
        return x - y;
    }
    return a->size_bytes < b->size_bytes ? -1 : a->size_bytes > b->size_bytes;
}

/* Merge sort: runs of `size` become runs of twice that. */
static struct member *sort(struct member *from, struct member *to, uint32_t count)
{
    for (size_t size = 1; size < count; size *= 2) {
        for (size_t start = 0; start < count; start += 2 * size) {
            size_t middle = start + size < count ? start + size : count;
            size_t end = middle + size < count ? middle + size : count;
            size_t a = start, b = middle;
            for (size_t i = start; i < end; i++) {
                bool left = b == end || (a < middle && by_name(&from[a], &from[b]) <= 0);
                to[i] = from[left ? a++ : b++];
            }
        }
        struct member *sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}

static void write_members(struct writer *writer, const struct member *members, uint32_t count)
{
    put(writer, "{", 1);
    for (uint32_t i = 0; i < count; i++) {
        if (i) put(writer, ",", 1);
        write_string(writer, members[i].name, members[i].size_bytes);
        put(writer, ":", 1);
        write_value(writer, members[i].value);
    }
    put(writer, "}", 1);
}

/* Decodes the object's names, in the order of the text. */
static void collect(const struct json_doc *doc, const struct json_value *object, struct member *members, char *names)
{
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(doc, key + 1)) {
        size_t size_bytes = weft__json_decode(doc, key, names);
        members[i] = (struct member){.name = names, .size_bytes = (uint32_t)size_bytes, .value = key + 1};
        names += size_bytes;
    }
}

static void write_object(struct writer *writer, const struct json_value *object)
{
    const struct json_value *key = object + 1;
    size_t names_bytes = 0, members_bytes = 2 * sizeof(struct member) * object->count;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(writer->doc, key + 1))
        names_bytes += key->size_bytes;
    struct member *members = weft__mem_alloc(writer->mem, members_bytes + names_bytes + 1);
    if (!members) {
        writer->error = WEFT_ENOMEM;
        return;
    }
    collect(writer->doc, object, members, (char *)members + members_bytes);
    write_members(writer, sort(members, members + object->count, object->count), object->count);
    weft__mem_free(writer->mem, members);
}

/* --- others ----------------------------------------------------------------------------------- */

static void write_array(struct writer *writer, const struct json_value *array)
{
    const struct json_value *element = array + 1;
    put(writer, "[", 1);
    for (uint32_t i = 0; i < array->count; i++, element = weft__json_next(writer->doc, element)) {
        if (i) put(writer, ",", 1);
        write_value(writer, element);
    }
    put(writer, "]", 1);
}

static void write_number(struct writer *writer, const struct json_value *number)
{
    char text[33];
    if (weft__number_canonical(writer->doc, number, text)) {
        put(writer, text, strlen(text));
    } else {
        writer->error = WEFT_EUNSUPPORTED;
        *writer->at = number->at;
    }
}

static void write_text(struct writer *writer, const struct json_value *string)
{
    struct text_cursor cursor = weft__text_open(writer->doc, string);
    put(writer, "\"", 1);
    for (int byte; (byte = weft__text_next(&cursor)) >= 0;)
        put_byte(writer, byte);
    put(writer, "\"", 1);
}

/* Recursive: as deep as the document, JSON_DEPTH_MAX at most. */
static void write_value(struct writer *writer, const struct json_value *value)
{
    if (writer->error) return;
    switch ((enum json_kind)value->kind) {
    case JSON_NULL: put(writer, "null", 4); break;
    case JSON_FALSE: put(writer, "false", 5); break;
    case JSON_TRUE: put(writer, "true", 4); break;
    case JSON_NUMBER: write_number(writer, value); break;
    case JSON_STRING: write_text(writer, value); break;
    case JSON_ARRAY: write_array(writer, value); break;
    case JSON_OBJECT: write_object(writer, value); break;
    }
}

weft_error weft__json_canonical(const struct mem *mem, const struct json_doc *doc, char **text, size_t *size_bytes,
                                uint32_t *at)
{
    struct writer writer = {.mem = mem, .doc = doc, .at = at};
    write_value(&writer, doc->values);
    put(&writer, "", 1);
    if (writer.error) {
        weft__mem_free(mem, writer.text);
        return writer.error;
    }
    *text = writer.text;
    *size_bytes = writer.used - 1;
    return WEFT_OK;
}
