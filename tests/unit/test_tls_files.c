/*
 * test_tls_files.c - certificate and key files that are refused, and why; and such as are taken
 *
 * Covers B-14 (PEM files, chains, several pairs).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "common/tls/certificate.h"
#include "common/tls/material.h"
#include "tests/unit/configuration_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what is refused */

static void write_text(const char *name, const char *text, size_t length)
{
	write_configuration_bytes(test_path(name), text, length);
}

/* Appends what is in the one file to the other. */
static void append_file(const char *to, const char *from)
{
	char text[16384];
	FILE *file = fopen(test_path(from), "r");
	size_t length;

	ck_assert_ptr_nonnull(file);
	length = fread(text, 1, sizeof(text), file);
	ck_assert_uint_lt(length, sizeof(text));
	fclose(file);
	file = fopen(test_path(to), "a");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, length, file), length);
	ck_assert(!fclose(file));
}

static void break_pem(const char *name)
{
	FILE *file = fopen(test_path(name), "r+");

	ck_assert_ptr_nonnull(file);
	ck_assert(!fseek(file, 100, SEEK_SET));
	fputs("####", file);
	fclose(file);
}

static void write_chain(const char *name, const struct wish *wishes, size_t count)
{
	X509 *chain[16];

	ck_assert_uint_le(count, COUNT(chain));
	for (size_t i = 0; i < count; i++)
		chain[i] = make_certificate(&wishes[i]);
	write_certificates(name, chain, count);
	for (size_t i = 0; i < count; i++)
		X509_free(chain[i]);
}

static void no_certificate(void)
{
	unlink(test_path("a.pem"));
}

static void no_key(void)
{
	unlink(test_path("a.key"));
}

static void empty_certificate(void)
{
	write_text("a.pem", "", 0);
}

static void empty_key(void)
{
	write_text("a.key", "", 0);
}

static void folder_for_certificate(void)
{
	unlink(test_path("a.pem"));
	ck_assert(!symlink("/etc", test_path("a.pem")));
}

static void binary_key(void)
{
	write_text("a.key", "0\202\0", 3);
}

static void broken_certificate(void)
{
	break_pem("a.pem");
}

static void broken_key(void)
{
	break_pem("a.key");
}

