/*
 * fuzz_address.c - paths, domains, literals, names
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: kind of path (bit 0) and leniency (bit 1) in the first byte, then the text.
 */
#include "common/fail/fail.h"
#include "common/smtp/address.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static bool same(struct smtp_text a, struct smtp_text b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

static void require_within(struct smtp_text inner, struct smtp_text outer)
{
	require(inner.bytes >= outer.bytes);
	require(inner.bytes + inner.length <= outer.bytes + outer.length);
}

/* What everybody behind the parser counts on: no control byte, nothing malformed. */
static void require_clean(struct smtp_text text)
{
	require(smtp_text_is_utf8(text));
	for (size_t i = 0; i < text.length; i++)
		require(smtp_is_printable(text.bytes[i]) || smtp_is_8bit(text.bytes[i]));
}

static void check_unquote(const struct smtp_path *path)
{
	char plain[SMTP_LOCAL_MAX + 1];
	int length = smtp_local_unquote(path, plain, sizeof(plain));

	require(length >= 0 && (size_t)length <= path->local.length);
	require(strlen(plain) == (size_t)length);
	require(smtp_local_unquote(path, plain, (size_t)length) == -1);
	require(smtp_local_unquote(path, plain, (size_t)length + 1) == length);
	if (!path->is_quoted)
		require(same(path->local, (struct smtp_text){ plain, (size_t)length }));
}

static void check_parts(const struct smtp_path *path)
{
	require_within(path->local, path->whole);
	require_within(path->domain, path->whole);
	require_clean(path->whole);
	require(path->local.length <= SMTP_LOCAL_MAX && path->domain.length <= SMTP_DOMAIN_MAX);
	require(path->whole.length <= SMTP_PATH_MAX);
	require(path->is_null == (path->whole.length == 0));
	require(path->has_8bit || !smtp_text_has_8bit(path->whole));
	if (path->is_literal)
		require(smtp_literal_is_valid(path->domain));
	else if (path->domain.length > 0)
		require(smtp_domain_is_valid(path->domain));
	require(path->domain.length > 0 || same(path->whole, path->local));
	check_unquote(path);
}

/* What was taken is a path again, the same one, in its strict form. */
static void check_again(const struct smtp_path *path, enum smtp_path_kind kind)
{
	char text[SMTP_PATH_MAX + 2];
	struct smtp_path again;
	struct smtp_text rest;

	text[0] = '<';
	memcpy(text + 1, path->whole.bytes, path->whole.length);
	text[path->whole.length + 1] = '>';
	require(smtp_path_parse((struct smtp_text){ text, path->whole.length + 2 }, kind, false,
				&again, &rest) == SMTP_PATH_FINE);
	require(rest.length == 0 && !again.had_route);
	require(same(again.local, path->local) && same(again.domain, path->domain));
}

static void check_path(struct smtp_text text, enum smtp_path_kind kind, bool lenient)
{
	struct smtp_path path;
	struct smtp_text rest;

	if (smtp_path_parse(text, kind, lenient, &path, &rest) != SMTP_PATH_FINE)
		return;
	require_within(path.whole, text);
	require_within(rest, text);
	require(rest.bytes + rest.length == text.bytes + text.length);
	require(path.whole.bytes + path.whole.length <= rest.bytes);
	check_parts(&path);
	check_again(&path, kind);
	require(!path.is_null || kind == SMTP_REVERSE_PATH);
}

static void check_names(struct smtp_text text)
{
	if (smtp_domain_is_valid(text) || smtp_literal_is_valid(text)) {
		require_clean(text);
		require(smtp_text_has_8bit(text) || smtp_helo_is_acceptable(text));
	}
	if (smtp_helo_is_acceptable(text)) {
		require_clean(text);
		require(text.length <= SMTP_DOMAIN_MAX && !smtp_text_has_8bit(text));
		require(!memchr(text.bytes, ' ', text.length));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct smtp_text text;
	char *bytes;

	if (length < 1)
		return 0;
	bytes = malloc(length);
	require(bytes);
	/* At the end of its own buffer: the sanitizer sees a read behind it. */
	memcpy(bytes, input, length);
	text = (struct smtp_text){ bytes + 1, length - 1 };
	check_path(text, input[0] & 1 ? SMTP_FORWARD_PATH : SMTP_REVERSE_PATH, input[0] & 2);
	check_names(text);
	free(bytes);
	return 0;
}
