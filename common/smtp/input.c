/*
 * input.c - the bytes of the client: command lines; body.c has the rest
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: every byte, and how they are split.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/body.h"
#include "common/smtp/session.h"

/* The first byte of a TLS record of type handshake: RFC 8446 5.1. */
#define TLS_HANDSHAKE '\x16'

/* ---- command lines ---- */

static void drop_line(struct smtp_server *server)
{
	free(server->line);
	server->line = NULL;
	server->line_used = 0;
}

/* Drops what follows, up to and including the end of the line; `last` is the byte before it. */
static void skip_rest(struct smtp_server *server, char last)
{
	server->skipping = true;
	server->skipped_cr = last == '\r';
	server->skipped = 0;
}

/* Whether a chunk follows the line, by its verb; a faulty line does not tell how long it is. */
static bool announces_chunk(struct smtp_text line)
{
	struct smtp_text verb = { line.bytes, 4 };

	return line.length >= verb.length && smtp_text_is(verb, "BDAT") &&
	       (line.length == verb.length || !smtp_is_letter_or_digit(line.bytes[verb.length]));
}

static void reject_line(struct smtp_server *server, enum smtp_reply reply)
{
	if (announces_chunk(server->verb))
		smtp_server_close(server, SMTP_REPLY_BAD_CHUNK, NULL, NULL, 0);
	else
		smtp_fault(server, reply, NULL);
}

/* The faults a line can have, whatever it says: true when there was one, and it is answered. */
static bool reject_faulty_line(struct smtp_server *server, struct smtp_text line)
{
	enum smtp_reply reply;

	if (memchr(line.bytes, '\r', line.length))
		reply = SMTP_REPLY_COMMAND_BARE_CR;
	else if (memchr(line.bytes, '\0', line.length))
		reply = SMTP_REPLY_COMMAND_NUL;
	else
		return false;
	if (!smtp_refuse_pipelining(server, 0))
		reject_line(server, reply);
	return true;
}

/*
 * A line up to its LF, which is not in `length`. RFC 5321 2.3.8: an LF without
 * a CR ends no line, where line endings are strict. It is answered at once, since its sender may
 * wait, but what follows it is still the same line, and no command.
 */
static void complete_line(struct smtp_server *server, const char *bytes, size_t length)
{
	bool has_cr = length > 0 && bytes[length - 1] == '\r';
	struct smtp_text line = { bytes, has_cr ? length - 1 : length };

	server->commands++;
	server->verb = line;
	server->argument = (struct smtp_text){ "", 0 };
	if (!has_cr && server->settings->line_endings == SMTP_LINES_STRICT) {
		skip_rest(server, '\n');
		reject_line(server, SMTP_REPLY_COMMAND_BARE_LF);
	} else if (!reject_faulty_line(server, line)) {
		smtp_command_line(server, line);
	}
}

/*
 * While a question is open the caller's bytes may go away: keeps a copy of the
 * command for the log in the line buffer, which is free for as long.
 */
static void keep_command(struct smtp_server *server)
{
	size_t verb = server->verb.length, argument = server->argument.length;
	char *copy = verb + argument < server->settings->command_line
			     ? allocate(server->settings->command_line, 1)
			     : NULL;

	if (!copy) {
		server->verb = server->argument = (struct smtp_text){ "", 0 };
		return;
	}
	memcpy(copy, server->verb.bytes, verb);
	memcpy(copy + verb, server->argument.bytes, argument);
	drop_line(server);
	server->line = copy;
	server->verb = (struct smtp_text){ copy, verb };
	server->argument = (struct smtp_text){ copy + verb, argument };
}

static void line_is_too_long(struct smtp_server *server)
{
	struct smtp_text line = { server->line, server->line_used };
	bool is_chunk = announces_chunk(line);

	server->commands++;
	skip_rest(server, server->line[server->line_used - 1]);
	drop_line(server);
	if (is_chunk) {
		smtp_server_close(server, SMTP_REPLY_BAD_CHUNK, NULL, NULL, 0);
		return;
	}
	smtp_say_limit(server, SMTP_REPLY_LINE_TOO_LONG, NULL, "command-line",
		       server->settings->command_line);
	smtp_count_fault(server);
}

