/*
 * reply.c - every reply postern can give
 *
 * Runs in: whatever links libsmtp.  Privilege: none needed.
 * Distrusts: the arguments of replies, which can hold the client's own bytes.
 */
#include "common/smtp/reply.h"

#include <stdio.h>
#include <string.h>

#define REPLY_ROW(name, code, enhanced, text, cause) \
	[SMTP_REPLY_##name] = { #name, code, enhanced, text, cause },

static const struct smtp_reply_description descriptions[SMTP_REPLY_COUNT] = { SMTP_REPLIES(
	REPLY_ROW) };

const struct smtp_reply_description *smtp_reply_describe(enum smtp_reply reply)
{
	return &descriptions[reply];
}

/* A line under construction. */
struct line {
	char *text;
	size_t used;
	size_t limit; /* what must follow finds its room behind */
};

static void put(struct line *line, char byte)
{
	if (line->used < line->limit)
		line->text[line->used++] = byte;
}

/* RFC 5321 4.2: reply text is printable ASCII; a client's bytes are shown as "?". */
static void put_argument(struct line *line, const char *argument)
{
	for (; *argument; argument++)
		put(line, *argument >= ' ' && *argument < 127 ? *argument : '?');
}

static void put_text(struct line *line, const char *text, const char *argument)
{
	for (; *text; text++) {
		if (text[0] == '{' && text[1] == '}') {
			put_argument(line, argument ? argument : "");
			text++;
		} else {
			put(line, *text);
		}
	}
}

size_t smtp_reply_format(enum smtp_reply reply, const char *argument, bool more,
			 const char *session, char *text)
{
	const struct smtp_reply_description *row = &descriptions[reply];
	char end[SMTP_SESSION_ID_MAX + 8] = "\r\n";
	struct line line = { .text = text };
	size_t length = 2;

	if (session && row->code >= 400)
		length = (size_t)snprintf(end, sizeof(end), " [%.*s]\r\n", SMTP_SESSION_ID_MAX,
					  session);
	line.limit = SMTP_REPLY_SIZE - 1 - length;
	line.used = (size_t)snprintf(text, SMTP_REPLY_SIZE, "%d%c%s%s", row->code, more ? '-' : ' ',
				     row->enhanced, *row->enhanced ? " " : "");
	put_text(&line, row->text, argument);
	memcpy(text + line.used, end, length + 1);
	return line.used + length;
}
