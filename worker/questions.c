/*
 * questions.c - what sessions have asked delivery at RCPT, until it answers
 *
 * Runs in: postern-worker.  Privilege: none.
 * Trusts: the sessions, which take their questions away when they end.
 */
#include "worker/questions.h"

#include "common/log/log.h"
#include "worker/quota.h"

void questions_init(struct questions *questions)
{
	TAILQ_INIT(&questions->open);
	questions->last_handle = 0;
}

void questions_add(struct questions *questions, struct question *question)
{
	question->among = questions;
	question->frame.handle = ++questions->last_handle;
	question->asked = clock_steady();
	question->is_noted = false;
	TAILQ_INSERT_TAIL(&questions->open, question, next);
}

void questions_remove(struct question *question)
{
	TAILQ_REMOVE(&question->among->open, question, next);
}

/* Answers come in the order of the questions: it is among the first. */
static struct question *find(const struct questions *questions, uint64_t handle)
{
	struct question *question;

	TAILQ_FOREACH (question, &questions->open, next)
		if (question->frame.handle == handle)
			return question;
	return NULL;
}

/* The session may have ended meanwhile, or have asked twice and have its answer. */
bool questions_answer(const struct questions *questions, const struct message_verdict *room,
		      struct problem *problem)
{
	struct question *question = find(questions, room->handle);

	if (room->handle == 0 || room->handle > questions->last_handle)
		return problem_set(problem, "an answer to a question that was not asked");
	if (question)
		quota_answer(question->session, room->verdict);
	return true;
}

/* Looks anew after each: what a session does next may take others from the list. */
void questions_give_up(const struct questions *questions, int64_t oldest)
{
	struct question *question;

	while ((question = TAILQ_FIRST(&questions->open)) && question->asked <= oldest)
		quota_late(question->session);
}

static bool note(const struct question *question, struct notes *notes)
{
	uint8_t bytes[QUESTION_MAX];
	struct wire_writer writer = { bytes, sizeof(bytes), 0, false };

	message_put_quota(&writer, &question->frame);
	return notes_add(notes, MESSAGE_QUOTA, &writer);
}

void questions_note(struct questions *questions, struct notes *notes)
{
	struct question *question;

	/* From the end: those that are not noted stand behind those that are. */
	TAILQ_FOREACH_REVERSE(question, &questions->open, question_list, next)
	if (question->is_noted)
		break;
	question = question ? TAILQ_NEXT(question, next) : TAILQ_FIRST(&questions->open);
	for (; question && note(question, notes); question = TAILQ_NEXT(question, next))
		question->is_noted = true;
}

void questions_renew(struct questions *questions)
{
	struct question *question;

	TAILQ_FOREACH (question, &questions->open, next)
		question->is_noted = false;
}
