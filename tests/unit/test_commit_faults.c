/*
 * test_commit_faults.c - what becomes of a message when a system call fails
 *
 * Covers A-18 and the attack row "ENOSPC, EDQUOT, EIO, EMFILE at every system call of the delivery
 * path": this program replaces the calls by ones that fail on demand. Never 250 for what is not
 * durable, never a part of a message in a mailbox, no debris.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "delivery/system_calls.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- system calls that fail on demand ---- */

enum call { CALL_OTHER, CALL_FSYNC, CALL_SYNC_ALL, CALL_HINT, CALL_COPY };

/* Fails either the call of that number or, with number -1, every call of that kind. */
static struct {
	bool armed, hit;
	int number, error;
	enum call kind;
	int calls, kinds[CALL_COPY + 1];
} fault;

static bool fails(enum call kind)
{
	if (!fault.armed)
		return false;
	fault.kinds[kind]++;
	if (fault.number >= 0 ? fault.calls++ != fault.number : fault.kind != kind)
		return false;
	fault.hit = true;
	errno = fault.error;
	return true;
}

int fsync(int file)
{
	return fails(CALL_FSYNC) ? -1 : (int)syscall(SYS_fsync, file);
}

int syncfs(int file)
{
	return fails(CALL_SYNC_ALL) ? -1 : (int)syscall(SYS_syncfs, file);
}

int sync_file_range(int file, off_t offset, off_t length, unsigned flags)
{
	if (fails(CALL_HINT))
		return -1;
	return (int)syscall(SYS_sync_file_range, file, offset, length, flags);
}

ssize_t writev(int file, const struct iovec *pieces, int count)
{
	return fails(CALL_OTHER) ? -1 : syscall(SYS_writev, file, pieces, count);
}

ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length,
			unsigned flags)
{
	if (fails(CALL_COPY))
		return -1;
	return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, length, flags);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
	return fails(CALL_OTHER) ? -1 : (int)syscall(SYS_mkdirat, directory, path, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	unsigned mode;

	va_start(arguments, flags);
	mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
	va_end(arguments);
	return fails(CALL_OTHER) ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int fstat(int file, struct stat *status)
{
	return fails(CALL_OTHER) ? -1 : fstatat(file, "", status, AT_EMPTY_PATH);
}

int open_beneath(int directory, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
				.resolve = RESOLVE_BENEATH };

	if (fails(CALL_OTHER))
		return -1;
	return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

int renameat(int from, const char *old_name, int to, const char *new_name)
{
	if (fails(CALL_OTHER))
		return -1;
	return (int)syscall(SYS_renameat2, from, old_name, to, new_name, 0);
}

int move_file(int from, const char *old_name, int to, const char *new_name)
{
	if (fails(CALL_OTHER))
		return -1;
	return (int)syscall(SYS_renameat2, from, old_name, to, new_name, RENAME_NOREPLACE);
}

static void disarmed_tear_down(void)
{
	memset(&fault, 0, sizeof(fault));
	store_tear_down();
}

/* ---- every system call fails once ---- */

static const int errors[] = { ENOSPC, EIO };
/* With a quota, which no message meets, there are more calls. */
static const char *const files[] = {
	STORE_MAILBOXES,
	"alice quota=1M\nbob quota-messages=1000\ncarol quota=1G\n",
};

/* Two messages for three mailboxes in one batch. False: there is no call of that number. */
static bool run_with_fault(int number, int error, int *failures)
{
	size_t before;
	bool hit;

	store_set_up();
	before = fixture_descriptors();
	fault.number = number;
	fault.error = error;
	fault.armed = true;
	store_put("s-1", 0, TO("all@example.org"));
	store_put("s-2", 0, TO("carol@example.org", "all@example.org"));
	store_commit(&under_test.store);
	fault.armed = false;
	ck_assert_uint_eq(under_test.answered, 2);
	for (int i = 0; i < 2; i++) {
		check_all_or_none(TO("s-1", "s-2")[i], under_test.verdicts[i]);
		if (under_test.verdicts[i] == VERDICT_STORED)
			continue;
		ck_assert_int_eq(under_test.verdicts[i], verdict_of_errno(error));
		(*failures)++;
	}
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	/* nothing leaks, and the next message works */
	ck_assert_uint_le(fixture_descriptors(), before + 3 * 2);
	ck_assert_int_eq(store_deliver("s-3", 0, TO("all@example.org")), VERDICT_STORED);
	check_all_or_none("s-3", VERDICT_STORED);
	hit = fault.hit;
	disarmed_tear_down();
	return hit;
}

START_TEST(test_every_call)
{
	int failures = 0, number = 0;

	store_mailboxes = files[_i / COUNT(errors)];
	while (run_with_fault(number, errors[_i % COUNT(errors)], &failures))
		ck_assert_int_lt(++number, 1000);
	ck_assert_int_gt(number, 50);
	ck_assert_int_gt(failures, 50);
}
END_TEST

/*
 * A message that is stored comes again, and whatever can fail while its copies are looked for does:
 * it is found, or nothing is said of it. False: there is no call of that number.
 */
static bool look_with_fault(int number, int error)
{
	struct submission submission = fixture_submission("s-1", strlen(BODY));
	struct transaction *transaction;
	bool hit;

	store_set_up();
	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), VERDICT_STORED);
	submission.flags = SUBMISSION_AGAIN;
	fault.number = number;
	fault.error = error;
	fault.armed = true;
	transaction = store_begin(submission, TO("all@example.org"));
	fault.armed = false;
	hit = fault.hit;
	ck_assert_int_eq(transaction->is_uncertain, hit && error == EIO);
	ck_assert_int_eq(transaction_has_failed(transaction), hit);
	stage_abandon(&under_test.store, transaction);
	check_all_or_none("s-1", VERDICT_STORED);
	disarmed_tear_down();
	return hit;
}

