/*
 * server.h - the server side of SMTP, without I/O
 *
 * Bytes from the client go in (smtp_server_input), reply bytes come out
 * (smtp_policy.output). Whatever is not the protocol's own business is a
 * question to the policy, which answers now (within the callback) or later
 * (smtp_server_answer). While a question is open the engine takes no input:
 * smtp_server_input returns how much it has used, the caller keeps the rest
 * and offers it again after the answer. However the same bytes are split, the
 * replies are the same.
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

#include "common/smtp/address.h"
#include "common/smtp/parameter.h"
#include "common/smtp/reply.h"

/* Where a session stands. The bits are for the command table. */
enum smtp_state {
	SMTP_CONNECTED = 1, /* greeting sent, no HELO or EHLO yet */
	SMTP_GREETED = 2,   /* HELO or EHLO accepted, no transaction */
	SMTP_MAIL = 4,	    /* MAIL accepted, no recipient yet */
	SMTP_RCPT = 8,	    /* at least one recipient accepted */
	SMTP_DATA = 16,	    /* the body is coming in */
	SMTP_CLOSED = 32,   /* QUIT, or 421: nothing more is read */
};

/* "connected", "greeted", ... */
const char *smtp_state_name(enum smtp_state state);

/* Shared by all sessions; must outlive them. */
struct smtp_settings {
	const char *hostname;	     /* in the greeting and in the replies to HELO and EHLO */
	const char *greeting;	     /* text behind it; "" for none */
	bool strict_addresses;	     /* false: <> may miss, a space may follow the colon */
	bool helo_argument_optional; /* true: HELO and EHLO may come without a name */
	size_t command_line;	     /* longest command line, CR LF included */
	size_t data_line;	     /* longest line of data, CR LF included */
	uint64_t message_size;	     /* RFC 1870; 0: no limit */
	unsigned recipients;	     /* accepted in one transaction */
	unsigned errors;	     /* protocol errors before 421; 0: no limit */
	unsigned unknown_commands;   /* of those, unknown verbs; 0: no limit */
};

/* What was rejected, for the log. */
struct smtp_rejection {
	enum smtp_reply reply;
	const char *text; /* the reply line without CR LF */
	struct smtp_text
		command; /* the verb as written; "" for the data and for a closed session */
	struct smtp_text argument; /* the rest of the line, cut to what was kept */
	const char *limit;	   /* the option whose bound was met, or NULL */
	unsigned long long value;  /* of that limit */
};

/*
 * The policy behind the engine. `mail`, `rcpt`, `data` and `end` are questions
 * and each must be answered once by smtp_server_answer. NULL is allowed for
 * the others.
 */
struct smtp_policy {
	/* HELO or EHLO was accepted; the transaction, if there was one, is gone. */
	void (*greeted)(void *context, struct smtp_text name, bool extended);
	/* May this sender begin a transaction? */
	void (*mail)(void *context, const struct smtp_path *sender,
		     const struct smtp_parameters *parameters);
	/* May this recipient be added? */
	void (*rcpt)(void *context, const struct smtp_path *recipient,
		     const struct smtp_parameters *parameters);
	/* May the body come? Answer SMTP_REPLY_GO_AHEAD or a rejection. */
	void (*data)(void *context);
	/* A piece of the body: lines end in LF, dots undoubled. */
	void (*body)(void *context, const char *bytes, size_t length);
	/* The body will be rejected: what came of it can be dropped already. No `end` follows. */
	void (*doomed)(void *context);
	/* The body is complete and without fault: `size` bytes as RFC 1870 counts. What became of
	 * it? */
	void (*end)(void *context, uint64_t size);
	/* The transaction is over, whatever came of it: forget sender, recipients and body. */
	void (*reset)(void *context);
	/* Bytes for the client. */
	void (*output)(void *context, const char *bytes, size_t length);
	/* A reply of class 4 or 5 was given. */
	void (*rejected)(void *context, const struct smtp_rejection *rejection);
	/* An address outside the grammar was taken, since addresses are not strict. */
	void (*tolerated)(void *context, struct smtp_text verb, struct smtp_text argument);
	/* A command line has come, without CR LF. */
	void (*command)(void *context, struct smtp_text line);
};

struct smtp_server;

/*
 * A new session, in SMTP_CONNECTED; smtp_server_greet sends its greeting.
 * NULL when memory is short. `settings` and `policy` are not copied.
 */
struct smtp_server *smtp_server_new(const struct smtp_settings *settings,
				    const struct smtp_policy *policy, void *context);
/* No callback is called. */
void smtp_server_free(struct smtp_server *server);
void smtp_server_greet(struct smtp_server *server);

/*
 * Feeds bytes from the client. Returns how many were used: fewer than `length`
 * only when a question is open (offer the rest after the answer), when a body
 * has just ended (offer the rest at once: a caller that bounds what it offers
 * of commands, and with it the replies, can do so), or when the session is
 * closed (throw the rest away). Not to be called from a callback.
 */
size_t smtp_server_input(struct smtp_server *server, const char *bytes, size_t length);

/*
 * Answers the open question with a reply from the table; `argument` replaces
 * its {} and may be NULL. Class 2 and 3 (354) carry out what was asked, any
 * other leaves nothing of it. A reply of code 421 closes the session. May be
 * called from within the callback that asks. Calling it without a question is
 * impossible().
 */
void smtp_server_answer(struct smtp_server *server, enum smtp_reply reply, const char *argument);

/*
 * Says a reply of code 421 and closes the session at once. An open question is
 * forgotten: do not answer it any more. The policy's reset is called when a
 * transaction was open.
 */
void smtp_server_close(struct smtp_server *server, enum smtp_reply reply, const char *argument);

/* The same, but lets the command or message in hand come to its end first. */
void smtp_server_close_after(struct smtp_server *server, enum smtp_reply reply,
			     const char *argument);

enum smtp_state smtp_server_state(const struct smtp_server *server);
/* Command lines that have come so far, faulty ones too. */
unsigned long smtp_server_commands(const struct smtp_server *server);
/* Whether a question is open. */
bool smtp_server_is_waiting(const struct smtp_server *server);
/* The keyword for the "with" clause of Received: "SMTP", "ESMTP" or "UTF8SMTP" (RFC 5321 4.4, RFC
 * 6531 4.3). */
const char *smtp_server_protocol(const struct smtp_server *server);

#endif
