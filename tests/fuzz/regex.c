/* Patterns and formats: nothing crashes, every match ends within its budget, and four ways to match agree: with and
 * without callouts, with and without a JIT. What the translator writes PCRE2 takes, or the fault says why not. The
 * input is a pattern and, after its first NUL, a subject. */
#include <stdlib.h>
#include <string.h>

#include "schema/format.h"
#include "schema/regex_translate.h"

enum { BUDGET = 300000, SUBJECT_BYTES_MAX = 512 };

static bool is_utf8(const char *text, size_t size_bytes)
{
    struct regex_walk walk = {.pattern = text, .size_bytes = size_bytes};
    while (walk.at < size_bytes)
        if (weft__regex_decode(&walk, &walk.at) < 0) return false;
    return true;
}

static enum regex_answer answer_of(const struct regex *regex, struct regex_scratch *scratch, const char *subject,
                                   size_t size_bytes)
{
    uint32_t budget = BUDGET;
    enum regex_answer answer = weft__regex_match(regex, scratch, subject, size_bytes, &budget);
    if (budget > BUDGET) abort();
    return answer;
}

static void match_all_ways(const char *pattern, size_t pattern_bytes, const char *subject, size_t subject_bytes,
                           struct regex_scratch *scratch)
{
    enum regex_answer known = REGEX_TOO_HARD;
    weft_error error = WEFT_OK;
    for (unsigned way = 0; way < 4; way++) {
        struct regex *regex;
        struct regex_fault fault;
        weft__regex_trial = (struct regex_trial){.watched = way & 1, .interpreted = way & 2};
        weft_error got = weft__regex_new(&weft__mem_libc, pattern, pattern_bytes, &regex, &fault);
        if (way && got != error) abort();
        error = got;
        if (weft__regex_valid(pattern, pattern_bytes) != (!error || error == WEFT_EUNSUPPORTED)) abort();
        if (error == WEFT_ENOMEM || (error && (!fault.sentence || fault.at > pattern_bytes))) abort();
        if (error) continue;
        enum regex_answer answer = answer_of(regex, scratch, subject, subject_bytes);
        if (answer != REGEX_TOO_HARD && known != REGEX_TOO_HARD && answer != known) abort();
        if (answer != REGEX_TOO_HARD) known = answer;
        weft__regex_free(regex);
    }
}

static void check_formats(const char *text, size_t size_bytes)
{
    static const char *const names[] = {
        "date-time", "date",          "time",         "duration",     "email",
        "idn-email", "hostname",      "ipv4",         "ipv6",         "uri",
        "iri",       "uri-reference", "uri-template", "json-pointer", "relative-json-pointer",
        "uuid",      "iri-reference"};
    bool valid[sizeof names / sizeof *names];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        valid[i] = weft__format_find(names[i], strlen(names[i]))->valid(text, size_bytes);
    /* What is one is the wider one, too. */
    if ((valid[4] && !valid[5]) || (valid[9] && !(valid[10] && valid[11])) || (valid[11] && !valid[16])) abort();
}

/* A copy of its own, so that a read beyond it is seen. */
static char *copy_of(const char *text, size_t size_bytes)
{
    char *copy = malloc(size_bytes + !size_bytes);
    if (!copy) abort();
    memcpy(copy, text, size_bytes);
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t pattern_bytes = nul ? (size_t)(nul - data) : size, subject_bytes = nul ? size - pattern_bytes - 1 : 0;
    if (subject_bytes > SUBJECT_BYTES_MAX) return 0;
    char *pattern = copy_of((const char *)data, pattern_bytes);
    char *subject = copy_of(nul ? (const char *)nul + 1 : "", subject_bytes);
    struct regex_scratch *scratch = weft__regex_scratch_new(&weft__mem_libc);
    if (!scratch) abort();
    if (is_utf8(subject, subject_bytes)) {
        match_all_ways(pattern, pattern_bytes, subject, subject_bytes, scratch);
        check_formats(subject, subject_bytes);
    }
    weft__regex_scratch_free(scratch);
    free(subject);
    free(pattern);
    return 0;
}
