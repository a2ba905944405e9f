/* hosts.h: what the director does to host programs, and asks of them. */
#ifndef WEFT_WIRE_HOSTS_H
#define WEFT_WIRE_HOSTS_H

#include "wire/world.h"

void hosts_open(void); /* starts them */
void hosts_close(void);
void hosts_audit(bool all); /* each core that nobody is in, or some */
bool hosts_settled(void);   /* nothing is open or in flight anywhere */
void hosts_print(void);

void host_crash(struct host *host);
void host_refuse(struct host *host); /* one allocation, soon */

#endif
