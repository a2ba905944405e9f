/* dialled.h: the tests of the public interface on a client node, too. Where WEFT_TEST_DIAL is set, opening a node opens another one
 * behind it, which listens, and dials that: what the test then has is a client of it. */
#ifndef WEFT_TESTS_DIALLED_H
#define WEFT_TESTS_DIALLED_H

#include <weft/weft.h>
#include <weft/remote.h>

/* Whether nodes are dialled. */
bool dialled(void);

/* weft_node_open and weft_node_close, or as said above. The bounds of the options are those of both nodes. */
weft_error dialled_node_open(const weft_node_options *options, weft_node **node);
weft_error dialled_node_close(weft_node *node, uint32_t timeout_ms);

/* The node behind it; NULL: it is embedded. */
weft_node *dialled_behind(const weft_node *node);

/* Skips a test of cmocka, at its beginning: what it is about is not so on a client node, for that reason. */
#define not_dialled(reason)                                                                                            \
    do {                                                                                                               \
        if (dialled()) {                                                                                               \
            print_message("not dialled: %s\n", reason);                                                                \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

#endif
