/*
 * test_commit.c - a message into its mailboxes: all or none, durable before its verdict
 *
 * Covers A-08 (a mailbox once), A-13 (a copy for each mailbox), A-14 (two messages never share
 * a file), A-15, A-17 (a line for each mailbox), A-18, C-12 (Delivered-To is the envelope's).
 * Errors of system calls: test_commit_faults.c.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(test_one)
{
	ck_assert_int_eq(store_deliver("s-1", 0, TO("alice@example.org")), VERDICT_STORED);
	check_file("alice", "alice@example.org", "1700000000.s-1.");
	ck_assert_uint_eq(fixture_count_all("new"), 1);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert(fixture_log_has("event=delivery session=s message=s-1 from=sender@example.com "
				  "to=alice@example.org mailbox=alice@example.org "
				  "file=\"1700000000.s-1.mx.example.org,S="));
}
END_TEST

START_TEST(test_each_mailbox_once)
{
	size_t before = fixture_descriptors();

	ck_assert_int_eq(store_deliver("s-1", 0,
				       TO("sales@example.org", "all@example.org",
					  "ALICE+tag@example.org", "bob@EXAMPLE.org")),
			 VERDICT_STORED);
	check_file("alice", "alice@example.org", "");
	check_file("bob", "bob@example.org", "");
	check_file("carol", "carol@example.org", "");
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	/* the first recipient that led there */
	ck_assert(fixture_log_has("to=sales@example.org mailbox=alice@example.org"));
	ck_assert(fixture_log_has("to=all@example.org mailbox=bob@example.org"));
	ck_assert_uint_eq(fixture_descriptors(), before + 3 * 2); /* the mailboxes stay open */
}
END_TEST

START_TEST(test_empty_body)
{
	struct submission submission = fixture_submission("s-1", 0);
	char text[4096], name[256];

	stage_finish(&under_test.store, store_begin(submission, TO("all@example.org")));
	store_commit(&under_test.store);
	ck_assert_int_eq(under_test.verdicts[0], VERDICT_STORED);
	for (int i = 0; i < 3; i++) {
		ck_assert(fixture_read(
			TO("example.org/alice", "example.org/bob", "example.org/carol")[i], "new",
			"", text, sizeof(text), name));
		ck_assert_str_eq(text + strlen(text) - 6, "+0000\n");
	}
}
END_TEST

START_TEST(test_recipients)
{
	static const struct {
		const char *to[3];
		enum verdict verdict;
	} cases[] = {
		{ { "nobody@example.org" }, VERDICT_NO_RECIPIENT },
		{ { "nobody@example.org", "alice@example.net" }, VERDICT_NO_RECIPIENT },
		{ { "alice@example.org", "nobody@example.org" }, VERDICT_SYSTEM_ERROR },
		{ { "nobody@example.org", "alice@example.org" }, VERDICT_SYSTEM_ERROR },
		{ { "../../x@example.org" }, VERDICT_NO_RECIPIENT },
		{ { "alice@.." }, VERDICT_NO_RECIPIENT },
	};

	ck_assert_int_eq(store_deliver("s-1", 0, cases[_i].to), cases[_i].verdict);
	ck_assert_uint_eq(fixture_count_all("new"), 0);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert(fixture_log_has("event=failed"));
	/* the next one is not touched by it */
	ck_assert_int_eq(store_deliver("s-2", 0, TO("alice@example.org")), VERDICT_STORED);
}
END_TEST

START_TEST(test_batch)
{
	char id[16];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "s-%d", i);
		store_put(id, 0, i % 2 ? TO("alice@example.org") : TO("all@example.org"));
	}
	store_put("s-99", 0, TO("nobody@example.org"));
	/* nothing is visible, nobody is under_test.answered before the commit */
	ck_assert_uint_eq(fixture_count_all("new"), 0);
	ck_assert_uint_eq(under_test.answered, 0);
	ck_assert(store_has(&under_test.store, "s-3"));
	ck_assert(!store_has(&under_test.store, "s-33"));
	store_commit(&under_test.store);
	ck_assert_uint_eq(under_test.answered, 21);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(under_test.verdicts[i], VERDICT_STORED);
	ck_assert_int_eq(under_test.verdicts[20], VERDICT_NO_RECIPIENT);
	ck_assert_uint_eq(fixture_count("example.org/alice", "new"), 20);
	ck_assert_uint_eq(fixture_count_all("new"), 40);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert(!store_has(&under_test.store, "s-3"));
}
END_TEST

START_TEST(test_due)
{
	store_close(&under_test.store);
	store_fixture_open(3, 16);
	for (int i = 0; i < 3; i++) {
		ck_assert(!store_is_due(&under_test.store));
		store_put(TO("s-1", "s-2", "s-3")[i], 0, TO("alice@example.org"));
	}
	ck_assert(store_is_due(&under_test.store));
	store_commit(&under_test.store);
	ck_assert(!store_is_due(&under_test.store));
}
END_TEST

