/* assert.h: a broken internal invariant stops the process with one line. It stays on in release builds. */
#ifndef WEFT_BASE_ASSERT_H
#define WEFT_BASE_ASSERT_H

/* Called with the line before the process is aborted, once; NULL = nobody. Any thread. */
void weft__panic_set(void (*panic)(const char *sentence, void *context), void *context);

_Noreturn void weft__assert_failed(const char *file, int line, const char *expression);

#define WEFT_ASSERT(expression)                                                                                        \
    (__builtin_expect(!!(expression), 1) ? (void)0 : weft__assert_failed(__FILE__, __LINE__, #expression))

#endif
