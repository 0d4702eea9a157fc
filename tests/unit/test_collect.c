/*
 * test_collect.c - how long a batch waits for further messages: never in vain, and a lone one not
 * at all
 *
 * A model in which time is a number: sessions that send their next message when
 * the last one was answered, a processor for them, one for delivery, and a disk.
 */
#include <check.h>

#include "delivery/collect.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SESSIONS_MAX 200
#define BATCH_MAX 128
#define SECOND 1000000

struct machine {
	int64_t flush;	 /* microseconds; a commit has two */
	size_t sessions; /* each sends one message after another */
	int64_t think;	 /* from an answer to the next message, at least */
	int64_t sending; /* the workers' and the clients' processor, for each message */
	int64_t storing; /* delivery's */
};

struct model {
	struct machine machine;
	struct collect collect;
	int64_t now;
	int64_t senders_busy; /* until then */
	int64_t coming[SESSIONS_MAX];
	size_t first, last; /* of the ring: in the order of their times */
	size_t batch;
	int64_t waited; /* for others, in all */
};

static void send(struct model *model)
{
	const struct machine *machine = &model->machine;

	if (model->senders_busy < model->now)
		model->senders_busy = model->now;
	model->senders_busy += machine->sending;
	model->coming[model->last++ % SESSIONS_MAX] = model->senders_busy + machine->think;
}

static bool has_come(const struct model *model)
{
	return model->first < model->last &&
	       model->coming[model->first % SESSIONS_MAX] <= model->now;
}

static void read_all(struct model *model)
{
	while (has_come(model) && model->batch < BATCH_MAX) {
		model->first++;
		model->batch++;
		model->now += model->machine.storing / 2;
	}
}

/* Returns how many are answered. */
static size_t commit(struct model *model)
{
	size_t count = model->batch;
	struct commit_outcome outcome = { .count = count, .flush_time = 2 * model->machine.flush };

	model->now += outcome.flush_time + (int64_t)count * model->machine.storing / 2;
	outcome.ended = model->now;
	outcome.others_wait = has_come(model);
	collect_committed(&model->collect, &outcome);
	for (size_t i = 0; i < count; i++)
		send(model);
	model->batch = 0;
	return count;
}

/* Until a message comes, or nobody waits for one any more. */
static bool wait_for_others(struct model *model)
{
	int64_t wait = collect_wait(&model->collect, model->batch, model->now);
	int64_t until = model->now + wait;

	if (wait == 0 || model->batch == BATCH_MAX)
		return false;
	if (model->first < model->last && model->coming[model->first % SESSIONS_MAX] < until)
		until = model->coming[model->first % SESSIONS_MAX];
	model->waited += until - model->now;
	model->now = until;
	return true;
}

/* Messages stored in that time. */
static size_t run(struct model *model, int64_t time, bool never_waits)
{
	int64_t until = model->now + time;
	size_t stored = 0;

	while (model->now < until) {
		model->collect.waits = model->collect.waits && !never_waits;
		read_all(model);
		if (model->batch == 0)
			model->now = model->coming[model->first % SESSIONS_MAX];
		else if (!wait_for_others(model))
			stored += commit(model);
	}
	return stored;
}

static void start(struct model *model, const struct machine *machine)
{
	*model = (struct model){ .machine = *machine };
	collect_open(&model->collect);
	for (size_t i = 0; i < machine->sessions; i++)
		send(model);
}

/* ---- what it comes to ---- */

static const struct {
	struct machine machine;
	double least; /* messages, as a multiple of those without any waiting */
} cases[] = {
	/* a slow disk: nearly all of what can be won */
	{ { 20000, 2, 200, 60, 30 }, 1.9 },
	{ { 20000, 20, 200, 60, 30 }, 1.75 },
	{ { 20000, 100, 200, 60, 30 }, 1.6 },
	{ { 5000, 2, 200, 60, 30 }, 1.7 },
	{ { 5000, 20, 200, 60, 30 }, 1.5 },
	{ { 5000, 100, 200, 60, 30 }, 1.2 },
	{ { 1000, 2, 200, 60, 30 }, 1.5 },
	{ { 1000, 20, 200, 60, 30 }, 1.15 },
	/* the processors are the limit, or the senders take their time: nothing is lost */
	{ { 1000, 100, 200, 60, 30 }, 0.95 },
	{ { 100, 2, 200, 60, 30 }, 0.95 },
	{ { 100, 20, 200, 60, 30 }, 0.95 },
	{ { 100, 100, 200, 60, 30 }, 0.95 },
	{ { 0, 100, 200, 60, 30 }, 0.95 },
	{ { 20000, 100, 200, 600, 30 }, 0.95 },
	{ { 5000, 100, 200, 600, 30 }, 0.95 },
	{ { 20000, 200, 50000, 60, 30 }, 0.95 },
	{ { 20000, 20, 100000, 60, 30 }, 0.95 },
	{ { 5000, 20, 12000, 60, 30 }, 0.95 },
	{ { 5000, 5, SECOND, 60, 30 }, 0.99 },
};

START_TEST(test_pays)
{
	struct model waiting, at_once;
	size_t stored, without;

	start(&waiting, &cases[_i].machine);
	start(&at_once, &cases[_i].machine);
	run(&waiting, 10 * SECOND, false);
	run(&at_once, 10 * SECOND, true);
	stored = run(&waiting, 100 * SECOND, false);
	without = run(&at_once, 100 * SECOND, true);
	ck_assert_double_ge((double)stored, cases[_i].least * (double)without);
}
END_TEST

