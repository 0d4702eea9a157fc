/*
 * test_configuration.c - postern.conf: values, defaults, the sealed text
 *
 * Covers D-03 (hostname), D-04 and B-41 (any port), B-16 (listeners), B-44 (greeting),
 * B-49 (limits with the defaults of RFC 5321), D-05 (default-domain), D-07 (address-syntax,
 * helo-argument), A-02 (domains).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/configuration/configuration.h"
#include "common/configuration/options.h"
#include "common/configuration/values.h"
#include "tests/unit/configuration_fixture.h"
#include "tests/unit/runner.h"

static char *sealed_text(const struct configuration *configuration)
{
	struct problem problem = { "" };
	int descriptor = configuration_seal(configuration, &problem);
	char *text = calloc(65536, 1);

	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_gt(pread(descriptor, text, 65535, 0), 0);
	close(descriptor);
	return text;
}

/* What children read is what the master has read. */
static struct configuration *hand_over(const struct configuration *configuration)
{
	struct problem problem = { "" };
	int descriptor = configuration_seal(configuration, &problem);
	struct configuration *copy;

	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	copy = configuration_read_sealed(descriptor, &problem);
	ck_assert_msg(copy, "%s", problem.text);
	ck_assert_int_eq(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(descriptor);
	return copy;
}

/* B-41, B-49, D-03, D-07: the defaults, which the manual prints from the same table. */
START_TEST(test_defaults)
{
	struct configuration *c = configuration_of("hostname = mx.example.org");

	ck_assert_str_eq(c->hostname, "mx.example.org");
	ck_assert_uint_eq(c->domains.count, 1);
	ck_assert_str_eq(c->domains.items[0], "mx.example.org");
	ck_assert_str_eq(c->default_domain, "");
	ck_assert_str_eq(c->mailboxes, "/etc/postern/mailboxes");
	ck_assert_str_eq(c->aliases, "");
	ck_assert_str_eq(c->recipient_delimiter, "+");
	ck_assert_str_eq(c->pid_file, "/run/postern/posternd.pid");
	ck_assert_str_eq(c->spool, "/var/tmp");
	ck_assert_uint_eq(c->listen_count, 1);
	ck_assert_str_eq(c->listens[0].title, "smtp");
	ck_assert_int_eq(c->listens[0].port, 25);
	ck_assert_uint_eq(c->listens[0].addresses.count, 1);
	ck_assert_str_eq(c->listens[0].addresses.items[0], "*");
	ck_assert_str_eq(c->smtp.greeting, "");
	ck_assert_int_eq(c->smtp.address_syntax, ADDRESS_SYNTAX_LENIENT);
	ck_assert_int_eq(c->smtp.helo_argument, HELO_ARGUMENT_REQUIRED);
	ck_assert_int_eq(c->workers.count, 0);
	ck_assert_int_eq(c->workers.sessions, 1000);
	ck_assert_str_eq(c->delivery.maildir, "/var/mail/postern/%d/%u");
	ck_assert_int_eq(c->delivery.create_mailboxes, CREATE_BOTH);
	ck_assert_int_eq(c->delivery.batch, 128);
	ck_assert_int_eq(c->delivery.reserve, 64LL << 20);
	ck_assert_int_eq(c->delivery.reserve_inodes, 1000);
	ck_assert_int_eq(c->delivery.remember, 3600);
	ck_assert_int_eq(c->limits.message_size, 50LL << 20);
	ck_assert_int_eq(c->limits.recipients, 1000);
	ck_assert_int_eq(c->limits.command_line, 2048);
	ck_assert_int_eq(c->limits.data_line, 8192);
	ck_assert_int_eq(c->limits.sessions_per_address, 100);
	ck_assert_int_eq(c->limits.errors, 20);
	ck_assert_int_eq(c->limits.unknown_commands, 10);
	ck_assert_int_eq(c->limits.spool, 4LL << 30);
	ck_assert_int_eq(c->timeouts.command, 300);
	ck_assert_int_eq(c->timeouts.data, 300);
	ck_assert_int_eq(c->timeouts.write, 300);
	ck_assert_int_eq(c->timeouts.delivery, 300);
	ck_assert_int_eq(c->timeouts.stop, 30);
	ck_assert_int_eq(c->timeouts.drain, 600);
	ck_assert_str_eq(c->users.master, "postern");
	ck_assert_str_eq(c->users.worker, "postern-worker");
	ck_assert_str_eq(c->users.delivery, "vmail");
	ck_assert_str_eq(c->log.to, "syslog");
	ck_assert_int_eq(c->log.format, LOG_FORMAT_TEXT);
	ck_assert(!c->log.verbose);
	configuration_free(c);
}
END_TEST

/* B-16, B-44, D-04, D-05: every option given. */
START_TEST(test_all_options)
{
	struct configuration *c = configuration_of(
		"# a comment\n"
		"hostname  = \"MX.Example.org.\"  /* another\n one */\n"
		"domains   = { \"example.org\", \"B\xc3\xbc"
		"cher.example\" } // and one more\n"
		"default-domain = example.org\n"
		"mailboxes = /srv/mailboxes\n"
		"aliases = '/srv/aliases'\n"
		"recipient-delimiter = \"-\"\n"
		"pid-file = /srv/pid\n"
		"spool = /srv/spool\n"
		"listen \"smtp\" { port = 25 }\n"
		"listen \"test\" { port = 2525 address = { \"127.0.0.1\", \"::1\" } }\n"
		"listen high { port = 65535 address = \"192.0.2.1\" }\n"
		"smtp { greeting = \"it's $HOME {here}\" address-syntax = strict helo-argument = "
		"optional }\n"
		"workers { count = 4 sessions = 100000 }\n"
		"delivery { maildir = \"/srv/100%%/%u@%d\" create-mailboxes = never batch = 1024 "
		"reserve = 2G reserve-inodes = 0 }\n"
		"limits { message-size = 64K recipients = 100 command-line = 512 data-line = 1000\n"
		" sessions-per-address = 0 errors = 0 unknown-commands = 0 spool = 1T }\n"
		"timeouts { command = 1 data = 30s write = 2m delivery = 3h stop = 1d drain = "
		"86400 }\n"
		"users { master = alice worker = 1000 delivery = \"1001:1002\" }\n"
		"log { to = stderr format = json verbose = true }\n");
	struct configuration *copy = hand_over(c);
	char *one = sealed_text(c), *other = sealed_text(copy);

	ck_assert_str_eq(c->hostname, "mx.example.org");
	ck_assert_uint_eq(c->domains.count, 2);
	ck_assert_str_eq(c->domains.items[1], "xn--bcher-kva.example");
	ck_assert_str_eq(c->recipient_delimiter, "-");
	ck_assert_uint_eq(c->listen_count, 3);
	ck_assert_str_eq(c->listens[1].title, "test");
	ck_assert_uint_eq(c->listens[1].addresses.count, 2);
	ck_assert_str_eq(c->listens[1].addresses.items[1], "::1");
	ck_assert_str_eq(c->listens[2].title, "high");
	ck_assert_int_eq(c->listens[2].port, 65535);
	ck_assert_str_eq(c->smtp.greeting, "it's $HOME {here}");
	ck_assert_int_eq(c->smtp.address_syntax, ADDRESS_SYNTAX_STRICT);
	ck_assert_int_eq(c->smtp.helo_argument, HELO_ARGUMENT_OPTIONAL);
	ck_assert_int_eq(c->limits.message_size, 65536);
	ck_assert_int_eq(c->limits.sessions_per_address, 0);
	ck_assert_int_eq(c->limits.spool, 1LL << 40);
	ck_assert_int_eq(c->timeouts.command, 1);
	ck_assert_int_eq(c->timeouts.delivery, 3 * 3600);
	ck_assert_int_eq(c->timeouts.stop, 86400);
	ck_assert_int_eq(c->delivery.create_mailboxes, CREATE_NEVER);
	ck_assert_str_eq(c->users.delivery, "1001:1002");
	ck_assert_int_eq(c->log.format, LOG_FORMAT_JSON);
	ck_assert(c->log.verbose);
	ck_assert_str_eq(one, other);
	ck_assert_str_eq(copy->delivery.maildir, "/srv/100%%/%u@%d");
	ck_assert_str_eq(copy->smtp.greeting, c->smtp.greeting);
	free(one);
	free(other);
	configuration_free(copy);
	configuration_free(c);
}
END_TEST

static const char *const right[] = {
	"",
	"# only a comment",
	"delivery { maildir = /var/mail/%d/%u }",
	"delivery { maildir = \"//mail//...//%u\" }",
	"listen a { } listen b { }",
	"limits { errors = 1 } limits { errors = 2 }",
	"hostname = a\r\ndomains = { a,\r\n b }\r\n",
	"log { to = \"/var/log/postern.log\" verbose = ON }",
	"recipient-delimiter = \"\"",
	"domains = \"[192.0.2.1]\"",
	"hostname = localhost domains = { }",
	"limits { message-size = 1k }",
	"listen a { protocol = lmtp port = 24 }",
	"listen a { protocol = lmtp address = /run/postern/lmtp }",
	"listen a { tls = required }\ntls { certificate = /c key = /k }",
	"listen a { tls = implicit address = /run/postern/smtps }\ntls { certificate = /c key = /k "
	"}",
	"tls { certificate = { /a, /b } key = { /c, /d } client-certificate = require "
	"client-authorities = /e }",
	"tls { client-certificate = ask }",
	"listen a { hide = { 8BITMIME, SMTPUTF8 } }",
	"listen a { hide = SMTPUTF8 }",
	"listen a { hide = STARTTLS disable = STARTTLS }\ntls { certificate = /c key = /k }",
	"listen a { tls = implicit hide = STARTTLS disable = STARTTLS }\n"
	"tls { certificate = /c key = /k }",
	"listen a { protocol = lmtp port = 24 hide = { 8BITMIME, SMTPUTF8, SIZE } }",
	"listen a { hide = { PIPELINING, ENHANCEDSTATUSCODES } }",
};

START_TEST(test_right)
{
	char text[256];

	/* The name of this host may have to be asked from a resolver. */
	snprintf(text, sizeof(text), "hostname = mx.example.org\n%s", right[_i]);
	configuration_free(configuration_of(text));
}
END_TEST

/* D-03: without a hostname there is one all the same. */
START_TEST(test_own_name)
{
	struct configuration *c = configuration_of("");

	ck_assert_str_ne(c->hostname, "");
	ck_assert_str_eq(c->domains.items[0], c->hostname);
	configuration_free(c);
}
END_TEST

/* Later settings win; an empty list is as if it was not given. */
START_TEST(test_last_wins)
{
	struct configuration *c = configuration_of("hostname = a hostname = b\n"
						   "domains = { c, d } domains = e domains += f\n"
						   "limits { errors = 1 } limits { errors = 2 }");

	ck_assert_str_eq(c->hostname, "b");
	ck_assert_uint_eq(c->domains.count, 2);
	ck_assert_str_eq(c->domains.items[0], "e");
	ck_assert_str_eq(c->domains.items[1], "f");
	ck_assert_int_eq(c->limits.errors, 2);
	configuration_free(c);
}
END_TEST

/* An environment variable is expanded when the master reads, never again. */
START_TEST(test_environment)
{
	struct configuration *c, *copy;

	setenv("POSTERN_TEST", "'${POSTERN_OTHER}\\", 1);
	setenv("POSTERN_OTHER", "wrong", 1);
	c = configuration_of(
		"hostname = a smtp { greeting = \"x ${POSTERN_TEST} ${POSTERN_NONE:-y}\" }");
	ck_assert_str_eq(c->smtp.greeting, "x '${POSTERN_OTHER}\\ y");
	copy = hand_over(c);
	ck_assert_str_eq(copy->smtp.greeting, c->smtp.greeting);
	configuration_free(copy);
	configuration_free(c);
}
END_TEST

static const char *const awkward[] = {
	"\\",	   "'",	    "\"",     "\\'", "'\\",	     "\\\\", "a\\nb", "\\x41",
	"${HOME}", "$",	    "#",      "//",  "/* x",	     "}",    "{ a }", "' + '",
	"a = b",   " lead", "trail ", "",    "\\${HOME}'\"", "'# '", "*/",    "%s%n",
};

/* Whatever a value holds, the sealed text says the same; and it holds each byte as it is. */
START_TEST(test_round_trip)
{
	struct configuration *c = configuration_of("hostname = a"), *copy;
	char spool[64];

	snprintf(spool, sizeof(spool), "/%s", awkward[_i]);
	free(c->smtp.greeting);
	free(c->spool);
	c->smtp.greeting = strdup(awkward[_i]);
	c->spool = strdup(spool);
	copy = hand_over(c);
	ck_assert_str_eq(copy->smtp.greeting, awkward[_i]);
	ck_assert_str_eq(copy->spool, spool);
	configuration_free(copy);
	configuration_free(c);
}
END_TEST

START_TEST(test_sealed)
{
	struct problem problem = { "" };
	struct configuration *c = configuration_of("hostname = a");
	int descriptor = configuration_seal(c, &problem);

	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	ck_assert_int_eq(pwrite(descriptor, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(descriptor, 0), -1);
	ck_assert_int_eq(ftruncate(descriptor, 1 << 20), -1);
	ck_assert_int_eq(fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE), -1);
	/* It is read from its start, as often as one likes. */
	for (int i = 0; i < 3; i++) {
		struct configuration *copy = configuration_read_sealed(descriptor, &problem);

		ck_assert_msg(copy, "%s", problem.text);
		configuration_free(copy);
	}
	close(descriptor);
	configuration_free(c);
}
END_TEST

static const struct {
	const char *maildir;
	const char *root;
	const char *template;
} roots[] = {
	{ "/var/mail/postern/%d/%u", "/var/mail/postern", "%d/%u" },
	{ "/mail/%u", "/mail", "%u" },
	{ "/mail//box-%u", "/mail", "box-%u" },
	{ "/mail/a/%%/%u", "/mail/a", "%%/%u" },
};

START_TEST(test_mail_root)
{
	struct configuration configuration = { .delivery.maildir = (char *)roots[_i].maildir };
	const char *template;
	char *root = configuration_mail_root(&configuration, &template);

	ck_assert_str_eq(root, roots[_i].root);
	ck_assert_str_eq(template, roots[_i].template);
	free(root);
}
END_TEST

START_TEST(test_worker_count)
{
	struct configuration configuration = { .workers.count = 7 };

	ck_assert_uint_eq(configuration_worker_count(&configuration), 7);
	configuration.workers.count = 0;
	ck_assert_uint_ge(configuration_worker_count(&configuration), 1);
}
END_TEST

/* Each row of the table is whole, and its default is a value. */
START_TEST(test_table)
{
	const struct option *option;
	struct problem problem = { "" };
	struct value value;
	size_t count = 0;

	for (; (option = option_at(count)); count++) {
		ck_assert_ptr_eq(option_find(option->section, option->name), option);
		ck_assert_uint_eq(option_index(option), count);
		ck_assert_ptr_nonnull(option->sentence);
		ck_assert_ptr_nonnull(value_type_name(option->type));
		ck_assert_msg(!option->fallback ||
				      value_read(option, option->fallback, &value, &problem),
			      "%s", problem.text);
	}
	ck_assert_uint_gt(count, 30);
	ck_assert_uint_le(count, OPTION_COUNT_MAX);
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *suite = suite_create("configuration");
	TCase *tests = tcase_create("configuration");

	tcase_add_checked_fixture(tests, configuration_set_up, configuration_tear_down);
	tcase_add_test(tests, test_defaults);
	tcase_add_test(tests, test_all_options);
	tcase_add_loop_test(tests, test_right, 0, COUNT(right));
	tcase_add_test(tests, test_own_name);
	tcase_add_test(tests, test_last_wins);
	tcase_add_test(tests, test_environment);
	tcase_add_loop_test(tests, test_round_trip, 0, COUNT(awkward));
	tcase_add_test(tests, test_sealed);
	tcase_add_loop_test(tests, test_mail_root, 0, COUNT(roots));
	tcase_add_test(tests, test_worker_count);
	tcase_add_test(tests, test_table);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
