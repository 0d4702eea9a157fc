/*
 * xclient.c - the arguments of XCLIENT and XFORWARD, the extensions of Postfix
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (a trusted client passes on what others gave it).
 * Trusts: text.c, xtext.c, domain.c, inet_pton(3).
 *
 * A new attribute is a row below, a value of the enum, and a function that
 * reads its value.
 */
#include "common/smtp/xclient.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/smtp/address.h"
#include "common/smtp/xtext.h"

#define IPV6_TAG "IPV6:"
#define IPV6_TAG_LENGTH (sizeof(IPV6_TAG) - 1)
#define PORT_DIGITS_MAX 5
#define PORT_MAX 65535

/*
 * Reads a decoded value, a C string of value.length bytes; false when it is not
 * what the attribute holds.
 */
typedef bool read_value(struct smtp_text value, struct smtp_xclient *xclient);

static read_value read_name, read_address, read_port, read_protocol, read_helo, read_login,
	read_destination_address, read_destination_port, read_identifier, read_source;

static const struct attribute_row {
	const char *name;
	unsigned commands; /* enum smtp_xclient_command, bits */
	enum smtp_xclient_attribute attribute;
	read_value *read;
} rows[] = {
	{ "NAME", SMTP_XCLIENT | SMTP_XFORWARD, SMTP_XCLIENT_NAME, read_name },
	{ "ADDR", SMTP_XCLIENT | SMTP_XFORWARD, SMTP_XCLIENT_ADDR, read_address },
	{ "PORT", SMTP_XCLIENT | SMTP_XFORWARD, SMTP_XCLIENT_PORT, read_port },
	{ "PROTO", SMTP_XCLIENT | SMTP_XFORWARD, SMTP_XCLIENT_PROTO, read_protocol },
	{ "HELO", SMTP_XCLIENT | SMTP_XFORWARD, SMTP_XCLIENT_HELO, read_helo },
	{ "LOGIN", SMTP_XCLIENT, SMTP_XCLIENT_LOGIN, read_login },
	{ "DESTADDR", SMTP_XCLIENT, SMTP_XCLIENT_DESTADDR, read_destination_address },
	{ "DESTPORT", SMTP_XCLIENT, SMTP_XCLIENT_DESTPORT, read_destination_port },
	{ "IDENT", SMTP_XFORWARD, SMTP_XCLIENT_IDENT, read_identifier },
	{ "SOURCE", SMTP_XFORWARD, SMTP_XCLIENT_SOURCE, read_source },
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

_Static_assert(ROW_COUNT == SMTP_XCLIENT_ATTRIBUTES, "a row for each attribute");

/* The names above, for each command, in that order: test_xclient.c compares them. */
static const char *const keywords[] = {
	[SMTP_XCLIENT] = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT",
	[SMTP_XFORWARD] = "NAME ADDR PORT PROTO HELO IDENT SOURCE",
};

/* What stands for a value that is not known. */
static const struct {
	const char *word;
	enum smtp_xclient_state state;
} states[] = {
	{ "[UNAVAILABLE]", SMTP_XCLIENT_UNAVAILABLE },
	{ "[TEMPUNAVAIL]", SMTP_XCLIENT_TEMPORARY },
};

const char *smtp_xclient_keywords(enum smtp_xclient_command command)
{
	return keywords[command];
}

/* ---- values ---- */

static bool read_name(struct smtp_text value, struct smtp_xclient *xclient)
{
	(void)xclient;
	return smtp_domain_is_valid(value);
}

static bool read_helo(struct smtp_text value, struct smtp_xclient *xclient)
{
	(void)xclient;
	return smtp_helo_is_acceptable(value);
}

static bool read_login(struct smtp_text value, struct smtp_xclient *xclient)
{
	(void)xclient;
	return value.length > 0;
}

/* It goes into one field of the log, and has no blanks (XFORWARD_README, note 1). */
static bool read_identifier(struct smtp_text value, struct smtp_xclient *xclient)
{
	(void)xclient;
	for (size_t i = 0; i < value.length; i++)
		if (value.bytes[i] == ' ' || smtp_is_8bit(value.bytes[i]))
			return false;
	return value.length > 0;
}

static bool has_ipv6_tag(struct smtp_text text)
{
	if (text.length < IPV6_TAG_LENGTH)
		return false;
	text.length = IPV6_TAG_LENGTH;
	return smtp_text_is(text, IPV6_TAG);
}

static bool parse_address(struct smtp_text value, struct in6_addr *address)
{
	struct in6_addr read = { 0 };

	if (has_ipv6_tag(value)) {
		if (inet_pton(AF_INET6, value.bytes + IPV6_TAG_LENGTH, &read) != 1 ||
		    IN6_IS_ADDR_UNSPECIFIED(&read))
			return false;
	} else {
		read.s6_addr[10] = read.s6_addr[11] = 0xFF; /* RFC 4291 2.5.5.2 */
		if (inet_pton(AF_INET, value.bytes, &read.s6_addr[12]) != 1)
			return false;
	}
	*address = read;
	return true;
}

static bool read_address(struct smtp_text value, struct smtp_xclient *xclient)
{
	return parse_address(value, &xclient->address);
}

static bool read_destination_address(struct smtp_text value, struct smtp_xclient *xclient)
{
	return parse_address(value, &xclient->destination_address);
}

static bool parse_port(struct smtp_text value, uint16_t *port)
{
	unsigned long number;

	if (value.length == 0 || value.length > PORT_DIGITS_MAX ||
	    strspn(value.bytes, "0123456789") != value.length)
		return false;
	number = strtoul(value.bytes, NULL, 10);
	*port = (uint16_t)number;
	return number <= PORT_MAX;
}

static bool read_port(struct smtp_text value, struct smtp_xclient *xclient)
{
	return parse_port(value, &xclient->port);
}

static bool read_destination_port(struct smtp_text value, struct smtp_xclient *xclient)
{
	return parse_port(value, &xclient->destination_port);
}

/* LMTP is what Dovecot says when it hands mail on; the README knows the other two. */
static bool read_protocol(struct smtp_text value, struct smtp_xclient *xclient)
{
	xclient->is_extended = smtp_text_is(value, "ESMTP") || smtp_text_is(value, "LMTP");
	return xclient->is_extended || smtp_text_is(value, "SMTP");
}

static bool read_source(struct smtp_text value, struct smtp_xclient *xclient)
{
	xclient->is_local = smtp_text_is(value, "LOCAL");
	return xclient->is_local || smtp_text_is(value, "REMOTE");
}

/* ---- arguments ---- */

static const struct attribute_row *find_row(struct smtp_text name, unsigned command)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if ((rows[i].commands & command) && smtp_text_is(name, rows[i].name))
			return &rows[i];
	return NULL;
}

