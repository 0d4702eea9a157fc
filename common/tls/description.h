/*
 * description.h - what an established session is, for the log and Received
 */
#ifndef POSTERN_COMMON_TLS_DESCRIPTION_H
#define POSTERN_COMMON_TLS_DESCRIPTION_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "common/tls/names.h"

/* C strings of printable ASCII, cut to fit. */
struct tls_description {
	char version[16];		 /* "TLSv1.3" */
	char cipher[64];		 /* its name at the IANA (RFC 8314 7.4: clause "tls") */
	char group[32];			 /* of the key exchange, likewise; "" for none */
	char server_name[TLS_NAME_SIZE]; /* SNI in the form of tls_name_normalise; "" for none */
	char client[256];		 /* subject of its certificate (RFC 2253); "" for none */
	char verified[96];		 /* of that certificate: "ok", or what is wrong with it;
					    "" where there is none */
	bool resumed;
};

/* The session must have shaken hands. */
void tls_describe(SSL *session, struct tls_description *description);

#endif
