/*
 * fuzz_bdat.c - messages in chunks: what they must give is worked out beforehand
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: settings and decisions, then steps: commands, and chunks with their octets.
 *
 * The steps are written as a client sends them, and beside that, from the whole
 * message and without the engine's states, which replies and messages must come:
 * octets are counted here, and what is in a message is for data_reference.h.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/command.h"
#include "tests/fuzz/data_reference.h"
#include "tests/fuzz/engine_client.h"
#include "tests/fuzz/hops_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define RECIPIENTS 3
#define CODE_SIZE 4   /* "250 " */
#define STEPS_MAX 200 /* each chunk decodes the whole message anew */

/* What is left of the input. */
struct input {
	const uint8_t *bytes;
	size_t length;
};

static uint8_t take_byte(struct input *input)
{
	if (input->length == 0)
		return 0;
	input->length--;
	return *input->bytes++;
}

/* A transaction as the steps have made it, and what is expected of it. */
struct expectation {
	struct smtp_settings settings;
	uint32_t verdicts;
	unsigned questions; /* asked so far */
	bool is_binary, each;

	bool in_mail, in_chunks, closed;
	unsigned recipients;
	struct heap message; /* octets of the chunks that were taken */

	struct heap wire;     /* what the client says */
	struct heap codes;    /* of the replies */
	struct heap messages; /* as those of struct client */
};

static void say(struct expectation *expected, const char *text)
{
	heap_add(&expected->wire, text, strlen(text));
}

static void expect(struct expectation *expected, unsigned code)
{
	char text[CODE_SIZE + 1];

	snprintf(text, sizeof(text), "%u ", code % 1000);
	heap_add(&expected->codes, text, CODE_SIZE);
}

/* The code of the policy's answer, which is expected; 421 is the last one. */
static unsigned expect_answer(struct expectation *expected, enum smtp_reply reply)
{
	unsigned code = (unsigned)smtp_reply_describe(reply)->code;

	expect(expected, code);
	expected->closed = code == 421;
	return code;
}

static enum smtp_reply decide(struct expectation *expected, enum smtp_reply accepted,
			      enum smtp_reply rejected)
{
	return verdict(expected->verdicts, expected->questions++, accepted, rejected);
}

static void end_transaction(struct expectation *expected)
{
	expected->in_mail = expected->in_chunks = false;
	expected->recipients = 0;
	expected->message.used = 0;
}

/* ---- commands ---- */

static void do_mail(struct expectation *expected, struct input *input)
{
	uint8_t choice = take_byte(input);
	bool is_binary = choice & 1, each = choice & 2;

	say(expected, is_binary ? "MAIL FROM:<a@b> BODY=BINARYMIME" : "MAIL FROM:<a@b>");
	say(expected, each ? " PRDR\r\n" : "\r\n");
	if (expected->in_mail) {
		expect(expected, 503);
		return;
	}
	if (is_binary && expected->settings.disabled) {
		expect(expected, 501);
		return;
	}
	if (expect_answer(expected, decide(expected, SMTP_REPLY_SENDER_OK, SMTP_REPLY_NO_MEMORY)) !=
	    250)
		return;
	expected->in_mail = true;
	expected->is_binary = is_binary;
	expected->each = each;
}

static void do_rcpt(struct expectation *expected, struct input *input)
{
	(void)input;
	say(expected, "RCPT TO:<c@d>\r\n");
	if (!expected->in_mail || expected->in_chunks)
		expect(expected, 503);
	else if (expected->recipients == RECIPIENTS)
		expect(expected, 452);
	else if (expect_answer(expected, decide(expected, SMTP_REPLY_RECIPIENT_OK,
						SMTP_REPLY_UNKNOWN_USER)) == 250)
		expected->recipients++;
}

static void do_reset(struct expectation *expected, struct input *input)
{
	(void)input;
	say(expected, "RSET\r\n");
	expect(expected, 250);
	end_transaction(expected);
}

static void do_noop(struct expectation *expected, struct input *input)
{
	(void)input;
	say(expected, "NOOP\r\n");
	expect(expected, 250);
}

/* ---- the end of a message ---- */

