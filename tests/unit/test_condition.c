/*
 * test_condition.c - whether delivery can store at all: a reserve of room, a mail root at fault
 *
 * Covers, D-06. This program replaces fstatvfs(3) by one that says what a test wants.
 */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/log/log.h"
#include "delivery/condition.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/inbox_fixture.h"
#include "tests/unit/runner.h"

#define NONE ((const char *const[]){ "alice@example.org", NULL })

/* ---- a file system that says what it is told to ---- */

static struct statvfs told;
static int failure; /* errno; 0: it answers */
static unsigned looks, changes;

int fstatvfs(int file, struct statvfs *filesystem)
{
	(void)file;
	looks++;
	*filesystem = told;
	errno = failure;
	return failure == 0 ? 0 : -1;
}

static void on_changed(void *context)
{
	changes++;
	if (receiving.inbox)
		inbox_condition_changed(receiving.inbox);
	ck_assert_ptr_eq(context, &told);
}

static struct condition *condition_of(uint64_t reserve, uint64_t reserve_inodes)
{
	const struct condition_settings settings = {
		.root = 0,
		.reserve = reserve,
		.reserve_inodes = reserve_inodes,
		.changed = on_changed,
		.context = &told,
	};
	struct condition *condition = condition_new(&settings);

	ck_assert_ptr_nonnull(condition);
	return condition;
}

static void set_up(void)
{
	inbox_set_up();
	told = (struct statvfs){ .f_frsize = 1, .f_files = 1000000, .f_favail = 1000000 };
	failure = 0;
	looks = changes = 0;
}

static void tear_down(void)
{
	inbox_tear_down();
	condition_free(receiving.condition);
	receiving.condition = NULL;
}

/* ---- */

static const struct {
	uint64_t reserve, reserve_inodes;
	struct statvfs told;
	int failure;
	uint64_t bytes, files; /* of the message */
	enum condition_cause cause;
	bool admitted;
} cases[] = {
	/* the bound itself: what is left may be as much as the reserve, and no less */
	{ 100, 0, { .f_bavail = 100, .f_frsize = 1 }, 0, 0, 1, CONDITION_FINE, true },
	{ 100, 0, { .f_bavail = 99, .f_frsize = 1 }, 0, 0, 1, CONDITION_RESERVE, false },
	{ 100, 0, { .f_bavail = 150, .f_frsize = 1 }, 0, 50, 1, CONDITION_FINE, true },
	{ 100, 0, { .f_bavail = 150, .f_frsize = 1 }, 0, 51, 1, CONDITION_FINE, false },
	{ 100, 0, { .f_bavail = 150, .f_frsize = 1 }, 0, 25, 2, CONDITION_FINE, true },
	{ 100, 0, { .f_bavail = 150, .f_frsize = 1 }, 0, 26, 2, CONDITION_FINE, false },
	{ 4096, 0, { .f_bavail = 1, .f_frsize = 4096 }, 0, 0, 1, CONDITION_FINE, true },
	/* inodes, where they are counted */
	{ 0, 10, { .f_files = 20, .f_favail = 9 }, 0, 1, 1, CONDITION_RESERVE_INODES, false },
	{ 0, 10, { .f_files = 20, .f_favail = 12 }, 0, 1, 2, CONDITION_FINE, true },
	{ 0, 10, { .f_files = 20, .f_favail = 12 }, 0, 1, 3, CONDITION_FINE, false },
	{ 0, 10, { .f_files = 0, .f_favail = 0 }, 0, 1, 3, CONDITION_FINE, true },
	/* none is kept */
	{ 0, 0, { .f_files = 20 }, 0, 1, 3, CONDITION_FINE, true },
	/* it does not say */
	{ 100, 10, { .f_files = 20 }, EIO, 1, 3, CONDITION_FINE, true },
	/* numbers without end */
	{ 100, 0, { .f_bavail = UINT64_MAX, .f_frsize = 4096 }, 0, 1, 1, CONDITION_FINE, true },
	{ 100, 0, { .f_bavail = 5000, .f_frsize = 1 }, 0, UINT64_MAX, 2, CONDITION_FINE, false },
};

