/*
 * quota.c - whether a mailbox has room for a message
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: sizes, which a client declares.  Trusts: the quotas, from the tables.
 */
#include "delivery/quota.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/sys/queue.h>

#include "delivery/path_hash.h"
#include "delivery/usage.h"

#define BUCKETS 512 /* about as many mailboxes as one batch has */

/* What messages of the batch will add to a mailbox. */
struct reservation {
	LIST_ENTRY(reservation) neighbour;
	uint64_t bytes;
	uint64_t messages; /* never 0 */
	char path[];
};

LIST_HEAD(bucket, reservation);

struct quotas {
	int root;
	struct bucket buckets[BUCKETS];
};

struct quotas *quotas_new(int root)
{
	struct quotas *quotas = allocate(1, sizeof(*quotas));

	if (quotas)
		quotas->root = root;
	return quotas;
}

void quotas_free(struct quotas *quotas)
{
	for (size_t i = 0; quotas && i < BUCKETS; i++)
		require(LIST_EMPTY(&quotas->buckets[i]));
	free(quotas);
}

static struct bucket *bucket_of(struct quotas *quotas, const char *path)
{
	return &quotas->buckets[path_hash(path) % BUCKETS];
}

static struct reservation *find(struct quotas *quotas, const char *path)
{
	struct reservation *reservation;

	LIST_FOREACH (reservation, bucket_of(quotas, path), neighbour)
		if (strcmp(reservation->path, path) == 0)
			return reservation;
	return NULL;
}

/* ---- checking ---- */

static struct measured measured_of(const struct quotas *quotas, const struct target *target)
{
	return (struct measured){ quotas->root, target->path, target->address, &target->quota };
}

/* Whether `used` and `more` are beyond a limit; none of them wraps around. */
static bool exceeds(uint64_t used, uint64_t more, uint64_t limit)
{
	return limit > 0 && (used > limit || more > limit - used);
}

/* What the mailbox would say to `size` bytes more than it holds and has reserved. */
static enum verdict judge(const struct quota *quota, const struct usage *usage, uint64_t size)
{
	if (exceeds(0, size, quota->bytes))
		return VERDICT_OVER_QUOTA;
	if (exceeds(usage->bytes, size, quota->bytes))
		return VERDICT_NO_QUOTA;
	return exceeds(usage->messages, 1, quota->messages) ? VERDICT_NO_QUOTA_MESSAGES
							    : VERDICT_STORED;
}

static enum verdict refuse(enum verdict verdict, const struct quota *quota,
			   const struct usage *usage, uint64_t size, struct problem *problem)
{
	if (verdict != VERDICT_STORED)
		problem_set(problem,
			    "quota: holds %" PRIu64 " bytes and %" PRIu64
			    " messages, may hold %" PRIu64 " and %" PRIu64
			    " (0: any number), the message has %" PRIu64 " bytes",
			    usage->bytes, usage->messages, quota->bytes, quota->messages, size);
	return verdict;
}

/* Sums are below 2^64: a file's has 63 bits, a batch's fits into memory and disk. */
static void add_reserved(struct quotas *quotas, const char *path, struct usage *usage)
{
	const struct reservation *reservation = find(quotas, path);

	if (!reservation)
		return;
	usage->bytes += reservation->bytes;
	usage->messages += reservation->messages;
}

static enum verdict count_and_judge(struct quotas *quotas, const struct target *target,
				    uint64_t size, struct problem *problem)
{
	const struct measured measured = measured_of(quotas, target);
	struct usage usage;
	int error;

	if (!usage_count(&measured, &usage)) {
		error = errno;
		problem_errno(problem, "quota: cannot count the messages");
		return verdict_of_errno(error);
	}
	add_reserved(quotas, target->path, &usage);
	return refuse(judge(&target->quota, &usage, size), &target->quota, &usage, size, problem);
}

enum verdict quota_check(struct quotas *quotas, const struct target *target, uint64_t size,
			 struct problem *problem)
{
	const struct measured measured = measured_of(quotas, target);
	const struct usage nothing = { 0, 0, false };
	struct usage usage;
	enum verdict verdict;

	/* Every message has bytes: a mailbox that is full to the last one has no room. */
	size = size > 0 ? size : 1;
	verdict = judge(&target->quota, &nothing, size);
	if (verdict != VERDICT_STORED) /* no need to look */
		return refuse(verdict, &target->quota, &nothing, size, problem);
	if (!usage_read(&measured, &usage))
		return count_and_judge(quotas, target, size, problem);
	add_reserved(quotas, target->path, &usage);
	verdict = judge(&target->quota, &usage, size);
	if (verdict != VERDICT_STORED && usage.may_be_old)
		return count_and_judge(quotas, target, size, problem);
	return refuse(verdict, &target->quota, &usage, size, problem);
}

/* ---- reserving ---- */

/* A new one, for nothing yet. NULL when memory is short. */
static struct reservation *begin(struct quotas *quotas, const char *path)
{
	size_t length = strlen(path) + 1;
	struct reservation *reservation = allocate(1, sizeof(*reservation) + length);

	if (!reservation)
		return NULL;
	memcpy(reservation->path, path, length);
	LIST_INSERT_HEAD(bucket_of(quotas, path), reservation, neighbour);
	return reservation;
}

bool quota_reserve(struct quotas *quotas, struct transaction *transaction, struct target *target)
{
	struct reservation *reservation;
	struct problem problem;
	enum verdict verdict = quota_check(quotas, target, target->size, &problem);

	if (verdict != VERDICT_STORED) {
		transaction_fail(transaction, verdict, target, problem.text);
		return false;
	}
	reservation = find(quotas, target->path);
	if (!reservation)
		reservation = begin(quotas, target->path);
	if (!reservation) {
		transaction_fail_errno(transaction, target, "quota", ENOMEM);
		return false;
	}
	reservation->bytes += target->size;
	reservation->messages++;
	target->reservation = reservation;
	return true;
}

void quota_stored(struct quotas *quotas, struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->target_count; i++) {
		const struct target *target = &transaction->targets[i];
		const struct measured measured = measured_of(quotas, target);

		if (!quota_is_set(&target->quota))
			continue;
		if (target->state == TARGET_IN_NEW)
			usage_add(&measured, target->size);
		else /* whether an earlier delivery came so far is not known */
			usage_forget(&measured);
	}
}

void quota_give_back(struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->target_count; i++) {
		struct target *target = &transaction->targets[i];
		struct reservation *reservation = target->reservation;

		if (!reservation)
			continue;
		target->reservation = NULL;
		reservation->bytes -= target->size;
		if (--reservation->messages > 0)
			continue;
		LIST_REMOVE(reservation, neighbour);
		free(reservation);
	}
}
