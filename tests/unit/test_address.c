/*
 * test_address.c - paths
 *
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/address.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* What a case has besides its text. */
enum {
	IS_NULL = 1,
	QUOTED = 2,
	LITERAL = 4,
	EIGHT_BIT = 8,
	ROUTED = 16,
	LENIENT = 32, /* to be parsed leniently; refused otherwise */
	REVERSE_ONLY = 64,
};

static const struct {
	const char *text;
	unsigned flags;
	const char *local, *plain, *domain;
	const char *rest;
} valid[] = {
	/* plain */
	{ "<alice@example.org>", 0, "alice", "alice", "example.org", "" },
	{ "<a@b>", 0, "a", "a", "b", "" },
	{ "<Alice@EXAMPLE.Org>", 0, "Alice", "Alice", "EXAMPLE.Org", "" },
	{ "<a.b.c@example.org>", 0, "a.b.c", "a.b.c", "example.org", "" },
	{ "<alice+tag@example.org>", 0, "alice+tag", "alice+tag", "example.org", "" },
	{ "<!#$%&'*+-/=?^_`{|}~@example.org>", 0, "!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~",
	  "example.org", "" },
	{ "<-@example.org>", 0, "-", "-", "example.org", "" },
	{ "<0@1.2>", 0, "0", "0", "1.2", "" },
	{ "<a@x-y.example>", 0, "a", "a", "x-y.example", "" },
	{ "<a@x--y.example>", 0, "a", "a", "x--y.example", "" },
	{ "<a@xn--bcher-kva.example>", 0, "a", "a", "xn--bcher-kva.example", "" },
	/* relay tricks are local parts like others: C-19 */
	{ "<a%b.example@example.org>", 0, "a%b.example", "a%b.example", "example.org", "" },
	{ "<b.example!a@example.org>", 0, "b.example!a", "b.example!a", "example.org", "" },
	{ "<\"a@b.example\"@example.org>", QUOTED, "\"a@b.example\"", "a@b.example", "example.org",
	  "" },
	{ "<\"../../x\"@example.org>", QUOTED, "\"../../x\"", "../../x", "example.org", "" },
	{ "<`id`|$x@example.org>", 0, "`id`|$x", "`id`|$x", "example.org", "" },
	/* what stands behind */
	{ "<a@b> SIZE=1", 0, "a", "a", "b", " SIZE=1" },
	{ "<a@b>SIZE=1", 0, "a", "a", "b", "SIZE=1" },
	{ "<a@b>>", 0, "a", "a", "b", ">" },
	{ "<a@b>  ", 0, "a", "a", "b", "  " },
	/* quoted */
	{ "<\"a b\"@example.org>", QUOTED, "\"a b\"", "a b", "example.org", "" },
	{ "<\"a\"@example.org>", QUOTED, "\"a\"", "a", "example.org", "" },
	{ "<\"\"@example.org>", QUOTED, "\"\"", "", "example.org", "" },
	{ "<\"a\\\"b\"@example.org>", QUOTED, "\"a\\\"b\"", "a\"b", "example.org", "" },
	{ "<\"a\\\\\"@example.org>", QUOTED, "\"a\\\\\"", "a\\", "example.org", "" },
	{ "<\"\\a\\ \"@example.org>", QUOTED, "\"\\a\\ \"", "a ", "example.org", "" },
	{ "<\".a..b.\"@example.org>", QUOTED, "\".a..b.\"", ".a..b.", "example.org", "" },
	{ "<\"<a>,(b):;\"@example.org> X", QUOTED, "\"<a>,(b):;\"", "<a>,(b):;", "example.org",
	  " X" },
	{ "<\"postmaster\">", QUOTED, "\"postmaster\"", "postmaster", "", "" },
	/* literals */
	{ "<a@[192.0.2.1]>", LITERAL, "a", "a", "[192.0.2.1]", "" },
	{ "<a@[IPv6:2001:db8::1]>", LITERAL, "a", "a", "[IPv6:2001:db8::1]", "" },
	{ "<\"a\"@[ipv6:::1]> X=Y", QUOTED | LITERAL, "\"a\"", "a", "[ipv6:::1]", " X=Y" },
	/* null sender, and no domain: D-05 */
	{ "<>", IS_NULL | REVERSE_ONLY, "", "", "", "" },
	{ "<> BODY=7BIT", IS_NULL | REVERSE_ONLY, "", "", "", " BODY=7BIT" },
	{ "<postmaster>", 0, "postmaster", "postmaster", "", "" },
	{ "<POSTMASTER> X", 0, "POSTMASTER", "POSTMASTER", "", " X" },
	{ "<root>", 0, "root", "root", "", "" },
	/* source routes: RFC 5321 appendix C */
	{ "<@a.example:b@c.example>", ROUTED, "b", "b", "c.example", "" },
	{ "<@a,@b,@c:d@e> SIZE=1", ROUTED, "d", "d", "e", " SIZE=1" },
	{ "<@a:\"b@c\"@[192.0.2.1]>", ROUTED | QUOTED | LITERAL, "\"b@c\"", "b@c", "[192.0.2.1]",
	  "" },
	{ "<@b\xC3\xBC.example:b@c.example>", ROUTED | EIGHT_BIT, "b", "b", "c.example", "" },
	/* RFC 6531 */
	{ "<j\xC3\xB6rg@example.org>", EIGHT_BIT, "j\xC3\xB6rg", "j\xC3\xB6rg", "example.org", "" },
	{ "<a@b\xC3\xBC"
	  "cher.example>",
	  EIGHT_BIT, "a", "a",
	  "b\xC3\xBC"
	  "cher.example",
	  "" },
	{ "<\"\xE2\x82\xAC \"@example.org>", EIGHT_BIT | QUOTED, "\"\xE2\x82\xAC \"",
	  "\xE2\x82\xAC ", "example.org", "" },
	{ "<\xF0\x9F\x93\xAC@\xE4\xBE\x8B.\xE4\xBE\x8B>", EIGHT_BIT, "\xF0\x9F\x93\xAC",
	  "\xF0\x9F\x93\xAC", "\xE4\xBE\x8B.\xE4\xBE\x8B", "" },
	/* without brackets: D-07, C-31 */
	{ "a@b", LENIENT, "a", "a", "b", "" },
	{ "alice@example.org SIZE=1", LENIENT, "alice", "alice", "example.org", " SIZE=1" },
	{ "\"a b\"@example.org X", LENIENT | QUOTED, "\"a b\"", "a b", "example.org", " X" },
	{ "a@[192.0.2.1]", LENIENT | LITERAL, "a", "a", "[192.0.2.1]", "" },
	{ "postmaster", LENIENT, "postmaster", "postmaster", "", "" },
	{ "@a:b@c", LENIENT | ROUTED, "b", "b", "c", "" },
};

