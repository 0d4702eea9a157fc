/*
 * test_tables_files.c - faults in the files of mailboxes and aliases; large and awkward files
 *
 * Covers A-03, A-04 (only what is listed), C-19 (an alias relays nothing), A-23 (the tables are
 * data: a faulty file is refused with its line).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/tables/tables.h"
#include "tests/unit/runner.h"
#include "tests/unit/tables_fixture.h"

/* ---- errors */

#define NAME65 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg"

static const struct {
	const char *mailboxes;
	const char *aliases;
	bool in_aliases;
	int line;
	const char *what;
} wrong[] = {
	{ "alice\n\nbob carol\n", "", false, 3, "\"carol\" behind the name" },
	{ "alice quoat=1G\n", "", false, 1, "unknown key quoat; remove it" },
	{ "alice quota =1G\n", "", false, 1, "\"quota =1G\" behind the name" },
	{ "alice =1G\n", "", false, 1, "unknown key ; remove it" },
	{ "alice\nbob quota=\n", "", false, 2, "quota \"\" is not a size; write it like 50M" },
	{ "alice quota=1X\n", "", false, 1, "quota \"1X\" is not a size" },
	{ "alice quota=-1\n", "", false, 1, "quota \"-1\" is not a size" },
	{ "alice quota=1G,10\n", "", false, 1, "quota \"1G,10\" is not a size" },
	{ "alice quota=2000T\n", "", false, 1, "quota 2000T is out of bounds; give 0 to 1024T" },
	{ "alice quota=99999999999999999999\n", "", false, 1, "is out of bounds" },
	{ "alice quota-messages=1K\n", "", false, 1, "\"1K\" is not a number; give digits only" },
	{ "alice quota=1 quota=1\n", "", false, 1, "quota stands twice; remove one of them" },
	{ "alice quota=1 bob\n", "", false, 1, "\"bob\" behind the name" },
	{ "alice quota=1 color=red\n", "", false, 1, "unknown key color" },
	{ "\"alice\"quota=1\n", "", false, 1, "\"quota=1\" behind the name" },
	{ "alice,\n", "", false, 1, "\",\" behind the name" },
	{ "alice@example.com\n", "", false, 1, "example.com is not ours" },
	{ "@example.org\n", "", false, 1, "a catch-all belongs into aliases" },
	{ "alice@\n", "", false, 1, "\"\" is not a domain" },
	{ "alice@exa mple.org\n", "", false, 1, "\"mple.org\" behind the name" },
	{ "alice@b@c\n", "", false, 1, "\"@c\" behind the name" },
	{ "a<b\n", "", false, 1, "a name with < needs quotes" },
	{ "a\"b\"\n", "", false, 1, "needs quotes" },
	{ "\"alice\n", "", false, 1, "has no end" },
	{ "\"\"\n", "", false, 1, "is empty" },
	{ "\"a\tb\"\n", "", false, 1, "control character" },
	{ "a\x7f"
	  "b\n",
	  "", false, 1, "control character" },
	{ "\xff\n", "", false, 1, "is not UTF-8" },
	{ NAME65 "\n", "", false, 1, "longer than 64 bytes" },
	{ "alice\nbob\nAlice\n", "", false, 3, "listed in line 1 already" },
	{ "alice\nalice@example.org\n", "", false, 2, "listed in line 1 already" },
	{ "alice@example.org\n\"alice\"\n", "", false, 2, "listed in line 1 already" },
	{ "stra\xc3\x9f"
	  "e\nstrasse\n",
	  "", false, 2, "listed in line 1 already" },
	{ "a\n", "x\n", true, 1, "a colon is missing" },
	{ "a\n", "x y: a\n", true, 1, "a colon is missing" },
	{ "a\n", " x: a\n", true, 1, "white space at the start" },
	{ "a\n", "x:\ny: a\n", true, 1, "alias x has no target" },
	{ "a\n", "x: a,\n", true, 1, "alias x has no target" },
	{ "a\n", "x: a,,a\n", true, 1, "a name is missing" },
	{ "a\n", "x: a a\n", true, 1, "a comma is missing" },
	{ "a\n", "x: a\n  a\n", true, 2, "a comma is missing before \"a\"" },
	{ "a\n", ": a\n", true, 1, "a name is missing" },
	{ "a\n", "@: a\n", true, 1, "is not a domain" },
	{ "a\n", "x@example.com: a\n", true, 1, "example.com is not ours; add it" },
	{ "a\n", "x: a,\n a@example.com\n", true, 2, "postern does not relay" },
	{ "a\n", "x: |/bin/cat\n", true, 1, "neither a mailbox nor another alias" },
	{ "a\n", "x: :include:/etc/passwd\n", true, 1, "a name is missing" },
	{ "a\n", "x: /etc/passwd\n", true, 1, "neither a mailbox" },
	{ "a\n", "x: @example.org\n", true, 1, "is no target" },
	{ "a\n", "x: a,\n\n\n b\n", true, 4, "b@example.org is neither a mailbox" },
	{ "a@example.org\n", "x: a\n", true, 1, "a@example.net is neither a mailbox" },
	{ "a\n", "x: a\ny: a\nX: a\n", true, 3, "alias x is listed in line 1 already" },
	{ "a\n", "@example.org: a\n@EXAMPLE.org: a\n", true, 2, "listed in line 1 already" },
	{ "a\n", "x: y\ny: z\nz: x\n", true, 3,
	  "form a loop: x@example.org -> y@example.org -> z@example.org -> x@example.org" },
	{ "a\n", "w: x\nx: y\ny: a, x\n", true, 3,
	  "form a loop: x@example.org -> y@example.org -> x@example.org" },
	{ "a\nx\ny\n", "x: y\ny: x\n", true, 2, "form a loop" },
	{ "a\n", "x: x\n", true, 1, "x@example.org is neither a mailbox" },
	{ "a\n", "x@example.org: x@example.net\nx@example.net: x@example.org\n", true, 2, "loop" },
};

