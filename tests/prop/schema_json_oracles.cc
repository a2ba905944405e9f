/* The parser of JSON against two others, jansson and simdjson, on mutants of documents: they agree on what is JSON and
 * on every value in it, but where they are known to differ:
 *
 *     jansson    accepts some texts with a raw NUL; refuses integers beyond 64 bits with sign, reals beyond a double,
 *                and keys with \u0000
 *     simdjson   refuses integers beyond 64 bits, with sign or without, and reals beyond a double; accepts keys that
 *                stand twice
 *
 * Prints its seed; SEED=n repeats a run. */
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <simdjson.h>

/* jansson's names of kinds are ours, too */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

extern "C" {
#include "schema/json.h"
}

#include "lib/check.h"
#include "lib/json_text.h"

static const char *const starts[] = {
    "{\"id\":\"9f767c45-4164\",\"kind\":\"resize\",\"priority\":7,\"dry_run\":false,\"customer\":{\"name\":"
    "\"J\xc3\xbcrgen "
    "M\xc3\xbcller\",\"email\":\"a6148@example.org\",\"score\":86.84},\"items\":[{\"sku\":\"X-1\",\"price\":12.50,"
    "\"tags\":"
    "[\"red\",\"sale \\\"now\\\"\"]},{\"sku\":\"X-22\",\"price\":1e2,\"tags\":[]}],\"note\":null}",
    "[0,-0,1,-1,0.5,-2.25,1e5,1E-5,1.5e+10,123456789012345678,9223372036854775807,-9223372036854775808,"
    "18446744073709551615,"
    "18446744073709551616,1234567.8,0.1234567,12345678.12345678,1e308,5e-324,0.30000000000000004,1e22]",
    "[\"\",\"a\",\"\\u0000\\u001f\\n\\t\\\\\\/"
    "\\\"\",\"\\ud83e\\uddf5\",\"\xf0\x9f\xa7\xb5\",\"\xe2\x82\xac\",\"0123456789abcdef\",\"01234567"
    "89abcdef0123456789abcdef\",\"a \\u00e9\\u20AC z\"]",
    "{\"a\":1,\"b\":{\"a\":2,\"c\":[{\"a\":3},{}]},\"\\u0063\":4,\"a key of more than sixteen bytes\":5,\"\":6}",
    "{\n  \"a\" : [ 1 , 2 ,\r\n\t3 ] ,\n  \"b\" : { \"c\" : true , \"d\" : false }\n}\n",
    "\"a string alone\"",
    "-12.5e-3",
};

static json_parser parser;
static uint64_t seed;

static int set_up(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, nullptr, 10) | 1 : static_cast<uint64_t>(time(nullptr)) << 1 | 1;
    weft__json_parser_init(&parser, &weft__mem_libc, static_cast<uint32_t>(seed));
    print_message("seed %llu\n", static_cast<unsigned long long>(seed));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__json_parser_fini(&parser);
    print_message("seed %llu\n", static_cast<unsigned long long>(seed));
    return 0;
}

static std::string decoded(const json_doc &doc, const json_value *string)
{
    std::string text(string->size_bytes, '\0');
    text.resize(weft__json_decode(&doc, string, &text[0]));
    return text;
}

/* Of the text for a long one; of the tape's mantissa and exponent for others. */
static double nearest(const json_doc &doc, const json_value *number)
{
    char text[64];
    if (number->flags & JSON_LONG)
        return strtod(std::string(doc.text + number->at, number->size_bytes).c_str(), nullptr);
    (void)snprintf(text, sizeof text, "%llde%d", static_cast<long long>(number->mantissa), number->exponent);
    return strtod(text, nullptr);
}

static bool written_as_integer(const json_doc &doc, const json_value *number)
{
    const char *p = doc.text + number->at, *end = doc.text + doc.size_bytes;
    while (p < end && (*p == '-' || (*p >= '0' && *p <= '9')))
        p++;
    return p == end || !strchr(".eE", *p) || !*p;
}