static void expect_answers(struct expectation *expected)
{
	bool each = expected->each && expected->recipients > 1 && !expected->settings.lmtp;
	unsigned answers = each || expected->settings.lmtp ? expected->recipients : 1;
	unsigned stored = 0, later = 0;

	if (each)
		expect(expected, 353);
	for (unsigned i = 0; i < answers && !expected->closed; i++) {
		unsigned code = expect_answer(
			expected, end_verdict(expected->verdicts, expected->questions++));

		stored += code == 250;
		later += code == 452;
	}
	if (each && !expected->closed)
		expect(expected, stored ? 250 : later ? 450 : 554);
}

/* ---- chunks ---- */

struct chunk {
	size_t size;
	bool is_last;
	const uint8_t *octets;
};

/* Octets of the input itself, or those that are a command if anybody reads them. */
static struct chunk take_chunk(struct input *input)
{
	static const char command[] = "QUIT\r\nBDAT 3 LAST\r\n.\r\n\x16\r\n";
	uint8_t choice = take_byte(input);
	struct chunk chunk = { .is_last = choice & 1 };

	if (choice & 2) {
		chunk.size = take_byte(input) % sizeof(command);
		chunk.octets = (const uint8_t *)command;
		return chunk;
	}
	chunk.size = choice & 4 ? choice >> 3 : take_byte(input) % 200;
	if (chunk.size > input->length)
		chunk.size = input->length;
	chunk.octets = input->bytes;
	input->bytes += chunk.size;
	input->length -= chunk.size;
	return chunk;
}

static void say_chunk(struct expectation *expected, const struct chunk *chunk)
{
	char line[64];

	snprintf(line, sizeof(line), "%s %zu%s\r\n", chunk->size % 2 ? "BDAT" : "bdat", chunk->size,
		 chunk->is_last ? " LAST" : "");
	say(expected, line);
	heap_add(&expected->wire, (const char *)chunk->octets, chunk->size);
}

/* What the message is so far; a CR at its end waits for its LF, unless it was the last octet. */
static struct data_reference decode(const struct expectation *expected, bool is_last)
{
	const struct heap *message = &expected->message;
	struct smtp_data_settings settings = {
		.format = expected->is_binary ? SMTP_FORMAT_BINARY : SMTP_FORMAT_CHUNKED,
		.endings = expected->settings.line_endings,
		.newline = SMTP_NEWLINE_LF,
		.line_limit = expected->settings.data_line,
	};
	bool waits = message->used > 0 && message->bytes[message->used - 1] == '\r' && !is_last &&
		     !expected->is_binary;

	return data_reference(message->used ? message->bytes : "", message->used - waits,
			      &settings);
}

/* The code for a message at fault, 0 for one without. */
static unsigned find_fault(const struct expectation *expected, const struct data_reference *decoded)
{
	const struct smtp_settings *settings = &expected->settings;
	unsigned hops = hops_reference(decoded->out, decoded->written);

	if (decoded->faults)
		return 554;
	if (settings->message_size && decoded->size > settings->message_size)
		return 552;
	return settings->received_fields && hops > settings->received_fields ? 554 : 0;
}

static void expect_for_each(struct expectation *expected, unsigned code, bool is_last)
{
	unsigned replies = expected->settings.lmtp && is_last ? expected->recipients : 1;

	for (unsigned i = 0; i < replies; i++)
		expect(expected, code);
	end_transaction(expected);
}

static void complete_chunk(struct expectation *expected, const struct chunk *chunk)
{
	struct data_reference decoded = decode(expected, chunk->is_last);
	unsigned code = find_fault(expected, &decoded);

	if (code) {
		expect_for_each(expected, code, chunk->is_last);
	} else if (!chunk->is_last) {
		expect(expected, 250);
	} else {
		heap_add(&expected->messages, (const char *)&decoded.size, sizeof(decoded.size));
		heap_add(&expected->messages, decoded.out, decoded.written);
		expect_answers(expected);
		end_transaction(expected);
	}
	free(decoded.out);
}

/* Whether the policy, which is asked for the first chunk, wants the message. */
static bool is_wanted(struct expectation *expected, const struct chunk *chunk)
{
	enum smtp_reply reply;

	if (expected->in_chunks)
		return true;
	reply = decide(expected, SMTP_REPLY_GO_AHEAD, SMTP_REPLY_NO_MEMORY);
	if (reply == SMTP_REPLY_STOPPING)
		expect_answer(expected, reply);
	else if (reply != SMTP_REPLY_GO_AHEAD)
		expect_for_each(expected, 452, chunk->is_last);
	return reply == SMTP_REPLY_GO_AHEAD;
}

