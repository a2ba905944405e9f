/* explain.c: what a mismatch is called: where in the document, where in the schema, and a sentence that a person can
 * act on. Nothing of this is done before something fails. */
#include "schema/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "base/utf8.h"
#include "schema/sentence.h"

enum { LIST_BYTES = 160, TEXT_BYTES = 96, STEP_BYTES = 16 };

/* --- where in the document -------------------------------------------------------------------- */

static const struct json_value *behind(const struct run *run, const struct json_value *container,
                                       const struct json_value *child)
{
    return weft__json_next(run->doc, child + (container->kind == JSON_OBJECT));
}

static bool holds(const struct run *run, const struct json_value *container, const struct json_value *value)
{
    return container->kind >= JSON_ARRAY && container < value && value < weft__json_next(run->doc, container);
}

/* The last path is gone back as far as the value is not under it: who is told of many in their order passes each item
 * of the document once. */
static struct path_step *resume(struct run *run, const struct json_value *value)
{
    struct path_step *steps = run->validator->path.items;
    uint32_t count = 0;
    while (count < run->path_count && holds(run, steps[count].container, value) && steps[count].child <= value)
        count++;
    run->path_count = count;
    return count ? &steps[count - 1] : NULL;
}

/* Moves the step on to the child that is or holds the value. */
static bool seek(struct run *run, struct path_step *step, const struct json_value *value)
{
    for (const struct json_value *next; (next = behind(run, step->container, step->child)) <= value; step->index++) {
        step->child = next;
        if (--run->steps < 0) return false;
    }
    return true;
}

/* The way to the value, which may be a key. False: run->stop is set. */
static bool find_path(struct run *run, const struct json_value *value)
{
    struct path_step *step = resume(run, value);
    const struct json_value *at = run->doc->values;
    for (;;) {
        if (step) {
            if (!seek(run, step, value))
                return weft__run_stop(run, WEFT_ELIMIT, NULL, "the document takes more than %u steps to validate",
                                      run->steps_max);
            at = step->child + (step->container->kind == JSON_OBJECT && step->child != value);
        }
        if (at == value) return true;
        if (!RUN_ROOM(run, &run->validator->path, (size_t)run->path_count + 1)) return false;
        step = &run->validator->path.items[run->path_count++];
        *step = (struct path_step){.container = at, .child = at + 1};
    }
}

/* "/" and a key with its ~ and / escaped, at the end of the pointer. */
static bool write_key(struct run *run, size_t *size, const struct json_value *key)
{
    size_t key_bytes;
    const char *text = weft__run_text(run, key, &key_bytes);
    if (!text || !RUN_ROOM(run, &run->validator->pointer, *size + 2 * key_bytes + 2)) return false;
    char *to = run->validator->pointer.items + *size;
    *to++ = '/';
    for (size_t i = 0; i < key_bytes; i++) {
        if (text[i] == '~' || text[i] == '/') {
            *to++ = '~';
            *to++ = text[i] == '~' ? '0' : '1';
        } else {
            *to++ = text[i];
        }
    }
    *size = (size_t)(to - run->validator->pointer.items);
    return true;
}

static bool write_index(struct run *run, size_t *size, uint32_t index)
{
    if (!RUN_ROOM(run, &run->validator->pointer, *size + 16)) return false;
    *size += (size_t)snprintf(run->validator->pointer.items + *size, 16, "/%u", index);
    return true;
}

/* Into validator->pointer. A key has its object's. */
static bool write_pointer(struct run *run, const struct json_value *value)
{
    size_t size = 0;
    if (!find_path(run, value)) return false;
    for (uint32_t i = 0; i < run->path_count; i++) {
        const struct path_step step = run->validator->path.items[i];
        bool object = step.container->kind == JSON_OBJECT;
        if (object && step.child == value) break;
        if (!(object ? write_key(run, &size, step.child) : write_index(run, &size, step.index))) return false;
    }
    if (!RUN_ROOM(run, &run->validator->pointer, size + 1)) return false;
    run->validator->pointer.items[size] = '\0';
    return true;
}

