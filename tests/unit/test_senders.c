/*
 * test_senders.c - whose mail is not taken: the file of rejected senders, and look-ups in it
 *
 * Covers B-32 (a domain as a whole, its sub-domains, an address; never a part of a name).
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "common/tables/tables.h"
#include "tests/unit/runner.h"
#include "tests/unit/tables_fixture.h"

static struct configuration configuration_with(const char *senders)
{
	struct configuration configuration = tables_configuration();

	write_text_file(mailboxes_path, "alice\n");
	write_text_file(senders_path, senders);
	configuration.aliases = TEXT("");
	configuration.rejected_senders = senders_path;
	return configuration;
}

static struct tables *tables_with(const char *senders)
{
	struct configuration configuration = configuration_with(senders);

	return tables_of(&configuration);
}

/* ---- look-ups */

static const char some_senders[] = "# spam\n"
				   "blacklisted.com\n"
				   ".below.example   # all of them\n"
				   "\n"
				   "  Joe@Example.COM \"No mail from \\\"you\\\", Joe \\\\ \"\n"
				   "both.example \"itself\"\r\n"
				   ".both.example\t\"below\"\n"
				   "chief@both.example \"the chief\" # with a # behind\n"
				   "B\xc3\xbc"
				   "cher.example\n"
				   ".m\xc3\xbcnchen.example\n"
				   "[192.0.2.1]\n"
				   "[ipv6:2001:DB8:0::1] \"a # in it\"\n"
				   "\"john doe\"@example.com\n"
				   "J\xc3\xb6rg@example.com\n"
				   "joe+tag@example.net\n"
				   ".tld\n"
				   "localhost\n"
				   "\"a@b\"@example.com\n"
				   ".deep.below.example \"deeper\"\n";

