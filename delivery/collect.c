/*
 * collect.c - when a batch has collected enough
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Trusts: its caller. Whatever comes in, nobody waits for longer than the disk takes.
 *
 * Invariants:
 *
 *	A message that comes alone, be it the next one of the same session, is
 *	committed at once: what was answered is expected back once, and nobody
 *	else was there.
 *	After a commit nobody is waited for longer than one waits for the disk.
 */
#include "delivery/collect.h"

/* Reading goes on for so long at least: on a fast disk a commit takes less than reading. */
#define LIMIT_MIN 2000 /* microseconds */
/* Without a further message for this part of the disk's time: the others do not come back. */
#define QUIET_PART 4

#define TRIAL 10 /* commits */
#define SKIP 2	 /* of them */
#define RUN_MIN 32
#define RUN_MAX 512
#define RATE_SCALE 1024
#define RATE_WEIGHT 16
/* Waiting must be better by a twentieth: with senders in no hurry both ways are the same. */
#define MARGIN 20

void collect_open(struct collect *collect)
{
	*collect = (struct collect){ .left = TRIAL, .skip = SKIP, .run = RUN_MIN };
}

int64_t collect_limit(const struct collect *collect)
{
	return collect->flush_cost / 2 > LIMIT_MIN ? collect->flush_cost / 2 : LIMIT_MIN;
}

/* ---- waiting ---- */

static void begin(struct collect *collect, size_t count, int64_t now)
{
	collect->is_begun = true;
	collect->expected = collect->returning + (collect->others_wait ? count : 0);
	collect->is_in_question =
		count < collect->expected && now < collect->answered + collect->flush_cost;
	collect->last_count = count;
	collect->last_time = now;
}

int64_t collect_wait(struct collect *collect, size_t count, int64_t now)
{
	int64_t until = collect->answered + collect->flush_cost, quiet;

	if (!collect->is_begun)
		begin(collect, count, now);
	if (!collect->is_in_question || !collect->waits || count >= collect->expected)
		return 0;
	if (count > collect->last_count) {
		collect->last_count = count;
		collect->last_time = now;
	}
	quiet = collect->last_time + collect->flush_cost / QUIET_PART;
	if (quiet < until)
		until = quiet;
	return until > now ? until - now : 0;
}

/* ---- whether it pays ---- */

static void note(struct collect_rate *rate, size_t count, int64_t time)
{
	rate->messages += (int64_t)count * RATE_SCALE - rate->messages / RATE_WEIGHT;
	rate->time += time - rate->time / RATE_WEIGHT;
}

static bool is_waiting_better(const struct collect *collect)
{
	const struct collect_rate *at_once = &collect->rates[0], *waited = &collect->rates[1];

	return waited->messages / RATE_SCALE * at_once->time >
	       at_once->messages / RATE_SCALE * (waited->time + waited->time / MARGIN);
}

static void begin_trial(struct collect *collect)
{
	collect->is_trial = true;
	collect->waits = !collect->waits;
	collect->rates[collect->waits] = (struct collect_rate){ 0 };
	collect->left = TRIAL;
	collect->skip = SKIP;
}

/* A way that has lost again is tried less often. */
static void end_trial(struct collect *collect)
{
	bool was_tried = collect->waits;

	collect->is_trial = false;
	collect->waits = is_waiting_better(collect);
	collect->run = collect->waits == was_tried ? RUN_MIN : collect->run * 2;
	if (collect->run > RUN_MAX)
		collect->run = RUN_MAX;
	collect->left = collect->run;
	collect->skip = collect->waits == was_tried ? 0 : SKIP;
}

static void learn(struct collect *collect, size_t count, int64_t time)
{
	if (collect->skip > 0)
		collect->skip--;
	else
		note(&collect->rates[collect->waits], count, time);
	if (--collect->left > 0)
		return;
	if (collect->is_trial)
		end_trial(collect);
	else
		begin_trial(collect);
}

void collect_committed(struct collect *collect, const struct commit_outcome *outcome)
{
	if (collect->is_begun && collect->is_in_question)
		learn(collect, outcome->count, outcome->ended - collect->answered);
	collect->is_begun = false;
	collect->flush_cost = (collect->flush_cost * 7 + outcome->flush_time) / 8;
	collect->answered = outcome->ended;
	collect->returning = outcome->count;
	collect->others_wait = outcome->others_wait;
}
