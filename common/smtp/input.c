/*
 * input.c - the bytes of the client: command lines and bodies
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: every byte, and how they are split.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/session.h"

/* Bytes of body that are decoded at a time. */
#define BODY_PIECE 16384

/* ---- the body ---- */

static const struct {
	enum smtp_data_fault fault;
	enum smtp_reply reply;
	const char *limit;
} data_faults[] = {
	{ SMTP_DATA_BARE_LF, SMTP_REPLY_DATA_BARE_LF, NULL },
	{ SMTP_DATA_BARE_CR, SMTP_REPLY_DATA_BARE_CR, NULL },
	{ SMTP_DATA_NUL, SMTP_REPLY_DATA_NUL, NULL },
	{ SMTP_DATA_LONG_LINE, SMTP_REPLY_DATA_LONG_LINE, "data-line" },
};

/* True when the body was rejected for a fault of its own. */
static bool reject_faulty_body(struct smtp_server *server)
{
	unsigned long long limit = server->settings->message_size;
	char digits[24];

	for (size_t i = 0; i < sizeof(data_faults) / sizeof(data_faults[0]); i++) {
		if (!(server->data.faults & data_faults[i].fault))
			continue;
		smtp_say_limit(server, data_faults[i].reply, NULL, data_faults[i].limit,
			       data_faults[i].limit ? server->settings->data_line : 0);
		return true;
	}
	if (!server->too_big)
		return false;
	snprintf(digits, sizeof(digits), "%llu", limit);
	smtp_say_limit(server, SMTP_REPLY_TOO_BIG, digits, "message-size", limit);
	return true;
}

static void end_body(struct smtp_server *server)
{
	server->verb = (struct smtp_text){ "DATA", 4 };
	server->argument = (struct smtp_text){ "", 0 };
	if (reject_faulty_body(server)) {
		smtp_end_transaction(server);
		smtp_close_if_due(server);
		return;
	}
	server->question = QUESTION_END;
	server->policy->end(server->context, server->data.size);
}

/* A faulty body is read on to its end, but it is not handed out any more. */
static void hand_out(struct smtp_server *server, const char *bytes, size_t length)
{
	const struct smtp_policy *policy = server->policy;

	if (!server->too_big && !server->data.faults) {
		if (length && policy->body)
			policy->body(server->context, bytes, length);
	} else if (!server->doomed) {
		server->doomed = true;
		if (policy->doomed)
			policy->doomed(server->context);
	}
}

static size_t body_input(struct smtp_server *server, const char *bytes, size_t length)
{
	uint64_t limit = server->settings->message_size;
	char decoded[SMTP_DATA_ROOM(BODY_PIECE)];
	size_t written, used;

	if (length > BODY_PIECE)
		length = BODY_PIECE;
	used = smtp_data_decode(&server->data, bytes, length, decoded, &written);
	if (limit && server->data.size > limit)
		server->too_big = true;
	hand_out(server, decoded, written);
	if (server->data.ended)
		end_body(server);
	return used;
}

/* ---- command lines ---- */

static void drop_line(struct smtp_server *server)
{
	free(server->line);
	server->line = NULL;
	server->line_used = 0;
}

/* Drops what follows, up to and including CR LF; `last` is the byte before it. */
static void skip_rest(struct smtp_server *server, char last)
{
	server->skipping = true;
	server->skipped_cr = last == '\r';
	server->skipped = 0;
}

/* The faults a line can have, whatever it says: true when there was one, and it is answered. */
static bool reject_faulty_line(struct smtp_server *server, struct smtp_text line)
{
	if (memchr(line.bytes, '\r', line.length))
		smtp_fault(server, SMTP_REPLY_COMMAND_BARE_CR, NULL);
	else if (memchr(line.bytes, '\0', line.length))
		smtp_fault(server, SMTP_REPLY_COMMAND_NUL, NULL);
	else
		return false;
	return true;
}

/*
 * A line up to its LF, which is not in `length`. RFC 5321 2.3.8: an LF without
 * a CR ends no line. It is answered at once, since its sender may wait, but
 * what follows it is still the same line, and no command.
 */
static void complete_line(struct smtp_server *server, const char *bytes, size_t length)
{
	bool has_cr = length > 0 && bytes[length - 1] == '\r';
	struct smtp_text line = { bytes, has_cr ? length - 1 : length };

	server->commands++;
	server->verb = line;
	server->argument = (struct smtp_text){ "", 0 };
	if (!has_cr) {
		skip_rest(server, '\n');
		smtp_fault(server, SMTP_REPLY_COMMAND_BARE_LF, NULL);
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
	skip_rest(server, server->line[server->line_used - 1]);
	drop_line(server);
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

	server->skipped += used;
	server->skipped_cr = bytes[used - 1] == '\r';
	if (lf && after_cr) {
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

	if (lf && !server->line) {
		complete_line(server, bytes, used - 1);
		if (server->question != QUESTION_NONE)
			keep_command(server);
		return used;
	}
	if (!keep_line(server, bytes, used)) {
		smtp_server_close(server, SMTP_REPLY_NO_RESOURCES, NULL);
		return used;
	}
	if (lf)
		finish_kept_line(server);
	else if (server->line_used == server->settings->command_line)
		line_is_too_long(server);
	return used;
}

/* The caller's bytes are about to go away. */
static void forget_command(struct smtp_server *server)
{
	server->verb = server->argument = (struct smtp_text){ "", 0 };
}

static size_t step(struct smtp_server *server, const char *bytes, size_t length)
{
	if (server->state == SMTP_DATA)
		return body_input(server, bytes, length);
	if (server->skipping)
		return skip_line(server, bytes, length);
	return line_input(server, bytes, length);
}

size_t smtp_server_input(struct smtp_server *server, const char *bytes, size_t length)
{
	bool was_body = server->state == SMTP_DATA;
	size_t used = 0;

	while (used < length && was_body == (server->state == SMTP_DATA) &&
	       server->question == QUESTION_NONE && server->state != SMTP_CLOSED) {
		if (server->line && server->line_used == 0)
			drop_line(server); /* the copy of a command whose question was answered */
		used += step(server, bytes + used, length - used);
		if (server->question == QUESTION_NONE)
			forget_command(server);
	}
	return used;
}
