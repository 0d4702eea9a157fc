/*
 * rounds.c - folders of many mailboxes made durable together, a bounded number at a time
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the disk.
 */
#include "delivery/rounds.h"

#include <errno.h>

int round_tmp(const struct maildir *maildir)
{
	return maildir->tmp;
}

int round_new(const struct maildir *maildir)
{
	return maildir->new;
}

struct maildir *round_add(struct round *round, struct transaction *transaction,
			  struct target *target)
{
	struct problem problem;
	struct maildir *maildir;

	if (round->count == round->store->round_max)
		round_end(round);
	maildir = maildir_hold(round->store->maildirs, target->path, target->address, &problem);
	if (!maildir) {
		transaction_fail(transaction, verdict_of_errno(errno), target, problem.text);
		return NULL;
	}
	round->staged[round->count] = (struct staged){ transaction, target };
	round->maildirs[round->count++] = maildir;
	return maildir;
}

/* Each folder once. Maildir errors are 0 outside of here. */
static size_t distinct(struct round *round, struct durable_file *files)
{
	struct maildir *maildir;
	size_t count = 0;

	for (size_t i = 0; i < round->count; i++) {
		maildir = round->maildirs[i];
		if (maildir->error == 0)
			files[count++] =
				(struct durable_file){ .descriptor = round->folder(maildir),
						       .device = maildir->device,
						       .owner = maildir };
		maildir->error = -1; /* met */
	}
	return count;
}

void round_end(struct round *round)
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
			transaction_fail_errno(
				round->staged[i].transaction, round->staged[i].target,
				"cannot make the mailbox durable", round->maildirs[i]->error);
	for (size_t i = 0; i < count; i++)
		((struct maildir *)files[i].owner)->error = 0;
	for (size_t i = 0; i < round->count; i++)
		maildir_release(round->store->maildirs, round->maildirs[i]);
	round->count = 0;
}
