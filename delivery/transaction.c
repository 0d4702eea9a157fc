/*
 * transaction.c - one message on its way into its mailboxes: into all of them or into none
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the submission's strings (checked for length only; nothing of
 * them but the id, whose alphabet frame/submission.c has checked, gets into a
 * file name).
 */
#include "delivery/transaction.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "common/log/log.h"
#include "delivery/leftover.h"

struct transaction *transaction_new(uint8_t *envelope, size_t envelope_size,
				    const struct submission *submission, const char *file_host)
{
	struct transaction *transaction = allocate(1, sizeof(*transaction));

	if (!transaction)
		return NULL;
	transaction->envelope = envelope;
	transaction->envelope_size = envelope_size;
	transaction->submission = *submission;
	transaction->source_descriptor = -1;
	transaction->verdict = VERDICT_STORED;
	transaction->begun = clock_steady();
	snprintf(transaction->name, sizeof(transaction->name), "%" PRId64 ".%s.%s",
		 submission->received / 1000000, submission->id, file_host);
	return transaction;
}

static void close_descriptor(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

void transaction_free(struct transaction *transaction)
{
	if (!transaction)
		return;
	close_descriptor(&transaction->source_descriptor);
	for (size_t i = 0; i < transaction->target_count; i++) {
		close_descriptor(&transaction->targets[i].descriptor);
		free(transaction->targets[i].address);
	}
	free(transaction->targets);
	free(transaction->pending);
	free(transaction->envelope);
	free(transaction);
}

bool transaction_has_failed(const struct transaction *transaction)
{
	return transaction->verdict != VERDICT_STORED;
}

void transaction_fail(struct transaction *transaction, enum verdict verdict,
		      const struct target *target, const char *reason)
{
	if (transaction_has_failed(transaction))
		return;
	transaction->verdict = verdict;
	transaction->failed = target;
	problem_set(&transaction->reason, "%s", reason);
}

enum verdict verdict_of_errno(int error)
{
	return error == ENOSPC || error == EDQUOT ? VERDICT_NO_ROOM : VERDICT_SYSTEM_ERROR;
}

void transaction_fail_errno(struct transaction *transaction, const struct target *target,
			    const char *what, int error)
{
	struct problem problem;

	problem_set(&problem, "%s: %s", what, strerror(error));
	transaction_fail(transaction, verdict_of_errno(error), target, problem.text);
}

void transaction_new_name(const struct transaction *transaction, const struct target *target,
			  char name[FILE_NAME_SIZE])
{
	snprintf(name, FILE_NAME_SIZE, "%s,S=%" PRIu64, transaction->name, target->size);
}

/* The removal durable, too, of what could be seen. False with *problem set. */
static bool remove_file(const struct transaction *transaction, const struct target *target,
			struct maildirs *maildirs, struct problem *problem)
{
	struct maildir *maildir = maildir_hold(maildirs, target->path, target->address, problem);
	char name[FILE_NAME_SIZE];
	bool is_gone;

	if (!maildir)
		return false;
	transaction_new_name(transaction, target, name);
	if (target->state == TARGET_IN_NEW)
		is_gone = unlinkat(maildir->new, name, 0) == 0 && fsync(maildir->new) == 0;
	else
		is_gone = unlinkat(maildir->tmp, transaction->name, 0) == 0;
	if (!is_gone)
		problem_errno(problem, "cannot remove %s from %s", transaction->name,
			      target->address);
	maildir_release(maildirs, maildir);
	return is_gone;
}

/* What the disk does not let us remove now is removed when it does. */
static void leave_file(const struct transaction *transaction, const struct target *target,
		       struct maildirs *maildirs, const struct problem *problem)
{
	bool is_in_new = target->state == TARGET_IN_NEW;
	char name[FILE_NAME_SIZE];

	transaction_new_name(transaction, target, name);
	log_event_text(EVENT_SHORT, "reason", problem->text);
	leftovers_add(maildirs_leftovers(maildirs), target->path, is_in_new,
		      is_in_new ? name : transaction->name);
}

bool transaction_undo(struct transaction *transaction, struct maildirs *maildirs)
{
	struct problem problem;
	struct target *target;
	bool all = true;

	close_descriptor(&transaction->source_descriptor);
	for (size_t i = 0; i < transaction->target_count; i++) {
		target = &transaction->targets[i];
		close_descriptor(&target->descriptor);
		if (target->state != TARGET_IN_TMP && target->state != TARGET_IN_NEW)
			continue;
		if (!remove_file(transaction, target, maildirs, &problem)) {
			leave_file(transaction, target, maildirs, &problem);
			all = false;
		}
		target->state = TARGET_NOTHING;
	}
	return all;
}

void file_host_make(const char *hostname, char file_host[FILE_HOST_SIZE])
{
	strlcpy(file_host, hostname, FILE_HOST_SIZE);
	for (char *at = file_host; *at; at++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
			    *at))
			*at = '_';
}