static const struct {
	const char *text;
	enum smtp_path_fault fault, lenient;
} invalid[] = {
	{ "", SMTP_PATH_NO_BRACKETS, SMTP_PATH_NO_BRACKETS },
	{ " ", SMTP_PATH_NO_BRACKETS, SMTP_PATH_BAD_LOCAL },
	{ ">", SMTP_PATH_NO_BRACKETS, SMTP_PATH_BAD_LOCAL },
	{ "<", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a@b", SMTP_PATH_NO_BRACKETS, SMTP_PATH_NO_BRACKETS },
	{ "<a", SMTP_PATH_NO_BRACKETS, SMTP_PATH_NO_BRACKETS },
	{ "<a@b SIZE=1", SMTP_PATH_NO_BRACKETS, SMTP_PATH_NO_BRACKETS },
	{ "a@b>", SMTP_PATH_NO_BRACKETS, SMTP_PATH_BAD_DOMAIN },
	{ "a@b,c@d", SMTP_PATH_NO_BRACKETS, SMTP_PATH_BAD_DOMAIN },
	{ "Alice <a@b>", SMTP_PATH_NO_BRACKETS, SMTP_PATH_FINE }, /* "Alice", then parameters */
	{ " <a@b>", SMTP_PATH_NO_BRACKETS, SMTP_PATH_BAD_LOCAL },
	/* local part */
	{ "<@b>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN }, /* a route without its end */
	{ "< a@b>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<<a@b>>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<.a@b>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a.@b>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a..b@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<.@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<../../x@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a b@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a\tb@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a\nb@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a\rb@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a\x7F@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a;b@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a,b@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a(b)@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a\\b@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a:b@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a@b>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"\\", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a\\\"@b>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a\tb\"@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a\nb\"@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a\\\rb\"@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a\\\xC3\xA4\"@b>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a\"b@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<\"a\".\"b\"@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<a\"b\"@c>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	/* domain */
	{ "<a@>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b@c>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@ b>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b >", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b.>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@.b>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b..c>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@-b>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b->", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b_c>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b/c>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@b\nc>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@\"b\">", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@[192.0.2.1>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@[192.0.2.1]x>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@[192.0.2.300]>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@[]>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<a@x[192.0.2.1]>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	/* source route */
	{ "<@>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<@a:>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<@a:b>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<@a:@b:c@d>", SMTP_PATH_BAD_LOCAL, SMTP_PATH_BAD_LOCAL },
	{ "<@a,b:c@d>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<@a,:c@d>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<@a,@b>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<@a_b:c@d>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<@[192.0.2.1]:c@d>", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	{ "<@a", SMTP_PATH_BAD_DOMAIN, SMTP_PATH_BAD_DOMAIN },
	/* not UTF-8 */
	{ "<j\xF6rg@c>", SMTP_PATH_NOT_UTF8, SMTP_PATH_NOT_UTF8 },
	{ "<a\xC0\xAF@c>", SMTP_PATH_NOT_UTF8, SMTP_PATH_NOT_UTF8 },
	{ "<\"\xED\xA0\x80\"@c>", SMTP_PATH_NOT_UTF8, SMTP_PATH_NOT_UTF8 },
	{ "<a@\xC3>", SMTP_PATH_NOT_UTF8, SMTP_PATH_NOT_UTF8 },
	{ "<@\xFF:a@b>", SMTP_PATH_NOT_UTF8, SMTP_PATH_NOT_UTF8 },
};

/* The bytes in a buffer of just their length, without a NUL: a read behind them is seen. */
static struct smtp_text exact(const char *bytes, size_t length)
{
	char *copy = malloc(length);

	ck_assert(copy || length == 0);
	memcpy(copy, bytes, length);
	return (struct smtp_text){ copy, length };
}

static void release(struct smtp_text text)
{
	free((char *)(uintptr_t)text.bytes);
}

static void assert_text(struct smtp_text text, const char *expected)
{
	ck_assert_uint_eq(text.length, strlen(expected));
	ck_assert_mem_eq(text.bytes, expected, text.length);
}

static void assert_path(const struct smtp_path *path, int row)
{
	unsigned flags = valid[row].flags;
	char plain[SMTP_LOCAL_MAX + 1];

	assert_text(path->local, valid[row].local);
	assert_text(path->domain, valid[row].domain);
	ck_assert_int_eq(path->is_null, (flags & IS_NULL) != 0);
	ck_assert_int_eq(path->is_quoted, (flags & QUOTED) != 0);
	ck_assert_int_eq(path->is_literal, (flags & LITERAL) != 0);
	ck_assert_int_eq(path->has_8bit, (flags & EIGHT_BIT) != 0);
	ck_assert_int_eq(path->had_route, (flags & ROUTED) != 0);
	ck_assert_int_eq(smtp_local_unquote(path, plain, sizeof(plain)),
			 (int)strlen(valid[row].plain));
	ck_assert_str_eq(plain, valid[row].plain);
}

/* local[@domain], whatever route stood before it. */
static void assert_whole(const struct smtp_path *path)
{
	bool has_domain = path->domain.length > 0;

	ck_assert_ptr_eq(path->whole.bytes, path->local.bytes);
	ck_assert_uint_eq(path->whole.length,
			  path->local.length + has_domain + path->domain.length);
	if (has_domain)
		ck_assert_ptr_eq(path->domain.bytes, path->local.bytes + path->local.length + 1);
}

static void parse_valid(int row, enum smtp_path_kind kind, bool lenient)
{
	struct smtp_text text = exact(valid[row].text, strlen(valid[row].text));
	struct smtp_path path;
	struct smtp_text rest;

	ck_assert_int_eq(smtp_path_parse(text, kind, lenient, &path, &rest), SMTP_PATH_FINE);
	assert_path(&path, row);
	assert_whole(&path);
	assert_text(rest, valid[row].rest);
	ck_assert_ptr_eq(rest.bytes + rest.length, text.bytes + text.length);
	release(text);
}

/* A-07, C-19, D-05, D-07: every form of RFC 5321 4.1.2 and RFC 6531 3.3, in its parts. */
START_TEST(takes_valid)
{
	unsigned flags = valid[_i].flags;

	parse_valid(_i, SMTP_REVERSE_PATH, true);
	if (!(flags & REVERSE_ONLY))
		parse_valid(_i, SMTP_FORWARD_PATH, true);
	if (!(flags & LENIENT))
		parse_valid(_i, SMTP_REVERSE_PATH, false);
	if (!(flags & (REVERSE_ONLY | LENIENT)))
		parse_valid(_i, SMTP_FORWARD_PATH, false);
}
END_TEST

static enum smtp_path_fault fault_of(const char *bytes, size_t length, enum smtp_path_kind kind,
				     bool lenient)
{
	struct smtp_text text = exact(bytes, length);
	struct smtp_path path;
	struct smtp_text rest;
	enum smtp_path_fault fault = smtp_path_parse(text, kind, lenient, &path, &rest);

	release(text);
	return fault;
}

/* A-07; security.md 2: what is not of the grammar is refused, and by its name. */
START_TEST(refuses_invalid)
{
	const char *text = invalid[_i].text;
	size_t length = strlen(text);

	ck_assert_int_eq(fault_of(text, length, SMTP_REVERSE_PATH, false), invalid[_i].fault);
	ck_assert_int_eq(fault_of(text, length, SMTP_FORWARD_PATH, false), invalid[_i].fault);
	ck_assert_int_eq(fault_of(text, length, SMTP_REVERSE_PATH, true), invalid[_i].lenient);
	ck_assert_int_eq(fault_of(text, length, SMTP_FORWARD_PATH, true), invalid[_i].lenient);
}
END_TEST

/* D-07: without its brackets nothing is taken unless asked for. */
START_TEST(strict_wants_brackets)
{
	for (int row = 0; row < COUNT(valid); row++)
		if (valid[row].text[0] != '<')
			ck_assert_int_eq(fault_of(valid[row].text, strlen(valid[row].text),
						  SMTP_FORWARD_PATH, false),
					 SMTP_PATH_NO_BRACKETS);
}
END_TEST

/* RFC 5321 4.5.5: the null path sends, and never receives. */
START_TEST(null_is_no_recipient)
{
	ck_assert_int_eq(fault_of("<>", 2, SMTP_FORWARD_PATH, false), SMTP_PATH_EMPTY);
	ck_assert_int_eq(fault_of("<> X", 4, SMTP_FORWARD_PATH, true), SMTP_PATH_EMPTY);
}
END_TEST

/* security.md 2: a NUL is no byte of an address, in whichever part it stands. */
START_TEST(refuses_nul)
{
	static const struct {
		const char *text;
		size_t length;
		enum smtp_path_fault fault;
	} rows[] = {
		{ "<a\0@b>", 6, SMTP_PATH_BAD_LOCAL },
		{ "<\0>", 3, SMTP_PATH_BAD_LOCAL },
		{ "<\"a\0\"@b>", 8, SMTP_PATH_BAD_LOCAL },
		{ "<\"a\\\0\"@b>", 9, SMTP_PATH_BAD_LOCAL },
		{ "<a@b\0>", 6, SMTP_PATH_BAD_DOMAIN },
		{ "<a@[1.2.3.4\0]>", 14, SMTP_PATH_BAD_DOMAIN },
		{ "<a@[IPv6:::1\0x]>", 16, SMTP_PATH_BAD_DOMAIN },
		{ "<@a\0:b@c>", 9, SMTP_PATH_BAD_DOMAIN },
	};

	for (int row = 0; row < COUNT(rows); row++)
		ck_assert_int_eq(
			fault_of(rows[row].text, rows[row].length, SMTP_REVERSE_PATH, true),
			rows[row].fault);
}
END_TEST

/* "<", `route` bytes of source route, local part, "@", domain, ">". */
static size_t build(char *text, size_t route, size_t local, size_t domain)
{
	size_t at = 0;

	text[at++] = '<';
	for (size_t i = 0; i < route; i++)
		text[at++] = i == 0 ? '@' : i == route - 1 ? ':' : i % 50 == 0 ? '.' : 'r';
	for (size_t i = 0; i < local; i++)
		text[at++] = 'l';
	text[at++] = '@';
	for (size_t i = 0; i < domain; i++)
		text[at++] = i % 50 == 49 && i + 1 < domain ? '.' : 'd';
	text[at++] = '>';
	return at;
}

/* RFC 5321 4.5.3.1: how long the parts may be. */
START_TEST(limits_lengths)
{
	static const struct {
		size_t route, local, domain;
		enum smtp_path_fault fault;
	} rows[] = {
		{ 0, 64, 255, SMTP_PATH_FINE },
		{ 0, 255, 1, SMTP_PATH_FINE },
		{ 0, 256, 1, SMTP_PATH_TOO_LONG },
		{ 0, 1, 255, SMTP_PATH_FINE },
		{ 0, 1, 256, SMTP_PATH_TOO_LONG },
		{ 0, 255, 255, SMTP_PATH_FINE },
		{ 3, 255, 255, SMTP_PATH_TOO_LONG },
		{ 100, 200, 211, SMTP_PATH_FINE },
		{ 100, 200, 212, SMTP_PATH_TOO_LONG },
		{ 300, 1, 1, SMTP_PATH_TOO_LONG },
		{ 0, 100000, 100000, SMTP_PATH_TOO_LONG },
	};
	static char text[200100];

	for (int row = 0; row < COUNT(rows); row++) {
		size_t length = build(text, rows[row].route, rows[row].local, rows[row].domain);

		ck_assert_int_eq(fault_of(text, length, SMTP_FORWARD_PATH, false), rows[row].fault);
		ck_assert_int_eq(fault_of(text + 1, length - 2, SMTP_FORWARD_PATH, true),
				 rows[row].fault);
	}
}
END_TEST

/* A path that is cut off anywhere is refused, and nothing behind the cut is read. */
START_TEST(refuses_cut_paths)
{
	static const char *const paths[] = {
		"<alice@example.org>",
		"<\"a \\\" b\"@example.org>",
		"<a@[IPv6:2001:db8::1]>",
		"<@a.example,@b.example:c@d.example>",
		"<j\xC3\xB6rg@b\xC3\xBC.example>",
		"<>",
	};

	for (int row = 0; row < COUNT(paths); row++)
		for (size_t length = 0; length < strlen(paths[row]); length++)
			ck_assert_int_ne(fault_of(paths[row], length, SMTP_REVERSE_PATH, false),
					 SMTP_PATH_FINE);
}
END_TEST

/* A-07: quoted or not, it is one mailbox; never more is written than there is room for. */
START_TEST(unquotes_within_bounds)
{
	static const char text[] = "<\"a\\\"\\b\"@c>";
	struct smtp_path path;
	struct smtp_text rest;
	char plain[8];

	ck_assert_int_eq(smtp_path_parse((struct smtp_text){ text, sizeof(text) - 1 },
					 SMTP_FORWARD_PATH, false, &path, &rest),
			 SMTP_PATH_FINE);
	for (size_t size = 0; size < sizeof(plain); size++) {
		memset(plain, '#', sizeof(plain));
		ck_assert_int_eq(smtp_local_unquote(&path, plain, size), size < 4 ? -1 : 3);
		for (size_t i = size; i < sizeof(plain); i++)
			ck_assert_int_eq(plain[i], '#');
	}
	ck_assert_str_eq(plain, "a\"b");
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, takes_valid, 0, COUNT(valid));
	tcase_add_loop_test(tests, refuses_invalid, 0, COUNT(invalid));
	tcase_add_test(tests, strict_wants_brackets);
	tcase_add_test(tests, null_is_no_recipient);
	tcase_add_test(tests, refuses_nul);
	tcase_add_test(tests, limits_lengths);
	tcase_add_test(tests, refuses_cut_paths);
	tcase_add_test(tests, unquotes_within_bounds);
}

int main(void)
{
	Suite *suite = suite_create("address");
	TCase *tests = tcase_create("address");

	add_tests(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
