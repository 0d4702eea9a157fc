/*
 * engine_client.c - an engine under fuzzing: a policy that decides by numbers, and looks at all
 * that is said
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Distrusts: the engine.
 */
#include "tests/fuzz/engine_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"

void heap_add(struct heap *heap, const char *bytes, size_t length)
{
	if (heap->size - heap->used < length) {
		heap->size = 2 * (heap->size + length);
		heap->bytes = realloc(heap->bytes, heap->size);
		require(heap->bytes);
	}
	if (length)
		memcpy(heap->bytes + heap->used, bytes, length);
	heap->used += length;
}

bool heap_is_same(const struct heap *one, const struct heap *other)
{
	return one->used == other->used &&
	       (one->used == 0 || memcmp(one->bytes, other->bytes, one->used) == 0);
}

/* ---- decisions ---- */

enum smtp_reply verdict(uint32_t verdicts, unsigned number, enum smtp_reply accepted,
			enum smtp_reply rejected)
{
	uint32_t mixed = (verdicts ^ number) * UINT32_C(2654435761) >> 27;

	if (verdicts == 0 || mixed > 8)
		return accepted;
	return mixed == 0 ? SMTP_REPLY_STOPPING : rejected;
}

enum smtp_reply end_verdict(uint32_t verdicts, unsigned number)
{
	return verdict(verdicts, number, SMTP_REPLY_STORED,
		       number & 1 ? SMTP_REPLY_NO_QUOTA : SMTP_REPLY_NO_RELAY);
}

void client_answer(struct client *client)
{
	if (smtp_server_answers_wanted(client->server))
		client->answer = end_verdict(client->verdicts, client->questions++);
	smtp_server_answer(client->server, client->answer, "id");
}

static void client_ask(struct client *client, enum smtp_reply accepted, enum smtp_reply rejected)
{
	client->answer = verdict(client->verdicts, client->questions++, accepted, rejected);
	if (!client->later)
		client_answer(client);
}

static void on_starttls(void *context)
{
	client_ask(context, SMTP_REPLY_TLS_READY, SMTP_REPLY_NO_TLS);
}

static void on_xclient(void *context, const struct smtp_xclient *attributes)
{
	(void)attributes;
	client_ask(context, SMTP_REPLY_GREETING, SMTP_REPLY_NO_MEMORY);
}

static void on_xforward(void *context, const struct smtp_xclient *attributes)
{
	(void)attributes;
	client_ask(context, SMTP_REPLY_OK, SMTP_REPLY_NO_MEMORY);
}

static void on_mail(void *context, const struct smtp_path *sender,
		    const struct smtp_parameters *parameters)
{
	(void)sender;
	(void)parameters;
	client_ask(context, SMTP_REPLY_SENDER_OK, SMTP_REPLY_NO_MEMORY);
}

static void on_rcpt(void *context, const struct smtp_path *recipient,
		    const struct smtp_parameters *parameters)
{
	(void)recipient;
	(void)parameters;
	client_ask(context, SMTP_REPLY_RECIPIENT_OK, SMTP_REPLY_UNKNOWN_USER);
}

static void on_data(void *context)
{
	client_ask(context, SMTP_REPLY_GO_AHEAD, SMTP_REPLY_NO_MEMORY);
}

static void on_body(void *context, const char *bytes, size_t length)
{
	struct client *client = context;

	require(length > 0 && smtp_server_state(client->server) & (SMTP_DATA | SMTP_CHUNK));
	heap_add(&client->body, bytes, length);
}

static void on_end(void *context, uint64_t size)
{
	struct client *client = context;

	client->ends++;
	heap_add(&client->messages, (const char *)&size, sizeof(size));
	heap_add(&client->messages, client->body.bytes, client->body.used);
	while (!client->later && smtp_server_answers_wanted(client->server))
		client_answer(client);
}

static void on_reset(void *context)
{
	struct client *client = context;

	client->body.used = 0;
}

/* ---- what is said ---- */