/* Numbers that are beyond the other parser, or as doubles like its last; and for jansson names with a NUL. */
static bool beyond(const json_doc &doc, double integer_max, double integer_min, bool names)
{
    for (uint32_t i = 0; i < doc.count; i++) {
        const json_value *value = doc.values + i;
        if (value->kind == JSON_NUMBER) {
            double number = nearest(doc, value);
            if (std::isinf(number)) return true;
            if (written_as_integer(doc, value) && (number >= integer_max || number <= integer_min)) return true;
        }
        if (value->kind == JSON_OBJECT && names) {
            const json_value *key = value + 1;
            for (uint32_t k = 0; k < value->count; k++, key = weft__json_next(&doc, key + 1))
                if (decoded(doc, key).find('\0') != std::string::npos) return true;
        }
    }
    return false;
}

/* --- jansson ------------------------------------------------------------------------------------------------------ */

static bool same(const json_doc &doc, const json_value *ours, const json_t *theirs)
{
    const json_value *item = ours + 1;
    switch (static_cast<json_kind>(ours->kind)) {
    case JSON_NULL: return json_typeof(theirs) == JANSSON_NULL;
    case JSON_FALSE: return json_typeof(theirs) == JANSSON_FALSE;
    case JSON_TRUE: return json_typeof(theirs) == JANSSON_TRUE;
    case JSON_NUMBER:
        if (json_typeof(theirs) == JSON_INTEGER && !(ours->flags & JSON_LONG)) {
            return ours->exponent == 0 && ours->mantissa == json_integer_value(theirs);
        }
        return json_is_number(theirs) && nearest(doc, ours) == json_number_value(theirs);
    case JSON_STRING:
        return json_typeof(theirs) == JANSSON_STRING &&
               decoded(doc, ours) == std::string(json_string_value(theirs), json_string_length(theirs));
    case JSON_ARRAY:
        if (json_typeof(theirs) != JANSSON_ARRAY || json_array_size(theirs) != ours->count) return false;
        for (uint32_t i = 0; i < ours->count; i++, item = weft__json_next(&doc, item))
            if (!same(doc, item, json_array_get(theirs, i))) return false;
        return true;
    case JSON_OBJECT:
        if (json_typeof(theirs) != JANSSON_OBJECT || json_object_size(theirs) != ours->count) return false;
        for (uint32_t i = 0; i < ours->count; i++, item = weft__json_next(&doc, item + 1)) {
            std::string name = decoded(doc, item);
            const json_t *value = json_object_getn(theirs, name.data(), name.size());
            if (!value || !same(doc, item + 1, value)) return false;
        }
        return true;
    }
    return false;
}

/* NULL: agreed. */
static const char *against_jansson(const char *text, size_t size_bytes)
{
    const json_limits limits = {1u << 20, JSON_DEPTH_MAX, false};
    json_doc doc;
    json_fault fault;
    json_error_t error;
    weft_error ours = weft__json_parse(&parser, text, size_bytes, &limits, &doc, &fault);
    json_t *theirs = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    const char *difference = nullptr;
    if (ours == WEFT_OK && !theirs) {
        if (!beyond(doc, 0x1p63, -0x1p63, true)) difference = "jansson refuses it";
    } else if (ours == WEFT_OK && !same(doc, doc.values, theirs)) {
        difference = "jansson reads it otherwise";
    } else if (ours == WEFT_EINVAL && theirs && !memchr(text, 0, size_bytes)) {
        difference = "jansson accepts it";
    }
    json_decref(theirs);
    return difference;
}

/* --- simdjson ----------------------------------------------------------------------------------------------------- */

using simdjson::dom::element;
using simdjson::dom::element_type;

static bool same(const json_doc &doc, const json_value *ours, element theirs);

