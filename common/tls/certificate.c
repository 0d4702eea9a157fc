/*
 * certificate.c - certificates in PEM files: the chain, its names, its end
 *
 * Runs in: postern's master, postern-worker.  Privilege: none needed.
 * Distrusts: the files.
 */
#include "common/tls/certificate.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/configuration/fields.h"
#include "common/tls/library.h"
#include "common/tls/names.h"

#define DAY 86400

/* ---- reading */

/* Whether reading ended for no other reason than that there are no more. */
static bool is_at_end(void)
{
	unsigned long error = ERR_peek_last_error();

	if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static bool read_all(BIO *bio, STACK_OF(X509) * certificates)
{
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(bio, NULL, tls_no_password, NULL)))
		if (!sk_X509_push(certificates, certificate)) {
			X509_free(certificate);
			return false;
		}
	return is_at_end();
}

STACK_OF(X509) * tls_certificates_read(const struct tls_source *source, struct problem *problem)
{
	BIO *bio = BIO_new_mem_buf(source->text, (int)source->length);
	STACK_OF(X509) *certificates = sk_X509_new_null();
	bool is_read = bio && certificates && read_all(bio, certificates);
	int count = sk_X509_num(certificates);

	BIO_free(bio);
	if (is_read && count > 0)
		return certificates;
	if (is_read)
		problem_set(problem, "%s: holds no certificate; give one in PEM", source->file);
	else
		tls_problem(problem, "%s: certificate %d of the file cannot be read", source->file,
			    count + 1);
	sk_X509_pop_free(certificates, X509_free);
	return NULL;
}

static bool check_chain(const struct tls_source *source, STACK_OF(X509) * chain,
			struct problem *problem)
{
	int count = sk_X509_num(chain);

	if (count > TLS_CHAIN_MAX)
		return problem_set(problem,
				   "%s: holds %d certificates; leave only the chain that leads to "
				   "the authority",
				   source->file, count);
	for (int i = 1; i < count; i++)
		if (X509_check_issued(sk_X509_value(chain, i), sk_X509_value(chain, i - 1)) !=
		    X509_V_OK)
			return tls_problem(problem,
					   "%s: certificate %d of the file is not signed by number "
					   "%d; order them from the server's own to the authority",
					   source->file, i, i + 1);
	return true;
}

STACK_OF(X509) * tls_chain_read(const struct tls_source *source, struct problem *problem)
{
	STACK_OF(X509) *chain = tls_certificates_read(source, problem);

	if (!chain || check_chain(source, chain, problem))
		return chain;
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

/* ---- names */

/* A wildcard is the whole leftmost label, or it is none (RFC 6125 6.4.3). */
static bool add_name(const unsigned char *bytes, int length, struct text_list *names)
{
	static const char wildcard[] = { '*', '.' };
	const char *text = (const char *)bytes;
	char name[sizeof(wildcard) + TLS_NAME_SIZE];
	size_t prefix = 0;

	if (length > (int)sizeof(wildcard) && !memcmp(text, wildcard, sizeof(wildcard)))
		prefix = sizeof(wildcard);
	memcpy(name, wildcard, prefix);
	if (length < 0 ||
	    !tls_name_normalise(text + prefix, (size_t)length - prefix, name + prefix))
		return true;
	return text_list_add(names, name);
}

static bool add_alternatives(const X509 *certificate, struct text_list *names, bool *has_domain)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool is_added = true;

	for (int i = 0; i < sk_GENERAL_NAME_num(all) && is_added; i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);

		if (one->type != GEN_DNS)
			continue;
		*has_domain = true;
		is_added = add_name(ASN1_STRING_get0_data(one->d.dNSName),
				    ASN1_STRING_length(one->d.dNSName), names);
	}
	GENERAL_NAMES_free(all);
	return is_added;
}

/* The last common name is the most specific one. */
static bool add_common_name(const X509 *certificate, struct text_list *names)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int last = -1, next;
	unsigned char *utf8 = NULL;
	bool is_added = true;
	int length;

	while ((next = X509_NAME_get_index_by_NID(subject, NID_commonName, last)) >= 0)
		last = next;
	if (last < 0)
		return true;
	length = ASN1_STRING_to_UTF8(&utf8,
				     X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
	if (length >= 0)
		is_added = add_name(utf8, length, names);
	OPENSSL_free(utf8);
	return is_added;
}

bool tls_certificate_names(const X509 *certificate, struct text_list *names)
{
	bool has_domain = false;

	return add_alternatives(certificate, names, &has_domain) &&
	       (has_domain || add_common_name(certificate, names));
}

/* ---- its end */

int64_t tls_certificate_left(const X509 *certificate, int64_t now)
{
	ASN1_TIME *present = ASN1_TIME_set(NULL, now);
	int days = 0, seconds = 0;

	/* A date that cannot be read is as good as one that is past. */
	if (!present || !ASN1_TIME_diff(&days, &seconds, present, X509_get0_notAfter(certificate)))
		days = -1;
	ASN1_TIME_free(present);
	ERR_clear_error();
	return (int64_t)days * DAY + seconds;
}
