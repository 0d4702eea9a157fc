/*
 * engine_fixture.c - an engine with a policy that writes down what happens
 */
#include "tests/unit/engine_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/command.h"
#include "common/smtp/extension.h"

static void note(struct recorder *recorder, const char *text, size_t length)
{
	ck_assert_uint_lt(recorder->events_used + length + 1, LOG_SIZE);
	memcpy(recorder->events + recorder->events_used, text, length);
	recorder->events_used += length;
	recorder->events[recorder->events_used++] = ';';
	recorder->events[recorder->events_used] = '\0';
}

static void reply_with(struct recorder *recorder, enum smtp_reply reply)
{
	recorder->answer = reply;
	if (!recorder->later)
		smtp_server_answer(recorder->server, reply, "id");
}

void recorder_answer(struct recorder *recorder)
{
	if (smtp_server_answers_wanted(recorder->server))
		recorder->answer = recorder->end_answers[recorder->answers_given++];
	smtp_server_answer(recorder->server, recorder->answer, "id");
}

static bool contains(struct smtp_text text, const char *word)
{
	return memmem(text.bytes, text.length, word, strlen(word)) != NULL;
}

static void on_mail(void *context, const struct smtp_path *sender,
		    const struct smtp_parameters *parameters)
{
	(void)parameters;
	note(context, sender->whole.bytes, sender->whole.length);
	reply_with(context,
		   contains(sender->whole, "nobody") ? SMTP_REPLY_NO_MEMORY : SMTP_REPLY_SENDER_OK);
}

static void on_rcpt(void *context, const struct smtp_path *recipient,
		    const struct smtp_parameters *parameters)
{
	(void)parameters;
	note(context, recipient->whole.bytes, recipient->whole.length);
	reply_with(context, contains(recipient->whole, "unknown") ? SMTP_REPLY_UNKNOWN_USER
								  : SMTP_REPLY_RECIPIENT_OK);
}

static void on_data(void *context)
{
	struct recorder *recorder = context;

	reply_with(recorder, recorder->data_answer);
}

static void on_body(void *context, const char *bytes, size_t length)
{
	struct recorder *recorder = context;

	ck_assert_uint_lt(recorder->body_used + length, LOG_SIZE);
	memcpy(recorder->body + recorder->body_used, bytes, length);
	recorder->body_used += length;
}

static void on_doomed(void *context)
{
	struct recorder *recorder = context;

	recorder->dooms++;
}

static void on_end(void *context, uint64_t size)
{
	struct recorder *recorder = context;

	ck_assert_uint_ge(size, recorder->body_used);
	ck_assert_uint_le(smtp_server_answers_wanted(recorder->server), ANSWERS_MAX);
	memcpy(recorder->message, recorder->body, recorder->body_used);
	recorder->message_length = recorder->body_used;
	recorder->message_size = size;
	note(recorder, recorder->body, recorder->body_used);
	note(recorder, "end", 3);
	recorder->ends++;
	recorder->answers_given = 0;
	while (!recorder->later && smtp_server_answers_wanted(recorder->server))
		recorder_answer(recorder);
}

static void on_reset(void *context)
{
	struct recorder *recorder = context;

	recorder->body_used = 0;
	note(recorder, "reset", 5);
}

static void on_output(void *context, const char *bytes, size_t length)
{
	struct recorder *recorder = context;

	ck_assert_uint_lt(recorder->output_used + length, LOG_SIZE);
	memcpy(recorder->output + recorder->output_used, bytes, length);
	recorder->output_used += length;
	recorder->output[recorder->output_used] = '\0';
}

/* Reads every byte: stale ones show under ASan. */
static void copy_text(struct smtp_text text, char *place, size_t size)
{
	ck_assert_uint_lt(text.length, size);
	ck_assert_ptr_null(memchr(text.bytes, '\n', text.length));
	memcpy(place, text.bytes, text.length);
	place[text.length] = '\0';
}

static void on_rejected(void *context, const struct smtp_rejection *rejection)
{
	struct recorder *recorder = context;
	struct recorded_rejection *last = &recorder->rejection;

	recorder->rejections++;
	last->reply = rejection->reply;
	last->closes = rejection->closes;
	last->value = rejection->value;
	snprintf(last->text, sizeof(last->text), "%s", rejection->text);
	snprintf(last->limit, sizeof(last->limit), "%s", rejection->limit ? rejection->limit : "");
	copy_text(rejection->command, last->command, sizeof(last->command));
	copy_text(rejection->argument, last->argument, sizeof(last->argument));
}

static void on_command(void *context, struct smtp_text line)
{
	struct recorder *recorder = context;

	ck_assert_uint_lt(recorder->commands_used + line.length + 1, LOG_SIZE);
	memcpy(recorder->commands + recorder->commands_used, line.bytes, line.length);
	recorder->commands_used += line.length;
	recorder->commands[recorder->commands_used++] = ';';
	recorder->commands[recorder->commands_used] = '\0';
}

static void on_starttls(void *context)
{
	struct recorder *recorder = context;

	reply_with(recorder, recorder->tls_answer);
}

