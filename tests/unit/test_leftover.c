/*
 * test_leftover.c - files that cannot be removed at once are removed later
 *
 * This program replaces unlinkat(2) by one that fails on demand.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "delivery/leftover.h"
#include "delivery/recovery.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/store_fixture.h"

static int failure; /* errno of unlinkat and fsync; 0: they work */

int unlinkat(int directory, const char *path, int flags)
{
	errno = failure;
	return failure ? -1 : (int)syscall(SYS_unlinkat, directory, path, flags);
}

static const char *failing_place; /* what fsync's file must end in to fail; NULL: anything */

static bool is_failing_place(int file)
{
	char link[40], path[4096];
	ssize_t length;

	if (!failing_place)
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	length = readlink(link, path, sizeof(path) - 1);
	ck_assert_int_gt(length, (ssize_t)strlen(failing_place));
	path[length] = '\0';
	return strcmp(path + length - strlen(failing_place), failing_place) == 0;
}

int fsync(int file)
{
	errno = failure;
	return failure && is_failing_place(file) ? -1 : (int)syscall(SYS_fsync, file);
}

static void works_again(void)
{
	failure = 0;
	failing_place = NULL;
}

static void tear_down(void)
{
	works_again();
	store_tear_down();
}

/* The first one fails at its fsync, and stays in tmp/ until the next commit. */
START_TEST(removed_by_the_next_commit)
{
	ck_assert_int_eq(store_deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	failure = EROFS;
	under_test.store.durable.may_sync_all = false;
	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("tmp"), 3);
	ck_assert(fixture_log_has("cannot remove"));
	works_again();
	ck_assert_int_eq(store_deliver("s-2", 0, TO("alice@example.org")), VERDICT_STORED);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_uint_eq(fixture_count_all("new"), 4);
}
END_TEST

START_TEST(removed_by_the_timer)
{
	failure = EIO;
	under_test.store.durable.may_sync_all = false;
	ck_assert_int_eq(store_deliver("s-1", 0, TO("alice@example.org")), VERDICT_SYSTEM_ERROR);
	store_tidy(&under_test.store);
	works_again();
	store_tidy(&under_test.store);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_uint_eq(leftovers_count(maildirs_leftovers(under_test.store.maildirs)), 0);
}
END_TEST

/* It is visible in new/ and cannot be taken back; the record makes the next delivery do it. */
START_TEST(removed_by_the_next_delivery)
{
	struct problem problem;

	ck_assert_int_eq(store_deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	under_test.store.durable.may_sync_all = false;
	failure = EIO;
	failing_place = "bob/new";
	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("new"), 6);
	works_again();
	ck_assert_msg(recovery_run(&under_test.store.journal, under_test.store.maildirs, &problem),
		      "%s", problem.text);
	ck_assert_uint_eq(fixture_count_all("new"), 3);
}
END_TEST

/* A mailbox that is gone is not made again; a file that another has removed is forgotten. */
START_TEST(gone_by_itself)
{
	struct leftovers *leftovers = leftovers_new();

	ck_assert_int_eq(store_deliver("s-0", 0, TO("alice@example.org")), VERDICT_STORED);
	leftovers_add(leftovers, "example.org/nobody", true, "x");
	leftovers_add(leftovers, "example.org/alice", true, "never-there");
	leftovers_remove(leftovers, fixture_root());
	ck_assert_uint_eq(leftovers_count(leftovers), 0);
	ck_assert_uint_eq(fixture_count("example.org/alice", "new"), 1);
	ck_assert_int_ne(faccessat(fixture_root(), "example.org/nobody", F_OK, 0), 0);
	leftovers_free(leftovers);
}
END_TEST

/* The list is bounded, and what cannot be removed hinders no others. */
START_TEST(many)
{
	struct leftovers *leftovers = leftovers_new();
	char name[32];

	ck_assert_int_eq(store_deliver("s-0", 0, TO("alice@example.org")), VERDICT_STORED);
	ck_assert_int_eq(mkdirat(fixture_root(), "example.org/alice/tmp/folder", 0700), 0);
	for (int i = 0; i < LEFTOVERS_MAX + 10; i++) {
		snprintf(name, sizeof(name), i < 20 ? "folder" : "%d", i);
		leftovers_add(leftovers, "example.org/alice", false, name);
	}
	ck_assert_uint_eq(leftovers_count(leftovers), LEFTOVERS_MAX);
	for (int i = 0; i < 3; i++)
		leftovers_remove(leftovers, fixture_root());
	ck_assert_uint_eq(leftovers_count(leftovers), 20);
	leftovers_free(leftovers);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("leftovers");
	TCase *tests = tcase_create("leftovers");

	tcase_add_checked_fixture(tests, store_set_up, tear_down);
	tcase_add_test(tests, removed_by_the_next_commit);
	tcase_add_test(tests, removed_by_the_timer);
	tcase_add_test(tests, removed_by_the_next_delivery);
	tcase_add_test(tests, gone_by_itself);
	tcase_add_test(tests, many);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
