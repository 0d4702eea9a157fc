/*
 * message.c - one message on its way in: its envelope, and its frame
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: sizes, which the client chooses. Trusts: the engine's parsing.
 */
#include "worker/message.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"

#define FIRST_RECIPIENTS 512

/* Makes room for `more` bytes in the list of recipients. */
static bool grow_recipients(struct message *message, size_t more)
{
	struct wire_writer *list = &message->recipients;
	size_t size = list->size ? list->size : FIRST_RECIPIENTS;
	uint8_t *bigger;

	while (size - list->used < more)
		size *= 2;
	if (size == list->size)
		return true;
	bigger = realloc(list->bytes, size);
	if (!bigger)
		return false;
	list->bytes = bigger;
	list->size = size;
	return true;
}

static bool add_row(struct message *message, const struct submission_recipient *row)
{
	if (!grow_recipients(message, row->path.length + row->local.length + row->domain.length +
					      row->parameters.length + 4 * sizeof(uint32_t)))
		return false;
	message->last_recipient = message->recipients.used;
	message_put_recipient(&message->recipients, row);
	require(!message->recipients.failed);
	message->recipient_count++;
	return true;
}

/* Without a body. NULL when memory is short. */
static struct message *make(const char *id, struct smtp_text sender, struct smtp_text parameters,
			    uint32_t flags)
{
	struct message *message = allocate(1, sizeof(*message));

	if (!message)
		return NULL;
	memcpy(message->id, id, strnlen(id, sizeof(message->id) - 1));
	message->flags = flags;
	message->sender = strndup(sender.bytes, sender.length);
	message->parameters = strndup(parameters.bytes, parameters.length);
	if (message->sender && message->parameters)
		return message;
	message_free(message);
	return NULL;
}

/* The parameters, one space between them: each is bounded, and so they fit. */
static struct smtp_text joined(struct smtp_text parameters, char place[ENVELOPE_PARAMETERS_MAX])
{
	size_t used = 0;

	for (size_t i = 0; i < parameters.length && used < ENVELOPE_PARAMETERS_MAX; i++)
		if (parameters.bytes[i] != ' ' || (used > 0 && place[used - 1] != ' '))
			place[used++] = parameters.bytes[i];
	while (used > 0 && place[used - 1] == ' ')
		used--;
	return (struct smtp_text){ place, used };
}

struct message *message_new(const char *id, const struct smtp_path *sender,
			    struct smtp_text parameters, uint32_t flags, struct spool *spool)
{
	char place[ENVELOPE_PARAMETERS_MAX];
	struct message *message = make(id, sender->whole, joined(parameters, place), flags);

	if (!message)
		return NULL;
	message->body = body_new(spool);
	if (message->body)
		return message;
	message_free(message);
	return NULL;
}

static struct smtp_text text_of(const char *string)
{
	return (struct smtp_text){ string, strlen(string) };
}

struct message *message_for_one(const struct message *all,
				const struct submission_recipient *recipient, const char *id)
{
	struct message *message =
		make(id, text_of(all->sender), text_of(all->parameters), all->flags);

	if (!message)
		return NULL;
	message->body = body_hold(all->body);
	if (add_row(message, recipient))
		return message;
	message_free(message);
	return NULL;
}

bool message_add_recipient(struct message *message, const struct smtp_path *recipient,
			   const char *local, struct smtp_text parameters)
{
	struct submission_recipient row = {
		.path = { recipient->whole.bytes, recipient->whole.length },
		.local = { local, strlen(local) },
		.domain = { recipient->domain.bytes, recipient->domain.length },
	};
	char place[ENVELOPE_PARAMETERS_MAX];

	parameters = joined(parameters, place);
	row.parameters = (struct wire_string){ parameters.bytes, parameters.length };
	return add_row(message, &row);
}

void message_last_recipient(const struct message *message, struct submission_recipient *recipient)
{
	struct wire_reader reader = {
		message->recipients.bytes + message->last_recipient,
		message->recipients.used - message->last_recipient,
		0,
		false,
	};

	require(submission_next_recipient(&reader, recipient));
}

void message_drop_recipient(struct message *message)
{
	require(message->last_recipient < message->recipients.used);
	message->recipients.used = message->last_recipient;
	message->recipient_count--;
}

void message_free(struct message *message)
{
	if (message->body)
		body_release(message->body);
	free(message->recipients.bytes);
	free(message->frame);
	free(message->sender);
	free(message->parameters);
	free(message);
}

/* ---- on its way to delivery ---- */

bool message_frame(struct message *message, const struct submission *submission)
{
	/* Longest envelope without its recipients: every string at its bound. */
	size_t fixed =
		1024 + ENVELOPE_HELO_MAX + strlen(message->sender) + strlen(message->parameters);
	size_t size = MESSAGE_HEADER_SIZE + fixed + message->recipients.used;
	struct wire_writer writer = { .size = size - MESSAGE_HEADER_SIZE };

	message->frame = allocate(size, 1);
	if (!message->frame)
		return false;
	writer.bytes = message->frame + MESSAGE_HEADER_SIZE;
	message_put_submission(&writer, submission);
	wire_put_bytes(&writer, message->recipients.bytes, message->recipients.used);
	require(!writer.failed);
	message_put_header(message->frame, MESSAGE_SUBMISSION, (uint32_t)writer.used);
	message->frame_length = MESSAGE_HEADER_SIZE + writer.used;
	return true;
}

int message_parts(const struct message *message, struct iovec *parts)
{
	uint64_t sent = message->sent;
	uint64_t spooled =
		message->frame_length + (uint64_t)message->body->block_count * SPOOL_BLOCK;
	int count = 0;

	if (sent < message->frame_length) {
		parts[count].iov_base = message->frame + sent;
		parts[count++].iov_len = message->frame_length - sent;
		sent = message->frame_length;
	}
	if (sent >= spooled && sent - spooled < message->body->tail_used) {
		parts[count].iov_base = message->body->tail + (sent - spooled);
		parts[count++].iov_len = message->body->tail_used - (sent - spooled);
	}
	return count;
}

bool message_is_in_blocks(const struct message *message)
{
	return message->sent >= message->frame_length &&
	       message->sent <
		       message->frame_length + (uint64_t)message->body->block_count * SPOOL_BLOCK;
}