static void broken_second(void)
{
	char text[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

	write_text("b.pem", text, strlen(text));
	append_file("a.pem", "b.pem");
}

static void other_key(void)
{
	write_key("a.key", KEY_OTHER_EC, NULL);
}

static void other_kind_of_key(void)
{
	write_key("a.key", KEY_RSA, NULL);
}

static void encrypted_key(void)
{
	write_key("a.key", KEY_EC, "secret");
}

/* The empty password is a password. */
static void emptily_encrypted_key(void)
{
	write_key("a.key", KEY_EC, "");
}

/* The older form, with its headers. */
static void traditionally_encrypted_key(void)
{
	BIO *bio = BIO_new_file(test_path("a.key"), "w");
	unsigned char password[] = "secret";

	ck_assert(PEM_write_bio_PrivateKey_traditional(bio, key_of(KEY_EC), EVP_aes_128_cbc(),
						       password, 6, NULL, NULL));
	BIO_free(bio);
}

static void public_key(void)
{
	FILE *file = fopen(test_path("a.key"), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert(PEM_write_PUBKEY(file, key_of(KEY_EC)));
	fclose(file);
}

static void disordered_chain(void)
{
	const struct wish wishes[] = {
		{ .common_name = "leaf", .issuer = "middle", .key = KEY_EC },
		{ .common_name = "root", .key = KEY_AUTHORITY, .is_authority = true },
		{ .common_name = "middle",
		  .issuer = "root",
		  .key = KEY_AUTHORITY,
		  .is_authority = true },
	};

	write_chain("a.pem", wishes, COUNT(wishes));
}

static void leaf_last(void)
{
	const struct wish wishes[] = {
		{ .common_name = "root", .key = KEY_AUTHORITY, .is_authority = true },
		{ .common_name = "leaf", .issuer = "root", .key = KEY_EC },
	};

	write_chain("a.pem", wishes, COUNT(wishes));
}

static void long_chain(void)
{
	struct wish wishes[TLS_CHAIN_MAX + 1];

	for (size_t i = 0; i < COUNT(wishes); i++)
		wishes[i] = (struct wish){ .common_name = "ca",
					   .issuer = i ? "ca" : NULL,
					   .key = i ? KEY_AUTHORITY : KEY_EC,
					   .is_authority = true };
	write_chain("a.pem", wishes, COUNT(wishes));
}

static void huge_file(void)
{
	ck_assert(!truncate(test_path("a.pem"), (off_t)TLS_FILE_MAX + 1));
}

static void huge_text(void)
{
	char *text = malloc(TLS_FILE_MAX + 1);

	memset(text, '\n', TLS_FILE_MAX + 1);
	write_text("a.pem", text, TLS_FILE_MAX + 1);
	free(text);
}

static void weak_key(void)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	X509 *certificate = make_certificate(&(struct wish){ .common_name = "weak" });
	FILE *file = fopen(test_path("a.key"), "w");

	ck_assert(weak && file);
	ck_assert(X509_set_pubkey(certificate, weak));
	ck_assert(X509_sign(certificate, weak, EVP_sha256()));
	ck_assert(PEM_write_PrivateKey(file, weak, NULL, NULL, 0, NULL, NULL));
	fclose(file);
	write_certificates("a.pem", &certificate, 1);
	X509_free(certificate);
	EVP_PKEY_free(weak);
}

static const struct {
	void (*spoil)(void);
	const char *what;
} files[] = {
	{ no_certificate, "/a.pem: No such file or directory" },
	{ no_key, "/a.key: No such file or directory" },
	{ empty_certificate, "/a.pem: holds no certificate; give one in PEM" },
	{ empty_key, "/a.key: no private key can be read; give one in PEM" },
	{ folder_for_certificate, "/a.pem: not a regular file" },
	{ binary_key, "/a.key:1: a NUL byte; this is not a text file" },
	{ broken_certificate, "/a.pem: certificate 1 of the file cannot be read (" },
	{ broken_key, "/a.key: no private key can be read; give one in PEM (" },
	{ broken_second, "/a.pem: certificate 2 of the file cannot be read (" },
	{ other_key, "/a.key: not the key of the certificate " },
	{ other_key, "/a.pem; list keys in the order of their certificates (key values mismatch)" },
	{ other_kind_of_key, "different key types" },
	{ encrypted_key, "/a.key: the key is encrypted; write it without a password" },
	{ emptily_encrypted_key, "/a.key: the key is encrypted" },
	{ traditionally_encrypted_key, "/a.key: the key is encrypted" },
	{ public_key, "/a.key: no private key can be read" },
	{ disordered_chain, "/a.pem: certificate 1 of the file is not signed by number 2; order" },
	{ leaf_last, "/a.pem: certificate 1 of the file is not signed by number 2" },
	{ long_chain, "/a.pem: holds 11 certificates; leave only the chain" },
	{ huge_file, "/a.pem:" },
	{ huge_text, "/a.pem: larger than 1048576 bytes; name a PEM file" },
	{ weak_key, "/a.pem: the certificate cannot be used (ee key too small)" },
};

/* The pair before it is fine. */
START_TEST(test_files)
{
	const struct section section = { .pairs = { "fine", "a" } };

	write_pair("fine", &(struct wish){ .common_name = "fine" });
	write_pair("a", &(struct wish){ .common_name = "a", .key = KEY_EC });
	files[_i].spoil();
	expect_refusal(&section, files[_i].what);
}
END_TEST

/* ---- what is taken */

static void parameters_before_key(void)
{
	FILE *file = fopen(test_path("a.key"), "w");
	BIO *bio = BIO_new_fp(file, BIO_CLOSE);

	fputs("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
	      file);
	ck_assert(PEM_write_bio_PrivateKey_traditional(bio, key_of(KEY_EC), NULL, NULL, 0, NULL,
						       NULL));
	BIO_free(bio);
}

static void key_behind_certificate(void)
{
	append_file("a.pem", "a.key");
	unlink(test_path("a.key"));
	ck_assert(!symlink("a.pem", test_path("a.key")));
}

static void text_around(void)
{
	write_text("b", "subject=a\nnot PEM\n", 18);
	append_file("b", "a.pem");
	append_file("b", "b");
	ck_assert(!rename(test_path("b"), test_path("a.pem")));
}

static void expired(void)
{
	write_pair("a", &(struct wish){ .common_name = "a",
					.key = KEY_EC,
					.begins = -2 * A_DAY,
					.ends = -A_DAY });
}

static void nameless(void)
{
	write_pair("a", &(struct wish){ .key = KEY_EC });
}

static void (*const taken[])(void) = { parameters_before_key, key_behind_certificate, text_around,
				       expired, nameless };

START_TEST(test_taken)
{
	const struct section section = { .pairs = { "a" } };
	struct tls_contexts *contexts;
	struct handshake handshake;

	write_pair("a", &(struct wish){ .common_name = "a", .key = KEY_EC });
	taken[_i]();
	contexts = contexts_with(&section);
	ck_assert(shake_hands(&handshake, contexts, &(struct client){ 0 }));
	hang_up(&handshake);
	tls_contexts_close(contexts);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls-files");
	TCase *tests = tcase_create("tls-files");

	make_keys();
	tcase_add_checked_fixture(tests, tls_set_up, tls_tear_down);
	tcase_add_loop_test(tests, test_files, 0, COUNT(files));
	tcase_add_loop_test(tests, test_taken, 0, COUNT(taken));
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
