/*
 * test_accept_all.c - mail for any recipient, into one mailbox or one for each
 *
 * Covers C-02 (see everything that is sent your way; what the tables list comes first), A-14 (no
 * name leaves the mail root).
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "common/tables/accept_all.h"
#include "tests/unit/runner.h"
#include "tests/unit/tables_fixture.h"

static struct tables *tables_with(enum accept_all mode, const char *mailbox, const char *template)
{
	struct configuration configuration = tables_configuration();

	write_text_file(mailboxes_path, "alice\nbob@example.net\n");
	write_text_file(aliases_path, "sales: alice\n@example.net: bob\n");
	configuration.accept_all.mode = mode;
	configuration.accept_all.mailbox = TEXT(mailbox);
	configuration.delivery.maildir = TEXT(template);
	return tables_of(&configuration);
}

struct lookup {
	const char *local;
	const char *domain;
	enum recipient_class class;
	const char *decided;
	const char *mailboxes;
};

static void expect_lookup(const struct tables *tables, const struct lookup *lookup)
{
	expect_recipient(tables, lookup->local, lookup->domain, lookup->class, lookup->decided,
			 lookup->mailboxes);
}

/* ---- the tables come first, in both modes */

static const struct lookup listed[] = {
	{ "Alice", "example.org", RECIPIENT_ACCEPTED, "mailboxes:1", "alice@example.org" },
	{ "alice+x", "example.org", RECIPIENT_ACCEPTED, "mailboxes:1", "alice@example.org" },
	{ "sales+x", "example.org", RECIPIENT_ACCEPTED, "aliases:1", "alice@example.org" },
	{ "postmaster", "example.org", RECIPIENT_ACCEPTED, "postmaster", "postmaster@example.org" },
	{ "Postmaster", "", RECIPIENT_ACCEPTED, "postmaster", "postmaster@example.org" },
	{ "nobody", "example.net", RECIPIENT_ACCEPTED, "aliases:2 @example.net",
	  "bob@example.net" },
	{ "\xff", "example.net", RECIPIENT_UNKNOWN, "mailboxes", "" },
};

START_TEST(test_listed)
{
	struct tables *tables = tables_with(ACCEPT_ALL_EACH, "", "/mail/%d/%u");

	expect_lookup(tables, &listed[_i]);
	tables_close(tables);
	if (listed[_i].class != RECIPIENT_ACCEPTED)
		return;
	tables = tables_with(ACCEPT_ALL_ONE, "all", "/mail/%d/%u");
	expect_lookup(tables, &listed[_i]);
	tables_close(tables);
}
END_TEST

/* ---- each */

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50
#define P50 "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"