static const struct {
	const char *local;
	const char *domain;
	const char *decided; /* NULL: the mail is taken */
	const char *text;
} lookups[] = {
	/* the domain, and nothing that merely holds its name */
	{ "a", "blacklisted.com", "rejected-senders:2", "" },
	{ "A", "BlackListed.COM", "rejected-senders:2", "" },
	{ "a", "blacklisted.com.", "rejected-senders:2", "" },
	{ "a", "notblacklisted.com", NULL, NULL },
	{ "a", "not-blacklisted.com", NULL, NULL },
	{ "a", "blacklisted.com.evil.org", NULL, NULL },
	{ "a", "blacklisted.community", NULL, NULL },
	{ "a", "blacklisted.co", NULL, NULL },
	{ "a", "sub.blacklisted.com", NULL, NULL },
	{ "a", "com", NULL, NULL },
	{ "a", "localhost", "rejected-senders:17", "" },
	{ "a@blacklisted.com", "example.org", NULL, NULL },
	{ "blacklisted.com", "example.org", NULL, NULL },
	{ "blacklisted.com", "", NULL, NULL },
	/* what is below a domain */
	{ "a", "x.below.example", "rejected-senders:3", "" },
	{ "a", "x.y.Below.Example", "rejected-senders:3", "" },
	{ "a", "below.example", NULL, NULL },
	{ "a", "xbelow.example", NULL, NULL },
	{ "a", "x.below.example.org", NULL, NULL },
	{ "a", "x.below", NULL, NULL },
	{ "a", "a.tld", "rejected-senders:16", "" },
	{ "a", "a.b.c.d.e.f.g.tld", "rejected-senders:16", "" },
	{ "a", "tld", NULL, NULL },
	{ "a", "a.deep.below.example", "rejected-senders:19", "deeper" },
	{ "a", "deep.below.example", "rejected-senders:3", "" },
	/* an address; its tag is part of it */
	{ "joe", "example.com", "rejected-senders:5", "No mail from \"you\", Joe \\ " },
	{ "JOE", "EXAMPLE.com", "rejected-senders:5", "No mail from \"you\", Joe \\ " },
	{ "joe+tag", "example.com", NULL, NULL },
	{ "joe", "sub.example.com", NULL, NULL },
	{ "joe", "example.net", NULL, NULL },
	{ "joe+Tag", "example.net", "rejected-senders:15", "" },
	{ "not-joe", "example.com", NULL, NULL },
	{ "joe", "", NULL, NULL },
	{ "John Doe", "example.com", "rejected-senders:13", "" },
	{ "J\xc3\x96RG", "example.com", "rejected-senders:14", "" },
	{ "jo\xcc\x88rg", "example.com", "rejected-senders:14", "" },
	{ "jorg", "example.com", NULL, NULL },
	{ "a@b", "example.com", "rejected-senders:18", "" },
	{ "a", "b@example.com", NULL, NULL },
	{ "\xff", "example.com", NULL, NULL },
	/* the first of address, domain, domain above */
	{ "chief", "both.example", "rejected-senders:8", "the chief" },
	{ "a", "both.example", "rejected-senders:6", "itself" },
	{ "\xff", "both.example", "rejected-senders:6", "itself" },
	{ "chief", "x.both.example", "rejected-senders:7", "below" },
	/* either form of IDNA */
	{ "a",
	  "b\xc3\xbc"
	  "cher.example",
	  "rejected-senders:9", "" },
	{ "a", "XN--bcher-kva.example", "rejected-senders:9", "" },
	{ "a", "bucher.example", NULL, NULL },
	{ "a", "x.xn--mnchen-3ya.example", "rejected-senders:10", "" },
	{ "a", "\xc3\xb6.M\xc3\x9cNCHEN.example", "rejected-senders:10", "" },
	{ "a", "m\xc3\xbcnchen.example", NULL, NULL },
	/* literals */
	{ "a", "[192.0.2.1]", "rejected-senders:11", "" },
	{ "a", "[192.0.2.11]", NULL, NULL },
	{ "a", "192.0.2.1", NULL, NULL },
	{ "a", "[IPv6:2001:db8::1]", "rejected-senders:12", "a # in it" },
	/* a label that is none (a snowman, RFC 5892; too long) hides nothing */
	{ "a", "\xe2\x98\x83.below.example", "rejected-senders:3", "" },
	{ "a",
	  "\xe2\x98\x83\xe3\x80\x82"
	  "below.example",
	  "rejected-senders:3", "" },
	{ "a",
	  "\xe2\x98\x83.x.below\xef\xbd\xa1"
	  "example",
	  "rejected-senders:3", "" },
	{ "a", "a_b.below.example", "rejected-senders:3", "" },
	{ "a", "..below.example", "rejected-senders:3", "" },
	{ "a", "\xe2\x98\x83.blacklisted.com", NULL, NULL },
	{ "a", "\xe2\x98\x83", NULL, NULL },
	{ "a", "x..", NULL, NULL },
	{ "a", "[below.example]", NULL, NULL },
	/* RFC 5321 4.5.5 */
	{ "", "", NULL, NULL },
};

static void expect_sender(const struct tables *tables, const char *local, const char *domain,
			  const char *decided, const char *text)
{
	struct sender_decision decision = { "nothing", "nothing" };
	bool is_rejected = tables_reject_sender(tables, local, domain, &decision);

	ck_assert_msg(is_rejected == (decided != NULL), "%s@%s: %s", local, domain,
		      decision.decided);
	ck_assert_str_eq(decision.decided, decided ? decided : "nothing");
	ck_assert_str_eq(decision.text, text ? text : "nothing");
}

START_TEST(test_lookup)
{
	struct tables *tables = tables_with(some_senders);

	expect_sender(tables, lookups[_i].local, lookups[_i].domain, lookups[_i].decided,
		      lookups[_i].text);
	tables_close(tables);
}
END_TEST

