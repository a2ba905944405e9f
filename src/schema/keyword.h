/* keyword.h: the words of JSON Schema: in which drafts and vocabularies they stand, and what may stand behind them. */
#ifndef WEFT_SCHEMA_KEYWORD_H
#define WEFT_SCHEMA_KEYWORD_H

#include <stdint.h>

#include <weft/schema.h>

#include "schema/json.h"

/* X(NAME, "name", drafts, vocabulary, shape): a name that two drafts know differently stands twice. */
#define KEYWORDS(X)                                                                                                    \
    X(SCHEMA, "$schema", BOTH, CORE, STRING)                                                                           \
    X(ID, "$id", 2020, CORE, ID)                                                                                       \
    X(ID_7, "$id", 7, CORE, STRING)                                                                                    \
    X(REF, "$ref", BOTH, CORE, STRING)                                                                                 \
    X(ANCHOR, "$anchor", 2020, CORE, ANCHOR)                                                                           \
    X(DYNAMIC_REF, "$dynamicRef", 2020, CORE, STRING)                                                                  \
    X(DYNAMIC_ANCHOR, "$dynamicAnchor", 2020, CORE, ANCHOR)                                                            \
    X(VOCABULARY, "$vocabulary", 2020, CORE, BOOLEAN_MAP)                                                              \
    X(COMMENT, "$comment", BOTH, CORE, STRING)                                                                         \
    X(DEFS, "$defs", 2020, CORE, SCHEMA_MAP)                                                                           \
    X(DEFINITIONS, "definitions", BOTH, CORE, SCHEMA_MAP)                                                              \
    X(RECURSIVE_REF, "$recursiveRef", 2020, CORE, STRING)                                                              \
    X(RECURSIVE_ANCHOR, "$recursiveAnchor", 2020, CORE, ANCHOR)                                                        \
    X(DEPENDENCIES, "dependencies", BOTH, APPLICATOR, DEPENDENCIES)                                                    \
    X(PREFIX_ITEMS, "prefixItems", 2020, APPLICATOR, SCHEMAS)                                                          \
    X(ITEMS, "items", 2020, APPLICATOR, SCHEMA)                                                                        \
    X(ITEMS_7, "items", 7, APPLICATOR, SCHEMA_OR_SCHEMAS)                                                              \
    X(ADDITIONAL_ITEMS, "additionalItems", 7, APPLICATOR, SCHEMA)                                                      \
    X(CONTAINS, "contains", BOTH, APPLICATOR, SCHEMA)                                                                  \
    X(PROPERTIES, "properties", BOTH, APPLICATOR, SCHEMA_MAP)                                                          \
    X(PATTERN_PROPERTIES, "patternProperties", BOTH, APPLICATOR, SCHEMA_MAP)                                           \
    X(ADDITIONAL_PROPERTIES, "additionalProperties", BOTH, APPLICATOR, SCHEMA)                                         \
    X(PROPERTY_NAMES, "propertyNames", BOTH, APPLICATOR, SCHEMA)                                                       \
    X(DEPENDENT_SCHEMAS, "dependentSchemas", 2020, APPLICATOR, SCHEMA_MAP)                                             \
    X(IF, "if", BOTH, APPLICATOR, SCHEMA)                                                                              \
    X(THEN, "then", BOTH, APPLICATOR, SCHEMA)                                                                          \
    X(ELSE, "else", BOTH, APPLICATOR, SCHEMA)                                                                          \
    X(ALL_OF, "allOf", BOTH, APPLICATOR, SCHEMAS)                                                                      \
    X(ANY_OF, "anyOf", BOTH, APPLICATOR, SCHEMAS)                                                                      \
    X(ONE_OF, "oneOf", BOTH, APPLICATOR, SCHEMAS)                                                                      \
    X(NOT, "not", BOTH, APPLICATOR, SCHEMA)                                                                            \
    X(UNEVALUATED_ITEMS, "unevaluatedItems", 2020, UNEVALUATED, SCHEMA)                                                \
    X(UNEVALUATED_PROPERTIES, "unevaluatedProperties", 2020, UNEVALUATED, SCHEMA)                                      \
    X(TYPE, "type", BOTH, VALIDATION, TYPE)                                                                            \
    X(CONST, "const", BOTH, VALIDATION, ANY)                                                                           \
    X(ENUM, "enum", BOTH, VALIDATION, ARRAY)                                                                           \
    X(MULTIPLE_OF, "multipleOf", BOTH, VALIDATION, DIVISOR)                                                            \
    X(MAXIMUM, "maximum", BOTH, VALIDATION, NUMBER)                                                                    \
    X(EXCLUSIVE_MAXIMUM, "exclusiveMaximum", BOTH, VALIDATION, NUMBER)                                                 \
    X(MINIMUM, "minimum", BOTH, VALIDATION, NUMBER)                                                                    \
    X(EXCLUSIVE_MINIMUM, "exclusiveMinimum", BOTH, VALIDATION, NUMBER)                                                 \
    X(MAX_LENGTH, "maxLength", BOTH, VALIDATION, COUNT)                                                                \
    X(MIN_LENGTH, "minLength", BOTH, VALIDATION, COUNT)                                                                \
    X(PATTERN, "pattern", BOTH, VALIDATION, STRING)                                                                    \
    X(MAX_ITEMS, "maxItems", BOTH, VALIDATION, COUNT)                                                                  \
    X(MIN_ITEMS, "minItems", BOTH, VALIDATION, COUNT)                                                                  \
    X(UNIQUE_ITEMS, "uniqueItems", BOTH, VALIDATION, BOOLEAN)                                                          \
    X(MAX_CONTAINS, "maxContains", 2020, VALIDATION, COUNT)                                                            \
    X(MIN_CONTAINS, "minContains", 2020, VALIDATION, COUNT)                                                            \
    X(MAX_PROPERTIES, "maxProperties", BOTH, VALIDATION, COUNT)                                                        \
    X(MIN_PROPERTIES, "minProperties", BOTH, VALIDATION, COUNT)                                                        \
    X(REQUIRED, "required", BOTH, VALIDATION, STRINGS)                                                                 \
    X(DEPENDENT_REQUIRED, "dependentRequired", 2020, VALIDATION, STRINGS_MAP)                                          \
    X(FORMAT, "format", BOTH, FORMAT, STRING)                                                                          \
    X(CONTENT_ENCODING, "contentEncoding", BOTH, CONTENT, STRING)                                                      \
    X(CONTENT_MEDIA_TYPE, "contentMediaType", BOTH, CONTENT, STRING)                                                   \
    X(CONTENT_SCHEMA, "contentSchema", 2020, CONTENT, SCHEMA)                                                          \
    X(TITLE, "title", BOTH, META_DATA, STRING)                                                                         \
    X(DESCRIPTION, "description", BOTH, META_DATA, STRING)                                                             \
    X(DEFAULT, "default", BOTH, META_DATA, ANY)                                                                        \
    X(DEPRECATED, "deprecated", 2020, META_DATA, BOOLEAN)                                                              \
    X(READ_ONLY, "readOnly", BOTH, META_DATA, BOOLEAN)                                                                 \
    X(WRITE_ONLY, "writeOnly", BOTH, META_DATA, BOOLEAN)                                                               \
    X(EXAMPLES, "examples", BOTH, META_DATA, ARRAY)

