/* regex.c: PCRE2, behind the translator; alone includes <pcre2.h>. What regex_fixed.h can match never reaches it.
 *
 * PCRE2's own limits bound the work from one start in the subject, not the starts, and not how far a repeat of one
 * character runs. So a pattern is compiled up to twice. Plain: for those whose cost is linear, by their form, and for
 * short subjects, with a low match limit. Watched: with a callout behind each repeat and at each turn of a repeated
 * group, which counts steps and ends the match when they are used up. */
#include "schema/regex_fixed.h"
#include "schema/regex_translate.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    COMPILE_OPTIONS =
        PCRE2_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C,
    LINEAR_COST_MAX = 1024, /* width * choices, where a match is taken for linear */
    SHORT_BYTES = 256,      /* a subject that is matched plainly first, if the pattern is anchored */
    SHORT_BYTES_MANY = 32,  /* the same if it is not */
    SHORT_MATCH_LIMIT = 64, /* of PCRE2's for it, and 2 for each byte, if the pattern is anchored */
    SHORT_MATCH_LIMIT_MANY = 16,
    SHORT_STEP_COUNTS = 32, /* so many of them are paid as a step, whether they were used or not */
    STEP_BYTES = 32,        /* characters that are compared in a row cost a step for so many bytes */
    STACK_BYTES_MIN = 32 * 1024,
    STACK_BYTES_MAX = 4 * 1024 * 1024,
    HEAP_KIB_MAX = 4096, /* where there is no JIT */
    DEPTH_MAX = 50000,
};

/* Where PCRE2 gets its memory; but for executable memory, which it maps itself. */
struct heap {
    struct mem mem;
    bool refused; /* some, once */
};

struct regex {
    struct heap heap;
    struct regex_fixed *fixed; /* not NULL: it is one, and there is nothing else */
    pcre2_general_context *general;
    pcre2_code *plain, *watched; /* the latter NULL: it is linear */
    bool jit;
    bool anchored, linear;
    uint32_t factor;     /* of a linear one: what its cost is multiplied by */
    uint32_t step_steps; /* of a callout */
};

/* What the callouts of a match have left. */
struct meter {
    uint64_t steps;
    uint32_t step_steps;
    size_t position;
};

struct regex_scratch {
    struct heap heap;
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack; /* NULL: there is no JIT */
    struct meter meter;
};

struct regex_trial weft__regex_trial;

static void *heap_alloc(size_t size_bytes, void *context)
{
    struct heap *heap = context;
    void *block = weft__mem_alloc(&heap->mem, size_bytes);
    if (!block) heap->refused = true;
    return block;
}

static void heap_free(void *block, void *context)
{
    struct heap *heap = context;
    if (block) weft__mem_free(&heap->mem, block);
}

/* --- compiling -------------------------------------------------------------------------------- */

static const char *sentence_of(int error)
{
    static _Thread_local char text[160];
    switch (error) {
    case PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH: return "a lookbehind whose length varies";
    case PCRE2_ERROR_LOOKBEHIND_TOO_COMPLICATED:
    case PCRE2_ERROR_LOOKBEHIND_TOO_LONG: return "a lookbehind that is too long";
    case PCRE2_ERROR_PATTERN_TOO_LARGE:
    case PCRE2_ERROR_PATTERN_TOO_COMPLICATED: return "the pattern is too large with its repeats written out";
    default: pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text); return text;
    }
}

static weft_error compile_context(const struct regex *regex, pcre2_compile_context **context)
{
    *context = pcre2_compile_context_create(regex->general);
    return *context ? WEFT_OK : WEFT_ENOMEM;
}

static weft_error compile_text(struct regex *regex, struct regex_walk *walk, bool watched, const char *text,
                               size_t size_bytes, pcre2_code **code)
{
    pcre2_compile_context *context;
    int error;
    size_t offset;
    if (compile_context(regex, &context)) return WEFT_ENOMEM;
    uint32_t options = COMPILE_OPTIONS | (walk->start_unknown ? PCRE2_NO_START_OPTIMIZE : 0);
    *code = pcre2_compile((PCRE2_SPTR)text, size_bytes, options, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (*code) return WEFT_OK;
    if (error == PCRE2_ERROR_HEAP_FAILED) return WEFT_ENOMEM;
    walk->fault = (struct regex_fault){.at = weft__regex_source(walk, watched, offset), .sentence = sentence_of(error)};
    return WEFT_EUNSUPPORTED;
}

/* Without a JIT, or executable memory for it, PCRE2 interprets. */
static weft_error compile(struct regex *regex, struct regex_walk *walk, bool watched, pcre2_code **code)
{
    (void)weft__regex_write(walk, watched, NULL);
    char *text = weft__mem_alloc(&regex->heap.mem, walk->room_bytes + 1);
    if (!text) return WEFT_ENOMEM;
    size_t size_bytes = weft__regex_write(walk, watched, text);
    weft_error error = compile_text(regex, walk, watched, text, size_bytes, code);
    weft__mem_free(&regex->heap.mem, text);
    if (error) return error;
    if (regex->jit) regex->jit = pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE) == 0;
    return regex->heap.refused ? WEFT_ENOMEM : WEFT_OK;
}

