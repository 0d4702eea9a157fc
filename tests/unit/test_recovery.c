/*
 * test_recovery.c - the record of intent, and what a delivery makes of it that finds one
 *
 * Covers: a message for several mailboxes is in all of them or in none, wherever its
 * delivery was cut short.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/recovery.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ID "0123456789abcdev-1"
#define NAME "1700000000." ID "." FIXTURE_HOST

static const char *const names[] = { "alice", "bob", "carol" };

/* ---- a delivery that is cut short ---- */

/* A message for the three in tmp/, and its record; what follows is done by the tests. */
static void stage_three(void)
{
	store_put(ID, 0, TO("all@example.org"));
	store_relieve(&under_test.store);
	ck_assert(journal_write(&under_test.store.journal, &under_test.store.batch));
}

static const struct transaction *staged(void)
{
	return TAILQ_FIRST(&under_test.store.batch);
}

/* The names of the file in tmp/ and new/ of one of the three. */
static void paths(size_t index, char tmp[256], char new[256])
{
	char name[FILE_NAME_SIZE];

	transaction_new_name(staged(), &staged()->targets[index], name);
	snprintf(tmp, 256, "%s/tmp/%s", staged()->targets[index].path, staged()->name);
	snprintf(new, 256, "%s/new/%s", staged()->targets[index].path, name);
}

static void move_by_hand(size_t index)
{
	char tmp[256], new[256];

	paths(index, tmp, new);
	ck_assert_int_eq(renameat(fixture_root(), tmp, fixture_root(), new), 0);
}

/* The crash kept the new name, and the old one, too. */
static void move_by_half(size_t index)
{
	char tmp[256], new[256];

	paths(index, tmp, new);
	ck_assert_int_eq(linkat(fixture_root(), tmp, fixture_root(), new, 0), 0);
}

/* Its owner has read it in the meantime. */
static void read_by_owner(size_t index)
{
	char tmp[256], new[256], cur[256];

	paths(index, tmp, new);
	snprintf(cur, sizeof(cur), "%s/cur/%s:2,S", staged()->targets[index].path,
		 strrchr(new, '/') + 1);
	ck_assert_int_eq(renameat(fixture_root(), new, fixture_root(), cur), 0);
}

static void read_half(size_t index)
{
	move_by_half(index);
	read_by_owner(index);
}

/* The process is gone: nothing of it is undone. Descriptors and memory are let go. */
static void die(void)
{
	struct store *store = &under_test.store;
	struct transaction *transaction;

	while ((transaction = TAILQ_FIRST(&store->batch))) {
		TAILQ_REMOVE(&store->batch, transaction, entry);
		transaction_free(transaction);
	}
	store->is_tidy = false;
	store_close(store);
	store_fixture_open(128, 16);
}

static size_t copies(const char *name, const char *folder)
{
	char path[64];

	snprintf(path, sizeof(path), "example.org/%s", name);
	return fixture_count(path, folder);
}

static void check_counts(size_t wanted)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		ck_assert_uint_eq(copies(names[i], "new") + copies(names[i], "cur"), wanted);
		ck_assert_uint_eq(copies(names[i], "tmp"), 0);
	}
}

typedef void act(size_t index);

static const struct {
	act *acts[3];
} forward_cases[] = {
	{ { NULL, NULL, NULL } },
	{ { move_by_hand, NULL, NULL } },
	{ { NULL, move_by_hand, NULL } },
	{ { move_by_hand, move_by_hand, move_by_hand } },
	{ { move_by_half, NULL, NULL } },
	{ { move_by_half, move_by_half, move_by_half } },
	{ { read_half, NULL, move_by_hand } },
};

START_TEST(test_forward)
{
	stage_three();
	for (size_t i = 0; i < 3; i++)
		if (forward_cases[_i].acts[i])
			forward_cases[_i].acts[i](i);
	die();
	check_counts(1);
	/* A second time changes nothing. */
	die();
	check_counts(1);
}
END_TEST

