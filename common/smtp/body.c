/*
 * body.c - the bytes of a message: behind DATA (RFC 5321 4.1.1.4) or in chunks (RFC 3030)
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: every byte, how they are split, and the sizes of chunks.
 *
 * The octets of a chunk are counted off before anything else, whatever was said
 * to its BDAT: what stands in a chunk is never a command.
 */
#include <stdio.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/body.h"
#include "common/smtp/session.h"

/* Bytes of body that are decoded at a time. */
#define BODY_PIECE 16384

/* ---- a body that is rejected ---- */

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

struct body_fault {
	enum smtp_reply reply;
	const char *limit;
	unsigned long long value;
};

static bool loops(const struct smtp_server *server)
{
	unsigned limit = server->settings->received_fields;

	return limit && server->hops.received > limit;
}

/* The fault that a body has of its own. */
static bool find_fault(const struct smtp_server *server, struct body_fault *fault)
{
	const struct smtp_settings *settings = server->settings;

	for (size_t i = 0; i < sizeof(data_faults) / sizeof(data_faults[0]); i++) {
		if (!(server->data.faults & data_faults[i].fault))
			continue;
		*fault = (struct body_fault){ data_faults[i].reply, data_faults[i].limit,
					      data_faults[i].limit ? settings->data_line : 0 };
		return true;
	}
	if (server->too_big)
		*fault = (struct body_fault){ SMTP_REPLY_TOO_BIG, "message-size",
					      settings->message_size };
	else if (loops(server))
		*fault = (struct body_fault){ SMTP_REPLY_LOOP, "received-fields",
					      settings->received_fields };
	return server->too_big || loops(server);
}

/* RFC 2033 4.2: a message that has come to its end gets a reply for each recipient. */
static unsigned replies_wanted(const struct smtp_server *server)
{
	bool has_ended = server->state == SMTP_DATA || server->chunk_is_last;

	return server->settings->lmtp && has_ended ? server->recipients : 1;
}

/* True when the body was rejected for a fault of its own. */
static bool reject_faulty_body(struct smtp_server *server)
{
	struct body_fault fault;
	char digits[24];

	if (!find_fault(server, &fault))
		return false;
	snprintf(digits, sizeof(digits), "%llu", fault.value);
	for (unsigned i = replies_wanted(server); i > 0; i--)
		smtp_say_limit(server, fault.reply, digits, fault.limit, fault.value);
	server->chunks_failed = server->state == SMTP_CHUNK;
	smtp_end_transaction(server);
	smtp_close_if_due(server);
	return true;
}

/* ---- the way in ---- */

void smtp_body_begin(struct smtp_server *server, bool in_chunks)
{
	const struct smtp_settings *settings = server->settings;
	enum smtp_data_format format = !in_chunks			      ? SMTP_FORMAT_DOTTED
				       : server->body == SMTP_BODY_BINARYMIME ? SMTP_FORMAT_BINARY
									      : SMTP_FORMAT_CHUNKED;
	struct smtp_data_settings wanted = {
		.format = format,
		.endings = settings->line_endings,
		.newline = SMTP_NEWLINE_LF,
		.line_limit = settings->data_line,
	};

	smtp_data_begin(&server->data, &wanted);
	smtp_hops_begin(&server->hops);
}

/* A faulty body is read on to its end, but it is not handed out any more. */
static void hand_out(struct smtp_server *server, const char *bytes, size_t length)
{
	const struct smtp_policy *policy = server->policy;
	uint64_t limit = server->settings->message_size;

	if (limit && server->data.size > limit)
		server->too_big = true;
	if (!server->too_big && !server->data.faults) {
		smtp_hops_read(&server->hops, bytes, length);
		if (length && policy->body)
			policy->body(server->context, bytes, length);
	} else if (!server->doomed) {
		server->doomed = true;
		if (policy->doomed)
			policy->doomed(server->context);
	}
}

static size_t decode(struct smtp_server *server, const char *bytes, size_t length)
{
	char decoded[SMTP_DATA_ROOM(BODY_PIECE)];
	size_t written, used;

	used = smtp_data_decode(&server->data, bytes, length, decoded, &written);
	server->body_bytes += used;
	hand_out(server, decoded, written);
	return used;
}

/* The command that the reply at the end is for. */
static void name_command(struct smtp_server *server, const char *verb)
{
	server->verb = (struct smtp_text){ verb, strlen(verb) };
	server->argument = (struct smtp_text){ "", 0 };
}

/* A body, or a chunk, has come to its end; `rest` is what has come behind it. */
static bool was_sent_on(struct smtp_server *server, const char *verb, size_t rest)
{
	name_command(server, verb);
	server->is_followed = rest > 0 || server->more_waits;
	return smtp_refuse_pipelining(server, 0);
}

