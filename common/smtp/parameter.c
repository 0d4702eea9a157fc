/*
 * parameter.c - the parameters of MAIL and RCPT (RFC 5321 4.1.2, esmtp-param)
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (they come from the Internet).  Trusts: text.c.
 *
 * A new parameter is a row below, a bit and members in struct smtp_parameters,
 * and a function that reads its value.
 */
#include "common/smtp/parameter.h"

#include <string.h>

#define SIZE_DIGITS_MAX 20 /* RFC 1870 section 3 (the size-value of 6.1): 1*20DIGIT */

enum value_rule { VALUE_NEEDED, VALUE_OPTIONAL, VALUE_FORBIDDEN };

/* Reads a value, "" for none, into *parameters; false when it is out of its grammar. */
typedef bool read_value(struct smtp_text value, struct smtp_parameters *parameters);

static read_value read_size, read_body;

static const struct parameter_row {
	const char *keyword;
	unsigned commands; /* enum smtp_parameter_command, bits */
	enum value_rule value;
	enum smtp_parameter_bit bit;
	read_value *read; /* NULL: its presence says all */
} parameter_rows[] = {
	{ "SIZE", SMTP_FOR_MAIL, VALUE_NEEDED, SMTP_HAS_SIZE, read_size },	 /* RFC 1870 */
	{ "BODY", SMTP_FOR_MAIL, VALUE_NEEDED, SMTP_HAS_BODY, read_body },	 /* RFC 6152 */
	{ "SMTPUTF8", SMTP_FOR_MAIL, VALUE_FORBIDDEN, SMTP_HAS_SMTPUTF8, NULL }, /* RFC 6531 */
};

static const struct {
	const char *word;
	enum smtp_body body;
} body_values[] = {
	{ "7BIT", SMTP_BODY_7BIT },
	{ "8BITMIME", SMTP_BODY_8BITMIME },
};

/* One esmtp-param as it was written. */
struct parameter {
	struct smtp_text keyword;
	struct smtp_text value;
	bool has_value;
};

/* RFC 1870 lets a client name more than fits; that is more than any limit, and stays so. */
static bool read_size(struct smtp_text value, struct smtp_parameters *parameters)
{
	uint64_t size = 0;

	if (value.length > SIZE_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < value.length; i++) {
		unsigned digit = (unsigned char)value.bytes[i] - (unsigned)'0';

		if (digit > 9)
			return false;
		size = size > (UINT64_MAX - digit) / 10 ? UINT64_MAX : size * 10 + digit;
	}
	parameters->size = size;
	return true;
}

static bool read_body(struct smtp_text value, struct smtp_parameters *parameters)
{
	for (size_t i = 0; i < sizeof(body_values) / sizeof(body_values[0]); i++) {
		if (smtp_text_is(value, body_values[i].word)) {
			parameters->body = body_values[i].body;
			return true;
		}
	}
	return false;
}

static const struct parameter_row *find_row(struct smtp_text keyword, unsigned command)
{
	for (size_t i = 0; i < sizeof(parameter_rows) / sizeof(parameter_rows[0]); i++)
		if ((parameter_rows[i].commands & command) &&
		    smtp_text_is(keyword, parameter_rows[i].keyword))
			return &parameter_rows[i];
	return NULL;
}

static bool is_keyword(struct smtp_text text)
{
	if (text.length == 0 || text.bytes[0] == '-')
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (!smtp_is_letter_or_digit(text.bytes[i]) && text.bytes[i] != '-')
			return false;
	return true;
}

/* esmtp-value, with UTF-8 as of RFC 6531 3.3; spaces have ended it before. */
static bool is_value(struct smtp_text text)
{
	for (size_t i = 0; i < text.length; i++)
		if (text.bytes[i] == '=' ||
		    (!smtp_is_printable(text.bytes[i]) && !smtp_is_8bit(text.bytes[i])))
			return false;
	return text.length > 0 && smtp_text_is_utf8(text);
}

/* Takes "keyword" or "keyword=value" apart. */
static bool split_parameter(struct smtp_text text, struct parameter *parameter)
{
	const char *equals = memchr(text.bytes, '=', text.length);

	*parameter = (struct parameter){ text, { text.bytes + text.length, 0 }, equals != NULL };
	if (equals) {
		parameter->keyword.length = (size_t)(equals - text.bytes);
		parameter->value.bytes = equals + 1;
		parameter->value.length = text.length - parameter->keyword.length - 1;
		if (!is_value(parameter->value))
			return false;
	}
	return is_keyword(parameter->keyword);
}

static bool value_is_allowed(const struct parameter_row *row, const struct parameter *parameter)
{
	return parameter->has_value ? row->value != VALUE_FORBIDDEN : row->value != VALUE_NEEDED;
}

static enum smtp_parameter_fault read_parameter(struct smtp_text text, unsigned command,
						struct smtp_parameters *parameters)
{
	const struct parameter_row *row;
	struct parameter parameter;

	if (!split_parameter(text, &parameter))
		return SMTP_PARAMETER_SYNTAX;
	row = find_row(parameter.keyword, command);
	if (!row)
		return SMTP_PARAMETER_UNKNOWN;
	if (parameters->present & row->bit)
		return SMTP_PARAMETER_REPEATED;
	if (!value_is_allowed(row, &parameter))
		return SMTP_PARAMETER_VALUE;
	if (row->read && !row->read(parameter.value, parameters))
		return SMTP_PARAMETER_VALUE;
	parameters->present |= row->bit;
	return SMTP_PARAMETER_FINE;
}

/* RFC 5321 4.1.1: white space in front of the CR LF is to be tolerated. */
static struct smtp_text without_trailing_space(struct smtp_text text)
{
	while (text.length > 0 &&
	       (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
		text.length--;
	return text;
}

static struct smtp_text without_leading_spaces(struct smtp_text text)
{
	while (text.length > 0 && text.bytes[0] == ' ') {
		text.bytes++;
		text.length--;
	}
	return text;
}

/* What stands before the next space. `text` is not empty. */
static struct smtp_text first_word(struct smtp_text text)
{
	const char *space = memchr(text.bytes, ' ', text.length);

	if (space)
		text.length = (size_t)(space - text.bytes);
	return text;
}

enum smtp_parameter_fault smtp_parameters_parse(struct smtp_text text,
						enum smtp_parameter_command command,
						struct smtp_parameters *parameters,
						struct smtp_text *culprit)
{
	enum smtp_parameter_fault fault = SMTP_PARAMETER_FINE;
	struct smtp_text left = without_trailing_space(text);

	*parameters = (struct smtp_parameters){ 0 };
	if (left.length > 0 && left.bytes[0] != ' ') {
		*culprit = first_word(left);
		return SMTP_PARAMETER_SYNTAX;
	}
	left = without_leading_spaces(left);
	parameters->raw = left;
	while (left.length > 0 && fault == SMTP_PARAMETER_FINE) {
		*culprit = first_word(left);
		fault = read_parameter(*culprit, command, parameters);
		left.bytes += culprit->length;
		left.length -= culprit->length;
		left = without_leading_spaces(left);
	}
	if (fault == SMTP_PARAMETER_FINE)
		*culprit = left;
	return fault;
}
