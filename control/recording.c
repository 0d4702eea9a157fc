/*
 * recording.c - the messages are delivered once, and all that delivery does is recorded
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program.
 */
#include "control/recording.h"

#include <string.h>
#include <sys/stat.h>

#include "control/recorder.h"

struct recording {
	const struct scenario *scenario;
	struct delivery delivery;
	struct recorder recorder;
	uint32_t sent;	  /* messages, in their order */
	uint32_t waiting; /* for their verdicts */
	bool is_stopped;
};

/* The next group, whole. It is noted before delivery can have seen it. */
static bool send_group(struct recording *recording, struct problem *problem)
{
	const struct scenario *scenario = recording->scenario;
	unsigned group = scenario->messages[recording->sent].group;

	while (recording->sent < scenario->count &&
	       scenario->messages[recording->sent].group == group) {
		recorder_note(&recording->recorder,
			      &(struct operation){ .type = OPERATION_SUBMITTED,
						   .call = "is sent",
						   .message = recording->sent });
		if (!scenario_send(scenario, recording->sent, false, &recording->delivery, problem))
			return false;
		recording->sent++;
		recording->waiting++;
	}
	return true;
}

static bool note_verdict(struct recording *recording, const struct message_verdict *verdict,
			 struct problem *problem)
{
	if (recording->waiting > 0 && verdict->handle == recording->scenario->count) {
		recording->waiting--; /* the probe */
		return true;
	}
	if (verdict->handle >= recording->sent || recording->waiting == 0)
		return problem_set(problem, "delivery answers a message that was not sent");
	if (verdict->verdict != VERDICT_STORED)
		return problem_set(problem,
				   "delivery refuses message %u (verdict %u): is there "
				   "room on the file system?",
				   (unsigned)verdict->handle, verdict->verdict);
	recorder_note(&recording->recorder,
		      &(struct operation){ .type = OPERATION_ANSWERED,
					   .call = "is acknowledged",
					   .message = (uint32_t)verdict->handle,
					   .verdict = verdict->verdict });
	recording->waiting--;
	return true;
}

/* recorder_answer */
static bool on_answer(void *context, struct problem *problem)
{
	struct recording *recording = context;
	struct message_verdict verdict;
	int result;

	while ((result = delivery_next_verdict(&recording->delivery, 0, &verdict, problem)) > 0)
		if (!note_verdict(recording, &verdict, problem))
			return false;
	return result == 0;
}

/* recorder_idle: so that what is done in the background comes in between, too. */
static bool on_idle(void *context, struct problem *problem)
{
	struct recording *recording = context;

	if (recording->waiting > 0 || recording->is_stopped)
		return true;
	if (recording->sent < recording->scenario->count)
		return send_group(recording, problem);
	recording->is_stopped = true;
	return delivery_send_stop(&recording->delivery, problem);
}

/* The first message comes before the mailboxes are made. */
static bool send_first(struct recording *recording, struct problem *problem)
{
	if (recording->scenario->count > 0)
		return send_group(recording, problem);
	recording->waiting = 1;
	return scenario_probe(recording->scenario, &recording->delivery, problem);
}

static bool follow(struct recording *recording, struct operations *operations, int root,
		   struct problem *problem)
{
	struct recorder *recorder = &recording->recorder;
	struct stat status;

	if (fstat(recording->delivery.verdicts, &status) != 0)
		return problem_errno(problem, "pipe");
	recorder->pid = recording->delivery.pid;
	recorder->answers = status.st_ino;
	recorder->answers_device = status.st_dev;
	recorder->answer = on_answer;
	recorder->idle = on_idle;
	recorder->context = recording;
	if (!recorder_open(recorder, operations, root, problem) ||
	    !send_first(recording, problem) || !recorder_run(recorder, problem))
		return false;
	return recording->is_stopped ||
	       problem_set(problem, "delivery has ended before all messages were sent");
}

bool recording_make(const struct delivery_settings *settings, const struct scenario *scenario,
		    int root, struct operations *operations, struct problem *problem)
{
	struct recording recording = { .scenario = scenario };
	bool made;

	memset(operations, 0, sizeof(*operations));
	if (!delivery_start(&recording.delivery, settings, DELIVERY_TRACED, root, problem))
		return false;
	made = follow(&recording, operations, root, problem);
	/* What has ended was reaped by the recorder. */
	recording.delivery.pid = recording.recorder.pid;
	recorder_close(&recording.recorder);
	delivery_drop(&recording.delivery);
	return made;
}

bool recording_of_start(const struct delivery_settings *settings, int root,
			struct operations *operations, struct problem *problem)
{
	static const struct scenario no_messages = { .count = 0 };

	return recording_make(settings, &no_messages, root, operations, problem);
}
