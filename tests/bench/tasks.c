/* tasks.c: see tasks.h. A variant is the file with other digits, shorter numbers and shorter sentences: what reads them
 * can rely on neither places nor values. */
#include "bench.h"
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_BYTES_MAX = 65536, PADDING_BYTES = 64 };

static weft_bytes load(const char *name)
{
    char path[4096];
    const char *top = getenv("WEFT_TOP");
    snprintf(path, sizeof(path), "%s/tests/bench/data/%s", top ? top : ".", name);
    FILE *file = fopen(path, "rb");
    char *text = malloc(FILE_BYTES_MAX);
    if (!file || !text) bench_die("tests/bench/data is not here: run it in the top directory");
    size_t size = fread(text, 1, FILE_BYTES_MAX, file);
    fclose(file);
    if (size > 0 && text[size - 1] == '\n') size--;
    return (weft_bytes){text, size};
}

static uint32_t rng;

static uint32_t draw(uint32_t below)
{
    rng = rng * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)rng * below >> 32);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of a digit another, but a zero stays one, and none becomes one; what is none stays. */
static char other_digit(char c)
{
    if (c < '1' || c > '9') return c;
    return "123456789"[draw(9)];
}

/* A string's content: at least the first half, to the end of a word. */
static size_t cut(const char *text, size_t size)
{
    size_t least = size / 2 + draw((uint32_t)size / 2 + 1), end = least;
    while (end < size && text[end] != ' ')
        end++;
    return end;
}

static weft_bytes variant_of(weft_bytes from)
{
    const char *text = from.data, *end = text + from.size;
    char *made = malloc(from.size + PADDING_BYTES), *to = made;
    if (!made) bench_die("memory");
    while (text < end) {
        if (*text == '"') {
            size_t size = 1;
            while (text[size] != '"')
                size += text[size] == '\\' ? 2 : 1;
            size_t kept = cut(text + 1, size - 1);
            for (size_t i = 0; i <= kept; i++)
                *to++ = other_digit(text[i]);
            *to++ = '"';
            text += size + 1;
        } else if (is_digit(*text)) {
            size_t size = 1;
            while (is_digit(text[size]))
                size++;
            for (uint32_t i = 0, kept = 1 + draw((uint32_t)size); i < kept; i++)
                *to++ = other_digit(text[i]);
            text += size;
        } else {
            *to++ = *text++;
        }
    }
    return (weft_bytes){made, (size_t)(to - made)};
}

const struct tasks *bench_tasks(int size)
{
    static const char *const files[] = {"task-300.json", "task-1k.json", "task-4k.json"};
    static struct tasks tasks[TASKS_SIZES];
    if (!tasks[size].variants[0].data) {
        weft_bytes file = load(files[size]);
        rng = (uint32_t)size;
        for (int i = 0; i < TASK_VARIANTS; i++)
            tasks[size].variants[i] = variant_of(file);
    }
    return &tasks[size];
}

weft_bytes bench_task_schema(void)
{
    static weft_bytes schema;
    if (!schema.data) schema = load("task.schema.json");
    return schema;
}

int bench_tasks_count(int size)
{
    static const int counts[] = {128 * TASK_VARIANTS, 32 * TASK_VARIANTS, 8 * TASK_VARIANTS};
    return counts[size];
}

static uint64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

double bench_tasks_ns(int size, void (*take)(weft_bytes text))
{
    const struct tasks *tasks = bench_tasks(size);
    int count = bench_tasks_count(size);
    uint64_t start_ns = 0;
    for (int i = -TASK_VARIANTS; i < count; i++) {
        if (i == 0) start_ns = thread_ns();
        take(tasks->variants[(i + TASK_VARIANTS) % TASK_VARIANTS]);
    }
    return (double)(thread_ns() - start_ns) / count;
}
