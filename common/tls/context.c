/*
 * context.c - OpenSSL contexts made from the sealed file, and sessions of them
 *
 * Runs in: postern-worker; in postern's master to try them.  Privilege: none needed.
 * Distrusts: the name that a client sends (SNI).
 */
#include "common/tls/context.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "common/configuration/fields.h"
#include "common/tls/certificate.h"
#include "common/tls/library.h"
#include "common/tls/material.h"
#include "common/tls/names.h"
#include "common/tls/private_key.h"
#include "common/tls/settings.h"
#include "common/tls/tickets.h"

/* Pairs with the same names and keys of different kinds, so that each client finds one it knows. */
struct context {
	SSL_CTX *openssl;
	struct text_list names; /* sorted */
};

struct tls_contexts {
	struct context *items; /* the first one is for clients that fit no other */
	size_t count;
	struct tls_names names; /* to the place among the items */
	struct tls_tickets tickets;
};

/* What contexts are made of. */
struct workshop {
	const struct configuration *configuration;
	struct tls_material material;
	X509_STORE *authorities;
	struct problem *problem;
};

/* ---- SNI */

/*
 * Certificates and keys change with the context, and what a session takes from
 * it while it lasts: ciphers, ALPN, authorities. The rest (options, modes,
 * versions, groups, verification) the session has from the first context. Both
 * come from tls_settings_apply(), the same for all. An unknown name is no
 * reason to end a session with mail (RFC 6066 3 lets us go on).
 */
static int on_server_name(SSL *session, int *alert, void *argument)
{
	const struct tls_contexts *contexts = argument;
	const char *sent = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
	char name[TLS_NAME_SIZE];
	size_t place;

	if (!sent || !tls_name_normalise(sent, strlen(sent), name) ||
	    !tls_names_find(&contexts->names, name, &place))
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_set_SSL_CTX(session, contexts->items[place].openssl))
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- one context */

static int kind_of(const X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);

	return key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
}

/* A context holds one certificate of each kind of key. */
static bool has_kind(SSL_CTX *context, int kind)
{
	bool is_there = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST);

	while (is_there && kind_of(SSL_CTX_get0_certificate(context)) != kind)
		is_there = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT);
	return is_there;
}

static bool are_equal(const struct text_list *left, const struct text_list *right)
{
	if (left->count != right->count)
		return false;
	for (size_t i = 0; i < left->count; i++)
		if (strcmp(left->items[i], right->items[i]) != 0)
			return false;
	return true;
}

/* The context of a pair of the same names and another kind of key, or NULL. */
static struct context *find_companion(struct tls_contexts *contexts, const struct text_list *names,
				      int kind)
{
	for (size_t i = 0; i < contexts->count; i++)
		if (are_equal(&contexts->items[i].names, names) &&
		    !has_kind(contexts->items[i].openssl, kind))
			return &contexts->items[i];
	return NULL;
}

static bool prepare(struct tls_contexts *contexts, SSL_CTX *context,
		    const struct workshop *workshop)
{
	SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(context, contexts);
	if (!tls_tickets_use(context, &contexts->tickets))
		return tls_problem(workshop->problem, "tls.tickets: OpenSSL refuses them");
	return tls_settings_apply(context, workshop->configuration, workshop->authorities,
				  workshop->problem);
}

/* Takes the names over; there is room for each pair. NULL with the problem set. */
static struct context *add_context(struct tls_contexts *contexts, struct text_list *names,
				   const struct workshop *workshop)
{
	struct context *added = &contexts->items[contexts->count];

	if (!tls_names_add(&contexts->names, names, contexts->count)) {
		problem_set(workshop->problem, "tls: out of memory");
		return NULL;
	}
	added->openssl = SSL_CTX_new(TLS_server_method());
	added->names = *names;
	*names = (struct text_list){ NULL, 0 };
	contexts->count++;
	if (!added->openssl)
		tls_problem(workshop->problem, "tls: OpenSSL makes no context");
	else if (prepare(contexts, added->openssl, workshop))
		return added;
	return NULL;
}

/* ---- one pair */

/* The first certificate is the server's own one, the others go with it. */
static bool use_chain(SSL_CTX *context, STACK_OF(X509) * chain, const struct tls_pair *pair,
		      struct problem *problem)
{
	if (!SSL_CTX_use_certificate(context, sk_X509_value(chain, 0)))
		return tls_problem(problem, "%s: the certificate cannot be used",
				   pair->certificate.file);
	for (int i = 1; i < sk_X509_num(chain); i++)
		if (!SSL_CTX_add1_chain_cert(context, sk_X509_value(chain, i)))
			return tls_problem(problem, "%s: certificate %d of the file cannot be used",
					   pair->certificate.file, i + 1);
	return true;
}

