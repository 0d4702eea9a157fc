/*
 * reply.h - from a row of the table of replies (replies.h) to a line on the wire
 */
#ifndef POSTERN_COMMON_SMTP_REPLY_H
#define POSTERN_COMMON_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/smtp/replies.h"

#define SMTP_REPLY_NAME(name, code, enhanced, text, cause) SMTP_REPLY_##name,
enum smtp_reply { SMTP_REPLIES(SMTP_REPLY_NAME) SMTP_REPLY_COUNT };
#undef SMTP_REPLY_NAME

struct smtp_reply_description {
	const char *name;
	int code;
	const char *enhanced; /* "" : none (RFC 2034 4: greeting, HELO, EHLO, 3xx) */
	const char *text;
	const char *cause;
};

#define SMTP_REPLY_SIZE 512 /* RFC 5321 4.5.3.1.5: a reply line, CR LF included */

/* The row; `reply` must be below SMTP_REPLY_COUNT. */
const struct smtp_reply_description *smtp_reply_describe(enum smtp_reply reply);

#define SMTP_SESSION_ID_MAX 32 /* longest id that stands in a rejection */

/*
 * Writes the reply line with its CR LF, cut to fit, into line[SMTP_REPLY_SIZE]
 * (a C string); returns its length. `argument` may be NULL when the text has
 * no {}. `more` writes "-" behind the code: another line follows. `session`, an
 * id of at most SMTP_SESSION_ID_MAX bytes or NULL, stands in brackets at the end
 * of a rejection, never cut off, so that its receiver can ask about it.
 */
size_t smtp_reply_format(enum smtp_reply reply, const char *argument, bool more,
			 const char *session, char *line);

#endif
