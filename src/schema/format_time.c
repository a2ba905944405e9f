/* format_time.c: dates, times and durations of RFC 3339. */
#include "schema/format_rules.h"

/* So many digits, passed; -1: they are not there. */
static int digits(struct span *span, int count)
{
    int value = 0;
    for (; count; count--, span->at++) {
        if (!is_digit(span_peek(*span))) return -1;
        value = value * 10 + *span->at - '0';
    }
    return value;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool date(struct span *span)
{
    int year = digits(span, 4);
    if (year < 0 || !span_pass(span, '-')) return false;
    int month = digits(span, 2);
    if (month < 1 || month > 12 || !span_pass(span, '-')) return false;
    int day = digits(span, 2);
    return day >= 1 && day <= days_of(year, month);
}

/* Minutes that the clock is ahead of UTC; false: it does not say. */
static bool offset(struct span *span, int *minutes)
{
    *minutes = 0;
    if (span_pass(span, 'Z') || span_pass(span, 'z')) return true;
    bool behind = span_peek(*span) == '-';
    if (!span_pass(span, '+') && !span_pass(span, '-')) return false;
    int hour = digits(span, 2);
    if (hour < 0 || hour > 23 || !span_pass(span, ':')) return false;
    int minute = digits(span, 2);
    if (minute < 0 || minute > 59) return false;
    *minutes = (behind ? -1 : 1) * (hour * 60 + minute);
    return true;
}

/* Second 60 is the last of a day of UTC. */
static bool time_of_day(struct span *span)
{
    enum { DAY = 24 * 60 };
    int hour = digits(span, 2), minutes;
    if (hour < 0 || hour > 23 || !span_pass(span, ':')) return false;
    int minute = digits(span, 2);
    if (minute < 0 || minute > 59 || !span_pass(span, ':')) return false;
    int second = digits(span, 2);
    if (second < 0 || second > 60) return false;
    if (span_pass(span, '.')) {
        if (digits(span, 1) < 0) return false;
        while (is_digit(span_peek(*span)))
            span->at++;
    }
    if (!offset(span, &minutes)) return false;
    return second < 60 || (hour * 60 + minute - minutes + 2 * DAY) % DAY == DAY - 1;
}

bool weft__format_date(const char *text, size_t size_bytes)
{
    struct span span = span_of(text, size_bytes);
    return date(&span) && span.at == span.end;
}

bool weft__format_time(const char *text, size_t size_bytes)
{
    struct span span = span_of(text, size_bytes);
    return time_of_day(&span) && span.at == span.end;
}

bool weft__format_date_time(const char *text, size_t size_bytes)
{
    struct span span = span_of(text, size_bytes);
    if (!date(&span) || !(span_pass(&span, 'T') || span_pass(&span, 't'))) return false;
    return time_of_day(&span) && span.at == span.end;
}

/* Appendix A: numbers with units that follow one another in the order given, without a gap. */
static bool quantities(struct span *span, const char *units)
{
    const char *expected = NULL;
    while (is_digit(span_peek(*span))) {
        while (is_digit(span_peek(*span)))
            span->at++;
        int c = span_peek(*span);
        if (!is_one_of(c, units)) return false;
        const char *unit = strchr(units, c);
        if (expected && unit != expected) return false;
        expected = unit + 1;
        span->at++;
    }
    return expected;
}

bool weft__format_duration(const char *text, size_t size_bytes)
{
    struct span span = span_of(text, size_bytes);
    if (!span_pass(&span, 'P')) return false;
    struct span weeks = span;
    if (quantities(&weeks, "W") && weeks.at == weeks.end) return true;
    if (span_peek(span) != 'T' && !quantities(&span, "YMD")) return false;
    if (span_pass(&span, 'T') && !quantities(&span, "HMS")) return false;
    return span.at == span.end;
}
