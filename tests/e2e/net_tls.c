/* Who the other end is, with certificates:
 *   - a listener whose certificate is not trusted, or bears another name, hears and says nothing
 *   - nor does a dialler that shows no certificate where one is asked for, or one that is not trusted
 *   - who does not speak TLS is not heard, and keeps nobody else from being; a node lets him go after greeting_ms */
#include "e2e/net_lib.h"

struct meeting {
    const char *what;
    struct pipe_tls listener, dialer; /* file names below the scratch directory */
    const char *refused;              /* by the dialler: the reason; NULL = they speak, or the listener refuses */
    bool listener_refuses;
};

static const struct meeting meetings[] = {
    {.what = "trusted", .listener = {.cert_key_file = "ours.pem"}, .dialer = {.ca_file = "ours.crt"}},
    {.what = "another's signature",
     .listener = {.cert_key_file = "other.pem"},
     .dialer = {.ca_file = "ours.crt"},
     .refused = "the other end does not speak TLS, or its certificate is not trusted"},
    {.what = "another's name",
     .listener = {.cert_key_file = "other.pem"},
     .dialer = {.ca_file = "other.crt"},
     .refused = "the other end does not speak TLS, or its certificate is not trusted"},
    {.what = "the name that was given",
     .listener = {.cert_key_file = "other.pem"},
     .dialer = {.ca_file = "other.crt", .server_name = "elsewhere"}},
    {.what = "a certificate each",
     .listener = {.cert_key_file = "ours.pem", .ca_file = "other.crt"},
     .dialer = {.ca_file = "ours.crt", .cert_key_file = "other.pem"}},
    {.what = "none where one is asked for",
     .listener = {.cert_key_file = "ours.pem", .ca_file = "other.crt"},
     .dialer = {.ca_file = "ours.crt"},
     .listener_refuses = true},
    {.what = "one that is not trusted",
     .listener = {.cert_key_file = "ours.pem", .ca_file = "other.crt"},
     .dialer = {.ca_file = "ours.crt", .cert_key_file = "ours.pem"},
     .listener_refuses = true},
};

static struct pipe_tls files_of(const struct pipe_tls *names)
{
    struct pipe_tls tls = {.server_name = names->server_name};
    if (names->ca_file) tls.ca_file = scratch_path(names->ca_file);
    if (names->cert_key_file) tls.cert_key_file = scratch_path(names->cert_key_file);
    return tls;
}

static void open_meeting(struct pair *pair, const struct meeting *meeting)
{
    char sentence[PIPE_SENTENCE_BYTES] = "";
    struct pipe_tls listener = files_of(&meeting->listener), dialer = files_of(&meeting->dialer);
    struct dialled dialled;
    memset(pair, 0, sizeof *pair);
    weft_error error = weft__pipe_listen(&memory.mem, "tls+tcp://localhost:0", &listener, came_in, &pair->door,
                                         &pair->door.acceptor, pair->door.url, sentence);
    check_str(sentence, "");
    check_ok(error);
    begin_dial(&dialled, pair->door.url, &dialer, SOON_MS);
    check_ok(end_dial(&dialled));
    pair->near.pipe = dialled.pipe;
    event_await(&pair->door.came, 1);
    pair->far.pipe = pair->door.pipes[0];
}

static void they_speak_only_where_both_are_trusted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof meetings / sizeof *meetings; i++) {
        const struct meeting *meeting = &meetings[i];
        static struct pair pair;
        char bytes[8] = "", reason[PIPE_SENTENCE_BYTES];
        print_message("%s\n", meeting->what);
        open_meeting(&pair, meeting);
        begin_read(&pair.far, bytes, sizeof bytes);
        if (meeting->refused) {
            check_eq(write_some(&pair.near, "secret", 7), 0);
            check_eq(read_some(&pair.near, bytes, sizeof bytes), 0);
            check_reason(&pair.near, meeting->refused);
            check_eq(await_op(&pair.far.read), 0);
        } else if (meeting->listener_refuses) {
            begin_write(&pair.near, "secret", 7); /* the dialler's part of the handshake may be over by then */
            check_eq(await_op(&pair.far.read), 0);
            (void)await_op(&pair.near.write);
            check_eq(read_some(&pair.near, reason, sizeof reason), 0);
            weft__pipe_reason(pair.far.pipe, reason);
            print_message("refused: %s\n", reason);
            check_true(strstr(reason, "not trusted") != NULL);
        } else {
            write_all(&pair.near, "secret", 7);
            check_eq(await_op(&pair.far.read), 7);
            check_str(bytes, "secret");
        }
        close_pair(&pair);
    }
}

