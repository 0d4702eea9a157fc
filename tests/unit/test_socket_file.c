/*
 * test_socket_file.c - what lies in the way of a unix socket, and folders of others
 *
 * Covers: B-16, D-32, D-04. As root also what root must not do in folders of others.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/runner.h"
#include "tests/unit/unix_fixture.h"

#define NOBODY 65534

START_TEST(a_missing_folder_is_made)
{
	struct socket_set set;

	must_open_path(&set, below("made/lmtp"));
	ck_assert_uint_eq(status_of(below("made")).st_mode, S_IFDIR | 0755);
	ck_assert(can_connect(below("made/lmtp")));
	socket_set_close(&set, NULL);
	must_refuse(below("not/made/lmtp"), "the folder above it");
	ck_assert(!exists(below("not")));
}
END_TEST

/* ---- something is in the way ---- */

START_TEST(what_a_killed_service_left_is_replaced)
{
	struct socket_set set;

	close(foreign_socket(lmtp, SOCK_STREAM, 16));
	ck_assert(!can_connect(lmtp));
	must_open_path(&set, lmtp);
	ck_assert(can_connect(lmtp));
	socket_set_close(&set, NULL);
	ck_assert(!exists(lmtp));
}
END_TEST

START_TEST(a_socket_of_another_program_stays)
{
	int listener = foreign_socket(lmtp, SOCK_STREAM, 16);
	struct stat before = status_of(lmtp);

	must_refuse(lmtp, "another program or section listens there");
	ck_assert_uint_eq(status_of(lmtp).st_ino, before.st_ino);
	ck_assert(can_connect(lmtp));
	close(listener);
}
END_TEST

START_TEST(a_full_backlog_is_a_sign_of_life)
{
	int listener = foreign_socket(lmtp, SOCK_STREAM, 0);
	int client = connected(lmtp);

	ck_assert_int_ge(client, 0);
	ck_assert_int_lt(connected(lmtp), 0);
	must_refuse(lmtp, "another program or section listens there");
	ck_assert(exists(lmtp));
	close(client);
	close(listener);
}
END_TEST

static void put_nothing(const char *path)
{
	(void)path;
}

static void put_pipe(const char *path)
{
	mkfifo(path, 0666);
}

static const struct {
	void (*put)(const char *path);
	bool link; /* at the path is a link to it */
} obstacles[] = {
	{ put_file, false },  { put_folder, false }, { put_pipe, false },     { put_file, true },
	{ put_folder, true }, { put_pipe, true },    { put_left_over, true }, { put_nothing, true },
};

START_TEST(what_is_no_socket_stays)
{
	struct stat before, target;

	obstacles[_i].put(obstacles[_i].link ? other : lmtp);
	if (obstacles[_i].link)
		ck_assert_int_eq(symlink(other, lmtp), 0);
	before = status_of(lmtp);
	target = status_of(other);
	must_refuse(lmtp, "what lies there is no socket");
	ck_assert_uint_eq(status_of(lmtp).st_ino, before.st_ino);
	ck_assert_uint_eq(status_of(other).st_ino, target.st_ino);
}
END_TEST

START_TEST(a_datagram_socket_stays)
{
	int descriptor = foreign_socket(lmtp, SOCK_DGRAM, 0);

	must_refuse(lmtp, "something is in the way");
	ck_assert(exists(lmtp));
	close(descriptor);
}
END_TEST

/* ---- folders of others ---- */

/* As an ordinary user: a folder that he may not write; as root: one that is not root's alone. */
START_TEST(a_folder_that_cannot_be_written_is_named)
{
	if (geteuid() == 0) {
		listen_owner = (struct identity){ NOBODY, NOBODY };
		ck_assert_int_eq(chown(unix_folder, 0, NOBODY - 1), 0);
		chmod(unix_folder, 0775);
	} else {
		chmod(unix_folder, 0555);
	}
	must_refuse(lmtp, "its folder must belong to user");
	must_refuse(below("made/lmtp"), "Permission denied");
	ck_assert(!exists(below("made")));
	chmod(unix_folder, 0755);
	ck_assert_int_eq(geteuid() == 0, getuid() == 0);
}
END_TEST

