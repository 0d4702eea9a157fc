/*
 * description.c - what an established session is, for the log and Received
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the name and the certificate that a client sends.
 */
#include "common/tls/description.h"

#include <string.h>

#include <bsd/string.h>
#include <openssl/err.h>

#include "common/configuration/text_file.h"

static void describe_group(SSL *session, char *group, size_t size)
{
	long number = SSL_get_negotiated_group(session);
	const char *name = number ? SSL_group_to_name(session, (int)number) : NULL;

	strlcpy(group, name ? name : "", size);
}

/* All that is not printable ASCII is escaped by RFC 2253. */
static void describe_subject(const X509 *certificate, char *text, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long length;

	*text = '\0';
	if (bio &&
	    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
		length = BIO_get_mem_data(bio, &bytes);
		if (length > (long)size - 1)
			length = (long)size - 1;
		memcpy(text, bytes, (size_t)length);
		text[length] = '\0';
		text_make_printable(text);
	}
	BIO_free(bio);
}

static void describe_client(const SSL *session, struct tls_description *description)
{
	const X509 *certificate = SSL_get0_peer_certificate(session);
	long result = SSL_get_verify_result(session);

	if (!certificate)
		return;
	describe_subject(certificate, description->client, sizeof(description->client));
	strlcpy(description->verified, X509_verify_cert_error_string(result),
		sizeof(description->verified));
}

void tls_describe(SSL *session, struct tls_description *description)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(session);
	const char *cipher_name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
	const char *server_name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);

	memset(description, 0, sizeof(*description));
	strlcpy(description->version, SSL_get_version(session), sizeof(description->version));
	strlcpy(description->cipher, cipher_name ? cipher_name : "", sizeof(description->cipher));
	describe_group(session, description->group, sizeof(description->group));
	if (server_name)
		tls_name_normalise(server_name, strlen(server_name), description->server_name);
	describe_client(session, description);
	description->resumed = SSL_session_reused(session);
	ERR_clear_error();
}