static bool is_anchored(const pcre2_code *code)
{
    uint32_t options = 0;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    return options & PCRE2_ANCHORED;
}

static bool is_linear(struct regex_cost cost, bool anchored)
{
    unsigned degree = cost.degree + (anchored ? 0 : 1);
    return !weft__regex_trial.watched && !cost.exponential && degree <= 1 &&
           cost.width * cost.choices <= LINEAR_COST_MAX;
}

static weft_error compile_both(struct regex *regex, struct regex_walk *walk)
{
    weft_error error = compile(regex, walk, false, &regex->plain);
    if (error) return error;
    regex->anchored = is_anchored(regex->plain);
    regex->linear = is_linear(walk->cost, regex->anchored);
    regex->factor = regex->linear ? 1 + (uint32_t)(walk->cost.width * walk->cost.choices / 64) : 1;
    regex->step_steps = 1 + (uint32_t)(walk->size_bytes / 128);
    return regex->linear ? WEFT_OK : compile(regex, walk, true, &regex->watched);
}

/* Leaves regex->fixed NULL where the pattern is none. */
static weft_error make_fixed(struct regex *regex, const char *pattern, size_t size_bytes)
{
    struct regex_fixed fixed;
    if (weft__regex_trial.watched || weft__regex_trial.interpreted) return WEFT_OK;
    if (!weft__regex_fixed_of(pattern, size_bytes, &fixed)) return WEFT_OK;
    regex->fixed = weft__mem_alloc(&regex->heap.mem, sizeof *regex->fixed);
    if (!regex->fixed) return WEFT_ENOMEM;
    *regex->fixed = fixed;
    return WEFT_OK;
}

static weft_error make(struct regex *regex, struct regex_walk *walk)
{
    weft_error error = make_fixed(regex, walk->pattern, walk->size_bytes);
    if (error || regex->fixed) return error;
    regex->jit = !weft__regex_trial.interpreted;
    regex->general = pcre2_general_context_create(heap_alloc, heap_free, &regex->heap);
    return regex->general ? compile_both(regex, walk) : WEFT_ENOMEM;
}

weft_error weft__regex_new(const struct mem *mem, const char *pattern, size_t size_bytes, struct regex **regex,
                           struct regex_fault *fault)
{
    struct regex_walk walk;
    weft_error error = weft__regex_check(&walk, pattern, size_bytes);
    if (error) {
        *fault = walk.fault;
        return error;
    }
    struct regex *new = weft__mem_zalloc(mem, sizeof *new);
    if (!new) return WEFT_ENOMEM;
    new->heap.mem = *mem;
    error = make(new, &walk);
    if (error) {
        if (error != WEFT_ENOMEM) *fault = walk.fault;
        weft__regex_free(new);
        return error;
    }
    *regex = new;
    return WEFT_OK;
}

void weft__regex_free(struct regex *regex)
{
    if (!regex) return;
    pcre2_code_free(regex->plain);
    pcre2_code_free(regex->watched);
    pcre2_general_context_free(regex->general);
    struct mem mem = regex->heap.mem;
    weft__mem_free(&mem, regex->fixed);
    weft__mem_free(&mem, regex);
}

bool weft__regex_is_fixed(const struct regex *regex)
{
    return regex->fixed;
}

bool weft__regex_valid(const char *pattern, size_t size_bytes)
{
    struct regex_walk walk;
    weft_error error = weft__regex_check(&walk, pattern, size_bytes);
    return !error || error == WEFT_EUNSUPPORTED;
}

/* --- matching --------------------------------------------------------------------------------- */

/* What a reference may compare: all that its group matched. */
static size_t reference_bytes(const pcre2_callout_block *block)
{
    const size_t *group = block->offset_vector + 2 * (size_t)block->callout_number;
    if (block->callout_number == REGEX_CALLOUT_MAX) return block->subject_length;
    return block->callout_number < block->capture_top && group[0] != PCRE2_UNSET ? group[1] - group[0] : 0;
}

/* Negative: the match ends with that. */
static int step(pcre2_callout_block *block, void *data)
{
    struct meter *meter = data;
    size_t position = block->current_position, before = meter->position;
    size_t bytes = position > before ? position - before : 0;
    meter->position = position;
    if (block->callout_number) bytes += reference_bytes(block);
    uint64_t steps = meter->step_steps + bytes / STEP_BYTES;
    if (steps > meter->steps) {
        meter->steps = 0;
        return PCRE2_ERROR_CALLOUT;
    }
    meter->steps -= steps;
    return 0;
}

