/* Values by chance, and texts that mean the same. */
#include "lib/random_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

const char *const random_names[RANDOM_NAMES] = {"a", "b", "c", "ab", "é"};
static const char *const texts[] = {"", "a", "b", "ab", "ba", "é", "😀a", "a\n"};

json_t *random_number(struct rng *rng)
{
    int quarters = (int)rng_below(rng, 24) - 6;
    return rng_once_in(rng, 3) ? json_real(quarters * 0.25) : json_integer(quarters / 3);
}

static json_t *random_value(struct rng *rng, json_t *pool, int depth)
{
    if (json_array_size(pool) > 0 && rng_once_in(rng, 4)) {
        return json_deep_copy(json_array_get(pool, rng_below(rng, (uint32_t)json_array_size(pool))));
    }
    json_t *value;
    switch (rng_below(rng, depth == 0 ? 15 : depth < 4 ? 9 : 5)) {
    case 0: return json_null();
    case 1: return json_boolean(rng_once_in(rng, 2));
    case 2:
    case 3: return random_number(rng);
    case 4: return json_string(texts[rng_below(rng, sizeof texts / sizeof *texts)]);
    case 5:
    case 6:
    case 9:
    case 10:
    case 11:
        value = json_array();
        for (uint32_t left = rng_below(rng, 5); left > 0; left--) {
            json_array_append_new(value, random_value(rng, pool, depth + 1));
        }
        return value;
    default:
        value = json_object();
        for (uint32_t left = rng_below(rng, 5); left > 0; left--) {
            json_object_set_new(value, random_names[rng_below(rng, RANDOM_NAMES)], random_value(rng, pool, depth + 1));
        }
        return value;
    }
}

json_t *random_document(struct rng *rng, json_t *pool)
{
    return random_value(rng, pool, 0);
}

/* --- texts ------------------------------------------------------------------------------------ */

/* twice: what may stand before members, under their names; NULL: nothing. */
static void write_value(struct rng *rng, FILE *to, json_t *value, json_t *twice);

static void write_blank(struct rng *rng, FILE *to)
{
    static const char *const blanks[] = {" ", "\n", "\t", "\r\n    "};
    if (rng_once_in(rng, 4)) {
        fputs(blanks[rng_below(rng, 4)], to);
    }
}

static void write_string(struct rng *rng, FILE *to, const char *text)
{
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ||
            ((unsigned char)*text < 0x80 && rng_once_in(rng, 8))) {
            fprintf(to, "\\u%04x", *text);
        } else {
            putc(*text, to);
        }
    }
    putc('"', to);
}

static void write_number(struct rng *rng, FILE *to, json_t *value)
{
    char digits[64];
    snprintf(digits, sizeof digits, json_is_integer(value) ? "%.0f" : "%.2f", json_number_value(value));
    bool whole = !strchr(digits, '.');
    switch (rng_below(rng, 4)) {
    case 0: fprintf(to, "%s%s", digits, whole ? ".0" : "0"); break;
    case 1: fprintf(to, "%s%s", digits, whole ? ".000e0" : "e+0"); break;
    case 2: fprintf(to, "%.0fE-2", json_number_value(value) * 100); break;
    default: fputs(digits, to);
    }
}

static void write_array(struct rng *rng, FILE *to, json_t *value, json_t *twice)
{
    size_t i;
    json_t *element;
    putc('[', to);
    json_array_foreach(value, i, element)
    {
        fputs(i > 0 ? "," : "", to);
        write_value(rng, to, element, twice);
    }
    putc(']', to);
}

static void write_member(struct rng *rng, FILE *to, const char *key, json_t *value, json_t *twice)
{
    write_blank(rng, to);
    write_string(rng, to, key);
    write_blank(rng, to);
    putc(':', to);
    write_value(rng, to, value, twice);
}

static void write_object(struct rng *rng, FILE *to, json_t *value, json_t *twice)
{
    const char *keys[64], *key;
    json_t *member;
    uint32_t count = 0;
    check_true(json_object_size(value) <= 64);
    json_object_foreach(value, key, member)
    {
        uint32_t place = rng_below(rng, ++count);
        keys[count - 1] = keys[place];
        keys[place] = key;
    }
    putc('{', to);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i > 0 ? "," : "", to);
        while (twice && rng_once_in(rng, 4)) {
            json_t *other = random_value(rng, twice, 3);
            write_member(rng, to, keys[i + rng_below(rng, count - i)], other, NULL);
            putc(',', to);
            json_decref(other);
        }
        write_member(rng, to, keys[i], json_object_get(value, keys[i]), twice);
    }
    putc('}', to);
}

static void write_value(struct rng *rng, FILE *to, json_t *value, json_t *twice)
{
    write_blank(rng, to);
    switch (json_typeof(value)) {
    case JSON_OBJECT: write_object(rng, to, value, twice); break;
    case JSON_ARRAY: write_array(rng, to, value, twice); break;
    case JSON_STRING: write_string(rng, to, json_string_value(value)); break;
    case JSON_INTEGER:
    case JSON_REAL: write_number(rng, to, value); break;
    case JSON_TRUE: fputs("true", to); break;
    case JSON_FALSE: fputs("false", to); break;
    case JSON_NULL: fputs("null", to); break;
    }
    write_blank(rng, to);
}

char *random_text_twice(struct rng *rng, json_t *value, json_t *pool)
{
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    check_true(to);
    write_value(rng, to, value, pool);
    fclose(to);
    return text;
}

char *random_text(struct rng *rng, json_t *value)
{
    return random_text_twice(rng, value, NULL);
}
