/*
 * test_tls_session.c - what is agreed on with a client, and what is not
 *
 * Covers B-15 (versions, ciphers, suites, groups, ALPN, SSL_CONF_cmd), C-15, C-30 (what is told of
 * a session).
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "common/tls/description.h"
#include "common/tls/library.h"
#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_or(const char *text)
{
	return text ? text : "";
}

/* ---- handshakes that succeed */

static const struct {
	const char *options;
	struct client client;
	const char *version;
	const char *cipher;
	const char *group;
} agreed[] = {
	{ "", { 0 }, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519" },
	{ "",
	  { .maximum = TLS1_2_VERSION },
	  "TLSv1.2",
	  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	  "x25519" },
	{ "minimum = '1.3'", { 0 }, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519" },
	/* our order counts, but for a client that prefers ChaCha20 since it has no AES */
	{ "ciphersuites = TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
	  { .suites = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256" },
	  "TLSv1.3",
	  "TLS_AES_128_GCM_SHA256",
	  "x25519" },
	{ "",
	  { .suites = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384" },
	  "TLSv1.3",
	  "TLS_CHACHA20_POLY1305_SHA256",
	  "x25519" },
	{ "ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384'",
	  { .maximum = TLS1_2_VERSION },
	  "TLSv1.2",
	  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	  "x25519" },
	{ "ciphers = 'ECDHE+AESGCM:!AES256:@STRENGTH:!NO-SUCH'",
	  { .maximum = TLS1_2_VERSION },
	  "TLSv1.2",
	  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	  "x25519" },
	{ "ciphers = 'DHE+AESGCM' groups = 'X25519:ffdhe2048'",
	  { .server_name = "rsa.example.org",
	    .maximum = TLS1_2_VERSION,
	    .ciphers = "DHE-RSA-AES128-GCM-SHA256" },
	  "TLSv1.2",
	  "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
	  "" },
	{ "groups = P-384",
	  { .groups = "X25519:P-256:P-384" },
	  "TLSv1.3",
	  "TLS_AES_256_GCM_SHA384",
	  "secp384r1" },
	{ "", { .groups = "P-256" }, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "secp256r1" },
	/* SSL_CONF_cmd, in any case and with more than one space */
	{ "commands = 'MaxProtocol TLSv1.2'",
	  { 0 },
	  "TLSv1.2",
	  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	  "x25519" },
	{ "commands = { 'maxprotocol  TLSv1.2', 'Groups P-256', 'CipherString ECDHE+AES128' }",
	  { 0 },
	  "TLSv1.2",
	  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	  "secp256r1" },
	/* ALPN: one of ours among others */
	{ "", { .protocols = "\x04smtp" }, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519" },
	{ "", { .protocols = "\x02h2\x04lmtp" }, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519" },
};

START_TEST(test_agreed)
{
	const struct section section = { .pairs = { "ec", "rsa" }, .options = agreed[_i].options };
	struct tls_contexts *contexts = contexts_with(&section);
	struct tls_description description;
	struct handshake handshake;

	ck_assert_msg(shake_hands(&handshake, contexts, &agreed[_i].client), "%s / %s",
		      handshake.client_error, handshake.server_error);
	tls_describe(handshake.server, &description);
	ck_assert_str_eq(description.version, agreed[_i].version);
	ck_assert_str_eq(description.cipher, agreed[_i].cipher);
	ck_assert_str_eq(description.group, agreed[_i].group);
	ck_assert_str_eq(description.server_name, text_or(agreed[_i].client.server_name));
	ck_assert_str_eq(description.client, "");
	ck_assert_str_eq(description.verified, "");
	ck_assert(!description.resumed);
	hang_up(&handshake);
	tls_contexts_close(contexts);
}
END_TEST

/* ---- handshakes that fail */

static const struct {
	const char *options;
	struct client client;
	const char *server_error;
	const char *client_error;
} refused[] = {
	{ "minimum = '1.3'",
	  { .maximum = TLS1_2_VERSION },
	  "unsupported protocol",
	  "tlsv1 alert protocol version" },
	{ "",
	  { .minimum = TLS1_VERSION, .maximum = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0" },
	  "unsupported protocol",
	  "tlsv1 alert protocol version" },
	{ "",
	  { .maximum = TLS1_2_VERSION, .ciphers = "AES128-GCM-SHA256" },
	  "no shared cipher",
	  "sslv3 alert handshake failure" },
	{ "ciphersuites = TLS_AES_128_GCM_SHA256",
	  { .minimum = TLS1_3_VERSION, .suites = "TLS_AES_256_GCM_SHA384" },
	  "no shared cipher",
	  "sslv3 alert handshake failure" },
	{ "",
	  { .minimum = TLS1_3_VERSION, .groups = "P-521" },
	  "no suitable key share",
	  "sslv3 alert handshake failure" },
	/* ALPACA */
	{ "",
	  { .protocols = "\x02h2\x08http/1.1" },
	  "no application protocol",
	  "tlsv1 alert no application protocol" },
	{ "",
	  { .protocols = "\x03"
			 "ftp",
	    .maximum = TLS1_2_VERSION },
	  "no application protocol",
	  "tlsv1 alert no application protocol" },
	{ "",
	  { .protocols = "\x04SMTP" },
	  "no application protocol",
	  "tlsv1 alert no application protocol" },
	{ "",
	  { .protocols = "\x02h2", .server_name = "rsa.example.org" },
	  "no application protocol",
	  "tlsv1 alert no application protocol" },
	/* client certificates */
	{ "client-certificate = require client-authorities = '~root.pem'",
	  { 0 },
	  "peer did not return a certificate",
	  "tlsv13 alert certificate required" },
	{ "client-certificate = require client-authorities = '~root.pem'",
	  { .maximum = TLS1_2_VERSION },
	  "peer did not return a certificate",
	  "sslv3 alert handshake failure" },
	{ "client-certificate = require client-authorities = '~root.pem'",
	  { .server_name = "rsa.example.org" },
	  "peer did not return a certificate",
	  "tlsv13 alert certificate required" },
};

START_TEST(test_refused)
{
	const struct section section = { .pairs = { "ec", "rsa" }, .options = refused[_i].options };
	struct tls_contexts *contexts = contexts_with(&section);
	struct handshake handshake;

	ck_assert(!shake_hands(&handshake, contexts, &refused[_i].client));
	ck_assert_str_eq(handshake.server_error, refused[_i].server_error);
	ck_assert_msg(strstr(handshake.client_error, refused[_i].client_error), "%s",
		      handshake.client_error);
	hang_up(&handshake);
	tls_contexts_close(contexts);
}
END_TEST

/* ---- what else a session is and is not */

START_TEST(test_server_name_is_told)
{
	static const struct {
		const char *sent;
		const char *told;
	} rows[] = {
		{ "RSA.example.org", "rsa.example.org" },
		{ "unknown.example.net.", "unknown.example.net" },
		{ "x) by evil (y", "" },
		{ "a\\", "" },
	};
	const struct section section = { .pairs = { "ec", "rsa" } };
	struct tls_contexts *contexts = contexts_with(&section);

	for (size_t i = 0; i < COUNT(rows) * 2; i++) {
		const struct client client = { .server_name = rows[i / 2].sent,
					       .maximum = i % 2 ? TLS1_2_VERSION : 0 };
		struct tls_description description;
		struct handshake handshake;

		ck_assert(shake_hands(&handshake, contexts, &client));
		tls_describe(handshake.server, &description);
		ck_assert_str_eq(description.server_name, rows[i / 2].told);
		hang_up(&handshake);
	}
	tls_contexts_close(contexts);
}
END_TEST

/* Options and modes hold in the context that SNI leads to as well. */
START_TEST(test_rules)
{
	static const char *const server_names[] = { NULL, "rsa.example.org" };
	const struct section section = {
		.pairs = { "ec", "rsa" },
		.options = "commands = 'Options -NoRenegotiation,ClientRenegotiation,Compression'"
	};
	struct tls_contexts *contexts = contexts_with(&section);

	for (size_t i = 0; i < COUNT(server_names); i++) {
		const struct client client = { .server_name = server_names[i],
					       .maximum = TLS1_2_VERSION };
		struct handshake handshake;
		char byte;

		ck_assert(shake_hands(&handshake, contexts, &client));
		ck_assert(SSL_get_options(handshake.server) & SSL_OP_NO_COMPRESSION);
		ck_assert(SSL_get_mode(handshake.server) & SSL_MODE_RELEASE_BUFFERS);
		ck_assert_int_eq(SSL_get_max_early_data(handshake.server), 0);
		/* The client may ask for another handshake, and hears that there is none. */
		ck_assert_int_eq(SSL_renegotiate(handshake.client), 1);
		ck_assert_int_le(SSL_do_handshake(handshake.client), 0);
		ck_assert_int_le(SSL_read(handshake.server, &byte, 1), 0);
		ck_assert_int_le(SSL_do_handshake(handshake.client), 0);
		tls_error_text(handshake.client_error, sizeof(handshake.client_error));
		ck_assert_msg(strstr(handshake.client_error, "no renegotiation"), "%s",
			      handshake.client_error);
		hang_up(&handshake);
	}
	tls_contexts_close(contexts);
}
END_TEST

/* What is not TLS: a command of SMTP, HTTP, nothing at all. */
START_TEST(test_no_handshake)
{
	static const struct {
		const char *bytes;
		const char *error;
	} rows[] = {
		{ "EHLO client.example\r\n", "wrong version number" },
		{ "GET / HTTP/1.0\r\n\r\n", "http request" },
		{ "\x16\x03\x01\xff\xff\x01\r\n", "packet length too long" },
	};
	const struct section section = { .pairs = { "ec" } };
	struct tls_contexts *contexts = contexts_with(&section);
	char text[128];

	for (size_t i = 0; i < COUNT(rows); i++) {
		SSL *session = tls_contexts_session(contexts, -1);
		BIO *input = BIO_new_mem_buf(rows[i].bytes, -1);

		SSL_set_bio(session, input, BIO_new(BIO_s_null()));
		ck_assert_int_le(SSL_do_handshake(session), 0);
		tls_error_text(text, sizeof(text));
		ck_assert_str_eq(text, rows[i].error);
		tls_error_text(text, sizeof(text));
		ck_assert_str_eq(text, "");
		SSL_free(session);
	}
	tls_contexts_close(contexts);
}
END_TEST

/* Reasons in their order, each once, in one line that fits. */
START_TEST(test_error_text)
{
	char text[128], small[8];

	for (int i = 0; i < 2; i++) {
		ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
		ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
		ERR_raise(ERR_LIB_SYS, ECONNRESET);
		ERR_raise(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
		if (i == 0)
			tls_error_text(text, sizeof(text));
		else
			tls_error_text(small, sizeof(small));
		ck_assert_uint_eq(ERR_peek_error(), 0);
	}
	ck_assert_str_eq(text, "no shared cipher, Connection reset by peer, wrong version number");
	ck_assert_str_eq(small, "no shar");
	tls_error_text(text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls-session");
	TCase *tests = tcase_create("tls-session");

	make_keys();
	tcase_add_checked_fixture(tests, tls_set_up_with_files, tls_tear_down);
	tcase_add_loop_test(tests, test_agreed, 0, COUNT(agreed));
	tcase_add_loop_test(tests, test_refused, 0, COUNT(refused));
	tcase_add_test(tests, test_server_name_is_told);
	tcase_add_test(tests, test_rules);
	tcase_add_test(tests, test_no_handshake);
	tcase_add_test(tests, test_error_text);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
