/*
 * fuzz_parameter.c - the parameters of MAIL, RCPT and VRFY; xtext
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: the command (the first byte modulo 3), then the text behind the path.
 */
#include "common/fail/fail.h"
#include "common/smtp/parameter.h"
#include "common/smtp/xtext.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void require_within(struct smtp_text inner, struct smtp_text outer)
{
	require(inner.bytes >= outer.bytes);
	require(inner.bytes + inner.length <= outer.bytes + outer.length);
}

static bool same(struct smtp_text a, struct smtp_text b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* ---- xtext ---- */

/* All bytes as hexchars: the longest xtext for them. */
static struct smtp_text encode(struct smtp_text plain)
{
	static const char digits[] = "0123456789ABCDEF";
	char *bytes = malloc(plain.length * 3 + 1);

	require(bytes);
	for (size_t i = 0; i < plain.length; i++) {
		unsigned char byte = (unsigned char)plain.bytes[i];

		bytes[3 * i] = '+';
		bytes[3 * i + 1] = digits[byte / 16];
		bytes[3 * i + 2] = digits[byte % 16];
	}
	return (struct smtp_text){ bytes, plain.length * 3 };
}

/* The text becomes `expected`, in a buffer of just that size and in none that is smaller. */
static void require_decoded(struct smtp_text text, struct smtp_text expected)
{
	char *plain = malloc(expected.length + 1);

	require(plain);
	require(smtp_xtext_decode(text, plain, expected.length) == -1);
	require(smtp_xtext_decode(text, plain, expected.length + 1) == (int)expected.length);
	require(same((struct smtp_text){ plain, expected.length }, expected));
	require(plain[expected.length] == '\0');
	free(plain);
}

static void check_plain(struct smtp_text text, struct smtp_text plain)
{
	bool is_printable = true;

	require(plain.length <= text.length);
	for (size_t i = 0; i < plain.length; i++)
		is_printable &= smtp_is_printable(plain.bytes[i]);
	require(smtp_xtext_is_printable(text) == is_printable);
	require_decoded(text, plain);
}

static void check_xtext(struct smtp_text text)
{
	char *plain = malloc(text.length + 1);
	int length;

	require(plain);
	length = smtp_xtext_decode(text, plain, text.length + 1);
	require((length >= 0) == smtp_xtext_is_valid(text));
	if (length >= 0)
		check_plain(text, (struct smtp_text){ plain, (size_t)length });
	else
		require(!smtp_xtext_is_printable(text));
	free(plain);
}

/* Any bytes have an xtext, which becomes those bytes again. */
static void check_encoding(struct smtp_text text)
{
	struct smtp_text encoded = encode(text);

	require(smtp_xtext_is_valid(encoded));
	require_decoded(encoded, text);
	free((char *)(uintptr_t)encoded.bytes);
}

static void check_unitext(struct smtp_text text)
{
	if (!smtp_unitext_is_valid(text))
		return;
	require(text.length > 0 && smtp_text_is_utf8(text));
	require(!memchr(text.bytes, '+', text.length) && !memchr(text.bytes, '=', text.length));
	require(!memchr(text.bytes, ' ', text.length) && !memchr(text.bytes, '\0', text.length));
}

/* ---- parameters ---- */

static bool lies_within(const char *byte, struct smtp_text text)
{
	return byte >= text.bytes && byte < text.bytes + text.length;
}

static void require_equal(const struct smtp_parameters *a, const struct smtp_parameters *b)
{
	require(a->present == b->present);
	require(a->size == b->size);
	require(a->body == b->body);
	require(a->returns == b->returns);
	require(a->notify == b->notify);
	require(same(a->envid, b->envid));
	require(same(a->orcpt, b->orcpt));
}

/* The case of letters means nothing, but in texts that are kept. */
static char variant(const struct smtp_parameters *parameters, const char *byte)
{
	bool is_letter = smtp_is_letter_or_digit(*byte) && *byte > '9';
	bool is_kept = lies_within(byte, parameters->envid) || lies_within(byte, parameters->orcpt);

	return is_letter && !is_kept ? (char)(*byte ^ 0x20) : *byte;
}

/* Nor do spaces at the end. */
static void check_variant(const struct smtp_parameters *parameters,
			  enum smtp_parameter_command command)
{
	size_t length = parameters->raw.length + 2;
	char *bytes = malloc(length);
	struct smtp_parameters again;
	struct smtp_text culprit;

	require(bytes);
	bytes[0] = ' ';
	for (size_t i = 0; i < parameters->raw.length; i++)
		bytes[i + 1] = variant(parameters, parameters->raw.bytes + i);
	bytes[length - 1] = ' ';
	require(smtp_parameters_parse((struct smtp_text){ bytes, length }, command, &again,
				      &culprit) == SMTP_PARAMETER_FINE);
	require_equal(parameters, &again);
	free(bytes);
}

/* What has no value may be said again, a value may not. */
static void check_repeated(const struct smtp_parameters *parameters,
			   enum smtp_parameter_command command, const char *parameter, unsigned bit,
			   enum smtp_parameter_fault expected)
{
	size_t raw = parameters->raw.length, length = raw + strlen(parameter) + 1;
	char *bytes = malloc(length);
	struct smtp_parameters again;
	struct smtp_text culprit;

	require(bytes);
	bytes[0] = ' ';
	memcpy(bytes + 1, parameters->raw.bytes, raw);
	memcpy(bytes + 1 + raw, parameter, strlen(parameter));
	if (parameters->present & bit)
		require(smtp_parameters_parse((struct smtp_text){ bytes, length }, command, &again,
					      &culprit) == expected);
	if (parameters->present & bit && expected == SMTP_PARAMETER_FINE)
		require_equal(parameters, &again);
	free(bytes);
}

/* What each command can have. */
static const unsigned allowed[] = {
	[SMTP_FOR_MAIL] = SMTP_HAS_SIZE | SMTP_HAS_BODY | SMTP_HAS_SMTPUTF8 | SMTP_HAS_RET |
			  SMTP_HAS_ENVID | SMTP_HAS_REQUIRETLS | SMTP_HAS_PRDR,
	[SMTP_FOR_RCPT] = SMTP_HAS_NOTIFY | SMTP_HAS_ORCPT,
	[SMTP_FOR_VRFY] = SMTP_HAS_SMTPUTF8,
};

static void check_reports(const struct smtp_parameters *parameters)
{
	unsigned present = parameters->present, notify = parameters->notify;
	struct smtp_text envid = parameters->envid, orcpt = parameters->orcpt;

	require(((present & SMTP_HAS_RET) == 0) == (parameters->returns == SMTP_RETURN_NONE));
	require(((present & SMTP_HAS_NOTIFY) == 0) == (notify == 0));
	require(notify < 16 && (notify == SMTP_NOTIFY_NEVER || !(notify & SMTP_NOTIFY_NEVER)));
	require(((present & SMTP_HAS_ENVID) == 0) == (envid.length == 0));
	require(envid.length <= SMTP_ENVID_MAX && smtp_xtext_is_printable(envid));
	require(((present & SMTP_HAS_ORCPT) == 0) == (orcpt.length == 0));
	require(orcpt.length <= SMTP_ORCPT_MAX);
	require(orcpt.length == 0 || memchr(orcpt.bytes, ';', orcpt.length));
	require_within(envid, parameters->raw);
	require_within(orcpt, parameters->raw);
}

static void check_members(const struct smtp_parameters *parameters,
			  enum smtp_parameter_command command)
{
	require(!(parameters->present & ~allowed[command]));
	require((parameters->present & SMTP_HAS_SIZE) || parameters->size == 0);
	require((parameters->present & SMTP_HAS_BODY) || parameters->body == SMTP_BODY_7BIT);
	require(smtp_text_is_utf8(parameters->raw));
	require(parameters->raw.length == 0 || parameters->raw.bytes[0] != ' ');
	check_reports(parameters);
}

static const struct {
	const char *text;
	unsigned bit;
	enum smtp_parameter_fault fault;
} repeated[] = {
	{ " smtputf8", SMTP_HAS_SMTPUTF8, SMTP_PARAMETER_FINE },
	{ " PRDR", SMTP_HAS_PRDR, SMTP_PARAMETER_FINE },
	{ " REQUIRETLS", SMTP_HAS_REQUIRETLS, SMTP_PARAMETER_FINE },
	{ " SIZE=1", SMTP_HAS_SIZE, SMTP_PARAMETER_REPEATED },
	{ " BODY=7BIT", SMTP_HAS_BODY, SMTP_PARAMETER_REPEATED },
	{ " NOTIFY=SUCCESS", SMTP_HAS_NOTIFY, SMTP_PARAMETER_REPEATED },
};

static void check(struct smtp_text text, enum smtp_parameter_command command)
{
	struct smtp_parameters parameters;
	struct smtp_text culprit;
	enum smtp_parameter_fault fault;

	fault = smtp_parameters_parse(text, command, &parameters, &culprit);
	require_within(culprit, text);
	if (fault != SMTP_PARAMETER_FINE) {
		require(culprit.length > 0);
		return;
	}
	require(culprit.length == 0);
	require_within(parameters.raw, text);
	check_members(&parameters, command);
	check_variant(&parameters, command);
	for (size_t i = 0; i < sizeof(repeated) / sizeof(repeated[0]); i++)
		check_repeated(&parameters, command, repeated[i].text, repeated[i].bit,
			       repeated[i].fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	static const enum smtp_parameter_command commands[] = { SMTP_FOR_MAIL, SMTP_FOR_RCPT,
								SMTP_FOR_VRFY };
	struct smtp_text text;
	char *bytes;

	if (length < 1)
		return 0;
	bytes = malloc(length);
	require(bytes);
	/* At the end of its own buffer: the sanitizer sees a read behind it. */
	memcpy(bytes, input, length);
	text = (struct smtp_text){ bytes + 1, length - 1 };
	check(text, commands[input[0] % 3]);
	check_xtext(text);
	check_encoding(text);
	check_unitext(text);
	free(bytes);
	return 0;
}
