/* compile.h: what the files of the compiler share.
 *
 *     source.c          texts into documents; a walk that finds their schemas, $ids, anchors and drafts
 *     resolve.c         from a $ref to the schema that it means
 *     pointer.c         the way of a JSON Pointer
 *     compile_check.c   what stands behind a keyword is what the meta-schema wants
 *     compile_meta.c    the schema matches the meta-schema of somebody else that it names
 *     compile.c         schemas into nodes, one after the other: nothing here recurses but the walk, which the bound on a
 *                       document's depth bounds
 *     compile_keyword.c, compile_pool.c: the keywords of one; what they gather
 *     compile_object.c  properties and their neighbours
 *     dynamic.c         $dynamicAnchors, and the nodes that a $dynamicRef may lead to
 *     compile_finish.c  loops, shortcuts, and the program in one block
 *
 * Everything that is temporary stands in one arena. The first error stays in `error`, its sentence with the thread;
 * who gets false or NULL returns at once. */
#ifndef WEFT_SCHEMA_COMPILE_H
#define WEFT_SCHEMA_COMPILE_H

#include "base/arena.h"
#include "base/namemap.h"
#include "schema/program.h"

#define LIST(type)                                                                                                     \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t count, room;                                                                                            \
    }

/* A new last item, zeroed; NULL: out of memory. Items may move. */
#define LIST_ADD(c, list)                                                                                              \
    ((list)->items = weft__list_room((c), (list)->items, (list)->count, &(list)->room, 1, sizeof *(list)->items),      \
     (c)->error ? NULL : &(list)->items[(list)->count++])

struct source {
    struct json_parser parser;
    struct json_doc doc;
    uint32_t *records; /* by value: the record of the schema there, and 1; 0 = none */
    uint32_t *tables;  /* by value: where the table of an array or object begins, and 1; 0 = none; NULL: none at all */
    const char *uri;   /* "" = none */
};

/* A schema that was found in a source. */
struct record {
    uint32_t source, value;
    uint32_t parent; /* record, or PROGRAM_NONE where a resource begins */
    uint32_t resource;
    uint32_t node;     /* NODE_NONE = not compiled */
    uint32_t place;    /* in the program; PROGRAM_NONE = not there yet */
    const char *token; /* from the parent: "properties/email" */
    bool ignored;      /* beside a $ref of draft-07: it must be a schema, and does nothing */
};

struct resource {
    const char *uri;  /* absolute, or what there is; without a fragment */
    uint32_t record;  /* its root */
    weft_draft draft; /* 0: who uses it gets `unknown` */
    uint32_t vocabularies;
    const char *unknown; /* sentence */
    uint32_t meta;       /* the source that its "$schema" names; 0: it is a draft's own */
    uint32_t anchors;    /* its first dynamic anchor, and 1; 0 = none */
    bool entered;        /* a node of it is compiled */
};

/* A $dynamicAnchor. */
struct dynamic_anchor {
    uint32_t record, resource, name;
    uint32_t next_of_name, next_of_resource; /* and 1; 0 = none */
};

/* A name that $dynamicAnchors give, or a $dynamicRef looks for. */
struct dynamic_name {
    uint32_t first, last; /* its anchors, and 1; 0 = none */
    uint32_t begin;       /* of its dynamics in the program, */
    uint32_t count;       /* and how many */
    bool used;            /* a $dynamicRef looks for it */
};

struct compiler {
    struct mem mem;
    struct arena arena;
    weft_error error;
    const weft_schema_options *options;
    uint32_t seed;
    weft_draft draft; /* where a source does not say */
    size_t bytes_left;
    size_t uri_bytes_left; /* see weft__uri_alloc */
    struct keyword_table keywords;
    LIST(struct source) sources; /* the first is the schema */
    LIST(struct record) records;
    LIST(struct resource) resources;
    LIST(uint32_t) tables;       /* see pointer.c */
    struct namemap names;        /* "URI", "URI#anchor": record, and 1 */
    struct namemap source_names; /* URIs of sources but the first, as they were given and by the "$id": their index */
    LIST(struct dynamic_anchor) dynamic_anchors;
    LIST(struct dynamic_name) dynamic_names;
    struct namemap dynamics; /* names: their number, and 1 */
    bool uses_dynamics;      /* there is a $dynamicRef that is none to a single schema */

