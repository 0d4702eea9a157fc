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
/* The same of the socket itself, for bytes that mean nothing any more. */
ssize_t transport_read_raw(struct session *session, char *bytes, size_t size);
/* The same for one byte, which stays where it is: positive when there is one. */
ssize_t transport_peek(struct session *session);

/* Whether bytes have been taken from the socket that transport_read did not return yet. */
bool transport_has_more(const struct session *session);

/*
 * Writes what session->output holds. True when all of it, or what the socket took
 * (session->blocked says which); false with errno when the connection is broken.
 */
bool transport_write(struct session *session);

/* Bytes on the socket, records of TLS and all: read from it, written to it. */
uint64_t transport_came(const struct session *session);
uint64_t transport_wrote(const struct session *session);
/* Bytes that have come and were not read yet. */
uint64_t transport_waiting(const struct session *session);
/*
 * How far the client has what was written: acknowledged, or read where it is a unix
 * socket (tcp(7), SIOCOUTQ). To compare with transport_wrote(); never too high.
 */
uint64_t transport_acknowledged(const struct session *session);

/* Whether the client has reset the connection; said once. */
bool transport_has_failed(const struct session *session);

/* Tells the client that nothing more comes. */
void transport_finish(struct session *session);

#endif
