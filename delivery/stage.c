/*
 * stage.c - writes a message into the tmp/ of its mailboxes
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the disk.  Trusts: the targets, which recipients.c took from the
 * tables.
 *
 * The body is written once as it comes in, into the first mailbox; the other
 * mailboxes' files, whose Delivered-To differs, are copied from that file by
 * the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "delivery/header.h"
#include "delivery/once.h"
#include "delivery/quota.h"
#include "delivery/store.h"

#define COPY_PIECE 65536

/* ---- files ---- */

/*
 * Opens the file in tmp/. A stale one of the same name can only be there when
 * a delivery process died over this very message. -1 with errno set.
 */
static int create_file(const struct transaction *transaction, const struct maildir *maildir)
{
	int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int file = openat(maildir->tmp, transaction->name, flags, 0600);

	if (file >= 0 || errno != EEXIST || !(transaction->submission.flags & SUBMISSION_AGAIN))
		return file;
	if (unlinkat(maildir->tmp, transaction->name, 0) != 0)
		return -1;
	return openat(maildir->tmp, transaction->name, flags, 0600);
}

/* Opens the target's file; its state says so. -1: the transaction has failed. */
static int open_target(struct store *store, struct transaction *transaction, struct target *target)
{
	struct problem problem;
	struct maildir *maildir =
		maildir_hold(store->maildirs, target->path, target->address, &problem);
	int file;

	if (!maildir) {
		transaction_fail(transaction, verdict_of_errno(errno), target, problem.text);
		return -1;
	}
	file = create_file(transaction, maildir);
	if (file < 0) {
		transaction_fail_errno(transaction, target, "cannot make a file in tmp", errno);
	} else {
		target->state = TARGET_IN_TMP;
		target->device = maildir->device;
	}
	maildir_release(store->maildirs, maildir);
	return file;
}

/* Writes all of both pieces, the first of which may be empty. False with errno set. */
static bool write_all(int file, struct iovec pieces[2])
{
	int at = 0;
	ssize_t written;

	while (at < 2) {
		if (pieces[at].iov_len == 0) {
			at++;
			continue;
		}
		written = writev(file, &pieces[at], 2 - at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		for (int i = at; i < 2 && written > 0; i++) {
			size_t part = (size_t)written < pieces[i].iov_len ? (size_t)written
									  : pieces[i].iov_len;

			pieces[i].iov_base = (char *)pieces[i].iov_base + part;
			pieces[i].iov_len -= part;
			written -= (ssize_t)part;
		}
	}
	return true;
}

static size_t make_header(const struct store *store, const struct transaction *transaction,
			  const struct target *target, char header[HEADER_SIZE])
{
	const struct header_values values = {
		.submission = &transaction->submission,
		.hostname = store->hostname,
		.mailbox = target->address,
		.recipient = target->recipient,
	};

	return header_write(&values, header);
}

/* ---- a message that was sent before ---- */

/* Of a mailbox, not of the disk: that will not be better in a minute. */
static bool is_lasting(int error)
{
	return error == EACCES || error == EPERM || error == ENOTDIR || error == ELOOP;
}

/* Whether the mailbox holds the message, in new/ or, read since, in cur/. */
static void look_for(struct store *store, struct transaction *transaction, struct target *target)
{
	static const char *const folders[] = { "new", "cur" };
	char prefix[FILE_NAME_SIZE];
	int found = 0;

	snprintf(prefix, sizeof(prefix), "%s,S=", transaction->name);
	for (size_t i = 0; i < 2 && found == 0; i++)
		found = maildir_find(maildirs_root(store->maildirs), target->path, folders[i],
				     prefix);
	if (found < 0) {
		transaction->is_uncertain = !is_lasting(errno);
		transaction_fail_errno(transaction, target, "cannot look for an earlier copy",
				       errno);
	} else if (found > 0)
		target->state = TARGET_WAS_THERE;
}

static void find_earlier(struct store *store, struct transaction *transaction)
{
	if (!(transaction->submission.flags & SUBMISSION_AGAIN) ||
	    once_is_stored(store, transaction))
		return;
	for (size_t i = 0; i < transaction->target_count && !transaction_has_failed(transaction);
	     i++)
		look_for(store, transaction, &transaction->targets[i]);
}

/* ---- room ---- */

/* A place in each mailbox that has a quota, by the size that its file will have. */
static void reserve(struct store *store, struct transaction *transaction)
{
	char header[HEADER_SIZE];

	for (size_t i = 0; i < transaction->target_count; i++) {
		struct target *target = &transaction->targets[i];

		if (target->state != TARGET_NOTHING || !quota_is_set(&target->quota))
			continue;
		target->size = make_header(store, transaction, target, header) +
			       transaction->submission.body_length;
		if (!quota_reserve(store->quotas, transaction, target))
			return;
	}
}

/* ---- the way in ---- */

/* The first mailbox that needs a file, or NULL. */
static struct target *first_open_target(struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->target_count; i++)
		if (transaction->targets[i].state == TARGET_NOTHING)
			return &transaction->targets[i];
	return NULL;
}

