/*
 * test_commit.c - a message into its mailboxes: all or none, durable before its verdict
 *
 * Covers A-08 (a mailbox once), A-13 (a copy for each mailbox), A-14 (two messages never share
 * a file), A-15, A-17 (a line for each mailbox), A-18, C-12 (Delivered-To is the envelope's) and
 * the attack row "ENOSPC, EDQUOT, EIO, EMFILE at every system call of the delivery path": this
 * program replaces the calls by ones that fail on demand.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/log/log.h"
#include "delivery/recipients.h"
#include "delivery/store.h"
#include "delivery/system_calls.h"
#include "tests/unit/delivery_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BODY "Subject: test\n\nhello\n"

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

int move_file(int from, const char *old_name, int to, const char *new_name)
{
	if (fails(CALL_OTHER))
		return -1;
	return (int)syscall(SYS_renameat2, from, old_name, to, new_name, RENAME_NOREPLACE);
}

/* ---- a store ---- */

static struct tables *tables;
static struct store store;
static uint64_t handles[64];
static enum verdict verdicts[64];
static size_t answered;
static int somebody;

static void on_answer(void *owner, uint64_t handle, enum verdict verdict)
{
	ck_assert_ptr_eq(owner, &somebody);
	ck_assert_uint_lt(answered, COUNT(handles));
	handles[answered] = handle;
	verdicts[answered++] = verdict;
}

static void open_store(size_t batch, size_t open_mailboxes)
{
	const struct store_settings settings = {
		.root = fixture_root(),
		.hostname = FIXTURE_HOST,
		.batch = batch,
		.open_mailboxes = open_mailboxes,
		.create_mailboxes = true,
		.answer = on_answer,
	};
	struct problem problem = { "" };

	ck_assert_msg(store_open(&store, &settings, &problem), "%s", problem.text);
	answered = 0;
}

static void set_up(void)
{
	fixture_set_up();
	tables = fixture_tables("alice\nbob\ncarol\n", "all: alice, bob, carol\n"
						       "sales: alice\n");
	open_store(128, 16);
}

static void tear_down(void)
{
	memset(&fault, 0, sizeof(fault));
	store_close(&store);
	tables_close(tables);
	fixture_tear_down();
}

static struct transaction *begin(struct submission submission, const char *const *recipients)
{
	uint8_t *envelope = malloc(FIXTURE_FRAME_MAX);
	size_t length = fixture_envelope(envelope, &submission, recipients);
	struct wire_reader reader = { envelope, length, 0, false };
	struct transaction *transaction;

	ck_assert(message_get_submission(&reader, &submission));
	transaction = transaction_new(envelope, length, &submission, store.file_host);
	ck_assert_ptr_nonnull(transaction);
	transaction->owner = &somebody;
	recipients_expand(transaction, tables, FIXTURE_TEMPLATE);
	if (!transaction_has_failed(transaction))
		stage_begin(&store, transaction);
	return transaction;
}

/* A complete message, which then waits for the commit. */
static void put(const char *id, uint32_t flags, const char *const *recipients)
{
	struct submission submission = fixture_submission(id, strlen(BODY));
	struct transaction *transaction;

	submission.flags = flags;
	transaction = begin(submission, recipients);
	stage_body(transaction, BODY, 5);
	stage_body(transaction, &BODY[5], strlen(BODY) - 5);
	stage_finish(&store, transaction);
}

static enum verdict deliver(const char *id, uint32_t flags, const char *const *recipients)
{
	put(id, flags, recipients);
	answered = 0;
	store_commit(&store);
	ck_assert_uint_eq(answered, 1);
	ck_assert_uint_eq(handles[0], 7);
	return verdicts[0];
}

#define TO(...)                   \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

/* The file is there, whole, and its name tells its size. */
static void check_file(const char *mailbox, const char *delivered_to, const char *prefix)
{
	char text[4096], name[256], path[64], line[128];
	const char *size;

	snprintf(path, sizeof(path), "example.org/%s", mailbox);
	ck_assert_msg(fixture_read(path, "new", prefix, text, sizeof(text), name), "%s %s", mailbox,
		      prefix);
	snprintf(line, sizeof(line), "\nDelivered-To: %s\n", delivered_to);
	ck_assert_ptr_nonnull(strstr(text, line));
	ck_assert_ptr_nonnull(strstr(text, "+0000\n" BODY));
	ck_assert_str_eq(strstr(text, "+0000\n") + 6, BODY);
	size = strstr(name, "." FIXTURE_HOST ",S=");
	ck_assert_ptr_nonnull(size);
	ck_assert_uint_eq(strtoul(size + strlen("." FIXTURE_HOST ",S="), NULL, 10), strlen(text));
}

