/*
 * test_configuration.c - postern.conf: values, defaults, errors, the sealed text
 *
 * Covers D-03 (hostname), D-04 and B-41 (any port), B-16 (listeners), B-44 (greeting),
 * B-49 (limits with the defaults of RFC 5321), D-05 (default-domain), D-07 (address-syntax,
 * helo-argument), A-02 (domains).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/configuration/configuration.h"
#include "common/configuration/options.h"
#include "common/configuration/values.h"

static char folder[] = "/tmp/postern-configuration-XXXXXX";
static char path[128];
static char included[128];

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/postern.conf", folder);
	snprintf(included, sizeof(included), "%s/more.conf", folder);
}

static void tear_down(void)
{
	unlink(path);
	unlink(included);
	rmdir(folder);
}

static void write_bytes(const char *name, const char *bytes, size_t length)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

static void write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static struct configuration *read_text(const char *text)
{
	struct problem problem = { "" };
	struct configuration *configuration;

	write_file(path, text);
	configuration = configuration_read(path, &problem);
	ck_assert_msg(configuration, "%s", problem.text);
	return configuration;
}

/* The text is refused at that line of that file, and the reason holds `what`. */
static void expect_problem(const char *text, const char *file, int line, const char *what)
{
	struct problem problem = { "" };
	struct configuration *configuration;
	char place[160];

	write_file(path, text);
	configuration = configuration_read(path, &problem);
	ck_assert_msg(!configuration, "accepted: %s", text);
	snprintf(place, sizeof(place), "%s:%d: ", file, line);
	ck_assert_msg(!strncmp(problem.text, place, strlen(place)), "%s: not at line %d of %s: %s",
		      text, line, file, problem.text);
	ck_assert_msg(strstr(problem.text, what), "%s: \"%s\" is not in: %s", text, what,
		      problem.text);
	ck_assert_msg(!strchr(problem.text, '\n'), "more than one line: %s", problem.text);
}

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
	struct configuration *c = read_text("hostname = mx.example.org");

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
	ck_assert_str_eq(c->smtp.greeting, "ESMTP");
	ck_assert_int_eq(c->smtp.address_syntax, ADDRESS_SYNTAX_LENIENT);
	ck_assert_int_eq(c->smtp.helo_argument, HELO_ARGUMENT_REQUIRED);
	ck_assert_int_eq(c->workers.count, 0);
	ck_assert_int_eq(c->workers.sessions, 1000);
	ck_assert_str_eq(c->delivery.maildir, "/var/mail/postern/%d/%u");
	ck_assert(c->delivery.create_mailboxes);
	ck_assert_int_eq(c->delivery.batch, 128);
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
	struct configuration *c = read_text(
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
		"delivery { maildir = \"/srv/100%%/%u@%d\" create-mailboxes = no batch = 1024 }\n"
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
	ck_assert(!c->delivery.create_mailboxes);
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
	{ "tls { }", 1, "unknown option tls" },
	{ "control = \"/run/x\"", 1, "unknown option control; postern.conf(5)" },
	{ "users { keeper = x }", 1, "unknown option keeper in users" },
	{ "listen \"smtp\" { protocol = lmtp }", 1, "unknown option protocol in listen" },
	{ "accept-all = true", 1, "unknown option accept-all" },
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
	/* the first error wins */
	{ "x = 1\ny = 1", 1, "unknown option x" },
};

START_TEST(test_wrong)
{
	expect_problem(wrong[_i].text, path, wrong[_i].line, wrong[_i].what);
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
};

START_TEST(test_right)
{
	char text[256];

	/* The name of this host may have to be asked from a resolver. */
	snprintf(text, sizeof(text), "hostname = mx.example.org\n%s", right[_i]);
	configuration_free(read_text(text));
}
END_TEST

/* D-03: without a hostname there is one all the same. */
START_TEST(test_own_name)
{
	struct configuration *c = read_text("");

	ck_assert_str_ne(c->hostname, "");
	ck_assert_str_eq(c->domains.items[0], c->hostname);
	configuration_free(c);
}
END_TEST

/* Later settings win; an empty list is as if it was not given. */
START_TEST(test_last_wins)
{
	struct configuration *c = read_text("hostname = a hostname = b\n"
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

START_TEST(test_include)
{
	struct configuration *c;
	char absent[160];

	write_file(included, "# more\nlimits { errors = 7 }\n");
	c = read_text("include(\"more.conf\")\nhostname = a");
	ck_assert_int_eq(c->limits.errors, 7);
	configuration_free(c);

	write_file(included, "\n\nlimits { errors = many }\n");
	for (int i = 0; i < 50; i++)
		expect_problem("include('more.conf')", included, 3, "\"many\" is not a number");
	write_file(included, "include('more.conf')");
	expect_problem("include('more.conf')", included, 1, "included already");

	snprintf(absent, sizeof(absent), "include('%s/absent.conf')", folder);
	write_file(path, absent);
	struct problem problem = { "" };
	ck_assert_ptr_null(configuration_read(path, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "absent.conf: No such file"));
}
END_TEST

/* An environment variable is expanded when the master reads, never again. */
START_TEST(test_environment)
{
	struct configuration *c, *copy;

	setenv("POSTERN_TEST", "'${POSTERN_OTHER}\\", 1);
	setenv("POSTERN_OTHER", "wrong", 1);
	c = read_text("hostname = a smtp { greeting = \"x ${POSTERN_TEST} ${POSTERN_NONE:-y}\" }");
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
	struct configuration *c = read_text("hostname = a"), *copy;
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
	struct configuration *c = read_text("hostname = a");
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

/* What is no configuration file at all. */
START_TEST(test_no_file)
{
	struct problem problem = { "" };
	int descriptors[2];

	ck_assert_ptr_null(configuration_read("/nonexistent/postern.conf", &problem));
	ck_assert_str_eq(problem.text, "/nonexistent/postern.conf: No such file or directory");
	ck_assert_ptr_null(configuration_read(folder, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "not a regular file"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_ptr_null(configuration_read(path, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "not a regular file"));
	unlink(path);
	write_bytes(path, "a\n\0b", 4);
	ck_assert_ptr_null(configuration_read(path, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "postern.conf:2: a NUL byte"));
	ck_assert_int_eq(pipe(descriptors), 0);
	ck_assert_ptr_null(configuration_read_sealed(descriptors[0], &problem));
	close(descriptors[0]);
	close(descriptors[1]);
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

int main(void)
{
	Suite *suite = suite_create("configuration");
	TCase *tests = tcase_create("configuration");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, test_defaults);
	tcase_add_test(tests, test_all_options);
	tcase_add_loop_test(tests, test_wrong, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(tests, test_right, 0, sizeof(right) / sizeof(right[0]));
	tcase_add_test(tests, test_own_name);
	tcase_add_test(tests, test_last_wins);
	tcase_add_test(tests, test_include);
	tcase_add_test(tests, test_environment);
	tcase_add_loop_test(tests, test_round_trip, 0, sizeof(awkward) / sizeof(awkward[0]));
	tcase_add_test(tests, test_sealed);
	tcase_add_test(tests, test_no_file);
	tcase_add_loop_test(tests, test_mail_root, 0, sizeof(roots) / sizeof(roots[0]));
	tcase_add_test(tests, test_worker_count);
	tcase_add_test(tests, test_table);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