void stage_begin(struct store *store, struct transaction *transaction)
{
	once_begin(store, transaction);
	TAILQ_INSERT_TAIL(&store->staging, transaction, entry);
	transaction->is_staging = true;
	find_earlier(store, transaction);
	if (!transaction_has_failed(transaction))
		reserve(store, transaction);
	if (transaction_has_failed(transaction))
		return;
	transaction->source = first_open_target(transaction);
	if (!transaction->source)
		return;
	transaction->pending = allocate(1, HEADER_SIZE);
	if (!transaction->pending) {
		transaction_fail_errno(transaction, NULL, "header", ENOMEM);
		return;
	}
	transaction->header_length =
		make_header(store, transaction, transaction->source, transaction->pending);
	transaction->source->size =
		transaction->header_length + transaction->submission.body_length;
	transaction->source_descriptor = open_target(store, transaction, transaction->source);
}

void stage_body(struct transaction *transaction, const void *bytes, size_t length)
{
	struct iovec pieces[2] = { { NULL, 0 }, { (void *)(uintptr_t)bytes, length } };

	once_add(transaction, bytes, length);
	if (!transaction->source || transaction_has_failed(transaction))
		return;
	/* The header goes with the first piece: one call for a small message. */
	if (transaction->pending)
		pieces[0] = (struct iovec){ transaction->pending, transaction->header_length };
	if (!write_all(transaction->source_descriptor, pieces))
		transaction_fail_errno(transaction, transaction->source, "cannot write", errno);
	free(transaction->pending);
	transaction->pending = NULL;
}

/* ---- the other mailboxes ---- */

/* What makes copy_file_range(2) no use here, as opposed to an error of the disk. */
static bool is_unsupported(int error)
{
	return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

static bool copy_by_hand(int from, off_t offset, int to)
{
	static char piece[COPY_PIECE];
	struct iovec pieces[2] = { { NULL, 0 }, { NULL, 0 } };
	ssize_t got;

	while ((got = pread(from, piece, sizeof(piece), offset)) > 0) {
		pieces[1] = (struct iovec){ piece, (size_t)got };
		if (!write_all(to, pieces))
			return false;
		offset += got;
	}
	return got == 0;
}

/* Copies `length` bytes from `offset` on to where `to` stands. False with errno set. */
static bool copy_body(int from, off_t offset, int to, uint64_t length)
{
	ssize_t copied;

	while (length > 0) {
		copied = copy_file_range(from, &offset, to, NULL, length, 0);
		if (copied < 0 && errno == EINTR)
			continue;
		if (copied == 0 || (copied < 0 && is_unsupported(errno)))
			return copy_by_hand(from, offset, to);
		if (copied < 0)
			return false;
		length -= (uint64_t)copied;
	}
	return true;
}

/* Whether the file has the size that it must have: no silent loss on the way. */
static bool has_size(int file, uint64_t size)
{
	off_t end = lseek(file, 0, SEEK_END);

	if (end >= 0 && (uint64_t)end != size)
		errno = EIO;
	return end >= 0 && (uint64_t)end == size;
}

static void copy_to(struct store *store, struct transaction *transaction, struct target *target)
{
	char header[HEADER_SIZE];
	size_t length = make_header(store, transaction, target, header);
	uint64_t body = transaction->submission.body_length;
	struct iovec pieces[2] = { { header, length }, { NULL, 0 } };

	target->size = length + body;
	target->descriptor = open_target(store, transaction, target);
	if (target->descriptor < 0)
		return;
	store->open++;
	if (!write_all(target->descriptor, pieces) ||
	    !copy_body(transaction->source_descriptor, (off_t)transaction->header_length,
		       target->descriptor, body) ||
	    !has_size(target->descriptor, target->size))
		transaction_fail_errno(transaction, target, "cannot write", errno);
}

static void copy_to_others(struct store *store, struct transaction *transaction)
{
	struct target *target;

	for (size_t i = 0; i < transaction->target_count && !transaction_has_failed(transaction);
	     i++) {
		target = &transaction->targets[i];
		if (target->state != TARGET_NOTHING)
			continue;
		if (store->open >= store->open_max)
			store_relieve(store);
		copy_to(store, transaction, target);
	}
}

/* A failed message gives back its room and descriptors at once, not when the batch ends. */
static void take_back(struct store *store, struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->target_count; i++)
		if (transaction->targets[i].descriptor >= 0)
			store->open--;
	store_undo(store, transaction);
	quota_give_back(transaction);
}

static void end_staging(struct store *store, struct transaction *transaction)
{
	if (transaction->is_staging)
		TAILQ_REMOVE(&store->staging, transaction, entry);
	transaction->is_staging = false;
}

static void complete_files(struct store *store, struct transaction *transaction)
{
	if (transaction->pending)
		stage_body(transaction, "", 0);
	copy_to_others(store, transaction);
	transaction->source->descriptor = transaction->source_descriptor;
	transaction->source_descriptor = -1;
	store->open++;
}

void stage_finish(struct store *store, struct transaction *transaction)
{
	once_finish(store, transaction);
	if (store->open >= store->open_max)
		store_relieve(store);
	end_staging(store, transaction);
	TAILQ_INSERT_TAIL(&store->batch, transaction, entry);
	store->count++;
	store->targets += transaction->target_count;
	store->envelopes += transaction->envelope_size;
	if (transaction->source && !transaction_has_failed(transaction))
		complete_files(store, transaction);
	if (transaction_has_failed(transaction))
		take_back(store, transaction);
}

void stage_abandon(struct store *store, struct transaction *transaction)
{
	end_staging(store, transaction);
	store_undo(store, transaction);
	quota_give_back(transaction);
	transaction_free(transaction);
}
