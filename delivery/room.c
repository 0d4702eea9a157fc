/*
 * room.c - whether the mailboxes of a recipient have room: asked at RCPT
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the recipient, which is looked up in delivery's own tables, and the size.
 */
#include "delivery/room.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/log/log.h"

struct search {
	struct quotas *quotas;
	const char *template;
	uint64_t size;
	unsigned looked_at;
	enum verdict verdict;
};

/* What the sender is told as a fault of ours has its reason in the log; a full mailbox has not. */
static void log_fault(const struct target *target, enum verdict verdict, const char *reason)
{
	struct log_line line;

	if (verdict != VERDICT_SYSTEM_ERROR && verdict != VERDICT_NO_ROOM)
		return;
	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "what", target->address);
	log_text(&line, "reason", reason);
	log_end(&line);
}

/* tables_each: the first mailbox without room decides. */
static bool on_mailbox(void *context, const struct mailbox *mailbox)
{
	char path[PATH_MAX], address[2 * MAILBOX_NAME_SIZE + 1];
	struct search *search = context;
	struct target target = { .address = address, .path = path, .quota = mailbox->quota };
	struct problem problem;

	if (!quota_is_set(&mailbox->quota))
		return true;
	snprintf(address, sizeof(address), "%s@%s", mailbox->local, mailbox->domain);
	/* A path that is too long is said when the message comes. */
	if (!mailbox_path(mailbox, search->template, path, sizeof(path)))
		return true;
	search->verdict = quota_check(search->quotas, &target, search->size, &problem);
	if (search->verdict == VERDICT_STORED)
		return ++search->looked_at < ROOM_MAILBOXES_MAX;
	log_fault(&target, search->verdict, problem.text);
	return false;
}

enum verdict room_for_message(struct quotas *quotas, const struct tables *tables,
			      const char *template, const struct message_quota *question)
{
	char local[ENVELOPE_ADDRESS_MAX + 1] = "", domain[ENVELOPE_ADDRESS_MAX + 1] = "";
	struct search search = { quotas, template, question->size, 0, VERDICT_STORED };

	/* Both are free of NUL and within these bounds: message_get_quota. */
	memcpy(local, question->local.bytes, question->local.length);
	memcpy(domain, question->domain.bytes, question->domain.length);
	if (tables_expand(tables, local, domain, on_mailbox, &search) != RECIPIENT_ACCEPTED)
		return VERDICT_NO_RECIPIENT;
	return search.verdict;
}
