/*
 * session.h - the inside of a server session, shared by the files of the engine only
 */
#ifndef POSTERN_COMMON_SMTP_SESSION_H
#define POSTERN_COMMON_SMTP_SESSION_H

#include "common/smtp/command.h"
#include "common/smtp/data.h"
#include "common/smtp/server.h"

enum smtp_question { QUESTION_NONE, QUESTION_MAIL, QUESTION_RCPT, QUESTION_DATA, QUESTION_END };

struct smtp_server {
	const struct smtp_settings *settings;
	const struct smtp_policy *policy;
	void *context;

	enum smtp_state state;
	enum smtp_question question; /* open: no input is taken */
	bool extended;		     /* EHLO, not HELO */
	bool utf8;		     /* MAIL had SMTPUTF8 */
	bool too_big;		     /* the body has passed message_size */
	bool doomed;		     /* the policy knows that the body will be rejected */
	bool closing;		     /* close with closing_reply when nothing is in hand */
	enum smtp_reply closing_reply;
	const char *closing_argument;

	unsigned long commands; /* complete lines */
	unsigned recipients;
	unsigned errors;
	unsigned unknown_commands;

	/* The command in hand, for the log: within the caller's bytes or in `line`. */
	struct smtp_text verb;
	struct smtp_text argument;

	char *line; /* an incomplete line, or a copy of the one in question; NULL: none */
	size_t line_used;
	bool skipping;	 /* the line was at fault: drop the rest of it */
	bool skipped_cr; /* the last byte dropped was a CR */
	size_t skipped;	 /* bytes dropped since a fault was counted last */

	struct smtp_data data;
};

/* Enters a state; the transition must be in the table of server.c. */
void smtp_enter(struct smtp_server *server, enum smtp_state state);
/* Ends the transaction, if one is open: back to SMTP_GREETED, the policy forgets. */
void smtp_end_transaction(struct smtp_server *server);

/* Gives a reply; tells the policy when it is a rejection. */
void smtp_say(struct smtp_server *server, enum smtp_reply reply, const char *argument);
/* The same, one of several lines: `more` follow. */
void smtp_say_line(struct smtp_server *server, enum smtp_reply reply, const char *argument,
		   bool more);
/* A rejection that names the limit it comes from. */
void smtp_say_limit(struct smtp_server *server, enum smtp_reply reply, const char *argument,
		    const char *limit, unsigned long long value);
/* A rejection for a fault of protocol: counts, and closes the session when there were too many. */
void smtp_fault(struct smtp_server *server, enum smtp_reply reply, const char *argument);
/* Counts a fault that was answered already. */
void smtp_count_fault(struct smtp_server *server);
/* Closes the session if that was asked for and nothing is in hand any more. */
void smtp_close_if_due(struct smtp_server *server);
/* Counts an unknown command beside the fault. */
void smtp_count_unknown(struct smtp_server *server);

/*
 * Reads the argument of the command in hand by the grammar of its row. False
 * when it is at fault, and that was answered.
 */
bool smtp_argument_parse(struct smtp_server *server, const struct smtp_command *row,
			 struct smtp_argument *argument);

/* The handlers of the command table. */
void smtp_on_helo(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_ehlo(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_mail(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_rcpt(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_data(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_rset(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_noop(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_quit(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_vrfy(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_help(struct smtp_server *server, const struct smtp_argument *argument);
void smtp_on_unserved(struct smtp_server *server, const struct smtp_argument *argument);

/* One complete command line, without its CR LF. */
void smtp_command_line(struct smtp_server *server, struct smtp_text line);

#endif
