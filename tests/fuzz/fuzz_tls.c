/*
 * fuzz_tls.c - the name of SNI, and the sealed file
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: bit 0 of the first byte: the rest is a sealed file. Else lines: first
 * the names of certificates, the last one is what a client sends.
 */
#include "common/configuration/fields.h"
#include "common/configuration/sealed.h"
#include "common/tls/material.h"
#include "common/tls/names.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CERTIFICATES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

/* ---- the sealed file */

static void touch(const struct tls_source *source)
{
	volatile size_t sum = strlen(source->file);

	for (size_t i = 0; i < source->length; i++)
		sum += (unsigned char)source->text[i];
	(void)sum;
}

static void check_sealed(const uint8_t *input, size_t length)
{
	struct problem problem;
	struct tls_material material;
	int descriptor = sealed_create("fuzz", &problem);

	require(descriptor >= 0 && write(descriptor, input, length) == (ssize_t)length);
	require(sealed_close_off(descriptor, &problem));
	if (tls_material_open(descriptor, &material, &problem)) {
		for (size_t i = 0; i < material.count; i++) {
			touch(&material.pairs[i].certificate);
			touch(&material.pairs[i].key);
		}
		if (material.count > 0)
			touch(&material.authorities);
		tls_material_close(&material);
	}
	close(descriptor);
}

/* ---- names */

struct given {
	struct text_list lists[CERTIFICATES_MAX];
	struct tls_names names;
	size_t count;
};

/* As certificate.c does: a wildcard is the whole leftmost label. */
static void add_certificate(struct given *given, const char *line, size_t length)
{
	char name[2 + TLS_NAME_SIZE] = "*.";
	size_t prefix = length > 2 && !memcmp(line, "*.", 2) ? 2 : 0;
	struct text_list *list = &given->lists[given->count];

	if (given->count == CERTIFICATES_MAX ||
	    !tls_name_normalise(line + prefix, length - prefix, name + prefix))
		return;
	require(text_list_add(list, name));
	require(tls_names_add(&given->names, list, given->count));
	given->count++;
}

/* Whether the name is the certificate's, by RFC 6125 6.4.3, without regard to speed. */
static bool fits(const char *pattern, const char *name, bool wildcard)
{
	if (wildcard && pattern[0] == '*' && strchr(name, '.'))
		return !strcmp(pattern + 1, strchr(name, '.'));
	return !wildcard && !strcmp(pattern, name);
}

static size_t expected(const struct given *given, const char *name)
{
	for (int wildcard = 0; wildcard < 2; wildcard++)
		for (size_t i = 0; i < given->count; i++)
			if (fits(given->lists[i].items[0], name, wildcard))
				return i;
	return given->count;
}

static void check_name(const struct given *given, const char *sent, size_t length)
{
	char name[TLS_NAME_SIZE], again[TLS_NAME_SIZE];
	size_t place = given->count;
	bool is_name = tls_name_normalise(sent, length, name);

	require(strlen(name) < sizeof(name) && is_name == (*name != '\0'));
	if (!is_name)
		return;
	require(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name));
	require(*name != '.' && name[strlen(name) - 1] != '.' && !strstr(name, ".."));
	require(tls_name_normalise(name, strlen(name), again) && !strcmp(name, again));
	require(tls_names_find(&given->names, name, &place) == (place < given->count));
	require(place == expected(given, name));
}

static void check_names(const char *text, size_t length)
{
	struct given given = { 0 };
	const char *end;

	while ((end = memchr(text, '\n', length))) {
		add_certificate(&given, text, (size_t)(end - text));
		length -= (size_t)(end - text) + 1;
		text = end + 1;
	}
	tls_names_sort(&given.names);
	check_name(&given, text, length);
	tls_names_free(&given.names);
	for (size_t i = 0; i < given.count; i++)
		text_list_free(&given.lists[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	char *bytes;

	if (length < 1)
		return 0;
	bytes = malloc(length);
	require(bytes);
	/* At the end of its own buffer: the sanitizer sees a read behind it. */
	memcpy(bytes, input, length);
	if (input[0] & 1)
		check_sealed((const uint8_t *)bytes + 1, length - 1);
	else
		check_names(bytes + 1, length - 1);
	free(bytes);
	return 0;
}