START_TEST(test_one)
{
	ck_assert_int_eq(deliver("s-1", 0, TO("alice@example.org")), VERDICT_STORED);
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

	ck_assert_int_eq(deliver("s-1", 0,
				 TO("sales@example.org", "all@example.org", "ALICE+tag@example.org",
				    "bob@EXAMPLE.org")),
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

	stage_finish(&store, begin(submission, TO("all@example.org")));
	store_commit(&store);
	ck_assert_int_eq(verdicts[0], VERDICT_STORED);
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

	ck_assert_int_eq(deliver("s-1", 0, cases[_i].to), cases[_i].verdict);
	ck_assert_uint_eq(fixture_count_all("new"), 0);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert(fixture_log_has("event=failed"));
	/* the next one is not touched by it */
	ck_assert_int_eq(deliver("s-2", 0, TO("alice@example.org")), VERDICT_STORED);
}
END_TEST

START_TEST(test_batch)
{
	char id[16];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "s-%d", i);
		put(id, 0, i % 2 ? TO("alice@example.org") : TO("all@example.org"));
	}
	put("s-99", 0, TO("nobody@example.org"));
	/* nothing is visible, nobody is answered before the commit */
	ck_assert_uint_eq(fixture_count_all("new"), 0);
	ck_assert_uint_eq(answered, 0);
	ck_assert(store_has(&store, "s-3"));
	ck_assert(!store_has(&store, "s-33"));
	store_commit(&store);
	ck_assert_uint_eq(answered, 21);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(verdicts[i], VERDICT_STORED);
	ck_assert_int_eq(verdicts[20], VERDICT_NO_RECIPIENT);
	ck_assert_uint_eq(fixture_count("example.org/alice", "new"), 20);
	ck_assert_uint_eq(fixture_count_all("new"), 40);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert(!store_has(&store, "s-3"));
}
END_TEST

START_TEST(test_due)
{
	store_close(&store);
	open_store(3, 16);
	for (int i = 0; i < 3; i++) {
		ck_assert(!store_is_due(&store));
		put(TO("s-1", "s-2", "s-3")[i], 0, TO("alice@example.org"));
	}
	ck_assert(store_is_due(&store));
	store_commit(&store);
	ck_assert(!store_is_due(&store));
}
END_TEST

START_TEST(test_owner_gone)
{
	put("s-1", 0, TO("alice@example.org"));
	store_forget_owner(&store, &somebody);
	store_commit(&store);
	ck_assert_uint_eq(answered, 0);
	ck_assert_uint_eq(fixture_count_all("new"), 1);
}
END_TEST

START_TEST(test_abandon)
{
	struct transaction *transaction =
		begin(fixture_submission("s-1", strlen(BODY)), TO("all@example.org"));
	size_t before = fixture_descriptors();

	stage_body(transaction, BODY, 5);
	ck_assert_uint_eq(fixture_count_all("tmp"), 1);
	stage_abandon(&store, transaction);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_uint_eq(fixture_descriptors(), before - 1);
}
END_TEST

START_TEST(test_close_undoes)
{
	put("s-1", 0, TO("all@example.org"));
	ck_assert_uint_eq(fixture_count_all("tmp"), 3);
	store_close(&store);
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	open_store(128, 16);
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
	ck_assert_int_eq(deliver("s-0", 0, TO("alice@example.org")), VERDICT_STORED);
	ck_assert_int_eq(unlinkat(fixture_root(), ALICE "/new", 0), -1);
	plant(again[_i].planted);
	ck_assert_int_eq(deliver("s-1", SUBMISSION_AGAIN, TO("alice@example.org")), VERDICT_STORED);
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
	ck_assert_int_eq(deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	plant(ALICE "/new/" NAME ",S=8");
	ck_assert_int_eq(deliver("s-1", SUBMISSION_AGAIN, TO("all@example.org")), VERDICT_STORED);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), 2);
	check_file("bob", "bob@example.org", NAME ",S=");
	check_file("carol", "carol@example.org", NAME ",S=");
	/* all of it again */
	ck_assert_int_eq(deliver("s-1", SUBMISSION_AGAIN, TO("all@example.org")), VERDICT_STORED);
	ck_assert_uint_eq(fixture_count_all("new"), 6);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

