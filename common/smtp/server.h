/*
 * server.h - the server side of SMTP and LMTP, without I/O
 *
 * Bytes from the client go in (smtp_server_input), reply bytes come out
 * (smtp_policy.output). Whatever is not the protocol's own business is a
 * question to the policy, which answers now (within the callback) or later
 * (smtp_server_answer). While a question is open the engine takes no input:
 * smtp_server_input returns how much it has used, the caller keeps the rest
 * and offers it again after the answer. However the same bytes are split, the
 * replies are the same (but for clients that send too early, where settings say
 * that they are refused).
 *
 * The engine knows no socket, no file and no configuration. It allocates its
 * own struct and, while a command line is incomplete, one buffer of
 * settings.command_line bytes.
 */
#ifndef POSTERN_COMMON_SMTP_SERVER_H
#define POSTERN_COMMON_SMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/smtp/policy.h"
#include "common/smtp/reply.h"
#include "common/smtp/settings.h"

/* Where a session stands. The bits are for the command table. */
enum smtp_state {
	SMTP_CONNECTED = 1,  /* greeting sent, no HELO or EHLO yet */
	SMTP_GREETED = 2,    /* HELO or EHLO accepted, no transaction */
	SMTP_MAIL = 4,	     /* MAIL accepted, no recipient yet */
	SMTP_RCPT = 8,	     /* at least one recipient accepted */
	SMTP_DATA = 16,	     /* the body is coming in, behind DATA */
	SMTP_CHUNK = 32,     /* a chunk of it is coming in, behind BDAT */
	SMTP_CHUNKS = 64,    /* chunks have come, not yet the last one */
	SMTP_SECURING = 128, /* STARTTLS accepted: nothing is read before the handshake is done */
	SMTP_CLOSED = 256,   /* QUIT, or a reply that closes: nothing more is read */
};

/* "connected", "greeted", ... */
const char *smtp_state_name(enum smtp_state state);

/* What a client may do beyond others: bits. */
enum smtp_privilege { SMTP_MAY_XCLIENT = 1, SMTP_MAY_XFORWARD = 2 };

struct smtp_server;

/*
 * A new session, in SMTP_CONNECTED; smtp_server_greet sends its greeting.
 * `session` is the id for its rejections, NULL for none. NULL when memory is
 * short. `settings`, `policy` and `session` are not copied.
 */
struct smtp_server *smtp_server_new(const struct smtp_settings *settings,
				    const struct smtp_policy *policy, void *context,
				    const char *session);
/* No callback is called. */
void smtp_server_free(struct smtp_server *server);
void smtp_server_greet(struct smtp_server *server);

/* What this client may do; nothing before. */
void smtp_server_permit(struct smtp_server *server, unsigned privileges);

/*
 * The session is under TLS from here on: by STARTTLS (then its state is that of
 * a new connection, RFC 3207 4.2), from the start, or at the proxy in front.
 */
void smtp_server_secured(struct smtp_server *server);

/*
 * Feeds bytes from the client. Returns how many were used: fewer than `length`
 * only when a question is open (offer the rest after the answer), when a body
 * or chunk has just begun or ended (offer the rest at once: a caller that bounds
 * what it offers of commands, and with it the replies, can do so), when a
 * handshake must come first (RFC 3207 4: what is left was never allowed), or
 * when the session is closed (throw the rest away). Not to be called from a
 * callback.
 */
size_t smtp_server_input(struct smtp_server *server, const char *bytes, size_t length);

/*
 * Whether more has come by now than the bytes that are offered next: a client
 * that did not wait for a reply is known by what came behind its command. Holds
 * until it is said anew; false at first.
 */
void smtp_server_more_waits(struct smtp_server *server, bool more);

/*
 * Answers the open question with a reply from the table; `argument` replaces
 * its {} and may be NULL. Class 2 and 3 carry out what was asked, any other
 * leaves nothing of it. A reply of code 421 closes the session. A rejection of
 * `data` for BDAT is said behind the chunk, ends the transaction, and its
 * `argument` must live until then. May be
 * called from within the callback that asks. Calling it without a question is
 * impossible().
 */
void smtp_server_answer(struct smtp_server *server, enum smtp_reply reply, const char *argument);

/*
 * How many answers the open `end` question still wants: one, or one for each
 * accepted recipient in their order (LMTP, PRDR). 0: no such question is open.
 */
unsigned smtp_server_answers_wanted(const struct smtp_server *server);

/*
 * Says a reply of class 4 or 5 and closes the session at once. An open question is
 * forgotten: do not answer it any more. The policy's reset is called when a
 * transaction was open. `limit` names the option that was met, or NULL.
 */
void smtp_server_close(struct smtp_server *server, enum smtp_reply reply, const char *argument,
		       const char *limit, unsigned long long value);

/* The same with 421, but lets the command, message or handshake in hand come to its end first. */
void smtp_server_close_after(struct smtp_server *server, enum smtp_reply reply,
			     const char *argument);

enum smtp_state smtp_server_state(const struct smtp_server *server);
/* Whether what comes next is a part of a message, not a command. */
bool smtp_server_expects_body(const struct smtp_server *server);
/* Command lines that have come so far, faulty ones too. */
unsigned long smtp_server_commands(const struct smtp_server *server);
/* Bytes of messages that have come so far, rejected ones too. */
uint64_t smtp_server_body_bytes(const struct smtp_server *server);
/* Whether a question is open. */
bool smtp_server_is_waiting(const struct smtp_server *server);
/* Whether the session is under TLS. */
bool smtp_server_is_secured(const struct smtp_server *server);
/*
 * The keyword for the "with" clause of Received: "SMTP", "ESMTP", "ESMTPS",
 * "LMTP", "LMTPS", or one of those with "UTF8" in front (RFC 5321 4.4, RFC 3848,
 * RFC 6531 4.3).
 */
const char *smtp_server_protocol(const struct smtp_server *server);

#endif