    LIST(struct node) nodes;
    LIST(uint32_t) node_records;
    LIST(struct op) ops;
    LIST(struct op) pending; /* of the node that is being compiled */
    LIST(uint32_t) lists;
    LIST(struct object) objects;
    LIST(struct slot) slots;
    LIST(struct pattern) patterns;
    LIST(struct place) places;
    LIST(char) texts;
    LIST(char) constant_texts;
    LIST(struct json_value) constants;
    LIST(struct program_regex) regexes;
    LIST(struct program_format) formats;
};

/* Room for n more behind count. With c->error set where there is none. */
void *weft__list_room(struct compiler *c, void *items, size_t count, size_t *room, size_t n, size_t item_bytes);

/* NULL: out of memory. */
void *weft__compile_alloc(struct compiler *c, size_t size_bytes);

/* The same, for a URI, an anchor with one before it, or both. Each resource has its whole URI, and each reference is
 * made a whole one, so that a long base would be written many times: what they take together has a bound. NULL also
 * where that is exceeded. */
char *weft__uri_alloc(struct compiler *c, size_t size_bytes);

/* Three texts as one, of that memory. */
char *weft__uri_join(struct compiler *c, const char *a, const char *b, const char *d);

/* Sets the error. Returns false. */
__attribute__((format(printf, 3, 4))) bool weft__compile_error(struct compiler *c, weft_error error, const char *format,
                                                               ...);

/* The same, of a place: "#/properties/age/minimum: ...". keyword may be "". */
__attribute__((format(printf, 5, 6))) bool weft__compile_error_at(struct compiler *c, weft_error error, uint32_t record,
                                                                  const char *keyword, const char *format, ...);

/* --- source.c --- */

/* The schema, the options' sources. */
bool weft__sources_read(struct compiler *c, weft_bytes json);

/* One more, which lives until the end of the compilation; its root's record. */
bool weft__source_add(struct compiler *c, weft_bytes json, const char *uri, uint32_t *record);

/* Notes a value as a schema, with all that are in it. token: from the record parent. */
bool weft__schema_scan(struct compiler *c, uint32_t value, uint32_t parent, const char *token, bool ignored,
                       uint32_t *record);

/* The map's key of a name. */
uint64_t weft__name_key(const struct compiler *c, const char *name);

/* A string value, decoded, with a terminator. NULL: it holds a NUL, or out of memory. */
char *weft__compile_string(struct compiler *c, uint32_t record, const char *keyword, const struct json_value *string);

/* The record of "URI" or "URI#anchor"; PROGRAM_NONE. */
uint32_t weft__name_find(struct compiler *c, const char *name);

/* --- dialect.c --- */

/* The names of the newest source, for those that name it by "$schema". Who comes first keeps a name. */
bool weft__source_names_add(struct compiler *c);

/* The draft that a "$schema" means, which it writes into; resource->draft 0 with a sentence: none that is known here. */
bool weft__dialect_read(struct compiler *c, char *uri, struct resource *resource);

/* That member of the root, where it is a string; NULL. */
const struct json_value *weft__root_string(const struct json_doc *doc, const char *name);

/* --- resolve.c --- */

/* The schema that a reference of the record means. *anchor: the name where it is by a $dynamicAnchor's, or NULL. */
bool weft__resolve(struct compiler *c, uint32_t record, const char *keyword, const struct json_value *reference,
                   uint32_t *target, const char **anchor);

/* --- pointer.c --- */

