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

/* A line under construction; two bytes stay free for its CR LF and one for the NUL. */
struct line {
	char *text;
	size_t used;
};

static void put(struct line *line, char byte)
{
	if (line->used < SMTP_REPLY_SIZE - 3)
		line->text[line->used++] = byte;
}

/* RFC 5321 4.2: reply text is printable ASCII; a client's bytes are shown as "?". */
static void put_argument(struct line *line, const char *argument)
{
	for (; *argument; argument++)
		put(line, *argument >= ' ' && *argument < 127 ? *argument : '?');
}

size_t smtp_reply_format(enum smtp_reply reply, const char *argument, bool more, char *text)
{
	const struct smtp_reply_description *row = &descriptions[reply];
	struct line line = { text, 0 };
	const char *next;

	line.used = (size_t)snprintf(text, SMTP_REPLY_SIZE, "%d%c%s%s", row->code, more ? '-' : ' ',
				     row->enhanced, *row->enhanced ? " " : "");
	for (next = row->text; *next; next++) {
		if (next[0] == '{' && next[1] == '}') {
			put_argument(&line, argument ? argument : "");
			next++;
		} else {
			put(&line, *next);
		}
	}
	text[line.used++] = '\r';
	text[line.used++] = '\n';
	text[line.used] = '\0';
	return line.used;
}
