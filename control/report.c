/*
 * report.c - what postern prove prints at its end
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: nothing here.
 */
#include "control/report.h"

#include <stdio.h>

#define TEXT_SIZE 1200

static unsigned files_of(const struct scenario *scenario)
{
	unsigned files = 0;

	for (uint32_t i = 0; i < scenario->count; i++)
		files += (unsigned)__builtin_popcount(scenario->messages[i].mailboxes);
	return files;
}

void report_counts(const struct operations *operations, const struct scenario *scenario,
		   const struct trials_outcome *outcome, const struct second_crash *second,
		   int64_t took)
{
	printf("recorded: %zu operations, %u messages in %u files, %u recoveries\n",
	       operations->count - operations->first, scenario->count, files_of(scenario),
	       second->recoveries);
	printf("checked: %zu states, %.1f seconds\n", outcome->checked + second->outcome.checked,
	       (double)took / 1000000);
}

/* Where the story begins: with the message that is wrong, or the first loss. */
static size_t beginning(const struct operations *operations, const struct crash_state *state,
			const struct crash_point *point, uint32_t message)
{
	size_t first = state->length;

	for (size_t i = 0; i < point->count; i++)
		if (state->outcomes[i] != OUTCOME_KEPT && point->pending[i].operation < first)
			first = point->pending[i].operation;
	for (size_t at = operations->first; at < first; at++)
		if (operations->list[at].type == OPERATION_SUBMITTED &&
		    operations->list[at].message == message)
			return at;
	return first;
}

static void print_operation(const struct operations *operations, size_t at, const char *fate)
{
	char text[TEXT_SIZE];

	operation_describe(operations, at, text, sizeof(text));
	printf("%6zu  %s%s%s\n", at - operations->first + 1, text, *fate ? "   <- " : "", fate);
}

static void print_sequence(const struct operations *operations, const struct crash_state *state,
			   uint32_t message)
{
	struct crash_point point;
	size_t next = 0, at;
	const char *fate;

	crash_point_find(operations, state->length, &point);
	at = beginning(operations, state, &point, message);
	if (at > operations->first)
		printf("        (%zu operations before are done)\n", at - operations->first);
	for (; at < point.length; at++) {
		fate = "";
		while (next < point.count && point.pending[next].operation < at)
			next++;
		if (next < point.count && point.pending[next].operation == at &&
		    state->outcomes[next] != OUTCOME_KEPT)
			fate = outcome_name(&operations->list[at], state->outcomes[next]);
		print_operation(operations, at, fate);
	}
	printf("        crash, and a new start\n");
	crash_point_free(&point);
}

void report_wrong(const struct operations *operations, const struct trials_outcome *outcome)
{
	printf("WRONG: %s\n", outcome->problem.text);
	printf("The shortest sequence that leads there: %zu operations, %zu of them not on the "
	       "disk, or not whole:\n",
	       outcome->wrong.length - operations->first, outcome->wrong.dropped);
	print_sequence(operations, &outcome->wrong, outcome->message);
}

void report_second_wrong(const struct operations *operations, const struct second_crash *second)
{
	const struct crash_state *wrong = &second->outcome.wrong;

	printf("WRONG: %s\n", second->outcome.problem.text);
	printf("Two crashes lead there. The first one behind %zu operations, %zu of them not on "
	       "the "
	       "disk, or not whole:\n",
	       second->earlier->length - operations->first, second->earlier->dropped);
	print_sequence(operations, second->earlier, second->outcome.message);
	printf("The second one behind %zu operations of the recovery, %zu of them not on the disk, "
	       "or "
	       "not whole:\n",
	       wrong->length - second->operations.first, wrong->dropped);
	print_sequence(&second->operations, wrong, second->outcome.message);
}
