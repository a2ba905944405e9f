/* url.c:
 *   - what is accepted is taken apart as written
 *   - anything else is refused, with a sentence
 *   - the loopback rule lets nothing pass that another machine could reach */
#include "net/url.h"

#include <string.h>

#include "lib/check.h"

static void check_url(const char *text, enum url_kind kind, const char *host, unsigned port, bool loopback)
{
    char sentence[PIPE_SENTENCE_BYTES] = "";
    struct url url;
    if (!weft__url_parse(text, &url, sentence)) print_error("%s: %s\n", text, sentence);
    check_true(weft__url_parse(text, &url, sentence));
    check_eq(url.kind, kind);
    check_str(url.host, host);
    check_eq(url.port, port);
    check_eq(url.loopback, loopback);
    check_true(weft__url_check(text, false, sentence));
    check_eq(weft__url_check(text, true, sentence), loopback);
}

static void what_is_accepted_is_taken_apart(void **state)
{
    (void)state;
    check_url("tcp://127.0.0.1:7000", URL_TCP, "127.0.0.1", 7000, true);
    check_url("tcp://127.255.0.9:0", URL_TCP, "127.255.0.9", 0, true);
    check_url("tcp://[::1]:65535", URL_TCP, "::1", 65535, true);
    check_url("tls+tcp://localhost:1", URL_TLS, "localhost", 1, true);
    check_url("tcp://LocalHost:1", URL_TCP, "LocalHost", 1, true);
    check_url("tcp://0.0.0.0:7000", URL_TCP, "0.0.0.0", 7000, false);
    check_url("tcp://[::]:7000", URL_TCP, "::", 7000, false);
    check_url("tcp://[::ffff:127.0.0.1]:7000", URL_TCP, "::ffff:127.0.0.1", 7000, false);
    check_url("tcp://node-1.example.org:7000", URL_TCP, "node-1.example.org", 7000, false);
    check_url("tcp://my_node:7000", URL_TCP, "my_node", 7000, false);
    check_url("tcp://localhost.example.org:7000", URL_TCP, "localhost.example.org", 7000, false);
    check_url("tls+tcp://10.1.2.3:7000", URL_TLS, "10.1.2.3", 7000, false);
    check_url("ipc:///run/weft", URL_IPC, "/run/weft", 0, true);
    check_url("ipc:///a b?c#d%20:e", URL_IPC, "/a b?c#d%20:e", 0, true);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "tcp",
        "tcp:",
        "tcp://",
        "TCP://localhost:1",
        "tcp4://127.0.0.1:1",
        "udp://127.0.0.1:1",
        "inproc://x",
        "abstract://x",
        "unix:///x",
        "tcp://:7000",
        "tcp://*:7000",
        "tcp://localhost",
        "tcp://localhost:",
        "tcp://localhost:65536",
        "tcp://localhost:99999999999",
        "tcp://localhost:01",
        "tcp://localhost:+1",
        "tcp://localhost:-1",
        "tcp://localhost: 1",
        "tcp://localhost:http",
        "tcp://localhost:1/",
        "tcp://localhost:1?x",
        "tcp://localhost:1#x",
        "tcp://localhost:1 ",
        "tcp://user@localhost:1",
        "tcp://local host:1",
        "tcp://127.1:1",
        "tcp://0177.0.0.1:1",
        "tcp://127.0.0.1.:1",
        "tcp://2130706433:1",
        "tcp://0x7f000001:1",
        "tcp://0x7f.1:1",
        "tcp://a.0X1:1",
        "tcp://example.1:1",
        "tcp://256.0.0.1:1",
        "tcp://-a:1",
        "tcp://a-:1",
        "tcp://a..b:1",
        "tcp://.a:1",
        "tcp://::1:1",
        "tcp://[::1]",
        "tcp://[::1:1",
        "tcp://[]:1",
        "tcp://[::1]x:1",
        "tcp://[127.0.0.1]:1",
        "tcp://[fe80::1%eth0]:1",
        "tcp://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1",
        "tcp+tls://localhost:1",
        "ipc://",
        "ipc://run/weft",
        "ipc:///",
        "ipc:///run/",
        "ipc:///run,weft",
        "ipc:///run\nweft",
        "ipc:///run\x7f",
    };
    char sentence[PIPE_SENTENCE_BYTES];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        sentence[0] = '\0';
        if (weft__url_check(refused[i], false, sentence)) print_error("accepted: %s\n", refused[i]);
        check_true(!weft__url_check(refused[i], false, sentence));
        check_true(sentence[0] != '\0');
    }
    check_true(!weft__url_check("ws://localhost:80", false, sentence));
    check_str(sentence, "ws:// is not spoken here: use ipc://, tcp:// or tls+tcp://");
    check_true(!weft__url_check("https://localhost", false, sentence));
    check_str(sentence, "https:// is not spoken here: use ipc://, tcp:// or tls+tcp://");
}

/* A path or URL of so many bytes. */
static bool accepts(const char *prefix, size_t path_bytes)
{
    char url[400], sentence[PIPE_SENTENCE_BYTES];
    size_t size = strlen(prefix);
    memcpy(url, prefix, size);
    memset(url + size, 'a', path_bytes);
    url[size] = '/';
    url[size + path_bytes] = '\0';
    return weft__url_check(url, false, sentence);
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    char url[300], sentence[PIPE_SENTENCE_BYTES];
    check_true(accepts("ipc://", 107));
    check_true(!accepts("ipc://", 108));
    check_true(!accepts("ipc://", 300));
    strcpy(url, "tcp://");
    for (int i = 0; i < 3; i++)
        strcat(url, "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeee.");
    strcat(url, "0123456789abcd:80");
    check_eq(strlen(url), 158);
    check_true(weft__url_check(url, false, sentence));
    strcat(url, "8");
    check_true(weft__url_check(url, false, sentence));
    strcat(url, "8");
    check_true(!weft__url_check(url, false, sentence));
    check_str(sentence, "it has more than 159 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_accepted_is_taken_apart),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(lengths_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
