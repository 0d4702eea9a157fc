/*
 * certificates.h - keys and certificates that a test makes itself
 */
#ifndef POSTERN_TESTS_UNIT_CERTIFICATES_H
#define POSTERN_TESTS_UNIT_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

/* Keys are made once for the program: call it in main(), before libcheck forks. */
void make_keys(void);

enum key_number { KEY_RSA, KEY_EC, KEY_OTHER_RSA, KEY_OTHER_EC, KEY_AUTHORITY, KEY_NUMBER };

EVP_PKEY *key_of(enum key_number number);

#define A_DAY 86400L

struct wish {
	const char *common_name;  /* NULL: none */
	const char *alternatives; /* as openssl writes them, "DNS:a,DNS:b"; NULL: none */
	enum key_number key;
	const char *issuer; /* common name of who signs with KEY_AUTHORITY; NULL: self-signed */
	bool is_authority;
	long begins, ends; /* seconds from now; ends 0: in 90 days */
};

X509 *make_certificate(const struct wish *wish);

/* Files below the folder of configuration_fixture; the path is static, for one of eight calls. */
const char *test_path(const char *name);
void write_certificates(const char *name, X509 *const *certificates, size_t count);
/* A password NULL: not encrypted. */
void write_key(const char *name, enum key_number key, const char *password);

/* make_certificate and write_certificates for "NAME.pem", write_key for "NAME.key". */
void write_pair(const char *name, const struct wish *wish);

#endif
