/*
 * questions.h - what sessions have asked delivery at RCPT, until it answers
 *
 * A session has one question open at most. When delivery dies those that are open
 * are asked again of the next one.
 */
#ifndef POSTERN_WORKER_QUESTIONS_H
#define POSTERN_WORKER_QUESTIONS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/frame/message.h"
#include "worker/notes.h"

struct questions;
struct session;

struct question {
	TAILQ_ENTRY(question) next;
	struct questions *among; /* set by questions_add */
	struct session *session;
	struct message_quota frame; /* its strings lie in the session's message */
	int64_t asked;		    /* clock_steady() */
	bool is_noted;		    /* it was handed to the notes */
};

TAILQ_HEAD(question_list, question);

/* Set up by questions_init. */
struct questions {
	struct question_list open; /* in the order in which they were asked */
	uint64_t last_handle;
};

void questions_init(struct questions *questions);

/* The question has its session and frame but for the handle; it stays the caller's. */
void questions_add(struct questions *questions, struct question *question);
void questions_remove(struct question *question);

/*
 * Tells the session what delivery has answered (quota_answer), if it still waits for it.
 * False with *problem set: it was never asked.
 */
bool questions_answer(const struct questions *questions, const struct message_verdict *room,
		      struct problem *problem);
/* Tells the sessions that have asked at `oldest` (clock_steady()) or before (quota_late). */
void questions_give_up(const struct questions *questions, int64_t oldest);

/* Puts those that are not noted yet into the notes, as many as have room there. */
void questions_note(struct questions *questions, struct notes *notes);
/* The pipes are new: every question is to be noted again. */
void questions_renew(struct questions *questions);

#endif
