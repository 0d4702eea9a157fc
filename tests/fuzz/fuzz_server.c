/*
 * fuzz_server.c - the SMTP engine, fed with anything, split anywhere
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: 12 bytes that choose settings, decisions and how the rest is split; the
 * rest is what a client says.
 *
 * The same bytes in one piece, in pieces and one by one must give the same
 * replies, commands and messages, whether questions are answered now or later.
 * Byte by byte the engine is held against octet_model.c: no byte of a message
 * becomes a command, none of a command a message, and messages end where they end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fail/fail.h"
#include "common/smtp/command.h"
#include "common/smtp/extension.h"
#include "tests/fuzz/engine_client.h"
#include "tests/fuzz/octet_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The first bytes. */
struct choices {
	uint8_t protocol, disabled, limits, privileges;
	uint8_t verdicts[2];
	uint8_t close_at; /* eights of bytes; 0: never */
	uint8_t answers;
	uint8_t seed[4];
};

struct plan {
	struct smtp_settings settings;
	uint32_t verdicts, seed;
	unsigned privileges;
	size_t close_at;
	bool later, secured;
};

#define BIT(byte, number) ((byte) >> (number)&1)

static uint64_t command_bit(const char *verb)
{
	return smtp_command_bit(smtp_command_find((struct smtp_text){ verb, strlen(verb) }));
}

static uint64_t choose_disabled(uint8_t choice)
{
	static const char *const verbs[] = { "BDAT", "VRFY", "STARTTLS", "HELP", "XCLIENT" };
	uint64_t disabled = 0;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (BIT(choice, i))
			disabled |= command_bit(verbs[i]);
	return disabled;
}

static uint32_t choose_hidden(uint8_t choice)
{
	return (BIT(choice, 5) ? smtp_extension_bit("CHUNKING") : 0) |
	       (BIT(choice, 6) ? smtp_extension_bit("PIPELINING") : 0) |
	       (BIT(choice, 7) ? smtp_extension_bit("STARTTLS") : 0);
}

static struct smtp_settings choose_settings(const struct choices *choices)
{
	static const enum smtp_tls tls[] = { SMTP_TLS_NONE, SMTP_TLS_OPTIONAL, SMTP_TLS_REQUIRED,
					     SMTP_TLS_REQUIRED };
	uint8_t protocol = choices->protocol, limits = choices->limits;

	return (struct smtp_settings){
		.hostname = "mx.example",
		.greeting = BIT(limits, 7) ? "hello" : "",
		.helo = "",
		.closing = "Bye",
		.help = "",
		.product = BIT(limits, 7) ? "postern" : "",
		.lmtp = BIT(protocol, 0),
		.line_endings = BIT(protocol, 1) ? SMTP_LINES_NORMALISE : SMTP_LINES_STRICT,
		.tls = tls[protocol >> 2 & 3],
		.little_before_tls = (protocol >> 2 & 3) == 3,
		.strict_addresses = BIT(protocol, 5),
		.helo_argument_optional = BIT(protocol, 6),
		.hidden = choose_hidden(choices->disabled),
		.disabled = choose_disabled(choices->disabled),
		.command_line = BIT(limits, 6) ? 40 : 128,
		.data_line = 100,
		.message_size = (uint64_t[]){ 2000, 50, 0, 5 }[limits & 3],
		.recipients = 3,
		.errors = BIT(limits, 2) ? 12 : 0,
		.unknown_commands = BIT(limits, 3) ? 4 : 0,
		.idle_commands = BIT(limits, 4) ? 6 : 0,
		.received_fields = BIT(limits, 5) ? 2 : 0,
	};
}

static struct plan make_plan(const struct choices *choices)
{
	struct plan plan = {
		.settings = choose_settings(choices),
		.verdicts = (uint32_t)choices->verdicts[0] << 8 | choices->verdicts[1],
		.privileges = choices->privileges & 3,
		.close_at = choices->close_at * 8,
		.later = BIT(choices->answers, 0),
		.secured = BIT(choices->protocol, 4),
	};

	memcpy(&plan.seed, choices->seed, sizeof(plan.seed));
	return plan;
}

/* ---- sessions ---- */

static void begin(struct client *client, const struct plan *plan, bool later)
{
	client_open(client, &plan->settings, plan->verdicts, later);
	smtp_server_permit(client->server, plan->privileges);
	if (plan->secured)
		smtp_server_secured(client->server);
}

/* At the place that was chosen the session is asked to close when nothing is in hand. */
static void close_at(struct client *client, const struct plan *plan, size_t place)
{
	if (place == plan->close_at && place > 0)
		smtp_server_close_after(client->server, SMTP_REPLY_STOPPING,
					plan->settings.hostname);
}

typedef void feeder(struct client *client, const uint8_t *bytes, size_t length,
		    const struct plan *plan);

static void feed_whole(struct client *client, const uint8_t *bytes, size_t length,
		       const struct plan *plan)
{
	(void)plan;
	client_feed(client, bytes, length);
}

static void feed_split(struct client *client, const uint8_t *bytes, size_t length,
		       const struct plan *plan)
{
	client_feed_in_pieces(client, bytes, length, plan->seed);
}