START_TEST(test_forward_after_read)
{
	stage_three();
	move_by_hand(1);
	read_by_owner(1);
	die();
	check_counts(1);
	ck_assert(fixture_log_has("event=recovery"));
	ck_assert(fixture_log_has("direction=forward mailboxes=3 files=2"));
}
END_TEST

/* The owner has removed it: it does not come back. */
START_TEST(test_forward_after_removal)
{
	char tmp[256], new[256];

	stage_three();
	move_by_hand(2);
	paths(2, tmp, new);
	ck_assert_int_eq(unlinkat(fixture_root(), new, 0), 0);
	die();
	ck_assert_uint_eq(copies("alice", "new") + copies("bob", "new"), 2);
	ck_assert_uint_eq(copies("carol", "new"), 0);
}
END_TEST

/* A mailbox is there no more: the others get theirs. */
START_TEST(test_forward_without_mailbox)
{
	stage_three();
	ck_assert_int_eq(renameat(fixture_root(), "example.org/bob", fixture_root(), "gone"), 0);
	ck_assert_int_eq(symlinkat("../gone", fixture_root(), "example.org/bob"), 0);
	die();
	ck_assert(fixture_log_has("example.org/bob is passed over by the recovery"));
	ck_assert_uint_eq(copies("alice", "new") + copies("carol", "new"), 2);
}
END_TEST

/* Wherever the removal of a failed message was cut short. */
START_TEST(test_back)
{
	char tmp[256], new[256];

	stage_three();
	for (size_t i = 0; i < 2; i++)
		move_by_hand(i);
	transaction_fail(TAILQ_FIRST(&under_test.store.batch), VERDICT_SYSTEM_ERROR, NULL,
			 "a test");
	ck_assert(journal_write(&under_test.store.journal, &under_test.store.batch));
	for (int i = 0; i < _i; i++) {
		paths((size_t)i, tmp, new);
		ck_assert_int_eq(unlinkat(fixture_root(), new, 0), 0);
	}
	die();
	check_counts(0);
	ck_assert(fixture_log_has("direction=back"));
}
END_TEST

/* ---- a record that a crash has cut ---- */

static void damage(off_t length, off_t flip)
{
	char path[256];
	uint8_t byte;
	int file;

	snprintf(path, sizeof(path), "%s/" MAIL_ROOT_MARK "/intent", fixture_root_path());
	file = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(file, 0);
	if (flip >= 0) {
		ck_assert_int_eq(pread(file, &byte, 1, flip), 1);
		byte ^= 0x20;
		ck_assert_int_eq(pwrite(file, &byte, 1, flip), 1);
	} else {
		ck_assert_int_eq(ftruncate(file, length), 0);
	}
	close(file);
}

static off_t record_length(void)
{
	struct stat status;

	ck_assert_int_eq(fstat(under_test.store.journal.file, &status), 0);
	return status.st_size;
}

/* Cut at every byte, and every byte changed: it is no record, and nothing is moved. */
START_TEST(test_torn)
{
	struct journal_reader reader;
	off_t length;

	stage_three();
	length = record_length();
	ck_assert_int_gt(length, 100);
	for (off_t i = 0; i < length; i++) {
		damage(0, i);
		ck_assert(journal_read(&under_test.store.journal, &reader));
		ck_assert_ptr_null(reader.bytes);
		damage(0, i);
	}
	ck_assert(journal_read(&under_test.store.journal, &reader));
	ck_assert_ptr_nonnull(reader.bytes);
	journal_reader_free(&reader);
	for (off_t i = length - 1; i >= 0; i--) {
		damage(i, -1);
		ck_assert(journal_read(&under_test.store.journal, &reader));
		ck_assert_ptr_null(reader.bytes);
	}
	die();
	for (size_t i = 0; i < COUNT(names); i++)
		ck_assert_uint_eq(copies(names[i], "new"), 0);
}
END_TEST