START_TEST(test_owner_gone)
{
	store_put("s-1", 0, TO("alice@example.org"));
	store_forget_owner(&under_test.store, &under_test.owner);
	store_commit(&under_test.store);
	ck_assert_uint_eq(under_test.answered, 0);
	ck_assert_uint_eq(fixture_count_all("new"), 1);
}
END_TEST

START_TEST(test_abandon)
{
	struct transaction *transaction =
		store_begin(fixture_submission("s-1", strlen(BODY)), TO("all@example.org"));
	size_t before = fixture_descriptors();

	stage_body(transaction, BODY, 5);
	ck_assert_uint_eq(fixture_count_all("tmp"), 1);
	stage_abandon(&under_test.store, transaction);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_uint_eq(fixture_descriptors(), before - 1);
}
END_TEST

START_TEST(test_close_undoes)
{
	store_put("s-1", 0, TO("all@example.org"));
	ck_assert_uint_eq(fixture_count_all("tmp"), 3);
	store_close(&under_test.store);
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	store_fixture_open(128, 16);
}
END_TEST

/* ---- sent again ---- */

#define NAME "1700000000.s-1." FIXTURE_HOST
#define ALICE "example.org/alice"

static void plant(const char *path)
{
	int file = openat(fixture_root(), path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq((int)write(file, "earlier\n", 8), 8);
	close(file);
}

static const struct {
	const char *planted;
	size_t in_new, in_cur;
	const char *log;
} again[] = {
	{ ALICE "/new/" NAME ",S=8", 1, 0, "duplicate=1" },
	{ ALICE "/cur/" NAME ",S=8:2,S", 0, 1, "duplicate=1" },
	{ ALICE "/tmp/" NAME, 1, 0, "size=" },	       /* stale: written anew */
	{ ALICE "/new/" NAME "x,S=8", 2, 0, "size=" }, /* another message */
	{ ALICE "/new/1700000000.s-10." FIXTURE_HOST ",S=8", 2, 0, "size=" },
};

START_TEST(test_again)
{
	ck_assert_int_eq(store_deliver("s-0", 0, TO("alice@example.org")), VERDICT_STORED);
	ck_assert_int_eq(unlinkat(fixture_root(), ALICE "/new", 0), -1);
	plant(again[_i].planted);
	ck_assert_int_eq(store_deliver("s-1", SUBMISSION_AGAIN, TO("alice@example.org")),
			 VERDICT_STORED);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), again[_i].in_new + 1); /* and s-0 */
	ck_assert_uint_eq(fixture_count(ALICE, "cur"), again[_i].in_cur);
	ck_assert_uint_eq(fixture_count(ALICE, "tmp"), 0);
	ck_assert(fixture_log_has(again[_i].log));
	if (strcmp(again[_i].log, "size=") == 0)
		check_file("alice", "alice@example.org", NAME ",S=");
}
END_TEST

/* One mailbox has it, the others get it: never twice, never lost. */
START_TEST(test_again_partly)
{
	ck_assert_int_eq(store_deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	plant(ALICE "/new/" NAME ",S=8");
	ck_assert_int_eq(store_deliver("s-1", SUBMISSION_AGAIN, TO("all@example.org")),
			 VERDICT_STORED);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), 2);
	check_file("bob", "bob@example.org", NAME ",S=");
	check_file("carol", "carol@example.org", NAME ",S=");
	/* all of it again */
	ck_assert_int_eq(store_deliver("s-1", SUBMISSION_AGAIN, TO("all@example.org")),
			 VERDICT_STORED);
	ck_assert_uint_eq(fixture_count_all("new"), 6);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

/* A name that is taken is never replaced, and what was there is not removed. */
START_TEST(test_collision)
{
	char text[64], name[256], path[512];

	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), VERDICT_STORED);
	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	/* found at the last mailbox only: what was moved before is taken back */
	ck_assert(fixture_read(ALICE, "new", "", text, sizeof(text), name));
	snprintf(path, sizeof(path), ALICE "/new/%s", name);
	ck_assert_int_eq(unlinkat(fixture_root(), path, 0), 0);
	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), 0);
	ck_assert_uint_eq(fixture_count_all("new"), 2);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	plant("example.org/bob/tmp/1700000000.s-2." FIXTURE_HOST);
	ck_assert_int_eq(store_deliver("s-2", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("new"), 2);
	ck_assert(fixture_read("example.org/bob", "tmp", "", text, sizeof(text), name));
	ck_assert_str_eq(text, "earlier\n");
}
END_TEST

/* ---- one mailbox fails ---- */

START_TEST(test_all_or_none)
{
	ck_assert_int_eq(mkdirat(fixture_root(), "example.org", 0700), 0);
	plant("example.org/carol"); /* a file where a mailbox should be */
	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("new"), 0);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert(
		fixture_log_has("to=all@example.org mailbox=carol@example.org "
				"reason=\"mailbox carol@example.org: Not a directory\" code=451"));
	ck_assert_int_eq(store_deliver("s-2", 0, TO("alice@example.org")), VERDICT_STORED);
}
END_TEST

/* ---- limits of the process ---- */

