/* payload.c: see payload.h. A task as a shop may dispatch it, filled up with items or with a note; the last string takes
 * what is left to the size. */
#include "contender.h"
#include "payload.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BYTES_MAX = 4096 };

struct text {
    char data[BYTES_MAX + 256];
    size_t size;
    uint32_t rng;
};

static const char head[] = "{\"id\":\"8f14e45f-ceea-467f-9b3a-5d1c27a40e62\",\"type\":\"order.pack\",\"priority\":4,"
                           "\"customer\":{\"id\":40721,\"name\":\"Ann\",\"country\":\"NL\"},";
static const char *const words[] = {"glass", "wooden", "early", "silver", "heavy", "winter", "paper", "blue"};

static const char schema[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"id\",\"type\",\"priority\",\"customer\"],\"properties\":{"
    "\"id\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$\"},"
    "\"type\":{\"enum\":[\"order.note\",\"order.pack\",\"order.refund\",\"order.ship\"]},"
    "\"priority\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9},"
    "\"customer\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"id\",\"name\",\"country\"],"
    "\"properties\":{\"id\":{\"type\":\"integer\",\"minimum\":0},"
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":80},"
    "\"country\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}$\"}}},"
    "\"note\":{\"type\":\"string\",\"maxLength\":8192},"
    "\"items\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":100,\"items\":{\"type\":\"object\","
    "\"additionalProperties\":false,\"required\":[\"sku\",\"quantity\",\"price\"],\"properties\":{"
    "\"sku\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}-[0-9]{4}$\"},"
    "\"quantity\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":10000},"
    "\"price\":{\"type\":\"number\",\"minimum\":0},\"title\":{\"type\":\"string\",\"maxLength\":400}}}}}}";

static uint32_t draw(struct text *t, uint32_t below)
{
    t->rng = t->rng * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)t->rng * below >> 32);
}

static void put(struct text *t, const char *text)
{
    size_t size = strlen(text);
    memcpy(t->data + t->size, text, size);
    t->size += size;
}

static void put_words(struct text *t, size_t until)
{
    while (t->size < until) {
        const char *word = words[draw(t, 8)];
        for (; *word && t->size < until; word++)
            t->data[t->size++] = *word;
        if (t->size < until) t->data[t->size++] = ' ';
    }
}

/* An item without the end of its title. */
static void put_item(struct text *t)
{
    char item[96];
    snprintf(item, sizeof(item), "{\"sku\":\"%c%c%c-%u\",\"quantity\":%u,\"price\":%u.%02u,\"title\":\"",
             'A' + (int)draw(t, 26), 'A' + (int)draw(t, 26), 'A' + (int)draw(t, 26), 1000 + draw(t, 9000), draw(t, 120),
             draw(t, 900), 1 + draw(t, 98));
    put(t, item);
}

static weft_bytes end(struct text *t, const char *closing, size_t size)
{
    put_words(t, size - strlen(closing));
    put(t, closing);
    if (t->size != size) fail("a payload of %zu bytes in place of %zu", t->size, size);
    return (weft_bytes){t->data, size};
}

static weft_bytes with_note(struct text *t, size_t size)
{
    put(t, head);
    put(t, "\"note\":\"");
    return end(t, "\"}", size);
}

static weft_bytes with_items(struct text *t, size_t size)
{
    put(t, head);
    put(t, "\"items\":[");
    put_item(t);
    while (t->size + 250 < size) {
        put_words(t, t->size + 8 + draw(t, 24));
        put(t, "\"},");
        put_item(t);
    }
    return end(t, "\"}]}", size);
}

weft_bytes payload(int which)
{
    static struct text texts[PAYLOADS];
    struct text *t = &texts[which];
    if (t->size) return (weft_bytes){t->data, t->size};
    t->rng = (uint32_t)which + 1;
    if (which == PAYLOAD_4K_STRING) return with_note(t, 4096);
    return with_items(t, which == PAYLOAD_200 ? 200 : 4096);
}

weft_bytes payload_schema(void)
{
    return (weft_bytes){schema, sizeof(schema) - 1};
}
