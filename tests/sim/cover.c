#include "sim/cover.h"

uint64_t covers[COVERS_COUNT];

const char *const cover_texts[COVERS_COUNT] = {
#define COVER_TEXT(name, text) text,
    COVERS(COVER_TEXT)
#undef COVER_TEXT
};
