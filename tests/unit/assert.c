/* A broken invariant:
 *
 *   - is told in one line on standard error, and aborts the process
 *   - calls the panic hook before that, once, with the line; whatever other threads find meanwhile, and the hook itself
 *   - the hook is the last one that was set; NULL takes it away
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include "base/assert.h"
#include "lib/check.h"

/* Runs it in a child that writes its errors into a pipe: what it wrote. It must end by SIGABRT. */
static const char *dying(void (*act)(void))
{
    static char said[4096];
    int pipes[2];
    check_eq(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(pipes[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    (void)close(pipes[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(pipes[0], said + used, sizeof said - 1 - used)) > 0;)
        used += (size_t)n;
    said[used] = '\0';
    (void)close(pipes[0]);
    int status;
    check_eq(waitpid(pid, &status, 0), pid);
    check_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return said;
}

static void hook(const char *sentence, void *context)
{
    dprintf(STDERR_FILENO, "[%s] %s\n", (const char *)context, sentence);
}

static void break_one(void)
{
    weft__assert_failed("file.c", 7, "a == b");
}

static void without_a_hook_there_is_one_line(void **state)
{
    (void)state;
    check_str(dying(break_one), "weft: file.c:7: broken invariant: a == b\n");
}

static void break_hooked(void)
{
    weft_panic_hook(hook, "first");
    weft_panic_hook(hook, "second");
    break_one();
}

static void the_last_hook_is_called_once_with_the_line(void **state)
{
    (void)state;
    check_str(dying(break_hooked), "weft: file.c:7: broken invariant: a == b\n"
                                   "[second] weft: file.c:7: broken invariant: a == b\n");
}

static void break_unhooked(void)
{
    weft_panic_hook(hook, "first");
    weft_panic_hook(NULL, NULL);
    break_one();
}

static void a_hook_can_be_taken_away(void **state)
{
    (void)state;
    check_str(dying(break_unhooked), "weft: file.c:7: broken invariant: a == b\n");
}

static void breaks_again(const char *sentence, void *context)
{
    hook(sentence, context);
    weft__assert_failed("hook.c", 1, "in the hook");
}

static void break_in_the_hook(void)
{
    weft_panic_hook(breaks_again, "once");
    break_one();
}

static void a_hook_that_breaks_something_is_not_called_again(void **state)
{
    (void)state;
    check_str(dying(break_in_the_hook), "weft: file.c:7: broken invariant: a == b\n"
                                        "[once] weft: file.c:7: broken invariant: a == b\n");
}

static void *breaker(void *unused)
{
    (void)unused;
    break_one();
    return NULL;
}

static void hook_with_company(const char *sentence, void *context)
{
    pthread_t other;
    (void)pthread_create(&other, NULL, breaker, NULL);
    hook(sentence, context);
    for (int i = 0; i < 100; i++) /* the other finds its broken invariant meanwhile, or not */
        (void)sched_yield();
    hook("end", context);
}

static void break_in_two_threads(void)
{
    weft_panic_hook(hook_with_company, "once");
    break_one();
}

static void another_thread_that_finds_one_waits_for_the_end(void **state)
{
    (void)state;
    check_str(dying(break_in_two_threads), "weft: file.c:7: broken invariant: a == b\n"
                                           "[once] weft: file.c:7: broken invariant: a == b\n[once] end\n");
}

static void break_at_length(void)
{
    static char expression[2000];
    memset(expression, 'x', sizeof expression - 1);
    weft_panic_hook(hook, "long");
    weft__assert_failed("file.c", 7, expression);
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    const char *said = dying(break_at_length);
    const char *end = strchr(said, '\n');
    check_true(end != NULL);
    check_eq(end - said, 510);
    check_true(strncmp(end + 1, "[long] weft: file.c:7: broken invariant: xxx", 44) == 0);
    check_eq(strlen(end + 1), 510 + strlen("[long] \n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_hook_there_is_one_line),
        cmocka_unit_test(the_last_hook_is_called_once_with_the_line),
        cmocka_unit_test(a_hook_can_be_taken_away),
        cmocka_unit_test(a_hook_that_breaks_something_is_not_called_again),
        cmocka_unit_test(another_thread_that_finds_one_waits_for_the_end),
        cmocka_unit_test(a_long_line_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
