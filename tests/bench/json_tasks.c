#include "json_tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

enum { PADDING_BYTES = 64, PASSES_BYTES = 4000000 };

static uint32_t random_state;

static unsigned below(unsigned bound)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % bound;
}

/* A task of {id, kind, priority, sku, created_at, dry_run, attempt, customer, items, note}: items up to the size. */
static size_t write_task(char *to, size_t size_bytes)
{
    static const char *const kinds[] = {"resize", "transcode", "notify", "index"};
    static const char *const names[] = {"Grace Hopper", "J\xc3\xbcrgen M\xc3\xbcller", "Ada L.", "Edsger D."};
    static const char *const tags[] = {"[]", "[\"red\"]", "[\"blue\",\"fragile\"]", "[\"new\",\"sale \\\"now\\\"\"]"};
    char *p = to;
    p += sprintf(p, "{\"id\":\"%04x%04x-%04x-4%03x-8%03x-%04x%04x%04x\",\"kind\":\"%s\",\"priority\":%u,", below(65536),
                 below(65536), below(65536), below(4096), below(4096), below(65536), below(65536), below(65536),
                 kinds[below(4)], below(10));
    p += sprintf(p, "\"sku\":\"ABC-%04u\",\"created_at\":\"2026-11-21T16:%02u:%02uZ\",\"dry_run\":%s,\"attempt\":%u,",
                 below(10000), below(60), below(60), below(2) ? "true" : "false", 1 + below(3));
    p += sprintf(p, "\"customer\":{\"name\":\"%s\",\"email\":\"a%u@example.org\",\"score\":%u.%02u},\"items\":[",
                 names[below(4)], below(100000), below(100), below(100));
    for (int i = 0; (size_t)(p - to) + 100 < size_bytes; i++)
        p += sprintf(p, "%s{\"sku\":\"X-%u\",\"quantity\":%u,\"price\":%u.%02u,\"tags\":%s}", i ? "," : "",
                     below(100000), 1 + below(40), below(1000), below(100), tags[below(4)]);
    p += sprintf(p, "],\"note\":\"");
    while ((size_t)(p - to) + 2 < size_bytes)
        *p++ = (char)('a' + below(26));
    p += sprintf(p, "\"}");
    return (size_t)(p - to);
}

const struct json_tasks *bench_json_tasks(size_t size_bytes)
{
    static struct json_tasks all[3];
    struct json_tasks *tasks = &all[size_bytes > 300 ? size_bytes > 1024 ? 2 : 1 : 0];
    if (tasks->texts[0]) return tasks;
    random_state = 1;
    for (int i = 0; i < JSON_TASKS; i++) {
        tasks->texts[i] = malloc(size_bytes + 512 + PADDING_BYTES);
        if (!tasks->texts[i]) bench_die("out of memory");
        tasks->sizes_bytes[i] = write_task(tasks->texts[i], size_bytes);
    }
    return tasks;
}

static uint64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

double bench_json_parse_ns(const struct json_tasks *tasks, void (*parse)(const char *text, size_t size_bytes))
{
    int passes = (int)(PASSES_BYTES / tasks->sizes_bytes[0] / JSON_TASKS);
    uint64_t start = 0;
    for (int pass = -1; pass < passes; pass++) {
        if (pass == 0) start = thread_ns(); /* the pass before warms up */
        for (int i = 0; i < JSON_TASKS; i++)
            parse(tasks->texts[i], tasks->sizes_bytes[i]);
    }
    return (double)(thread_ns() - start) / passes / JSON_TASKS;
}
