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
 *	2  moved to new/, nothing ever replaced
 *	3  each new/ durable, once			durable.c
 *	4  failed ones removed, log lines written
 *	5  verdicts
 *
 * Invariant: VERDICT_STORED is said only of a message whose every file has
 * been through 1, 2 and 3 without an error.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delivery/once.h"
#include "delivery/store.h"
#include "delivery/system_calls.h"

/* Mailboxes that are moved to and made durable in one go: they are held open. */
#define ROUND_MAX 128

static size_t lower(size_t one, size_t other)
{
	return one < other ? one : other;
}

bool store_open(struct store *store, const struct store_settings *settings, struct problem *problem)
{
	memset(store, 0, sizeof(*store));
	TAILQ_INIT(&store->batch);
	store->hostname = settings->hostname;
	store->batch_max = settings->batch;
	store->answer = settings->answer;
	store->remember = settings->remember;
	store->open_max = lower(BATCH_OPEN_MAX, settings->open_mailboxes);
	store->round_max = lower(ROUND_MAX, settings->open_mailboxes);
	file_host_make(settings->hostname, store->file_host);
	if (!durable_open(&store->durable, settings->root))
		return problem_errno(problem, "mail root");
	store->maildirs =
		maildirs_new(settings->root, settings->open_mailboxes, settings->create_mailboxes);
	if (!store->maildirs)
		return problem_errno(problem, "mailboxes");
	return true;
}

void store_close(struct store *store)
{
	struct transaction *transaction;

	while ((transaction = TAILQ_FIRST(&store->batch))) {
		TAILQ_REMOVE(&store->batch, transaction, entry);
		stage_abandon(store, transaction);
	}
	maildirs_free(store->maildirs);
	store->maildirs = NULL;
}

bool store_is_due(const struct store *store)
{
	return store->count >= store->batch_max || store->open >= store->open_max ||
	       store->targets >= BATCH_TARGETS_MAX || store->envelopes >= BATCH_ENVELOPES_MAX;
}

void store_forget_owner(struct store *store, const void *owner)
{
	struct transaction *transaction;

	TAILQ_FOREACH (transaction, &store->batch, entry)
		if (transaction->owner == owner)
			transaction->owner = NULL;
}

bool store_has(const struct store *store, const char *id)
{
	const struct transaction *transaction;

	TAILQ_FOREACH (transaction, &store->batch, entry)
		if (strcmp(transaction->submission.id, id) == 0)
			return true;
	return false;
}

/* ---- 1: the files ---- */

/* Which file belongs to which message. */
struct staged {
	struct transaction *transaction;
	struct target *target;
};

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

	durable_make(&store->durable, files, count);
	for (size_t i = 0; i < count; i++) {
		target = staged[i].target;
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

/* ---- 2 and 3: new/ ---- */

/* A run of targets whose mailboxes are held until their new/ is durable. */
struct round {
	struct store *store;
	size_t count;
	struct staged staged[ROUND_MAX];
	struct maildir *maildirs[ROUND_MAX];
};

/* Each directory once. Maildir errors are 0 outside of here. */
static size_t distinct(struct round *round, struct durable_file *files)
{
	struct maildir *maildir;
	size_t count = 0;

	for (size_t i = 0; i < round->count; i++) {
		maildir = round->maildirs[i];
		if (maildir->error == 0)
			files[count++] = (struct durable_file){ .descriptor = maildir->new,
								.device = maildir->device,
								.owner = maildir };
		maildir->error = -1; /* met */
	}
	return count;
}

static void end_round(struct round *round)
{
	struct durable_file files[ROUND_MAX];
	size_t count = distinct(round, files);
	struct maildir *maildir;

	durable_make(&round->store->durable, files, count);
	for (size_t i = 0; i < count; i++) {
		maildir = files[i].owner;
		maildir->error = files[i].error;
	}
	for (size_t i = 0; i < round->count; i++)
		if (round->maildirs[i]->error != 0)
			transaction_fail_errno(round->staged[i].transaction,
					       round->staged[i].target, "cannot make new durable",
					       round->maildirs[i]->error);
	for (size_t i = 0; i < count; i++)
		((struct maildir *)files[i].owner)->error = 0;
	for (size_t i = 0; i < round->count; i++)
		maildir_release(round->store->maildirs, round->maildirs[i]);
	round->count = 0;
}

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

static void add_to_round(struct round *round, struct transaction *transaction,
			 struct target *target)
{
	struct problem problem;
	struct maildir *maildir =
		maildir_hold(round->store->maildirs, target->path, target->address, &problem);

	if (!maildir) {
		transaction_fail(transaction, verdict_of_errno(errno), target, problem.text);
		return;
	}
	move_target(transaction, target, maildir);
	round->staged[round->count] = (struct staged){ transaction, target };
	round->maildirs[round->count++] = maildir;
	if (round->count == round->store->round_max)
		end_round(round);
}

static void move_batch(struct store *store)
{
	struct round round = { .store = store };
	struct transaction *transaction;

	TAILQ_FOREACH (transaction, &store->batch, entry)
		for (size_t i = 0;
		     i < transaction->target_count && !transaction_has_failed(transaction); i++)
			if (transaction->targets[i].state == TARGET_IN_TMP)
				add_to_round(&round, transaction, &transaction->targets[i]);
	end_round(&round);
}

/* ---- 4 and 5 ---- */

static void conclude(struct store *store, struct transaction *transaction)
{
	if (transaction_has_failed(transaction)) {
		transaction_undo(transaction, store->maildirs);
		transaction_log_failed(transaction);
	} else {
		transaction_log_stored(transaction);
		once_remember(store, transaction);
	}
}

void store_commit(struct store *store)
{
	struct transaction *transaction;

	store_relieve(store);
	move_batch(store);
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
	maildirs_next_turn(store->maildirs);
	store->count = store->targets = store->envelopes = store->lost = 0;
}
