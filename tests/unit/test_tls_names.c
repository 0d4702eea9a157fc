/*
 * test_tls_names.c - which certificate a client is shown
 *
 * Covers B-14 (several pairs, chains), C-30 (SNI).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tls/names.h"
#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the form of names */

static const struct {
	const char *text;
	const char *normal; /* NULL: refused */
} forms[] = {
	{ "mx.example.org", "mx.example.org" },
	{ "MX.Example.ORG", "mx.example.org" },
	{ "mx.example.org.", "mx.example.org" },
	{ "localhost", "localhost" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "_smtp.example-1.org", "_smtp.example-1.org" },
	{ "192.0.2.1", "192.0.2.1" },
	{ "", NULL },
	{ ".", NULL },
	{ "..", NULL },
	{ ".example.org", NULL },
	{ "a..b", NULL },
	{ "a.b..", NULL },
	{ "*.example.org", NULL },
	{ "*", NULL },
	{ "mx example.org", NULL },
	{ "mx.example.org\\", NULL },
	{ "mx.example.org\n", NULL },
	{ "b\xc3\xbc"
	  "cher.example",
	  NULL },
	{ "[192.0.2.1]", NULL },
	{ "2001:db8::1", NULL },
	{ "a@example.org", NULL },
	{ "123456789012345678901234567890123456789012345678901234567890123.org",
	  "123456789012345678901234567890123456789012345678901234567890123.org" },
	{ "1234567890123456789012345678901234567890123456789012345678901234.org", NULL },
};

START_TEST(test_forms)
{
	char name[TLS_NAME_SIZE];
	bool is_taken = tls_name_normalise(forms[_i].text, strlen(forms[_i].text), name);

	ck_assert_int_eq(is_taken, forms[_i].normal != NULL);
	ck_assert_str_eq(name, forms[_i].normal ? forms[_i].normal : "");
}
END_TEST

START_TEST(test_longest)
{
	char text[300], name[TLS_NAME_SIZE];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '.' : 'a';
	ck_assert(tls_name_normalise(text, 253, name));
	ck_assert_uint_eq(strlen(name), 253);
	ck_assert(tls_name_normalise(text, 254, name));
	ck_assert(!tls_name_normalise(text, 255, name));
	ck_assert_str_eq(name, "");
	ck_assert(!tls_name_normalise("a\0b", 3, name));
}
END_TEST

/* ---- SNI through handshakes */

static void write_all_pairs(void)
{
	const struct wish wishes[] = {
		{ .common_name = "default", .alternatives = "DNS:mx.example.org" },
		{ .common_name = "wild",
		  .alternatives = "DNS:*.example.org, DNS:example.org, IP:192.0.2.1",
		  .key = KEY_EC },
		{ .common_name = "exact",
		  .alternatives = "DNS:Mail.Example.ORG,DNS:mx.example.org",
		  .key = KEY_EC },
		{ .common_name = "cn.example.net" },
		{ .common_name = "hidden.example.net", .alternatives = "DNS:shown.example.net" },
		{ .common_name = "odd.example.com",
		  .alternatives = "DNS:f*.example.com,DNS:a.*.example.com,DNS:*,DNS:bad..name" },
		{ .common_name = "ip.example.com", .alternatives = "IP:192.0.2.9" },
		{ .common_name = "late", .alternatives = "DNS:*.example.org,DNS:late.example" },
	};
	char name[2] = "a";

	for (size_t i = 0; i < COUNT(wishes); i++, name[0]++)
		write_pair(name, &wishes[i]);
}

static const struct {
	const char *server_name;
	const char *shown;
} names[] = {
	{ NULL, "default" },
	{ "mx.example.org", "default" }, /* of two, the first one */
	{ "MX.EXAMPLE.org", "default" },
	{ "mx.example.org.", "default" },
	{ "mail.example.org", "exact" }, /* before the wildcard */
	{ "mAiL.eXaMpLe.OrG", "exact" },
	{ "www.example.org", "wild" },
	{ "example.org", "wild" },
	{ "_dane.example.org", "wild" },
	{ "a.b.example.org", "default" }, /* a wildcard is one label */
	{ ".example.org", "default" },
	{ "*.example.org", "default" },
	{ "cn.example.net", "cn.example.net" },
	{ "shown.example.net", "hidden.example.net" },
	{ "hidden.example.net", "default" }, /* no common name beside dNSNames */
	{ "odd.example.com", "default" },
	{ "foo.example.com", "default" },
	{ "a.b.example.com", "default" },
	{ "ip.example.com", "ip.example.com" },
	{ "192.0.2.1", "default" },
	{ "late.example", "late" },
	{ "unknown.example", "default" },
	{ "org", "default" },
	{ "not a name", "default" },
	{ "mx.example.org\\", "default" },
};

