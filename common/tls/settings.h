/*
 * settings.h - what section `tls` says, put into an OpenSSL context
 */
#ifndef POSTERN_COMMON_TLS_SETTINGS_H
#define POSTERN_COMMON_TLS_SETTINGS_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"

/*
 * Everything but certificates, keys and tickets. It is the same for each
 * context, so that the change of context by SNI changes nothing else.
 * `authorities` verify client certificates, and are shared by all contexts.
 * False with "tls.<option>: ..." in *problem.
 */
bool tls_settings_apply(SSL_CTX *context, const struct configuration *configuration,
			X509_STORE *authorities, struct problem *problem);

#endif