/* Without a file, and with one that holds no rule, all mail is taken. */
START_TEST(test_none)
{
	struct configuration configuration = configuration_with("# nobody\n\n");
	struct tables *tables = tables_of(&configuration);

	expect_sender(tables, "a", "blacklisted.com", NULL, NULL);
	expect_sender(tables, "", "", NULL, NULL);
	tables_close(tables);
	configuration.rejected_senders = TEXT("");
	tables = tables_of(&configuration);
	expect_sender(tables, "a", "blacklisted.com", NULL, NULL);
	tables_close(tables);
}
END_TEST

/* The rules say nothing about recipients, and are no mailboxes. */
START_TEST(test_recipients)
{
	struct tables *tables = tables_with("example.org\nalice@example.org\n");
	size_t number = 0;

	expect_recipient(tables, "alice", "example.org", RECIPIENT_ACCEPTED, "mailboxes:1",
			 "alice@example.org");
	tables_each_mailbox(tables, count_mailbox, &number);
	ck_assert_uint_eq(number, 4);
	tables_close(tables);
}
END_TEST

#define MANY 20000

START_TEST(test_many)
{
	struct configuration configuration = configuration_with("");
	FILE *file = fopen(senders_path, "w");
	struct tables *tables;
	char domain[64], decided[64];

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < MANY; i++)
		fprintf(file, "d%d.example\n", i);
	ck_assert_int_eq(fclose(file), 0);
	tables = tables_of(&configuration);
	for (int i = 0; i < MANY; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		snprintf(decided, sizeof(decided), "rejected-senders:%d", i + 1);
		expect_sender(tables, "a", domain, decided, "");
		snprintf(domain, sizeof(domain), "e%d.example", i);
		expect_sender(tables, "a", domain, NULL, NULL);
	}
	tables_close(tables);
}
END_TEST

/* ---- errors */

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200 X50 X50 X50 X50

static const struct {
	const char *senders;
	int line;
	const char *what;
} wrong[] = {
	{ "a.example\n\n<>\n", 3, "<> is the sender of bounces, which must be taken" },
	{ "<> \"No bounces\"\n", 1, "<> is the sender of bounces" },
	{ "<joe@example.com>\n", 1, "an address stands without < and >" },
	{ "*@example.com\n", 1, "* is no wildcard; write the domain alone" },
	{ "*.example.com\n", 1, "* is no wildcard; write .example.org for all sub-domains" },
	{ "exam*le.com\n", 1, "\"exam*le.com\" is no rule; write example.org, .example.org" },
	{ "/example/\n", 1, "\"/example/\" is no rule" },
	{ "exa_mple.com\n", 1, "\"exa_mple.com\" is no rule" },
	{ ".\n", 1, "\".\" is no rule" },
	{ "..example.com\n", 1, "\"..example.com\" is no rule" },
	{ "example..com\n", 1, "is no rule" },
	{ ".[192.0.2.1]\n", 1, "\".[192.0.2.1]\" is no rule" },
	{ "[192.0.2.0/24]\n", 1, "is no rule" },
	{ "-example.com\n", 1, "is no rule" },
	{ "\xff.com\n", 1, "is no rule" },
	{ X200 X200 X200 X200 X200 X200 X200 ".com\n", 1, "is no rule" },
	{ "example.com, example.net\n", 1, "\"example.com,\" is no rule" },
	{ "example.com: example.net\n", 1, "\"example.com:\" is no rule" },
	{ "@example.com\n", 1, "@example.com has no name; write example.com for all its senders" },
	{ "joe@\n", 1, "\"\" is not a domain" },
	{ "joe@.example.com\n", 1, "\".example.com\" is not a domain" },
	{ "joe@a@b\n", 1, "\"@b\" behind the rule" },
	{ "joe@example.com,x\n", 1, "\",x\" behind the rule" },
	{ "joe<x@example.com\n", 1, "a name with < needs quotes" },
	{ "\"joe\"\n", 1, "\"joe\" has no domain; write it like joe@example.org" },
	{ "\"\"@example.com\n", 1, "a quoted name is empty" },
	{ "\"joe\n", 1, "has no end" },
	{ "\xff@example.com\n", 1, "is not UTF-8 or longer than 320 bytes" },
	/* the text */
	{ "example.com No mail\n", 1, "\"No mail\" behind the rule; write one rule a line" },
	{ "example.com example.net\n", 1, "\"example.net\" behind the rule" },
	{ "example.com 550\n", 1, "\"550\" behind the rule" },
	{ "example.com \"\"\n", 1, "the text is empty" },
	{ "example.com \"No\n", 1, "the text has no end" },
	{ "example.com \"No\\\"\n", 1, "the text has no end" },
	{ "example.com \"No\" mail\n", 1, "\" mail\" behind the text; remove it" },
	{ "example.com \"No\"\"mail\"\n", 1, "\"\"mail\"\" behind the text" },
	{ "example.com \"N\xc3\xb6\"\n", 1, "not printable ASCII" },
	{ "example.com \"N\to\"\n", 1, "not printable ASCII" },
	{ "example.com \"N\x7f\"\n", 1, "not printable ASCII" },
	{ "example.com\"No\"\n", 1, "is no rule" },
	{ "joe@[192.0.2.1]\"No\"\n", 1, "\"\"No\"\" behind the rule" },
	{ "example.com \"" X200 "x\"\n", 1, "the text is longer than 200 characters; shorten it" },
	/* duplicates, however they are written */
	{ "a.example\nb.example\nA.Example. \"x\"\n", 3,
	  "a.example is listed in line 1 already; remove one of them" },
	{ ".a.example\n.a.example\n", 2, ".a.example is listed in line 1 already" },
	{ "joe@a.example\n\"Joe\"@A.example\n", 2, "joe@a.example is listed in line 1 already" },
	{ "xn--bcher-kva.example\nb\xc3\xbc"
	  "cher.example\n",
	  2, "is listed in line 1 already" },
	{ "[IPv6:::1]\n[ipv6:0::1]\n", 2, "is listed in line 1 already" },
};