static size_t dotted_input(struct smtp_server *server, const char *bytes, size_t length)
{
	size_t used = decode(server, bytes, length < BODY_PIECE ? length : BODY_PIECE);

	if (!server->data.ended)
		return used;
	if (!was_sent_on(server, "DATA", length - used) && !reject_faulty_body(server))
		smtp_ask_end(server);
	return used;
}

/*
 * RFC 3030 2: chunks behind one that has failed were on their way, perhaps, when
 * it was answered; they are no further fault of the client.
 */
static void answer_refused_chunk(struct smtp_server *server)
{
	bool is_first = !server->chunks_failed;

	server->chunks_failed = true;
	if (server->chunk_fate == CHUNK_REJECTED) {
		for (unsigned i = replies_wanted(server); i > 0; i--)
			smtp_say(server, server->chunk_reply, server->chunk_argument);
		smtp_end_transaction(server);
	} else {
		smtp_say(server, server->chunk_reply, server->chunk_argument);
		if (is_first)
			smtp_count_fault(server);
	}
	smtp_close_if_due(server);
}

void smtp_chunk_refuse(struct smtp_server *server, enum smtp_chunk_fate fate, enum smtp_reply reply,
		       const char *argument)
{
	server->chunk_fate = fate;
	server->chunk_reply = reply;
	server->chunk_argument = argument;
	if (server->chunk_left == 0)
		answer_refused_chunk(server);
}

static size_t chunk_input(struct smtp_server *server, const char *bytes, size_t length)
{
	size_t most = length < BODY_PIECE ? length : BODY_PIECE;
	size_t used = most < server->chunk_left ? most : (size_t)server->chunk_left;

	if (server->chunk_fate == CHUNK_TAKEN)
		used = decode(server, bytes, used);
	else
		server->body_bytes += used;
	server->chunk_left -= used;
	if (server->chunk_left > 0 || was_sent_on(server, "BDAT", length - used))
		return used;
	if (server->chunk_fate == CHUNK_TAKEN)
		smtp_chunk_complete(server);
	else
		answer_refused_chunk(server);
	return used;
}

size_t smtp_body_input(struct smtp_server *server, const char *bytes, size_t length)
{
	if (server->state == SMTP_DATA)
		return dotted_input(server, bytes, length);
	return chunk_input(server, bytes, length);
}

/* ---- chunks ---- */

/* "octets" or "octets LAST": at most 20 digits (RFC 3030 2), and no more than fits. */
static bool read_chunk_size(struct smtp_text text, uint64_t *octets, bool *is_last)
{
	struct smtp_text rest = { text.bytes, 0 };
	size_t digits = 0;

	*octets = 0;
	for (; digits < text.length && text.bytes[digits] >= '0' && text.bytes[digits] <= '9';
	     digits++)
		if (__builtin_mul_overflow(*octets, 10, octets) ||
		    __builtin_add_overflow(*octets, (uint64_t)(text.bytes[digits] - '0'), octets))
			return false;
	rest.bytes = text.bytes + digits;
	rest.length = text.length - digits;
	while (rest.length > 0 && rest.bytes[0] == ' ') {
		rest.bytes++;
		rest.length--;
	}
	*is_last = smtp_text_is(rest, "LAST");
	return digits > 0 && (rest.length == 0 || (*is_last && rest.bytes != text.bytes + digits));
}

bool smtp_chunk_announce(struct smtp_server *server)
{
	if (read_chunk_size(server->argument, &server->chunk_size, &server->chunk_is_last)) {
		server->chunk_left = server->chunk_size;
		server->chunk_fate = CHUNK_TAKEN;
		return true;
	}
	smtp_server_close(server, SMTP_REPLY_BAD_CHUNK, NULL, NULL, 0);
	return false;
}

void smtp_on_bdat(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	if (server->state == SMTP_CHUNKS) {
		smtp_enter(server, SMTP_CHUNK);
		if (server->chunk_left == 0)
			smtp_chunk_complete(server);
		return;
	}
	server->question = QUESTION_CHUNK;
	server->policy->data(server->context);
}

/* A CR at the very end of the message may have been held back. */
static void finish_chunks(struct smtp_server *server)
{
	char decoded[SMTP_DATA_ROOM(0)];
	size_t written;

	smtp_data_end(&server->data, decoded, &written);
	hand_out(server, decoded, written);
}

void smtp_chunk_complete(struct smtp_server *server)
{
	char digits[24];

	if (server->chunk_is_last)
		finish_chunks(server);
	if (reject_faulty_body(server))
		return;
	if (server->chunk_is_last) {
		smtp_ask_end(server);
		return;
	}
	smtp_enter(server, SMTP_CHUNKS);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)server->chunk_size);
	smtp_say(server, SMTP_REPLY_CHUNK_OK, digits);
}