START_TEST(test_looking_fails)
{
	static const int kinds[] = { EIO, EACCES };
	int number = 0;

	while (look_with_fault(number, kinds[_i]))
		ck_assert_int_lt(++number, 1000);
	ck_assert_int_ge(number, 6); /* new/ of three mailboxes opened and made durable */
}
END_TEST

/* ---- durability ---- */

/* No fsync of any kind succeeds: nobody hears 250. */
START_TEST(test_no_fsync_no_250)
{
	/* the mailboxes are there already, so that it is the files that matter */
	ck_assert_int_eq(store_deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	fault.armed = true;
	fault.number = -1;
	fault.kind = CALL_FSYNC;
	fault.error = EIO;
	ck_assert_int_eq(store_deliver("s-1", 0, TO("alice@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_int_eq(store_deliver("s-2", SUBMISSION_AGAIN, TO("bob@example.org")),
			 VERDICT_SYSTEM_ERROR);
	ck_assert(fault.hit);
	fault.armed = false;
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

/* When syncfs fails each file is asked; when a file reports an error its message fails. */
START_TEST(test_sync_all)
{
	static const struct {
		enum call kind;
		enum verdict verdict;
	} cases[] = { { CALL_SYNC_ALL, VERDICT_STORED }, { CALL_HINT, VERDICT_SYSTEM_ERROR } };

	under_test.store.durable.may_sync_all = true; /* whatever the file system of /tmp */
	for (int i = 0; i < 8; i++)
		store_put(TO("s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8")[i], 0,
			  TO("alice@example.org"));
	fault.armed = true;
	fault.number = -1;
	fault.kind = cases[_i].kind;
	fault.error = EIO;
	store_commit(&under_test.store);
	fault.armed = false;
	ck_assert(fault.hit);
	ck_assert_int_gt(fault.kinds[CALL_SYNC_ALL], 0);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(under_test.verdicts[i], cases[_i].verdict);
	ck_assert_uint_eq(fixture_count_all("new"), cases[_i].verdict == VERDICT_STORED ? 8 : 0);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

/* Every message costs its file and its directory a sync, unless they share one. */
START_TEST(test_syncs_are_made)
{
	ck_assert_int_eq(store_deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	memset(&fault, 0, sizeof(fault));
	fault.armed = true;
	fault.number = 1 << 30; /* count, never fail */
	ck_assert_int_eq(store_deliver("s-1", 0, TO("alice@example.org")), VERDICT_STORED);
	ck_assert_int_eq(fault.kinds[CALL_FSYNC], 2);
	memset(fault.kinds, 0, sizeof(fault.kinds));
	under_test.store.durable.may_sync_all = false;
	for (int i = 0; i < 4; i++)
		store_put(TO("s-2", "s-3", "s-4", "s-5")[i], 0, TO("alice@example.org"));
	store_commit(&under_test.store);
	ck_assert_int_eq(fault.kinds[CALL_FSYNC], 4 + 1);
	ck_assert_int_eq(fault.kinds[CALL_SYNC_ALL], 0);
	memset(fault.kinds, 0, sizeof(fault.kinds));
	under_test.store.durable.may_sync_all = true;
	for (int i = 0; i < 4; i++)
		store_put(TO("s-6", "s-7", "s-8", "s-9")[i], 0, TO("alice@example.org"));
	store_commit(&under_test.store);
	ck_assert_int_eq(fault.kinds[CALL_SYNC_ALL] + fault.kinds[CALL_FSYNC], 1 + 1);
}
END_TEST

/* Without copy_file_range(2) the same bytes arrive; with a real error of it none. */
START_TEST(test_copy)
{
	static const struct {
		int error;
		enum verdict verdict;
	} cases[] = { { EXDEV, VERDICT_STORED },     { EINVAL, VERDICT_STORED },
		      { ENOSYS, VERDICT_STORED },    { EOPNOTSUPP, VERDICT_STORED },
		      { EIO, VERDICT_SYSTEM_ERROR }, { ENOSPC, VERDICT_NO_ROOM },
		      { EDQUOT, VERDICT_NO_ROOM } };

	fault.armed = true;
	fault.number = -1;
	fault.kind = CALL_COPY;
	fault.error = cases[_i].error;
	ck_assert_int_eq(store_deliver("s-1", 0, TO("all@example.org")), cases[_i].verdict);
	ck_assert(fault.hit);
	check_all_or_none("s-1", cases[_i].verdict);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commit, faults");
	TCase *tests = tcase_create("one kind");
	TCase *every = tcase_create("every call");

	tcase_add_checked_fixture(tests, store_set_up, disarmed_tear_down);
	tcase_set_timeout(tests, 300);
	tcase_set_timeout(every, 600);
	tcase_add_test(tests, test_no_fsync_no_250);
	tcase_add_loop_test(tests, test_sync_all, 0, 2);
	tcase_add_test(tests, test_syncs_are_made);
	tcase_add_loop_test(tests, test_copy, 0, 7);
	tcase_add_loop_test(every, test_every_call, 0, COUNT(errors) * COUNT(files));
	tcase_add_loop_test(every, test_looking_fails, 0, 2);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, every);
	return run_suite(suite);
}
