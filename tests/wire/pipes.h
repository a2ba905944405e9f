/* pipes.h: the network of a stage, in memory: in the place of the room src/net.
 *
 * A host has a number; "tcp://10.HOST.LIFE.NODE:7000" is the address of a node as a client of that host dials it, in that life of
 * its, and "tcp://127.0.0.NODE:7000" where the node listens. Bytes take their time, and come in pieces of any size. Between
 * two hosts the network can be cut, for a while or once: then what was on its way is lost from any byte on. */
#ifndef WEFT_WIRE_PIPES_H
#define WEFT_WIRE_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap;

struct net_shape {
    uint32_t delay_us;    /* at most, one way */
    uint32_t room;        /* bytes that may be on their way */
    uint32_t piece;       /* bytes that come at once, at most */
    uint32_t threads;     /* that call */
    uint32_t failures_in; /* a dial in so many is refused; 0 = none */
};

void net_open(const struct net_shape *shape);
void net_close(void); /* ends its threads, soon */
void net_calm(void);  /* nothing is refused any more */

/* Nothing comes through between the two, dials included, until that is taken back; nothing is lost. */
void net_part(uint32_t client, uint32_t node, bool parted);
/* Each connection between the two is lost, one in `one_in`, by chance; an end may hear of it much later than the other. */
void net_cut(uint32_t client, uint32_t node, uint32_t one_in);
/* That life of the host is over: its connections are lost, and it makes none any more. */
void net_client_gone(uint32_t client, uint32_t life);
void net_node_gone(uint32_t node);

/* Every byte that is written passes here: by the client's end, or the node's; connection is a number of its own. */
void tap_dialled(uint32_t connection, uint32_t client, uint32_t life, uint32_t node);
void tap_written(uint32_t connection, bool by_client, const unsigned char *bytes, size_t size);
void tap_ended(uint32_t connection);

uint64_t net_bytes(void); /* that were written, in all */
uint32_t net_pipes_count(void);

#endif
