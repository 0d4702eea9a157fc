/*
 * test_maildir.c - mailboxes: opened, made, searched; what must not be opened
 *
 * Covers A-01 (folders for the mailboxes, owner and mode), A-05 (missing ones are made, an
 * existing one is no error, only when it is a directory of our own), A-14 (a path stays below
 * the mail root) and the attack rows on links and foreign directories in the mail root.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/boxes.h"
#include "delivery/inbox.h"
#include "delivery/maildir.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ADDRESS "alice@example.org"
#define PATH "example.org/alice"

static int mode_of(const char *path)
{
	struct stat status;

	ck_assert_msg(fstatat(fixture_root(), path, &status, AT_SYMLINK_NOFOLLOW) == 0, "%s: %s",
		      path, strerror(errno));
	ck_assert_uint_eq(status.st_uid, geteuid());
	return (int)(status.st_mode & (S_IFMT | 07777));
}

START_TEST(test_create)
{
	static const char *const made[] = { "example.org", PATH, PATH "/tmp", PATH "/cur",
					    PATH "/new" };
	struct problem problem;

	umask(0);
	ck_assert(!maildir_exists(fixture_root(), PATH));
	ck_assert_int_eq(maildir_create(fixture_root(), PATH, ADDRESS, true, &problem), 1);
	for (size_t i = 0; i < COUNT(made); i++)
		ck_assert_int_eq(mode_of(made[i]), S_IFDIR | 0700);
	ck_assert(maildir_exists(fixture_root(), PATH));
	ck_assert(fixture_log_has("event=mailbox mailbox=" ADDRESS));
	ck_assert_int_eq(maildir_create(fixture_root(), PATH, ADDRESS, true, &problem), 0);
	/* what is missing of it is made again */
	ck_assert_int_eq(unlinkat(fixture_root(), PATH "/cur", AT_REMOVEDIR), 0);
	ck_assert_int_eq(maildir_create(fixture_root(), PATH, ADDRESS, false, &problem), 1);
	ck_assert_int_eq(mode_of(PATH "/cur"), S_IFDIR | 0700);
}
END_TEST

START_TEST(test_hold)
{
	struct maildirs *maildirs = maildirs_new(fixture_root(), 4, true);
	struct problem problem;
	struct maildir *maildir = maildir_hold(maildirs, PATH, ADDRESS, &problem);
	int file;

	ck_assert_msg(maildir != NULL, "%s", problem.text);
	file = openat(maildir->tmp, "x", O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(file, 0);
	close(file);
	ck_assert_int_eq(renameat(maildir->tmp, "x", maildir->new, "x"), 0);
	ck_assert_uint_eq(fixture_count(PATH, "new"), 1);
	ck_assert_ptr_eq(maildir_hold(maildirs, PATH, ADDRESS, &problem), maildir);
	maildir_release(maildirs, maildir);
	maildir_release(maildirs, maildir);
	maildirs_free(maildirs);
}
END_TEST

/* A mailbox that was moved away is not written to any more; a new one is made in its place. */
START_TEST(test_moved_away)
{
	struct maildirs *maildirs = maildirs_new(fixture_root(), 4, true);
	struct problem problem;
	struct maildir *maildir = maildir_hold(maildirs, PATH, ADDRESS, &problem);
	struct stat old, now;

	ck_assert_ptr_nonnull(maildir);
	ck_assert_int_eq(fstat(maildir->new, &old), 0);
	maildir_release(maildirs, maildir);
	maildirs_next_turn(maildirs);
	ck_assert_int_eq(renameat(fixture_root(), PATH, fixture_root(), PATH ".old"), 0);
	maildir = maildir_hold(maildirs, PATH, ADDRESS, &problem);
	ck_assert_msg(maildir != NULL, "%s", problem.text);
	ck_assert_int_eq(fstat(maildir->new, &now), 0);
	ck_assert(old.st_ino != now.st_ino);
	ck_assert_int_eq(faccessat(fixture_root(), PATH "/new", F_OK, 0), 0);
	maildir_release(maildirs, maildir);
	maildirs_free(maildirs);
}
END_TEST

START_TEST(test_no_create)
{
	struct maildirs *maildirs = maildirs_new(fixture_root(), 4, false);
	struct problem problem;

	ck_assert_ptr_null(maildir_hold(maildirs, PATH, ADDRESS, &problem));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, ADDRESS));
	ck_assert_int_ne(faccessat(fixture_root(), "example.org", F_OK, 0), 0);
	maildirs_free(maildirs);
}
END_TEST