struct regex_scratch *weft__regex_scratch_new(const struct mem *mem)
{
    uint32_t jit = 0;
    struct regex_scratch *scratch = weft__mem_zalloc(mem, sizeof *scratch);
    if (!scratch) return NULL;
    scratch->heap.mem = *mem;
    scratch->general = pcre2_general_context_create(heap_alloc, heap_free, &scratch->heap);
    if (!scratch->general) goto fail;
    scratch->context = pcre2_match_context_create(scratch->general);
    scratch->data = pcre2_match_data_create(1, scratch->general);
    if (!scratch->context || !scratch->data) goto fail;
    pcre2_config(PCRE2_CONFIG_JIT, &jit);
    if (jit) scratch->stack = pcre2_jit_stack_create(STACK_BYTES_MIN, STACK_BYTES_MAX, scratch->general);
    if (jit && !scratch->stack) goto fail;
    pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    pcre2_set_callout(scratch->context, step, &scratch->meter);
    pcre2_set_heap_limit(scratch->context, HEAP_KIB_MAX);
    pcre2_set_depth_limit(scratch->context, DEPTH_MAX);
    return scratch;

fail:
    weft__regex_scratch_free(scratch);
    return NULL;
}

void weft__regex_scratch_free(struct regex_scratch *scratch)
{
    if (!scratch) return;
    pcre2_jit_stack_free(scratch->stack);
    pcre2_match_data_free(scratch->data);
    pcre2_match_context_free(scratch->context);
    pcre2_general_context_free(scratch->general);
    struct mem mem = scratch->heap.mem;
    weft__mem_free(&mem, scratch);
}

static enum regex_answer run(const struct regex *regex, const pcre2_code *code, struct regex_scratch *scratch,
                             const char *subject, size_t size_bytes, uint32_t match_limit)
{
    if (!size_bytes) subject = ""; /* it may be NULL */
    pcre2_set_match_limit(scratch->context, match_limit);
    int found = regex->jit
                    ? pcre2_jit_match(code, (PCRE2_SPTR)subject, size_bytes, 0, 0, scratch->data, scratch->context)
                    : pcre2_match(code, (PCRE2_SPTR)subject, size_bytes, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                                  scratch->data, scratch->context);
    if (found >= 0) return REGEX_YES;
    return found == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_TOO_HARD;
}

/* False: the budget is used up. */
static bool pay(uint32_t *budget, uint64_t steps)
{
    bool enough = steps <= *budget;
    *budget = enough ? *budget - (uint32_t)steps : 0;
    return enough;
}

static enum regex_answer match_watched(const struct regex *regex, struct regex_scratch *scratch, const char *subject,
                                       size_t size_bytes, uint32_t *budget)
{
    uint64_t steps = REGEX_MATCH_STEPS + (uint64_t)size_bytes * REGEX_BYTE_STEPS;
    if (steps > *budget) steps = *budget;
    scratch->meter = (struct meter){.steps = steps, .step_steps = regex->step_steps};
    enum regex_answer answer = run(regex, regex->watched, scratch, subject, size_bytes, UINT32_MAX);
    *budget -= (uint32_t)(steps - scratch->meter.steps);
    return answer;
}

/* Of a short subject. Too hard: watched it may still do. */
static enum regex_answer match_short(const struct regex *regex, struct regex_scratch *scratch, const char *subject,
                                     size_t size_bytes, uint32_t *budget)
{
    uint32_t size = (uint32_t)size_bytes;
    uint32_t limit = regex->anchored ? SHORT_MATCH_LIMIT + 2 * size : SHORT_MATCH_LIMIT_MANY;
    if (!pay(budget, limit * (regex->anchored ? 1 : size) / SHORT_STEP_COUNTS)) return REGEX_TOO_HARD;
    return run(regex, regex->plain, scratch, subject, size_bytes, limit);
}

enum regex_answer weft__regex_match(const struct regex *regex, struct regex_scratch *scratch, const char *subject,
                                    size_t size_bytes, uint32_t *budget)
{
    if (regex->fixed) return weft__regex_fixed_match(regex->fixed, subject, size_bytes) ? REGEX_YES : REGEX_NO;
    if (!pay(budget, (uint64_t)regex->factor * (1 + size_bytes / STEP_BYTES))) return REGEX_TOO_HARD;
    if (regex->linear) return run(regex, regex->plain, scratch, subject, size_bytes, UINT32_MAX);
    if (size_bytes <= (regex->anchored ? SHORT_BYTES : SHORT_BYTES_MANY) && !weft__regex_trial.watched) {
        enum regex_answer answer = match_short(regex, scratch, subject, size_bytes, budget);
        if (answer != REGEX_TOO_HARD) return answer;
    }
    return match_watched(regex, scratch, subject, size_bytes, budget);
}
