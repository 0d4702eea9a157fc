/*
 * test_tables.c - who receives mail here: normal forms, look-ups, aliases, errors in the files
 *
 * Covers, A-04 (listed domains and mailboxes only), A-07 (+tag, quoted local part),
 * C-03 and C-19 (no relaying), D-05 (default-domain, postmaster), A-14 (paths of mailboxes),
 * A-23 (the tables are data).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/tables/tables.h"

/* struct configuration owns its texts; these are never written or freed. */
#define TEXT(literal) ((char *)(literal))

static char folder[] = "/tmp/postern-tables-XXXXXX";
static char mailboxes_path[128];
static char aliases_path[128];

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(mailboxes_path, sizeof(mailboxes_path), "%s/mailboxes", folder);
	snprintf(aliases_path, sizeof(aliases_path), "%s/aliases", folder);
}

static void tear_down(void)
{
	unlink(mailboxes_path);
	unlink(aliases_path);
	rmdir(folder);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static char *domain_names[] = { TEXT("example.org"), TEXT("example.net") };

static struct configuration base(void)
{
	return (struct configuration){
		.domains = { domain_names, 2 },
		.default_domain = TEXT(""),
		.mailboxes = mailboxes_path,
		.aliases = aliases_path,
		.recipient_delimiter = TEXT("+"),
		.delivery.maildir = TEXT("/mail/%d/%u"),
	};
}

static struct tables *open_tables(const struct configuration *configuration)
{
	struct problem problem = { "" };
	int descriptor = tables_build(configuration, &problem);
	struct tables *tables;

	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	tables = tables_open(descriptor, &problem);
	ck_assert_msg(tables, "%s", problem.text);
	close(descriptor);
	return tables;
}

static struct tables *build(const char *mailboxes, const char *aliases)
{
	struct configuration configuration = base();

	write_file(mailboxes_path, mailboxes);
	write_file(aliases_path, aliases);
	return open_tables(&configuration);
}

static bool append(void *context, const struct mailbox *mailbox)
{
	char *text = context;
	size_t used = strlen(text);

	snprintf(text + used, 1024 - used, "%s%s@%s", used ? " " : "", mailbox->local,
		 mailbox->domain);
	return true;
}

static bool count(void *context, const struct mailbox *mailbox)
{
	size_t *number = context;

	ck_assert_str_ne(mailbox->local, "");
	(*number)++;
	return true;
}

static bool stop_at_once(void *context, const struct mailbox *mailbox)
{
	count(context, mailbox);
	return false;
}

/* The recipient is decided so, by that, and stands for those mailboxes. */
static void expect(const struct tables *tables, const char *local, const char *domain,
		   enum recipient_class class, const char *decided, const char *mailboxes)
{
	struct recipient_decision decision;
	char found[1024] = "";

	tables_decide(tables, local, domain, &decision);
	ck_assert_msg(decision.class == class && !strcmp(decision.decided, decided),
		      "%s@%s: class %d by \"%s\", expected %d by \"%s\"", local, domain,
		      decision.class, decision.decided, class, decided);
	ck_assert_int_eq(tables_expand(tables, local, domain, append, found), class);
	ck_assert_msg(!strcmp(found, mailboxes), "%s@%s: goes to \"%s\", expected \"%s\"", local,
		      domain, found, mailboxes);
}

/* ---- normal forms */

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *domain;
	const char *normal; /* NULL: not a domain */
} domains[] = {
	{ "example.org", "example.org" },
	{ "EXAMPLE.Org", "example.org" },
	{ "example.org.", "example.org" },
	{ "localhost", "localhost" },
	{ "1.2.3.4", "1.2.3.4" },
	{ "b\xc3\xbc"
	  "cher.example",
	  "xn--bcher-kva.example" },
	{ "B\xc3\x9c"
	  "CHER.example",
	  "xn--bcher-kva.example" },
	{ "bu\xcc\x88"
	  "cher.example",
	  "xn--bcher-kva.example" },
	{ "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
	/* non-transitional: the sharp s stays (RFC 5891) */
	{ "stra\xc3\x9f"
	  "e.example",
	  "xn--strae-oqa.example" },
	/* the ideographic full stop parts labels (UTS 46) */
	{ "b\xc3\xbc"
	  "cher\xe3\x80\x82"
	  "example",
	  "xn--bcher-kva.example" },
	{ LABEL63 ".org", LABEL63 ".org" },
	{ "[192.0.2.1]", "[192.0.2.1]" },
	{ "[IPv6:2001:DB8:0:0::1]", "[IPv6:2001:db8::1]" },
	{ "[ipv6:::1]", "[IPv6:::1]" },
	{ "", NULL },
	{ ".", NULL },
	{ "a..b", NULL },
	{ ".a", NULL },
	{ "a..", NULL },
	{ "-a.org", NULL },
	{ "a-.org", NULL },
	{ "a b.org", NULL },
	{ "a_b.org", NULL },
	{ "a/b.org", NULL },
	{ "a@b.org", NULL },
	{ "a\n.org", NULL },
	{ LABEL63 "a.org", NULL },
	{ LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, NULL },
	{ "\xc3\x28.org", NULL },
	{ "\xff.org", NULL },
	{ "\xc3\xbc"
	  ".-a",
	  NULL },
	{ "a\xef\xbc\x8f"
	  "b.org",
	  NULL }, /* FULLWIDTH SOLIDUS becomes "/" */
	{ "[]", NULL },
	{ "[", NULL },
	{ "[1.2.3]", NULL },
	{ "[1.2.3.4", NULL },
	{ "[1.2.3.4]x", NULL },
	{ "[IPv6:]", NULL },
	{ "[IPv6:1.2.3.4]", NULL },
	{ "[2001:db8::1]", NULL },
	{ "[IPv6:2001:db8::1%lo]", NULL },
	{ "[tag:content]", NULL },
	{ "[0000000000000000000000000000000000000000000000000000000000000001]", NULL },
};

/* domains compare without regard to case and in either form of IDNA. */
START_TEST(test_domain_normalise)
{
	char normal[MAILBOX_NAME_SIZE];
	bool is_valid = domain_normalise(domains[_i].domain, normal, sizeof(normal));

	ck_assert_msg(is_valid == (domains[_i].normal != NULL), "%s", domains[_i].domain);
	if (!is_valid)
		return;
	ck_assert_str_eq(normal, domains[_i].normal);
	ck_assert(domain_normalise(normal, normal, sizeof(normal)));
	ck_assert_str_eq(normal, domains[_i].normal);
	ck_assert(domain_normalise(domains[_i].domain, normal, strlen(domains[_i].normal) + 2));
	ck_assert(!domain_normalise(domains[_i].domain, normal, strlen(domains[_i].normal)));
}
END_TEST

static const struct {
	const char *local;
	const char *normal; /* NULL: refused */
} locals[] = {
	{ "alice", "alice" },
	{ "Alice.B", "alice.b" },
	{ "", "" },
	{ "I", "i" },
	{ "J\xc3\x96RG", "j\xc3\xb6rg" },
	{ "jo\xcc\x88rg", "j\xc3\xb6rg" },
	{ "STRASSE", "strasse" },
	{ "stra\xc3\x9f"
	  "e",
	  "strasse" },
	{ "a\x01/b", "a\x01/b" },
	{ "\xff", NULL },
	{ "\xc0\x80", NULL },
	{ "a\xed\xa0\x80", NULL },
	{ "\xc3", NULL },
};

START_TEST(test_local_normalise)
{
	char normal[MAILBOX_NAME_SIZE];
	bool is_valid = local_normalise(locals[_i].local, normal, sizeof(normal));

	ck_assert_msg(is_valid == (locals[_i].normal != NULL), "%s", locals[_i].local);
	if (is_valid)
		ck_assert_str_eq(normal, locals[_i].normal);
}
END_TEST

/* Names that do not fit, however they grow on their way, are refused. */
START_TEST(test_local_too_long)
{
	char local[4 * MAILBOX_NAME_SIZE], normal[MAILBOX_NAME_SIZE + 1];

	for (size_t length = 1; length < sizeof(local) - 2; length++) {
		memset(local, 'a', length);
		local[length] = '\0';
		normal[MAILBOX_NAME_SIZE] = 'x';
		ck_assert_int_eq(local_normalise(local, normal, MAILBOX_NAME_SIZE),
				 length < MAILBOX_NAME_SIZE);
		/* U+0390 folds into three characters and is composed again; U+1E9E into ss. */
		memcpy(local + length - 1, "\xce\x90", 3);
		local_normalise(local, normal, MAILBOX_NAME_SIZE);
		ck_assert_int_eq(normal[MAILBOX_NAME_SIZE], 'x');
		ck_assert_uint_le(strnlen(normal, sizeof(normal)), MAILBOX_NAME_SIZE);
	}
}
END_TEST

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
	struct tables *tables = build(some_mailboxes, "");

	expect(tables, lookups[_i].local, lookups[_i].domain, lookups[_i].class,
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
	struct tables *tables = build("alice\nbob@example.net\ncarol\n", some_aliases);

	expect(tables, alias_lookups[_i].local, alias_lookups[_i].domain, alias_lookups[_i].class,
	       alias_lookups[_i].decided, alias_lookups[_i].mailboxes);
	tables_close(tables);
}
END_TEST

/* ---- settings */

/* D-05 */
START_TEST(test_default_domain)
{
	struct configuration configuration = base();
	struct tables *tables;

	write_file(mailboxes_path, "alice\n");
	write_file(aliases_path, "postmaster@example.net: alice\n");
	configuration.default_domain = TEXT("Example.NET");
	tables = open_tables(&configuration);
	expect(tables, "alice", "", RECIPIENT_ACCEPTED, "mailboxes:1", "alice@example.net");
	expect(tables, "bob", "", RECIPIENT_UNKNOWN, "mailboxes", "");
	expect(tables, "POSTMASTER", "", RECIPIENT_ACCEPTED, "aliases:1", "alice@example.net");
	expect(tables, "postmaster", "example.org", RECIPIENT_ACCEPTED, "postmaster",
	       "postmaster@example.org");
	tables_close(tables);
}
END_TEST

START_TEST(test_postmaster_listed)
{
	struct tables *tables = build("alice\npostmaster@example.org\n", "postmaster: alice\n");

	expect(tables, "postmaster", "example.org", RECIPIENT_ACCEPTED, "aliases:1",
	       "alice@example.org");
	tables_close(tables);
	tables = build("alice\npostmaster@example.org\n", "root: postmaster\n");
	expect(tables, "postmaster", "example.org", RECIPIENT_ACCEPTED, "mailboxes:2",
	       "postmaster@example.org");
	expect(tables, "postmaster", "example.net", RECIPIENT_ACCEPTED, "postmaster",
	       "postmaster@example.net");
	expect(tables, "root", "example.net", RECIPIENT_ACCEPTED, "aliases:1",
	       "postmaster@example.net");
	tables_close(tables);
}
END_TEST

START_TEST(test_delimiter)
{
	struct configuration configuration = base();
	struct tables *tables;

	write_file(mailboxes_path, "alice\n");
	configuration.aliases = TEXT("");
	configuration.recipient_delimiter = TEXT("-");
	tables = open_tables(&configuration);
	expect(tables, "alice-x", "example.org", RECIPIENT_ACCEPTED, "mailboxes:1",
	       "alice@example.org");
	expect(tables, "alice+x", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "");
	tables_close(tables);
	configuration.recipient_delimiter = TEXT("");
	tables = open_tables(&configuration);
	expect(tables, "alice-x", "example.org", RECIPIENT_UNKNOWN, "mailboxes", "");
	tables_close(tables);
}
END_TEST

/* domains that the configuration writes in whatever form. */
START_TEST(test_domain_forms)
{
	struct configuration configuration = base();
	char *names[] = { TEXT("B\xc3\xbc"
			       "cher.example"),
			  TEXT("[192.0.2.1]"), TEXT("[IPv6:2001:DB8::1]") };
	struct tables *tables;

	configuration.domains = (struct text_list){ names, 3 };
	write_file(mailboxes_path, "alice\nbob@xn--bcher-kva.example\n"
				   "dan@[192.0.2.1]\neve@[ipv6:2001:db8:0::1]\n");
	write_file(aliases_path, "x@[IPv6:2001:db8::1]: eve\n");
	tables = open_tables(&configuration);
	expect(tables, "alice", "XN--BCHER-KVA.EXAMPLE", RECIPIENT_ACCEPTED, "mailboxes:1",
	       "alice@xn--bcher-kva.example");
	expect(tables, "bob",
	       "b\xc3\xbc"
	       "cher.example",
	       RECIPIENT_ACCEPTED, "mailboxes:2", "bob@xn--bcher-kva.example");
	expect(tables, "dan", "[192.0.2.1]", RECIPIENT_ACCEPTED, "mailboxes:3", "dan@[192.0.2.1]");
	expect(tables, "x", "[IPv6:2001:db8:0:0::1]", RECIPIENT_ACCEPTED, "aliases:1",
	       "eve@[IPv6:2001:db8::1]");
	tables_close(tables);
}
END_TEST

START_TEST(test_each_mailbox)
{
	struct tables *tables = build("bob@example.net\nalice\n", "x: alice\npostmaster: alice\n");
	char found[1024] = "";
	size_t number = 0;

	tables_each_mailbox(tables, append, found);
	ck_assert_str_eq(found, "bob@example.net alice@example.org alice@example.net");
	tables_each_mailbox(tables, stop_at_once, &number);
	ck_assert_uint_eq(number, 1);
	tables_close(tables);

	tables = build("", "");
	found[0] = '\0';
	tables_each_mailbox(tables, append, found);
	ck_assert_str_eq(found, "postmaster@example.org postmaster@example.net");
	tables_close(tables);
}
END_TEST

START_TEST(test_expand_stops)
{
	struct tables *tables = build("a\nb\nc\n", "x: a, b, c\n");
	size_t number = 0;

	tables_expand(tables, "x", "example.org", stop_at_once, &number);
	ck_assert_uint_eq(number, 1);
	tables_close(tables);
}
END_TEST

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
	{ "alice quota=1G\n", "", false, 1, "unknown key quota; remove it" },
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
	struct configuration configuration = base();
	struct problem problem = { "" };
	char place[160];
	int descriptor;

	write_file(mailboxes_path, wrong[_i].mailboxes);
	write_file(aliases_path, wrong[_i].aliases);
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
	struct configuration configuration = base();
	struct problem problem = { "" };

	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "mailboxes: No such file"));
	write_file(mailboxes_path, "a\n");
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "aliases: No such file"));
	configuration.mailboxes = folder;
	ck_assert_int_lt(tables_build(&configuration, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "not a regular file"));
}
END_TEST

