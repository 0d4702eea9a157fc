/*
 * private_key.h - the one place where private keys are put into use
 */
#ifndef POSTERN_COMMON_TLS_PRIVATE_KEY_H
#define POSTERN_COMMON_TLS_PRIVATE_KEY_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "common/fail/fail.h"
#include "common/tls/material.h"

/*
 * Reads the key and gives it to the context, whose present certificate is that
 * of the pair. An encrypted key is refused; nobody is ever asked for a password.
 * False with "<file>: ..." in *problem.
 */
bool tls_private_key_use(SSL_CTX *context, const struct tls_pair *pair, struct problem *problem);

#endif
