/*
 * backoff.c - when a process that died is started again, and when no more
 *
 * Runs in: posternd.  Privilege: none needed.
 * Trusts: its caller's clock.
 */
#include "master/backoff.h"

/* Enough doublings to pass the longest pause, few enough not to overflow. */
#define MOST_DOUBLINGS 16

int64_t backoff_next(struct backoff *backoff, int64_t lived)
{
	int64_t pause;

	if (lived >= BACKOFF_RESET)
		backoff->failures = 0;
	if (backoff->failures++ == 0)
		return 0;
	if (backoff->failures > MOST_DOUBLINGS)
		backoff->failures = MOST_DOUBLINGS;
	pause = BACKOFF_FIRST << (backoff->failures - 2);
	return pause < BACKOFF_LONGEST ? pause : BACKOFF_LONGEST;
}

bool crash_history_add(struct crash_history *history, int64_t now, int64_t lived)
{
	size_t oldest;

	if (lived >= CRASH_EARLY)
		return false;
	history->deaths[history->count % CRASH_DEATHS] = now;
	history->count++;
	if (history->count < CRASH_DEATHS)
		return false;
	oldest = history->count % CRASH_DEATHS;
	return now - history->deaths[oldest] <= CRASH_WINDOW;
}