static char *many_mailboxes(int count, char **alias)
{
	char *mailboxes = calloc((size_t)count, 16);
	size_t used = 0, alias_used;

	*alias = calloc((size_t)count, 16);
	alias_used = (size_t)sprintf(*alias, "many:");
	for (int i = 0; i < count; i++) {
		used += (size_t)sprintf(mailboxes + used, "user%d\n", i);
		alias_used += (size_t)sprintf(*alias + alias_used, "%s user%d", i ? "," : "", i);
	}
	sprintf(*alias + alias_used, "\n");
	return mailboxes;
}

/* A message for a thousand mailboxes with far fewer descriptors. */
START_TEST(test_many_mailboxes)
{
	const struct rlimit limit = { 620, 620 };
	char *alias, *mailboxes = many_mailboxes(1000, &alias);

	tables_close(under_test.tables);
	under_test.tables = fixture_tables(mailboxes, alias);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(store_deliver("s-1", 0, TO("many@example.org")), VERDICT_STORED);
	ck_assert_uint_eq(fixture_count_all("new"), 1000);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	check_file("user0", "user0@example.org", "");
	check_file("user999", "user999@example.org", "");
	free(mailboxes);
	free(alias);
}
END_TEST

/* Too few descriptors: an error, nothing left, and the next one works. */
START_TEST(test_no_descriptors)
{
	struct rlimit limit = { 0, 1024 };

	store_close(&under_test.store);
	store_fixture_open(128, 1);
	limit.rlim_cur = fixture_descriptors() + 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 8; i++)
		store_put(TO("s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8")[i], 0,
			  TO("all@example.org"));
	store_commit(&under_test.store);
	limit.rlim_cur = 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(under_test.verdicts[7], VERDICT_SYSTEM_ERROR);
	for (int i = 0; i < 8; i++)
		check_all_or_none(TO("s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8")[i],
				  under_test.verdicts[i]);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_int_eq(store_deliver("s-9", 0, TO("all@example.org")), VERDICT_STORED);
}
END_TEST

/* The disk takes a part of the body: the rest is dropped, the part removed. */
START_TEST(test_file_too_big)
{
	static char body[300 * 1024];
	const struct rlimit limit = { 100 * 1024, RLIM_INFINITY };
	struct transaction *transaction =
		store_begin(fixture_submission("s-1", sizeof(body)), TO("all@example.org"));

	memset(body, 'x', sizeof(body));
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (size_t at = 0; at < sizeof(body); at += 30 * 1024)
		stage_body(transaction, body + at, 30 * 1024);
	stage_finish(&under_test.store, transaction);
	store_commit(&under_test.store);
	ck_assert_int_eq(under_test.verdicts[0], VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	ck_assert(fixture_log_has("File too large"));
	ck_assert_int_eq(store_deliver("s-2", 0, TO("all@example.org")), VERDICT_STORED);
}
END_TEST

START_TEST(test_verdict_of_errno)
{
	ck_assert_int_eq(verdict_of_errno(ENOSPC), VERDICT_NO_ROOM);
	ck_assert_int_eq(verdict_of_errno(EDQUOT), VERDICT_NO_ROOM);
	ck_assert_int_eq(verdict_of_errno(EIO), VERDICT_SYSTEM_ERROR);
	ck_assert_int_eq(verdict_of_errno(EACCES), VERDICT_SYSTEM_ERROR);
	ck_assert_int_eq(verdict_of_errno(EROFS), VERDICT_SYSTEM_ERROR);
}
END_TEST

START_TEST(test_file_host)
{
	char name[FILE_HOST_SIZE], long_name[300];

	file_host_make("mx.example.org", name);
	ck_assert_str_eq(name, "mx.example.org");
	file_host_make("../a:b/c\n\xc3", name);
	ck_assert_str_eq(name, ".._a_b_c__");
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	file_host_make(long_name, name);
	ck_assert_uint_eq(strlen(name), FILE_HOST_SIZE - 1);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_one);
	tcase_add_test(tests, test_each_mailbox_once);
	tcase_add_test(tests, test_empty_body);
	tcase_add_loop_test(tests, test_recipients, 0, 6);
	tcase_add_test(tests, test_batch);
	tcase_add_test(tests, test_due);
	tcase_add_test(tests, test_owner_gone);
	tcase_add_test(tests, test_abandon);
	tcase_add_test(tests, test_close_undoes);
	tcase_add_loop_test(tests, test_again, 0, COUNT(again));
	tcase_add_test(tests, test_again_partly);
	tcase_add_test(tests, test_collision);
	tcase_add_test(tests, test_all_or_none);
	tcase_add_test(tests, test_many_mailboxes);
	tcase_add_test(tests, test_no_descriptors);
	tcase_add_test(tests, test_file_too_big);
	tcase_add_test(tests, test_verdict_of_errno);
	tcase_add_test(tests, test_file_host);
}

int main(void)
{
	Suite *suite = suite_create("commit");
	TCase *tests = tcase_create("commit");

	tcase_add_checked_fixture(tests, store_set_up, store_tear_down);
	tcase_set_timeout(tests, 300);
	add_tests(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
