#include "api/json.h"

#include <weft/schema.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { ROOM_FIRST = 4096 };

static bool make_room(struct json *json, size_t more)
{
    if (json->failed) return false;
    if (json->room - json->used > more) return true;
    size_t room = json->room ? json->room : ROOM_FIRST;
    while (room - json->used <= more)
        room *= 2;
    char *text = weft__mem_grow(&weft__mem_libc, json->text, json->text ? json->used + 1 : 0, room);
    json->failed = !text;
    if (!text) return false;
    json->text = text;
    json->room = room;
    return true;
}

static void put(struct json *json, const char *bytes, size_t count)
{
    if (!make_room(json, count)) return;
    memcpy(json->text + json->used, bytes, count);
    json->used += count;
    json->text[json->used] = '\0';
}

/* What is no UTF-8 is told as the replacement character. */
static void put_string(struct json *json, const char *value)
{
    const char *end = value + strlen(value);
    put(json, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)value; *s;) {
        const unsigned char *plain = s;
        while (*s >= 0x20 && *s < 0x7f && *s != '"' && *s != '\\')
            s++;
        if (s > plain) put(json, (const char *)plain, (size_t)(s - plain));
        if (!*s) break;
        size_t length = *s >= 0x80 ? weft__utf8_size((const char *)s, end) : 0;
        char escape[8];
        if (length) {
            put(json, (const char *)s, length);
        } else if (*s == '"' || *s == '\\') {
            escape[0] = '\\', escape[1] = (char)*s;
            put(json, escape, 2);
        } else {
            (void)snprintf(escape, sizeof escape, "\\u%04x", *s >= 0x80 ? 0xfffdU : (unsigned)*s);
            put(json, escape, 6);
        }
        s += length ? length : 1;
    }
    put(json, "\"", 1);
}

static void begin(struct json *json, const char *name)
{
    if (json->comma) put(json, ",", 1);
    json->comma = true;
    if (!name) return;
    put_string(json, name);
    put(json, ":", 1);
}

void weft__json_open(struct json *json, const char *name, char bracket)
{
    begin(json, name);
    put(json, &bracket, 1);
    json->comma = false;
}

void weft__json_close(struct json *json, char bracket)
{
    put(json, &bracket, 1);
    json->comma = true;
}

void weft__json_number(struct json *json, const char *name, uint64_t value)
{
    char digits[24];
    begin(json, name);
    put(json, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value));
}

void weft__json_signed(struct json *json, const char *name, int64_t value)
{
    char digits[24];
    begin(json, name);
    put(json, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, value));
}

void weft__json_bool(struct json *json, const char *name, bool value)
{
    begin(json, name);
    put(json, value ? "true" : "false", value ? 4 : 5);
}

void weft__json_text(struct json *json, const char *name, const char *value)
{
    begin(json, name);
    if (value)
        put_string(json, value);
    else
        put(json, "null", 4);
}

void weft__json_id(struct json *json, const char *name, const uint8_t *id)
{
    char digits[2 * WEFT_SCHEMA_ID_BYTES + 1];
    for (int i = 0; id && i < WEFT_SCHEMA_ID_BYTES; i++)
        (void)snprintf(digits + 2 * (size_t)i, 3, "%02x", id[i]);
    weft__json_text(json, name, id ? digits : NULL);
}

void weft__json_drop(struct json *json)
{
    weft__mem_free(&weft__mem_libc, json->text);
    *json = (struct json){.text = NULL};
}