/* A name that is taken is never replaced, and what was there is not removed. */
START_TEST(test_collision)
{
	char text[64], name[256], path[512];

	ck_assert_int_eq(deliver("s-1", 0, TO("all@example.org")), VERDICT_STORED);
	ck_assert_int_eq(deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	/* found at the last mailbox only: what was moved before is taken back */
	ck_assert(fixture_read(ALICE, "new", "", text, sizeof(text), name));
	snprintf(path, sizeof(path), ALICE "/new/%s", name);
	ck_assert_int_eq(unlinkat(fixture_root(), path, 0), 0);
	ck_assert_int_eq(deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), 0);
	ck_assert_uint_eq(fixture_count_all("new"), 2);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	plant("example.org/bob/tmp/1700000000.s-2." FIXTURE_HOST);
	ck_assert_int_eq(deliver("s-2", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
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
	ck_assert_int_eq(deliver("s-1", 0, TO("all@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("new"), 0);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert(
		fixture_log_has("to=all@example.org mailbox=carol@example.org "
				"reason=\"mailbox carol@example.org: Not a directory\" code=451"));
	ck_assert_int_eq(deliver("s-2", 0, TO("alice@example.org")), VERDICT_STORED);
}
END_TEST

/* ---- every system call fails once ---- */

static const int errors[] = { ENOSPC, EIO };

/* Either all three files and none in tmp, or no file anywhere. */
static void check_all_or_none(const char *id, enum verdict verdict)
{
	static const char *const names[] = { "alice", "bob", "carol" };
	char prefix[64], address[64], path[64], text[4096], name[256];

	snprintf(prefix, sizeof(prefix), "1700000000.%s.", id);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "example.org/%s", names[i]);
		snprintf(address, sizeof(address), "%s@example.org", names[i]);
		if (verdict == VERDICT_STORED)
			check_file(names[i], address, prefix);
		else
			ck_assert(!fixture_read(path, "new", prefix, text, sizeof(text), name));
	}
}

/* Two messages for three mailboxes in one batch. False: there is no call of that number. */
static bool run_with_fault(int number, int error, int *failures)
{
	size_t before;
	bool hit;

	set_up();
	before = fixture_descriptors();
	fault.number = number;
	fault.error = error;
	fault.armed = true;
	put("s-1", 0, TO("all@example.org"));
	put("s-2", 0, TO("carol@example.org", "all@example.org"));
	store_commit(&store);
	fault.armed = false;
	ck_assert_uint_eq(answered, 2);
	for (int i = 0; i < 2; i++) {
		check_all_or_none(TO("s-1", "s-2")[i], verdicts[i]);
		if (verdicts[i] == VERDICT_STORED)
			continue;
		ck_assert_int_eq(verdicts[i], verdict_of_errno(error));
		(*failures)++;
	}
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	/* nothing leaks, and the next message works */
	ck_assert_uint_le(fixture_descriptors(), before + 3 * 2);
	ck_assert_int_eq(deliver("s-3", 0, TO("all@example.org")), VERDICT_STORED);
	check_all_or_none("s-3", VERDICT_STORED);
	hit = fault.hit;
	tear_down();
	return hit;
}

START_TEST(test_every_call)
{
	int failures = 0, number = 0;

	while (run_with_fault(number, errors[_i], &failures))
		ck_assert_int_lt(++number, 1000);
	ck_assert_int_gt(number, 50);
	ck_assert_int_gt(failures, 50);
}
END_TEST

/* ---- durability ---- */

/* No fsync of any kind succeeds: nobody hears 250. */
START_TEST(test_no_fsync_no_250)
{
	/* the mailboxes are there already, so that it is the files that matter */
	ck_assert_int_eq(deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	fault.armed = true;
	fault.number = -1;
	fault.kind = CALL_FSYNC;
	fault.error = EIO;
	ck_assert_int_eq(deliver("s-1", 0, TO("alice@example.org")), VERDICT_SYSTEM_ERROR);
	ck_assert_int_eq(deliver("s-2", SUBMISSION_AGAIN, TO("bob@example.org")),
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

	store.durable.may_sync_all = true; /* whatever the file system of /tmp */
	for (int i = 0; i < 8; i++)
		put(TO("s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8")[i], 0,
		    TO("alice@example.org"));
	fault.armed = true;
	fault.number = -1;
	fault.kind = cases[_i].kind;
	fault.error = EIO;
	store_commit(&store);
	fault.armed = false;
	ck_assert(fault.hit);
	ck_assert_int_gt(fault.kinds[CALL_SYNC_ALL], 0);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(verdicts[i], cases[_i].verdict);
	ck_assert_uint_eq(fixture_count_all("new"), cases[_i].verdict == VERDICT_STORED ? 8 : 0);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

/* Every message costs its file and its directory a sync, unless they share one. */
START_TEST(test_syncs_are_made)
{
	ck_assert_int_eq(deliver("s-0", 0, TO("all@example.org")), VERDICT_STORED);
	memset(&fault, 0, sizeof(fault));
	fault.armed = true;
	fault.number = 1 << 30; /* count, never fail */
	ck_assert_int_eq(deliver("s-1", 0, TO("alice@example.org")), VERDICT_STORED);
	ck_assert_int_eq(fault.kinds[CALL_FSYNC], 2);
	memset(fault.kinds, 0, sizeof(fault.kinds));
	store.durable.may_sync_all = false;
	for (int i = 0; i < 4; i++)
		put(TO("s-2", "s-3", "s-4", "s-5")[i], 0, TO("alice@example.org"));
	store_commit(&store);
	ck_assert_int_eq(fault.kinds[CALL_FSYNC], 4 + 1);
	ck_assert_int_eq(fault.kinds[CALL_SYNC_ALL], 0);
	memset(fault.kinds, 0, sizeof(fault.kinds));
	store.durable.may_sync_all = true;
	for (int i = 0; i < 4; i++)
		put(TO("s-6", "s-7", "s-8", "s-9")[i], 0, TO("alice@example.org"));
	store_commit(&store);
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
	ck_assert_int_eq(deliver("s-1", 0, TO("all@example.org")), cases[_i].verdict);
	ck_assert(fault.hit);
	check_all_or_none("s-1", cases[_i].verdict);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
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

	tables_close(tables);
	tables = fixture_tables(mailboxes, alias);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(deliver("s-1", 0, TO("many@example.org")), VERDICT_STORED);
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
	struct rlimit limit = { fixture_descriptors() + 8, 1024 };

	store_close(&store);
	open_store(128, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 8; i++)
		put(TO("s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8")[i], 0,
		    TO("all@example.org"));
	store_commit(&store);
	limit.rlim_cur = 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(verdicts[7], VERDICT_SYSTEM_ERROR);
	for (int i = 0; i < 8; i++)
		check_all_or_none(TO("s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8")[i],
				  verdicts[i]);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_int_eq(deliver("s-9", 0, TO("all@example.org")), VERDICT_STORED);
}
END_TEST

/* The disk takes a part of the body: the rest is dropped, the part removed. */
START_TEST(test_file_too_big)
{
	static char body[300 * 1024];
	const struct rlimit limit = { 100 * 1024, RLIM_INFINITY };
	struct transaction *transaction =
		begin(fixture_submission("s-1", sizeof(body)), TO("all@example.org"));

	memset(body, 'x', sizeof(body));
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (size_t at = 0; at < sizeof(body); at += 30 * 1024)
		stage_body(transaction, body + at, 30 * 1024);
	stage_finish(&store, transaction);
	store_commit(&store);
	ck_assert_int_eq(verdicts[0], VERDICT_SYSTEM_ERROR);
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	ck_assert(fixture_log_has("File too large"));
	ck_assert_int_eq(deliver("s-2", 0, TO("all@example.org")), VERDICT_STORED);
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
	tcase_add_test(tests, test_no_fsync_no_250);
	tcase_add_loop_test(tests, test_sync_all, 0, 2);
	tcase_add_test(tests, test_syncs_are_made);
	tcase_add_loop_test(tests, test_copy, 0, 7);
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
	TCase *faults = tcase_create("faults");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 300);
	tcase_set_timeout(faults, 600);
	add_tests(tests);
	tcase_add_loop_test(faults, test_every_call, 0, COUNT(errors));
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, faults);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
