/*
 * store.c - the mail root, and the batch of messages that are made durable together
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the disk, which may not be mounted or refuse: until it is well the store is
 * not ready.
 */
#include "delivery/store.h"

#include <string.h>

#include "delivery/leftover.h"
#include "delivery/quota.h"
#include "delivery/recovery.h"
#include "delivery/rounds.h"

static size_t lower(size_t one, size_t other)
{
	return one < other ? one : other;
}

bool store_open(struct store *store, const struct store_settings *settings, struct problem *problem)
{
	memset(store, 0, sizeof(*store));
	TAILQ_INIT(&store->batch);
	TAILQ_INIT(&store->staging);
	store->root = settings->root;
	store->is_tidy = true;
	store->mark = (struct mark){ .folder = -1, .lock = -1 };
	store->journal.file = -1;
	store->hostname = settings->hostname;
	store->batch_max = settings->batch;
	store->answer = settings->answer;
	store->remember = settings->remember;
	store->open_max = lower(BATCH_OPEN_MAX, settings->open_mailboxes);
	store->round_max = lower(ROUND_MAX, settings->open_mailboxes);
	file_host_make(settings->hostname, store->file_host);
	store->maildirs =
		maildirs_new(settings->root, settings->open_mailboxes, settings->create_mailboxes);
	store->quotas = quotas_new(settings->root);
	if (store->maildirs && store->quotas)
		return true;
	store_close(store);
	return problem_set(problem, "mailboxes: out of memory");
}

static void close_mark(struct store *store)
{
	journal_close(&store->journal);
	mark_close(&store->mark, store->is_ready && store->is_tidy);
	store->is_ready = false;
}

void store_close(struct store *store)
{
	struct transaction *transaction;

	while ((transaction = TAILQ_FIRST(&store->batch))) {
		TAILQ_REMOVE(&store->batch, transaction, entry);
		stage_abandon(store, transaction);
	}
	store_tidy(store);
	quotas_free(store->quotas);
	maildirs_free(store->maildirs);
	store->quotas = NULL;
	store->maildirs = NULL;
	close_mark(store);
}

enum mark_result store_make_ready(struct store *store)
{
	enum mark_result result = mark_open(&store->mark, store->root, &store->unready);

	if (result != MARK_OPEN)
		return result;
	if (!durable_open(&store->durable, store->root) ||
	    !journal_open(&store->journal, store->mark.folder))
		problem_errno(&store->unready, "mail root");
	else
		store->is_ready = recovery_run(&store->journal, store->maildirs, &store->unready);
	if (!store->is_ready) {
		close_mark(store);
		return MARK_FAILED;
	}
	if (!store->mark.was_in_order)
		maildirs_sweep(store->maildirs, store_is_using, store);
	return MARK_OPEN;
}

void store_tidy(struct store *store)
{
	leftovers_remove(maildirs_leftovers(store->maildirs), store->root);
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

static bool uses(const struct transaction_list *list, const char *name)
{
	const struct transaction *transaction;

	TAILQ_FOREACH (transaction, list, entry)
		if (strcmp(transaction->name, name) == 0)
			return true;
	return false;
}

bool store_is_using(const void *context, const char *name)
{
	const struct store *store = context;

	return uses(&store->staging, name) || uses(&store->batch, name);
}