/* The last step of the path; NULL at the root. */
static const struct path_step *last_step(const struct run *run)
{
    return run->path_count ? &run->validator->path.items[run->path_count - 1] : NULL;
}

static bool is_key(const struct run *run, const struct json_value *value)
{
    const struct path_step *step = last_step(run);
    return step && step->container->kind == JSON_OBJECT && step->child == value;
}

/* --- where in the schema ---------------------------------------------------------------------- */

static const char *text_of(const struct run *run, uint32_t text)
{
    return run->program->texts + text;
}

/* "/keyword" or "/keyword/member", from its end. member: text, or 0. */
static char *write_keyword(const struct run *run, char *to, const char *keyword, uint32_t member)
{
    const char *text = text_of(run, member);
    for (uint32_t i = member ? weft__program_text_size(run->program, member) : 0; i-- > 0;) {
        bool escaped = text[i] == '~' || text[i] == '/';
        *--to = text[i];
        if (!escaped) continue;
        *to = text[i] == '~' ? '0' : '1';
        *--to = '~';
    }
    if (member) *--to = '/';
    size_t size = strlen(keyword);
    for (size_t i = size; i-- > 0;)
        *--to = keyword[i];
    if (size) *--to = '/';
    return to;
}

/* base#/a/b/keyword/member, from its end, into validator->place. */
static const char *write_place(struct run *run, uint32_t node, const char *keyword, uint32_t member)
{
    const struct place *places = run->program->places;
    size_t size = strlen(keyword) + 4;
    if (member) size += 2 * (size_t)weft__program_text_size(run->program, member);
    for (uint32_t at = run->program->node_places[node]; at != PROGRAM_NONE; at = places[at].parent)
        size += weft__program_text_size(run->program, places[at].text) + 1;
    if (!RUN_ROOM(run, &run->validator->place, size)) return NULL;
    char *to = run->validator->place.items + run->validator->place.room - 1;
    *to = '\0';
    to = write_keyword(run, to, keyword, member);
    for (uint32_t at = run->program->node_places[node];; at = places[at].parent) {
        uint32_t text_bytes = weft__program_text_size(run->program, places[at].text);
        if (places[at].parent == PROGRAM_NONE) *--to = '#';
        to -= text_bytes;
        memcpy(to, text_of(run, places[at].text), text_bytes);
        if (places[at].parent == PROGRAM_NONE) return to;
        *--to = '/';
    }
}

/* The keyword that has the schema false for its value; "" where it is among others, or the whole. */
static const char *keyword_of_false(const struct run *run, uint32_t node)
{
    const struct place *place = &run->program->places[run->program->node_places[node]];
    if (place->parent == PROGRAM_NONE) return "";
    const char *text = text_of(run, place->text);
    return strchr(text, '/') ? "" : text;
}

/* --- sentences -------------------------------------------------------------------------------- */

static void say_text(const struct run *run, struct sentence *s, uint32_t text)
{
    weft__say_bytes(s, text_of(run, text), weft__program_text_size(run->program, text), TEXT_BYTES);
}

