/*
 * version_1.c - the PROXY protocol, version 1: a line of text (the specification, 2.1)
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: every byte, and how they are split.  Trusts: inet_pton(3).
 *
 * A line that is not complete is malformed as soon as nothing that could follow would make it
 * right. Its last field is then open, and the question is not what it is but what it can become.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "common/network/address.h"
#include "common/proxy/versions.h"

#define LINE_MAX_LENGTH 107 /* with CR LF */
#define LAST_CR (LINE_MAX_LENGTH - 2)
#define PORT_DIGITS_MAX 5

static const struct protocol_row {
	struct smtp_text word;
	int family;
	const char *name;
} protocol_rows[] = {
	{ PROXY_LITERAL("TCP4 "), AF_INET, "TCP4" },
	{ PROXY_LITERAL("TCP6 "), AF_INET6, "TCP6" },
	{ PROXY_LITERAL("UNKNOWN"), AF_UNSPEC, "UNKNOWN" },
};

/* Reads a whole field into a member of struct proxy_header. */
typedef bool read_field(struct smtp_text text, int family, void *member);
/* Whether an open field can become a right one when more bytes follow. */
typedef bool field_may_become_right(struct smtp_text text, int family);

static read_field read_address, read_port;
static field_may_become_right address_may_become_right, port_may_become_right;

static const struct field_row {
	const char *name;
	char end; /* the byte behind it */
	read_field *read;
	field_may_become_right *may_become_right;
	size_t member;
} field_rows[] = {
	{ "source address", ' ', read_address, address_may_become_right,
	  offsetof(struct proxy_header, source) },
	{ "destination address", ' ', read_address, address_may_become_right,
	  offsetof(struct proxy_header, destination) },
	{ "source port", ' ', read_port, port_may_become_right,
	  offsetof(struct proxy_header, source_port) },
	{ "destination port", '\r', read_port, port_may_become_right,
	  offsetof(struct proxy_header, destination_port) },
};

/*
 * What completes the beginning of an address. For each beginning of each address that inet_pton(3)
 * takes, one of these makes an address again: the octets of IPv4 that are missing (also at the end
 * of an IPv6 address), a group of zero, or a "::" for all groups that are missing (":0" makes one
 * of a colon).
 */
static const char *const address_endings[] = { "",	"0",	  ".0",	     "0.0", ".0.0",
					       "0.0.0", ".0.0.0", "0.0.0.0", ":0",  "::" };
#define ENDING_MAX 7

/*
 * Reads text and ending as one address. inet_pton(3) takes a C string, so a NUL must not hide what
 * is behind it.
 */
static bool convert(struct smtp_text text, const char *ending, int family,
		    unsigned char address[sizeof(struct in6_addr)])
{
	char string[INET6_ADDRSTRLEN + ENDING_MAX];

	if (text.length >= INET6_ADDRSTRLEN || memchr(text.bytes, '\0', text.length))
		return false;
	memcpy(string, text.bytes, text.length);
	snprintf(string + text.length, sizeof(string) - text.length, "%s", ending);
	return inet_pton(family, string, address) == 1;
}

static bool read_address(struct smtp_text text, int family, void *member)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	struct in6_addr address;

	if (!convert(text, "", family, bytes))
		return false;
	if (family == AF_INET)
		address_map(bytes, &address);
	else
		memcpy(&address, bytes, sizeof(address));
	memcpy(member, &address, sizeof(address));
	return true;
}

static bool address_may_become_right(struct smtp_text text, int family)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	for (size_t i = 0; i < sizeof(address_endings) / sizeof(address_endings[0]); i++)
		if (convert(text, address_endings[i], family, bytes))
			return true;
	return false;
}