static const struct lookup each[] = {
	{ "Carol", "example.org", RECIPIENT_ACCEPTED, "accept-all", "carol@example.org" },
	{ "carol+x+y", "example.org", RECIPIENT_ACCEPTED, "accept-all", "carol@example.org" },
	{ "+carol", "example.org", RECIPIENT_ACCEPTED, "accept-all", "+carol@example.org" },
	{ "alice", "Example.COM", RECIPIENT_ACCEPTED, "accept-all", "alice@example.com" },
	{ "alice+x", "example.com.", RECIPIENT_ACCEPTED, "accept-all", "alice@example.com" },
	{ "postmaster", "example.com", RECIPIENT_ACCEPTED, "accept-all", "postmaster@example.com" },
	{ "a", "[192.0.2.1]", RECIPIENT_ACCEPTED, "accept-all", "a@[192.0.2.1]" },
	{ "a", "[ipv6:2001:DB8:0::1]", RECIPIENT_ACCEPTED, "accept-all", "a@[IPv6:2001:db8::1]" },
	{ "J\xc3\x96RG",
	  "b\xc3\xbc"
	  "cher.example",
	  RECIPIENT_ACCEPTED, "accept-all", "j\xc3\xb6rg@xn--bcher-kva.example" },
	/* without a domain: as in the first of ours */
	{ "Carol+x", "", RECIPIENT_ACCEPTED, "accept-all", "carol@example.org" },
	{ "alice", "", RECIPIENT_ACCEPTED, "mailboxes:1", "alice@example.org" },
	{ "sales", "", RECIPIENT_ACCEPTED, "aliases:1", "alice@example.org" },
	/* names that are paths */
	{ "../../x", "example.org", RECIPIENT_ACCEPTED, "accept-all", "../../x@example.org" },
	{ "john doe", "example.com", RECIPIENT_ACCEPTED, "accept-all", "john doe@example.com" },
	/* as long as a file name may be, and one byte more */
	{ A250 "aaaaa", "example.com", RECIPIENT_ACCEPTED, "accept-all", A250 "aaaaa@example.com" },
	{ A250 "aaaaaa", "example.com", RECIPIENT_NOT_OURS, "domains", "" },
	{ A250 "aaaaaa", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ A250 "aaaaaa", "", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ A250 "aaa/", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "." A250 "aa", "example.org", RECIPIENT_ACCEPTED, "accept-all",
	  "." A250 "aa@example.org" },
	{ "." A250 "aaa", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ P50 "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%", "example.org", RECIPIENT_ACCEPTED,
	  "accept-all", P50 "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%@example.org" },
	{ P50 P50, "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ A250 A250 A250, "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	/* no name, no domain: as without accept-all */
	{ "", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "", "example.com", RECIPIENT_NOT_OURS, "domains", "" },
	{ "", "", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "\xff", "example.com", RECIPIENT_NOT_OURS, "domains", "" },
	{ "\xff", "", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "a", "not a domain", RECIPIENT_NOT_OURS, "domains", "" },
	{ "a", "../x", RECIPIENT_NOT_OURS, "domains", "" },
	{ "a", "[tag:x]", RECIPIENT_NOT_OURS, "domains", "" },
};

START_TEST(test_each)
{
	struct tables *tables = tables_with(ACCEPT_ALL_EACH, "", "/mail/%d/%u");

	expect_lookup(tables, &each[_i]);
	tables_close(tables);
}
END_TEST

/* What fits depends on how the template makes a path of the name. */
START_TEST(test_each_template)
{
	struct tables *tables = tables_with(ACCEPT_ALL_EACH, "", "/mail/%u@%d");
	struct recipient_decision decision;

	tables_decide(tables, A50 A50 A50 A50, "example.com", &decision);
	ck_assert_int_eq(decision.class, RECIPIENT_ACCEPTED);
	tables_decide(tables, A250, "example.com", &decision);
	ck_assert_int_eq(decision.class, RECIPIENT_NOT_OURS);
	tables_close(tables);
}
END_TEST

/* A domain without mailboxes of its own, and default-domain in place of the first one. */
START_TEST(test_each_default_domain)
{
	struct configuration configuration = tables_configuration();
	struct tables *tables;

	write_text_file(mailboxes_path, "");
	configuration.aliases = TEXT("");
	configuration.default_domain = TEXT("example.net");
	configuration.recipient_delimiter = TEXT("");
	configuration.accept_all.mode = ACCEPT_ALL_EACH;
	tables = tables_of(&configuration);
	expect_recipient(tables, "a", "", RECIPIENT_ACCEPTED, "accept-all", "a@example.net");
	expect_recipient(tables, "a+b", "", RECIPIENT_ACCEPTED, "accept-all", "a+b@example.net");
	tables_close(tables);
}
END_TEST

/* Their mailboxes are not known before mail comes. */
START_TEST(test_each_mailbox)
{
	struct tables *tables = tables_with(ACCEPT_ALL_EACH, "all", "/mail/%d/%u");
	size_t number = 0;

	tables_each_mailbox(tables, count_mailbox, &number);
	ck_assert_uint_eq(number, 5);
	tables_close(tables);
}
END_TEST

/* ---- one */

static const struct lookup one[] = {
	{ "carol", "example.org", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
	{ "carol", "example.com", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
	{ "carol", "", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
	{ "alice", "", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
	{ "../../x", "[192.0.2.1]", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
	/* the recipient's own name is of no matter */
	{ "\xff", "example.com", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
	{ "", "not a domain", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
	{ A250 A250, "example.org", RECIPIENT_ACCEPTED, "accept-all", "all@example.com" },
};

START_TEST(test_one)
{
	struct tables *tables = tables_with(ACCEPT_ALL_ONE, "All@Example.COM", "/mail/%d/%u");

	expect_lookup(tables, &one[_i]);
	tables_close(tables);
}
END_TEST

/* The mailbox is made at the start like those that are listed, and named once only. */
static const struct {
	const char *mailbox;
	const char *found;
} names[] = {
	{ "Everything", "alice@example.org alice@example.net bob@example.net "
			"postmaster@example.org postmaster@example.net everything@example.org" },
	{ "x@[192.0.2.1]", "alice@example.org alice@example.net bob@example.net "
			   "postmaster@example.org postmaster@example.net x@[192.0.2.1]" },
	{ "alice", "alice@example.org alice@example.net bob@example.net "
		   "postmaster@example.org postmaster@example.net" },
	{ "bob@example.net", "alice@example.org alice@example.net bob@example.net "
			     "postmaster@example.org postmaster@example.net" },
	{ "postmaster", "alice@example.org alice@example.net bob@example.net "
			"postmaster@example.org postmaster@example.net" },
	{ "alice@example.com", "alice@example.org alice@example.net bob@example.net "
			       "postmaster@example.org postmaster@example.net alice@example.com" },
};

START_TEST(test_one_mailbox)
{
	struct tables *tables = tables_with(ACCEPT_ALL_ONE, names[_i].mailbox, "/mail/%d/%u");
	char found[1024] = "";

	tables_each_mailbox(tables, append_mailbox, found);
	ck_assert_str_eq(found, names[_i].found);
	tables_close(tables);
}
END_TEST

static const struct {
	const char *mailbox;
	const char *what;
} wrong[] = {
	{ "all mail", "\" mail\" behind the name; give one mailbox" },
	{ "a@example.org, b", "\", b\" behind the name" },
	{ "@example.org", "has no name; write it like everything@example.org" },
	{ "a@exa_mple", "is not a domain" },
	{ "a<b", "needs quotes" },
	{ "\"a", "has no end" },
	{ A50 "aaaaaaaaaaaaaaa", "longer than 64 bytes" },
};

START_TEST(test_one_wrong)
{
	struct configuration configuration = tables_configuration();
	struct problem problem = { "" };

	write_text_file(mailboxes_path, "");
	configuration.aliases = TEXT("");
	configuration.accept_all.mode = ACCEPT_ALL_ONE;
	configuration.accept_all.mailbox = TEXT(wrong[_i].mailbox);
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_msg(!strncmp(problem.text, "accept-all { mailbox }: ", 24) &&
			      strstr(problem.text, wrong[_i].what),
		      "%s", problem.text);
	configuration.accept_all.mode = ACCEPT_ALL_OFF;
	tables_close(tables_of(&configuration));
}
END_TEST

START_TEST(test_one_too_long)
{
	struct configuration configuration = tables_configuration();
	struct mailbox mailbox;
	struct problem problem = { "" };

	configuration.accept_all.mailbox = TEXT(A50 "@example.org");
	ck_assert(accept_all_mailbox(&configuration, &mailbox, &problem));
	configuration.delivery.maildir = TEXT("/mail/%u%u%u%u%u%u");
	ck_assert(!accept_all_mailbox(&configuration, &mailbox, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "too long a name"));
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *suite = suite_create("accept-all");
	TCase *tests = tcase_create("accept-all");

	tcase_add_checked_fixture(tests, tables_set_up, tables_tear_down);
	tcase_add_loop_test(tests, test_listed, 0, COUNT(listed));
	tcase_add_loop_test(tests, test_each, 0, COUNT(each));
	tcase_add_test(tests, test_each_template);
	tcase_add_test(tests, test_each_default_domain);
	tcase_add_test(tests, test_each_mailbox);
	tcase_add_loop_test(tests, test_one, 0, COUNT(one));
	tcase_add_loop_test(tests, test_one_mailbox, 0, COUNT(names));
	tcase_add_loop_test(tests, test_one_wrong, 0, COUNT(wrong));
	tcase_add_test(tests, test_one_too_long);
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