static void who_does_not_speak_tls_is_not_heard(void **state)
{
    (void)state;
    static struct pair pair;
    static const struct way *const tls = &ways[3];
    char url[PIPE_URL_BYTES], bytes[64];
    struct dialled dialled;
    check_true(open_pair(&pair, tls));
    strcpy(url, pair.door.url + strlen("tls+"));
    begin_dial(&dialled, url, NULL, SOON_MS);
    check_ok(end_dial(&dialled));
    event_await(&pair.door.came, 2);
    struct end plain = {.pipe = dialled.pipe}, silent, far = {.pipe = pair.door.pipes[1]};
    begin_read(&far, bytes, sizeof bytes);
    write_all(&plain, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 36);
    check_eq(await_op(&far.read), 0);

    begin_dial(&dialled, url, NULL, SOON_MS); /* and who says nothing at all */
    check_ok(end_dial(&dialled));
    silent = (struct end){.pipe = dialled.pipe};
    struct pipe *third = dial_door(&pair.door);
    event_await(&pair.door.came, 4);
    write_all(&pair.near, "x", 1);
    read_all(&pair.far, bytes, 1);

    weft__pipe_free(third);
    weft__pipe_free(plain.pipe);
    weft__pipe_free(silent.pipe);
    close_pair(&pair);
    for (int i = 1; i < 4; i++)
        weft__pipe_free(pair.door.pipes[i]);
}

/* A read, or a write, that is begun after a TLS connection has broken, at any instant, ends. */
static void no_operation_waits_for_ever_as_a_connection_breaks(void **state)
{
    (void)state;
    unsigned seed = 11;
    for (int round = 0; round < 60; round++) {
        static struct pair pair;
        char byte = 0;
        check_true(open_pair(&pair, &ways[3]));
        weft__pipe_close(pair.near.pipe);
        for (unsigned spins = roll(&seed, 100000); spins; spins--)
            __asm__ volatile("");
        if (round % 2)
            while (write_some(&pair.far, &byte, 1))
                continue;
        check_ends(&pair.far, 0);
        close_pair(&pair);
    }
}

/* The last word of the node to him waits for a handshake that does not come. */
static void who_never_shakes_hands_is_let_go(void **state)
{
    (void)state;
    char url[WEFT_URL_MAX + 1], byte;
    struct dialled dialled;
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    weft_node *node = open_node();
    options.greeting_ms = 100;
    options.tls_cert_key_file = scratch_path("ours.pem");
    check_ok(weft_node_listen(node, "tls+tcp://127.0.0.1:0", &options, url));
    begin_dial(&dialled, url + strlen("tls+"), NULL, SOON_MS);
    check_ok(end_dial(&dialled));
    struct end silent = {.pipe = dialled.pipe};
    check_eq(read_some(&silent, &byte, 1), 0);
    weft__pipe_free(silent.pipe);
    close_node(node);
}

static void a_listener_needs_a_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        struct pipe_tls tls;
        const char *sentence;
    } cases[] = {
        {"tls+tcp://localhost:0", {0}, "tls+tcp needs a certificate and its key"},
        {"tls+tcp://localhost:0", {.ca_file = "/dev/null"}, "tls+tcp needs a certificate and its key"},
        {"tls+tcp://localhost:0", {.cert_key_file = "/nonexistent"}, "Entry not found in /nonexistent"},
        {"tcp://localhost:0", {.cert_key_file = "/dev/null"}, "certificates are for tls+tcp alone"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sentence[PIPE_SENTENCE_BYTES] = "", bound[PIPE_URL_BYTES];
        struct acceptor *acceptor = NULL;
        bool some = cases[i].tls.ca_file || cases[i].tls.cert_key_file;
        check_err(weft__pipe_listen(&memory.mem, cases[i].url, some ? &cases[i].tls : NULL, came_in, NULL, &acceptor,
                                    bound, sentence),
                  WEFT_EINVAL);
        check_str(sentence, cases[i].sentence);
        check_true(!acceptor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_speak_only_where_both_are_trusted),
        cmocka_unit_test(who_does_not_speak_tls_is_not_heard),
        cmocka_unit_test(no_operation_waits_for_ever_as_a_connection_breaks),
        cmocka_unit_test(who_never_shakes_hands_is_let_go),
        cmocka_unit_test(a_listener_needs_a_certificate),
    };
    return cmocka_run_group_tests(tests, net_set_up, net_tear_down);
}
