/*
 * intake.c - from the bytes of one worker's pipe to messages in the store
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: every byte: the worker may have been broken into. What is not in
 * the message table or uses an id that is under way is refused.
 */
#include "delivery/intake.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/recipients.h"

/* Memory is short: no fault of the worker, which will try again. */
static bool is_short(struct intake_piece *piece, struct problem *problem, const char *what)
{
	piece->come_again = true;
	return problem_set(problem, "no memory for %s", what);
}

/*
 * A message that is sent again may be stored, wholly or once the record of intent was
 * followed. As long as that cannot be found out it gets no answer: its worker is let go, and
 * comes again with it.
 */
static bool is_uncertain(struct intake_piece *piece, struct problem *problem, const char *reason)
{
	piece->come_again = true;
	return problem_set(problem, "a message that may be stored must wait: %s", reason);
}

/* ---- notes: frames without a body ---- */

static bool take_replied(struct intake *intake, struct wire_reader *payload)
{
	struct message_replied replied;

	if (!message_get_replied(payload, &replied))
		return false;
	intake->settings->replied(intake->owner, &replied);
	return true;
}

static bool take_quota(struct intake *intake, struct wire_reader *payload)
{
	struct message_quota question;

	if (!message_get_quota(payload, &question))
		return false;
	intake->settings->asked(intake->owner, &question);
	return true;
}

/* False: malformed. */
typedef bool take_payload(struct intake *intake, struct wire_reader *payload);

static take_payload *const notes[MESSAGE_COUNT] = {
	[MESSAGE_REPLIED] = take_replied,
	[MESSAGE_QUOTA] = take_quota,
};

static bool end_note(struct intake *intake, struct problem *problem)
{
	struct wire_reader payload = { intake->note, intake->note_used, 0, false };

	intake->state = INTAKE_HEADER;
	intake->header_used = 0;
	return notes[intake->frame.type](intake, &payload) ||
	       problem_set(problem, "a malformed %s", message_describe(intake->frame.type)->name);
}

static bool take_note(struct intake *intake, struct intake_piece *piece, struct problem *problem)
{
	size_t wanted = intake->frame.length - intake->note_used;

	piece->used = piece->length < wanted ? piece->length : wanted;
	memcpy(intake->note + intake->note_used, piece->bytes, piece->used);
	intake->note_used += piece->used;
	return piece->used < wanted || end_note(intake, problem);
}

/* ---- submissions ---- */

static bool begin_envelope(struct intake *intake, struct intake_piece *piece,
			   struct problem *problem)
{
	intake->envelope = allocate(intake->frame.length, 1);
	if (!intake->envelope)
		return is_short(piece, problem, "an envelope");
	intake->envelope_size = intake->frame.length;
	intake->envelope_used = 0;
	intake->state = INTAKE_ENVELOPE;
	return true;
}

static bool take_header(struct intake *intake, struct intake_piece *piece, struct problem *problem)
{
	struct message_header *frame = &intake->frame;
	size_t wanted = MESSAGE_HEADER_SIZE - intake->header_used;

	piece->used = piece->length < wanted ? piece->length : wanted;
	memcpy(intake->header + intake->header_used, piece->bytes, piece->used);
	intake->header_used += piece->used;
	if (piece->used < wanted)
		return true;
	if (!message_get_header(intake->header, FROM_WORKER, TO_DELIVERY, WAY_PIPE, frame, problem))
		return false;
	if (frame->length == 0)
		return problem_set(problem, "an empty %s", message_describe(frame->type)->name);
	if (!notes[frame->type])
		return begin_envelope(intake, piece, problem);
	require(frame->length <= sizeof(intake->note));
	intake->note_used = 0;
	intake->state = INTAKE_NOTE;
	return true;
}

/* Two messages of one name would be in each other's way in tmp/. */
static bool check_id(const struct intake_settings *settings, const struct submission *submission,
		     struct problem *problem)
{
	struct store *store = settings->store;

	/* The worker has a new pair of pipes, and the batch what came by the old one. */
	if (submission->flags & SUBMISSION_AGAIN && store_has(store, submission->id))
		store_commit(store);
	if (!settings->is_coming_in(settings->context, submission->id) &&
	    !store_has(store, submission->id))
		return true;
	return problem_set(problem, "message %s is under way already", submission->id);
}

/*
 * The worker has applied the limits; it may be of a generation whose limits
 * were higher, so what is beyond them now is refused, and is no violation.
 */
