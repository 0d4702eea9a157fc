/*
 * certificates.c - keys and certificates that a test makes itself
 */
#include "tests/unit/certificates.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/configuration_fixture.h"

static EVP_PKEY *keys[KEY_NUMBER];

void make_keys(void)
{
	keys[KEY_RSA] = EVP_RSA_gen(2048);
	keys[KEY_OTHER_RSA] = EVP_RSA_gen(2048);
	keys[KEY_EC] = EVP_EC_gen("P-256");
	keys[KEY_OTHER_EC] = EVP_EC_gen("P-256");
	keys[KEY_AUTHORITY] = EVP_EC_gen("P-256");
}

EVP_PKEY *key_of(enum key_number number)
{
	ck_assert_ptr_nonnull(keys[number]);
	return keys[number];
}

static void add_common_name(X509_NAME *name, const char *text)
{
	if (text)
		ck_assert(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
						     (const unsigned char *)text, -1, -1, 0));
}

static void add_extension(X509 *certificate, int number, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, number, value);

	ck_assert_ptr_nonnull(extension);
	ck_assert(X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

X509 *make_certificate(const struct wish *wish)
{
	static long serial = 1;
	X509 *certificate = X509_new();
	X509_NAME *issuer = X509_NAME_new();

	ck_assert(certificate && issuer);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), wish->begins ? wish->begins : -A_DAY);
	X509_gmtime_adj(X509_getm_notAfter(certificate), wish->ends ? wish->ends : 90 * A_DAY);
	add_common_name(X509_get_subject_name(certificate), wish->common_name);
	add_common_name(issuer, wish->issuer ? wish->issuer : wish->common_name);
	X509_set_issuer_name(certificate, issuer);
	X509_NAME_free(issuer);
	X509_set_pubkey(certificate, key_of(wish->key));
	add_extension(certificate, NID_basic_constraints,
		      wish->is_authority ? "critical,CA:TRUE" : "CA:FALSE");
	if (wish->alternatives)
		add_extension(certificate, NID_subject_alt_name, wish->alternatives);
	ck_assert(X509_sign(certificate, key_of(wish->issuer ? KEY_AUTHORITY : wish->key),
			    EVP_sha256()));
	return certificate;
}

const char *test_path(const char *name)
{
	static char paths[8][160];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", configuration_folder, name);
	return path;
}

static FILE *open_file(const char *name)
{
	FILE *file = fopen(test_path(name), "w");

	ck_assert_ptr_nonnull(file);
	return file;
}

void write_certificates(const char *name, X509 *const *certificates, size_t count)
{
	FILE *file = open_file(name);

	for (size_t i = 0; i < count; i++)
		ck_assert(PEM_write_X509(file, certificates[i]));
	fclose(file);
}

void write_key(const char *name, enum key_number key, const char *password)
{
	FILE *file = open_file(name);

	ck_assert(PEM_write_PKCS8PrivateKey(file, key_of(key), password ? EVP_aes_256_cbc() : NULL,
					    password, password ? (int)strlen(password) : 0, NULL,
					    NULL));
	fclose(file);
}

void write_pair(const char *name, const struct wish *wish)
{
	X509 *certificate = make_certificate(wish);
	char file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	write_certificates(file, &certificate, 1);
	snprintf(file, sizeof(file), "%s.key", name);
	write_key(file, wish->key, NULL);
	X509_free(certificate);
}
