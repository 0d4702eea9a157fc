/*
 * mark.h - delivery's own folder in the mail root: MAIL_ROOT_MARK
 *
 *	lock	held as long as this delivery lives; it says whether the last one ended in order
 *	intent	what is being moved: journal.h
 *
 * Its presence marks the mail root. Where it is missing, the file system with the
 * mailboxes is taken for not mounted, and nothing is stored.
 */
#ifndef POSTERN_DELIVERY_MARK_H
#define POSTERN_DELIVERY_MARK_H

#include <stdbool.h>

#include "common/fail/fail.h"

struct mark {
	int folder; /* -1: not open */
	int lock;
	bool was_in_order; /* the delivery before this one has left nothing unfinished */
};

enum mark_result {
	MARK_OPEN,
	MARK_MISSING, /* *problem says how to mend it */
	MARK_FAILED,  /* *problem says why: the disk, a permission, or another delivery at work */
};

/*
 * Opens the folder below `root`, which must be a directory of the user of this process,
 * and takes the lock. A delivery that still finishes is waited for, some seconds at most:
 * the one of a master that was killed.
 */
enum mark_result mark_open(struct mark *mark, int root, struct problem *problem);

/* Gives up the lock. `in_order`: nothing is left unfinished. */
void mark_close(struct mark *mark, bool in_order);

#endif
