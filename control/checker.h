/*
 * checker.h - looks whether a mail root holds what it must hold
 */
#ifndef POSTERN_CONTROL_CHECKER_H
#define POSTERN_CONTROL_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "control/scenario.h"

/* What must be true of a message. */
enum expectation {
	EXPECT_NONE,	    /* it was never sent: it is nowhere */
	EXPECT_ALL_OR_NONE, /* sent, not acknowledged */
	EXPECT_ALL,	    /* acknowledged: in each of its mailboxes, once */
};

struct checker {
	const struct scenario *scenario;
	int root;			      /* the mail root */
	const enum expectation *expectations; /* of each message */
	bool without_staged;		      /* no file may be left in tmp/ */
};

/*
 * Looks at every file. In new/ and cur/ each must be a message that belongs
 * there, whole, of this user; each message must be where it is expected.
 * Nothing but the mailboxes and ".postern" may be in the mail root. False with
 * *problem set, and *message to the message that is wrong (scenario->count:
 * none in particular).
 */
bool checker_run(const struct checker *checker, uint32_t *message, struct problem *problem);

/* Whether tmp/ of every mailbox is empty by now. */
bool checker_is_swept(const struct checker *checker);

/*
 * As a mail reader does: moves the files of the message, wherever they are in
 * new/, to cur/, flagged as seen.
 */
bool checker_read_message(const struct checker *checker, uint32_t message, struct problem *problem);

#endif