enum keyword {
    KEYWORD_NONE,
#define KEYWORD_ENUM(name, text, drafts, vocabulary, shape) KEYWORD_##name,
    KEYWORDS(KEYWORD_ENUM)
#undef KEYWORD_ENUM
        KEYWORD_COUNT
};

/* What a keyword's value must be, as the meta-schemas have it. */
enum shape {
    SHAPE_ANY,
    SHAPE_STRING,
    SHAPE_ID,     /* a string whose fragment, if any, is empty */
    SHAPE_ANCHOR, /* [A-Za-z_][-A-Za-z0-9._]* */
    SHAPE_BOOLEAN,
    SHAPE_BOOLEAN_MAP,
    SHAPE_NUMBER,
    SHAPE_DIVISOR, /* greater than 0 */
    SHAPE_COUNT,   /* an integer, not negative */
    SHAPE_ARRAY,
    SHAPE_STRINGS, /* that all differ */
    SHAPE_STRINGS_MAP,
    SHAPE_TYPE,
    SHAPE_SCHEMA,
    SHAPE_SCHEMAS, /* at least one */
    SHAPE_SCHEMA_OR_SCHEMAS,
    SHAPE_SCHEMA_MAP,
    SHAPE_DEPENDENCIES /* schemas or SHAPE_STRINGS */
};

enum vocabulary {
    VOCABULARY_CORE = 1,
    VOCABULARY_APPLICATOR = 2,
    VOCABULARY_UNEVALUATED = 4,
    VOCABULARY_VALIDATION = 8,
    VOCABULARY_FORMAT = 16, /* as an annotation */
    VOCABULARY_CONTENT = 32,
    VOCABULARY_META_DATA = 64,
    VOCABULARY_ASSERTION = 128, /* of formats */
    VOCABULARY_DEFAULT = 127
};

struct keyword_row {
    const char *name;
    uint8_t drafts; /* bits by weft_draft */
    uint8_t vocabulary;
    uint8_t shape;
    uint8_t keyword;
};

/* By number; row 0 has the name "". */
extern const struct keyword_row weft__keywords[KEYWORD_COUNT];

/* Rows by the hash of their name; made once for each compilation, with the parsers' seed. */
enum { KEYWORD_SLOTS = 256 };

struct keyword_table {
    uint32_t hashes[KEYWORD_SLOTS];
    uint8_t rows[KEYWORD_SLOTS]; /* 0 = free */
};

void weft__keyword_table_init(struct keyword_table *table, uint32_t seed);

/* What the key means in a schema of that draft with these vocabularies; row 0: nothing. */
const struct keyword_row *weft__keyword_find(const struct keyword_table *table, const struct json_doc *doc,
                                             const struct json_value *key, weft_draft draft, uint32_t vocabularies);

#endif