/* Follows the pointer from the record *at, keeping in *at the innermost schema that it has entered, and in *rest what
 * of the pointer leads on from there. NULL: it leads nowhere, or c->error is set. */
const struct json_value *weft__pointer_walk(struct compiler *c, const char *pointer, uint32_t *at, const char **rest);

/* --- compile_meta.c --- */

/* The schema against the source that its "$schema" names, where that is none of the drafts' own. */
bool weft__meta_check(struct compiler *c, weft_bytes json);

/* --- compile_check.c --- */

bool weft__keyword_check(struct compiler *c, uint32_t record, const struct keyword_row *row,
                         const struct json_value *value);

/* --- compile_pool.c --- */

bool weft__text_add(struct compiler *c, const char *text, size_t size_bytes, uint32_t *index);
bool weft__text_of(struct compiler *c, const struct json_doc *doc, const struct json_value *string, uint32_t *index);
bool weft__constant_add(struct compiler *c, uint32_t record, const struct json_value *from, uint32_t *index);
bool weft__regex_add(struct compiler *c, uint32_t record, const char *keyword, uint32_t text, uint32_t *index);

static inline uint32_t weft__text_size(const struct compiler *c, uint32_t text)
{
    uint32_t size_bytes;
    __builtin_memcpy(&size_bytes, c->texts.items + text - sizeof size_bytes, sizeof size_bytes);
    return size_bytes;
}

/* --- compile.c --- */

bool weft__compile(struct compiler *c);

/* The node of a record, which is compiled now or later; of a value that the walk has found. */
bool weft__node_of(struct compiler *c, uint32_t record, uint32_t *node);
bool weft__node_at(struct compiler *c, uint32_t source, const struct json_value *value, uint32_t *node);

/* --- compile_keyword.c --- */

/* The ops of an object schema into c->pending, its types into the node. */
bool weft__compile_keywords(struct compiler *c, uint32_t record, uint32_t node);

/* A new one in c->pending; NULL: out of memory. */
struct op *weft__emit(struct compiler *c, enum op_code code, enum keyword keyword);

/* --- compile_object.c --- */

/* keywords: the values by their keyword, of a schema; NULL where it is not said. */
bool weft__compile_object(struct compiler *c, uint32_t record, const struct json_value *const *keywords);
bool weft__compile_dependents(struct compiler *c, uint32_t record, const struct json_value *map, enum keyword keyword);

/* --- enumeration.c --- */

/* array: what the keyword says, or NULL. */
bool weft__compile_enum(struct compiler *c, uint32_t record, const struct json_value *array);

/* --- compile_bounds.c --- */

/* Of a node that has its ops. */
void weft__compile_bounds(const struct compiler *c, struct node *node);

/* --- dynamic.c --- */

/* The record has that $dynamicAnchor. */
bool weft__dynamic_anchor_add(struct compiler *c, uint32_t record, const char *name);

/* A $dynamicRef looks for the name, which has that number. */
bool weft__dynamic_use(struct compiler *c, const char *name, uint32_t *number);

/* A node of the resource is compiled. */
bool weft__dynamic_enter(struct compiler *c, uint32_t resource);

/* The dynamics of the program; in the ops, instead of the number of the name, where they stand and how many. */
bool weft__dynamics_place(struct compiler *c, struct dynamic **all, uint32_t *count);

/* --- compile_finish.c --- */

bool weft__compile_finish(struct compiler *c, struct weft_schema **schema);

static inline const struct json_doc *weft__record_doc(const struct compiler *c, uint32_t record)
{
    return &c->sources.items[c->records.items[record].source].doc;
}

static inline const struct json_value *weft__record_value(const struct compiler *c, uint32_t record)
{
    return weft__record_doc(c, record)->values + c->records.items[record].value;
}

static inline const struct resource *weft__record_resource(const struct compiler *c, uint32_t record)
{
    return &c->resources.items[c->records.items[record].resource];
}

#endif
