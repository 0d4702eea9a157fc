/*
 * condition.c - why delivery can store nothing now, and what MAIL is answered meanwhile
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: delivery, which may have been broken into: a cause that is not in the table,
 * or comes with another verdict, is a violation.
 */
#include "worker/condition.h"

#define AT(field) offsetof(struct configuration, field)

static const struct condition conditions[CONDITION_COUNT] = {
	[CONDITION_RESERVE] = { SMTP_REPLY_NO_ROOM, "limits", "delivery.reserve",
				AT(delivery.reserve) },
	[CONDITION_RESERVE_INODES] = { SMTP_REPLY_NO_ROOM, "limits", "delivery.reserve-inodes",
				       AT(delivery.reserve_inodes) },
	[CONDITION_ROOT_FAULT] = { SMTP_REPLY_SYSTEM_ERROR, "delivery", NULL, 0 },
};

bool condition_take(struct worker *worker, const struct message_verdict *message,
		    struct problem *problem)
{
	if (message->handle >= CONDITION_COUNT ||
	    message->verdict != condition_verdict((enum condition_cause)message->handle))
		return problem_set(problem, "a condition that is not in the table");
	worker->condition = message->handle == CONDITION_FINE ? NULL : &conditions[message->handle];
	return true;
}

unsigned long long condition_value(const struct condition *condition,
				   const struct configuration *configuration)
{
	const char *place = (const char *)configuration + condition->place;

	return condition->limit ? (unsigned long long)*(const long long *)(const void *)place : 0;
}
