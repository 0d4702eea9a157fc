/*
 * test_confine.c - the process table, users, and that what was given up does not come back
 *
 * Covers: A-20 (privileges are dropped), security.md 4 "incomplete privilege drop".
 * As root and as an ordinary user; where only one of them can try something the
 * other has nothing to test.
 */
#include <cap-ng.h>
#include <check.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/confine/confine.h"
#include "tests/unit/runner.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static const struct identity somebody = { 23456, 23457 };

/* ---- the table ---- */

START_TEST(every_row_is_filled)
{
	const struct process_description *row = process_describe((enum process)_i);

	ck_assert(row->program && row->folder && row->descriptors && row->reaches && row->cannot);
	for (const struct kept_capability *kept = row->capabilities; kept->reason; kept++)
		ck_assert_str_ne(confine_capability_name(kept->capability), "unknown");
}
END_TEST

START_TEST(only_the_master_keeps_capabilities)
{
	static const int kept[] = { CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_NET_BIND_SERVICE,
				    CAP_DAC_READ_SEARCH };
	const struct kept_capability *row = process_describe(PROCESS_MASTER)->capabilities;

	for (int i = 0; i < ROWS(kept); i++)
		ck_assert_int_eq(row[i].capability, kept[i]);
	ck_assert_ptr_null(row[ROWS(kept)].reason);
	ck_assert_ptr_null(process_describe(PROCESS_WORKER)->capabilities->reason);
	ck_assert_ptr_null(process_describe(PROCESS_DELIVERY)->capabilities->reason);
}
END_TEST

START_TEST(each_process_has_its_own_user)
{
	struct configuration configuration = { 0 };

	configuration.users.master = (char *)"m";
	configuration.users.worker = (char *)"w";
	configuration.users.delivery = (char *)"d";
	configuration.workers.count = 7;
	ck_assert_str_eq(process_user(PROCESS_MASTER, &configuration), "m");
	ck_assert_str_eq(process_user(PROCESS_WORKER, &configuration), "w");
	ck_assert_str_eq(process_user(PROCESS_DELIVERY, &configuration), "d");
	ck_assert_uint_eq(process_number(PROCESS_MASTER, &configuration), 1);
	ck_assert_uint_eq(process_number(PROCESS_WORKER, &configuration), 7);
	ck_assert_uint_eq(process_number(PROCESS_DELIVERY, &configuration), 1);
}
END_TEST

/* ---- users ---- */

static const struct {
	const char *name;
	bool valid;
	uid_t user;
	gid_t group;
} names[] = {
	{ "23456:23457", true, 23456, 23457 },
	{ "4294967294:1", true, 4294967294, 1 },
	{ "root", false, 0, 0 },
	{ "0", false, 0, 0 },
	{ "0:0", false, 0, 0 },
	{ "0:5", false, 0, 0 },
	{ "5:0", false, 0, 0 },
	{ "4294967295:1", false, 0, 0 }, /* (uid_t)-1 changes nothing: setresuid(2) */
	{ "1:4294967295", false, 0, 0 },
	{ "4294967296:1", false, 0, 0 }, /* would wrap to root */
	{ "99999999999999999999:1", false, 0, 0 },
	{ "23456:", false, 0, 0 },
	{ "23456:x", false, 0, 0 },
	{ "23456:1 ", false, 0, 0 },
	{ "23456:-1", false, 0, 0 },
	{ "1x", false, 0, 0 },
	{ "23456:1:1", false, 0, 0 },
	{ "4004004004", false, 0, 0 }, /* nobody's number: no group is known */
	{ "", false, 0, 0 },
	{ "no-such-user-of-postern", false, 0, 0 },
};

START_TEST(a_user_is_found)
{
	struct identity identity;
	struct problem problem = { "" };

	ck_assert_int_eq(identity_find(names[_i].name, &identity, &problem), names[_i].valid);
	if (names[_i].valid) {
		ck_assert_uint_eq(identity.user, names[_i].user);
		ck_assert_uint_eq(identity.group, names[_i].group);
	} else {
		ck_assert_str_ne(problem.text, "");
	}
}
END_TEST

/* The first user of the database that is not root, by name and by number. */
START_TEST(a_user_of_the_database_is_found)
{
	struct identity by_name, by_number;
	struct problem problem;
	struct passwd *entry;
	char name[64], number[32];

	do {
		entry = getpwent();
	} while (entry && (entry->pw_uid == 0 || entry->pw_gid == 0));
	if (!entry)
		return;
	snprintf(name, sizeof(name), "%s", entry->pw_name);
	snprintf(number, sizeof(number), "%lu", (unsigned long)entry->pw_uid);
	ck_assert_msg(identity_find(name, &by_name, &problem), "%s", problem.text);
	ck_assert_msg(identity_find(number, &by_number, &problem), "%s", problem.text);
	ck_assert_uint_eq(by_name.user, by_number.user);
	ck_assert_uint_eq(by_name.group, by_number.group);
}
END_TEST

/* ---- the master ---- */

static unsigned long long status_number(const char *name)
{
	unsigned long long number = ~0ULL;
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			number = strtoull(line + strlen(name), NULL, 16);
	fclose(file);
	return number;
}

static unsigned long long bit(int capability)
{
	return 1ULL << capability;
}