/*
 * Drops the rest of a faulty line. Every LF in it that ends no line, and every
 * command_line bytes of it, count as one more fault, so that a line without an
 * end comes to an end.
 */
static size_t skip_line(struct smtp_server *server, const char *bytes, size_t length)
{
	size_t room = server->settings->command_line - server->skipped;
	size_t most = length < room ? length : room;
	const char *lf = memchr(bytes, '\n', most);
	size_t used = lf ? (size_t)(lf - bytes) + 1 : most;
	bool after_cr = used > 1 ? bytes[used - 2] == '\r' : server->skipped_cr;
	bool ends = after_cr || server->settings->line_endings == SMTP_LINES_NORMALISE;

	server->skipped += used;
	server->skipped_cr = bytes[used - 1] == '\r';
	if (lf && ends) {
		server->skipping = false;
	} else if (lf || server->skipped == server->settings->command_line) {
		server->skipped = 0;
		smtp_count_fault(server);
	}
	return used;
}

/* Adds to the incomplete line; false when memory is short. */
static bool keep_line(struct smtp_server *server, const char *bytes, size_t length)
{
	if (!server->line)
		server->line = allocate(server->settings->command_line, 1);
	if (!server->line)
		return false;
	memcpy(server->line + server->line_used, bytes, length);
	server->line_used += length;
	return true;
}

static void finish_kept_line(struct smtp_server *server)
{
	char *line = server->line;
	size_t length = server->line_used - 1;

	server->line = NULL;
	server->line_used = 0;
	complete_line(server, line, length);
	if (server->question != QUESTION_NONE)
		keep_command(server);
	free(line);
}

static size_t line_input(struct smtp_server *server, const char *bytes, size_t length)
{
	size_t room = server->settings->command_line - server->line_used;
	size_t most = length < room ? length : room;
	const char *lf = memchr(bytes, '\n', most);
	size_t used = lf ? (size_t)(lf - bytes) + 1 : most;

	if (server->line_used == 0 && bytes[0] == TLS_HANDSHAKE) {
		smtp_server_close(server, SMTP_REPLY_FOREIGN_PROTOCOL, NULL, NULL, 0);
		return used;
	}
	server->is_followed = used < length || server->more_waits;
	if (lf && !server->line) {
		complete_line(server, bytes, used - 1);
		if (server->question != QUESTION_NONE)
			keep_command(server);
		return used;
	}
	if (!keep_line(server, bytes, used)) {
		smtp_server_close(server, SMTP_REPLY_NO_RESOURCES, NULL, NULL, 0);
		return used;
	}
	if (lf)
		finish_kept_line(server);
	else if (server->line_used == server->settings->command_line)
		line_is_too_long(server);
	return used;
}

static size_t step(struct smtp_server *server, const char *bytes, size_t length)
{
	if (smtp_server_expects_body(server))
		return smtp_body_input(server, bytes, length);
	if (server->skipping)
		return skip_line(server, bytes, length);
	return line_input(server, bytes, length);
}

static bool takes_input(const struct smtp_server *server)
{
	return server->question == QUESTION_NONE &&
	       !(server->state & (SMTP_SECURING | SMTP_CLOSED));
}

void smtp_server_more_waits(struct smtp_server *server, bool more)
{
	server->more_waits = more;
}

size_t smtp_server_input(struct smtp_server *server, const char *bytes, size_t length)
{
	bool was_body = smtp_server_expects_body(server);
	size_t used = 0;

	while (used < length && was_body == smtp_server_expects_body(server) &&
	       takes_input(server)) {
		if (server->line && server->line_used == 0)
			drop_line(server); /* the copy of a command whose question was answered */
		used += step(server, bytes + used, length - used);
		if (server->question == QUESTION_NONE)
			smtp_forget_command(server); /* the caller's bytes are about to go away */
	}
	return used;
}
