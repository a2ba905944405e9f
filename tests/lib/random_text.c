/* Texts that mean the same. */
#include "lib/random_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

static void write_value(struct rng *rng, FILE *to, json_t *value);

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

static void write_array(struct rng *rng, FILE *to, json_t *value)
{
    size_t i;
    json_t *element;
    putc('[', to);
    json_array_foreach(value, i, element)
    {
        fputs(i > 0 ? "," : "", to);
        write_value(rng, to, element);
    }
    putc(']', to);
}

static void write_object(struct rng *rng, FILE *to, json_t *value)
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
        write_blank(rng, to);
        write_string(rng, to, keys[i]);
        write_blank(rng, to);
        putc(':', to);
        write_value(rng, to, json_object_get(value, keys[i]));
    }
    putc('}', to);
}

static void write_value(struct rng *rng, FILE *to, json_t *value)
{
    write_blank(rng, to);
    switch (json_typeof(value)) {
    case JSON_OBJECT: write_object(rng, to, value); break;
    case JSON_ARRAY: write_array(rng, to, value); break;
    case JSON_STRING: write_string(rng, to, json_string_value(value)); break;
    case JSON_INTEGER:
    case JSON_REAL: write_number(rng, to, value); break;
    case JSON_TRUE: fputs("true", to); break;
    case JSON_FALSE: fputs("false", to); break;
    case JSON_NULL: fputs("null", to); break;
    }
    write_blank(rng, to);
}

char *random_text(struct rng *rng, json_t *value)
{
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    check_true(to);
    write_value(rng, to, value);
    fclose(to);
    return text;
}
