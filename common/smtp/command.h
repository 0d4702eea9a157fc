/*
 * command.h - the command table: the third of the tables that carry the system
 *
 * Verb, states it is allowed in, flags, grammar of its argument, handler. HELP,
 * the counters and the test of every command in every state come from it.
 */
#ifndef POSTERN_COMMON_SMTP_COMMAND_H
#define POSTERN_COMMON_SMTP_COMMAND_H

#include "common/smtp/server.h"

enum smtp_command_flag {
	SMTP_COUNTS_UNKNOWN = 1, /* counts as an unknown command: verbs of legend */
	SMTP_IN_HELP = 2,	 /* named by HELP */
	SMTP_LAST_IN_GROUP = 4,	 /* RFC 2920 3.1: the client waits for its reply */
	SMTP_IDLE = 8,		 /* does nothing for a message: limits.idle-commands */
	SMTP_BEFORE_TLS = 16,	 /* allowed where TLS is required and missing (RFC 3207 4) */
	SMTP_NOT_LMTP = 32,	 /* unknown to LMTP (RFC 2033 4.1) */
	SMTP_LMTP_ONLY = 64,	 /* unknown to SMTP */
	SMTP_OPTIONAL = 128,	 /* may be disabled: RFC 5321 4.5.1 does not want it */
};

/* What may stand behind the verb. */
enum smtp_grammar {
	SMTP_NO_ARGUMENT,  /* RFC 5321 4.1.1: nothing, trailing spaces are taken */
	SMTP_ANY_ARGUMENT, /* nothing or anything */
	SMTP_NAME,	   /* HELO, EHLO: a host name or literal */
	SMTP_FROM,	   /* FROM:<reverse-path> parameters */
	SMTP_TO,	   /* TO:<forward-path> parameters */
	SMTP_STRING,	   /* VRFY: something, and the parameter SMTPUTF8 */
	SMTP_CHUNK_SIZE,   /* BDAT: octets, LAST or nothing (RFC 3030 2); read by body.c */
};

/* An argument after parsing: handlers never see raw text. */
struct smtp_argument {
	struct smtp_text text;		   /* SMTP_ANY_ARGUMENT, SMTP_STRING, SMTP_NAME */
	struct smtp_path path;		   /* SMTP_FROM, SMTP_TO */
	struct smtp_parameters parameters; /* SMTP_FROM, SMTP_TO, SMTP_STRING */
};

struct smtp_command {
	const char *verb;
	unsigned states; /* enum smtp_state, bits */
	unsigned flags;
	enum smtp_grammar grammar;
	void (*handler)(struct smtp_server *server, const struct smtp_argument *argument);
	const char *syntax; /* for 501 and HELP */
};

/* The table; ends with verb == NULL. */
extern const struct smtp_command smtp_commands[];

/* The row of a verb, in any case; NULL for one that is not in the table. */
const struct smtp_command *smtp_command_find(struct smtp_text verb);

/* The bit of a row for smtp_settings.disabled. */
uint64_t smtp_command_bit(const struct smtp_command *row);

#endif
