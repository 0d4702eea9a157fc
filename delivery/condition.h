/*
 * condition.h - what delivery would answer to any message now: whether it can store at all
 *
 * The mail root may be short of room (delivery.reserve, delivery.reserve-inodes) or not be
 * mounted. Workers are told, so that MAIL is answered at once; a message that comes all the
 * same is refused before anything of it is written.
 */
#ifndef POSTERN_DELIVERY_CONDITION_H
#define POSTERN_DELIVERY_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/frame/message.h"

struct condition;

struct condition_settings {
	int root;		 /* the mail root; stays open */
	uint64_t reserve;	 /* bytes to be kept free; 0: none */
	uint64_t reserve_inodes; /* the same of inodes */
	/* The condition is another one than before; not called from within condition_new. */
	void (*changed)(void *context);
	void *context;
};

/* Looks at once. NULL when memory is short. */
struct condition *condition_new(const struct condition_settings *settings);
void condition_free(struct condition *condition);

/* Looks again; to be called each second, so that it is known also when no mail comes. */
void condition_look(struct condition *condition);

/*
 * Whether a message that takes `bytes` in each of `files` mailboxes may be stored; NULL admits all.
 * False with the verdict and *problem, which names the option and its value.
 */
bool condition_admits(struct condition *condition, uint64_t bytes, uint64_t files,
		      enum verdict *verdict, struct problem *problem);

/* What the workers are to know; CONDITION_FINE of NULL. */
enum condition_cause condition_cause(const struct condition *condition);

/*
 * The mail root is not what it should be (NULL: it is), for example not mounted: nothing is
 * stored until that is taken back. `reason` goes into the log, with each message, too.
 */
void condition_set_root_fault(struct condition *condition, const char *reason);
/* The mail root was opened anew. */
void condition_set_root(struct condition *condition, int root);

#endif
