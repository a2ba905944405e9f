/* option.c: taking options apart. */
#include "verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* optopt says what it was: a letter, of which several may stand together in the word before; the option that takes no value; or
 * nothing, where the word is none, or the beginning of several. */
static void say_unknown(const char *word, const struct option *options)
{
    int count = 0;
    for (const struct option *o = options; o->name && strncmp(word, "--", 2) == 0; o++)
        count += strncmp(word + 2, o->name, strcspn(word + 2, "=")) == 0;
    if (optopt > ' ' && optopt <= '~')
        verb_usage("there is no option -%c", optopt);
    else if (count > 1)
        verb_usage("%s may be one of several options", word);
    else if (count == 1)
        verb_usage("%.*s takes no value", (int)strcspn(word, "="), word);
    else
        verb_usage("there is no option %s", word);
}

int option_next(int argc, char **argv, const struct option *options)
{
    opterr = 0;
    int option = getopt_long(argc, argv, ":", options, NULL);
    if (option == ':') verb_usage("%s needs a value", argv[optind - 1]);
    if (option == '?') say_unknown(argv[optind - 1], options);
    return option == ':' ? '?' : option;
}

bool option_number(const char *name, const char *text, uint32_t least, uint32_t most, uint32_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
        return verb_usage("%s %s: it is a number from %u to %u", name, text, least, most), false;
    *number = (uint32_t)value;
    return true;
}

/* The number of the word, from 1 on; 0: it is none of them, and that was said. */
static int word_of(const char *name, const char *text, const char *const *words)
{
    char all[128] = "";
    for (int i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) return i + 1;
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "", words[i]);
    }
    verb_usage("%s %s: it is one of %s", name, text, all);
    return 0;
}

bool option_priority(const char *text, weft_priority *priority)
{
    static const char *const words[] = {"urgent", "high", "normal", "low", NULL};
    int word = word_of("--priority", text, words);
    if (word) *priority = (weft_priority)word;
    return word;
}

bool option_no_worker(const char *text, weft_no_worker *no_worker)
{
    static const char *const words[] = {"wait", "reject", NULL};
    int word = word_of("--no-worker", text, words);
    if (word) *no_worker = (weft_no_worker)word;
    return word;
}

bool option_on_crash(const char *text, weft_crash *on_crash)
{
    static const char *const words[] = {"fail", "redispatch", NULL};
    int word = word_of("--on-crash", text, words);
    if (word) *on_crash = (weft_crash)word;
    return word;
}