/* A shorter record over a longer one, and the other way round. */
START_TEST(test_rewritten)
{
	struct journal_reader reader;
	struct journal_message message;
	struct journal_target target;

	stage_three();
	store_put("0123456789abcdev-2", 0, TO("alice@example.org", "bob@example.org"));
	store_relieve(&under_test.store);
	ck_assert(journal_write(&under_test.store.journal, &under_test.store.batch));
	ck_assert(journal_read(&under_test.store.journal, &reader));
	for (int i = 0; i < 2; i++) {
		ck_assert(journal_next_message(&reader, &message));
		ck_assert(message.is_forward);
		ck_assert_uint_eq(message.targets, i == 0 ? 3 : 2);
		for (uint32_t j = 0; j < message.targets; j++)
			ck_assert(journal_next_target(&reader, &message, &target));
		ck_assert_str_eq(target.path, i == 0 ? "example.org/carol" : "example.org/bob");
	}
	ck_assert(!journal_next_message(&reader, &message));
	journal_reader_free(&reader);
	ck_assert(journal_clear(&under_test.store.journal));
	ck_assert(journal_read(&under_test.store.journal, &reader));
	ck_assert_ptr_null(reader.bytes);
	stage_three();
	store_commit(&under_test.store);
	ck_assert(journal_read(&under_test.store.journal, &reader));
	journal_reader_free(&reader);
}
END_TEST

/* Whatever bytes a path holds, the reader sees the same. */
START_TEST(test_every_byte)
{
	char path[256 + 16] = "every/";
	char address[] = "a@b";
	struct target targets[2] = { { .path = path, .address = address, .state = TARGET_IN_TMP },
				     { .path = "b", .address = address, .state = TARGET_IN_NEW } };
	struct transaction message = { .targets = targets, .target_count = 2, .name = NAME };
	struct transaction_list list = TAILQ_HEAD_INITIALIZER(list);
	struct journal_reader reader;
	struct journal_message read;
	struct journal_target target;

	for (int i = 1; i < 256; i++)
		path[5 + i] = (char)i;
	TAILQ_INSERT_TAIL(&list, &message, entry);
	ck_assert(journal_write(&under_test.store.journal, &list));
	ck_assert(journal_read(&under_test.store.journal, &reader));
	ck_assert(journal_next_message(&reader, &read));
	ck_assert(journal_next_target(&reader, &read, &target));
	ck_assert_str_eq(target.path, path);
	ck_assert_str_eq(target.name, NAME ",S=0");
	journal_reader_free(&reader);
	ck_assert(journal_clear(&under_test.store.journal));
}
END_TEST

/* ---- when there is a record ---- */

static bool has_record(void)
{
	struct journal_reader reader;
	bool has;

	ck_assert(journal_read(&under_test.store.journal, &reader));
	has = reader.bytes != NULL;
	journal_reader_free(&reader);
	return has;
}

START_TEST(test_costs_nothing_for_one)
{
	ck_assert_int_eq(store_deliver(ID, 0, TO("alice@example.org")), VERDICT_STORED);
	ck_assert_int_eq(record_length(), 16);
	ck_assert(!has_record());
	ck_assert_int_eq(store_deliver("0123456789abcdev-2", 0, TO("all@example.org")),
			 VERDICT_STORED);
	ck_assert(has_record());
}
END_TEST