START_TEST(the_master_keeps_its_row_and_no_more)
{
	const unsigned long long row = bit(CAP_SETUID) | bit(CAP_SETGID) | bit(CAP_KILL) |
				       bit(CAP_NET_BIND_SERVICE) | bit(CAP_DAC_READ_SEARCH);
	unsigned long long before = status_number("CapPrm:");
	struct problem problem;

	if (geteuid() != 0)
		return;
	ck_assert_msg(confine_drop_master(&somebody, &problem), "%s", problem.text);
	ck_assert_uint_eq(status_number("CapPrm:"), row & before);
	ck_assert_uint_eq(status_number("CapEff:"), row & before);
	ck_assert_uint_eq(status_number("CapInh:"), 0);
	ck_assert_uint_eq(status_number("CapBnd:"), 0);
	ck_assert_uint_eq(status_number("CapAmb:"), 0);
	ck_assert_uint_eq(status_number("NoNewPrivs:"), 1);
	ck_assert_uint_eq(geteuid(), somebody.user);
	ck_assert_uint_eq(getegid(), somebody.group);
	ck_assert_int_eq(getgroups(0, NULL), 0);
}
END_TEST

START_TEST(an_ordinary_master_stays_who_it_is)
{
	uid_t user = geteuid();
	struct problem problem;

	ck_assert(confine_drop_master(NULL, &problem));
	ck_assert_uint_eq(geteuid(), user);
	ck_assert_uint_eq(status_number("NoNewPrivs:"), 1);
	ck_assert_uint_eq(status_number("CapAmb:"), 0);
}
END_TEST

START_TEST(a_borrowed_user_is_given_back)
{
	if (geteuid() != 0)
		return;
	ck_assert(confine_borrow(&somebody));
	ck_assert_uint_eq(geteuid(), somebody.user);
	ck_assert_uint_eq(getegid(), somebody.group);
	confine_return();
	ck_assert_uint_eq(geteuid(), 0);
	ck_assert_uint_eq(getegid(), 0);
}
END_TEST

/* ---- the children ---- */

/* The exit status of a process that confines itself; 0: it went on. */
static int status_of_confined(bool drop_first)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		if (drop_first && geteuid() == 0 && !confine_become(&somebody))
			_exit(99);
		confine_self(PROCESS_WORKER);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(root_cannot_go_on)
{
	/* Who is root, or has become another user without an exec, can come back. */
	if (geteuid() == 0)
		ck_assert_int_eq(status_of_confined(false), EX_NOPERM);
}
END_TEST

START_TEST(an_ordinary_user_goes_on)
{
	ck_assert_int_eq(status_of_confined(true), 0);
}
END_TEST

/* As the children of the master do it: its capabilities are there until the exec. */
START_TEST(a_kept_capability_stops_a_child)
{
	struct problem problem;

	if (geteuid() != 0)
		return;
	ck_assert_msg(confine_drop_master(&somebody, &problem), "%s", problem.text);
	ck_assert_int_eq(status_of_confined(false), EX_NOPERM);
}
END_TEST

START_TEST(a_confined_process_is_closed)
{
	struct rlimit core;

	if (geteuid() == 0)
		ck_assert(confine_become(&somebody));
	confine_self(PROCESS_DELIVERY);
	ck_assert_uint_eq(status_number("CapPrm:"), 0);
	ck_assert_uint_eq(status_number("NoNewPrivs:"), 1);
#ifndef POSTERN_SANITIZED
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
#endif
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &core), 0);
	ck_assert_uint_eq(core.rlim_max, 0);
	ck_assert_uint_eq(umask(0), 077);
	ck_assert_int_eq(setuid(0), -1);
	ck_assert_int_eq(setgroups(0, NULL), -1);
}
END_TEST

/* ---- descriptors ---- */

START_TEST(the_limit_of_descriptors_is_raised)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 100;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(confine_descriptors(200), 200);
	ck_assert_uint_eq(confine_descriptors(150), 200);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, 200);
}
END_TEST

/* As much as the hard limit allows, where it cannot be raised. */
START_TEST(the_hard_limit_is_told)
{
	const struct rlimit limit = { 100, 120 };
	struct problem problem;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (geteuid() == 0)
		ck_assert(confine_drop_master(&somebody, &problem));
	ck_assert_uint_eq(confine_descriptors(1000), 120);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("confine");
	TCase *all = tcase_create("all");

	tcase_add_loop_test(all, every_row_is_filled, 0, PROCESS_COUNT);
	tcase_add_test(all, only_the_master_keeps_capabilities);
	tcase_add_test(all, each_process_has_its_own_user);
	tcase_add_loop_test(all, a_user_is_found, 0, ROWS(names));
	tcase_add_test(all, a_user_of_the_database_is_found);
	tcase_add_test(all, the_master_keeps_its_row_and_no_more);
	tcase_add_test(all, an_ordinary_master_stays_who_it_is);
	tcase_add_test(all, a_borrowed_user_is_given_back);
	tcase_add_test(all, root_cannot_go_on);
	tcase_add_test(all, an_ordinary_user_goes_on);
	tcase_add_test(all, a_kept_capability_stops_a_child);
	tcase_add_test(all, a_confined_process_is_closed);
	tcase_add_test(all, the_limit_of_descriptors_is_raised);
	tcase_add_test(all, the_hard_limit_is_told);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return run_suite(make_suite());
}