/* Digits of a number up to 65535 without a zero in front; none is 0. */
static bool port_value(struct smtp_text text, uint16_t *port)
{
	unsigned value = 0;

	if (text.length > PORT_DIGITS_MAX || (text.length > 1 && text.bytes[0] == '0'))
		return false;
	for (size_t i = 0; i < text.length; i++) {
		unsigned digit = (unsigned char)text.bytes[i] - (unsigned)'0';

		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

static bool read_port(struct smtp_text text, int family, void *member)
{
	uint16_t port;

	(void)family;
	if (text.length == 0 || !port_value(text, &port))
		return false;
	memcpy(member, &port, sizeof(port));
	return true;
}

static bool port_may_become_right(struct smtp_text text, int family)
{
	uint16_t port;

	(void)family;
	return port_value(text, &port);
}

/* Reads one field and the byte that ends it from the front of *left. */
static enum proxy_result take_field(struct smtp_text *left, const struct field_row *row,
				    const struct protocol_row *protocol,
				    struct proxy_header *header, struct problem *problem)
{
	const char *end = memchr(left->bytes, row->end, left->length);
	struct smtp_text text = { left->bytes, end ? (size_t)(end - left->bytes) : left->length };
	void *member = (char *)header + row->member;
	bool is_right = end ? row->read(text, protocol->family, member)
			    : row->may_become_right(text, protocol->family);

	if (!is_right) {
		problem_set(problem, "PROXY version 1: the %s of %s is malformed", row->name,
			    protocol->name);
		return PROXY_MALFORMED;
	}
	if (!end)
		return PROXY_MORE;
	proxy_skip(left, text.length + 1);
	return PROXY_COMPLETE;
}

/* Both addresses, both ports, and the CR behind them. */
static enum proxy_result take_fields(struct smtp_text *left, const struct protocol_row *protocol,
				     struct proxy_header *header, struct problem *problem)
{
	enum proxy_result result = PROXY_COMPLETE;

	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++) {
		result = take_field(left, &field_rows[i], protocol, header, problem);
		if (result != PROXY_COMPLETE)
			break;
	}
	return result;
}

/* What stands behind UNKNOWN means nothing, up to the CR; but a lone LF is not passed over. */
static enum proxy_result take_unknown(struct smtp_text *left, struct problem *problem)
{
	size_t length = 0;

	if (left->length > 0 && left->bytes[0] != ' ' && left->bytes[0] != '\r') {
		problem_set(problem, "PROXY version 1: neither a space nor CR LF behind UNKNOWN");
		return PROXY_MALFORMED;
	}
	while (length < left->length && left->bytes[length] != '\r' && left->bytes[length] != '\n')
		length++;
	if (length == left->length)
		return PROXY_MORE;
	if (left->bytes[length] == '\n') {
		problem_set(problem, "PROXY version 1: LF without CR");
		return PROXY_MALFORMED;
	}
	proxy_skip(left, length + 1);
	return PROXY_COMPLETE;
}

static enum proxy_result take_line_feed(struct smtp_text *left, struct problem *problem)
{
	if (left->length == 0)
		return PROXY_MORE;
	if (left->bytes[0] != '\n') {
		problem_set(problem, "PROXY version 1: CR without LF");
		return PROXY_MALFORMED;
	}
	proxy_skip(left, 1);
	return PROXY_COMPLETE;
}

static const struct protocol_row *find_protocol(struct smtp_text left)
{
	for (size_t i = 0; i < sizeof(protocol_rows) / sizeof(protocol_rows[0]); i++)
		if (proxy_texts_agree(left, protocol_rows[i].word))
			return &protocol_rows[i];
	return NULL;
}

/* All that follows "PROXY ". */
static enum proxy_result take_line(struct smtp_text *left, struct proxy_header *header,
				   struct problem *problem)
{
	const struct protocol_row *protocol = find_protocol(*left);
	enum proxy_result result;

	if (!protocol) {
		problem_set(problem, "PROXY version 1: neither TCP4, TCP6 nor UNKNOWN");
		return PROXY_MALFORMED;
	}
	if (left->length < protocol->word.length)
		return PROXY_MORE;
	proxy_skip(left, protocol->word.length);
	header->is_local = protocol->family == AF_UNSPEC;
	result = header->is_local ? take_unknown(left, problem)
				  : take_fields(left, protocol, header, problem);
	return result == PROXY_COMPLETE ? take_line_feed(left, problem) : result;
}

enum proxy_result proxy_parse_version_1(struct smtp_text input, struct proxy_header *header,
					struct problem *problem)
{
	struct smtp_text left = { input.bytes,
				  input.length < LINE_MAX_LENGTH ? input.length : LINE_MAX_LENGTH };
	enum proxy_result result;

	proxy_skip(&left, sizeof(PROXY_VERSION_1_START) - 1);
	result = take_line(&left, header, problem);
	header->length = (size_t)(left.bytes - input.bytes);
	if (result == PROXY_MORE && input.length > LAST_CR && input.bytes[LAST_CR] != '\r') {
		problem_set(problem, "PROXY version 1: no CR LF within %d bytes", LINE_MAX_LENGTH);
		return PROXY_MALFORMED;
	}
	return result;
}
