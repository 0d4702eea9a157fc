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
		   const struct trials_outcome *outcome, int64_t took)
{
	printf("recorded: %zu operations, %u messages in %u files\n",
	       operations->count - operations->first, scenario->count, files_of(scenario));
	printf("checked: %zu states, %.1f seconds\n", outcome->checked, (double)took / 1000000);
}

/* Where the story begins: with the message that is wrong, or the first loss. */
static size_t beginning(const struct operations *operations, const struct trials_outcome *outcome,
			const struct crash_point *point)
{
	size_t first = outcome->wrong.length;

	for (size_t i = 0; i < point->count; i++)
		if (outcome->wrong.outcomes[i] != OUTCOME_KEPT &&
		    point->pending[i].operation < first)
			first = point->pending[i].operation;
	for (size_t at = operations->first; at < first; at++)
		if (operations->list[at].type == OPERATION_SUBMITTED &&
		    operations->list[at].message == outcome->message)
			return at;
	return first;
}

static void print_operation(const struct operations *operations, size_t at, const char *fate)
{
	char text[TEXT_SIZE];

	operation_describe(operations, at, text, sizeof(text));
	printf("%6zu  %s%s%s\n", at - operations->first + 1, text, *fate ? "   <- " : "", fate);
}

static void print_sequence(const struct operations *operations,
			   const struct trials_outcome *outcome)
{
	struct crash_point point;
	size_t next = 0, at;
	const char *fate;

	crash_point_find(operations, outcome->wrong.length, &point);
	at = beginning(operations, outcome, &point);
	if (at > operations->first)
		printf("        (%zu operations before are done)\n", at - operations->first);
	for (; at < point.length; at++) {
		fate = "";
		while (next < point.count && point.pending[next].operation < at)
			next++;
		if (next < point.count && point.pending[next].operation == at &&
		    outcome->wrong.outcomes[next] != OUTCOME_KEPT)
			fate = outcome_name(&operations->list[at], outcome->wrong.outcomes[next]);
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
	print_sequence(operations, outcome);
}
