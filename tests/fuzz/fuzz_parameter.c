/*
 * fuzz_parameter.c - the parameters of MAIL and RCPT
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: the command (bit 0 of the first byte), then the text behind the path.
 */
#include "common/fail/fail.h"
#include "common/smtp/parameter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void require_within(struct smtp_text inner, struct smtp_text outer)
{
	require(inner.bytes >= outer.bytes);
	require(inner.bytes + inner.length <= outer.bytes + outer.length);
}

static void require_equal(const struct smtp_parameters *a, const struct smtp_parameters *b)
{
	require(a->present == b->present);
	require(a->size == b->size);
	require(a->body == b->body);
}

/* The case of letters means nothing, nor do spaces at the end. */
static void check_variant(const struct smtp_parameters *parameters,
			  enum smtp_parameter_command command)
{
	size_t length = parameters->raw.length + 2;
	char *bytes = malloc(length);
	struct smtp_parameters again;
	struct smtp_text culprit;

	require(bytes);
	bytes[0] = ' ';
	for (size_t i = 0; i < parameters->raw.length; i++) {
		char byte = parameters->raw.bytes[i];
		bool is_letter = smtp_is_letter_or_digit(byte) && byte > '9';

		bytes[i + 1] = is_letter ? (char)(byte ^ 0x20) : byte;
	}
	bytes[length - 1] = ' ';
	require(smtp_parameters_parse((struct smtp_text){ bytes, length }, command, &again,
				      &culprit) == SMTP_PARAMETER_FINE);
	require_equal(parameters, &again);
	free(bytes);
}

static void check_members(const struct smtp_parameters *parameters,
			  enum smtp_parameter_command command)
{
	require(command == SMTP_FOR_MAIL || parameters->present == 0);
	require((parameters->present & SMTP_HAS_SIZE) || parameters->size == 0);
	require((parameters->present & SMTP_HAS_BODY) || parameters->body == SMTP_BODY_7BIT);
	require(smtp_text_is_utf8(parameters->raw));
	require(parameters->raw.length == 0 || parameters->raw.bytes[0] != ' ');
}

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
	check((struct smtp_text){ bytes + 1, length - 1 },
	      input[0] & 1 ? SMTP_FOR_RCPT : SMTP_FOR_MAIL);
	free(bytes);
	return 0;
}