START_TEST(test_server_names)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	const struct section section = { .pairs = { "a", "b", "c", "d", "e", "f", "g", "h" } };
	struct tls_contexts *contexts;
	struct handshake handshake;
	char shown[64];

	write_all_pairs();
	contexts = contexts_with(&section);
	for (size_t i = 0; i < COUNT(names) * COUNT(versions); i++) {
		const struct client client = { .server_name = names[i / 2].server_name,
					       .maximum = versions[i % 2] };

		ck_assert_msg(shake_hands(&handshake, contexts, &client), "%s: %s / %s",
			      client.server_name, handshake.client_error, handshake.server_error);
		shown_name(&handshake, shown, sizeof(shown));
		ck_assert_msg(!strcmp(shown, names[i / 2].shown), "%s: %s in place of %s",
			      client.server_name, shown, names[i / 2].shown);
		hang_up(&handshake);
	}
	tls_contexts_close(contexts);
}
END_TEST

/* ---- two kinds of keys */

static const struct {
	const char *server_name;
	int version;
	const char *ciphers;
	const char *signatures;
	int kind;
} kinds[] = {
	{ "mx.example.org", TLS1_3_VERSION, NULL, "RSA-PSS+SHA256", EVP_PKEY_RSA },
	{ "mx.example.org", TLS1_3_VERSION, NULL, "ECDSA+SHA256", EVP_PKEY_EC },
	{ "mx.example.org", TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", NULL, EVP_PKEY_RSA },
	{ "mx.example.org", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, EVP_PKEY_EC },
	{ "a.example.net", TLS1_3_VERSION, NULL, "RSA-PSS+SHA256", EVP_PKEY_RSA },
	{ "b.example.net", TLS1_3_VERSION, NULL, "ECDSA+SHA256", EVP_PKEY_EC },
	{ NULL, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, EVP_PKEY_EC },
};

START_TEST(test_kinds_of_keys)
{
	const struct section section = { .pairs = { "a", "b", "c", "d" } };
	const struct client client = { .server_name = kinds[_i].server_name,
				       .minimum = kinds[_i].version,
				       .maximum = kinds[_i].version,
				       .ciphers = kinds[_i].ciphers,
				       .signatures = kinds[_i].signatures };
	struct tls_contexts *contexts;
	struct handshake handshake;
	const X509 *shown;

	write_pair("a", &(struct wish){ .alternatives = "DNS:mx.example.org,DNS:example.org" });
	write_pair("b", &(struct wish){ .alternatives = "DNS:a.example.net,DNS:b.example.net" });
	write_pair("c", &(struct wish){ .alternatives = "DNS:example.org,DNS:MX.example.org",
					.key = KEY_EC });
	write_pair("d", &(struct wish){ .alternatives = "DNS:b.example.net,DNS:a.example.net",
					.key = KEY_EC });
	contexts = contexts_with(&section);
	ck_assert_msg(shake_hands(&handshake, contexts, &client), "%s", handshake.server_error);
	shown = SSL_get0_peer_certificate(handshake.client);
	ck_assert_int_eq(EVP_PKEY_get_base_id(X509_get0_pubkey(shown)), kinds[_i].kind);
	hang_up(&handshake);
	tls_contexts_close(contexts);
}
END_TEST

/* ---- chains */

/* The whole chain is shown, by each of two certificates its own; a root that is listed, too. */
START_TEST(test_chains)
{
	const struct section section = { .pairs = { "chain", "own" } };
	const struct wish wishes[] = {
		{ .common_name = "leaf", .issuer = "middle", .key = KEY_RSA },
		{ .common_name = "middle",
		  .issuer = "root",
		  .key = KEY_AUTHORITY,
		  .is_authority = true },
		{ .common_name = "root", .key = KEY_AUTHORITY, .is_authority = true },
	};
	X509 *chain[COUNT(wishes)];
	static const struct client clients[] = { { .signatures = "RSA-PSS+SHA256" },
						 { .signatures = "ECDSA+SHA256" } };
	static const int lengths[] = { 3, 1 };
	struct tls_contexts *contexts;
	struct handshake handshake;

	for (size_t i = 0; i < COUNT(wishes); i++)
		chain[i] = make_certificate(&wishes[i]);
	write_certificates("chain.pem", chain, COUNT(chain));
	write_key("chain.key", KEY_RSA, NULL);
	write_pair("own", &(struct wish){ .common_name = "leaf", .key = KEY_EC });
	contexts = contexts_with(&section);
	for (size_t i = 0; i < COUNT(clients); i++) {
		ck_assert(shake_hands(&handshake, contexts, &clients[i]));
		ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(handshake.client)),
				 lengths[i]);
		hang_up(&handshake);
	}
	tls_contexts_close(contexts);
	for (size_t i = 0; i < COUNT(wishes); i++)
		X509_free(chain[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls-names");
	TCase *tests = tcase_create("tls-names");

	make_keys();
	tcase_add_checked_fixture(tests, tls_set_up, tls_tear_down);
	tcase_add_loop_test(tests, test_forms, 0, COUNT(forms));
	tcase_add_test(tests, test_longest);
	tcase_add_test(tests, test_server_names);
	tcase_add_loop_test(tests, test_kinds_of_keys, 0, COUNT(kinds));
	tcase_add_test(tests, test_chains);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
