/*
 * lingering.h - the end of a connection: until the client has our last words, or has gone
 */
#ifndef POSTERN_WORKER_LINGERING_H
#define POSTERN_WORKER_LINGERING_H

#include "worker/session.h"

/* All is said: ends our side, and the session with it as soon as that loses nothing. */
void lingering_begin(struct session *session);
/* The client has ended its side; the session ends when it is known what it took of ours. */
void lingering_client_ended(struct session *session);

/* The row of session.c: something has come; time is up. */
void lingering_read(struct session *session);
void lingering_is_over(struct session *session);

#endif
