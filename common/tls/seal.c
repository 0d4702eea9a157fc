/*
 * seal.c - reads the files of section `tls` and seals them for the workers
 *
 * Runs in: postern's master.  Privilege: root, or CAP_DAC_READ_SEARCH at a
 * reload: keys are for root's eyes only.
 * Distrusts: the files.
 */
#include "common/tls/seal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "common/configuration/fields.h"
#include "common/configuration/text_file.h"
#include "common/tls/certificate.h"
#include "common/tls/context.h"
#include "common/tls/library.h"
#include "common/tls/material.h"
#include "common/tls/tickets.h"

#define DAY 86400

/* ---- reading the files */

/* Each text is to be forgotten by forget_source. */
static bool read_source(const char *path, struct tls_source *source, struct problem *problem)
{
	struct text_file file;

	if (!text_file_read(path, &file, problem))
		return false;
	*source = (struct tls_source){ path, file.text, file.length };
	if (file.length <= TLS_FILE_MAX)
		return true;
	return problem_set(problem, "%s: larger than %zu bytes; name a PEM file", path,
			   TLS_FILE_MAX);
}

static void forget_source(struct tls_source *source)
{
	char *text = (char *)source->text;

	if (text)
		OPENSSL_cleanse(text, source->length);
	free(text);
}

/* The configuration has as many keys as certificates: common/configuration/check.c. */
static bool read_pairs(const struct configuration *configuration, struct tls_material *material,
		       struct problem *problem)
{
	const struct text_list *certificates = &configuration->tls.certificates;
	const struct text_list *keys = &configuration->tls.keys;

	require(certificates->count == keys->count);
	material->pairs = allocate(certificates->count + 1, sizeof(*material->pairs));
	if (!material->pairs)
		return problem_set(problem, "tls: out of memory");
	for (; material->count < certificates->count; material->count++) {
		struct tls_pair *pair = &material->pairs[material->count];

		if (!read_source(certificates->items[material->count], &pair->certificate,
				 problem) ||
		    !read_source(keys->items[material->count], &pair->key, problem)) {
			forget_source(&pair->certificate);
			forget_source(&pair->key);
			return false;
		}
	}
	return true;
}

static bool read_files(const struct configuration *configuration, struct tls_material *material,
		       struct problem *problem)
{
	const char *authorities = configuration->tls.client_authorities;

	material->authorities.file = authorities;
	return read_pairs(configuration, material, problem) &&
	       (material->count == 0 || !*authorities ||
		read_source(authorities, &material->authorities, problem));
}

static void forget_files(struct tls_material *material)
{
	for (size_t i = 0; i < material->count; i++) {
		forget_source(&material->pairs[i].certificate);
		forget_source(&material->pairs[i].key);
	}
	free(material->pairs);
	forget_source(&material->authorities);
}

/* ---- sealing */

static int seal(const struct configuration *configuration, struct problem *problem)
{
	uint8_t secret[TLS_SECRET_SIZE];
	struct tls_material material = { .sealed_at = tls_tickets_clock(), .secret = secret };
	int sealed = -1;

	arc4random_buf(secret, sizeof(secret));
	if (read_files(configuration, &material, problem))
		sealed = tls_material_seal(&material, problem);
	forget_files(&material);
	OPENSSL_cleanse(secret, sizeof(secret));
	return sealed;
}

int tls_seal(const struct configuration *configuration, struct problem *problem)
{
	int sealed = seal(configuration, problem);
	struct tls_contexts *contexts;

	if (sealed < 0)
		return -1;
	if (tls_contexts_open(sealed, configuration, &contexts, problem)) {
		tls_contexts_close(contexts);
		return sealed;
	}
	close(sealed);
	return -1;
}

/* ---- certificates that end */

static void tell_ending(const struct tls_source *source, const X509 *certificate, int64_t left,
			tls_each_function *each, void *context)
{
	struct text_list names = { NULL, 0 };
	struct tls_ending ending = { source->file, "", left };

	tls_certificate_names(certificate, &names);
	if (names.count > 0)
		ending.name = names.items[0];
	each(context, &ending);
	text_list_free(&names);
}

void tls_each_ending(int sealed, int64_t now, unsigned days, tls_each_function *each, void *context)
{
	struct tls_material material;
	struct problem problem;

	if (!tls_library_start(&problem) || !tls_material_open(sealed, &material, &problem))
		return;
	for (size_t i = 0; i < material.count; i++) {
		const struct tls_source *source = &material.pairs[i].certificate;
		STACK_OF(X509) *chain = tls_chain_read(source, &problem);
		int64_t left = chain ? tls_certificate_left(sk_X509_value(chain, 0), now) : 0;

		if (chain && left <= (int64_t)days * DAY)
			tell_ending(source, sk_X509_value(chain, 0), left, each, context);
		sk_X509_pop_free(chain, X509_free);
	}
	tls_material_close(&material);
	ERR_clear_error();
}
