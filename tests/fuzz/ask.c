/* What stands in an ask or its answer, at either end: the first byte chooses the struct, and whether texts are copied. What is read
 * is written again, to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"
#include "remote/ask.h"

static const struct shape *const shapes[] = {
#define SHAPE_ROW(name, of) &weft__shape_##name,
    SHAPES(SHAPE_ROW)
#undef SHAPE_ROW
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union {
        uint64_t aligned;
        char bytes[8192];
    } record;
    char sentence[FRAME_SENTENCE_MAX];
    struct arena arena;
    if (size == 0) return 0;
    const struct shape *shape = shapes[(data[0] & 0x7f) % (sizeof shapes / sizeof *shapes)];
    weft__arena_init(&arena, &weft__mem_libc);
    if (!weft__shape_read((weft_bytes){data + 1, size - 1}, shape, &arena, data[0] >> 7, &record, sentence)) {
        struct shape_out out = {.mem = &weft__mem_libc, .most = SIZE_MAX};
        weft__shape_write(&out, shape, &record);
        if (out.error || out.size != size - 1 || (out.size && memcmp(out.bytes, data + 1, out.size) != 0)) abort();
        weft__shape_out_free(&out);
    }
    weft__arena_fini(&arena);
    return 0;
}
