/*
 * session.h - the inside of a server session, shared by the files of the engine only
 */
#ifndef POSTERN_COMMON_SMTP_SESSION_H
#define POSTERN_COMMON_SMTP_SESSION_H

#include "common/smtp/command.h"
#include "common/smtp/data.h"
#include "common/smtp/hops.h"
#include "common/smtp/server.h"

enum smtp_question {
	QUESTION_NONE,
	QUESTION_TLS,
	QUESTION_XCLIENT,
	QUESTION_XFORWARD,
	QUESTION_MAIL,
	QUESTION_RCPT,
	QUESTION_DATA,
	QUESTION_CHUNK, /* as QUESTION_DATA, for the first chunk of BDAT */
	QUESTION_END,
	QUESTION_COUNT
};

/* What becomes of a chunk of BDAT. */
enum smtp_chunk_fate {
	CHUNK_TAKEN,
	CHUNK_UNWANTED, /* it came out of order, or is not served */
	CHUNK_REJECTED, /* by the policy, and the message with it */
};

struct smtp_server {
	const struct smtp_settings *settings;
	const struct smtp_policy *policy;
	void *context;
	const char *session; /* id, or NULL */

	enum smtp_state state;
	enum smtp_question question; /* open: no input is taken */
	unsigned privileges;	     /* enum smtp_privilege */
	bool extended;		     /* EHLO or LHLO, not HELO */
	bool secured;		     /* under TLS */
	bool is_parting;	     /* its last reply is being said */
	bool closing;		     /* close with closing_reply when nothing is in hand */
	enum smtp_reply closing_reply;
	const char *closing_argument;

	/* The transaction */
	enum smtp_body body; /* BODY= of MAIL */
	bool utf8;	     /* MAIL had SMTPUTF8 */
	bool each;	     /* MAIL had PRDR: several recipients get a reply each */
	bool too_big;	     /* the body has passed message_size */
	bool doomed;	     /* the policy knows that the body will be rejected */
	unsigned recipients;
	struct smtp_data data;
	struct smtp_hops hops;

	/* A chunk of BDAT: read or, when it was refused, dropped, before the next command. */
	uint64_t chunk_size;
	uint64_t chunk_left;
	bool chunk_is_last;
	enum smtp_chunk_fate chunk_fate;
	enum smtp_reply chunk_reply; /* of one that was refused */
	const char *chunk_argument;
	bool chunks_failed; /* since a chunk was refused only chunks have come */

	/* The answers to QUESTION_END */
	unsigned answers_wanted;
	unsigned stored;  /* of those given, class 2 */
	unsigned delayed; /* class 4 */

	unsigned long commands; /* complete lines */
	uint64_t body_bytes;
	unsigned errors;
	unsigned unknown_commands;
	unsigned idle_commands; /* since the last message */

	/* The command in hand, for the log: within the caller's bytes or in `line`. */
	struct smtp_text verb;
	struct smtp_text argument;
	bool is_followed; /* more has come together with it */
	bool more_waits;  /* more has come than the bytes that are given now */

	char *line; /* an incomplete line, or a copy of the one in question; NULL: none */
	size_t line_used;
	bool skipping;	 /* the line was at fault: drop the rest of it */
	bool skipped_cr; /* the last byte dropped was a CR */
	size_t skipped;	 /* bytes dropped since a fault was counted last */
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
/* Counts an unknown command beside the fault. */
void smtp_count_unknown(struct smtp_server *server);
/* Closes the session if that was asked for and nothing is in hand any more. */
void smtp_close_if_due(struct smtp_server *server);
/* The command in hand is over: nothing that is rejected from here on has to do with it. */
void smtp_forget_command(struct smtp_server *server);
/* Opens the question of what became of the message, with as many answers as it takes. */
void smtp_ask_end(struct smtp_server *server);

/*
 * Reads the argument of the command in hand by the grammar of its row. False
 * when it is at fault, and that was answered.
 */
bool smtp_argument_parse(struct smtp_server *server, const struct smtp_command *row,
			 struct smtp_argument *argument);

/* The handlers of the command table. */
typedef void smtp_handler(struct smtp_server *server, const struct smtp_argument *argument);
smtp_handler smtp_on_helo, smtp_on_ehlo, smtp_on_starttls, smtp_on_xclient, smtp_on_xforward,
	smtp_on_mail, smtp_on_rcpt, smtp_on_data, smtp_on_bdat, smtp_on_rset, smtp_on_noop,
	smtp_on_quit, smtp_on_vrfy, smtp_on_help, smtp_on_unserved, smtp_on_foreign;

/*
 * Ends the session of a client that has sent on where it had to wait: behind a
 * command whose row has SMTP_LAST_IN_GROUP, and, before EHLO or where PIPELINING
 * is not offered, behind anything that gets a reply (RFC 2920 3.1). False: it
 * may send on, or has not, or that is tolerated here.
 */
bool smtp_refuse_pipelining(struct smtp_server *server, unsigned flags);

/* One complete command line, without its CR LF. */
void smtp_command_line(struct smtp_server *server, struct smtp_text line);

#endif
