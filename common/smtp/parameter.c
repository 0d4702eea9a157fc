/*
 * parameter.c - the parameters of MAIL, RCPT and VRFY (RFC 5321 4.1.2, esmtp-param)
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (they come from the Internet).  Trusts: text.c, xtext.c.
 *
 * A new parameter is a row below, a bit and members in struct smtp_parameters,
 * and a function that reads its value.
 */
#include "common/smtp/parameter.h"

#include <string.h>

#include "common/smtp/xtext.h"

#define SIZE_DIGITS_MAX 20 /* RFC 1870 section 3 (the size-value of 6.1): 1*20DIGIT */

enum value_rule { VALUE_NEEDED, VALUE_OPTIONAL, VALUE_FORBIDDEN };

/* Reads a value, "" for none, into *parameters; false when it is out of its grammar. */
typedef bool read_value(struct smtp_text value, struct smtp_parameters *parameters);

static read_value read_size, read_body, read_return, read_envelope_id, read_notify,
	read_original_recipient;

static const struct parameter_row {
	const char *keyword;
	unsigned commands; /* enum smtp_parameter_command, bits */
	enum value_rule value;
	enum smtp_parameter_bit bit;
	read_value *read; /* NULL: its presence says all */
} parameter_rows[] = {
	{ "SIZE", SMTP_FOR_MAIL, VALUE_NEEDED, SMTP_HAS_SIZE, read_size }, /* RFC 1870 */
	{ "BODY", SMTP_FOR_MAIL, VALUE_NEEDED, SMTP_HAS_BODY, read_body }, /* RFC 6152, RFC 3030 */
	/* RFC 6531 3.4, 3.7.4.2 */
	{ "SMTPUTF8", SMTP_FOR_MAIL | SMTP_FOR_VRFY, VALUE_FORBIDDEN, SMTP_HAS_SMTPUTF8, NULL },
	/* RFC 3461 4 */
	{ "RET", SMTP_FOR_MAIL, VALUE_NEEDED, SMTP_HAS_RET, read_return },
	{ "ENVID", SMTP_FOR_MAIL, VALUE_NEEDED, SMTP_HAS_ENVID, read_envelope_id },
	{ "NOTIFY", SMTP_FOR_RCPT, VALUE_NEEDED, SMTP_HAS_NOTIFY, read_notify },
	{ "ORCPT", SMTP_FOR_RCPT, VALUE_NEEDED, SMTP_HAS_ORCPT, read_original_recipient },
	{ "REQUIRETLS", SMTP_FOR_MAIL, VALUE_FORBIDDEN, SMTP_HAS_REQUIRETLS, NULL }, /* RFC 8689 */
	{ "PRDR", SMTP_FOR_MAIL, VALUE_FORBIDDEN, SMTP_HAS_PRDR, NULL }, /* draft-hall-prdr-00 */
};

/* The words that a value can be, or be made of; a NULL ends them. */
struct word {
	const char *word;
	unsigned value;
};

static const struct word body_words[] = {
	{ "7BIT", SMTP_BODY_7BIT },
	{ "8BITMIME", SMTP_BODY_8BITMIME },
	{ "BINARYMIME", SMTP_BODY_BINARYMIME },
	{ NULL, 0 },
};

static const struct word return_words[] = {
	{ "FULL", SMTP_RETURN_FULL },
	{ "HDRS", SMTP_RETURN_HEADERS },
	{ NULL, 0 },
};

static const struct word notify_words[] = {
	{ "NEVER", SMTP_NOTIFY_NEVER },
	{ "SUCCESS", SMTP_NOTIFY_SUCCESS },
	{ "FAILURE", SMTP_NOTIFY_FAILURE },
	{ "DELAY", SMTP_NOTIFY_DELAY },
	{ NULL, 0 },
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

static const struct word *find_word(const struct word *words, struct smtp_text text)
{
	for (; words->word; words++)
		if (smtp_text_is(text, words->word))
			return words;
	return NULL;
}

static bool read_body(struct smtp_text value, struct smtp_parameters *parameters)
{
	const struct word *word = find_word(body_words, value);

	if (word)
		parameters->body = word->value;
	return word;
}

static bool read_return(struct smtp_text value, struct smtp_parameters *parameters)
{
	const struct word *word = find_word(return_words, value);

	if (word)
		parameters->returns = word->value;
	return word;
}

static bool read_envelope_id(struct smtp_text value, struct smtp_parameters *parameters)
{
	parameters->envid = value;
	return value.length <= SMTP_ENVID_MAX && smtp_xtext_is_printable(value);
}

/* Takes what stands before the first `delimiter`, and that off *left; false: there is none. */
static bool split(struct smtp_text *left, char delimiter, struct smtp_text *head)
{
	const char *found = memchr(left->bytes, delimiter, left->length);

	if (!found)
		return false;
	*head = (struct smtp_text){ left->bytes, (size_t)(found - left->bytes) };
	left->bytes += head->length + 1;
	left->length -= head->length + 1;
	return true;
}

/* Adds the bit of a word; false when it is none. RFC 3461 4.1: NEVER comes once, others may come
 * twice. */
static bool add_notify(struct smtp_text text, unsigned *notify)
{
	const struct word *word = find_word(notify_words, text);

	if (!word || (*notify & word->value & SMTP_NOTIFY_NEVER))
		return false;
	*notify |= word->value;
	return true;
}

static bool read_notify(struct smtp_text value, struct smtp_parameters *parameters)
{
	struct smtp_text word;
	unsigned notify = 0;

	while (split(&value, ',', &word))
		if (!add_notify(word, &notify))
			return false;
	if (!add_notify(value, &notify))
		return false;
	parameters->notify = notify;
	return notify == SMTP_NOTIFY_NEVER || !(notify & SMTP_NOTIFY_NEVER);
}

static bool is_atom(struct smtp_text text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!smtp_is_atext(text.bytes[i]))
			return false;
	return text.length > 0;
}

/*
 * The address need not be one of its type (RFC 3461 4.2), and its xtext may be empty, so that
 * only its encoding is looked at.
 */
static bool read_original_recipient(struct smtp_text value, struct smtp_parameters *parameters)
{
	struct smtp_text address = value, type;

	parameters->orcpt = value;
	if (value.length > SMTP_ORCPT_MAX || !split(&address, ';', &type))
		return false;
	if (smtp_text_is(type, "UTF-8"))
		return smtp_unitext_is_valid(address);
	return is_atom(type) && smtp_xtext_is_printable(address);
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

/*
 * A second value could contradict the first. What has no value says the same again,
 * and is taken: Python's smtplib sends SMTPUTF8 twice.
 */
static bool is_repeated(const struct parameter_row *row, const struct smtp_parameters *parameters)
{
	return parameters->present & row->bit && row->value != VALUE_FORBIDDEN;
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
	if (is_repeated(row, parameters))
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
	parameters->envid = parameters->orcpt = (struct smtp_text){ left.bytes, 0 };
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
