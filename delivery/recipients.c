/*
 * recipients.c - from the recipients of an envelope to the mailboxes they stand for
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the recipients: they are looked up again in delivery's own
 * tables, and only what those list becomes a path; with accept-all each any
 * name does, as mailbox_path() writes it.  Trusts: the tables.
 */
#include "delivery/recipients.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/log/log.h"
#include "delivery/path_hash.h"

#define TARGETS_AT_FIRST 4

struct expansion {
	struct transaction *transaction;
	const char *template;
	struct wire_string recipient; /* the one that is looked up */
	struct wire_string parameters;
	size_t size;	 /* places in transaction->targets */
	uint32_t *slots; /* hash of paths, open addressing: index + 1 of the target, or 0 */
	size_t slot_count;
	size_t found; /* mailboxes of this recipient */
};

/* The slot of `path`: either that of its target, or the free one where it belongs. */
static uint32_t *slot_of(const struct expansion *expansion, const char *path)
{
	size_t mask = expansion->slot_count - 1;
	size_t at = path_hash(path) & mask;
	uint32_t *slot;

	for (;; at = (at + 1) & mask) {
		slot = &expansion->slots[at];
		if (*slot == 0 ||
		    strcmp(expansion->transaction->targets[*slot - 1].path, path) == 0)
			return slot;
	}
}

/* Doubles the places; the hash has twice as many slots, so that one is always free. */
static bool grow(struct expansion *expansion)
{
	struct transaction *transaction = expansion->transaction;
	size_t size = expansion->size == 0 ? TARGETS_AT_FIRST : expansion->size * 2;
	struct target *targets = allocate(size, sizeof(*targets));
	uint32_t *slots = allocate(size * 2, sizeof(*slots));

	if (!targets || !slots) {
		free(targets);
		free(slots);
		return false;
	}
	if (transaction->target_count > 0)
		memcpy(targets, transaction->targets, transaction->target_count * sizeof(*targets));
	free(transaction->targets);
	free(expansion->slots);
	transaction->targets = targets;
	expansion->slots = slots;
	expansion->slot_count = size * 2;
	expansion->size = size;
	for (size_t i = 0; i < transaction->target_count; i++)
		*slot_of(expansion, targets[i].path) = (uint32_t)i + 1;
	return true;
}

/* "local@domain", NUL, path, NUL in one allocation. */
static char *join(const struct mailbox *mailbox, const char *path, const char **path_copy)
{
	size_t local = strlen(mailbox->local), domain = strlen(mailbox->domain);
	size_t path_size = strlen(path) + 1;
	char *text = allocate(local + 1 + domain + 1 + path_size, 1);

	if (!text)
		return NULL;
	memcpy(text, mailbox->local, local);
	text[local] = '@';
	memcpy(text + local + 1, mailbox->domain, domain);
	*path_copy = memcpy(text + local + 1 + domain + 1, path, path_size);
	return text;
}

static bool fail(struct expansion *expansion, const char *reason)
{
	transaction_fail(expansion->transaction, VERDICT_SYSTEM_ERROR, NULL, reason);
	return false;
}

static bool add_target(struct expansion *expansion, const struct mailbox *mailbox, const char *path)
{
	struct transaction *transaction = expansion->transaction;
	struct target *target;
	uint32_t *slot;

	if (transaction->target_count == expansion->size && !grow(expansion))
		return fail(expansion, strerror(ENOMEM));
	slot = slot_of(expansion, path);
	if (*slot != 0)
		return true;
	if (transaction->target_count == TRANSACTION_TARGETS_MAX)
		return fail(expansion, "the recipients stand for too many mailboxes");
	target = &transaction->targets[transaction->target_count];
	*target = (struct target){
		.recipient = expansion->recipient,
		.parameters = expansion->parameters,
		.descriptor = -1,
		.quota = mailbox->quota,
	};
	target->address = join(mailbox, path, &target->path);
	if (!target->address)
		return fail(expansion, strerror(ENOMEM));
	transaction->target_count++;
	*slot = (uint32_t)transaction->target_count;
	return true;
}

/* tables_each: one mailbox of the recipient. */
static bool on_mailbox(void *context, const struct mailbox *mailbox)
{
	struct expansion *expansion = context;
	char path[PATH_MAX];

	expansion->found++;
	if (!mailbox_path(mailbox, expansion->template, path, sizeof(path)))
		return fail(expansion, "the path of the mailbox is too long");
	return add_target(expansion, mailbox, path);
}

/* Looks one recipient up. False: it is unknown. */
static bool expand(struct expansion *expansion, const struct tables *tables,
		   const struct submission_recipient *recipient)
{
	char local[ENVELOPE_ADDRESS_MAX + 1] = "", domain[ENVELOPE_ADDRESS_MAX + 1] = "";

	/* Both are free of NUL and within these bounds: message_get_submission. */
	memcpy(local, recipient->local.bytes, recipient->local.length);
	memcpy(domain, recipient->domain.bytes, recipient->domain.length);
	expansion->recipient = recipient->path;
	expansion->parameters = recipient->parameters;
	expansion->found = 0;
	return tables_expand(tables, local, domain, on_mailbox, expansion) == RECIPIENT_ACCEPTED &&
	       expansion->found > 0;
}

static void fail_unknown(struct transaction *transaction, size_t unknown,
			 struct wire_string recipient)
{
	struct problem problem;
	bool all = unknown == transaction->submission.recipient_count;

	problem_set(&problem, "%zu of %u recipients are not in the tables (any more): <%.*s>",
		    unknown, transaction->submission.recipient_count, (int)recipient.length,
		    recipient.bytes);
	transaction_fail(transaction, all ? VERDICT_NO_RECIPIENT : VERDICT_SYSTEM_ERROR, NULL,
			 problem.text);
}

void recipients_expand(struct transaction *transaction, const struct tables *tables,
		       const char *template)
{
	struct expansion expansion = { .transaction = transaction, .template = template };
	struct wire_reader reader = transaction->submission.recipients;
	struct submission_recipient recipient;
	struct wire_string stranger = { "", 0 };
	size_t unknown = 0;

	while (!transaction_has_failed(transaction) &&
	       submission_next_recipient(&reader, &recipient)) {
		if (expand(&expansion, tables, &recipient))
			continue;
		if (unknown++ == 0)
			stranger = recipient.path;
	}
	free(expansion.slots);
	if (unknown > 0)
		fail_unknown(transaction, unknown, stranger);
}
