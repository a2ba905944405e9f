/* validate.h: what the files of validation share. A run is one document under one schema; its memory is the validator's,
 * which grows with what it meets and then allocates no more. */
#ifndef WEFT_SCHEMA_VALIDATE_H
#define WEFT_SCHEMA_VALIDATE_H

#include "schema/numeral.h"
#include "schema/program.h"

/* An array that is used again. */
#define SCRATCH(type)                                                                                                  \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t room;                                                                                                   \
    }

/* A step on the way from the root to a value: an array or object, and which of what is in it. */
struct path_step {
    const struct json_value *container, *child; /* child: an element, or a key */
    uint32_t index;
};

/* An item of an array whose items must differ; hash 0 = free. */
struct unique_slot {
    uint32_t hash;
    uint32_t value;
};

struct weft_validator {
    struct mem mem;
    struct json_parser parser;
    struct regex_scratch *regex;
    SCRATCH(char) text;      /* a decoded string */
    SCRATCH(uint64_t) marks; /* bit sets of members or items: a stack of them */
    SCRATCH(uint32_t) scope; /* of resources */
    SCRATCH(struct unique_slot) unique;
    SCRATCH(struct path_step) path;
    SCRATCH(char) pointer; /* into the document, */
    SCRATCH(char) place;   /* and into the schema: of the last mismatch */
};

#define MARKS_NONE SIZE_MAX

struct run {
    const struct program *program;
    const struct json_doc *doc;
    struct weft_validator *validator;
    int64_t steps;         /* left */
    uint32_t regex_budget; /* left */
    uint32_t depth;        /* of calls, left */
    bool first;            /* false is the answer as soon as there is one: nobody wants to hear more */
    bool quiet;            /* whoever asks wants the answer alone */
    bool mismatched;       /* somebody was told of one */
    weft_error stop;       /* set: false is no answer, the run is over */
    size_t marks;          /* of the current value: what of it has been evaluated; MARKS_NONE: nobody asks */
    size_t marks_end;      /* of the stack */
    uint32_t scope_count;  /* resources in the dynamic scope, the outermost first, each once */
    uint32_t resource;     /* the innermost */
    uint32_t path_count;   /* of the last mismatch's path */
    uint32_t steps_max;    /* for the sentence */
    bool (*found)(const weft_mismatch *mismatch, void *context); /* NULL: the first is the thread's message */
    void *context;
};

/* Where a value fails, and by what. */
struct failure {
    uint32_t node;
    enum keyword keyword; /* KEYWORD_NONE: the schema is false */
    const struct op *op;  /* NULL: its types */
    const struct json_value *value;
    uint32_t x, y; /* what the keyword's sentence wants */
};

/* Whether the value matches the node; false also where run->stop is set. */
bool weft__run(struct run *run, uint32_t node, const struct json_value *value);

/* Tells of it. Returns false. */
bool weft__run_fail(struct run *run, const struct failure *failure);

/* Ends the run: with that sentence, which begins with the value's pointer where there is one. Returns false. */
__attribute__((format(printf, 4, 5))) bool weft__run_stop(struct run *run, weft_error error,
                                                          const struct json_value *value, const char *format, ...);

/* At least count items; what was in it is kept. NULL with run->stop set: out of memory. */
void *weft__run_room(struct run *run, void *items, size_t *room, size_t count, size_t item_bytes);
#define RUN_ROOM(run, scratch, count)                                                                                  \
    ((scratch)->room >= (count) ? true                                                                                 \
                                : ((scratch)->items = weft__run_room((run), (scratch)->items, &(scratch)->room,        \
                                                                     (count), sizeof *(scratch)->items),               \
                                   !(run)->stop))

/* The bytes of a string, decoded where it must be: good until the next call. NULL with run->stop set: out of memory. */
const char *weft__run_text(struct run *run, const struct json_value *string, size_t *size_bytes);

/* Whether they are the same; takes steps. */
bool weft__run_equal(struct run *run, const struct json_doc *a_doc, const struct json_value *a,
                     const struct json_value *b);

/* Two items that are the same, by their numbers; false: they all differ, or run->stop is set. */
bool weft__run_same_items(struct run *run, const struct json_value *array, uint32_t *x, uint32_t *y);

/* --- marks: see validate_memory.c --- */

/* A set of count bits, all clear, which becomes the current one. False: run->stop is set. */
bool weft__marks_push(struct run *run, uint32_t count);
/* Goes back to the outer one; what was marked counts there too, if wanted. */
void weft__marks_pop(struct run *run, size_t outer, uint32_t count, bool keep);

