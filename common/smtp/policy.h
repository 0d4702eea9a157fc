/*
 * policy.h - what stands behind the engine, and decides
 */
#ifndef POSTERN_COMMON_SMTP_POLICY_H
#define POSTERN_COMMON_SMTP_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/smtp/address.h"
#include "common/smtp/parameter.h"
#include "common/smtp/reply.h"
#include "common/smtp/xclient.h"

/* What was rejected, for the log. */
struct smtp_rejection {
	enum smtp_reply reply;
	const char *text; /* the reply line without CR LF */
	/* The verb as written; DATA or BDAT for the message; "" when no command was in hand. */
	struct smtp_text command;
	struct smtp_text argument; /* the rest of the line, cut to what was kept */
	bool closes;		   /* nothing more is said or read */
	const char *limit;	   /* the option whose bound was met, or NULL */
	unsigned long long value;  /* of that limit */
};

/*
 * `starttls`, `xclient`, `xforward`, `mail`, `rcpt`, `data` and `end` are
 * questions, and each must be answered by smtp_server_answer: `end` as often as
 * smtp_server_answers_wanted says, the others once. NULL is allowed for those
 * that are no questions.
 */
struct smtp_policy {
	/* HELO, EHLO or LHLO was accepted; the transaction, if there was one, is gone. */
	void (*greeted)(void *context, struct smtp_text name);
	/*
	 * May the handshake begin? The caller sees that nothing came behind the command. After
	 * SMTP_REPLY_TLS_READY the engine takes no input until smtp_server_secured.
	 */
	void (*starttls)(void *context);
	/* The client speaks for another one. After SMTP_REPLY_GREETING the session begins anew. */
	void (*xclient)(void *context, const struct smtp_xclient *attributes);
	/* The client tells where the next message came from. */
	void (*xforward)(void *context, const struct smtp_xclient *attributes);
	/* May this sender begin a transaction? */
	void (*mail)(void *context, const struct smtp_path *sender,
		     const struct smtp_parameters *parameters);
	/* May this recipient be added? */
	void (*rcpt)(void *context, const struct smtp_path *recipient,
		     const struct smtp_parameters *parameters);
	/* May the body come, by DATA or BDAT? Answer SMTP_REPLY_GO_AHEAD or a rejection. */
	void (*data)(void *context);
	/* A piece of the body: lines end in LF, dots undoubled; with BODY=BINARYMIME as it came. */
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

#endif
