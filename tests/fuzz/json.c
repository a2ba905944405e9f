/* Any bytes: they are JSON where the plain grammar says so; what is JSON is equal to its canonical form, which is its
 * own; and no number of it is too much for comparing, dividing and counting. */
#include <stdlib.h>
#include <string.h>

#include "lib/json_text.h"
#include "schema/canonical.h"
#include "schema/number.h"

enum { SIZE_MAX_BYTES = 4096, STEPS = 100000000 };

static void expect(bool holds)
{
    if (!holds) abort();
}

static weft_error parse(struct json_parser *parser, const char *text, size_t size_bytes, bool duplicate_keys,
                        struct json_doc *doc)
{
    const struct json_limits limits = {SIZE_MAX_BYTES * 8, JSON_DEPTH_MAX, duplicate_keys};
    struct json_fault fault;
    weft_error error = weft__json_parse(parser, text, size_bytes, &limits, doc, &fault);
    expect(!error || fault.at <= size_bytes);
    if (!error) json_check_tape(doc);
    return error;
}

static void check_numbers(const struct json_doc *doc)
{
    const struct json_value *last = NULL;
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct json_value *number = &doc->values[i];
        if (number->kind != JSON_NUMBER) continue;
        uint32_t count;
        bool integer = weft__number_is_integer(doc, number);
        expect(weft__number_compare(doc, number, doc, number) == 0);
        expect(!weft__number_count(doc, number, &count) || integer);
        if (weft__number_divides(doc, number)) expect(weft__number_is_multiple(doc, number, doc, number));
        if (last) {
            int order = weft__number_compare(doc, last, doc, number),
                other = weft__number_compare(doc, number, doc, last);
            expect((order > 0) == (other < 0) && (order < 0) == (other > 0));
            if (weft__number_divides(doc, last)) (void)weft__number_is_multiple(doc, number, doc, last);
        }
        last = number;
    }
}

static void check_canonical(const struct json_doc *doc)
{
    static struct json_parser second;
    struct json_doc again;
    char *text, *same;
    size_t size_bytes, same_bytes;
    uint32_t at, steps = STEPS;
    if (!second.mem) weft__json_parser_init(&second, &weft__mem_libc, 2);
    if (weft__json_canonical(&weft__mem_libc, doc, &text, &size_bytes, &at)) {
        expect(at < doc->size_bytes);
        return;
    }
    expect(parse(&second, text, size_bytes, false, &again) == WEFT_OK);
    expect(weft__json_equal(doc, doc->values, &again, again.values, &steps));
    expect(weft__json_equal(&again, again.values, doc, doc->values, &steps));
    expect(weft__json_canonical(&weft__mem_libc, &again, &same, &same_bytes, &at) == WEFT_OK);
    expect(size_bytes == same_bytes && memcmp(text, same, size_bytes) == 0);
    free(text);
    free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_parser parser;
    struct json_doc doc;
    const char *text = size ? (const char *)data : "";
    if (size > SIZE_MAX_BYTES) return 0;
    if (!parser.mem) weft__json_parser_init(&parser, &weft__mem_libc, 1);
    weft_error strict = parse(&parser, text, size, false, &doc);
    if (!strict) {
        uint32_t steps = STEPS;
        expect(weft__json_equal(&doc, doc.values, &doc, doc.values, &steps));
    }
    weft_error lenient = parse(&parser, text, size, true, &doc);
    expect(strict == lenient || strict == WEFT_EINVAL);
    if (lenient != WEFT_ELIMIT) expect((lenient == WEFT_OK) == json_grammatical(text, size));
    if (lenient) return 0;
    check_numbers(&doc);
    check_canonical(&doc);
    return 0;
}