static enum smtp_xclient_state state_of(struct smtp_text value)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (smtp_text_is(value, states[i].word))
			return states[i].state;
	return SMTP_XCLIENT_GIVEN;
}

/* Nothing that must not stand in a header line or in the log. */
static bool is_clean(struct smtp_text value)
{
	for (size_t i = 0; i < value.length; i++)
		if (!smtp_is_printable(value.bytes[i]) && !smtp_is_8bit(value.bytes[i]))
			return false;
	return smtp_text_is_utf8(value);
}

/* Decodes the value to its place, and reads it. */
static bool take_value(const struct attribute_row *row, struct smtp_text written,
		       struct smtp_xclient *xclient)
{
	char *text = xclient->attributes[row->attribute].text;
	int length = smtp_xtext_decode(written, text, SMTP_XCLIENT_VALUE_MAX + 1);
	struct smtp_text value = { text, length < 0 ? 0 : (size_t)length };
	enum smtp_xclient_state state;

	if (length < 0 || !is_clean(value))
		return false;
	state = state_of(value);
	xclient->attributes[row->attribute].state = state;
	if (state == SMTP_XCLIENT_GIVEN)
		return row->read(value, xclient);
	text[0] = '\0';
	return true;
}

static enum smtp_xclient_fault read_argument(struct smtp_text text, unsigned command,
					     struct smtp_xclient *xclient)
{
	const char *equals = memchr(text.bytes, '=', text.length);
	const struct attribute_row *row;
	struct smtp_text name, value;

	if (!equals || equals == text.bytes)
		return SMTP_XCLIENT_SYNTAX;
	name = (struct smtp_text){ text.bytes, (size_t)(equals - text.bytes) };
	value = (struct smtp_text){ equals + 1, text.length - name.length - 1 };
	row = find_row(name, command);
	if (!row)
		return SMTP_XCLIENT_UNKNOWN;
	if (xclient->attributes[row->attribute].state != SMTP_XCLIENT_ABSENT)
		return SMTP_XCLIENT_REPEATED;
	return take_value(row, value, xclient) ? SMTP_XCLIENT_FINE : SMTP_XCLIENT_VALUE;
}

/* Takes the next argument off *left; "" when there is none any more. */
static struct smtp_text next_argument(struct smtp_text *left)
{
	struct smtp_text argument;
	size_t length = 0;

	while (left->length > 0 && left->bytes[0] == ' ') {
		left->bytes++;
		left->length--;
	}
	while (length < left->length && left->bytes[length] != ' ')
		length++;
	argument = (struct smtp_text){ left->bytes, length };
	left->bytes += length;
	left->length -= length;
	return argument;
}

enum smtp_xclient_fault smtp_xclient_parse(struct smtp_text text, enum smtp_xclient_command command,
					   struct smtp_xclient *xclient, struct smtp_text *culprit)
{
	enum smtp_xclient_fault fault = SMTP_XCLIENT_SYNTAX; /* without an argument */
	struct smtp_text left = text;

	memset(xclient, 0, sizeof(*xclient));
	for (;;) {
		*culprit = next_argument(&left);
		if (culprit->length == 0)
			break;
		fault = read_argument(*culprit, command, xclient);
		if (fault != SMTP_XCLIENT_FINE)
			break;
	}
	if (fault != SMTP_XCLIENT_FINE)
		memset(xclient, 0, sizeof(*xclient));
	return fault;
}
