/*
 * test_tls_clients.c - certificates of clients: off, ask, require
 *
 * Covers B-15 (client certificates), C-30.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "common/tls/description.h"
#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct wish client_wishes[] = {
	{ .common_name = "one.example.net", .issuer = "root", .key = KEY_EC },
	{ .common_name = "self.example.net", .key = KEY_EC },
	{ .common_name = "old.example.net",
	  .issuer = "root",
	  .key = KEY_EC,
	  .begins = -9 * A_DAY,
	  .ends = -A_DAY },
	{ .common_name = "b\xc3\xbc\x01\n,\"+", .issuer = "root", .key = KEY_EC },
};

#define REQUIRE "client-certificate = require client-authorities = '~root.pem'"
#define ASK "client-certificate = ask client-authorities = '~root.pem'"

static const struct {
	const char *options;
	int wish;	      /* -1: the client has no certificate */
	const char *verified; /* NULL: no session */
	const char *client;
} clients[] = {
	{ "", 0, "", "" },
	{ ASK, -1, "", "" },
	{ ASK, 0, "ok", "CN=one.example.net" },
	{ ASK, 1, "self-signed certificate", "CN=self.example.net" },
	{ ASK, 2, "certificate has expired", "CN=old.example.net" },
	{ ASK, 3, "ok", "CN=b\\C3\\BC\\01\\0A\\,\\\"\\+" },
	{ "client-certificate = ask", 0, "unable to get local issuer certificate",
	  "CN=one.example.net" },
	{ REQUIRE, -1, NULL, NULL },
	{ REQUIRE, 0, "ok", "CN=one.example.net" },
	{ REQUIRE, 1, NULL, NULL },
	{ REQUIRE, 2, NULL, NULL },
	/* A certificate that is listed itself needs no authority. */
	{ "client-certificate = require client-authorities = '~self.pem'", 1, "ok",
	  "CN=self.example.net" },
	{ "client-certificate = require client-authorities = '~one.pem'", 0, "ok",
	  "CN=one.example.net" },
	/* tls.commands cannot turn it off. */
	{ REQUIRE " commands = 'VerifyMode Request'", -1, NULL, NULL },
	{ REQUIRE " commands = 'VerifyMode Request'", 1, NULL, NULL },
};

static void try_client(struct tls_contexts *contexts, const struct client *client, int row)
{
	struct tls_description description;
	struct handshake handshake;
	bool is_done = shake_hands(&handshake, contexts, client);

	ck_assert_msg(is_done == (clients[row].verified != NULL), "row %d: %s", row,
		      handshake.server_error);
	if (is_done) {
		tls_describe(handshake.server, &description);
		ck_assert_str_eq(description.verified, clients[row].verified);
		ck_assert_str_eq(description.client, clients[row].client);
		ck_assert_str_eq(description.server_name,
				 client->server_name ? client->server_name : "");
	}
	hang_up(&handshake);
}

/* Also behind a change of context by SNI. */
START_TEST(test_client_certificates)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const char *const server_names[] = { NULL, "rsa.example.org", "ec.example.org" };
	const struct section section = { .pairs = { "ec", "rsa" }, .options = clients[_i].options };
	struct client client = { .key = KEY_EC };
	struct tls_contexts *contexts;
	X509 *certificates[COUNT(client_wishes)];

	for (size_t i = 0; i < COUNT(client_wishes); i++)
		certificates[i] = make_certificate(&client_wishes[i]);
	write_certificates("one.pem", &certificates[0], 1);
	write_certificates("self.pem", &certificates[1], 1);
	contexts = contexts_with(&section);
	if (clients[_i].wish >= 0)
		client.certificate = certificates[clients[_i].wish];
	for (size_t i = 0; i < COUNT(versions) * COUNT(server_names); i++) {
		client.maximum = versions[i % 2];
		client.server_name = server_names[i / 2];
		try_client(contexts, &client, _i);
	}
	for (size_t i = 0; i < COUNT(client_wishes); i++)
		X509_free(certificates[i]);
	tls_contexts_close(contexts);
}
END_TEST

/* A certificate of about so many bytes: each name takes 32. */
static X509 *big_certificate(size_t bytes)
{
	static char names[65536];
	size_t used = 0;

	for (size_t i = 0; i < bytes / 32; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%sDNS:%010zu.example.example.org", i ? "," : "", i);
	ck_assert_uint_lt(used, sizeof(names));
	return make_certificate(&(struct wish){ .alternatives = names, .key = KEY_EC });
}

/* A session keeps what the client has shown: 32 KiB at most, whatever it may be worth. */
START_TEST(test_big_certificates)
{
	static const struct {
		size_t bytes;
		const char *server_error;
	} rows[] = { { 30 * 1024, "" }, { 34 * 1024, "excessive message size" } };
	const struct section section = { .pairs = { "ec" }, .options = "client-certificate = ask" };
	struct tls_contexts *contexts = contexts_with(&section);

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct client client = { .certificate = big_certificate(rows[i].bytes),
					       .key = KEY_EC };
		struct handshake handshake;

		shake_hands(&handshake, contexts, &client);
		ck_assert_str_eq(handshake.server_error, rows[i].server_error);
		hang_up(&handshake);
		X509_free(client.certificate);
	}
	tls_contexts_close(contexts);
}
END_TEST

/* With require the client hears which authorities count; with ask any will do. */
START_TEST(test_named_authorities)
{
	static const char *const options[] = { ASK, REQUIRE };

	for (int i = 0; i < 2; i++) {
		const struct section section = { .pairs = { "ec", "rsa" }, .options = options[i] };
		struct tls_contexts *contexts = contexts_with(&section);
		const struct client client = { .server_name = "rsa.example.org",
					       .maximum = TLS1_2_VERSION };
		struct handshake handshake;

		shake_hands(&handshake, contexts, &client);
		ck_assert_int_eq(sk_X509_NAME_num(SSL_get0_peer_CA_list(handshake.client)), i);
		hang_up(&handshake);
		tls_contexts_close(contexts);
	}
}
END_TEST

/* Authorities of clients do not fill up the server's own chain. */
START_TEST(test_chain_is_that_of_the_file)
{
	const struct section section = { .pairs = { "issued" }, .options = ASK };
	struct tls_contexts *contexts;
	struct handshake handshake;

	write_pair("issued", &(struct wish){ .common_name = "issued", .issuer = "root" });
	contexts = contexts_with(&section);
	ck_assert(shake_hands(&handshake, contexts, &(struct client){ 0 }));
	ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(handshake.client)), 1);
	hang_up(&handshake);
	tls_contexts_close(contexts);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls-clients");
	TCase *tests = tcase_create("tls-clients");

	make_keys();
	tcase_add_checked_fixture(tests, tls_set_up_with_files, tls_tear_down);
	tcase_add_loop_test(tests, test_client_certificates, 0, COUNT(clients));
	tcase_add_test(tests, test_big_certificates);
	tcase_add_test(tests, test_named_authorities);
	tcase_add_test(tests, test_chain_is_that_of_the_file);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