static void check_limits(struct transaction *transaction, const struct intake_settings *settings)
{
	if (!settings->store->is_ready)
		transaction_fail(transaction, VERDICT_SYSTEM_ERROR, NULL,
				 settings->store->unready.text);
	else if (transaction->submission.body_length > settings->message_size)
		transaction_fail(transaction, VERDICT_SYSTEM_ERROR, NULL,
				 "bigger than limits.message-size");
	else if (transaction->submission.recipient_count > settings->recipients)
		transaction_fail(transaction, VERDICT_SYSTEM_ERROR, NULL,
				 "more recipients than limits.recipients");
}

/* Before anything of it is written. */
static void check_room(struct transaction *transaction, const struct intake_settings *settings)
{
	struct problem problem;
	enum verdict verdict;

	/* One that was sent before may be there. */
	if (transaction->submission.flags & SUBMISSION_AGAIN)
		return;
	if (!condition_admits(settings->condition, transaction->submission.body_length,
			      transaction->target_count, &verdict, &problem))
		transaction_fail(transaction, verdict, NULL, problem.text);
}

/* The body is complete: the message waits for the commit. */
static void finish_message(struct intake *intake, struct intake_piece *piece)
{
	stage_finish(intake->settings->store, intake->transaction);
	intake->transaction = NULL;
	intake->state = INTAKE_HEADER;
	intake->header_used = 0;
	piece->complete = true;
}

static bool begin_message(struct intake *intake, struct intake_piece *piece,
			  struct problem *problem)
{
	const struct intake_settings *settings = intake->settings;
	struct wire_reader reader = { intake->envelope, intake->envelope_size, 0, false };
	struct submission submission;

	if (!message_get_submission(&reader, &submission))
		return problem_set(problem, "a malformed envelope");
	if (!check_id(settings, &submission, problem))
		return false;
	if (submission.flags & SUBMISSION_AGAIN && !settings->store->is_ready)
		return is_uncertain(piece, problem, settings->store->unready.text);
	intake->transaction = transaction_new(intake->envelope, intake->envelope_size, &submission,
					      settings->store->file_host);
	if (!intake->transaction)
		return is_short(piece, problem, "a message");
	intake->envelope = NULL;
	intake->transaction->owner = intake->owner;
	intake->transaction->serial = intake->serial;
	check_limits(intake->transaction, settings);
	if (!transaction_has_failed(intake->transaction))
		recipients_expand(intake->transaction, settings->tables, settings->template);
	if (!transaction_has_failed(intake->transaction))
		check_room(intake->transaction, settings);
	if (!transaction_has_failed(intake->transaction))
		stage_begin(settings->store, intake->transaction);
	if (intake->transaction->is_uncertain)
		return is_uncertain(piece, problem, intake->transaction->reason.text);
	intake->body_left = submission.body_length;
	intake->state = INTAKE_BODY;
	if (intake->body_left == 0)
		finish_message(intake, piece);
	return true;
}

static bool take_envelope(struct intake *intake, struct intake_piece *piece,
			  struct problem *problem)
{
	size_t wanted = intake->envelope_size - intake->envelope_used;

	piece->used = piece->length < wanted ? piece->length : wanted;
	memcpy(intake->envelope + intake->envelope_used, piece->bytes, piece->used);
	intake->envelope_used += piece->used;
	return piece->used < wanted || begin_message(intake, piece, problem);
}

/* After an error stage_body drops the rest; the verdict comes when the body is over. */
static bool take_body(struct intake *intake, struct intake_piece *piece, struct problem *problem)
{
	(void)problem;
	piece->used = piece->length < intake->body_left ? piece->length : (size_t)intake->body_left;
	stage_body(intake->transaction, piece->bytes, piece->used);
	intake->body_left -= piece->used;
	if (intake->body_left == 0)
		finish_message(intake, piece);
	return true;
}

typedef bool take(struct intake *intake, struct intake_piece *piece, struct problem *problem);

static take *const takes[INTAKE_STATE_COUNT] = {
	[INTAKE_HEADER] = take_header,
	[INTAKE_NOTE] = take_note,
	[INTAKE_ENVELOPE] = take_envelope,
	[INTAKE_BODY] = take_body,
};

bool intake_take(struct intake *intake, struct intake_piece *piece, struct problem *problem)
{
	piece->complete = false;
	piece->come_again = false;
	return takes[intake->state](intake, piece, problem);
}

void intake_drop(struct intake *intake)
{
	free(intake->envelope);
	intake->envelope = NULL;
	if (intake->transaction)
		stage_abandon(intake->settings->store, intake->transaction);
	intake->transaction = NULL;
	intake->state = INTAKE_HEADER;
	intake->header_used = 0;
}
