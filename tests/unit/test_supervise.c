/*
 * test_supervise.c - back-off, crash loops, pid file, folders: what the master judges by
 *
 * Covers: A-18 (one death is one event, not the end of the service), A-20, A-05 (a folder
 * that is there is no error, one of somebody else is).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bsd/libutil.h>

#include "master/backoff.h"
#include "master/folder.h"
#include "master/pid_file.h"
#include "tests/unit/runner.h"

/* ---- back-off ---- */

static const struct {
	int64_t lived;
	int64_t pause;
} deaths_in_a_row[] = {
	{ 0, 0 },
	{ 0, SECOND / 10 },
	{ SECOND, SECOND / 5 },
	{ 0, 4 * SECOND / 10 },
	{ 0, 8 * SECOND / 10 },
	{ 0, 16 * SECOND / 10 },
	{ 0, 32 * SECOND / 10 },
	{ 0, 64 * SECOND / 10 },
	{ 0, 10 * SECOND },
	{ 59 * SECOND, 10 * SECOND },
	{ 60 * SECOND, 0 }, /* it lived: the series is over */
	{ 0, SECOND / 10 },
};

START_TEST(pauses_double_and_begin_anew)
{
	struct backoff backoff = { 0 };

	for (size_t i = 0; i < sizeof(deaths_in_a_row) / sizeof(deaths_in_a_row[0]); i++)
		ck_assert_int_eq(backoff_next(&backoff, deaths_in_a_row[i].lived),
				 deaths_in_a_row[i].pause);
}
END_TEST

START_TEST(the_longest_pause_stays)
{
	struct backoff backoff = { 0 };

	for (int i = 0; i < 100000; i++)
		backoff_next(&backoff, 0);
	ck_assert_int_eq(backoff_next(&backoff, 0), BACKOFF_LONGEST);
}
END_TEST

/* Ten deaths, `between` apart, after lives of `lived`. */
static const struct {
	int64_t between;
	int64_t lived;
	int deaths;
	bool loop;
} series[] = {
	{ 0, 0, CRASH_DEATHS, true },
	{ 0, 0, CRASH_DEATHS - 1, false },
	{ SECOND, 0, CRASH_DEATHS, true },
	{ CRASH_WINDOW / (CRASH_DEATHS - 1), 0, CRASH_DEATHS, true },
	{ CRASH_WINDOW / (CRASH_DEATHS - 1) + 1, 0, CRASH_DEATHS, false },
	{ CRASH_WINDOW, 0, 1000, false },
	{ 0, CRASH_EARLY - 1, CRASH_DEATHS, true },
	{ 0, CRASH_EARLY, 1000, false },
};

START_TEST(a_crash_loop_is_known)
{
	struct crash_history history = { .count = 0 };
	int64_t now = 5;
	bool loop = false;

	for (int i = 0; i < series[_i].deaths; i++) {
		ck_assert(!loop);
		loop = crash_history_add(&history, now, series[_i].lived);
		now += series[_i].between;
	}
	ck_assert_int_eq(loop, series[_i].loop);
}
END_TEST

/* What died long ago does not count any more. */
START_TEST(old_deaths_are_forgotten)
{
	struct crash_history history = { .count = 0 };

	for (int i = 0; i < CRASH_DEATHS - 1; i++)
		ck_assert(!crash_history_add(&history, i, 0));
	for (int i = 0; i < CRASH_DEATHS - 1; i++)
		ck_assert(!crash_history_add(&history, 2 * CRASH_WINDOW + i, 0));
	ck_assert(crash_history_add(&history, 2 * CRASH_WINDOW + CRASH_DEATHS, 0));
}
END_TEST

/* ---- folders and files ---- */

#define PATH_SIZE 128

static char base[64];

