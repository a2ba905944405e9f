#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One write(2) from the stack: it works with a broken heap, and lines of several processes do not mix. */
_Noreturn void weft__assert_failed(const char *file, int line, const char *expression)
{
    char text[512];
    int length = snprintf(text, sizeof text, "weft: %s:%d: broken invariant: %s\n", file, line, expression);
    size_t size_bytes = (size_t)length;
    if (size_bytes >= sizeof text) {
        size_bytes = sizeof text;
        text[sizeof text - 1] = '\n';
    }
    ssize_t ignored = write(STDERR_FILENO, text, size_bytes);
    (void)ignored;
    abort();
}