static void on_xclient(void *context, const struct smtp_xclient *attributes)
{
	struct recorder *recorder = context;
	const char *name = attributes->attributes[SMTP_XCLIENT_NAME].text;

	note(recorder, name, strlen(name));
	reply_with(recorder, SMTP_REPLY_GREETING);
}

static void on_xforward(void *context, const struct smtp_xclient *attributes)
{
	struct recorder *recorder = context;
	const char *name = attributes->attributes[SMTP_XCLIENT_NAME].text;

	note(recorder, name, strlen(name));
	reply_with(recorder, SMTP_REPLY_OK);
}

static const struct smtp_policy policy = {
	.starttls = on_starttls,
	.xclient = on_xclient,
	.xforward = on_xforward,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.doomed = on_doomed,
	.end = on_end,
	.reset = on_reset,
	.output = on_output,
	.rejected = on_rejected,
	.command = on_command,
};

/* What settings_restore() goes back to. */
#define DEFAULTS                                                                            \
	{                                                                                   \
		.hostname = "mx.example.org", .greeting = "", .helo = "", .closing = "Bye", \
		.help = "", .product = "", .command_line = 512, .data_line = 1000,          \
		.message_size = 10000, .recipients = 3, .errors = 0, .unknown_commands = 0, \
	}

struct smtp_settings settings = DEFAULTS;

void settings_restore(void)
{
	settings = (struct smtp_settings)DEFAULTS;
}

uint32_t hide(const char *keyword)
{
	uint32_t bit = smtp_extension_bit(keyword);

	ck_assert_msg(bit, "no extension %s", keyword);
	return bit;
}

uint64_t disable(const char *verb)
{
	const struct smtp_command *row =
		smtp_command_find((struct smtp_text){ verb, strlen(verb) });

	ck_assert_msg(row != NULL, "no command %s", verb);
	return smtp_command_bit(row);
}

struct recorder *recorder_named(const char *session)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	recorder->tls_answer = SMTP_REPLY_TLS_READY;
	recorder->data_answer = SMTP_REPLY_GO_AHEAD;
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		recorder->end_answers[i] = SMTP_REPLY_STORED;
	recorder->server = smtp_server_new(&settings, &policy, recorder, session);
	return recorder;
}

struct recorder *recorder_new(void)
{
	return recorder_named(NULL);
}

void recorder_free(struct recorder *recorder)
{
	smtp_server_free(recorder->server);
	free(recorder);
}

/* From a copy: a byte read behind its end, or after it has gone, shows under ASan. */
static size_t offer(struct recorder *recorder, const char *bytes, size_t length)
{
	char *copy = malloc(length);
	size_t used;

	memcpy(copy, bytes, length);
	used = smtp_server_input(recorder->server, copy, length);
	free(copy);
	return used;
}

void recorder_feed(struct recorder *recorder, const char *bytes, size_t length)
{
	while (length && smtp_server_state(recorder->server) != SMTP_CLOSED) {
		size_t used = offer(recorder, bytes, length);

		bytes += used;
		length -= used;
		while (smtp_server_is_waiting(recorder->server))
			recorder_answer(recorder);
		if (smtp_server_state(recorder->server) == SMTP_SECURING)
			smtp_server_secured(recorder->server);
	}
}

void recorder_feed_in_pieces(struct recorder *recorder, const char *bytes, size_t length,
			     size_t first, size_t piece)
{
	size_t used = first < length ? first : length;

	recorder_feed(recorder, bytes, used);
	while (used < length) {
		size_t next = piece < length - used ? piece : length - used;

		recorder_feed(recorder, bytes + used, next);
		used += next;
	}
}

void recorder_compare(const struct recorder *one, const struct recorder *other)
{
	ck_assert_str_eq(one->output, other->output);
	ck_assert_uint_eq(one->events_used, other->events_used);
	ck_assert_mem_eq(one->events, other->events, one->events_used);
	ck_assert_uint_eq(one->commands_used, other->commands_used);
	ck_assert_mem_eq(one->commands, other->commands, one->commands_used);
	ck_assert_int_eq(one->rejections, other->rejections);
	ck_assert_str_eq(one->rejection.text, other->rejection.text);
	ck_assert_str_eq(one->rejection.command, other->rejection.command);
	ck_assert_str_eq(one->rejection.argument, other->rejection.argument);
	ck_assert_int_eq(smtp_server_state(one->server), smtp_server_state(other->server));
	ck_assert_uint_eq(smtp_server_commands(one->server), smtp_server_commands(other->server));
	ck_assert_uint_eq(smtp_server_body_bytes(one->server),
			  smtp_server_body_bytes(other->server));
}

static void forget_output(struct recorder *recorder)
{
	recorder->output_used = 0;
	recorder->output[0] = '\0';
}

void recorder_say(struct recorder *recorder, const char *text)
{
	forget_output(recorder);
	recorder_feed(recorder, text, strlen(text));
}

size_t recorder_offer(struct recorder *recorder, const char *text)
{
	forget_output(recorder);
	return offer(recorder, text, strlen(text));
}