/* One session, and its answer may come when its next message is there already: nobody is waited
 * for. */
START_TEST(test_lone_session)
{
	static const struct machine machines[] = {
		{ 20000, 1, 0, 0, 0 },
		{ 20000, 1, 200, 60, 30 },
		{ 100, 1, 200, 60, 30 },
		{ 20000, 1, SECOND, 60, 30 },
	};
	struct model model;

	start(&model, &machines[_i]);
	run(&model, 100 * SECOND, false);
	ck_assert_int_eq(model.waited, 0);
}
END_TEST

static void commit_of(struct collect *collect, size_t count, bool others_wait, int64_t ended)
{
	struct commit_outcome outcome = { count, ended, 40000, others_wait };

	collect_committed(collect, &outcome);
}

/* What is waited for after a commit at 1 s that took the disk 40 ms. */
static const struct {
	size_t answered;
	bool others_wait;
	size_t count; /* messages at `at`, and `later`, if there is any later */
	int64_t at;
	int64_t later, later_count;
	int64_t wait; /* microseconds, the last time */
} waits[] = {
	/* after the commit's time nobody is waited for */
	{ 100, false, 1, SECOND + 40000, 0, 0, 0 },
	{ 100, true, 1, SECOND + 40000, 0, 0, 0 },
	{ 100, false, 1, 2 * SECOND, 0, 0, 0 },
	/* all are back, and all who were there */
	{ 1, false, 1, SECOND + 100, 0, 0, 0 },
	{ 100, false, 100, SECOND + 100, 0, 0, 0 },
	{ 100, false, 99, SECOND + 100, 0, 0, 10000 },
	{ 100, false, 99, SECOND + 100, SECOND + 200, 100, 0 },
	{ 10, true, 5, SECOND + 100, 0, 0, 10000 },
	{ 10, true, 5, SECOND + 100, SECOND + 200, 14, 10000 },
	{ 10, true, 5, SECOND + 100, SECOND + 200, 15, 0 },
	/* no longer than the disk takes, and not when nobody comes */
	{ 100, false, 1, SECOND + 35000, 0, 0, 5000 },
	{ 100, false, 1, SECOND + 1000, SECOND + 10999, 1, 1 },
	{ 100, false, 1, SECOND + 1000, SECOND + 11000, 1, 0 },
	{ 100, false, 1, SECOND + 1000, SECOND + 10999, 2, 10000 },
	{ 100, false, 1, SECOND + 35000, SECOND + 36000, 2, 4000 },
	{ 100, false, 1, SECOND + 35000, SECOND + 40000, 2, 0 },
};

START_TEST(test_wait)
{
	struct collect collect;
	int64_t wait;

	collect_open(&collect);
	for (int i = 0; i < 100; i++)
		commit_of(&collect, 1, false, i * 50000);
	collect.flush_cost = 40000;
	commit_of(&collect, waits[_i].answered, waits[_i].others_wait, SECOND);
	collect.waits = true;
	wait = collect_wait(&collect, waits[_i].count, waits[_i].at);
	if (waits[_i].later)
		wait = collect_wait(&collect, (size_t)waits[_i].later_count, waits[_i].later);
	ck_assert_int_eq(wait, waits[_i].wait);
	/* nor ever while waiting does not pay */
	commit_of(&collect, waits[_i].answered, waits[_i].others_wait, SECOND);
	collect.waits = false;
	ck_assert_int_eq(collect_wait(&collect, waits[_i].count, waits[_i].at), 0);
}
END_TEST

/* Many sessions, then one, then many: the one does not wait for those that have gone. */
START_TEST(test_load_changes)
{
	const struct machine one = { 20000, 1, 200, 60, 30 };
	struct machine many = one;
	struct model model;
	struct collect learnt;
	size_t stored;

	many.sessions = 100;
	start(&model, &many);
	run(&model, 20 * SECOND, false);
	ck_assert_int_gt(model.waited, 0);
	learnt = model.collect;
	start(&model, &one);
	model.collect = learnt;
	model.now = learnt.answered;
	run(&model, 10 * SECOND, false);
	ck_assert_int_le(model.waited, 40000); /* with the first message at most */
	learnt = model.collect;
	start(&model, &many);
	model.collect = learnt;
	model.now = learnt.answered;
	stored = run(&model, 20 * SECOND, false);
	ck_assert_uint_ge(stored, 20 * 1800);
}
END_TEST

static const struct {
	int64_t flush_cost, limit;
} limits[] = { { 0, 2000 }, { 500, 2000 }, { 4000, 2000 }, { 40000, 20000 } };

START_TEST(test_limit)
{
	struct collect collect;

	collect_open(&collect);
	collect.flush_cost = limits[_i].flush_cost;
	ck_assert_int_eq(collect_limit(&collect), limits[_i].limit);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collect");
	TCase *tests = tcase_create("collect");

	tcase_add_loop_test(tests, test_pays, 0, COUNT(cases));
	tcase_add_loop_test(tests, test_lone_session, 0, 4);
	tcase_add_loop_test(tests, test_wait, 0, COUNT(waits));
	tcase_add_test(tests, test_load_changes);
	tcase_add_loop_test(tests, test_limit, 0, COUNT(limits));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
