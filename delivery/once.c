/*
 * once.c - the same message sent again, because its 250 did not arrive, makes no second copy
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the worker. It can say only of messages of its own whether their reply was
 * taken, and what it says can suppress none but a copy of what is stored already.
 */
#include "delivery/once.h"

#include <string.h>

#include "common/log/log.h"

/* What a hash is of: no recipient can look like a message. */
enum subject { SUBJECT_MESSAGE, SUBJECT_RECIPIENT };

static struct remember_owner owner_of(const struct transaction *transaction)
{
	return (struct remember_owner){ transaction->serial, transaction->submission.handle };
}

/* ---- the key ---- */

static void begin(struct siphash *hash, const struct store *store, enum subject subject)
{
	siphash_begin(hash, remember_secret(store->remember));
	siphash_add_number(hash, subject);
}

static void add_string(struct siphash *hash, struct wire_string string)
{
	siphash_add_number(hash, string.length);
	siphash_add(hash, string.bytes, string.length);
}

static struct siphash_value hash_recipient(const struct store *store,
					   const struct submission_recipient *recipient)
{
	struct siphash hash;

	begin(&hash, store, SUBJECT_RECIPIENT);
	add_string(&hash, recipient->path);
	add_string(&hash, recipient->parameters);
	return siphash_end(&hash);
}

/* Their sum: it is that of the same recipients in any order, and of no others that can be found. */
static void add_recipients(const struct store *store, struct transaction *transaction)
{
	struct wire_reader recipients = transaction->submission.recipients;
	struct submission_recipient recipient;
	struct siphash_value sum = { 0, 0 }, value;

	while (submission_next_recipient(&recipients, &recipient)) {
		value = hash_recipient(store, &recipient);
		sum.low += value.low;
		sum.high += value.high;
	}
	siphash_add_number(&transaction->hash, transaction->submission.recipient_count);
	siphash_add_number(&transaction->hash, sum.low);
	siphash_add_number(&transaction->hash, sum.high);
}

void once_begin(const struct store *store, struct transaction *transaction)
{
	const struct submission *submission = &transaction->submission;

	if (!store->remember)
		return;
	transaction->has_key = true;
	begin(&transaction->hash, store, SUBJECT_MESSAGE);
	siphash_add_number(&transaction->hash, submission->flags & ~(uint32_t)SUBMISSION_AGAIN);
	add_string(&transaction->hash, submission->sender);
	add_string(&transaction->hash, submission->parameters);
	add_recipients(store, transaction);
	siphash_add_number(&transaction->hash, submission->body_length);
}

void once_add(struct transaction *transaction, const void *bytes, size_t length)
{
	if (transaction->has_key && !transaction_has_failed(transaction))
		siphash_add(&transaction->hash, bytes, length);
}

/* ---- a second one ---- */

static bool is_same(const struct transaction *one, const struct transaction *other)
{
	return one->has_key && one->key.low == other->key.low && one->key.high == other->key.high;
}

/* Whether the batch has the same message, whose session has ended meanwhile. */
static bool batch_has_lost(const struct store *store, const struct transaction *transaction)
{
	const struct transaction *other;

	if (store->lost == 0)
		return false;
	TAILQ_FOREACH (other, &store->batch, entry)
		if (other->is_lost && is_same(other, transaction))
			return true;
	return false;
}

static void be_there(struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->target_count; i++)
		transaction->targets[i].state = TARGET_WAS_THERE;
	transaction->source = NULL;
}

void once_finish(struct store *store, struct transaction *transaction)
{
	const struct remember_owner owner = owner_of(transaction);

	if (!transaction->has_key || transaction_has_failed(transaction))
		return;
	transaction->key = siphash_end(&transaction->hash);
	if (!transaction->source)
		return;
	/* Whether that one is stored is known only then. */
	if (batch_has_lost(store, transaction))
		store_commit(store);
	if (!remember_take(store->remember, clock_steady(), &transaction->key, &owner,
			   transaction->second_of))
		return;
	store_undo(store, transaction);
	be_there(transaction);
}

bool once_is_stored(const struct store *store, struct transaction *transaction)
{
	const struct remember_owner owner = owner_of(transaction);

	if (!store->remember || !remember_has(store->remember, &owner, transaction->submission.id))
		return false;
	be_there(transaction);
	return true;
}

/* ---- what becomes of a message ---- */

void once_remember(const struct store *store, const struct transaction *transaction)
{
	const struct remember_owner owner = owner_of(transaction);

	if (transaction->has_key)
		remember_add(store->remember, clock_steady(), &owner, &transaction->key,
			     transaction->submission.id, transaction->is_lost);
}

static void note_lost(struct store *store, const struct remember_owner *owner)
{
	struct transaction *transaction;

	TAILQ_FOREACH (transaction, &store->batch, entry)
		if (transaction->serial == owner->serial &&
		    transaction->submission.handle == owner->handle && !transaction->is_lost) {
			transaction->is_lost = true;
			store->lost++;
		}
}

void once_replied(struct store *store, const struct remember_owner *owner, bool taken)
{
	if (!store->remember || remember_replied(store->remember, owner, taken))
		return;
	/* No reply of ours was taken that we did not give. */
	if (!taken)
		note_lost(store, owner);
}

void once_worker_lives(const struct store *store, uint32_t serial)
{
	if (store->remember)
		remember_lives(store->remember, serial);
}

void once_worker_ended(const struct store *store, uint32_t serial)
{
	if (store->remember)
		remember_ended(store->remember, serial);
}
