/*
 * test_configuration_errors.c - what is wrong in postern.conf is refused with file, line and cure
 *
 * Covers B-16, B-41 (ports and addresses), B-49 (bounds of the limits), A-02 (domains), D-05
 * (default-domain), D-07 (choices), B-06, B-14, B-15 (TLS).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/configuration/configuration.h"
#include "tests/unit/configuration_fixture.h"
#include "tests/unit/runner.h"

/* The text is refused at that line of that file, and the reason holds `what`. */
static void expect_problem(const char *text, const char *file, int line, const char *what)
{
	struct problem problem = { "" };
	struct configuration *configuration;
	char place[160];

	write_configuration_file(configuration_path, text);
	configuration = configuration_read(configuration_path, &problem);
	ck_assert_msg(!configuration, "accepted: %s", text);
	snprintf(place, sizeof(place), "%s:%d: ", file, line);
	ck_assert_msg(!strncmp(problem.text, place, strlen(place)), "%s: not at line %d of %s: %s",
		      text, line, file, problem.text);
	ck_assert_msg(strstr(problem.text, what), "%s: \"%s\" is not in: %s", text, what,
		      problem.text);
	ck_assert_msg(!strchr(problem.text, '\n'), "more than one line: %s", problem.text);
}

static const struct {
	const char *text;
	int line;
	const char *what;
} wrong[] = {
	/* unknown names, with the nearest one; options of other programs are unknown, too */
	{ "\n\nhostnam = a", 3, "unknown option hostnam; did you mean hostname?" },
	{ "limits {\n mesage-size = 1M\n}", 2,
	  "unknown option mesage-size in limits; did you mean message-size?" },
	{ "message-size = 1M", 1, "write it as limits { message-size = ... }" },
	{ "log { hostname = a }", 1, "it stands outside of every section" },
	{ "limit { }", 1, "did you mean limits?" },
	{ "control = \"/run/x\"", 1, "unknown option control; postern.conf(5)" },
	{ "users { keeper = x }", 1, "unknown option keeper in users" },
	{ "listen \"smtp\" { protocol = pop3 }", 1, "give one of: smtp lmtp" },
	{ "listen \"smtp\" { disable = \"a b\" }", 1, "is not a command" },
	{ "listen \"smtp\" { disable = rcpt }", 1, "RCPT is a command that no mail server" },
	{ "listen \"smtp\" { hide = { size, etrn } }", 1, "\"etrn\" is not an extension" },
	{ "listen \"smtp\" { proxy = \"192.0.2.1/24\" }", 1, "write 192.0.2.0/24" },
	{ "listen \"smtp\" { address = \"run/lmtp\" }", 1, "the path of a unix socket" },
	{ "tls { certificate = { \"/a\", \"b\" } }", 1, "is not an absolute path" },
	{ "\"limits|spool\" = 4G", 1, "unknown option spool" },
	{ "\"limits|errors\" = 4", 1, "unknown option errors" },
	{ "listen a {}\n\"listen=a|port\" = 4", 2, "unknown option port" },
	/* the lines behind comments of each kind */
	{ "# one\n// two\n/* three\n four */\nx = 1", 5, "unknown option x" },
	{ "hostname = 'a' # ' \" \nspool = '/a\\'#b' /* ' */\nx = 1", 3, "unknown option x" },
	{ "spool = /a//b\nx = 1", 2, "unknown option x" },
	{ "hostname = \"a\\\"b#\"\n", 1, "is not a domain" },
	/* syntax */
	{ "hostname", 1, "premature end of file; close" },
	{ "hostname 'a'", 1, "missing equal sign" },
	{ "limits\n{ errors = 1", 2, "premature end of file" },
	{ "hostname = a /* {\n\n}", 3, "premature end of file; close the brace or comment" },
	{ "listen a { port = 1\n}\nlog {\n\n", 5, "premature end of file; close the brace" },
	{ "smtp { greeting = \"${NONE:-'}\" }\nx = 1", 2, "unknown option x" },
	{ "hostname = \"a", 1, "premature end of file" },
	{ "hostname = 'a\n\n", 3, "unterminated string" },
	{ "}", 1, "unexpected closing brace" },
	{ "listen { }", 1, "missing title" },
	{ "listen a { }\nlisten a { }", 2, "found duplicate title 'a'" },
	{ "listen \"a b\" { }", 1, "cannot name a section" },
	{ "listen '' { }", 1, "cannot name a section" },
	{ "hostname += a", 1, "write = in place of +=" },
	{ "include(a, b)", 1, "write include" },
	{ "include(\"postern.conf\")", 1, "included already" },
	/* sizes, durations, numbers: form and bounds */
	{ "limits { message-size = 50MB }", 1, "is not a size; write it like 50M" },
	{ "limits { message-size = 1.5M }", 1, "is not a size" },
	{ "limits { message-size = -1 }", 1, "is not a size" },
	{ "limits { message-size = '' }", 1, "is not a size" },
	{ "limits { message-size = 1023 }", 1,
	  "message-size 1023 is out of bounds; give 1K to 1T" },
	{ "limits { message-size = 2T }", 1, "out of bounds" },
	{ "limits { message-size = 9999999999999999999999 }", 1, "out of bounds" },
	{ "limits { message-size = 9223372036854775807T }", 1, "out of bounds" },
	{ "timeouts {\n command = 0s }", 2, "out of bounds; give 1s to 1d" },
	{ "timeouts { drain = 25h }", 1, "give 1s to 1d" },
	{ "timeouts { drain = 5w }", 1, "is not a duration; write it like 5m" },
	{ "workers { count = 257 }", 1, "give 0 to 256" },
	{ "workers { sessions = 0 }", 1, "give 1 to 100000" },
	{ "workers { count = 1K }", 1, "is not a number; give digits only" },
	{ "limits { recipients = 99 }", 1, "give 100 to 10000" },
	{ "limits { command-line = 511 }", 1, "out of bounds" },
	{ "limits { data-line = 999 }", 1, "out of bounds" },
	{ "listen a { port = 0 }", 1, "give 1 to 65535" },
	{ "listen a { port = 65536 }", 1, "give 1 to 65535" },
	/* names and places */
	{ "hostname = 'a b'", 1, "is not a domain" },
	{ "hostname = ''", 1, "is not a domain" },
	{ "domains = { a.example,\n '-b.example' }", 2, "\"-b.example\" is not a domain" },
	{ "domains = { a.example,\n A.example. }", 2, "a.example stands twice in domains" },
	{ "domains = a.example\ndefault-domain = b.example", 2, "b.example is not ours" },
	{ "listen a { address = mx.example.org }", 1, "is not a numeric address" },
	{ "listen a { address = { '*', '1.2.3' } }", 1, "is not a numeric address" },
	{ "mailboxes = ''", 1, "is not an absolute path" },
	{ "aliases = etc/aliases", 1, "is not an absolute path; begin it with /" },
	{ "spool = \"/a\\nb\"", 1, "control character" },
	{ "smtp { greeting = \"a\\nb\" }", 1, "not printable ASCII" },
	{ "smtp { greeting = 'a\nb' }", 2, "not printable ASCII" },
	{ "recipient-delimiter = '++'", 1, "one punctuation character" },
	{ "recipient-delimiter = a", 1, "one punctuation character" },
	{ "recipient-delimiter = '@'", 1, "one punctuation character" },
	{ "users { master = 'a b' }", 1, "is not a user" },
	{ "users { master = '' }", 1, "is not a user" },
	{ "users { master = '1:' }", 1, "is not a user" },
	{ "log { to = file }", 1, "is no place for the log" },
	{ "log { format = xml }", 1, "give one of: text json" },
	{ "log { format = te }", 1, "give one of: text json" },
	{ "log { verbose = maybe }", 1, "give true or false" },
	{ "smtp { address-syntax = lax }", 1, "give one of: lenient strict" },
	/* the mail root and what is below it */
	{ "delivery { maildir = mail/%u }", 1, "is not an absolute path" },
	{ "delivery { maildir = /mail/%d }", 1, "must hold %u" },
	{ "delivery { maildir = /mail/%x/%u }", 1, "no other % than" },
	{ "delivery { maildir = /mail/%u% }", 1, "no other % than" },
	{ "delivery { maildir = /mail/../%u }", 1, "a component . or .." },
	{ "delivery { maildir = /mail/%u/. }", 1, "a component . or .." },
	{ "delivery { maildir = /%d/%u }", 1, "must begin with a folder without %" },
	{ "delivery { maildir = /mail%u }", 1, "must begin with a folder without %" },
	/* one option against another; the line is that of the option that was set */
	{ "\nlimits { spool = 1M }", 2, "spool (1048576 bytes) is smaller than message-size" },
	{ "limits {\n\n message-size = 5G }", 3, "is smaller than message-size" },
	/* TLS: pairs, authorities, listeners */
	{ "tls {\n certificate = /c }", 2, "certificate names 1 files, key names 0; give each" },
	{ "tls { certificate = { /a, /b }\n key = /k }", 2, "names 2 files, key names 1" },
	{ "\ntls { key = /k }", 2, "certificate names 0 files, key names 1" },
	{ "tls { certificate = /c key = /k\n client-certificate = require }", 2,
	  "client-certificate = require needs client-authorities" },
	{ "listen a { port = 26 tls = optional }\nlisten b {\n tls = required\n}\n", 4,
	  "listen b has tls = required, but there is no certificate" },
	{ "listen a { port = 465 tls = implicit }", 1, "has tls = implicit, but there is no" },
	{ "listen a { protocol = lmtp }", 1, "protocol = lmtp on port 25" },
	{ "listen a { protocol = lmtp address = { /run/lmtp, '::1' } }", 1, "on port 25" },
	/* what a listener cannot do without */
	{ "tls { certificate = /c key = /k }\nlisten a {\n tls = required disable = starttls\n}", 4,
	  "listen a has tls = required, and STARTTLS in disable" },
	{ "listen a { tls = required hide = { DSN, StartTLS } }\ntls { certificate = /c key = /k }",
	  1, "so that no client would find it; take it out of hide" },
	{ "listen a {\n hide = { SIZE, 8bitmime } }", 2,
	  "listen a has 8BITMIME in hide, which SMTPUTF8 needs" },
	{ "listen a { }\nlisten b { hide = 8BITMIME port = 26 }", 2, "add SMTPUTF8 to hide" },
	{ "listen a { protocol = lmtp port = 24\n hide = PIPELINING }", 2,
	  "lmtp, which must announce PIPELINING" },
	{ "listen a { protocol = lmtp port = 24\n hide = { DSN, ENHANCEDSTATUSCODES }\n}", 3,
	  "lmtp, which must announce ENHANCEDSTATUSCODES" },
	{ "accept-all { mode = each }\ndelivery {\n create-mailboxes = never }", 3,
	  "accept-all each makes mailboxes on delivery; set create-mailboxes to" },
	{ "delivery { create-mailboxes = at-start }\naccept-all { mode = each }", 1,
	  "accept-all each makes mailboxes on delivery" },
	{ "accept-all {\n mailbox = \"a b\"\n mode = one }", 2, "mailbox: \" b\" behind the name" },
	{ "accept-all { mode = one\n mailbox = \"@example.org\" }", 2, "has no name" },
	{ "accept-all { mode = all }", 1, "is not a choice; give one of: off one each" },
	/* the first error wins */
	{ "x = 1\ny = 1", 1, "unknown option x" },
};