static void play(struct client *client, const uint8_t *bytes, size_t length,
		 const struct plan *plan, feeder *feed)
{
	size_t first = plan->close_at < length ? plan->close_at : length;

	feed(client, bytes, first, plan);
	close_at(client, plan, first);
	feed(client, bytes + first, length - first, plan);
}

/* ---- byte by byte, beside the model ---- */

/* What the engine had done before a byte. */
struct before {
	size_t lines, body, output;
	unsigned ends;
};

static bool is_closed(const struct client *client)
{
	return smtp_server_state(client->server) == SMTP_CLOSED;
}

static struct before note(const struct client *client)
{
	return (struct before){ client->lines.used, client->body.used, client->output.used,
				client->ends };
}

/* The line has come to the policy, as it is, and only now. */
static void check_command(const struct client *client, const struct octet_model *model,
			  const struct before *before)
{
	size_t length = strlen(model->line);

	require(client->lines.used == before->lines + length + 1);
	require(memcmp(client->lines.bytes + before->lines, model->line, length) == 0);
}

static bool is_bdat_without_octets(const struct octet_model *model, enum model_event event)
{
	return event == MODEL_COMMAND && model->place == MODEL_IN_LINE &&
	       strncasecmp(model->line, "BDAT ", 5) == 0;
}

static void check_byte(const struct client *client, const struct octet_model *model,
		       const struct before *before, enum model_event event)
{
	bool ends_chunk = event == MODEL_CHUNK || is_bdat_without_octets(model, event);
	bool may_end = event == MODEL_END_OF_DATA || (ends_chunk && model->is_last);
	bool was_message = event == MODEL_CHUNK || event == MODEL_END_OF_DATA ||
			   (event == MODEL_NOTHING &&
			    (model->place == MODEL_IN_CHUNK || model->place == MODEL_IN_DATA));

	if (event == MODEL_COMMAND)
		check_command(client, model, before);
	else
		require(client->lines.used == before->lines);
	require(client->ends <= before->ends + may_end);
	/* A CR that was held back may come with the end of the last chunk. */
	require(was_message || ends_chunk || client->body.used <= before->body);
	/* Nothing is said of a message before its end. */
	if (was_message && event == MODEL_NOTHING)
		require(client->output.used == before->output);
	else if (event == MODEL_COMMAND && model->place == MODEL_IN_CHUNK)
		require(client->output.used == before->output || is_closed(client));
	else if (event != MODEL_NOTHING && event != MODEL_FAULTY)
		require(client->output.used > before->output);
	if (model->place == MODEL_LOST)
		require(is_closed(client));
}

/* The handshake of TLS in place of a line: it closes, whatever follows. */
static bool is_handshake(const struct octet_model *model, uint8_t byte)
{
	return model->place == MODEL_IN_LINE && model->used == 0 && byte == 0x16;
}

static void step(struct client *client, struct octet_model *model, uint8_t byte)
{
	struct before before = note(client);
	enum model_event event;

	if (is_handshake(model, byte)) {
		client_feed(client, &byte, 1);
		require(is_closed(client));
		return;
	}
	event = model_byte(model, (char)byte);
	client_feed(client, &byte, 1);
	if (event == MODEL_COMMAND && smtp_server_state(client->server) == SMTP_DATA)
		model_data(model);
	check_byte(client, model, &before, event);
}

static void feed_steps(struct client *client, const uint8_t *bytes, size_t length,
		       struct octet_model *model)
{
	for (size_t i = 0; i < length && !is_closed(client); i++)
		step(client, model, bytes[i]);
}

static void play_steps(struct client *client, const uint8_t *bytes, size_t length,
		       const struct plan *plan)
{
	size_t first = plan->close_at < length ? plan->close_at : length;
	struct octet_model model;

	model_begin(&model, plan->settings.command_line,
		    plan->settings.line_endings == SMTP_LINES_NORMALISE);
	feed_steps(client, bytes, first, &model);
	close_at(client, plan, first);
	feed_steps(client, bytes + first, length - first, &model);
}

/* Asked to close, the session goes on for a message in hand only. */
static void check_closing(const struct client *client, const struct plan *plan, size_t length)
{
	bool is_asked = plan->close_at > 0 && plan->close_at <= length;
	bool is_in_message = smtp_server_expects_body(client->server) ||
			     smtp_server_state(client->server) == SMTP_CHUNKS;

	require(!is_asked || is_closed(client) || is_in_message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct client whole, split, steps;
	struct choices choices;
	struct plan plan;

	if (length < sizeof(choices))
		return 0;
	memcpy(&choices, bytes, sizeof(choices));
	bytes += sizeof(choices);
	length -= sizeof(choices);
	plan = make_plan(&choices);
	begin(&whole, &plan, false);
	begin(&split, &plan, plan.later);
	begin(&steps, &plan, !plan.later);
	play(&whole, bytes, length, &plan, feed_whole);
	play(&split, bytes, length, &plan, feed_split);
	play_steps(&steps, bytes, length, &plan);
	client_compare(&whole, &split);
	client_compare(&whole, &steps);
	check_closing(&whole, &plan, length);
	client_close(&whole);
	client_close(&split);
	client_close(&steps);
	return 0;
}
