/* program.h: what a schema compiles to: arrays that refer to each other by index, in one block.
 *
 * Each schema object is a node: a mask of the kinds that it takes, and its keywords as ops of 16 bytes, in groups:
 * those that look at numbers, strings, arrays, objects, then those that look at anything. A value runs the group of
 * its kind and the last one. What can be said of scalars by a few bounds a node has once more, as such: most values are
 * seen to match by them, and no op is run. All that "properties" and its neighbours say of an object's members is one
 * op with a hash table, so that members are passed over once. Nothing in a program points at the texts that it was made
 * from. */
#ifndef WEFT_SCHEMA_PROGRAM_H
#define WEFT_SCHEMA_PROGRAM_H

#include <weft/schema.h>

#include "schema/format.h"
#include "schema/json.h"
#include "schema/keyword.h"
#include "schema/regex.h"

/* An index that is none. */
#define PROGRAM_NONE UINT32_MAX

/* Nodes that are not there: the keyword was not said; any value matches. */
#define NODE_NONE UINT32_MAX
#define NODE_TRUE (UINT32_MAX - 1)

/* In the order of the groups. */
enum op_code {
    OP_MAXIMUM, /* a: constant */
    OP_EXCLUSIVE_MAXIMUM,
    OP_MINIMUM,
    OP_EXCLUSIVE_MINIMUM,
    OP_MULTIPLE_OF,
    OP_MAX_LENGTH, /* a: count; from here on of strings */
    OP_MIN_LENGTH,
    OP_FORMAT,    /* a: format */
    OP_PATTERN,   /* a: regex */
    OP_MAX_ITEMS, /* a: count; from here on of arrays */
    OP_MIN_ITEMS,
    OP_ITEMS,    /* a: list of nodes, b: how many, c: node of the others */
    OP_CONTAINS, /* a: node, b: at least, c: at most */
    OP_UNIQUE_ITEMS,
    OP_MAX_PROPERTIES, /* a: count; from here on of objects */
    OP_MIN_PROPERTIES,
    OP_OBJECT,             /* a: object */
    OP_DEPENDENT_REQUIRED, /* a: name, b: list of names, c: how many */
    OP_DEPENDENT_SCHEMA,   /* a: name, b: node */
    OP_CONST,              /* a: constant; from here on of anything */
    OP_ENUM,               /* a: constant, an array, b: list, a hash table, c: how many less one; 0 = there is none */
    OP_CALL,               /* a: node: $ref, allOf */
    OP_DYNAMIC_CALL,       /* a: node where no dynamic scope has another, b: dynamics, c: how many */
    OP_ANY,                /* a: list of nodes, b: how many */
    OP_ONE,
    OP_NOT,               /* a: node */
    OP_IF,                /* a: node, b: then, c: else */
    OP_UNEVALUATED_ITEMS, /* a: node; after all the others */
    OP_UNEVALUATED_PROPERTIES
};

struct op {
    uint8_t code;    /* enum op_code */
    uint8_t keyword; /* enum keyword */
    uint16_t unused;
    uint32_t a, b, c;
};

enum node_flag {
    NODE_INTEGER = 1,    /* of numbers it takes integers alone */
    NODE_FALSE = 2,      /* the schema false: takes nothing */
    NODE_UNEVALUATED = 4 /* has OP_UNEVALUATED_... */
};

enum { NODE_GROUPS = 5 };

/* What is within them surely matches; what is not may do so all the same. */
struct bounds {
    int64_t number_min, number_max;
    uint32_t length_min, length_max;
    uint32_t regex; /* a fixed one, or PROGRAM_NONE */
    uint32_t unused;
};

struct node {
    uint8_t types; /* bits by enum json_kind */
    uint8_t flags;
    uint8_t bounded; /* bits likewise: values of which `bounds` say all, or that have no ops */
    uint8_t unused;
    uint32_t resource;
    uint32_t ops[NODE_GROUPS]; /* where the groups begin */
    uint32_t ops_end;
    struct bounds bounds;
};

enum { SLOT_HEAD = 16 };

/* An entry of an object's hash table, which is open and linear; name 0 is free: node NODE_NONE, required 0. */
struct slot {
    uint32_t hash;
    uint32_t name;        /* text */
    uint32_t node;        /* NODE_NONE: properties does not have it */
    uint16_t required;    /* 1 or 0 */
    uint16_t size_bytes;  /* of the name; SLOT_HEAD + 1: it is longer than that */
    char head[SLOT_HEAD]; /* what fits of it, and zeros */
};

struct program_regex {
    struct regex *regex;
    uint32_t text;
};

struct program_format {
    const struct format *format;
};

struct pattern {
    uint32_t regex;
    uint32_t node;
};

/* properties, patternProperties, additionalProperties, propertyNames, required. */
struct object {
    uint32_t slots, mask;              /* first slot, and how many less one: a power of two */
    uint32_t required, required_count; /* list of names */
    uint32_t patterns, patterns_count;
    uint32_t additional, names; /* nodes */
};

/* A $dynamicAnchor in a resource. */
struct dynamic {
    uint32_t resource;
    uint32_t node;
};

/* Where a node stands: its text behind the parent's, "/"-joined; without a parent the text is its base URI. */
struct place {
    uint32_t parent; /* PROGRAM_NONE */
    uint32_t text;
};

/* Texts lie in `texts`, each behind its size (uint32_t, unaligned) and with a terminator. An index of one is the offset
 * of its first byte; 0 is none. */
struct program {
    const struct node *nodes; /* the first is the root */
    const struct op *ops;
    const uint32_t *lists;
    const struct object *objects;
    const struct slot *slots;
    const struct pattern *patterns;
    const struct dynamic *dynamics;
    const struct place *places; /* by node */
    const uint32_t *node_places;
    const char *texts;
    struct program_regex *regexes;
    const struct program_format *formats;
    struct json_doc constants;
    uint32_t nodes_count, regexes_count, resources_count;
    bool uses_scope; /* there is an OP_DYNAMIC_CALL */
};

struct weft_schema {
    _Atomic uint32_t references;
    struct mem mem;
    uint32_t document_bytes_max, depth_max, steps_max;
    bool duplicate_keys, has_id;
    uint32_t id_fault; /* offset of the number that has no canonical form */
    uint8_t id[WEFT_SCHEMA_ID_BYTES];
    struct schema_origin *origin;
    struct program program;
};

static inline uint32_t weft__program_text_size(const struct program *program, uint32_t text)
{
    uint32_t size_bytes;
    __builtin_memcpy(&size_bytes, program->texts + text - sizeof size_bytes, sizeof size_bytes);
    return size_bytes;
}

#endif