/* What all lines of a message begin with: session, message, from. */
static void log_begin_message(struct log_line *line, enum log_event event,
			      const struct submission *submission)
{
	char session[MESSAGE_ID_SIZE];

	strlcpy(session, submission->id, sizeof(session));
	session[strcspn(session, "-")] = '\0';
	log_begin(line, event, session);
	log_text(line, "message", submission->id);
	log_bytes(line, "from", submission->sender.bytes, submission->sender.length);
}

void transaction_log_stored(const struct transaction *transaction)
{
	int64_t took = clock_steady() - transaction->begun;
	const struct target *target;
	char name[FILE_NAME_SIZE];
	struct log_line line;

	for (size_t i = 0; i < transaction->target_count; i++) {
		target = &transaction->targets[i];
		log_begin_message(&line, EVENT_DELIVERY, &transaction->submission);
		log_bytes(&line, "to", target->recipient.bytes, target->recipient.length);
		log_text(&line, "mailbox", target->address);
		if (target->state != TARGET_WAS_THERE) {
			transaction_new_name(transaction, target, name);
			log_text(&line, "file", name);
			log_number(&line, "size", (long long)target->size);
		} else if (!*transaction->second_of) {
			log_text(&line, "file", transaction->name);
		}
		log_seconds(&line, "took", took);
		if (target->state == TARGET_WAS_THERE)
			log_number(&line, "duplicate", 1);
		if (*transaction->second_of)
			log_text(&line, "of", transaction->second_of);
		/* Last: the client chooses its length, and a line is cut. */
		if (target->parameters.length > 0)
			log_bytes(&line, "parameters", target->parameters.bytes,
				  target->parameters.length);
		log_end(&line);
	}
}

/* What the sender is told: the reply code of the worker's table. */
static int code_of(enum verdict verdict)
{
	static const int codes[VERDICT_COUNT] = {
		[VERDICT_STORED] = 250,	      [VERDICT_NO_ROOM] = 452,
		[VERDICT_NO_QUOTA] = 452,     [VERDICT_NO_QUOTA_MESSAGES] = 452,
		[VERDICT_OVER_QUOTA] = 552,   [VERDICT_SYSTEM_ERROR] = 451,
		[VERDICT_NO_RECIPIENT] = 550,
	};

	return codes[verdict];
}

void transaction_log_failed(const struct transaction *transaction)
{
	const struct target *target = transaction->failed;
	struct log_line line;

	log_begin_message(&line, EVENT_FAILED, &transaction->submission);
	if (target) {
		log_bytes(&line, "to", target->recipient.bytes, target->recipient.length);
		log_text(&line, "mailbox", target->address);
	}
	log_text(&line, "reason", transaction->reason.text);
	log_number(&line, "code", code_of(transaction->verdict));
	log_end(&line);
}
