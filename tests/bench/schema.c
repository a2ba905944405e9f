/* What it takes to compile a schema of 5 KB; and to validate that schema by the meta-schema of 2020-12, which is all
 * references, static and dynamic. Parsing and validating tasks is measured beside others' in its own file. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include <weft/schema.h>

enum { SCHEMA_BYTES = 5000, ROUNDS_OF_EACH = 100 };

/* Parts alike, each of which has names, bounds, a pattern, an enum and references, until it is large enough. */
static weft_bytes schema_text(void)
{
    static char text[SCHEMA_BYTES + 1024];
    char *at = text;
    if (*text) return (weft_bytes){text, strlen(text)};
    at += sprintf(at, "{\"$id\":\"https://example.org/orders\",\"type\":\"object\",\"properties\":{\"first\":{\"$ref\":"
                      "\"#/$defs/part0\"}},\"additionalProperties\":false,\"$defs\":{\"name\":{\"type\":\"string\","
                      "\"minLength\":1,\"maxLength\":64}");
    for (int i = 0; at - text < SCHEMA_BYTES - 300; i++)
        at += sprintf(
            at,
            ",\"part%d\":{\"type\":\"object\",\"required\":[\"id\",\"state\"],\"properties\":{\"id\":{\"type\":"
            "\"string\",\"pattern\":\"^part%d-[0-9a-f]{8}$\"},\"state\":{\"enum\":[\"new\",\"paid\",\"sent\"]},"
            "\"name\":{\"$ref\":\"#/$defs/name\"},\"count\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":%d},"
            "\"tags\":{\"type\":\"array\",\"maxItems\":8,\"items\":{\"type\":\"string\"}}},"
            "\"additionalProperties\":false}",
            i, i, 100 + i);
    sprintf(at, "}}");
    return (weft_bytes){text, strlen(text)};
}

static double compile_us(void)
{
    weft_bytes text = schema_text();
    weft_schema *schema;
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < ROUNDS_OF_EACH; i++) {
        if (weft_schema_compile(text, NULL, &schema)) bench_die("compile a schema");
        weft_schema_release(schema);
    }
    return (double)(bench_now_ns() - start_ns) / 1e3 / ROUNDS_OF_EACH;
}

static double meta_us(void)
{
    static weft_schema *meta;
    static weft_validator *validator;
    weft_bytes text = schema_text();
    if (!meta &&
        (weft_schema_compile(WEFT_TEXT("{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}"), NULL, &meta) ||
         weft_validator_open(NULL, &validator)))
        bench_die("compile the meta-schema");
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < ROUNDS_OF_EACH; i++)
        if (weft_validate(validator, meta, text)) bench_die("validate a schema");
    return (double)(bench_now_ns() - start_ns) / 1e3 / ROUNDS_OF_EACH;
}

const struct bench bench_schema[] = {{.name = "schema_compile",
                                      .metric = "to compile a schema of 5 KB",
                                      .unit = "us",
                                      .measure = compile_us,
                                      .against = "goal",
                                      .goal = 1000,
                                      .at_most = 1,
                                      .rounds = 9},
                                     {.name = "schema_meta",
                                      .metric = "to parse it and validate it by the meta-schema",
                                      .unit = "us",
                                      .measure = meta_us,
                                      .against = "goal",
                                      .goal = 200,
                                      .at_most = 1,
                                      .rounds = 9},
                                     {0}};