/* Where one of several mailboxes fails late, the record is turned back, and none is left. */
START_TEST(test_cleared_after_failure)
{
	char path[256];

	store_put(ID, 0, TO("all@example.org"));
	snprintf(path, sizeof(path), "%s/example.org/carol/new", fixture_root_path());
	ck_assert_int_eq(rmdir(path), 0);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	under_test.answered = 0;
	store_commit(&under_test.store);
	ck_assert_int_eq(under_test.verdicts[0], VERDICT_SYSTEM_ERROR);
	ck_assert(!has_record());
	ck_assert_uint_eq(copies("alice", "new") + copies("bob", "new"), 0);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

/* ---- the mark ---- */

START_TEST(test_unmarked)
{
	char path[256];

	store_close(&under_test.store);
	snprintf(path, sizeof(path), "%s/" MAIL_ROOT_MARK, fixture_root_path());
	ck_assert_int_eq(unlinkat(fixture_root(), MAIL_ROOT_MARK "/lock", 0), 0);
	ck_assert_int_eq(unlinkat(fixture_root(), MAIL_ROOT_MARK "/intent", 0), 0);
	ck_assert_int_eq(rmdir(path), 0);
	under_test.store.root = fixture_root();
	ck_assert_int_eq(store_make_ready(&under_test.store), MARK_MISSING);
	ck_assert_ptr_nonnull(strstr(under_test.store.unready.text, MAIL_ROOT_MARK));
	ck_assert_int_eq(symlink("/tmp", path), 0);
	ck_assert_int_eq(store_make_ready(&under_test.store), MARK_FAILED);
	ck_assert(!under_test.store.is_ready);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	store_fixture_open(128, 16);
}
END_TEST

/* Who ends in order leaves nothing to look for. */
START_TEST(test_in_order)
{
	ck_assert(under_test.store.mark.was_in_order);
	store_close(&under_test.store);
	store_fixture_open(128, 16);
	ck_assert(under_test.store.mark.was_in_order);
	die();
	ck_assert(!under_test.store.mark.was_in_order);
}
END_TEST

/* ---- tmp/ ---- */

static const struct {
	const char *name;
	bool is_swept;
} leftovers[] = {
	{ NAME, true },
	{ "1.0000000000000000-123.h", true },
	{ "1700000000." ID, false },
	{ "1700000000." ID ".", false },
	{ "1700000000.0123456789abcdew-1.host", false },
	{ "1700000000.0123456789abcde-1.host", false },
	{ "1700000000.0123456789abcdev-.host", false },
	{ "1700000000.M20046P2137.host", false }, /* of other programs */
	{ "." NAME, false },
	{ "." ID ".host", false },
};

static bool is_under_way(const void *context, const char *name)
{
	return context && strcmp(context, name) == 0;
}

START_TEST(test_sweep)
{
	const char *name = leftovers[_i].name;
	char path[512];
	int tmp;

	ck_assert_int_eq(store_deliver("1-1", 0, TO("alice@example.org")), VERDICT_STORED);
	snprintf(path, sizeof(path), "%s/example.org/alice/tmp", fixture_root_path());
	tmp = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(openat(tmp, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	recovery_sweep(tmp, "alice@example.org", is_under_way, name);
	ck_assert_int_eq(faccessat(tmp, name, F_OK, 0), 0);
	recovery_sweep(tmp, "alice@example.org", is_under_way, NULL);
	ck_assert_int_eq(faccessat(tmp, name, F_OK, 0), leftovers[_i].is_swept ? -1 : 0);
	close(tmp);
}
END_TEST

/* A mailbox is swept when it is opened, but what is under way stays. */
START_TEST(test_swept_at_opening)
{
	store_put(ID, 0, TO("alice@example.org"));
	die();
	ck_assert_uint_eq(copies("alice", "tmp"), 1);
	store_put("0123456789abcdev-2", 0, TO("alice@example.org"));
	ck_assert_uint_eq(copies("alice", "tmp"), 1);
	ck_assert(fixture_log_has("direction=swept"));
	store_commit(&under_test.store);
	ck_assert_uint_eq(copies("alice", "new"), 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *result = suite_create("recovery");
	TCase *cases = tcase_create("recovery");

	tcase_add_checked_fixture(cases, store_set_up, store_tear_down);
	tcase_add_loop_test(cases, test_forward, 0, COUNT(forward_cases));
	tcase_add_test(cases, test_forward_after_read);
	tcase_add_test(cases, test_forward_after_removal);
	tcase_add_test(cases, test_forward_without_mailbox);
	tcase_add_loop_test(cases, test_back, 0, 3);
	tcase_add_test(cases, test_torn);
	tcase_add_test(cases, test_rewritten);
	tcase_add_test(cases, test_every_byte);
	tcase_add_test(cases, test_costs_nothing_for_one);
	tcase_add_test(cases, test_cleared_after_failure);
	tcase_add_test(cases, test_unmarked);
	tcase_add_test(cases, test_in_order);
	tcase_add_loop_test(cases, test_sweep, 0, COUNT(leftovers));
	tcase_add_test(cases, test_swept_at_opening);
	suite_add_tcase(result, cases);
	return result;
}

int main(void)
{
	return run_suite(suite());
}