static inline void weft__mark(struct run *run, size_t marks, uint32_t index)
{
    run->validator->marks.items[marks + index / 64] |= UINT64_C(1) << index % 64;
}

static inline bool weft__marked(const struct run *run, size_t marks, uint32_t index)
{
    return run->validator->marks.items[marks + index / 64] >> index % 64 & 1;
}

/* --- between the files of the walk: validate.c, validate_branch.c, validate_value.c, validate_object.c,
 * validate_array.c --- */

/* The value against a node that is there. */
bool weft__run_node(struct run *run, uint32_t index, const struct json_value *value);

/* The answer alone. keep: what it has marked counts if it holds. */
bool weft__run_ask(struct run *run, uint32_t index, const struct json_value *value, bool keep);

bool weft__run_matches(struct run *run, uint32_t regex, const struct json_value *string);

bool weft__run_any(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_one(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_not(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_if(struct run *run, const struct op *op, const struct json_value *value);
bool weft__run_dynamic(struct run *run, const struct op *op, const struct json_value *value);
bool weft__run_number(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_length(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_format(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_pattern(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_const(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_enum(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_object(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_dependent_required(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_dependent_schema(struct run *run, const struct op *op, const struct json_value *value);
bool weft__run_items(struct run *run, const struct op *op, const struct json_value *value);
bool weft__run_contains(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_unique(struct run *run, uint32_t node, const struct op *op, const struct json_value *value);
bool weft__run_unevaluated(struct run *run, const struct op *op, const struct json_value *value);

static inline uint32_t weft__type_bit(const struct json_value *value)
{
    return 1u << value->kind;
}

/* A code point takes at most 12 bytes, as a pair of escapes. */
static inline bool weft__string_within(struct run *run, const struct bounds *bounds, const struct json_value *value)
{
    uint32_t most = value->size_bytes, least = value->flags == JSON_ASCII ? most : most / 12 + (most % 12 > 0);
    if (most > bounds->length_max || least < bounds->length_min) return false;
    if (bounds->regex == PROGRAM_NONE) return true;
    return !(value->flags & JSON_ESCAPED) &&
           weft__regex_match(run->program->regexes[bounds->regex].regex, run->validator->regex,
                             weft__json_raw(run->doc, value), most, &run->regex_budget) == REGEX_YES;
}

__extension__ typedef __int128 bounds_wide;

static inline bool weft__number_within(const struct node *node, const struct json_value *value)
{
    const struct bounds *bounds = &node->bounds;
    if (value->flags & JSON_LONG) return false;
    if (value->exponent == 0) return bounds->number_min <= value->mantissa && value->mantissa <= bounds->number_max;
    if (value->exponent > 0 || value->exponent < -18 || node->flags & NODE_INTEGER) return false;
    int64_t scale = (int64_t)weft__numeral_tens[-value->exponent];
    return (bounds_wide)bounds->number_min * scale <= value->mantissa &&
           value->mantissa <= (bounds_wide)bounds->number_max * scale;
}

/* Whether the value is seen to match without running an op. Takes no step: a few comparisons, which are paid with what
 * led here. */
static inline bool weft__within(struct run *run, const struct node *node, const struct json_value *value)
{
    if (!(node->bounded & weft__type_bit(value))) return false;
    if (value->kind == JSON_STRING) return weft__string_within(run, &node->bounds, value);
    return value->kind != JSON_NUMBER || weft__number_within(node, value);
}

/* A value against a node, or what stands for one. */
static inline bool weft__check(struct run *run, uint32_t index, const struct json_value *value)
{
    if (index == NODE_TRUE) return true;
    return weft__within(run, &run->program->nodes[index], value) || weft__run_node(run, index, value);
}

/* True: the work of that many steps may go on. */
static inline bool weft__take(struct run *run, int64_t steps)
{
    if ((run->steps -= steps) >= 0) return true;
    if (!run->stop)
        weft__run_stop(run, WEFT_ELIMIT, NULL, "the document takes more than %u steps to validate", run->steps_max);
    return false;
}

/* Who fails, and on what; the keyword is the op's. */
bool weft__fail(struct run *run, uint32_t node, const struct op *op, const struct json_value *value, uint32_t x,
                uint32_t y);
bool weft__fail_keyword(struct run *run, uint32_t node, const struct op *op, enum keyword keyword,
                        const struct json_value *value, uint32_t x);

#endif