/* RFC 5321 4.2: code, a space or hyphen, printable ASCII, at most 512 bytes with CR LF. */
static void check_reply(const char *line, size_t length)
{
	static const char id[] = " [" CLIENT_SESSION "]\r\n";

	require(length >= 6 && length <= SMTP_REPLY_SIZE);
	require(memcmp(line + length - 2, "\r\n", 2) == 0);
	require(line[0] >= '2' && line[0] <= '5' && line[1] >= '0' && line[1] <= '5');
	require(line[2] >= '0' && line[2] <= '9');
	require(line[3] == ' ' || (line[3] == '-' && memcmp(line, "250", 3) == 0));
	for (size_t i = 4; i < length - 2; i++)
		require(line[i] >= ' ' && line[i] <= '~');
	require(line[0] < '4' || (length > sizeof(id) &&
				  memcmp(line + length - sizeof(id) + 1, id, sizeof(id) - 1) == 0));
	if (line[4] >= '2' && line[4] <= '5' && line[5] == '.')
		require(line[4] == line[0]); /* RFC 3463 2: the class of both */
	require(line[0] < '4' || line[5] == '.');
}

static void on_output(void *context, const char *bytes, size_t length)
{
	struct client *client = context;

	check_reply(bytes, length);
	client->last_reply = client->output.used;
	heap_add(&client->output, bytes, length);
}

static void on_rejected(void *context, const struct smtp_rejection *rejection)
{
	struct client *client = context;
	const char *reply = client->output.bytes + client->last_reply;
	size_t length = strlen(rejection->text);

	client->rejections++;
	require(length + 2 == client->output.used - client->last_reply);
	require(memcmp(rejection->text, reply, length) == 0);
	require(!memchr(rejection->command.bytes, '\n', rejection->command.length));
	require(!memchr(rejection->argument.bytes, '\n', rejection->argument.length));
}

static void on_command(void *context, struct smtp_text line)
{
	struct client *client = context;

	require(!memchr(line.bytes, '\r', line.length) && !memchr(line.bytes, '\0', line.length));
	heap_add(&client->lines, line.bytes, line.length);
	heap_add(&client->lines, "\n", 1);
}

static const struct smtp_policy client_policy = {
	.starttls = on_starttls,
	.xclient = on_xclient,
	.xforward = on_xforward,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.end = on_end,
	.reset = on_reset,
	.output = on_output,
	.rejected = on_rejected,
	.command = on_command,
};

/* ---- a session ---- */

void client_open(struct client *client, const struct smtp_settings *settings, uint32_t verdicts,
		 bool later)
{
	*client = (struct client){ .verdicts = verdicts, .later = later };
	client->server = smtp_server_new(settings, &client_policy, client, CLIENT_SESSION);
	require(client->server);
	smtp_server_greet(client->server);
}

void client_close(struct client *client)
{
	smtp_server_free(client->server);
	free(client->output.bytes);
	free(client->lines.bytes);
	free(client->body.bytes);
	free(client->messages.bytes);
}

/* From a copy: a byte read behind its end, or after it has gone, shows under ASan. */
size_t client_offer(struct client *client, const uint8_t *bytes, size_t length)
{
	char *copy = malloc(length);
	size_t used;

	require(copy);
	memcpy(copy, bytes, length);
	used = smtp_server_input(client->server, copy, length);
	free(copy);
	return used;
}

void client_feed(struct client *client, const uint8_t *bytes, size_t length)
{
	while (length && smtp_server_state(client->server) != SMTP_CLOSED) {
		size_t used = client_offer(client, bytes, length);

		bytes += used;
		length -= used;
		while (smtp_server_is_waiting(client->server))
			client_answer(client);
		if (smtp_server_state(client->server) == SMTP_SECURING)
			smtp_server_secured(client->server);
	}
}

void client_feed_in_pieces(struct client *client, const uint8_t *bytes, size_t length,
			   uint32_t seed)
{
	while (length) {
		size_t piece = 1 + (seed >> 16) % 40;

		seed = seed * 1664525 + 1013904223;
		if (piece > length)
			piece = length;
		client_feed(client, bytes, piece);
		bytes += piece;
		length -= piece;
	}
}

void client_compare(const struct client *one, const struct client *other)
{
	require(heap_is_same(&one->output, &other->output));
	require(heap_is_same(&one->lines, &other->lines));
	require(heap_is_same(&one->messages, &other->messages));
	require(one->ends == other->ends && one->rejections == other->rejections);
	require(smtp_server_state(one->server) == smtp_server_state(other->server));
	require(smtp_server_commands(one->server) == smtp_server_commands(other->server));
	require(smtp_server_body_bytes(one->server) == smtp_server_body_bytes(other->server));
}
