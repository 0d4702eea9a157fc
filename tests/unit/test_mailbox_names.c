/*
 * test_mailbox_names.c - the normal forms of names, and where a mailbox lies
 *
 * Covers A-02 (domains without regard to case, either form of IDNA), A-07 (local parts), A-14
 * (paths of mailboxes).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tables/tables.h"
#include "tests/unit/runner.h"

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

int main(void)
{
	Suite *suite = suite_create("mailbox-names");
	TCase *tests = tcase_create("mailbox-names");

	tcase_add_loop_test(tests, test_domain_normalise, 0, COUNT(domains));
	tcase_add_loop_test(tests, test_local_normalise, 0, COUNT(locals));
	tcase_add_test(tests, test_local_too_long);
	tcase_add_loop_test(tests, test_path, 0, COUNT(paths));
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