static void make_base(void)
{
	strcpy(base, "/tmp/test_supervise.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
}

static void remove_base(void)
{
	char command[PATH_SIZE];

	snprintf(command, sizeof(command), "rm -rf %s", base);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_base(char path[PATH_SIZE], const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s", base, name);
	return path;
}

/* Somebody else where this runs as root, else oneself. */
static struct identity owner(void)
{
	struct identity identity = { geteuid(), getegid() };

	if (identity.user == 0)
		identity = (struct identity){ 12345, 12346 };
	return identity;
}

START_TEST(a_missing_folder_is_made_for_its_owner)
{
	const struct identity identity = owner();
	struct problem problem;
	struct stat status;
	char path[PATH_SIZE];
	int folder = folder_open_owned(in_base(path, "mail"), &identity, &problem);

	ck_assert_msg(folder >= 0, "%s", problem.text);
	ck_assert_int_eq(fstat(folder, &status), 0);
	ck_assert_uint_eq(status.st_uid, identity.user);
	ck_assert_uint_eq(status.st_gid, identity.group);
	ck_assert_uint_eq(status.st_mode & 07777, 0700);
	close(folder);
	folder = folder_open_owned(path, &identity, &problem);
	ck_assert_msg(folder >= 0, "the second time: %s", problem.text);
	close(folder);
}
END_TEST

START_TEST(a_link_is_not_followed)
{
	const struct identity identity = owner();
	struct problem problem;
	char path[PATH_SIZE], target[PATH_SIZE];

	ck_assert_int_eq(mkdir(in_base(target, "elsewhere"), 0755), 0);
	ck_assert_int_eq(symlink(target, in_base(path, "mail")), 0);
	ck_assert_int_eq(folder_open_owned(path, &identity, &problem), -1);
	ck_assert_ptr_nonnull(strstr(problem.text, path));
}
END_TEST

START_TEST(a_folder_of_somebody_else_is_refused)
{
	const struct identity other = { 54321, 54321 };
	struct problem problem;
	char path[PATH_SIZE];

	ck_assert_int_eq(mkdir(in_base(path, "mail"), 0755), 0);
	ck_assert_int_eq(folder_open_owned(path, &other, &problem), -1);
	ck_assert_ptr_nonnull(strstr(problem.text, "54321"));
}
END_TEST

START_TEST(a_folder_that_everybody_writes_is_refused)
{
	const struct identity self = { geteuid(), getegid() };
	struct problem problem;
	char path[PATH_SIZE];

	ck_assert_int_eq(mkdir(in_base(path, "mail"), 0700), 0);
	ck_assert_int_eq(chmod(path, 0777), 0);
	ck_assert_int_eq(folder_open_owned(path, &self, &problem), -1);
	ck_assert_ptr_nonnull(strstr(problem.text, "chmod"));
}
END_TEST

/* The folder above must be there: a file system that is not mounted makes no empty mailboxes. */
START_TEST(nothing_is_made_above)
{
	const struct identity identity = owner();
	struct problem problem;
	char path[PATH_SIZE];

	ck_assert_int_eq(folder_open_owned(in_base(path, "no/mail"), &identity, &problem), -1);
	ck_assert_int_ne(access(in_base(path, "no"), F_OK), 0);
}
END_TEST

START_TEST(a_spool_file_has_no_name)
{
	char command[PATH_SIZE];
	int folder = open(base, O_RDONLY | O_DIRECTORY);
	int file = folder_nameless_file(folder);

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(write(file, "x", 1), 1);
	snprintf(command, sizeof(command), "test -z \"$(ls -A %s)\"", base);
	ck_assert_int_eq(system(command), 0);
	close(file);
	close(folder);
}
END_TEST

START_TEST(a_second_master_is_told_of_the_first)
{
	struct problem problem;
	struct pidfh *file, *second;
	char path[PATH_SIZE], pid[32];

	in_base(path, "pid");
	ck_assert_int_eq(pid_file_open(path, NULL, &file, &problem), PID_FILE_OPENED);
	ck_assert_int_eq(pid_file_open(path, NULL, &second, &problem), PID_FILE_IN_USE);
	snprintf(pid, sizeof(pid), "process %ld ", (long)getpid());
	ck_assert_msg(strstr(problem.text, pid), "%s", problem.text);
	ck_assert_int_eq(pidfile_remove(file), 0);
	ck_assert_int_eq(pid_file_open(path, NULL, &second, &problem), PID_FILE_OPENED);
	pidfile_remove(second);
}
END_TEST

/* Root does not follow a link that the owner of the folder has laid (CVE-2020-28014). */
START_TEST(root_opens_no_pid_file_through_anothers_link)
{
	const struct identity identity = owner();
	struct problem problem;
	struct pidfh *file;
	char path[PATH_SIZE], target[PATH_SIZE];
	int made;

	if (geteuid() != 0)
		return;
	made = open(in_base(target, "target"), O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(made, 0);
	close(made);
	ck_assert_int_eq(chown(base, identity.user, identity.group), 0);
	ck_assert_int_eq(symlink(target, in_base(path, "pid")), 0);
	ck_assert_int_eq(pid_file_open(path, &identity, &file, &problem), PID_FILE_FAILED);
	ck_assert_uint_eq(geteuid(), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("supervise");
	TCase *backoff = tcase_create("backoff");
	TCase *files = tcase_create("files");

	tcase_add_test(backoff, pauses_double_and_begin_anew);
	tcase_add_test(backoff, the_longest_pause_stays);
	tcase_add_loop_test(backoff, a_crash_loop_is_known, 0, sizeof(series) / sizeof(series[0]));
	tcase_add_test(backoff, old_deaths_are_forgotten);
	suite_add_tcase(suite, backoff);
	tcase_add_checked_fixture(files, make_base, remove_base);
	tcase_add_test(files, a_missing_folder_is_made_for_its_owner);
	tcase_add_test(files, a_link_is_not_followed);
	tcase_add_test(files, a_folder_of_somebody_else_is_refused);
	tcase_add_test(files, a_folder_that_everybody_writes_is_refused);
	tcase_add_test(files, nothing_is_made_above);
	tcase_add_test(files, a_spool_file_has_no_name);
	tcase_add_test(files, a_second_master_is_told_of_the_first);
	tcase_add_test(files, root_opens_no_pid_file_through_anothers_link);
	suite_add_tcase(suite, files);
	return suite;
}

int main(void)
{
	return run_suite(make_suite());
}
