/*
 * collect.h - when a batch has collected enough: it grows with load, a lone message waits for
 * nobody
 *
 * While a commit runs messages come in, and when it has ended its senders send
 * their next ones. Without a pause in between they go on as two groups that
 * wait for each other's commits: each message for two. With a pause, in which
 * the answered ones come back, they are one group, and each waits for one
 * commit; but nothing is done while the disk flushes. Which is better depends
 * on the disk, the processors and the senders, so it is tried: each way for
 * some commits, and the one that stores more messages a second is kept for a
 * while.
 */
#ifndef POSTERN_DELIVERY_COLLECT_H
#define POSTERN_DELIVERY_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages, scaled, and the microseconds they took: decaying sums. */
struct collect_rate {
	int64_t messages;
	int64_t time;
};

struct collect {
	/* of the last commit */
	int64_t flush_cost; /* microseconds that one waits for the disk, a running mean */
	int64_t answered;   /* clock_steady() of its end */
	size_t returning;   /* messages it has answered */
	bool others_wait;   /* there were others already */

	/* of the batch in hand */
	bool is_begun;
	bool is_in_question; /* there may be others to wait for */
	size_t expected;     /* messages: then nobody is waited for any more */
	size_t last_count;   /* messages when the last one came */
	int64_t last_time;

	/* whether to wait */
	bool waits;
	bool is_trial; /* of the way that was worse, or never tried */
	unsigned left; /* commits until this is looked at again */
	unsigned skip; /* of them, at the beginning: they still show the other way */
	unsigned run;  /* commits until the next trial */
	struct collect_rate rates[2];
};

void collect_open(struct collect *collect);

/*
 * There is nothing to read, and `count` messages, 1 at least, are in the batch.
 * Returns for how many microseconds others are still waited for; 0: commit.
 */
int64_t collect_wait(struct collect *collect, size_t count, int64_t now);

/* How long reading may go on while there is always something to read. */
int64_t collect_limit(const struct collect *collect);

/* What is known of a commit that has ended, before its messages are answered. */
struct commit_outcome {
	size_t count;	    /* its messages */
	int64_t ended;	    /* clock_steady() */
	int64_t flush_time; /* microseconds of it that were spent waiting for the disk */
	bool others_wait;   /* there is something to read already */
};

void collect_committed(struct collect *collect, const struct commit_outcome *outcome);

#endif
