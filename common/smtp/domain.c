/*
 * domain.c - domains and address literals (RFC 5321 4.1.2, 4.1.3; RFC 6531 3.3)
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (they come from the Internet).  Trusts: text.c, inet_pton(3).
 */
#include "common/smtp/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define LABEL_MAX 63 /* RFC 1035 2.3.4 */

#define IPV6_TAG "IPV6:"
#define IPV6_TAG_LENGTH (sizeof(IPV6_TAG) - 1)

/*
 * sub-domain: letters, digits and inner hyphens, or a U-label. The bound of 63
 * bytes holds for a U-label's A-label form, which IDNA knows and this does not.
 */
static bool label_is_valid(struct smtp_text label)
{
	bool has_8bit = false;

	if (label.length == 0 || label.bytes[0] == '-' || label.bytes[label.length - 1] == '-')
		return false;
	for (size_t i = 0; i < label.length; i++) {
		if (smtp_is_8bit(label.bytes[i]))
			has_8bit = true;
		else if (!smtp_is_letter_or_digit(label.bytes[i]) && label.bytes[i] != '-')
			return false;
	}
	return has_8bit ? smtp_text_is_utf8(label) : label.length <= LABEL_MAX;
}

bool smtp_domain_is_valid(struct smtp_text domain)
{
	struct smtp_text left = domain;
	const char *dot;

	if (domain.length == 0 || domain.length > SMTP_DOMAIN_MAX)
		return false;
	while ((dot = memchr(left.bytes, '.', left.length)) != NULL) {
		struct smtp_text label = { left.bytes, (size_t)(dot - left.bytes) };

		if (!label_is_valid(label))
			return false;
		left.bytes = dot + 1;
		left.length -= label.length + 1;
	}
	return label_is_valid(left); /* no dot at the end, so there is a label */
}

/* inet_pton(3) reads a C string, so a NUL among the bytes must not hide what is behind it. */
static bool is_address(int family, struct smtp_text text)
{
	char string[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];

	if (text.length == 0 || text.length >= sizeof(string))
		return false;
	if (memchr(text.bytes, '\0', text.length))
		return false;
	memcpy(string, text.bytes, text.length);
	string[text.length] = '\0';
	return inet_pton(family, string, address) == 1;
}

static bool has_ipv6_tag(struct smtp_text text)
{
	if (text.length < IPV6_TAG_LENGTH)
		return false;
	text.length = IPV6_TAG_LENGTH;
	return smtp_text_is(text, IPV6_TAG);
}

bool smtp_literal_is_valid(struct smtp_text literal)
{
	struct smtp_text inner;

	if (literal.length < 2 || literal.bytes[0] != '[' ||
	    literal.bytes[literal.length - 1] != ']')
		return false;
	inner = (struct smtp_text){ literal.bytes + 1, literal.length - 2 };
	if (!has_ipv6_tag(inner))
		return is_address(AF_INET, inner);
	inner.bytes += IPV6_TAG_LENGTH;
	inner.length -= IPV6_TAG_LENGTH;
	return is_address(AF_INET6, inner);
}

/*
 * The name is written into the Received line as it is: none of the specials of
 * RFC 5322 3.2.3 but the dot, and the colon of a bare IPv6 address; no quote.
 */
static bool is_helo_byte(char byte)
{
	static const char excluded[] = "()<>[]{};@\\,\"'`";

	return byte != ' ' && smtp_is_printable(byte) &&
	       !memchr(excluded, byte, sizeof(excluded) - 1);
}

bool smtp_helo_is_acceptable(struct smtp_text name)
{
	if (name.length == 0 || name.length > SMTP_DOMAIN_MAX)
		return false;
	if (name.bytes[0] == '[')
		return smtp_literal_is_valid(name);
	for (size_t i = 0; i < name.length; i++)
		if (!is_helo_byte(name.bytes[i]))
			return false;
	return true;
}