START_TEST(test_cache_is_bounded)
{
	struct maildirs *maildirs = maildirs_new(fixture_root(), 4, true);
	size_t before = fixture_descriptors();
	struct maildir *held[8];
	struct problem problem;
	char path[32];

	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 20; i++) {
			snprintf(path, sizeof(path), "d/%d", i);
			maildir_release(maildirs, maildir_hold(maildirs, path, path, &problem));
			ck_assert_uint_le(fixture_descriptors(), before + 2 * 4);
		}
	/* what is held stays open over the bound, and not one longer */
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		held[i] = maildir_hold(maildirs, path, path, &problem);
		ck_assert_ptr_nonnull(held[i]);
	}
	ck_assert_uint_eq(fixture_descriptors(), before + 2 * 8);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_ge(fcntl(held[i]->new, F_GETFD), 0);
		maildir_release(maildirs, held[i]);
	}
	ck_assert_uint_eq(fixture_descriptors(), before + 2 * 4);
	maildirs_free(maildirs);
	ck_assert_uint_eq(fixture_descriptors(), before);
}
END_TEST

/* ---- what must be refused ---- */

static void make_outside(void)
{
	char path[256];
	static const char *const names[] = { "outside", "outside/tmp", "outside/new",
					     "outside/cur" };

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", fixture_folder(), names[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
}

static void make_box(void)
{
	struct problem problem;

	ck_assert_int_eq(maildir_create(fixture_root(), PATH, ADDRESS, false, &problem), 1);
}

static void link_box(void)
{
	ck_assert_int_eq(mkdirat(fixture_root(), "example.org", 0700), 0);
	ck_assert_int_eq(symlinkat("../../outside", fixture_root(), PATH), 0);
}

static void link_domain(void)
{
	ck_assert_int_eq(symlinkat("../outside", fixture_root(), "example.org"), 0);
}

