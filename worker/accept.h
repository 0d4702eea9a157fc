/*
 * accept.h - listening sockets, and who gets a session
 */
#ifndef POSTERN_WORKER_ACCEPT_H
#define POSTERN_WORKER_ACCEPT_H

#include "worker/worker.h"

/* Takes over a listening socket of the `listen` section of this title. */
void accept_add(struct worker *worker, int socket, const char *title);

/* Begins to accept on all of them. */
void accept_start(struct worker *worker);

/* Closes them all. */
void accept_stop(struct worker *worker);

#endif