/* A mailbox whose folder no file system could hold is refused with its line. */
START_TEST(test_path_too_long)
{
	struct configuration configuration = base();
	struct problem problem = { "" };
	int descriptor;

	configuration.aliases = TEXT("");
	write_file(mailboxes_path,
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
	struct configuration configuration = base();
	struct problem problem = { "" };
	FILE *file;
	int descriptor;

	write_file(mailboxes_path, "a\n");
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
	tables = build("a\nb\n", aliases);
	expect(tables, "x49", "example.org", RECIPIENT_ACCEPTED, "aliases:99",
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
	struct configuration configuration = base();
	struct problem problem = { "" };
	struct tables *tables;
	size_t number = 0;

	write_many(TABLES_MAILBOXES_MAX + 1, TABLES_MAILBOXES_MAX);
	tables = open_tables(&configuration);
	ck_assert_int_eq(tables_expand(tables, "all", "example.org", count, &number),
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
	struct configuration configuration = base();
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
	tables_each_mailbox(tables, count, &number);
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

/* ---- paths */

static const struct {
	const char *local;
	const char *domain;
	const char *template;
	const char *path; /* NULL: refused */
} paths[] = {
	{ "alice", "example.org", "%d/%u", "example.org/alice" },
	{ "alice", "example.org", "100%%/%u", "100%/alice" },
	{ "alice", "example.org", "%u@%d", "alice@example.org" },
	{ "../x", "example.org", "%d/%u", "example.org/%2E.%2Fx" },
	{ "..", "example.org", "%d/%u", "example.org/%2E." },
	{ ".", "example.org", "%d/%u", "example.org/%2E" },
	{ ".hidden", "example.org", "%d/%u", "example.org/%2Ehidden" },
	{ "a.b.", "example.org", "%u", "a.b." },
	{ "a/b", "example.org", "%d/%u", "example.org/a%2Fb" },
	{ "/", "example.org", "%d/%u", "example.org/%2F" },
	{ "a%2Fb", "example.org", "%d/%u", "example.org/a%252Fb" },
	{ "%u", "example.org", "%d/%u", "example.org/%25u" },
	{ "a\x01\n\x1f\x7f", "example.org", "%u", "a%01%0A%1F%7F" },
	{ "j\xc3\xb6rg", "example.org", "%u", "j\xc3\xb6rg" },
	{ "john doe", "example.org", "%u", "john doe" },
	{ "a", "[IPv6:2001:db8::1]", "%d/%u", "[IPv6:2001:db8::1]/a" },
	{ "a", "../x", "%d/%u", "%2E.%2Fx/a" },
	{ "", "example.org", "%d/%u", NULL },
	{ "a", "", "%d/%u", NULL },
	{ "a", "example.org", "%x", NULL },
	{ "a", "example.org", "a%", NULL },
};

/* a name cannot leave its component, hide, or be taken for another one's. */
START_TEST(test_path)
{
	struct mailbox mailbox;
	char path[256];
	size_t size = paths[_i].path ? strlen(paths[_i].path) + 1 : sizeof(path);

	snprintf(mailbox.local, sizeof(mailbox.local), "%s", paths[_i].local);
	snprintf(mailbox.domain, sizeof(mailbox.domain), "%s", paths[_i].domain);
	ck_assert_int_eq(mailbox_path(&mailbox, paths[_i].template, path, size),
			 paths[_i].path != NULL);
	if (paths[_i].path) {
		ck_assert_str_eq(path, paths[_i].path);
		ck_assert(!mailbox_path(&mailbox, paths[_i].template, path, size - 1));
		ck_assert(!mailbox_path(&mailbox, paths[_i].template, path, 0));
	}
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_domain_normalise, 0, COUNT(domains));
	tcase_add_loop_test(tests, test_local_normalise, 0, COUNT(locals));
	tcase_add_test(tests, test_local_too_long);
	tcase_add_loop_test(tests, test_lookup, 0, COUNT(lookups));
	tcase_add_loop_test(tests, test_alias, 0, COUNT(alias_lookups));
	tcase_add_test(tests, test_default_domain);
	tcase_add_test(tests, test_postmaster_listed);
	tcase_add_test(tests, test_delimiter);
	tcase_add_test(tests, test_domain_forms);
	tcase_add_test(tests, test_each_mailbox);
	tcase_add_test(tests, test_expand_stops);
	tcase_add_loop_test(tests, test_wrong, 0, COUNT(wrong));
	tcase_add_test(tests, test_missing_files);
	tcase_add_test(tests, test_path_too_long);
	tcase_add_test(tests, test_chain);
	tcase_add_test(tests, test_diamonds);
	tcase_add_test(tests, test_most_targets);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_open_unsealed);
	tcase_add_loop_test(tests, test_path, 0, COUNT(paths));
}

int main(void)
{
	Suite *suite = suite_create("tables");
	TCase *tests = tcase_create("tables");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	add_tests(tests);
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