START_TEST(root_makes_it_as_its_owner)
{
	struct socket_set set;

	if (geteuid() != 0)
		return;
	listen_owner = (struct identity){ NOBODY, NOBODY };
	must_open_path(&set, below("made/lmtp"));
	ck_assert_uint_eq(status_of(below("made")).st_uid, NOBODY);
	ck_assert_uint_eq(status_of(below("made/lmtp")).st_uid, NOBODY);
	ck_assert_uint_eq(status_of(below("made/lmtp")).st_mode, S_IFSOCK | 0666);
	ck_assert_uint_eq(geteuid(), 0);
	socket_set_close(&set, NULL);
	ck_assert(!exists(below("made/lmtp")));
	ck_assert_uint_eq(geteuid(), 0);
}
END_TEST

START_TEST(root_makes_it_itself_in_its_own_folder)
{
	struct socket_set set;

	if (geteuid() != 0)
		return;
	listen_owner = (struct identity){ NOBODY, NOBODY };
	must_open_path(&set, lmtp);
	ck_assert_uint_eq(status_of(lmtp).st_uid, 0);
	socket_set_close(&set, NULL);
	ck_assert(!exists(lmtp));
}
END_TEST

/* The owner of a folder may put a link, or another unix_folder, where root is to work. */
START_TEST(root_is_not_led_elsewhere)
{
	char theirs[64], link[96], target[96];

	if (geteuid() != 0)
		return;
	listen_owner = (struct identity){ NOBODY, NOBODY };
	snprintf(theirs, sizeof(theirs), "%s/theirs", unix_folder);
	snprintf(link, sizeof(link), "%s/link", theirs);
	snprintf(target, sizeof(target), "%s/target", unix_folder);
	ck_assert_int_eq(mkdir(theirs, 0755) | mkdir(target, 0755) | chown(theirs, NOBODY, NOBODY),
			 0);
	ck_assert_int_eq(symlink(target, link), 0);
	/* The folder of the socket is a link; a folder on the way is one; one is root's in theirs.
	 */
	must_refuse(below("theirs/link/lmtp"), "Not a directory");
	must_refuse(below("theirs/link/made/lmtp"), "Permission denied");
	ck_assert_int_eq(mkdir(below("target/made"), 0755), 0);
	must_refuse(below("theirs/link/made/lmtp"), "its folder must belong to user");
	ck_assert_int_eq(mkdir(below("theirs/roots"), 0755), 0);
	must_refuse(below("theirs/roots/lmtp"), "its folder must belong to user");
	ck_assert(!exists(below("target/lmtp")) && !exists(below("target/made/lmtp")) &&
		  !exists(below("theirs/roots/lmtp")));
	ck_assert_uint_eq(geteuid(), 0);
}
END_TEST

/* What its owner may not remove, root does not remove for him. */
START_TEST(root_removes_nothing_of_others)
{
	if (geteuid() != 0)
		return;
	listen_owner = (struct identity){ NOBODY, NOBODY };
	chmod(unix_folder, 01777);
	put_left_over(lmtp);
	chmod(lmtp, 0666);
	must_refuse(lmtp, "cannot be removed");
	ck_assert(exists(lmtp));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *make_suite(void)
{
	Suite *suite = suite_create("socket_file");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, unix_set_up, unix_tear_down);
	tcase_add_test(all, a_missing_folder_is_made);
	tcase_add_test(all, what_a_killed_service_left_is_replaced);
	tcase_add_test(all, a_socket_of_another_program_stays);
	tcase_add_test(all, a_full_backlog_is_a_sign_of_life);
	tcase_add_loop_test(all, what_is_no_socket_stays, 0, ROWS(obstacles));
	tcase_add_test(all, a_datagram_socket_stays);
	tcase_add_test(all, a_folder_that_cannot_be_written_is_named);
	tcase_add_test(all, root_makes_it_as_its_owner);
	tcase_add_test(all, root_makes_it_itself_in_its_own_folder);
	tcase_add_test(all, root_is_not_led_elsewhere);
	tcase_add_test(all, root_removes_nothing_of_others);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return run_suite(make_suite());
}
