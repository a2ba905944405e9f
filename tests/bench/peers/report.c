/* report.c: see report.h. */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct spread {
    double least, median, most;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(const double *values, int count)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof(*sorted));
    qsort(sorted, (size_t)count, sizeof(*sorted), by_value);
    double middle = count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    return (struct spread){sorted[0], middle, sorted[count - 1]};
}

static double median(const struct report *r, const struct result *one, int figure)
{
    return spread_of(one->values[figure], r->rounds).median;
}

/* The median of the rounds' ratios. */
static double ratio(const struct report *r, const struct result *one, const struct result *other, int figure)
{
    double ratios[ROUNDS_MAX];
    for (int i = 0; i < r->rounds; i++)
        ratios[i] = one->values[figure][i] / other->values[figure][i];
    return spread_of(ratios, r->rounds).median;
}

static bool has(const struct result *one, int figure)
{
    return !one->lost && !isnan(one->values[figure][0]);
}

static const struct result *named(const struct report *r, const char *name, int figure)
{
    for (int i = 0; i < r->count; i++)
        if (has(&r->results[i], figure) && strcmp(r->results[i].contender->name, name) == 0) return &r->results[i];
    return NULL;
}

/* Of those that are neither weft nor a bare relay; NULL: there is none. */
static const struct result *best_peer(const struct report *r, int figure)
{
    const struct result *best = NULL;
    for (int i = 0; i < r->count; i++) {
        const struct result *one = &r->results[i];
        if (!has(one, figure) || one->contender->bare || strncmp(one->contender->name, "weft", 4) == 0) continue;
        bool less = best && median(r, one, figure) < median(r, best, figure);
        if (!best || less == r->row->figures[figure].less_is_better) best = one;
    }
    return best;
}

static int decimals(double value)
{
    return value < 10 ? 3 : value < 1000 ? 1 : 0;
}

static void print_result(const struct report *r, const struct result *one, const struct result *to, int figure)
{
    struct spread s = spread_of(one->values[figure], r->rounds);
    const struct row *row = r->row;
    int places = decimals(s.median);
    if (r->json) {
        printf("{\"bench\": \"peers_%s\", \"contender\": \"%s\", \"metric\": \"%s, %s\", \"value\": %.4f, "
               "\"unit\": \"%s\", \"least\": %.4f, \"most\": %.4f, \"rounds\": %d",
               row->name, one->contender->name, row->title, row->figures[figure].name, s.median,
               row->figures[figure].unit, s.least, s.most, r->rounds);
        if (to) printf(", \"against\": \"%s\", \"ratio\": %.3f", to->contender->name, ratio(r, one, to, figure));
        printf("}\n");
        return;
    }
    printf("    %-12s %12.*f  [%.*f .. %.*f]", one->contender->name, places, s.median, places, s.least, places, s.most);
    if (to) printf("  %.2f of %s", ratio(r, one, to, figure), to->contender->name);
    putchar('\n');
}

static void print_goal(const struct report *r, const struct goal *goal)
{
    const struct result *one = named(r, goal->contender, goal->figure);
    const struct result *to = goal->against ? named(r, goal->against, goal->figure) : best_peer(r, goal->figure);
    bool at_most = r->row->figures[goal->figure].less_is_better;
    bool is_absolute = goal->absolute > 0;
    if (!one || (!to && !is_absolute)) return;
    double value = is_absolute ? median(r, one, goal->figure) : ratio(r, one, to, goal->figure);
    double limit = is_absolute ? goal->absolute : goal->limit;
    bool holds = at_most ? value <= limit : value >= limit;
    printf("    %s: %.2f", goal->contender, value);
    if (!is_absolute) printf(" of %s%s", goal->against ? "" : "the best peer, ", to->contender->name);
    printf(" (wanted: at %s %.2f) %s\n", at_most ? "most" : "least", limit, holds ? "holds" : "DOES NOT HOLD");
}

static void print_figure(const struct report *r, int figure)
{
    const struct result *to = named(r, r->against ? r->against : "weft", figure);
    bool any = false;
    for (int i = 0; i < r->count; i++)
        any = any || has(&r->results[i], figure);
    if (!any) return;
    if (!to) to = best_peer(r, figure);
    if (!r->json)
        printf("%s: %s: %s, %s\n", r->row->name, r->row->title, r->row->figures[figure].name,
               r->row->figures[figure].unit);
    for (int i = 0; i < r->count; i++)
        if (has(&r->results[i], figure)) print_result(r, &r->results[i], to, figure);
    for (const struct goal *goal = goals; goal->row && !r->json; goal++)
        if (strcmp(goal->row, r->row->name) == 0 && goal->figure == figure) print_goal(r, goal);
    fflush(stdout);
}

void report_print(const struct report *r)
{
    for (int figure = 0; figure < FIGURES_MAX && r->row->figures[figure].name; figure++)
        print_figure(r, figure);
}