START_TEST(test_wrong)
{
	struct configuration configuration = tables_configuration();
	struct problem problem = { "" };
	char place[160];
	int descriptor;

	write_text_file(mailboxes_path, wrong[_i].mailboxes);
	write_text_file(aliases_path, wrong[_i].aliases);
	descriptor = tables_build(&configuration, &problem);
	ck_assert_msg(descriptor < 0, "accepted: %s / %s", wrong[_i].mailboxes, wrong[_i].aliases);
	snprintf(place, sizeof(place),
		 "%s:%d: ", wrong[_i].in_aliases ? aliases_path : mailboxes_path, wrong[_i].line);
	ck_assert_msg(!strncmp(problem.text, place, strlen(place)), "not at %s: %s", place,
		      problem.text);
	ck_assert_msg(strstr(problem.text, wrong[_i].what), "\"%s\" is not in: %s", wrong[_i].what,
		      problem.text);
}
END_TEST

START_TEST(test_missing_files)
{
	struct configuration configuration = tables_configuration();
	struct problem problem = { "" };

	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "mailboxes: No such file"));
	write_text_file(mailboxes_path, "a\n");
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "aliases: No such file"));
	configuration.mailboxes = tables_folder;
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "not a regular file"));
}
END_TEST

/* A mailbox whose folder no file system could hold is refused with its line. */
START_TEST(test_path_too_long)
{
	struct configuration configuration = tables_configuration();
	struct problem problem = { "" };
	int descriptor;

	configuration.aliases = TEXT("");
	write_text_file(mailboxes_path,
			"ok\n%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%\n");
	descriptor = tables_build(&configuration, &problem);
	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	close(descriptor);
	configuration.delivery.maildir = TEXT("/mail/%u%u");
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "mailboxes:2: the folder of mailbox"));
}
END_TEST

/* A chain as long as it may be is followed; a longer one is refused, not a crash. */
START_TEST(test_chain)
{
	struct configuration configuration = tables_configuration();
	struct problem problem = { "" };
	FILE *file;
	int descriptor;

	write_text_file(mailboxes_path, "a\n");
	for (int length = 60; length <= 100000; length += 99940) {
		file = fopen(aliases_path, "w");
		ck_assert_ptr_nonnull(file);
		fprintf(file, "x0: a\n");
		for (int i = 1; i < length; i++)
			fprintf(file, "x%d: x%d\n", i, i - 1);
		ck_assert_int_eq(fclose(file), 0);
		descriptor = tables_build(&configuration, &problem);
		ck_assert_msg((descriptor >= 0) == (length == 60), "%s", problem.text);
		if (descriptor >= 0)
			close(descriptor);
		else
			ck_assert_ptr_nonnull(strstr(problem.text, "shorten the chain"));
	}
}
END_TEST

