/*
 * engine_fixture.c - an engine with a policy that writes down what happens
 */
#include "tests/unit/engine_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	if (recorder->later)
		return;
	do
		smtp_server_answer(recorder->server, reply, "id");
	while (smtp_server_answers_wanted(recorder->server));
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
	reply_with(context, SMTP_REPLY_GO_AHEAD);
}

static void on_body(void *context, const char *bytes, size_t length)
{
	struct recorder *recorder = context;

	ck_assert_uint_lt(recorder->body_used + length, LOG_SIZE);
	memcpy(recorder->body + recorder->body_used, bytes, length);
	recorder->body_used += length;
}

static void on_end(void *context, uint64_t size)
{
	struct recorder *recorder = context;

	ck_assert_uint_ge(size, recorder->body_used);
	note(recorder, recorder->body, recorder->body_used);
	note(recorder, "end", 3);
	reply_with(recorder, SMTP_REPLY_STORED);
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

static void on_rejected(void *context, const struct smtp_rejection *rejection)
{
	struct recorder *recorder = context;

	recorder->rejections++;
	if (rejection->limit)
		snprintf(recorder->last_limit, sizeof(recorder->last_limit), "%s",
			 rejection->limit);
	/* Reads every byte the rejection names: stale ones show under ASan. */
	for (size_t i = 0; i < rejection->command.length; i++)
		ck_assert_int_ne(rejection->command.bytes[i], '\n');
	for (size_t i = 0; i < rejection->argument.length; i++)
		ck_assert_int_ne(rejection->argument.bytes[i], '\n');
}

static void on_starttls(void *context)
{
	reply_with(context, SMTP_REPLY_TLS_READY);
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
	.end = on_end,
	.reset = on_reset,
	.output = on_output,
	.rejected = on_rejected,
};

struct smtp_settings settings = {
	.hostname = "mx.example.org",
	.greeting = "",
	.helo = "",
	.closing = "Bye",
	.help = "",
	.product = "",
	.command_line = 512,
	.data_line = 1000,
	.message_size = 10000,
	.recipients = 3,
	.errors = 0,
	.unknown_commands = 0,
};

struct recorder *recorder_new(void)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	recorder->server = smtp_server_new(&settings, &policy, recorder, NULL);
	return recorder;
}

void recorder_free(struct recorder *recorder)
{
	smtp_server_free(recorder->server);
	free(recorder);
}

void recorder_feed(struct recorder *recorder, const char *bytes, size_t length)
{
	while (length && smtp_server_state(recorder->server) != SMTP_CLOSED) {
		char *copy = malloc(length);
		size_t used;

		memcpy(copy, bytes, length);
		used = smtp_server_input(recorder->server, copy, length);
		free(copy);
		bytes += used;
		length -= used;
		if (smtp_server_state(recorder->server) == SMTP_SECURING)
			smtp_server_secured(recorder->server);
		while (smtp_server_is_waiting(recorder->server))
			smtp_server_answer(recorder->server, recorder->answer, "id");
	}
}

void recorder_say(struct recorder *recorder, const char *text)
{
	recorder->output_used = 0;
	recorder->output[0] = '\0';
	recorder_feed(recorder, text, strlen(text));
}
