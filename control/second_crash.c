/*
 * second_crash.c - crashes in the midst of a recovery from a crash
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program.
 */
#include "control/second_crash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/recording.h"

#define STATES_FOR_EACH 60 /* about: a recovery has some tens of operations */
#define TRIES_FOR_EACH 8   /* not every recovery has something to do */
#define DRAWS_FOR_EACH 100

static bool has(const struct operations *operations, enum operation_type type)
{
	for (size_t at = operations->first; at < operations->count; at++)
		if (operations->list[at].type == type)
			return true;
	return false;
}

/* Every other one has moved files, which is the harder part; the others may have swept only. */
static bool is_wanted(const struct second_crash *second)
{
	return has(&second->operations, OPERATION_RENAME) ||
	       (second->recoveries % 2 == 1 && has(&second->operations, OPERATION_REMOVE));
}

static bool record(const struct trial_settings *settings, const struct crash_state *state,
		   struct operations *operations, struct problem *problem)
{
	int root = trial_build(settings, "recovery", state, problem);
	bool made;

	memset(operations, 0, sizeof(*operations));
	if (root < 0)
		return false;
	made = recording_of_start(settings->delivery, root, operations, problem);
	close(root);
	return made;
}

/* All that another crash may leave of the recorded recovery. */
static void try_recovery(const struct trial_settings *settings, const struct crash_state *earlier,
			 uint64_t seed, struct second_crash *second)
{
	uint32_t messages = settings->scenario->count;
	enum expectation *before = must_allocate(messages, sizeof(before[0]));
	struct trial_settings again = *settings;
	struct trials_outcome outcome;
	struct crash_states states;

	trial_expect(settings, earlier, before);
	again.operations = &second->operations;
	again.before = before;
	crash_states_choose(&second->operations, STATES_FOR_EACH, seed, &states);
	trials_run(&again, &states, &outcome);
	outcome.checked += second->outcome.checked;
	second->outcome = outcome;
	second->recoveries++;
	crash_states_free(&states);
	free(before);
}

/* One that is drawn; false when nothing more is to be tried. */
static bool try_one(const struct trial_settings *settings, const struct crash_state *earlier,
		    uint64_t seed, struct second_crash *second)
{
	operations_free(&second->operations);
	second->earlier = earlier;
	if (!record(settings, earlier, &second->operations, &second->outcome.problem)) {
		second->outcome.result = TRIAL_FAILED;
		return false;
	}
	if (is_wanted(second))
		try_recovery(settings, earlier, seed, second);
	return second->outcome.result == TRIAL_RIGHT;
}

static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

/* Where files must have been moved, the crash came in the midst of it. */
static bool may_serve(const struct trial_settings *settings, const struct crash_state *state,
		      const struct second_crash *second)
{
	return second->recoveries % 2 == 1 ||
	       (state->length > settings->operations->first &&
		settings->operations->list[state->length - 1].type == OPERATION_RENAME);
}

void second_crash_run(const struct trial_settings *settings, const struct crash_states *states,
		      size_t most, uint64_t seed, struct second_crash *second)
{
	size_t recoveries = most / STATES_FOR_EACH + 1;
	size_t tries = recoveries * TRIES_FOR_EACH;
	size_t draws = tries * DRAWS_FOR_EACH;
	uint64_t random = seed;

	memset(second, 0, sizeof(*second));
	second->outcome.result = TRIAL_RIGHT;
	for (; tries > 0 && draws > 0 && second->recoveries < recoveries; draws--) {
		const struct crash_state *state;

		random += 0x9e3779b97f4a7c15u;
		state = &states->list[mix(random) % states->count];
		if (!may_serve(settings, state, second))
			continue;
		tries--;
		if (!try_one(settings, state, random, second))
			return;
	}
}

void second_crash_free(struct second_crash *second)
{
	free(second->outcome.wrong.outcomes);
	operations_free(&second->operations);
}
