/* wire_soak.h: what the processes of the soak share: the channels, what a payload looks like, who counts memory, and the ledger:
 * a byte for each dispatch, in memory that all of them map, in which its workers count how often it was begun. */
#ifndef WEFT_TESTS_E2E_WIRE_SOAK_H
#define WEFT_TESTS_E2E_WIRE_SOAK_H

#include <inttypes.h>
#include <sys/mman.h>

#include "e2e/wire_relay.h"

enum { CHANNELS = 3, LEDGER_SLOTS = 1 << 22, CASTS_MAX = 8, OWN_SLOTS = LEDGER_SLOTS / CASTS_MAX, HEAD_BYTES = 8 };

/* once: never run again; again: as often as it takes; over: the next attempt does not wait for the end of the last. */
static const char *const channels[CHANNELS] = {"dispatch.soak.once", "dispatch.soak.again", "dispatch.soak.over"};
static const char pulled[] = "dispatch.soak.pulled", keyed[] = "dispatch.soak.keyed";
static const char news[] = "event.soak.news", letters[] = "dispatch.soak.letters";

/* --- the ledger ----------------------------------------------------------------------------------- */

static _Atomic uint8_t *ledger;

static inline void open_ledger(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    thread_check_true(fd >= 0 && ftruncate(fd, LEDGER_SLOTS) == 0);
    ledger = mmap(NULL, LEDGER_SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    thread_check_true(ledger != MAP_FAILED);
    close(fd);
}

/* --- payloads ------------------------------------------------------------------------------------- */

/* What its worker is to do, where its runs are counted, and the rest can be made again from that. */
struct deed {
    uint32_t slot;
    uint8_t what, zero[3];
};

static inline void fill_payload(unsigned char *bytes, size_t size, uint32_t slot, uint8_t what)
{
    const struct deed deed = {.slot = slot, .what = what};
    memcpy(bytes, &deed, HEAD_BYTES);
    for (size_t i = HEAD_BYTES; i < size; i++)
        bytes[i] = (unsigned char)(slot * 31 + i * 7);
}

static inline bool payload_is(weft_bytes payload, size_t size, uint32_t slot, uint8_t what)
{
    const unsigned char *bytes = payload.data;
    struct deed deed;
    if (payload.size != size) return false;
    memcpy(&deed, bytes, HEAD_BYTES);
    if (deed.slot != slot || deed.what != what) return false;
    for (size_t i = HEAD_BYTES; i < size; i++)
        if (bytes[i] != (unsigned char)(slot * 31 + i * 7)) return false;
    return true;
}

/* Mostly small, now and then in parts. */
static inline size_t random_size(unsigned *state)
{
    unsigned kind = roll(state, 100), most = kind < 60   ? 256
                                             : kind < 85 ? 4096
                                             : kind < 95 ? 20000
                                             : kind < 99 ? 100000
                                                         : 1 << 20;
    return HEAD_BYTES + roll(state, most);
}

/* --- memory --------------------------------------------------------------------------------------- */

static _Atomic int64_t live_bytes, live_blocks;

/* In front of each block its size. */
static void *counting_alloc(void *context, size_t size)
{
    (void)context;
    max_align_t *block = malloc(sizeof(max_align_t) + size);
    if (!block) return NULL;
    *(size_t *)block = size;
    live_bytes += (int64_t)size;
    live_blocks++;
    return block + 1;
}

static void counting_free(void *context, void *block)
{
    (void)context;
    if (!block) return;
    max_align_t *whole = (max_align_t *)block - 1;
    live_bytes -= (int64_t) * (size_t *)whole;
    live_blocks--;
    free(whole);
}

static const weft_allocator allocator = {.alloc = counting_alloc, .free = counting_free};

/* A client node of this process, whose memory is counted. */
static inline weft_node *dial_counted(const char *urls)
{
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_dial_options options = WEFT_DIAL_OPTIONS;
    node_options.allocator = &allocator;
    options.node = &node_options;
    options.lost_ms = 4000;
    options.dial_timeout_ms = 60000;
    return dial(urls, &options);
}

static inline void close_counted(weft_node *node)
{
    thread_check_ok(weft_node_close(node, 30000));
    thread_check_eq(live_blocks, 0);
    thread_check_eq(live_bytes, 0);
}

#endif
