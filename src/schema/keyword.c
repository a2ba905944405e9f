#include "schema/keyword.h"

#include <string.h>

enum { DRAFTS_2020 = 1 << WEFT_DRAFT_2020_12, DRAFTS_7 = 1 << WEFT_DRAFT_7, DRAFTS_BOTH = DRAFTS_2020 | DRAFTS_7 };

/* Draft-07 has no vocabularies: everything of it is there. */
const struct keyword_row weft__keywords[KEYWORD_COUNT] = {{.name = ""},
#define ROW(name_, text, drafts_, vocabulary_, shape_)                                                                 \
    {.name = text,                                                                                                     \
     .drafts = DRAFTS_##drafts_,                                                                                       \
     .vocabulary = VOCABULARY_##vocabulary_,                                                                           \
     .shape = SHAPE_##shape_,                                                                                          \
     .keyword = KEYWORD_##name_},
                                                          KEYWORDS(ROW)
#undef ROW
};

_Static_assert(KEYWORD_COUNT < KEYWORD_SLOTS / 2, "the table has room");

void weft__keyword_table_init(struct keyword_table *table, uint32_t seed)
{
    memset(table, 0, sizeof *table);
    for (size_t row = 1; row < KEYWORD_COUNT; row++) {
        const char *name = weft__keywords[row].name;
        uint32_t hash = weft__json_hash(seed, name, strlen(name)), slot = hash % KEYWORD_SLOTS;
        while (table->rows[slot])
            slot = (slot + 1) % KEYWORD_SLOTS;
        table->hashes[slot] = hash;
        table->rows[slot] = (uint8_t)row;
    }
}

const struct keyword_row *weft__keyword_find(const struct keyword_table *table, const struct json_doc *doc,
                                             const struct json_value *key, weft_draft draft, uint32_t vocabularies)
{
    for (uint32_t slot = key->hash % KEYWORD_SLOTS; table->rows[slot]; slot = (slot + 1) % KEYWORD_SLOTS) {
        if (table->hashes[slot] != key->hash) continue;
        const struct keyword_row *row = &weft__keywords[table->rows[slot]];
        if (!(row->drafts & 1u << draft) || !(row->vocabulary & vocabularies)) continue;
        if (weft__json_is(doc, key, row->name, strlen(row->name))) return row;
    }
    return &weft__keywords[0];
}
