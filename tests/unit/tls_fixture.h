/*
 * tls_fixture.h - contexts as a worker has them, and clients that shake hands with them
 */
#ifndef POSTERN_TESTS_UNIT_TLS_FIXTURE_H
#define POSTERN_TESTS_UNIT_TLS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/configuration/configuration.h"
#include "common/tls/context.h"
#include "tests/unit/certificates.h"

/* A checked fixture of libcheck: a folder for files. */
void tls_set_up(void);
/* The same, and in it the pairs "ec" and "rsa" and the authority root.pem. */
void tls_set_up_with_files(void);
void tls_tear_down(void);

#define PAIRS_MAX 8

/* Section tls: NAME.pem and NAME.key of each pair, and other options. */
struct section {
	const char *pairs[PAIRS_MAX];
	const char *options; /* NULL: none; a "~" is replaced by the folder and "/" */
};

struct configuration *configuration_with(const struct section *section);

/* Sealed by the master's code, opened by the worker's; fails the test where one refuses. */
struct tls_contexts *contexts_with(const struct section *section);

/* The master refuses the section, and the reason holds `what` in one line. */
void expect_refusal(const struct section *section, const char *what);

struct client {
	const char *server_name; /* NULL: no SNI */
	int minimum, maximum;	 /* versions; 0: OpenSSL's default */
	const char *ciphers;
	const char *suites;
	const char *groups;
	const char *signatures; /* whose certificates it takes, as "ECDSA+SHA256" */
	const char *protocols;	/* of ALPN, each behind its length */
	X509 *certificate;	/* NULL: none */
	enum key_number key;	/* of it */
	SSL_SESSION *session;	/* to resume; NULL: none */
};

struct handshake {
	SSL_CTX *context; /* of the client */
	SSL *client;
	SSL *server;
	int sockets[2];
	char client_error[256]; /* "" : none */
	char server_error[256];
};

/*
 * Both ends over a pair of sockets, until both have shaken hands and the client
 * has read a byte (behind which tickets have come), or one has failed. To be
 * ended by hang_up.
 */
bool shake_hands(struct handshake *handshake, struct tls_contexts *contexts,
		 const struct client *client);
void hang_up(struct handshake *handshake);

/* The common name of the certificate that the server has shown. */
void shown_name(const struct handshake *handshake, char *name, size_t size);

#endif
