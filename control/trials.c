/*
 * trials.c - all chosen states, tried on several processors
 *
 * Runs in: postern prove, and in children of it.
 * Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program.
 */
#include "control/trials.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSORS_MAX 16
#define NAME_SIZE 32

/* In memory that all processes share. */
struct board {
	atomic_size_t next; /* state to try */
	atomic_size_t checked;
	atomic_size_t wrong; /* the first that is wrong; its count: none */
	atomic_bool has_failed;
	struct problem problem; /* of the one that has failed */
};

static int processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count < PROCESSORS_MAX ? count : PROCESSORS_MAX;
}

static void note_wrong(struct board *board, size_t at)
{
	size_t first = atomic_load(&board->wrong);

	while (at < first && !atomic_compare_exchange_weak(&board->wrong, &first, at))
		continue;
}

static void try_one(const struct trial_settings *settings, const struct crash_state *state,
		    size_t at, const char *name, struct board *board)
{
	struct problem problem;
	uint32_t message;
	enum trial_result result;

	result = trial_run(settings, name, state, &message, &problem);
	atomic_fetch_add(&board->checked, 1);
	if (result == TRIAL_WRONG)
		note_wrong(board, at);
	if (result == TRIAL_FAILED && !atomic_exchange(&board->has_failed, true))
		board->problem = problem;
}

static void try_states(const struct trial_settings *settings, const struct crash_states *states,
		       int worker, struct board *board)
{
	char name[NAME_SIZE];
	size_t at;

	snprintf(name, sizeof(name), "trial-%d", worker);
	while (!atomic_load(&board->has_failed) &&
	       (at = atomic_fetch_add(&board->next, 1)) < atomic_load(&board->wrong))
		try_one(settings, &states->list[at], at, name, board);
}

static void try_in_parallel(const struct trial_settings *settings,
			    const struct crash_states *states, struct board *board)
{
	int count = processors();

	for (int i = 1; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			try_states(settings, states, i, board);
			_exit(0);
		}
	}
	/* This process is one of them. */
	try_states(settings, states, 0, board);
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
}

/* ---- the shortest ---- */

static enum trial_result try_again(const struct trial_settings *settings,
				   const struct crash_state *state, struct trials_outcome *outcome)
{
	outcome->checked++;
	return trial_run(settings, "shorter", state, &outcome->message, &outcome->problem);
}

/* Keeps every change whose loss is not needed. */
static void keep_what_is_not_needed(const struct trial_settings *settings,
				    struct crash_state *state, struct trials_outcome *outcome)
{
	struct crash_point point;
	uint8_t dropped;

	crash_point_find(settings->operations, state->length, &point);
	for (size_t i = point.count; i-- > 0;) {
		dropped = state->outcomes[i];
		if (dropped == OUTCOME_KEPT)
			continue;
		state->outcomes[i] = OUTCOME_KEPT;
		if (try_again(settings, state, outcome) == TRIAL_WRONG)
			state->dropped--;
		else
			state->outcomes[i] = dropped;
	}
	crash_point_free(&point);
}

/* The same losses at another point; false when one of them is durable there already, or not yet. */
static bool move_to(const struct operations *operations, const struct crash_state *state,
		    size_t length, struct crash_state *moved)
{
	struct crash_point from, to;
	size_t dropped = 0, next = 0;

	crash_point_find(operations, state->length, &from);
	crash_point_find(operations, length, &to);
	*moved = *state;
	moved->length = length;
	moved->outcomes = must_allocate(to.count + 1, 1);
	for (size_t i = 0; i < from.count; i++) {
		while (next < to.count && to.pending[next].operation < from.pending[i].operation)
			next++;
		if (state->outcomes[i] == OUTCOME_KEPT || next == to.count ||
		    to.pending[next].operation != from.pending[i].operation ||
		    state->outcomes[i] >= to.pending[next].outcomes)
			continue;
		moved->outcomes[next] = state->outcomes[i];
		dropped++;
	}
	crash_point_free(&from);
	crash_point_free(&to);
	return dropped == state->dropped;
}

static void find_earliest(const struct trial_settings *settings, struct crash_state *state,
			  struct trials_outcome *outcome)
{
	struct crash_state moved;

	for (size_t length = settings->operations->first; length < state->length; length++) {
		if (move_to(settings->operations, state, length, &moved) &&
		    try_again(settings, &moved, outcome) == TRIAL_WRONG) {
			free(state->outcomes);
			*state = moved;
			return;
		}
		free(moved.outcomes);
	}
}

static void shorten(const struct trial_settings *settings, const struct crash_state *found,
		    struct trials_outcome *outcome)
{
	struct crash_state *state = &outcome->wrong;
	struct crash_point point;

	crash_point_find(settings->operations, found->length, &point);
	*state = *found;
	state->outcomes = must_allocate(point.count + 1, 1);
	memcpy(state->outcomes, found->outcomes, point.count);
	crash_point_free(&point);
	keep_what_is_not_needed(settings, state, outcome);
	find_earliest(settings, state, outcome);
	/* For the text. */
	if (try_again(settings, state, outcome) != TRIAL_WRONG)
		problem_set(&outcome->problem, "wrong in one trial, and right in another one");
}

void trials_run(const struct trial_settings *settings, const struct crash_states *states,
		struct trials_outcome *outcome)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t wrong;

	*outcome = (struct trials_outcome){ .result = TRIAL_FAILED };
	if (board == MAP_FAILED) {
		problem_errno(&outcome->problem, "memory");
		return;
	}
	atomic_store(&board->wrong, states->count);
	try_in_parallel(settings, states, board);
	wrong = atomic_load(&board->wrong);
	outcome->checked = atomic_load(&board->checked);
	outcome->problem = board->problem;
	if (wrong < states->count) {
		outcome->result = TRIAL_WRONG;
		shorten(settings, &states->list[wrong], outcome);
	} else if (!atomic_load(&board->has_failed)) {
		outcome->result = TRIAL_RIGHT;
	}
	munmap(board, sizeof(*board));
}
