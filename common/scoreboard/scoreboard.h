/*
 * scoreboard.h - how many sessions there are, of all workers, in all and from one address
 *
 * A piece of memory that the workers share (an in-memory file made by the
 * master). Each worker writes only to its own slot; all read all slots. The
 * count for one address is that of its bucket in two rows with independent
 * keyed hashes, the lower of both: it can be too high when two other addresses
 * fall into both of its buckets, never too low. IPv6 is counted by /64. The
 * client ::, which is that of a unix socket, is counted in all, not by address.
 */
#ifndef POSTERN_COMMON_SCOREBOARD_SCOREBOARD_H
#define POSTERN_COMMON_SCOREBOARD_SCOREBOARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"

#define SCOREBOARD_SLOTS 512 /* workers alive at once, old generations included */

/* The master makes it: a descriptor, close-on-exec; -1 with *problem set. */
int scoreboard_make(struct problem *problem);

struct scoreboard;

/* Maps it. NULL with *problem set. */
struct scoreboard *scoreboard_map(int descriptor, struct problem *problem);

/* A slot for a new worker, its counts zero: -1 when all are taken. Master only. */
int scoreboard_take(struct scoreboard *board, size_t sessions);
/* The worker of this slot has ended: its sessions are gone. Master only. */
void scoreboard_release(struct scoreboard *board, size_t slot);

/* The worker of `slot` has accepted a session, or one of its sessions has ended. */
void scoreboard_opened(struct scoreboard *board, size_t slot, const struct in6_addr *client);
void scoreboard_closed(struct scoreboard *board, size_t slot, const struct in6_addr *client);
/* The worker of `slot` accepts no more connections. */
void scoreboard_draining(struct scoreboard *board, size_t slot);

/* Sessions from this client, of all workers; none from ::. */
size_t scoreboard_from(const struct scoreboard *board, const struct in6_addr *client);
/* Whether a worker other than that of `slot`, which still accepts, has room for a session. */
bool scoreboard_room_elsewhere(const struct scoreboard *board, size_t slot);

#endif
