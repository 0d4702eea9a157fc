/*
 * material.h - the sealed file with certificates, keys and the secret of the tickets
 *
 *   magic u32, sealed_at u64, secret, pairs u32,
 *   for each pair: certificate, key;  authorities
 *
 * each of them being two strings of common/frame/wire.h: the file's name with
 * its NUL, and its text. Without a certificate the file is empty.
 */
#ifndef POSTERN_COMMON_TLS_MATERIAL_H
#define POSTERN_COMMON_TLS_MATERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"

#define TLS_SECRET_SIZE 64

/* Larger files are refused: all authorities that browsers know take a quarter of it. */
#define TLS_FILE_MAX ((size_t)1 << 20)

/* A PEM file. */
struct tls_source {
	const char *file; /* its name, for whoever mends it */
	const char *text; /* no NUL behind it */
	size_t length;
};

struct tls_pair {
	struct tls_source certificate; /* with its chain */
	struct tls_source key;
};

/* Texts and names lie in the mapped file. */
struct tls_material {
	int64_t sealed_at;	       /* by tls_tickets_clock() */
	const uint8_t *secret;	       /* TLS_SECRET_SIZE bytes */
	struct tls_pair *pairs;	       /* the first one is for clients that fit no other */
	size_t count;		       /* 0: there is no TLS */
	struct tls_source authorities; /* length 0: none */
	void *mapped;
	size_t size;
};

/*
 * Writes a new sealed file. Nothing of the secrets stays in memory. Returns the
 * descriptor, close-on-exec, or -1 with *problem set.
 */
int tls_material_seal(const struct tls_material *material, struct problem *problem);

/*
 * Maps the file; the descriptor may be closed afterwards. False with *problem
 * set. Close with tls_material_close as soon as contexts are made.
 */
bool tls_material_open(int descriptor, struct tls_material *material, struct problem *problem);
void tls_material_close(struct tls_material *material);

#endif
