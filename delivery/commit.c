/*
 * commit.c - group commit: what 250 stands on
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the disk: an error at any step makes the verdict an error, and
 * everything that the message left is removed.
 *
 * All messages that are complete are taken together through these steps:
 *
 *	1  their files in tmp/ durable			durable.c
 *	2  what goes into several mailboxes: its names in
 *	   tmp/ durable, then the record of intent	rounds.c, journal.c
 *	3  moved to new/, nothing ever replaced
 *	4  each new/ durable, once			rounds.c
 *	5  failed ones removed, the record turned back before that
 *	6  log lines written
 *	7  verdicts
 *
 * Invariants: VERDICT_STORED is said only of a message whose every file has
 * been through 1 to 4 without an error. From 2 on a crash leads to all of its mailboxes
 * having it, or, from 5 on, none (recovery.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log/log.h"
#include "delivery/once.h"
#include "delivery/quota.h"
#include "delivery/rounds.h"
#include "delivery/store.h"
#include "delivery/system_calls.h"

/* ---- 1: the files ---- */

static size_t collect(struct store *store, struct durable_file *files, struct staged *staged)
{
	struct transaction *transaction;
	struct target *target;
	size_t count = 0;

	TAILQ_FOREACH (transaction, &store->batch, entry)
		for (size_t i = 0; i < transaction->target_count; i++) {
			target = &transaction->targets[i];
			if (target->descriptor < 0 || transaction_has_failed(transaction))
				continue;
			require(count < BATCH_OPEN_MAX + 1);
			staged[count] = (struct staged){ transaction, target };
			files[count++] = (struct durable_file){ .descriptor = target->descriptor,
								.device = target->device };
		}
	return count;
}

void store_relieve(struct store *store)
{
	struct durable_file files[BATCH_OPEN_MAX + 1];
	struct staged staged[BATCH_OPEN_MAX + 1];
	size_t count = collect(store, files, staged);
	struct target *target;
	bool named;

	named = durable_make(&store->durable, files, count);
	for (size_t i = 0; i < count; i++) {
		target = staged[i].target;
		target->is_named = named;
		/* close(2) of a file that is durable has nothing left to report but on NFS. */
		if (close(target->descriptor) != 0 && files[i].error == 0 && errno != EINTR)
			files[i].error = errno;
		target->descriptor = -1;
		store->open--;
		if (files[i].error != 0)
			transaction_fail_errno(staged[i].transaction, target,
					       "cannot make the file durable", files[i].error);
	}
}

/* ---- 2: the record of intent ---- */

/* Those of a file system that was made durable as a whole are there already. */
static void name_files(struct round *round, struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->target_count && !transaction_has_failed(transaction);
	     i++)
		if (transaction->targets[i].state == TARGET_IN_TMP &&
		    !transaction->targets[i].is_named)
			(void)round_add(round, transaction, &transaction->targets[i]);
}

static bool needs_record(const struct transaction *transaction)
{
	return !transaction_has_failed(transaction) && journal_concerns(transaction);
}

/*
 * What the record says is to be done must be possible after a crash: the names in tmp/
 * are made durable before it, though most file systems do so with the file.
 */
static bool name_batch(struct store *store)
{
	struct round round = { .store = store, .folder = round_tmp };
	struct transaction *transaction;
	bool any = false;

	TAILQ_FOREACH (transaction, &store->batch, entry)
		if (needs_record(transaction))
			name_files(&round, transaction);
	round_end(&round);
	TAILQ_FOREACH (transaction, &store->batch, entry)
		any = any || needs_record(transaction);
	return any;
}

static void record_batch(struct store *store)
{
	struct transaction *transaction;
	int error = 0;

	if (!name_batch(store))
		return;
	if (!journal_write(&store->journal, &store->batch))
		error = errno;
	TAILQ_FOREACH (transaction, &store->batch, entry) {
		if (!needs_record(transaction))
			continue;
		/* Also after an error: what the file holds is not known then. */
		transaction->is_recorded = true;
		if (error != 0)
			transaction_fail_errno(transaction, NULL, "cannot record the intent",
					       error);
	}
}

