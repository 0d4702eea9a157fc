/*
 * certificate.h - certificates in PEM files: the chain, its names, its end
 */
#ifndef POSTERN_COMMON_TLS_CERTIFICATE_H
#define POSTERN_COMMON_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"
#include "common/tls/material.h"

/* A chain has three certificates or four; clients refuse longer ones than this, too. */
#define TLS_CHAIN_MAX 10

/*
 * All certificates of the text, at least one, in their order. NULL with
 * "<file>: ..." in *problem. Free with sk_X509_pop_free(..., X509_free).
 */
STACK_OF(X509) * tls_certificates_read(const struct tls_source *source, struct problem *problem);

/*
 * The same for a server's own certificate and its chain: each is signed by the
 * next one (RFC 5246 7.4.2), and there are not more than TLS_CHAIN_MAX.
 */
STACK_OF(X509) * tls_chain_read(const struct tls_source *source, struct problem *problem);

/*
 * Adds the domains that the certificate is for, in the form of tls_name_normalise
 * or as "*." and such a name: dNSNames of subjectAltName; where it has none, the
 * common name (RFC 6125 6.4.4). Other names are left out. False: memory is short.
 */
bool tls_certificate_names(const X509 *certificate, struct text_list *names);

/* Seconds from `now` until the certificate ends; negative when it has ended. */
int64_t tls_certificate_left(const X509 *certificate, int64_t now);

#endif
