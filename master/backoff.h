/*
 * backoff.h - when a process that died is started again, and when no more
 *
 * All times are in microseconds of a clock that never goes back. No clock is
 * read here.
 */
#ifndef POSTERN_MASTER_BACKOFF_H
#define POSTERN_MASTER_BACKOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND INT64_C(1000000)

/* The pauses before each start of the same place: none, then 0.1 s doubling to 10 s. */
#define BACKOFF_FIRST (SECOND / 10)
#define BACKOFF_LONGEST (10 * SECOND)
/* Who lived so long is not part of a series. */
#define BACKOFF_RESET (60 * SECOND)

/* So many early deaths of one program within the window are a crash loop. */
#define CRASH_DEATHS 10
#define CRASH_WINDOW (60 * SECOND)
/* A death is early when the process lived less than this. */
#define CRASH_EARLY (10 * SECOND)

struct backoff {
	unsigned failures; /* in a row */
};

/* The pause before the next start, for a process that lived `lived`; 0 for one never started. */
int64_t backoff_next(struct backoff *backoff, int64_t lived);

/* The times of the last early deaths of one program, a ring. */
struct crash_history {
	int64_t deaths[CRASH_DEATHS];
	size_t count;
};

/*
 * Writes down a death at `now` after a life of `lived`. True: it closes a
 * crash loop.
 */
bool crash_history_add(struct crash_history *history, int64_t now, int64_t lived);

#endif