/* simdjson has all of a name. */
static bool same_members(const json_doc &doc, const json_value *ours, simdjson::dom::object theirs)
{
    const json_value *item = ours + 1;
    uint32_t count = 0;
    for (auto member = theirs.begin(); member != theirs.end(); ++member) {
        bool again = false;
        auto later = member;
        for (++later; later != theirs.end(); ++later)
            again = again || later.key() == member.key();
        if (again) continue;
        if (count++ == ours->count || decoded(doc, item) != member.key() || !same(doc, item + 1, member.value()))
            return false;
        item = weft__json_next(&doc, item + 1);
    }
    return count == ours->count;
}

static bool same(const json_doc &doc, const json_value *ours, element theirs)
{
    const json_value *item = ours + 1;
    switch (theirs.type()) {
    case element_type::NULL_VALUE: return ours->kind == JSON_NULL;
    case element_type::BOOL: return ours->kind == (bool(theirs) ? JSON_TRUE : JSON_FALSE);
    case element_type::INT64:
        if (ours->kind != JSON_NUMBER) return false;
        if (ours->flags & JSON_LONG) return int64_t(theirs) == INT64_MIN && nearest(doc, ours) == -0x1p63;
        return ours->exponent == 0 && ours->mantissa == int64_t(theirs);
    case element_type::UINT64:
        return ours->kind == JSON_NUMBER && nearest(doc, ours) == static_cast<double>(uint64_t(theirs));
    case element_type::DOUBLE: return ours->kind == JSON_NUMBER && nearest(doc, ours) == double(theirs);
    case element_type::STRING: return ours->kind == JSON_STRING && decoded(doc, ours) == std::string_view(theirs);
    case element_type::ARRAY:
        if (ours->kind != JSON_ARRAY || simdjson::dom::array(theirs).size() != ours->count) return false;
        for (element next : simdjson::dom::array(theirs)) {
            if (!same(doc, item, next)) return false;
            item = weft__json_next(&doc, item);
        }
        return true;
    case element_type::OBJECT:
        if (ours->kind != JSON_OBJECT) return false;
        return same_members(doc, ours, theirs);
    }
    return false;
}

static const char *against_simdjson(const char *text, size_t size_bytes)
{
    static simdjson::dom::parser other;
    const json_limits limits = {1u << 20, JSON_DEPTH_MAX, true};
    json_doc doc;
    json_fault fault;
    weft_error ours = weft__json_parse(&parser, text, size_bytes, &limits, &doc, &fault);
    simdjson::padded_string padded(text, size_bytes);
    element root;
    simdjson::error_code theirs = other.parse(padded).get(root);
    if (ours == WEFT_OK && theirs) return beyond(doc, 0x1p64, -0x1p63, false) ? nullptr : "simdjson refuses it";
    if (ours == WEFT_OK && !same(doc, doc.values, root)) return "simdjson reads it otherwise";
    if (ours == WEFT_EINVAL && !theirs) return "simdjson accepts it";
    return nullptr;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static void check_mutants(const char *(*against)(const char *text, size_t size_bytes))
{
    uint64_t random = seed;
    char text[1024];
    for (int round = 0; round < 1500; round++)
        for (const char *start : starts) {
            size_t size_bytes = strlen(start);
            memcpy(text, start, size_bytes);
            for (int i = 0; i < 4; i++) {
                const char *difference = against(json_guarded(text, size_bytes), size_bytes);
                if (difference) {
                    print_error("%s: %.*s\n", difference, static_cast<int>(size_bytes), text);
                    check_true(!difference);
                }
                size_bytes = json_mutate(text, size_bytes, sizeof text, &random);
            }
        }
}

static void jansson_agrees(void **state)
{
    (void)state;
    check_mutants(against_jansson);
}

static void simdjson_agrees(void **state)
{
    (void)state;
    check_mutants(against_simdjson);
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jansson_agrees),
        cmocka_unit_test(simdjson_agrees),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
