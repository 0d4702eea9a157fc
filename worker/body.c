/*
 * body.c - the body of a message on its way in
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: sizes, which the client chooses.
 */
#include "worker/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/log/log.h"

#define FIRST_TAIL 8192

struct body *body_new(struct spool *spool)
{
	struct body *body = allocate(1, sizeof(*body));

	if (!body)
		return NULL;
	body->spool = spool;
	body->holders = 1;
	return body;
}

struct body *body_hold(struct body *body)
{
	body->holders++;
	return body;
}

void body_release(struct body *body)
{
	if (--body->holders > 0)
		return;
	body_drop(body);
	free(body);
}

void body_drop(struct body *body)
{
	for (size_t i = 0; i < body->block_count; i++)
		spool_give_back(body->spool, body->blocks[i]);
	free(body->blocks);
	free(body->tail);
	body->blocks = NULL;
	body->tail = NULL;
	body->block_count = body->block_room = 0;
	body->tail_used = body->tail_size = 0;
	body->dropped = true;
}

static void fail(struct body *body, const char *id, enum smtp_reply fault, const char *what)
{
	struct log_line line;

	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "message", id);
	log_text(&line, "what", what);
	log_text(&line, "reason", strerror(errno));
	log_end(&line);
	body->failed = true;
	body->fault = fault;
	body->failed_by = what;
	body_drop(body);
}

static bool grow_tail(struct body *body)
{
	size_t size = body->tail_size ? body->tail_size * 2 : FIRST_TAIL;
	char *bigger = realloc(body->tail, size);

	if (!bigger)
		return false;
	body->tail = bigger;
	body->tail_size = size;
	return true;
}

static bool grow_blocks(struct body *body)
{
	size_t room = body->block_room ? body->block_room * 2 : 16;
	uint32_t *bigger = reallocarray(body->blocks, room, sizeof(*bigger));

	if (!bigger)
		return false;
	body->blocks = bigger;
	body->block_room = room;
	return true;
}

/* The tail is a full block: into the spool with it. */
static void spill(struct body *body, const char *id)
{
	uint32_t block;

	if (body->block_count == body->block_room && !grow_blocks(body)) {
		fail(body, id, SMTP_REPLY_NO_MEMORY, "memory");
		return;
	}
	block = spool_take(body->spool);
	if (block == SPOOL_NONE) {
		errno = ENOSPC;
		fail(body, id, SMTP_REPLY_NO_ROOM, "spool");
		return;
	}
	body->blocks[body->block_count++] = block;
	if (!spool_write(body->spool, block, body->tail))
		fail(body, id,
		     errno == ENOSPC || errno == EDQUOT ? SMTP_REPLY_NO_ROOM
							: SMTP_REPLY_SYSTEM_ERROR,
		     "spool");
	body->tail_used = 0;
}

static size_t add_to_tail(struct body *body, const char *bytes, size_t length)
{
	size_t room = body->tail_size - body->tail_used;
	size_t taken = length < room ? length : room;

	memcpy(body->tail + body->tail_used, bytes, taken);
	body->tail_used += taken;
	return taken;
}

void body_add(struct body *body, const char *id, const char *bytes, size_t length)
{
	size_t taken;

	while (length && !body->dropped) {
		if (body->tail_used == SPOOL_BLOCK) {
			spill(body, id);
			continue;
		}
		if (body->tail_used == body->tail_size && !grow_tail(body)) {
			fail(body, id, SMTP_REPLY_NO_MEMORY, "memory");
			continue;
		}
		taken = add_to_tail(body, bytes, length);
		bytes += taken;
		length -= taken;
	}
}

uint64_t body_length(const struct body *body)
{
	return (uint64_t)body->block_count * SPOOL_BLOCK + body->tail_used;
}