START_TEST(test_wrong)
{
	expect_problem(wrong[_i].text, configuration_path, wrong[_i].line, wrong[_i].what);
}
END_TEST

START_TEST(test_include)
{
	struct configuration *c;
	char absent[160];

	write_configuration_file(included_path, "# more\nlimits { errors = 7 }\n");
	c = configuration_of("include(\"more.conf\")\nhostname = a");
	ck_assert_int_eq(c->limits.errors, 7);
	configuration_free(c);

	write_configuration_file(included_path, "\n\nlimits { errors = many }\n");
	for (int i = 0; i < 50; i++)
		expect_problem("include('more.conf')", included_path, 3,
			       "\"many\" is not a number");
	write_configuration_file(included_path, "include('more.conf')");
	expect_problem("include('more.conf')", included_path, 1, "included already");

	snprintf(absent, sizeof(absent), "include('%s/absent.conf')", configuration_folder);
	write_configuration_file(configuration_path, absent);
	struct problem problem = { "" };
	ck_assert_ptr_null(configuration_read(configuration_path, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "absent.conf: No such file"));
}
END_TEST

/* What is no configuration file at all. */
START_TEST(test_no_file)
{
	struct problem problem = { "" };
	int descriptors[2];

	ck_assert_ptr_null(configuration_read("/nonexistent/postern.conf", &problem));
	ck_assert_str_eq(problem.text, "/nonexistent/postern.conf: No such file or directory");
	ck_assert_ptr_null(configuration_read(configuration_folder, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "not a regular file"));
	ck_assert_int_eq(mkfifo(configuration_path, 0600), 0);
	ck_assert_ptr_null(configuration_read(configuration_path, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "not a regular file"));
	unlink(configuration_path);
	write_configuration_bytes(configuration_path, "a\n\0b", 4);
	ck_assert_ptr_null(configuration_read(configuration_path, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "postern.conf:2: a NUL byte"));
	ck_assert_int_eq(pipe(descriptors), 0);
	ck_assert_ptr_null(configuration_read_sealed(descriptors[0], &problem));
	close(descriptors[0]);
	close(descriptors[1]);
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *suite = suite_create("configuration-errors");
	TCase *tests = tcase_create("configuration-errors");

	tcase_add_checked_fixture(tests, configuration_set_up, configuration_tear_down);
	tcase_add_loop_test(tests, test_wrong, 0, COUNT(wrong));
	tcase_add_test(tests, test_include);
	tcase_add_test(tests, test_no_file);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
