/*
 * context.h - OpenSSL contexts made from the sealed file, and sessions of them
 */
#ifndef POSTERN_COMMON_TLS_CONTEXT_H
#define POSTERN_COMMON_TLS_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"

struct tls_contexts;

/*
 * Makes all contexts; the descriptor may, and in a worker should, be closed
 * afterwards. *contexts is NULL where no certificate is configured. False with
 * *problem set: "<file>: ..." or "tls.<option>: ...". Opens no file, now or
 * later (but the C library reads the time zone at the first date: a log line's).
 */
bool tls_contexts_open(int sealed, const struct configuration *configuration,
		       struct tls_contexts **contexts, struct problem *problem);

/* After the last session. NULL is fine. */
void tls_contexts_close(struct tls_contexts *contexts);

/*
 * A new session on a connected socket, as its server: to be shaken hands with
 * (SSL_do_handshake or SSL_read). The socket stays the caller's to close; SIGPIPE
 * must be ignored. A client that goes without close_notify reads as one that has
 * sent it (SSL_ERROR_ZERO_RETURN). NULL when memory is short, with the reason in
 * OpenSSL's queue. Free with SSL_free.
 */
SSL *tls_contexts_session(struct tls_contexts *contexts, int socket);

/*
 * Overwrites the ticket keys of hours that are past (see tickets.h); `now` is
 * tls_tickets_clock(). To be called now and then, more often than each hour:
 * sessions do the same, but there may be none.
 */
void tls_contexts_ratchet(struct tls_contexts *contexts, int64_t now);

#endif