START_TEST(test_wrong)
{
	struct configuration configuration = configuration_with(wrong[_i].senders);
	struct problem problem = { "" };
	char place[160];

	ck_assert_msg(tables_build(&configuration, &problem) < 0, "accepted: %s",
		      wrong[_i].senders);
	snprintf(place, sizeof(place), "%s:%d: ", senders_path, wrong[_i].line);
	ck_assert_msg(!strncmp(problem.text, place, strlen(place)), "not at %s: %s", place,
		      problem.text);
	ck_assert_msg(strstr(problem.text, wrong[_i].what), "\"%s\" is not in: %s", wrong[_i].what,
		      problem.text);
}
END_TEST

static const char *const fine[] = {
	"a.example\n.a.example\nx@a.example\nx@b.a.example\n",
	"a.example \"" X200 "\"\n",
	"a.example \"x\"",
	X200 "@a.example\n",
	"",
	"\xef\xbc\xa1.example\n",
	"1.2.3.4\n",
};

START_TEST(test_fine)
{
	tables_close(tables_with(fine[_i]));
}
END_TEST

START_TEST(test_missing_file)
{
	struct configuration configuration = configuration_with("");
	struct problem problem = { "" };

	configuration.rejected_senders = TEXT("/nowhere/senders");
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "/nowhere/senders: No such file"));
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *suite = suite_create("senders");
	TCase *tests = tcase_create("senders");

	tcase_add_checked_fixture(tests, tables_set_up, tables_tear_down);
	tcase_add_loop_test(tests, test_lookup, 0, COUNT(lookups));
	tcase_add_test(tests, test_none);
	tcase_add_test(tests, test_recipients);
	tcase_add_test(tests, test_many);
	tcase_add_loop_test(tests, test_wrong, 0, COUNT(wrong));
	tcase_add_loop_test(tests, test_fine, 0, COUNT(fine));
	tcase_add_test(tests, test_missing_file);
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
