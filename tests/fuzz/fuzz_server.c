/*
 * fuzz_server.c - the SMTP engine, fed with anything, split anywhere
 *
 * The first bytes choose how the rest is split and when questions are answered. The same bytes in
 * one piece must give the same replies, and a message ends only where CR LF . CR LF stands.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct client {
	struct smtp_server *server;
	bool later;
	enum smtp_reply answer;
	char *output;
	size_t used, size;
	unsigned ends;
};

static void reply_with(struct client *client, enum smtp_reply reply)
{
	client->answer = reply;
	if (!client->later)
		smtp_server_answer(client->server, reply, "id");
}

static void on_mail(void *context, const struct smtp_path *sender,
		    const struct smtp_parameters *parameters)
{
	(void)parameters;
	reply_with(context,
		   sender->whole.length % 7 == 6 ? SMTP_REPLY_NO_MEMORY : SMTP_REPLY_SENDER_OK);
}

static void on_rcpt(void *context, const struct smtp_path *recipient,
		    const struct smtp_parameters *parameters)
{
	(void)parameters;
	reply_with(context, recipient->whole.length % 5 == 4 ? SMTP_REPLY_UNKNOWN_USER
							     : SMTP_REPLY_RECIPIENT_OK);
}

static void on_data(void *context)
{
	reply_with(context, SMTP_REPLY_GO_AHEAD);
}

static void on_end(void *context, uint64_t size)
{
	struct client *client = context;

	(void)size;
	client->ends++;
	reply_with(context, SMTP_REPLY_STORED);
}

static void on_output(void *context, const char *bytes, size_t length)
{
	struct client *client = context;

	if (client->size - client->used < length) {
		client->size = 2 * (client->size + length);
		client->output = realloc(client->output, client->size);
	}
	memcpy(client->output + client->used, bytes, length);
	client->used += length;
}

static void on_rejected(void *context, const struct smtp_rejection *rejection)
{
	(void)context;
	require(!memchr(rejection->command.bytes, '\n', rejection->command.length));
	require(!memchr(rejection->argument.bytes, '\n', rejection->argument.length));
}

static const struct smtp_policy policy = {
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.end = on_end,
	.output = on_output,
	.rejected = on_rejected,
};

static const struct smtp_settings settings = {
	.hostname = "mx.example",
	.greeting = "",
	.command_line = 128,
	.data_line = 100,
	.message_size = 2000,
	.recipients = 3,
	.errors = 12,
	.unknown_commands = 8,
};

static void open_client(struct client *client, bool later)
{
	memset(client, 0, sizeof(*client));
	client->later = later;
	client->server = smtp_server_new(&settings, &policy, client);
}

static void feed(struct client *client, const uint8_t *bytes, size_t length)
{
	while (length && smtp_server_state(client->server) != SMTP_CLOSED) {
		uint8_t *copy = malloc(length);
		size_t used;

		memcpy(copy, bytes, length);
		used = smtp_server_input(client->server, (const char *)copy, length);
		free(copy);
		bytes += used;
		length -= used;
		if (smtp_server_is_waiting(client->server))
			smtp_server_answer(client->server, client->answer, "id");
	}
}

static void feed_in_pieces(struct client *client, const uint8_t *bytes, size_t length,
			   uint32_t seed)
{
	while (length) {
		size_t piece = 1 + (seed >> 16) % 40;

		seed = seed * 1664525 + 1013904223;
		if (piece > length)
			piece = length;
		feed(client, bytes, piece);
		bytes += piece;
		length -= piece;
	}
}

static unsigned count_ends(const uint8_t *bytes, size_t length)
{
	unsigned count = 0;

	for (size_t i = 0; i + 5 <= length; i++)
		count += memcmp(bytes + i, "\r\n.\r\n", 5) == 0;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct client whole, split;
	uint32_t seed;

	if (length < sizeof(seed))
		return 0;
	memcpy(&seed, bytes, sizeof(seed));
	bytes += sizeof(seed);
	length -= sizeof(seed);
	open_client(&whole, false);
	open_client(&split, seed & 1);
	feed(&whole, bytes, length);
	feed_in_pieces(&split, bytes, length, seed);
	require(whole.used == split.used);
	require(whole.used == 0 || memcmp(whole.output, split.output, whole.used) == 0);
	require(smtp_server_state(whole.server) == smtp_server_state(split.server));
	require(whole.ends <= count_ends(bytes, length));
	smtp_server_free(whole.server);
	smtp_server_free(split.server);
	free(whole.output);
	free(split.output);
	return 0;
}
