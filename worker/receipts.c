/*
 * receipts.c - what delivery was told of replies, until it is known to have read it
 *
 * Runs in: postern-worker.  Privilege: none.
 * Trusts: the outbox, which sends them in the order of their adding, before any message
 * that is submitted later.
 */
#include "worker/receipts.h"

#include "common/fail/fail.h"

static void drop_oldest(struct receipts *receipts)
{
	receipts->first = (receipts->first + 1) % RECEIPTS_MAX;
	receipts->count--;
}

void receipts_add(struct receipts *receipts, const struct message_replied *replied, uint64_t behind)
{
	size_t place;

	if (receipts->count == RECEIPTS_MAX)
		drop_oldest(receipts);
	place = (receipts->first + receipts->count++) % RECEIPTS_MAX;
	receipts->rows[place] = (struct receipt){ *replied, behind };
}

void receipts_confirm(struct receipts *receipts, uint64_t handle)
{
	while (receipts->count > 0 && receipts->rows[receipts->first].behind < handle)
		drop_oldest(receipts);
}

const struct message_replied *receipts_at(const struct receipts *receipts, size_t place)
{
	require(place < receipts->count);
	return &receipts->rows[(receipts->first + place) % RECEIPTS_MAX].replied;
}

void receipts_note(const struct message_replied *replied, struct notes *notes)
{
	uint8_t bytes[16];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	message_put_replied(&payload, replied);
	notes_add(notes, MESSAGE_REPLIED, &payload);
}

void receipts_note_again(const struct receipts *receipts, struct notes *notes)
{
	for (size_t i = 0; i < receipts->count; i++)
		receipts_note(receipts_at(receipts, i), notes);
}
