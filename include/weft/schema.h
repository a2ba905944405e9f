/* weft/schema.h: JSON Schema, compiled once and validated often; usable without a node.
 *
 * Drafts: 2020-12 (https://json-schema.org/draft/2020-12/json-schema-core and -validation) and draft-07, chosen by
 * "$schema". JSON is RFC 8259, strictly. Numbers are compared by their value, strings counted in code points;
 * "pattern" is ECMA-262 with the flag u. Nothing is ever fetched: a "$ref" finds what the schema, the meta-schemas and
 * the options hold.
 *
 * Not had: other drafts, 2019-09 among them; patterns with a lookbehind whose length varies, a reference within one or
 * to a group that a turn of its repeat may leave out, a repeat of more than 65535 (WEFT_EUNSUPPORTED); an assertion of
 * the format "idn-hostname", or of any that is not known: they are always annotations; a multipleOf of more than 38
 * digits, an exponent of more than a thousand million. Refused on purpose, as I-JSON does: half of a surrogate pair,
 * and, unless an option allows it in documents, a name that stands twice in its object. docs/schema.md has the rest. */
#ifndef WEFT_SCHEMA_H
#define WEFT_SCHEMA_H

#include <weft/types.h>

typedef struct weft_schema weft_schema;       /* compiled; it never changes, and any thread may use it */
typedef struct weft_validator weft_validator; /* memory to validate with; one thread at a time */

typedef enum weft_draft { WEFT_DRAFT_2020_12 = 1, WEFT_DRAFT_7 } weft_draft;

/* A schema that others refer to. All of them are read: one that is not JSON makes compiling fail, even where nobody
 * refers to it. */
typedef struct weft_schema_source {
    const char *uri; /* absolute, without a fragment, but for an empty one: else WEFT_EINVAL */
    weft_bytes json;
} weft_schema_source;

typedef struct weft_schema_options {
    uint32_t version;    /* filled in by WEFT_SCHEMA_OPTIONS */
    weft_draft draft;    /* where the schema does not say */
    const char *uri;     /* borrows; where it was found: its base URI, unless it has an $id; NULL = none */
    bool assert_formats; /* "format" is checked; else it is an annotation */
    const weft_schema_source *sources; /* borrows */
    size_t sources_count;
    uint32_t schema_bytes_max; /* of the schema and its sources, together */

    /* In a document a name may stand twice in its object; else that is WEFT_EINVAL. The last of them counts, and for no
     * keyword are the others there. Readers differ in this (RFC 8259, section 4): allow it where whoever reads the
     * document takes the last as well, or what is read is not what was validated. In schemas a name never does. */
    bool duplicate_keys;

    /* Bounds of validation: what exceeds one is WEFT_ELIMIT. */
    uint32_t document_bytes_max;
    uint32_t depth_max; /* of nested arrays and objects, at most 1024; schemas may lead to each other four times as
                           deep. Takes up to 3 KiB of stack for each */
    uint32_t steps_max; /* of a document: a step is an element or member that is looked at, a schema that is applied to
                           it, a keyword in that, or what costs as much; also 16 bytes of what weft_validate_all tells.
                           The default is enough for some three million values that meet a keyword each */

    const weft_allocator *allocator; /* copies; NULL = malloc */
} weft_schema_options;

#define WEFT_SCHEMA_OPTIONS_VALUES                                                                                     \
    1, WEFT_DRAFT_2020_12, NULL, false, NULL, 0, 1u << 20, false, 16u << 20, 256, 10000000, NULL
#ifdef __cplusplus
#define WEFT_SCHEMA_OPTIONS (weft_schema_options{WEFT_SCHEMA_OPTIONS_VALUES})
#else
#define WEFT_SCHEMA_OPTIONS                                                                                            \
    {                                                                                                                  \
        WEFT_SCHEMA_OPTIONS_VALUES                                                                                     \
    }
#endif

/* One way in which a document does not match. Lends all its texts, for the call that is told of it. */
typedef struct weft_mismatch {
    const char *instance; /* JSON Pointer (RFC 6901) into the document: "/customer/email"; "" is the whole */
    /* Where the schema says so: "#/properties/customer/properties/email/type", behind its base URI if it has one; of
     * dependentRequired also for which member: "#/dependentRequired/email". */
    const char *schema;
    const char *keyword; /* "type"; where the schema is false: what has it for its value, or "" */
    const char *message; /* "expected a string, got the number 7": as weft_error_message fit for a terminal, which the
                          * pointers are not: they have the names as they are */
} weft_mismatch;

enum { WEFT_SCHEMA_ID_BYTES = 32 };

#ifdef __cplusplus
extern "C" {
#endif

/* Compiles it; options: borrows, NULL = defaults. Gives: release it. WEFT_EINVAL: it is not JSON, or not a schema: the
 * message says what and where; WEFT_EUNSUPPORTED: a "$schema" or required vocabulary that is not known, or a pattern
 * that cannot be had; WEFT_ENOTFOUND: a reference leads nowhere: name the source; WEFT_ELIMIT: too large, or too deep;
 * WEFT_ENOMEM. */
WEFT_API weft_error weft_schema_compile(weft_bytes json, const weft_schema_options *options, weft_schema **schema);

/* One more reference, for another release. Returns it. Accepts NULL. */
WEFT_API weft_schema *weft_schema_hold(weft_schema *schema);
/* Accepts NULL. */
WEFT_API void weft_schema_release(weft_schema *schema);

/* The BLAKE2b-256 of its canonical form (RFC 8785): the same on every host for all texts that mean the same. It is of the
 * text alone: neither the sources that it refers to nor the options are in it.
 * WEFT_EUNSUPPORTED: a number in it has no canonical form. */
WEFT_API weft_error weft_schema_id(const weft_schema *schema, uint8_t id[WEFT_SCHEMA_ID_BYTES]);

/* The schemas of weft's own things as JSON: of what the library writes (listing, why), and of what programs of yours may
 * pass on (docs/schema.md has the list). The library holds nothing against them by itself. Returns the URI of one,
 * "urn:weft:schema:listing", and lends its text for ever, unless json is NULL; NULL: there are fewer. A "$ref" to that
 * URI finds it by itself. Never fails; any thread. */
WEFT_API const char *weft_schema_builtin(size_t index, weft_bytes *json);

/* allocator: copies; NULL = malloc. Gives: close it. WEFT_ENOMEM. */
WEFT_API weft_error weft_validator_open(const weft_allocator *allocator, weft_validator **validator);
/* Accepts NULL. */
WEFT_API void weft_validator_close(weft_validator *validator);

/* Whether the document matches. Stops at the first mismatch; allocates nothing once it has seen documents like it.
 * WEFT_EMISMATCH: the message says where and what; WEFT_EINVAL: not JSON, likewise; WEFT_ELIMIT: it exceeds a bound of
 * the schema's options: size, depth, steps, or a pattern that is too hard for one of its strings; WEFT_ENOMEM. */
WEFT_API weft_error weft_validate(weft_validator *validator, const weft_schema *schema, weft_bytes json);

/* The same, without a stop: calls found for each mismatch, in the order in which they are met, until it returns false.
 * Of a keyword that needs one of several schemas (anyOf, oneOf) it tells that none did, and then why not.
 * WEFT_EMISMATCH: there was one. WEFT_ELIMIT: a bound was met; what was told before holds. Others as weft_validate. */
WEFT_API weft_error weft_validate_all(weft_validator *validator, const weft_schema *schema, weft_bytes json,
                                      bool (*found)(const weft_mismatch *mismatch, void *context), void *context);

#ifdef __cplusplus
}
#endif

#endif
