/* check.h: checks that print what was called and what came of it, for cmocka tests. They stay on with NDEBUG.
 *
 * A failed check ends its test. cmocka does that with a longjmp, which stays within the thread that runs the tests; in
 * any other thread, and in a forked child, a failed check prints the same and aborts. The thread_check_ names say at
 * the call that this is what will happen; they differ in nothing else.
 */
#ifndef WEFT_TESTS_CHECK_H
#define WEFT_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <cmocka.h> /* which has no extern "C" of its own */

struct check_site {
    const char *file;
    int line;
    const char *text; /* of the check, as written */
};

void check_error_at(struct check_site site, weft_error got, weft_error expected);
void check_eq_at(struct check_site site, uint64_t got, uint64_t expected);
void check_str_at(struct check_site site, const char *got, const char *expected);
void check_true_at(struct check_site site, bool holds);

#ifdef __cplusplus
}
#define CHECK_SITE(text) (check_site{__FILE__, __LINE__, text})
#else
#define CHECK_SITE(text) ((struct check_site){__FILE__, __LINE__, text})
#endif

/* The call returns WEFT_OK; the call returns that code. */
#define check_ok(call) check_error_at(CHECK_SITE("check_ok(" #call ")"), call, WEFT_OK)
#define check_err(call, code) check_error_at(CHECK_SITE("check_err(" #call ", " #code ")"), call, code)

/* Equal integers of up to 64 bits, of any type: both are widened as C does. */
#define check_eq(a, b) check_eq_at(CHECK_SITE("check_eq(" #a ", " #b ")"), (uint64_t)(a), (uint64_t)(b))

/* Equal strings; NULL equals only NULL. */
#define check_str(a, b) check_str_at(CHECK_SITE("check_str(" #a ", " #b ")"), a, b)

#define check_true(expression) check_true_at(CHECK_SITE("check_true(" #expression ")"), (expression) ? true : false)

#define thread_check_ok(call) check_error_at(CHECK_SITE("thread_check_ok(" #call ")"), call, WEFT_OK)
#define thread_check_err(call, code) check_error_at(CHECK_SITE("thread_check_err(" #call ", " #code ")"), call, code)
#define thread_check_eq(a, b) check_eq_at(CHECK_SITE("thread_check_eq(" #a ", " #b ")"), (uint64_t)(a), (uint64_t)(b))
#define thread_check_str(a, b) check_str_at(CHECK_SITE("thread_check_str(" #a ", " #b ")"), a, b)
#define thread_check_true(expression)                                                                                  \
    check_true_at(CHECK_SITE("thread_check_true(" #expression ")"), (expression) ? true : false)

#endif
