/*
 * private_key.c - the one place where private keys are put into use
 *
 * Runs in: postern's master (tries them), postern-worker.  Privilege: none needed.
 * Distrusts: the key file.
 *
 * Until the keeper is there, a worker holds the keys in its own memory. When it
 * comes, it changes this file and nothing else: tls_private_key_use() will then
 * give the context a key whose signatures are made by the keeper (a provider's
 * key in OpenSSL's words), and the sealed file will hold no keys. `make lint`
 * checks that no other object reads a private key or gives one to a context.
 */
#include "common/tls/private_key.h"

#include <limits.h>

#include <openssl/pem.h>

#include "common/tls/library.h"

static EVP_PKEY *read_key(const struct tls_source *source, struct problem *problem)
{
	/* The memory is read where it is, without a copy. */
	BIO *bio = BIO_new_mem_buf(source->text, (int)source->length);
	bool is_asked = false;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, tls_no_password, &is_asked) : NULL;

	BIO_free(bio);
	if (!key && is_asked)
		tls_problem(problem,
			    "%s: the key is encrypted; write it without a password, by openssl "
			    "pkey -in FILE -out NEW",
			    source->file);
	else if (!key)
		tls_problem(problem, "%s: no private key can be read; give one in PEM",
			    source->file);
	return key;
}

bool tls_private_key_use(SSL_CTX *context, const struct tls_pair *pair, struct problem *problem)
{
	EVP_PKEY *key = read_key(&pair->key, problem);
	bool is_used = false;

	if (!key)
		return false;
	/* SSL_CTX_use_PrivateKey() would put a key of another kind beside the certificate. */
	if (!X509_check_private_key(SSL_CTX_get0_certificate(context), key))
		tls_problem(problem,
			    "%s: not the key of the certificate %s; list keys in the order of "
			    "their certificates",
			    pair->key.file, pair->certificate.file);
	else if (!SSL_CTX_use_PrivateKey(context, key))
		tls_problem(problem, "%s: the key cannot be used", pair->key.file);
	else
		is_used = true;
	EVP_PKEY_free(key);
	return is_used;
}
