/*
 * test_tables_quota.c - which mailbox may hold how much, as the tables say
 *
 * Covers C-11 (a quota for each mailbox).
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/runner.h"
#include "tests/unit/tables_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MAILBOXES                                         \
	"plain\n"                                         \
	"bytes quota=1K\n"                                \
	"both\tquota-messages=7  quota=2M # a comment\n"  \
	"net@example.net quota=3G\n"                      \
	"largest quota=1024T quota-messages=1000000000\n" \
	"free quota=0 quota-messages=0\n"
#define ALIASES                \
	"none: plain, free\n"  \
	"some: plain, bytes\n" \
	"one: both\n"          \
	"@example.net: net\n"

/* Appends "local=bytes/messages" to a text of 1024 bytes. */
static bool append_quota(void *context, const struct mailbox *mailbox)
{
	char *text = context;
	size_t used = strlen(text);

	snprintf(text + used, 1024 - used, "%s%s=%" PRIu64 "/%" PRIu64, used ? " " : "",
		 mailbox->local, mailbox->quota.bytes, mailbox->quota.messages);
	return true;
}

static void expect_quota(const struct tables *tables, const char *local, const char *domain,
			 bool has_quota, const char *quotas)
{
	struct recipient_decision decision;
	char found[1024] = "";

	tables_decide(tables, local, domain, &decision);
	ck_assert_msg(decision.has_quota == has_quota, "%s@%s: %s quota", local, domain,
		      has_quota ? "no" : "a");
	tables_expand(tables, local, domain, append_quota, found);
	ck_assert_str_eq(found, quotas);
}

static const struct {
	const char *local, *domain;
	bool has_quota;
	const char *quotas;	    /* without a default */
	const char *quotas_default; /* with one of 100 bytes, 5 messages */
} cases[] = {
	{ "plain", "example.org", false, "plain=0/0", "plain=100/5" },
	{ "bytes", "example.org", true, "bytes=1024/0", "bytes=1024/5" },
	{ "BYTES+tag", "example.net", true, "bytes=1024/0", "bytes=1024/5" },
	{ "both", "example.net", true, "both=2097152/7", "both=2097152/7" },
	{ "net", "example.net", true, "net=3221225472/0", "net=3221225472/5" },
	{ "net", "example.org", false, "", "" },
	{ "largest", "example.org", true, "largest=1125899906842624/1000000000",
	  "largest=1125899906842624/1000000000" },
	{ "free", "example.org", false, "free=0/0", "free=0/0" },
	{ "postmaster", "example.org", false, "postmaster=0/0", "postmaster=100/5" },
	{ "none", "example.org", false, "plain=0/0 free=0/0", "plain=100/5 free=0/0" },
	{ "some", "example.org", true, "plain=0/0 bytes=1024/0", "plain=100/5 bytes=1024/5" },
	{ "one", "example.org", true, "both=2097152/7", "both=2097152/7" },
	{ "anyone", "example.net", true, "net=3221225472/0", "net=3221225472/5" },
	{ "anyone", "example.org", false, "", "" },
};

START_TEST(test_quota)
{
	struct configuration configuration = tables_configuration();
	struct tables *tables = tables_of_files(MAILBOXES, ALIASES);

	expect_quota(tables, cases[_i].local, cases[_i].domain, cases[_i].has_quota,
		     cases[_i].quotas);
	tables_close(tables);
	configuration.delivery.quota = 100;
	configuration.delivery.quota_messages = 5;
	tables = tables_of(&configuration);
	expect_quota(tables, cases[_i].local, cases[_i].domain,
		     strpbrk(cases[_i].quotas_default, "123456789"), cases[_i].quotas_default);
	tables_close(tables);
}
END_TEST

/* The line of the reject names the limit where the mailbox is one. */
START_TEST(test_decision)
{
	struct tables *tables = tables_of_files(MAILBOXES, ALIASES);
	struct recipient_decision decision;

	tables_decide(tables, "both", "example.org", &decision);
	ck_assert_str_eq(decision.decided, "mailboxes:3");
	ck_assert_uint_eq(decision.quota.bytes, 2097152);
	ck_assert_uint_eq(decision.quota.messages, 7);
	tables_decide(tables, "some", "example.org", &decision);
	ck_assert_str_eq(decision.decided, "aliases:2");
	ck_assert_uint_eq(decision.quota.bytes, 0);
	tables_close(tables);
}
END_TEST

/* What only accept-all takes has the default; a listed name of another domain is not ours. */
START_TEST(test_accept_all)
{
	struct configuration configuration = tables_configuration();
	struct tables *tables;

	write_text_file(mailboxes_path, MAILBOXES);
	write_text_file(aliases_path, "");
	configuration.delivery.quota = 100;
	configuration.accept_all.mode = ACCEPT_ALL_EACH;
	tables = tables_of(&configuration);
	expect_quota(tables, "both", "example.com", true, "both=100/0");
	expect_quota(tables, "both", "example.org", true, "both=2097152/7");
	tables_close(tables);
	configuration.accept_all.mode = ACCEPT_ALL_ONE;
	configuration.accept_all.mailbox = TEXT("bytes@example.net");
	tables = tables_of(&configuration);
	expect_quota(tables, "x", "example.com", true, "bytes=1024/0");
	tables_close(tables);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tables-quota");
	TCase *tests = tcase_create("tables-quota");

	tcase_add_checked_fixture(tests, tables_set_up, tables_tear_down);
	tcase_add_loop_test(tests, test_quota, 0, COUNT(cases));
	tcase_add_test(tests, test_decision);
	tcase_add_test(tests, test_accept_all);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