static void say_constant(const struct run *run, struct sentence *s, uint32_t constant)
{
    weft__say_value(s, &run->program->constants, run->program->constants.values + constant);
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void say_false(const struct run *run, struct sentence *s, const struct failure *f)
{
    const struct path_step *step = last_step(run);
    if (step && step->container->kind == JSON_OBJECT && step->child != f->value) {
        weft__say(s, "the property \"");
        weft__say_bytes(s, weft__json_raw(run->doc, step->child), step->child->size_bytes, TEXT_BYTES);
        weft__say(s, "\" is not allowed");
        return;
    }
    weft__say(s, step && step->container->kind == JSON_ARRAY ? "no item is allowed here, got "
                                                             : "nothing is allowed here, got ");
    weft__say_what(s, run->doc, f->value);
}

static void say_enum(const struct run *run, struct sentence *s, uint32_t constant)
{
    const struct json_doc *constants = &run->program->constants;
    const struct json_value *array = constants->values + constant, *item = array + 1;
    weft__say(s, array->count == 0   ? "expected none of all values"
                 : array->count == 1 ? "expected "
                                     : "expected one of ");
    for (uint32_t i = 0; i < array->count; i++, item = weft__json_next(constants, item)) {
        if (i) weft__say(s, ", ");
        if (s->size_bytes > LIST_BYTES) {
            weft__say(s, "...");
            return;
        }
        weft__say_value(s, constants, item);
    }
}

/* "expected at least 3 characters, got 2: " */
static void say_count(struct sentence *s, const char *bound, uint32_t expected, const char *noun, uint32_t got)
{
    weft__say(s, "expected at %s %u %s%s, got %u", bound, expected, noun, plural(expected), got);
}

static void say_properties(struct sentence *s, const char *bound, uint32_t expected, uint32_t got)
{
    weft__say(s, "expected at %s %u propert%s, got %u", bound, expected, expected == 1 ? "y" : "ies", got);
}

static void say_missing(const struct run *run, struct sentence *s, uint32_t name)
{
    weft__say(s, "the property \"");
    say_text(run, s, name);
    weft__say(s, "\" is missing");
}

/* What was expected; true: and it goes on ", got ...". */
static bool say_expected(const struct run *run, struct sentence *s, const struct failure *f)
{
    const struct op *op = f->op;
    switch ((enum op_code)op->code) {
    case OP_MAXIMUM: weft__say(s, "expected at most "); break;
    case OP_EXCLUSIVE_MAXIMUM: weft__say(s, "expected less than "); break;
    case OP_MINIMUM: weft__say(s, "expected at least "); break;
    case OP_EXCLUSIVE_MINIMUM: weft__say(s, "expected more than "); break;
    case OP_MULTIPLE_OF: weft__say(s, "expected a multiple of "); break;
    case OP_CONST: weft__say(s, "expected "); break;
    case OP_ENUM: say_enum(run, s, op->a); return true;
    case OP_FORMAT: weft__say(s, "expected the format %s", run->program->formats[op->a].format->name); return true;
    case OP_PATTERN:
        weft__say(s, "expected a match of the pattern ");
        say_text(run, s, run->program->regexes[op->a].text);
        return true;
    case OP_ANY:
    case OP_ONE:
        if (f->y) {
            weft__say(s, "matches both schema %u and %u of oneOf, where exactly one may match", f->x, f->y);
            return false;
        }
        weft__say(s, "matches none of the %u schema%s of %s", op->b, plural(op->b),
                  op->code == OP_ANY ? "anyOf" : "oneOf");
        return true;
    case OP_NOT: weft__say(s, "matches the schema of not, which it must not"); return true;
    default: return false;
    }
    say_constant(run, s, op->a);
    return true;
}

static void say_failure(const struct run *run, struct sentence *s, const struct failure *f)
{
    const struct op *op = f->op;
    const struct node *node = &run->program->nodes[f->node];
    const struct json_value *value = f->value;
    if (is_key(run, value)) {
        weft__say(s, "the name ");
        weft__say_value(s, run->doc, value);
        weft__say(s, ": ");
    }
    if (!op && f->keyword == KEYWORD_NONE) {
        say_false(run, s, f);
        return;
    }
    bool got = true;
    if (!op) {
        weft__say(s, "expected ");
        weft__say_types(s, node->types, node->flags & NODE_INTEGER);
    } else {
        switch ((enum op_code)op->code) {
        case OP_MAX_LENGTH:
            say_count(s, "most", op->a, "character", f->x);
            got = false;
            break;
        case OP_MIN_LENGTH:
            say_count(s, "least", op->a, "character", f->x);
            got = false;
            break;
        case OP_MAX_ITEMS: say_count(s, "most", op->a, "item", value->count); return;
        case OP_MIN_ITEMS: say_count(s, "least", op->a, "item", value->count); return;
        case OP_MAX_PROPERTIES: say_properties(s, "most", op->a, value->count); return;
        case OP_MIN_PROPERTIES: say_properties(s, "least", op->a, value->count); return;
        case OP_CONTAINS:
            say_count(s, f->keyword == KEYWORD_MAX_CONTAINS ? "most" : "least",
                      f->keyword == KEYWORD_MAX_CONTAINS ? op->c : op->b, "item", f->x);
            weft__say(s, " that match%s contains", f->x == 1 ? "es" : "");
            return;
        case OP_UNIQUE_ITEMS:
            weft__say(s, "expected items that all differ, but items %u and %u are equal", f->x, f->y);
            return;
        case OP_OBJECT: say_missing(run, s, f->x); return;
        case OP_DEPENDENT_REQUIRED:
            say_missing(run, s, f->x);
            weft__say(s, ", which must be there where \"");
            say_text(run, s, f->y);
            weft__say(s, "\" is");
            return;
        default: got = say_expected(run, s, f); break;
        }
    }
    if (op && (op->code == OP_MAX_LENGTH || op->code == OP_MIN_LENGTH)) {
        weft__say(s, ": ");
        weft__say_value(s, run->doc, value);
    } else if (got) {
        weft__say(s, ", got ");
        weft__say_what(s, run->doc, value);
    }
}

/* --- telling ---------------------------------------------------------------------------------- */

enum { POINTER_BYTES = 120 };

/* As the thread's message: what is wrong behind where, which may be long. */
static void tell(weft_error error, const char *pointer, const struct sentence *sentence)
{
    char shown[POINTER_BYTES + 1];
    bool whole = weft__utf8_show(shown, sizeof shown, pointer, strlen(pointer)) == strlen(pointer);
    if (!*pointer)
        weft__error(error, "the document: %s", sentence->text);
    else
        weft__error(error, "%s%s: %s", shown, whole ? "" : "...", sentence->text);
}

bool weft__run_fail(struct run *run, const struct failure *f)
{
    struct sentence sentence = {.size_bytes = 0};
    const char *keyword = f->keyword == KEYWORD_NONE ? keyword_of_false(run, f->node) : weft__keywords[f->keyword].name;
    if (!write_pointer(run, f->value)) return false;
    say_failure(run, &sentence, f);
    const char *pointer = run->validator->pointer.items;
    if (!run->found) {
        tell(WEFT_EMISMATCH, pointer, &sentence);
        return false;
    }
    uint32_t member = f->op && f->op->code == OP_DEPENDENT_REQUIRED ? f->op->a : 0;
    const char *place = write_place(run, f->node, f->keyword == KEYWORD_NONE ? "" : keyword, member);
    if (!place) return false;
    size_t told_bytes = strlen(pointer) + strlen(place) + sentence.size_bytes;
    if (!weft__take(run, (int64_t)(told_bytes / STEP_BYTES))) return false;
    weft_mismatch mismatch = {.instance = pointer, .schema = place, .keyword = keyword, .message = sentence.text};
    if (!run->found(&mismatch, run->context)) run->first = true;
    return false;
}

bool weft__fail(struct run *run, uint32_t node, const struct op *op, const struct json_value *value, uint32_t x,
                uint32_t y)
{
    if (run->quiet) return false;
    return weft__run_fail(run, &(struct failure){node, op->keyword, op, value, x, y});
}

bool weft__fail_keyword(struct run *run, uint32_t node, const struct op *op, enum keyword keyword,
                        const struct json_value *value, uint32_t x)
{
    if (run->quiet) return false;
    return weft__run_fail(run, &(struct failure){node, keyword, op, value, x, 0});
}

bool weft__run_stop(struct run *run, weft_error error, const struct json_value *value, const char *format, ...)
{
    struct sentence sentence = {.size_bytes = 0};
    if (run->stop) return false;
    va_list arguments;
    va_start(arguments, format);
    weft__say_list(&sentence, format, arguments);
    va_end(arguments);
    bool placed = value && write_pointer(run, value);
    run->first = true;
    run->stop = error;
    if (value)
        tell(error, placed ? run->validator->pointer.items : "", &sentence);
    else
        weft__error(error, "%s", sentence.text);
    return false;
}