static void link_folder(const char *folder, const char *to)
{
	make_box();
	ck_assert_int_eq(unlinkat(fixture_root(), folder, AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat(to, fixture_root(), folder), 0);
}

static void link_new(void)
{
	link_folder(PATH "/new", "../../../outside/new");
}

static void link_tmp_inside(void)
{
	link_folder(PATH "/tmp", "cur");
}

static void put_file(void)
{
	ck_assert_int_eq(mkdirat(fixture_root(), "example.org", 0700), 0);
	close(openat(fixture_root(), PATH, O_CREAT | O_WRONLY, 0600));
}

static void nothing(void)
{
}

static const struct {
	const char *what;
	void (*prepare)(void);
	const char *path;
} refused[] = {
	{ "the mailbox is a link", link_box, PATH },
	{ "the domain is a link", link_domain, PATH },
	{ "the domain is a link, its target has no such mailbox", link_domain, "example.org/x" },
	{ "new is a link", link_new, PATH },
	{ "tmp is a link inside the mailbox", link_tmp_inside, PATH },
	{ "the mailbox is a file", put_file, PATH },
	{ "the path leaves the root", nothing, "../outside" },
	{ "the path leaves the root later", nothing, "a/../../outside" },
	{ "an absolute path", nothing, "/tmp" },
};

START_TEST(test_refused)
{
	struct maildirs *maildirs = maildirs_new(fixture_root(), 4, true);
	size_t before = fixture_descriptors();
	struct problem problem;
	char path[256];

	make_outside();
	refused[_i].prepare();
	snprintf(path, sizeof(path), "%s/outside/x", fixture_folder());
	/* an absolute path is taken as one below the root at most */
	if (refused[_i].path[0] != '/')
		ck_assert_msg(!maildir_hold(maildirs, refused[_i].path, ADDRESS, &problem), "%s",
			      refused[_i].what);
	else
		(void)maildir_create(fixture_root(), refused[_i].path, ADDRESS, false, &problem);
	ck_assert_msg(access(path, F_OK) != 0, "%s", refused[_i].what);
	ck_assert_uint_eq(fixture_descriptors(), before);
	maildirs_free(maildirs);
}
END_TEST

/* Only root can give a directory away; as another user the check cannot be met. */
START_TEST(test_foreign_owner)
{
	static const char *const foreign[] = { PATH, PATH "/new", PATH "/tmp" };
	struct maildirs *maildirs = maildirs_new(fixture_root(), 4, true);
	struct problem problem;

	if (geteuid() == 0) {
		make_box();
		ck_assert_int_eq(fchownat(fixture_root(), foreign[_i], 12345, 12345, 0), 0);
		ck_assert_ptr_null(maildir_hold(maildirs, PATH, ADDRESS, &problem));
		ck_assert_int_eq(errno, EPERM);
		ck_assert_ptr_nonnull(strstr(problem.text, "another user"));
		ck_assert_int_eq(maildir_create(fixture_root(), PATH, ADDRESS, false, &problem),
				 -1);
	}
	maildirs_free(maildirs);
}
END_TEST

/* ---- the search for an earlier copy ---- */

static const struct {
	const char *folder, *prefix;
	int found;
} searches[] = {
	{ "new", "17.abc-1.host,S=", 1 },   { "new", "17.abc-1.host,S=12", 1 },
	{ "new", "17.abc-10.host,S=", 0 },  { "new", "17.abc-2.host,S=", 0 },
	{ "cur", "17.abc-2.host,S=", 1 },   { "cur", "17.abc-1.host,S=", 0 },
	{ "other", "17.abc-1.host,S=", 0 },
};

START_TEST(test_find)
{
	make_box();
	close(openat(fixture_root(), PATH "/new/17.abc-1.host,S=12", O_CREAT | O_WRONLY, 0600));
	close(openat(fixture_root(), PATH "/cur/17.abc-2.host,S=12:2,RS", O_CREAT | O_WRONLY,
		     0600));
	ck_assert_int_eq(
		maildir_find(fixture_root(), PATH, searches[_i].folder, searches[_i].prefix),
		searches[_i].found);
}
END_TEST

/* ---- all mailboxes at the start ---- */

static struct store store;

static struct boxes *begin_boxes(struct event_base *base, const struct tables *tables,
				 bool one_by_one)
{
	const struct boxes_settings settings = {
		.tables = tables,
		.template = FIXTURE_TEMPLATE,
		.store = &store,
		.create = true,
	};
	struct boxes *boxes;

	store.root = fixture_root();
	store.durable.may_sync_all = !one_by_one;
	boxes = boxes_begin(base, &settings);
	ck_assert_ptr_nonnull(boxes);
	return boxes;
}

START_TEST(test_boxes)
{
	enum { BOXES = 300 };
	struct event_base *base = event_base_new();
	char *text = calloc(BOXES, 16), path[64];
	struct tables *tables;
	struct boxes *boxes;
	int turns = 0;

	for (int i = 0; i < BOXES; i++)
		sprintf(text + strlen(text), "user%d\n", i);
	tables = fixture_tables(text, "");
	event_base_priority_init(base, PRIORITY_COUNT);
	boxes = begin_boxes(base, tables, _i == 1);
	/* in slices: the loop turns, others get their turn in between */
	for (; !boxes_are_complete(boxes); turns++)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_gt(turns, 0);
	for (int i = 0; i < BOXES; i++) {
		snprintf(path, sizeof(path), "example.org/user%d", i);
		ck_assert(maildir_exists(fixture_root(), path));
	}
	boxes_free(boxes);
	tables_close(tables);
	event_base_free(base);
	free(text);
}
END_TEST

/* One that cannot be made does not keep the others from being made, and is told. */
START_TEST(test_boxes_fault)
{
	struct event_base *base = event_base_new();
	struct tables *tables = fixture_tables("alice\nbob\n", "");
	struct boxes *boxes;

	put_file();
	event_base_priority_init(base, PRIORITY_COUNT);
	boxes = begin_boxes(base, tables, false);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert(boxes_are_complete(boxes));
	ck_assert(maildir_exists(fixture_root(), "example.org/bob"));
	ck_assert(fixture_log_has("alice@example.org"));
	boxes_free(boxes);
	tables_close(tables);
	event_base_free(base);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maildir");
	TCase *tests = tcase_create("maildir");

	tcase_add_checked_fixture(tests, fixture_set_up, fixture_tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_create);
	tcase_add_test(tests, test_hold);
	tcase_add_test(tests, test_no_create);
	tcase_add_test(tests, test_moved_away);
	tcase_add_test(tests, test_cache_is_bounded);
	tcase_add_loop_test(tests, test_refused, 0, COUNT(refused));
	tcase_add_loop_test(tests, test_foreign_owner, 0, 3);
	tcase_add_loop_test(tests, test_find, 0, COUNT(searches));
	tcase_add_loop_test(tests, test_boxes, 0, 2);
	tcase_add_test(tests, test_boxes_fault);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
