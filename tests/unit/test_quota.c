/*
 * test_quota.c - whether a mailbox has room for a message, and what its maildirsize says afterwards
 *
 * Covers C-11, A-18 (a message that is undone leaves nothing reserved).
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "delivery/quota.h"
#include "delivery/room.h"
#include "delivery/usage.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* alice: 3 messages; bob: 2 KiB; carol: none. */
static void quota_set_up(void)
{
	store_mailboxes = "alice quota-messages=3\nbob quota=2K\ncarol\n";
	store_set_up();
}

static enum verdict ask(const char *local, uint64_t size)
{
	const struct message_quota question = {
		.size = size,
		.local = { local, strlen(local) },
		.domain = { "example.org", strlen("example.org") },
	};

	return room_for_message(under_test.store.quotas, under_test.tables, FIXTURE_TEMPLATE,
				&question);
}

static const char *path_of(const char *mailbox, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/example.org/%s/%s", fixture_root_path(), mailbox, name);
	return path;
}

static void write_file(const char *mailbox, const char *name, const char *text)
{
	FILE *file = fopen(path_of(mailbox, name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* The text of a mailbox's maildirsize; NULL: there is none. */
static const char *read_maildirsize(const char *mailbox)
{
	static char text[MAILDIRSIZE_MAX];
	FILE *file = fopen(path_of(mailbox, "maildirsize"), "r");

	if (!file)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void deliver(const char *id, const char *to, enum verdict verdict)
{
	ck_assert_int_eq(store_deliver(id, 0, TO(to)), verdict);
}

/* ---- room ---- */

START_TEST(test_messages)
{
	deliver("s-1", "alice@example.org", VERDICT_STORED);
	ck_assert_ptr_null(read_maildirsize("alice")); /* there was no mailbox to write it in */
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	ck_assert_ptr_nonnull(strstr(read_maildirsize("alice"), "3C\n"));
	deliver("s-2", "alice@example.org", VERDICT_STORED);
	deliver("s-3", "sales@example.org", VERDICT_STORED);
	deliver("s-4", "alice@example.org", VERDICT_NO_QUOTA_MESSAGES);
	ck_assert_int_eq(ask("alice", 0), VERDICT_NO_QUOTA_MESSAGES);
	ck_assert_int_eq(ask("alice+tag", 0), VERDICT_NO_QUOTA_MESSAGES);
	ck_assert_int_eq(ask("sales", 0), VERDICT_NO_QUOTA_MESSAGES);
	ck_assert_int_eq(ask("all", 0), VERDICT_NO_QUOTA_MESSAGES);
	ck_assert_int_eq(ask("carol", 1 << 20), VERDICT_STORED);
	ck_assert_int_eq(ask("nobody", 0), VERDICT_NO_RECIPIENT);
	ck_assert(fixture_log_has("event=failed session=s message=s-4"));
	ck_assert(fixture_log_has("code=452"));
	deliver("s-5", "carol@example.org", VERDICT_STORED);
	ck_assert_ptr_null(read_maildirsize("carol"));
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_uint_eq(fixture_count_all("new"), 4);
}
END_TEST

START_TEST(test_bytes)
{
	char line[64];
	uint64_t used;

	ck_assert_int_eq(ask("bob", 2048), VERDICT_STORED); /* no mailbox yet */
	ck_assert_int_eq(ask("bob", 2049), VERDICT_OVER_QUOTA);
	ck_assert_int_eq(ask("bob", UINT64_MAX), VERDICT_OVER_QUOTA);
	deliver("s-1", "bob@example.org", VERDICT_STORED);
	ck_assert_int_eq(ask("bob", 2048), VERDICT_NO_QUOTA);
	used = strtoull(read_maildirsize("bob") + strlen("2048S\n"), NULL, 10);
	ck_assert_int_eq(ask("bob", 2048 - used), VERDICT_STORED);
	ck_assert_int_eq(ask("bob", 2048 - used + 1), VERDICT_NO_QUOTA);
	snprintf(line, sizeof(line), "2048S\n%" PRIu64 " 1\n", used);
	ck_assert_str_eq(read_maildirsize("bob"), line);
	write_file("bob", "maildirsize", "2048S\n2048 9\n");
	ck_assert_int_eq(ask("bob", 0), VERDICT_NO_QUOTA);
	write_file("bob", "maildirsize", "2048S\n2047 9\n");
	ck_assert_int_eq(ask("bob", 0), VERDICT_STORED);
	ck_assert_int_eq(ask("bob", 1), VERDICT_STORED);
	deliver("s-2", "bob@example.org", VERDICT_NO_QUOTA);
	ck_assert_str_eq(read_maildirsize("bob"), "2048S\n2047 9\n");
}
END_TEST

/* Those of one batch count each other; what has failed in it has given its place back. */
START_TEST(test_batch)
{
	static const enum verdict wanted[] = {
		VERDICT_STORED, VERDICT_NO_RECIPIENT,	   VERDICT_STORED,
		VERDICT_STORED, VERDICT_NO_QUOTA_MESSAGES, VERDICT_STORED,
	};
	static const char *const to[] = { "alice", "nobody", "all", "alice", "all", "carol" };
	char id[16], address[32];

	for (size_t i = 0; i < COUNT(to); i++) {
		snprintf(id, sizeof(id), "s-%zu", i);
		snprintf(address, sizeof(address), "%s@example.org", to[i]);
		store_put(id, 0, TO(address));
	}
	ck_assert_int_eq(ask("alice", 0), VERDICT_NO_QUOTA_MESSAGES); /* reserved */
	ck_assert_int_eq(ask("bob", 0), VERDICT_STORED);
	store_commit(&under_test.store);
	for (size_t i = 0; i < COUNT(to); i++)
		ck_assert_int_eq(under_test.verdicts[i], wanted[i]);
	ck_assert_uint_eq(fixture_count("example.org/alice", "new"), 3);
	ck_assert_uint_eq(fixture_count("example.org/bob", "new"), 1);
	ck_assert_int_eq(ask("alice", 0), VERDICT_NO_QUOTA_MESSAGES);
}
END_TEST

/* A body that does not come, and a mailbox that fails, give their place back. */
START_TEST(test_given_back)
{
	struct submission submission = fixture_submission("s-1", 5);
	char away[300];

	for (int i = 0; i < 5; i++)
		stage_abandon(&under_test.store, store_begin(submission, TO("all@example.org")));
	deliver("s-2", "all@example.org", VERDICT_STORED);
	snprintf(away, sizeof(away), "%s", path_of("carol", "away"));
	ck_assert_int_eq(rename(path_of("carol", "new"), away), 0);
	write_file("carol", "new", "");
	for (int i = 0; i < 5; i++)
		deliver("s-3", "all@example.org", VERDICT_SYSTEM_ERROR);
	deliver("s-4", "alice@example.org", VERDICT_STORED);
	deliver("s-5", "alice@example.org", VERDICT_STORED);
	deliver("s-6", "alice@example.org", VERDICT_NO_QUOTA_MESSAGES);
}
END_TEST

/* What was stored before and is handed over again needs no room, and is counted once. */
START_TEST(test_again)
{
	for (int i = 0; i < 3; i++)
		deliver(TO("s-1", "s-2", "s-3")[i], "alice@example.org", VERDICT_STORED);
	ck_assert_int_eq(store_deliver("s-2", SUBMISSION_AGAIN, TO("alice@example.org")),
			 VERDICT_STORED);
	ck_assert_ptr_null(read_maildirsize("alice"));
	ck_assert_int_eq(ask("alice", 0), VERDICT_NO_QUOTA_MESSAGES);
	ck_assert_ptr_nonnull(strstr(read_maildirsize("alice"), " 3\n"));
	ck_assert_uint_eq(fixture_count("example.org/alice", "new"), 3);
}
END_TEST

/* ---- maildirsize on the disk ---- */

/* An old file, or one with more lines, is counted anew before a message is refused for it. */
START_TEST(test_counted_anew)
{
	const struct utimbuf old = { time(NULL) - 1000, time(NULL) - 1000 };
	const struct utimbuf future = { time(NULL) + 1000, time(NULL) + 1000 };

	deliver("s-1", "alice@example.org", VERDICT_STORED);
	write_file("alice", "maildirsize", "3C\n9 3\n");
	ck_assert_int_eq(ask("alice", 0), VERDICT_NO_QUOTA_MESSAGES);
	ck_assert_int_eq(utime(path_of("alice", "maildirsize"), &old), 0);
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	ck_assert_ptr_nonnull(strstr(read_maildirsize("alice"), " 1\n"));
	write_file("alice", "maildirsize", "3C\n9 3\n");
	ck_assert_int_eq(utime(path_of("alice", "maildirsize"), &future), 0);
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	write_file("alice", "maildirsize", "3C\n9 2\n9 1\n");
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	ck_assert_ptr_nonnull(strstr(read_maildirsize("alice"), " 1\n"));
	/* As long as there is room it is believed. */
	write_file("alice", "maildirsize", "3C\n0 0\n");
	ck_assert_int_eq(utime(path_of("alice", "maildirsize"), &old), 0);
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	ck_assert_str_eq(read_maildirsize("alice"), "3C\n0 0\n");
}
END_TEST

/* Each delivery appends a line; a file that grows too long is made anew. */
START_TEST(test_appended)
{
	char *text = calloc(1, MAILDIRSIZE_MAX + 8);

	deliver("s-1", "alice@example.org", VERDICT_STORED);
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	deliver("s-2", "alice@example.org", VERDICT_STORED);
	ck_assert_ptr_nonnull(strstr(read_maildirsize("alice"), " 1\n"));
	ck_assert_ptr_nonnull(strstr(strstr(read_maildirsize("alice"), " 1\n") + 1, " 1\n"));
	strcpy(text, "3C\n");
	while (strlen(text) < MAILDIRSIZE_MAX)
		strcat(text, "0 0\n");
	write_file("alice", "maildirsize", text);
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	ck_assert_ptr_nonnull(strstr(read_maildirsize("alice"), " 2\n"));
	free(text);
}
END_TEST

/* What a killed process has left in tmp/ is in nobody's way. */
START_TEST(test_left_in_tmp)
{
	deliver("s-1", "alice@example.org", VERDICT_STORED);
	write_file("alice", "tmp/postern.maildirsize", "3C\n");
	ck_assert_int_eq(ask("alice", 0), VERDICT_STORED);
	ck_assert_ptr_nonnull(strstr(read_maildirsize("alice"), " 1\n"));
	ck_assert_uint_eq(fixture_count("example.org/alice", "tmp"), 0);
}
END_TEST

/* Sums do not wrap around, whatever names say. */
START_TEST(test_huge_names)
{
	deliver("s-1", "bob@example.org", VERDICT_STORED);
	write_file("bob", "new/1.a,S=9223372036854775807", "x");
	write_file("bob", "new/2.a,S=9223372036854775807", "x");
	write_file("bob", "new/3.a,S=99999999999999999999", "x");
	ck_assert_int_eq(ask("bob", 1), VERDICT_NO_QUOTA);
	ck_assert_str_eq(read_maildirsize("bob"), "2048S\n9223372036854775807 4\n");
	ck_assert_int_eq(ask("bob", 1), VERDICT_NO_QUOTA);
}
END_TEST

/* No descriptor is left open by any of it. */
START_TEST(test_descriptors)
{
	size_t before;

	deliver("s-1", "all@example.org", VERDICT_STORED);
	ck_assert_int_eq(mkdir(path_of("bob", ".Sent"), 0700), 0);
	ck_assert_int_eq(mkdir(path_of("bob", ".Sent/cur"), 0700), 0);
	before = fixture_descriptors();
	for (int i = 0; i < 10; i++) {
		unlink(path_of("bob", "maildirsize"));
		ask("all", 2000);
		ask("bob", 10);
		ask("bob", 4000);
	}
	ck_assert_uint_eq(fixture_descriptors(), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *tests = tcase_create("quota");

	tcase_add_checked_fixture(tests, quota_set_up, store_tear_down);
	tcase_add_test(tests, test_messages);
	tcase_add_test(tests, test_bytes);
	tcase_add_test(tests, test_batch);
	tcase_add_test(tests, test_given_back);
	tcase_add_test(tests, test_again);
	tcase_add_test(tests, test_counted_anew);
	tcase_add_test(tests, test_appended);
	tcase_add_test(tests, test_left_in_tmp);
	tcase_add_test(tests, test_huge_names);
	tcase_add_test(tests, test_descriptors);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
