/*
 * message.c - one message on its way in: envelope and body
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: sizes, which the client chooses. Trusts: the engine's parsing.
 */
#include "worker/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/log/log.h"

#define FIRST_TAIL 8192
#define FIRST_RECIPIENTS 512

struct message *message_new(const char *id, const struct smtp_path *sender, uint32_t flags)
{
	struct message *message = allocate(1, sizeof(*message));

	if (!message)
		return NULL;
	message->sender = strndup(sender->whole.bytes, sender->whole.length);
	if (!message->sender) {
		free(message);
		return NULL;
	}
	memcpy(message->id, id, strnlen(id, sizeof(message->id) - 1));
	message->flags = flags;
	return message;
}

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

bool message_add_recipient(struct message *message, const struct smtp_path *recipient,
			   const char *local)
{
	struct submission_recipient row = {
		.path = { recipient->whole.bytes, recipient->whole.length },
		.local = { local, strlen(local) },
		.domain = { recipient->domain.bytes, recipient->domain.length },
	};

	if (!grow_recipients(message, row.path.length + row.local.length + row.domain.length +
					      3 * sizeof(uint32_t)))
		return false;
	message_put_recipient(&message->recipients, &row);
	require(!message->recipients.failed);
	message->recipient_count++;
	return true;
}

void message_drop_body(struct message *message, struct spool *spool)
{
	for (size_t i = 0; i < message->block_count; i++)
		spool_give_back(spool, message->blocks[i]);
	free(message->blocks);
	free(message->tail);
	message->blocks = NULL;
	message->tail = NULL;
	message->block_count = message->block_room = 0;
	message->tail_used = message->tail_size = 0;
	message->dropped = true;
}

void message_free(struct message *message, struct spool *spool)
{
	message_drop_body(message, spool);
	free(message->recipients.bytes);
	free(message->frame);
	free(message->sender);
	free(message);
}

static void fail(struct message *message, struct spool *spool, enum smtp_reply fault,
		 const char *what)
{
	struct log_line line;

	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "message", message->id);
	log_text(&line, "what", what);
	log_text(&line, "reason", strerror(errno));
	log_end(&line);
	message->failed = true;
	message->fault = fault;
	message->failed_by = what;
	message_drop_body(message, spool);
}

static bool grow_tail(struct message *message)
{
	size_t size = message->tail_size ? message->tail_size * 2 : FIRST_TAIL;
	char *bigger = realloc(message->tail, size);

	if (!bigger)
		return false;
	message->tail = bigger;
	message->tail_size = size;
	return true;
}

static bool grow_blocks(struct message *message)
{
	size_t room = message->block_room ? message->block_room * 2 : 16;
	uint32_t *bigger = reallocarray(message->blocks, room, sizeof(*bigger));

	if (!bigger)
		return false;
	message->blocks = bigger;
	message->block_room = room;
	return true;
}

/* The tail is a full block: into the spool with it. */
static void spill(struct message *message, struct spool *spool)
{
	uint32_t block;

	if (message->block_count == message->block_room && !grow_blocks(message)) {
		fail(message, spool, SMTP_REPLY_NO_MEMORY, "memory");
		return;
	}
	block = spool_take(spool);
	if (block == SPOOL_NONE) {
		errno = ENOSPC;
		fail(message, spool, SMTP_REPLY_NO_ROOM, "spool");
		return;
	}
	message->blocks[message->block_count++] = block;
	if (!spool_write(spool, block, message->tail))
		fail(message, spool, errno == ENOSPC ? SMTP_REPLY_NO_ROOM : SMTP_REPLY_SYSTEM_ERROR,
		     "spool");
	message->tail_used = 0;
}

static size_t add_to_tail(struct message *message, const char *bytes, size_t length)
{
	size_t room = message->tail_size - message->tail_used;
	size_t taken = length < room ? length : room;

	memcpy(message->tail + message->tail_used, bytes, taken);
	message->tail_used += taken;
	return taken;
}

void message_add_body(struct message *message, struct spool *spool, const char *bytes,
		      size_t length)
{
	size_t taken;

	while (length && !message->dropped) {
		if (message->tail_used == SPOOL_BLOCK) {
			spill(message, spool);
			continue;
		}
		if (message->tail_used == message->tail_size && !grow_tail(message)) {
			fail(message, spool, SMTP_REPLY_NO_MEMORY, "memory");
			continue;
		}
		taken = add_to_tail(message, bytes, length);
		bytes += taken;
		length -= taken;
	}
}

uint64_t message_body_length(const struct message *message)
{
	return (uint64_t)message->block_count * SPOOL_BLOCK + message->tail_used;
}
