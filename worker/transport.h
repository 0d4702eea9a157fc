/*
 * transport.h - bytes from and to the client, through TLS where it is on
 */
#ifndef POSTERN_WORKER_TRANSPORT_H
#define POSTERN_WORKER_TRANSPORT_H

#include <sys/types.h>

#include "worker/session.h"

/*
 * As read(2): 0 at the end; -1 with errno, EAGAIN when nothing is there yet, or
 * when the client must first take something from us (session->blocked).
 */
ssize_t transport_read(struct session *session, char *bytes, size_t size);
/* The same for one byte, which stays where it is: positive when there is one. */
ssize_t transport_peek(struct session *session);

/* Whether bytes have been taken from the socket that transport_read did not return yet. */
bool transport_has_more(const struct session *session);

/*
 * Writes what session->output holds. True when all of it, or what the socket took
 * (session->blocked says which); false with errno when the connection is broken.
 */
bool transport_write(struct session *session);

/* Tells the client that nothing more comes. */
void transport_finish(struct session *session);

#endif
