/*
 * condition.h - why delivery can store nothing now, and what MAIL is answered meanwhile
 */
#ifndef POSTERN_WORKER_CONDITION_H
#define POSTERN_WORKER_CONDITION_H

#include <stdbool.h>

#include "common/frame/message.h"
#include "worker/worker.h"

struct condition {
	enum smtp_reply reply;
	const char *decided;
	const char *limit; /* the option, with its section; NULL: none */
	size_t place;	   /* of its value in struct configuration */
};

/* Takes a frame CONDITION of delivery's. False with *problem set: a violation. */
bool condition_take(struct worker *worker, const struct message_verdict *message,
		    struct problem *problem);

/* What the option is set to; 0 where there is none. */
unsigned long long condition_value(const struct condition *condition,
				   const struct configuration *configuration);

#endif
