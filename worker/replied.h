/*
 * replied.h - whether the client took the 250 of its message (RFC 1047)
 *
 * From the moment when the 250 of a stored message is said, the session has it open. It was
 * taken when something came from the client after the reply was written, bytes or an
 * orderly end, and its TCP has acknowledged the reply by then (for a unix socket: the other
 * side has read it). What was sent ahead of the reply tells nothing. A client that has
 * acknowledged the reply, and is silent until we close for it, has taken it, too: one that
 * dies with the reply unread resets the connection. All else is not taken: a reset, a write
 * that fails, a reply that nobody acknowledges.
 *
 * Delivery is told. Where nothing is remembered (`delivery { remember = 0 }`) all of these do
 * nothing.
 */
#ifndef POSTERN_WORKER_REPLIED_H
#define POSTERN_WORKER_REPLIED_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/session.h"

/* A message of the session is stored, and its 250 will be said. */
void replied_add(struct session *session, uint64_t handle);
/* All that was said is written. */
void replied_written(struct session *session);
/* Bytes were read from the client, before they are used: one system call for a message. */
void replied_heard(struct session *session);
/* The client has ended its side in an orderly way, or we are going to end ours. */
void replied_check(struct session *session);
/* Whether there is a 250 of which it is not known yet whether it was taken. */
bool replied_is_open(const struct session *session);
/* The session ends: what is open was not taken. */
void replied_end(struct session *session);

#endif