/* ---- 3 and 4: new/ ---- */

static void move_target(struct transaction *transaction, struct target *target,
			const struct maildir *maildir)
{
	char name[FILE_NAME_SIZE];

	transaction_new_name(transaction, target, name);
	if (move_file(maildir->tmp, transaction->name, maildir->new, name) == 0)
		target->state = TARGET_IN_NEW;
	else if (errno == EEXIST && (transaction->submission.flags & SUBMISSION_AGAIN) &&
		 unlinkat(maildir->tmp, transaction->name, 0) == 0)
		target->state = TARGET_WAS_THERE;
	else
		transaction_fail_errno(transaction, target, "cannot move to new", errno);
}

static void move_batch(struct store *store)
{
	struct round round = { .store = store, .folder = round_new };
	struct transaction *transaction;
	struct maildir *maildir;

	TAILQ_FOREACH (transaction, &store->batch, entry)
		for (size_t i = 0;
		     i < transaction->target_count && !transaction_has_failed(transaction); i++) {
			if (transaction->targets[i].state != TARGET_IN_TMP)
				continue;
			maildir = round_add(&round, transaction, &transaction->targets[i]);
			if (maildir)
				move_target(transaction, &transaction->targets[i], maildir);
		}
	round_end(&round);
}

/* ---- 5: what has failed ---- */

/*
 * What is removed step by step must not be moved forward by a recovery that comes in
 * between: the record says "back" first, and nothing when all is removed. False: it is not
 * known what it says.
 */
static bool turn_back(struct store *store)
{
	const struct transaction *transaction;
	bool any = false, concerned = false, done;

	TAILQ_FOREACH (transaction, &store->batch, entry) {
		any = any || (transaction->is_recorded && transaction_has_failed(transaction));
		concerned = concerned || journal_concerns(transaction);
	}
	if (!any)
		return true;
	done = concerned ? journal_write(&store->journal, &store->batch)
			 : journal_clear(&store->journal);
	if (!done)
		log_event_text(EVENT_SHORT, "reason", strerror(errno));
	return done;
}

bool store_undo(struct store *store, struct transaction *transaction)
{
	if (transaction_undo(transaction, store->maildirs))
		return true;
	store->is_tidy = false;
	return false;
}

static void undo_failed(struct store *store)
{
	struct transaction *transaction;
	bool any = false, all = true, says_back = turn_back(store);

	TAILQ_FOREACH (transaction, &store->batch, entry) {
		if (!transaction_has_failed(transaction))
			continue;
		all = store_undo(store, transaction) && all;
		any = any || transaction->is_recorded;
	}
	/* What could not be removed is removed by the next delivery, too, if this one dies. */
	if (any && (all || !says_back) && !journal_clear(&store->journal))
		log_event_text(EVENT_SHORT, "reason", strerror(errno));
}

/* ---- 6 and 7 ---- */

static void conclude(const struct store *store, struct transaction *transaction)
{
	if (transaction_has_failed(transaction)) {
		transaction_log_failed(transaction);
	} else {
		once_remember(store, transaction);
		transaction_log_stored(transaction);
		quota_stored(store->quotas, transaction);
	}
	quota_give_back(transaction);
}

void store_commit(struct store *store)
{
	struct transaction *transaction;

	store_relieve(store);
	record_batch(store);
	move_batch(store);
	undo_failed(store);
	TAILQ_FOREACH (transaction, &store->batch, entry)
		conclude(store, transaction);
	while ((transaction = TAILQ_FIRST(&store->batch))) {
		TAILQ_REMOVE(&store->batch, transaction, entry);
		if (transaction->owner)
			store->answer(transaction->owner, transaction->submission.handle,
				      transaction->verdict);
		transaction_free(transaction);
	}
	require(store->open == 0);
	store_tidy(store);
	maildirs_next_turn(store->maildirs);
	store->count = store->targets = store->envelopes = store->lost = 0;
}
