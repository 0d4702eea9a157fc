/*
 * test_tables.c - who receives mail here: look-ups, aliases, settings
 *
 * Covers, A-04 (listed domains and mailboxes only), A-07 (+tag, quoted local part),
 * C-03 and C-19 (no relaying), D-05 (default-domain, postmaster), A-23 (the tables are data).
 */
#include <check.h>
#include <stdlib.h>

#include "common/tables/tables.h"
#include "tests/unit/runner.h"
#include "tests/unit/tables_fixture.h"

/* ---- look-ups */

static const char some_mailboxes[] = "# the people\n"
				     "alice\n"
				     "Bob@Example.NET   # only there\n"
				     "\n"
				     "  carol\t\r\n"
				     "\"john doe\"@example.org\n"
				     "J\xc3\xb6rg\n"
				     "a+b\n"
				     "\"a \\\" #b\"\n";

static const struct {
	const char *local;
	const char *domain;
	enum recipient_class class;
	const char *decided;
	const char *mailboxes;
} lookups[] = {
	{ "alice", "example.org", RECIPIENT_ACCEPTED, "mailboxes:2", "alice@example.org" },
	{ "ALICE", "EXAMPLE.NET", RECIPIENT_ACCEPTED, "mailboxes:2", "alice@example.net" },
	{ "bob", "example.net", RECIPIENT_ACCEPTED, "mailboxes:3", "bob@example.net" },
	{ "bob", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "carol", "example.org.", RECIPIENT_ACCEPTED, "mailboxes:5", "carol@example.org" },
	{ "John Doe", "example.org", RECIPIENT_ACCEPTED, "mailboxes:6", "john doe@example.org" },
	{ "john doe", "example.net", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "J\xc3\x96RG", "example.org", RECIPIENT_ACCEPTED, "mailboxes:7",
	  "j\xc3\xb6rg@example.org" },
	/* the full name first, then the part in front of the first delimiter */
	{ "alice+news", "example.org", RECIPIENT_ACCEPTED, "mailboxes:2", "alice@example.org" },
	{ "alice+a+b", "example.org", RECIPIENT_ACCEPTED, "mailboxes:2", "alice@example.org" },
	{ "alice+", "example.org", RECIPIENT_ACCEPTED, "mailboxes:2", "alice@example.org" },
	{ "a+b", "example.org", RECIPIENT_ACCEPTED, "mailboxes:8", "a+b@example.org" },
	{ "a+c", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "a \" #b", "example.org", RECIPIENT_ACCEPTED, "mailboxes:9", "a \" #b@example.org" },
	{ "+alice", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "+", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "alice-news", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	/* */
	{ "dave", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "alice", "example.com", RECIPIENT_NOT_OURS, "domains", "" },
	{ "alice", "sub.example.org", RECIPIENT_NOT_OURS, "domains", "" },
	{ "alice", "org", RECIPIENT_NOT_OURS, "domains", "" },
	{ "alice", "[192.0.2.1]", RECIPIENT_NOT_OURS, "domains", "" },
	{ "alice", "not a domain", RECIPIENT_NOT_OURS, "domains", "" },
	{ "", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "\xff", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "\x01", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	/* D-05, RFC 5321 4.5.1 */
	{ "postmaster", "example.org", RECIPIENT_ACCEPTED, "postmaster", "postmaster@example.org" },
	{ "PostMaster", "example.net", RECIPIENT_ACCEPTED, "postmaster", "postmaster@example.net" },
	{ "postmaster", "example.com", RECIPIENT_NOT_OURS, "domains", "" },
	{ "Postmaster", "", RECIPIENT_ACCEPTED, "postmaster", "postmaster@example.org" },
	{ "alice", "", RECIPIENT_UNKNOWN, "default-domain", "" },
	{ "\xff", "", RECIPIENT_UNKNOWN, "default-domain", "" },
	/* C-19: what open-relay probes try */
	{ "victim%example.com", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "alice%example.com", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "example.com!victim", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "victim@example.com", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "alice@example.org", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "alice@example.org", "example.com", RECIPIENT_NOT_OURS, "domains", "" },
	{ "@example.com:victim", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "@example.com,@example.org:alice", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "victim", "example.com%example.org", RECIPIENT_NOT_OURS, "domains", "" },
	{ "victim", "example.com@example.org", RECIPIENT_NOT_OURS, "domains", "" },
	{ "victim%example.com", "", RECIPIENT_UNKNOWN, "default-domain", "" },
};

START_TEST(test_lookup)
{
	struct tables *tables = tables_of_files(some_mailboxes, "");

	expect_recipient(tables, lookups[_i].local, lookups[_i].domain, lookups[_i].class,
			 lookups[_i].decided, lookups[_i].mailboxes);
	tables_close(tables);
}
END_TEST

/* ---- aliases */

static const char some_aliases[] = "# lists\n"
				   "sales: alice, BOB@example.net,\n"
				   "   carol # the third\n"
				   "\n"
				   "\t, alice@example.org\n"
				   "info:sales\n"
				   "sales@example.net: carol\n"
				   "@example.net: alice\n"
				   "alice: alice, carol\n"
				   "twice: sales, info, carol\n"
				   "\"to all\"@example.org : sales@example.org\n"
				   "team: info@example.net\n";

static const struct {
	const char *local;
	const char *domain;
	enum recipient_class class;
	const char *decided;
	const char *mailboxes;
} alias_lookups[] = {
	{ "sales", "example.org", RECIPIENT_ACCEPTED, "aliases:2",
	  "alice@example.org carol@example.org bob@example.net" },
	{ "Sales+x", "example.org", RECIPIENT_ACCEPTED, "aliases:2",
	  "alice@example.org carol@example.org bob@example.net" },
	/* one with a domain wins over one without */
	{ "sales", "example.net", RECIPIENT_ACCEPTED, "aliases:7", "carol@example.net" },
	/* chained, in the domain of the recipient */
	{ "info", "example.org", RECIPIENT_ACCEPTED, "aliases:6",
	  "alice@example.org carol@example.org bob@example.net" },
	{ "info", "example.net", RECIPIENT_ACCEPTED, "aliases:6", "carol@example.net" },
	{ "team", "example.org", RECIPIENT_ACCEPTED, "aliases:12", "carol@example.net" },
	/* an alias that names itself means the mailbox */
	{ "alice", "example.org", RECIPIENT_ACCEPTED, "aliases:9",
	  "alice@example.org carol@example.org" },
	/* each mailbox once */
	{ "twice", "example.org", RECIPIENT_ACCEPTED, "aliases:10",
	  "alice@example.org carol@example.org bob@example.net" },
	{ "to all", "example.org", RECIPIENT_ACCEPTED, "aliases:11",
	  "alice@example.org carol@example.org bob@example.net" },
	/* the catch-all takes what nobody else has */
	{ "nobody", "example.net", RECIPIENT_ACCEPTED, "aliases:8 @example.net",
	  "alice@example.net carol@example.net" },
	{ "nobody", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "" },
	{ "", "example.net", RECIPIENT_ACCEPTED, "aliases:8 @example.net",
	  "alice@example.net carol@example.net" },
	{ "bob", "example.net", RECIPIENT_ACCEPTED, "mailboxes:2", "bob@example.net" },
	{ "bob+x", "example.net", RECIPIENT_ACCEPTED, "mailboxes:2", "bob@example.net" },
	{ "info+x", "example.net", RECIPIENT_ACCEPTED, "aliases:6", "carol@example.net" },
	{ "postmaster", "example.net", RECIPIENT_ACCEPTED, "postmaster", "postmaster@example.net" },
	/* C-19: a catch-all keeps what looks like a route */
	{ "victim%example.com", "example.net", RECIPIENT_ACCEPTED, "aliases:8 @example.net",
	  "alice@example.net carol@example.net" },
};

START_TEST(test_alias)
{
	/* The order of a list is that of its first mention: bob is named in the same line. */
	struct tables *tables = tables_of_files("alice\nbob@example.net\ncarol\n", some_aliases);

	expect_recipient(tables, alias_lookups[_i].local, alias_lookups[_i].domain,
			 alias_lookups[_i].class, alias_lookups[_i].decided,
			 alias_lookups[_i].mailboxes);
	tables_close(tables);
}
END_TEST

/* ---- settings */

/* D-05 */
START_TEST(test_default_domain)
{
	struct configuration configuration = tables_configuration();
	struct tables *tables;

	write_text_file(mailboxes_path, "alice\n");
	write_text_file(aliases_path, "postmaster@example.net: alice\n");
	configuration.default_domain = TEXT("Example.NET");
	tables = tables_of(&configuration);
	expect_recipient(tables, "alice", "", RECIPIENT_ACCEPTED, "mailboxes:1",
			 "alice@example.net");
	expect_recipient(tables, "bob", "", RECIPIENT_UNKNOWN, "mailboxes", "");
	expect_recipient(tables, "POSTMASTER", "", RECIPIENT_ACCEPTED, "aliases:1",
			 "alice@example.net");
	expect_recipient(tables, "postmaster", "example.org", RECIPIENT_ACCEPTED, "postmaster",
			 "postmaster@example.org");
	tables_close(tables);
}
END_TEST

START_TEST(test_postmaster_listed)
{
	struct tables *tables =
		tables_of_files("alice\npostmaster@example.org\n", "postmaster: alice\n");

	expect_recipient(tables, "postmaster", "example.org", RECIPIENT_ACCEPTED, "aliases:1",
			 "alice@example.org");
	tables_close(tables);
	tables = tables_of_files("alice\npostmaster@example.org\n", "root: postmaster\n");
	expect_recipient(tables, "postmaster", "example.org", RECIPIENT_ACCEPTED, "mailboxes:2",
			 "postmaster@example.org");
	expect_recipient(tables, "postmaster", "example.net", RECIPIENT_ACCEPTED, "postmaster",
			 "postmaster@example.net");
	expect_recipient(tables, "root", "example.net", RECIPIENT_ACCEPTED, "aliases:1",
			 "postmaster@example.net");
	tables_close(tables);
}
END_TEST

START_TEST(test_delimiter)
{
	struct configuration configuration = tables_configuration();
	struct tables *tables;

	write_text_file(mailboxes_path, "alice\n");
	configuration.aliases = TEXT("");
	configuration.recipient_delimiter = TEXT("-");
	tables = tables_of(&configuration);
	expect_recipient(tables, "alice-x", "example.org", RECIPIENT_ACCEPTED, "mailboxes:1",
			 "alice@example.org");
	expect_recipient(tables, "alice+x", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "");
	tables_close(tables);
	configuration.recipient_delimiter = TEXT("");
	tables = tables_of(&configuration);
	expect_recipient(tables, "alice-x", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "");
	tables_close(tables);
}
END_TEST

/* domains that the configuration writes in whatever form. */
START_TEST(test_domain_forms)
{
	struct configuration configuration = tables_configuration();
	char *names[] = { TEXT("B\xc3\xbc"
			       "cher.example"),
			  TEXT("[192.0.2.1]"), TEXT("[IPv6:2001:DB8::1]") };
	struct tables *tables;

	configuration.domains = (struct text_list){ names, 3 };
	write_text_file(mailboxes_path, "alice\nbob@xn--bcher-kva.example\n"
					"dan@[192.0.2.1]\neve@[ipv6:2001:db8:0::1]\n");
	write_text_file(aliases_path, "x@[IPv6:2001:db8::1]: eve\n");
	tables = tables_of(&configuration);
	expect_recipient(tables, "alice", "XN--BCHER-KVA.EXAMPLE", RECIPIENT_ACCEPTED,
			 "mailboxes:1", "alice@xn--bcher-kva.example");
	expect_recipient(tables, "bob",
			 "b\xc3\xbc"
			 "cher.example",
			 RECIPIENT_ACCEPTED, "mailboxes:2", "bob@xn--bcher-kva.example");
	expect_recipient(tables, "dan", "[192.0.2.1]", RECIPIENT_ACCEPTED, "mailboxes:3",
			 "dan@[192.0.2.1]");
	expect_recipient(tables, "x", "[IPv6:2001:db8:0:0::1]", RECIPIENT_ACCEPTED, "aliases:1",
			 "eve@[IPv6:2001:db8::1]");
	tables_close(tables);
}
END_TEST

START_TEST(test_each_mailbox)
{
	struct tables *tables =
		tables_of_files("bob@example.net\nalice\n", "x: alice\npostmaster: alice\n");
	char found[1024] = "";
	size_t number = 0;

	tables_each_mailbox(tables, append_mailbox, found);
	ck_assert_str_eq(found, "bob@example.net alice@example.org alice@example.net");
	tables_each_mailbox(tables, count_one_mailbox, &number);
	ck_assert_uint_eq(number, 1);
	tables_close(tables);

	tables = tables_of_files("", "");
	found[0] = '\0';
	tables_each_mailbox(tables, append_mailbox, found);
	ck_assert_str_eq(found, "postmaster@example.org postmaster@example.net");
	tables_close(tables);
}
END_TEST

START_TEST(test_expand_stops)
{
	struct tables *tables = tables_of_files("a\nb\nc\n", "x: a, b, c\n");
	size_t number = 0;

	tables_expand(tables, "x", "example.org", count_one_mailbox, &number);
	ck_assert_uint_eq(number, 1);
	tables_close(tables);
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- who shares their mailboxes ---- */

static const struct {
	const char *left, *right; /* local parts at example.org */
	bool same;
} identities[] = {
	{ "alice", "alice", true },	{ "alice", "ALICE", true },    { "alice", "alice+a", true },
	{ "alice+a", "Alice+b", true }, { "alice", "boss", true }, /* an alias that leads to it
								      alone */
	{ "boss+x", "alice+y", true },	{ "team", "Team+x", true },    { "alice", "bob", false },
	{ "alice", "team", false },	{ "nobody", "nobody", false }, /* not accepted: like no
									  other */
};

START_TEST(test_identity)
{
	struct tables *tables = tables_of_files("alice\nbob\n", "boss: alice\nteam: alice, bob\n");
	struct recipient_identity left, right;

	tables_identify(tables, identities[_i].left, "example.org", &left);
	tables_identify(tables, identities[_i].right, "Example.Org", &right);
	ck_assert_msg((recipient_identity_compare(&left, &right) == 0) == identities[_i].same,
		      "%s, %s", identities[_i].left, identities[_i].right);
	ck_assert_int_eq(recipient_identity_compare(&left, &right) < 0,
			 recipient_identity_compare(&right, &left) > 0);
	tables_close(tables);
}
END_TEST

START_TEST(test_identity_across_domains)
{
	struct configuration configuration = tables_configuration();
	struct recipient_identity left, right;
	struct tables *tables;

	for (int shared = 0; shared < 2; shared++) {
		configuration.delivery.maildir = TEXT(shared ? "/var/mail/%u" : "/var/mail/%d/%u");
		write_text_file(mailboxes_path, "alice\n");
		write_text_file(aliases_path, "");
		tables = tables_of(&configuration);
		tables_identify(tables, "alice", "example.org", &left);
		tables_identify(tables, "alice", "example.net", &right);
		ck_assert_int_eq(recipient_identity_compare(&left, &right) == 0, shared);
		tables_close(tables);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tables");
	TCase *tests = tcase_create("tables");

	tcase_add_checked_fixture(tests, tables_set_up, tables_tear_down);
	tcase_add_loop_test(tests, test_lookup, 0, COUNT(lookups));
	tcase_add_loop_test(tests, test_alias, 0, COUNT(alias_lookups));
	tcase_add_test(tests, test_default_domain);
	tcase_add_test(tests, test_postmaster_listed);
	tcase_add_test(tests, test_delimiter);
	tcase_add_test(tests, test_domain_forms);
	tcase_add_test(tests, test_each_mailbox);
	tcase_add_test(tests, test_expand_stops);
	tcase_add_loop_test(tests, test_identity, 0, sizeof(identities) / sizeof(identities[0]));
	tcase_add_test(tests, test_identity_across_domains);
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