/* Lists of lists that meet again and again: each is expanded once. */
START_TEST(test_diamonds)
{
	struct tables *tables;
	char aliases[4096] = "x0: a, b\ny0: a, b\n";
	size_t used = strlen(aliases);

	for (int i = 1; i < 50; i++)
		used += (size_t)snprintf(aliases + used, sizeof(aliases) - used,
					 "x%d: x%d, y%d\ny%d: y%d, x%d\n", i, i - 1, i - 1, i,
					 i - 1, i - 1);
	tables = tables_of_files("a\nb\n", aliases);
	expect_recipient(tables, "x49", "example.org", RECIPIENT_ACCEPTED, "aliases:99",
			 "a@example.org b@example.org");
	tables_close(tables);
}
END_TEST

/* Writes names m0, m1, ... as mailboxes, and all of them as targets of the alias "all". */
static void write_many(size_t number, size_t targets)
{
	FILE *file = fopen(mailboxes_path, "w");

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < number; i++)
		fprintf(file, "m%zu\n", i);
	ck_assert_int_eq(fclose(file), 0);
	file = fopen(aliases_path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("all@example.org: m0", file);
	for (size_t i = 1; i < targets; i++)
		fprintf(file, ",\n m%zu", i);
	fputs("\n", file);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(test_most_targets)
{
	struct configuration configuration = tables_configuration();
	struct problem problem = { "" };
	struct tables *tables;
	size_t number = 0;

	write_many(TABLES_MAILBOXES_MAX + 1, TABLES_MAILBOXES_MAX);
	tables = tables_of(&configuration);
	ck_assert_int_eq(tables_expand(tables, "all", "example.org", count_mailbox, &number),
			 RECIPIENT_ACCEPTED);
	ck_assert_uint_eq(number, TABLES_MAILBOXES_MAX);
	tables_close(tables);

	write_many(TABLES_MAILBOXES_MAX + 1, TABLES_MAILBOXES_MAX + 1);
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "more than 10000 mailboxes"));
	ck_assert_ptr_nonnull(strstr(problem.text, "aliases:10001: "));
}
END_TEST

#define MANY 100000

/* 100,000 mailboxes are all found, nothing else is, and nobody can change the file. */
START_TEST(test_many)
{
	struct configuration configuration = tables_configuration();
	struct problem problem = { "" };
	struct recipient_decision decision;
	struct tables *tables;
	char local[32], decided[32];
	size_t number = 0;
	int descriptor;

	write_many(MANY, 1);
	descriptor = tables_build(&configuration, &problem);
	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	tables = tables_open(descriptor, &problem);
	ck_assert_msg(tables, "%s", problem.text);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(local, sizeof(local), "M%zu", i);
		snprintf(decided, sizeof(decided), "mailboxes:%zu", i + 1);
		tables_decide(tables, local, "example.net", &decision);
		ck_assert_int_eq(decision.class, RECIPIENT_ACCEPTED);
		ck_assert_str_eq(decision.decided, decided);
		snprintf(local, sizeof(local), "n%zu", i);
		tables_decide(tables, local, "example.net", &decision);
		ck_assert_int_eq(decision.class, RECIPIENT_UNKNOWN);
	}
	tables_each_mailbox(tables, count_mailbox, &number);
	ck_assert_uint_eq(number, 2 * MANY + 2);
	ck_assert_int_eq(pwrite(descriptor, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(descriptor, 0), -1);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
			 MAP_FAILED);
	ck_assert_int_eq(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	tables_close(tables);
	close(descriptor);
}
END_TEST

/* A file that somebody could still change is not mapped. */
START_TEST(test_open_unsealed)
{
	struct problem problem = { "" };
	int descriptor = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(descriptor, 0);
	ck_assert_ptr_null(tables_open(descriptor, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "not a sealed file"));
	ck_assert_int_eq(fcntl(descriptor, F_ADD_SEALS,
			       F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
			 0);
	ck_assert_ptr_null(tables_open(descriptor, &problem));
	close(descriptor);
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *suite = suite_create("tables-files");
	TCase *tests = tcase_create("tables-files");

	tcase_add_checked_fixture(tests, tables_set_up, tables_tear_down);
	tcase_add_loop_test(tests, test_wrong, 0, COUNT(wrong));
	tcase_add_test(tests, test_missing_files);
	tcase_add_test(tests, test_path_too_long);
	tcase_add_test(tests, test_chain);
	tcase_add_test(tests, test_diamonds);
	tcase_add_test(tests, test_most_targets);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_open_unsealed);
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
