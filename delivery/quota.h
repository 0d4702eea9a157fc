/*
 * quota.h - whether a mailbox has room for a message
 *
 * What a mailbox holds stands in its maildirsize (usage.h). Messages on their
 * way into it have their place reserved here, so that those of one batch count each
 * other, and have it until they are stored or undone. A mailbox without a quota costs nothing.
 */
#ifndef POSTERN_DELIVERY_QUOTA_H
#define POSTERN_DELIVERY_QUOTA_H

#include <stdint.h>

#include "common/fail/fail.h"
#include "common/frame/message.h"
#include "delivery/transaction.h"

struct quotas;

/* `root` is the mail root, and stays open. NULL when memory is short. */
struct quotas *quotas_new(int root);
/* Nothing may be reserved. */
void quotas_free(struct quotas *quotas);

/*
 * Whether the mailbox of the target, which has a quota, takes a message of so many bytes
 * (0: not known) beside those that have their place. Not VERDICT_STORED: with the reason
 * in *problem.
 *
 *	VERDICT_OVER_QUOTA		bigger than the whole quota: never
 *	VERDICT_NO_QUOTA		too many bytes now
 *	VERDICT_NO_QUOTA_MESSAGES	too many messages now
 *	VERDICT_SYSTEM_ERROR, ...	what it holds cannot be found out
 */
enum verdict quota_check(struct quotas *quotas, const struct target *target, uint64_t size,
			 struct problem *problem);

/* The same for target->size, and reserves it. False: the transaction has failed. */
bool quota_reserve(struct quotas *quotas, struct transaction *transaction, struct target *target);

/* The message is stored: what it has reserved is added to what its mailboxes hold. */
void quota_stored(struct quotas *quotas, struct transaction *transaction);

/* The message is undone, or stored: gives back what is still reserved for it. */
void quota_give_back(struct transaction *transaction);

#endif