START_TEST(reserves)
{
	struct condition *condition;
	struct problem problem = { "" };
	enum verdict verdict = VERDICT_STORED;

	told = cases[_i].told;
	failure = cases[_i].failure;
	condition = condition_of(cases[_i].reserve, cases[_i].reserve_inodes);
	ck_assert_int_eq(condition_cause(condition), cases[_i].cause);
	ck_assert_int_eq(
		condition_admits(condition, cases[_i].bytes, cases[_i].files, &verdict, &problem),
		cases[_i].admitted);
	ck_assert_int_eq(verdict, cases[_i].admitted ? VERDICT_STORED : VERDICT_NO_ROOM);
	ck_assert_int_eq(*problem.text == '\0', cases[_i].admitted);
	ck_assert_uint_eq(changes, 0);
	condition_free(condition);
}
END_TEST

/* One look serves many messages; nobody is refused before the file system was asked again. */
START_TEST(looks_are_few)
{
	struct problem problem;
	enum verdict verdict;
	struct condition *condition;

	told.f_bavail = 1000;
	condition = condition_of(100, 0);
	for (int i = 0; i < 1000; i++)
		ck_assert(condition_admits(condition, 1, 1, &verdict, &problem));
	ck_assert_uint_lt(looks, 100);
	told.f_bavail = 10;
	condition_look(condition);
	ck_assert_uint_eq(changes, 1);
	told.f_bavail = 1000;
	ck_assert(condition_admits(condition, 1, 1, &verdict, &problem));
	ck_assert_uint_eq(changes, 2);
	condition_free(condition);
}
END_TEST

START_TEST(a_root_at_fault)
{
	struct condition *condition;
	struct problem problem;
	enum verdict verdict;

	told.f_bavail = 10;
	condition = condition_of(100, 0);
	condition_set_root_fault(condition, "it is not mounted");
	ck_assert_int_eq(condition_cause(condition), CONDITION_ROOT_FAULT);
	ck_assert(!condition_admits(condition, 1, 1, &verdict, &problem));
	ck_assert_int_eq(verdict, VERDICT_SYSTEM_ERROR);
	ck_assert_str_eq(problem.text, "it is not mounted");
	condition_set_root_fault(condition, NULL);
	ck_assert_int_eq(condition_cause(condition), CONDITION_RESERVE);
	told.f_bavail = 1000;
	condition_set_root(condition, 0);
	ck_assert_int_eq(condition_cause(condition), CONDITION_FINE);
	ck_assert_uint_eq(changes, 3);
	condition_free(condition);
}
END_TEST

/* ---- what workers hear ---- */

static void expect_condition(const struct peer *peer, enum condition_cause cause,
			     enum verdict verdict)
{
	struct message_verdict frame;

	turn();
	ck_assert(next_frame(peer, MESSAGE_CONDITION, &frame));
	ck_assert_uint_eq(frame.handle, cause);
	ck_assert_int_eq(frame.verdict, verdict);
}

START_TEST(workers_are_told)
{
	struct message_verdict frame;
	struct peer peer, later;

	inbox_fixture_close();
	receiving.inbox = NULL;
	told.f_bavail = 1000;
	receiving.condition = condition_of(100, 0);
	inbox_fixture_open(fixture_root(), 128);
	peer = add_peer(1);
	turn();
	ck_assert(!next_verdict(&peer, &frame));
	told.f_bavail = 0;
	condition_look(receiving.condition);
	expect_condition(&peer, CONDITION_RESERVE, VERDICT_NO_ROOM);
	later = add_peer(2);
	expect_condition(&later, CONDITION_RESERVE, VERDICT_NO_ROOM);
	ck_assert(!next_verdict(&peer, &frame));
	/* who sends all the same is refused, and nothing is written */
	send_message(&peer, "s-1", 7, NONE, "x\n");
	expect(&peer, 7, VERDICT_NO_ROOM);
	ck_assert(fixture_log_has("delivery.reserve keeps 100, 0 are left"));
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	told.f_bavail = 1000;
	condition_look(receiving.condition);
	expect_condition(&peer, CONDITION_FINE, VERDICT_STORED);
	expect_condition(&later, CONDITION_FINE, VERDICT_STORED);
	send_message(&peer, "s-2", 8, NONE, "x\n");
	expect(&peer, 8, VERDICT_STORED);
	close_peer(&peer);
	close_peer(&later);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("condition");
	TCase *tests = tcase_create("condition");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, reserves, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tests, looks_are_few);
	tcase_add_test(tests, a_root_at_fault);
	tcase_add_test(tests, workers_are_told);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
