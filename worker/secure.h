/*
 * secure.h - TLS: STARTTLS, the handshake, and what the log says of it
 */
#ifndef POSTERN_WORKER_SECURE_H
#define POSTERN_WORKER_SECURE_H

#include "worker/session.h"

/*
 * Answers the STARTTLS that waits, now that it is known whether anything came
 * behind it.
 */
void secure_answer(struct session *session);

/* Makes what a handshake needs. False when memory is short. */
bool secure_prepare(struct session *session);
/* Begins the handshake that was prepared. */
void secure_begin(struct session *session);

/* Goes on with it: to be called when the socket is readable or writable. */
void secure_continue(struct session *session);

/* The time for it is over. */
void secure_is_late(struct session *session);

/*
 * One line of why the TLS of this session failed, from OpenSSL's queue of errors, or
 * `otherwise` where that is empty (NULL: the client left). Only the first one is written.
 */
void secure_log(struct session *session, const char *otherwise);

/* The proxy in front speaks TLS with the client; false when memory is short. */
struct proxy_header;
bool secure_by_proxy(struct session *session, const struct proxy_header *header);

#endif
