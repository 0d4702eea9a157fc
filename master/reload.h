/*
 * reload.h - a new generation replaces the current one
 *
 * SIGHUP: the files are read again and new workers started. When all of them
 * are ready the new generation becomes the current one: it accepts, the old
 * workers finish what they have, delivery is replaced. Until then nothing has
 * changed, and any fault leaves it so.
 */
#ifndef POSTERN_MASTER_RELOAD_H
#define POSTERN_MASTER_RELOAD_H

#include "master/master.h"

/* SIGHUP. One that comes during a reload is served after it. */
void reload_request(struct master *master);
/* Begins a reload that is waiting, where none is under way. */
void reload_continue(struct master *master);

/* A worker of the next generation is ready. */
void reload_worker_ready(struct master *master);
/* Delivery is ready. */
void reload_delivery_ready(struct master *master);
/* A worker of an old generation has ended. */
void reload_worker_left(struct generation *generation);

/* Gives the next generation up, with the reason in the log; the current one stays. */
void reload_refuse(struct master *master, const char *reason);

#endif
