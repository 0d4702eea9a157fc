/*
 * trial.c - one state that a crash may leave: built, recovered by delivery, looked at
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program.
 */
#include "control/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log/log.h"
#include "control/checker.h"
#include "control/crash_state.h"
#include "control/scratch.h"
#include "control/state_build.h"

#define ANSWER_SECONDS 30
#define SWEEP_SECONDS 10
#define SWEEP_LOOK 500000 /* nanoseconds */

struct trial {
	const struct trial_settings *settings;
	const struct crash_state *state;
	enum expectation *expectations; /* of each message */
	struct delivery delivery;
	struct checker checker;
	uint32_t *message;
	struct problem *problem;
};

void trial_expect(const struct trial_settings *settings, const struct crash_state *state,
		  enum expectation *expectations)
{
	const struct operations *operations = settings->operations;

	for (uint32_t i = 0; i < settings->scenario->count; i++)
		expectations[i] = settings->before ? settings->before[i] : EXPECT_NONE;
	for (size_t at = 0; at < state->length; at++) {
		const struct operation *operation = &operations->list[at];

		if (operation->type == OPERATION_SUBMITTED)
			expectations[operation->message] = EXPECT_ALL_OR_NONE;
		else if (operation->type == OPERATION_ANSWERED)
			expectations[operation->message] = EXPECT_ALL;
	}
}

/*
 * Making and removing folders is what a trial spends most of its time with: where
 * all are wanted, those of the one before it are used again.
 */
static int open_folder(const struct trial_settings *settings, const char *name,
		       const struct crash_tree *tree)
{
	int root = -1;

	if (state_has_all_folders(settings->operations, tree))
		root = scratch_reopen_folder(settings->folder, name);
	if (root >= 0)
		return root;
	scratch_remove(settings->folder, name);
	return scratch_make_folder(settings->folder, name);
}

int trial_build(const struct trial_settings *settings, const char *name,
		const struct crash_state *state, struct problem *problem)
{
	const struct operations *operations = settings->operations;
	struct crash_point point;
	struct crash_tree tree;
	int root;

	crash_point_find(operations, state->length, &point);
	crash_tree_build(operations, &point, state->outcomes, state->seed, &tree);
	root = open_folder(settings, name, &tree);
	if (root < 0) {
		problem_errno(problem, "a folder for a trial");
	} else if (!state_build(operations, &tree, root, problem)) {
		close(root);
		root = -1;
	}
	crash_tree_free(&tree);
	crash_point_free(&point);
	return root;
}

/* ---- what the worker does then ---- */

/* Of every other message without a verdict that is there, a mail reader has seen the files. */
static bool send_again(struct trial *trial, uint32_t *sent)
{
	const struct scenario *scenario = trial->settings->scenario;

	for (uint32_t i = 0; i < scenario->count; i++) {
		if (trial->expectations[i] != EXPECT_ALL_OR_NONE)
			continue;
		if ((i + trial->state->length) % 2 == 0 &&
		    !checker_read_message(&trial->checker, i, trial->problem))
			return false;
		if (!scenario_send(scenario, i, true, &trial->delivery, trial->problem))
			return false;
		++*sent;
	}
	return true;
}

static bool take_verdict(struct trial *trial)
{
	struct message_verdict verdict;
	int result =
		delivery_next_verdict(&trial->delivery, ANSWER_SECONDS, &verdict, trial->problem);

	if (result == 0)
		problem_set(trial->problem, "delivery gives no verdict on what is sent again");
	if (result <= 0)
		return false;
	if (verdict.handle >= trial->settings->scenario->count ||
	    verdict.verdict != VERDICT_STORED) {
		*trial->message = (uint32_t)verdict.handle;
		return problem_set(trial->problem, "message %u is refused when it is sent again",
				   *trial->message);
	}
	trial->expectations[verdict.handle] = EXPECT_ALL;
	return true;
}

static bool act_as_worker(struct trial *trial)
{
	uint32_t sent = 0;

	if (!send_again(trial, &sent))
		return false;
	for (; sent > 0; sent--)
		if (!take_verdict(trial))
			return false;
	return true;
}

/* Files in tmp/ that no message owns go in the background after the start. */
static void wait_until_swept(struct trial *trial)
{
	const struct timespec pause = { 0, SWEEP_LOOK };
	int64_t end = clock_steady() + SWEEP_SECONDS * 1000000LL;

	while (!checker_is_swept(&trial->checker) && clock_steady() < end)
		nanosleep(&pause, NULL);
}

/* ---- the steps ---- */

/* READY comes first, and then what is done at the start; a verdict comes behind it. */
static bool wait_until_recovered(struct trial *trial)
{
	struct message_verdict verdict;
	int result;

	if (!delivery_wait_ready(&trial->delivery, ANSWER_SECONDS, trial->problem) ||
	    !scenario_probe(trial->settings->scenario, &trial->delivery, trial->problem))
		return false;
	result = delivery_next_verdict(&trial->delivery, ANSWER_SECONDS, &verdict, trial->problem);
	if (result < 0)
		return false;
	if (result == 1 && verdict.handle == trial->settings->scenario->count &&
	    verdict.verdict == VERDICT_NO_RECIPIENT)
		return true;
	return problem_set(trial->problem, "delivery does not work after its start (verdict %d)",
			   result == 1 ? verdict.verdict : -1);
}

static bool recover_and_look(struct trial *trial)
{
	if (!wait_until_recovered(trial) ||
	    !checker_run(&trial->checker, trial->message, trial->problem) || !act_as_worker(trial))
		return false;
	wait_until_swept(trial);
	trial->checker.without_staged = true;
	return delivery_send_stop(&trial->delivery, trial->problem) &&
	       delivery_wait_end(&trial->delivery, ANSWER_SECONDS, trial->problem) &&
	       checker_run(&trial->checker, trial->message, trial->problem);
}

static enum trial_result run_in(struct trial *trial)
{
	enum trial_result result;

	if (!delivery_start(&trial->delivery, trial->settings->delivery, DELIVERY_FAST,
			    trial->checker.root, trial->problem))
		return TRIAL_FAILED;
	result = recover_and_look(trial) ? TRIAL_RIGHT : TRIAL_WRONG;
	delivery_drop(&trial->delivery);
	return result;
}

enum trial_result trial_run(const struct trial_settings *settings, const char *name,
			    const struct crash_state *state, uint32_t *message,
			    struct problem *problem)
{
	struct trial trial = {
		.settings = settings, .state = state, .message = message, .problem = problem
	};
	enum trial_result result = TRIAL_FAILED;

	*message = settings->scenario->count;
	trial.expectations =
		must_allocate(settings->scenario->count, sizeof(trial.expectations[0]));
	trial_expect(settings, state, trial.expectations);
	trial.checker = (struct checker){ .scenario = settings->scenario,
					  .expectations = trial.expectations,
					  .root = trial_build(settings, name, state, problem) };
	if (trial.checker.root >= 0) {
		result = run_in(&trial);
		close(trial.checker.root);
	}
	free(trial.expectations);
	return result;
}
