/*
 * place.h - a place is filled with a process, and filled again
 */
#ifndef POSTERN_MASTER_PLACE_H
#define POSTERN_MASTER_PLACE_H

#include "master/master.h"

/* `generation` is NULL for delivery. */
void place_init(struct place *place, struct master *master, struct generation *generation,
		enum process process);

/*
 * Starts a process there and hands it what it works with. A worker of the
 * current generation accepts connections at once. False with *problem set.
 */
bool place_fill(struct place *place, struct problem *problem);

/* Fills it after the pause that back-off asks for; the last process lived `lived`. */
void place_fill_later(struct place *place, int64_t lived);

/* Fills it now, or later where that fails. */
void place_fill_now(struct place *place);

/* The process there is none of its business any more, and none will follow. */
void place_leave(struct place *place);

/* Hands a worker the sockets of its generation. */
void place_send_sockets(const struct place *place);

#endif
