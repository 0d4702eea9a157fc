/*
 * rounds.h - folders of many mailboxes made durable together, a bounded number at a time
 */
#ifndef POSTERN_DELIVERY_ROUNDS_H
#define POSTERN_DELIVERY_ROUNDS_H

#include <stddef.h>

#include "delivery/store.h"

/* Mailboxes that are made durable in one go: they are held open. */
#define ROUND_MAX 128

/* Which of a mailbox's folders. */
typedef int round_folder(const struct maildir *maildir);
round_folder round_tmp, round_new;

struct staged {
	struct transaction *transaction;
	struct target *target;
};

/* Begins with the first two members set, all else zero. */
struct round {
	struct store *store;
	round_folder *folder;
	size_t count;
	struct staged staged[ROUND_MAX];
	struct maildir *maildirs[ROUND_MAX];
};

/*
 * Holds the mailbox of a target until the round ends; ends a full round first. NULL: it
 * cannot be opened, and the transaction has failed.
 */
struct maildir *round_add(struct round *round, struct transaction *transaction,
			  struct target *target);

/*
 * Makes the folders durable, each once, and lets go of the mailboxes. The transactions of
 * those where that fails have failed. The next round may begin.
 */
void round_end(struct round *round);

#endif
