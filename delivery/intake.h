/*
 * intake.h - from the bytes of one worker's pipe to messages in the store
 *
 * A state machine: the header of a frame; then the envelope and the body of a
 * submission, or the payload of a note, which is any other frame. It takes the bytes in
 * pieces of any size.
 */
#ifndef POSTERN_DELIVERY_INTAKE_H
#define POSTERN_DELIVERY_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tables/tables.h"
#include "delivery/condition.h"
#include "delivery/store.h"

/* The same for all workers. */
struct intake_settings {
	struct store *store;
	struct condition *condition; /* NULL: always fine */
	const struct tables *tables;
	const char *template; /* of a mailbox's path below the mail root; not copied */
	uint64_t message_size;
	uint32_t recipients;
	/* Whether the body of a message of this id is coming in, from whichever worker. */
	bool (*is_coming_in)(void *context, const char *id);
	/* What a worker says of the reply to a submission; `owner` is that of the intake. */
	void (*replied)(void *owner, const struct message_replied *replied);
	/* A worker's question, to be answered by a ROOM of its handle. */
	void (*asked)(void *owner, const struct message_quota *question);
	void *context;
};

enum intake_state { INTAKE_HEADER, INTAKE_NOTE, INTAKE_ENVELOPE, INTAKE_BODY, INTAKE_STATE_COUNT };

#define INTAKE_NOTE_MAX QUESTION_MAX /* the longest payload of a frame that is no submission */

/* All zero at the start, but for settings and owner. */
struct intake {
	const struct intake_settings *settings;
	void *owner;	 /* of its transactions */
	uint32_t serial; /* of the worker */
	enum intake_state state;
	uint8_t header[MESSAGE_HEADER_SIZE];
	size_t header_used;
	struct message_header frame; /* the header, read */
	uint8_t note[INTAKE_NOTE_MAX];
	size_t note_used;
	uint8_t *envelope;
	size_t envelope_size, envelope_used;
	struct transaction *transaction; /* whose body is coming in */
	uint64_t body_left;
};

/*
 * A frame that is answered is never shorter than this: n bytes complete n / INTAKE_FRAME_MIN + 1
 * messages at most.
 */
#define INTAKE_FRAME_MIN 32

struct intake_piece {
	const char *bytes;
	size_t length;	 /* at least 1 */
	size_t used;	 /* set: how many of the bytes were taken, at least 1 */
	bool complete;	 /* set: a message was handed to the store (stage_finish) */
	bool come_again; /* set with false: no rule is broken; the worker is to send it once more */
};

/*
 * Takes what it can use of the bytes, at most up to the end of a message.
 * False: they break a rule, or the worker is to come again (come_again); *problem says why,
 * and the intake can only be dropped then.
 */
bool intake_take(struct intake *intake, struct intake_piece *piece, struct problem *problem);

/* Forgets what is incomplete, and removes what it left on the disk. */
void intake_drop(struct intake *intake);

#endif