static int compare_texts(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool sorted_names(const X509 *certificate, struct text_list *names)
{
	if (!tls_certificate_names(certificate, names))
		return false;
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_texts);
	return true;
}

static bool add_chain(struct tls_contexts *contexts, STACK_OF(X509) * chain,
		      const struct tls_pair *pair, const struct workshop *workshop)
{
	const X509 *certificate = sk_X509_value(chain, 0);
	struct text_list names = { NULL, 0 };
	struct context *context = NULL;

	if (!sorted_names(certificate, &names))
		problem_set(workshop->problem, "%s: out of memory", pair->certificate.file);
	else if (!(context = find_companion(contexts, &names, kind_of(certificate))))
		context = add_context(contexts, &names, workshop);
	text_list_free(&names);
	return context && use_chain(context->openssl, chain, pair, workshop->problem) &&
	       tls_private_key_use(context->openssl, pair, workshop->problem);
}

static bool add_pair(struct tls_contexts *contexts, const struct tls_pair *pair,
		     const struct workshop *workshop)
{
	STACK_OF(X509) *chain = tls_chain_read(&pair->certificate, workshop->problem);
	bool is_added = chain && add_chain(contexts, chain, pair, workshop);

	sk_X509_pop_free(chain, X509_free);
	return is_added;
}

/* ---- all of them */

static bool fill_store(X509_STORE *store, const struct tls_source *source, struct problem *problem)
{
	STACK_OF(X509) *certificates = tls_certificates_read(source, problem);
	bool is_filled = certificates;

	for (int i = 0; i < sk_X509_num(certificates) && is_filled; i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(certificates, i)))
			is_filled = tls_problem(problem,
						"%s: certificate %d of the file cannot be used",
						source->file, i + 1);
	sk_X509_pop_free(certificates, X509_free);
	return is_filled;
}

/* A listed certificate is trusted as it is, whether or not it has an authority of its own. */
static bool make_store(struct workshop *workshop)
{
	workshop->authorities = X509_STORE_new();
	if (!workshop->authorities ||
	    !X509_STORE_set_flags(workshop->authorities, X509_V_FLAG_PARTIAL_CHAIN))
		return tls_problem(workshop->problem, "tls: OpenSSL makes no store");
	return workshop->material.authorities.length == 0 ||
	       fill_store(workshop->authorities, &workshop->material.authorities,
			  workshop->problem);
}

static bool make_all(struct tls_contexts *contexts, struct workshop *workshop)
{
	const struct tls_material *material = &workshop->material;

	contexts->items = allocate(material->count, sizeof(*contexts->items));
	if (!contexts->items ||
	    !tls_tickets_begin(&contexts->tickets, material, tls_tickets_clock()))
		return problem_set(workshop->problem, "tls: out of memory");
	if (!make_store(workshop))
		return false;
	for (size_t i = 0; i < material->count; i++)
		if (!add_pair(contexts, &material->pairs[i], workshop))
			return false;
	tls_names_sort(&contexts->names);
	return true;
}

static struct tls_contexts *make(struct workshop *workshop)
{
	struct tls_contexts *contexts = allocate(1, sizeof(*contexts));

	if (!contexts)
		problem_set(workshop->problem, "tls: out of memory");
	else if (make_all(contexts, workshop))
		return contexts;
	tls_contexts_close(contexts);
	return NULL;
}

bool tls_contexts_open(int sealed, const struct configuration *configuration,
		       struct tls_contexts **contexts, struct problem *problem)
{
	struct workshop workshop = { .configuration = configuration, .problem = problem };
	bool is_made = true;

	*contexts = NULL;
	if (!tls_library_start(problem) || !tls_material_open(sealed, &workshop.material, problem))
		return false;
	if (workshop.material.count > 0) {
		*contexts = make(&workshop);
		is_made = *contexts;
	}
	X509_STORE_free(workshop.authorities);
	tls_material_close(&workshop.material);
	return is_made;
}

void tls_contexts_close(struct tls_contexts *contexts)
{
	if (!contexts)
		return;
	for (size_t i = 0; i < contexts->count; i++) {
		SSL_CTX_free(contexts->items[i].openssl);
		text_list_free(&contexts->items[i].names);
	}
	free(contexts->items);
	tls_names_free(&contexts->names);
	tls_tickets_end(&contexts->tickets);
	free(contexts);
}

SSL *tls_contexts_session(struct tls_contexts *contexts, int socket)
{
	SSL *session;

	/* What another session has left would be taken for a reason of this one. */
	ERR_clear_error();
	session = SSL_new(contexts->items[0].openssl);
	if (session && SSL_set_fd(session, socket)) {
		SSL_set_accept_state(session);
		return session;
	}
	SSL_free(session);
	return NULL;
}

void tls_contexts_ratchet(struct tls_contexts *contexts, int64_t now)
{
	tls_tickets_ratchet(&contexts->tickets, now);
}