static void do_chunk(struct expectation *expected, struct input *input)
{
	struct chunk chunk = take_chunk(input);

	say_chunk(expected, &chunk);
	if (expected->settings.disabled) {
		expect(expected, 502);
	} else if (expected->recipients == 0) {
		expect(expected, 503);
	} else if (is_wanted(expected, &chunk)) {
		expected->in_chunks = true;
		heap_add(&expected->message, (const char *)chunk.octets, chunk.size);
		complete_chunk(expected, &chunk);
	}
}

static void do_data(struct expectation *expected, struct input *input)
{
	(void)input;
	/* Only where it is refused: what it brings is for fuzz_server.c. */
	if (expected->recipients > 0 && !expected->in_chunks && !expected->is_binary)
		return;
	say(expected, "DATA\r\n");
	expect(expected, 503);
}

/* Chunks are what is tried most. */
static void (*const steps[])(struct expectation *expected, struct input *input) = {
	do_mail,  do_rcpt,  do_rcpt,  do_reset, do_noop, do_data,
	do_chunk, do_chunk, do_chunk, do_chunk, do_mail, do_chunk,
};

/* ---- the engine ---- */

static struct smtp_settings choose_settings(uint8_t choice, uint8_t limits)
{
	static const struct smtp_text bdat = { "BDAT", 4 };

	return (struct smtp_settings){
		.hostname = "mx.example",
		.greeting = "",
		.helo = "",
		.closing = "",
		.help = "",
		.product = "",
		.lmtp = choice & 1,
		.line_endings = choice & 2 ? SMTP_LINES_NORMALISE : SMTP_LINES_STRICT,
		.disabled = (choice & 12) == 12 ? smtp_command_bit(smtp_command_find(bdat)) : 0,
		.command_line = 64,
		.data_line = limits & 1 ? 20 : 1000,
		.message_size = limits & 2 ? 60 : 0,
		.recipients = RECIPIENTS,
		.received_fields = limits & 4 ? 1 : 0,
	};
}

/* The codes of the replies, without those of the greeting and of EHLO: lines with a hyphen go on.
 */
static void check_codes(const struct client *client, const struct heap *codes)
{
	const struct heap *output = &client->output;
	size_t reply = 0;

	for (size_t at = 0; at < output->used;) {
		const char *line = output->bytes + at;
		const char *end = memchr(line, '\n', output->used - at);

		require(end);
		at += (size_t)(end - line) + 1;
		if (line[3] == '-' || reply++ < 2)
			continue;
		require((reply - 2) * CODE_SIZE <= codes->used);
		require(memcmp(codes->bytes + (reply - 3) * CODE_SIZE, line, CODE_SIZE) == 0);
	}
	require((reply - 2) * CODE_SIZE == codes->used);
}

static void play(const struct expectation *expected, bool later, uint32_t seed)
{
	const uint8_t *bytes = (const uint8_t *)expected->wire.bytes;
	struct client client;

	client_open(&client, &expected->settings, expected->verdicts, later);
	if (seed)
		client_feed_in_pieces(&client, bytes, expected->wire.used, seed);
	else
		client_feed(&client, bytes, expected->wire.used);
	check_codes(&client, &expected->codes);
	require(heap_is_same(&client.messages, &expected->messages));
	require((smtp_server_state(client.server) == SMTP_CLOSED) == expected->closed);
	require(expected->closed || client.questions == expected->questions);
	require(!smtp_server_expects_body(client.server) || expected->closed);
	client_close(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	struct expectation expected = { 0 };
	uint32_t seed = 0;
	uint8_t choice = take_byte(&input), limits = take_byte(&input);

	expected.settings = choose_settings(choice, limits);
	expected.verdicts = take_byte(&input);
	for (int i = 0; i < 3; i++)
		seed = seed << 8 | take_byte(&input);
	say(&expected, expected.settings.lmtp ? "LHLO a\r\n" : "EHLO a\r\n");
	for (int i = 0; i < STEPS_MAX && input.length > 0 && !expected.closed; i++)
		steps[take_byte(&input) % (sizeof(steps) / sizeof(steps[0]))](&expected, &input);
	play(&expected, false, 0);
	play(&expected, choice & 64, seed | 1);
	free(expected.message.bytes);
	free(expected.wire.bytes);
	free(expected.codes.bytes);
	free(expected.messages.bytes);
	return 0;
}
