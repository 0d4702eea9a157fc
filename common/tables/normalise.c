/*
 * normalise.c - the normal forms of domains and local parts
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: names from the network and from files.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>
#include <idn2.h>
#include <unicase.h>
#include <unistr.h>

#include "common/tables/tables.h"

#define DOMAIN_MAX 253 /* RFC 1035 2.3.4: 255 octets with the length bytes */
#define LABEL_MAX 63   /* RFC 1035 2.3.4 */

/* More than any U-label form of a domain that fits: four bytes for each octet. */
#define UNICODE_DOMAIN_MAX (4 * DOMAIN_MAX)

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text > 0x7f)
			return false;
	return true;
}

/* Not tolower(3): no locale may change what is a name. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool copy_lower(const char *text, char *copy, size_t size)
{
	size_t length = strlen(text);

	if (length >= size)
		return false;
	for (size_t i = 0; i <= length; i++)
		copy[i] = lower(text[i]);
	return true;
}

/* A label of letters, digits and hyphens, no hyphen at its ends (RFC 5321 4.1.2). */
static bool label_is_valid(const char *label, size_t length)
{
	return length >= 1 && length <= LABEL_MAX && label[0] != '-' && label[length - 1] != '-' &&
	       strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") >= length;
}

static bool labels_are_valid(const char *domain)
{
	for (;;) {
		size_t length = strcspn(domain, ".");

		if (!label_is_valid(domain, length))
			return false;
		if (!domain[length])
			return true;
		domain += length + 1;
	}
}

static bool normalise_ascii(const char *domain, char *normal, size_t size)
{
	size_t length = strlen(domain);

	if (length > DOMAIN_MAX + 1 || !copy_lower(domain, normal, size))
		return false;
	if (length > 0 && normal[length - 1] == '.')
		normal[--length] = '\0';
	return length <= DOMAIN_MAX && labels_are_valid(normal);
}

/* RFC 5891 with the mapping of UTS 46, non-transitional. */
static bool normalise_unicode(const char *domain, char *normal, size_t size)
{
	uint8_t *ascii = NULL;
	bool is_valid;

	if (strlen(domain) > UNICODE_DOMAIN_MAX ||
	    idn2_lookup_u8((const uint8_t *)domain, &ascii,
			   IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return false;
	is_valid = is_ascii((char *)ascii) && normalise_ascii((char *)ascii, normal, size);
	idn2_free(ascii);
	return is_valid;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). */
static bool normalise_literal(const char *literal, char *normal, size_t size)
{
	static const char tag[] = "IPv6:";
	size_t length = strlen(literal);
	bool is_ipv6 = !strncasecmp(literal + 1, tag, strlen(tag));
	int family = is_ipv6 ? AF_INET6 : AF_INET;
	size_t skip = is_ipv6 ? 1 + strlen(tag) : 1;
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	int written;

	if (literal[length - 1] != ']' || length - skip - 1 >= sizeof(text))
		return false;
	strlcpy(text, literal + skip, length - skip);
	if (inet_pton(family, text, &address) != 1 ||
	    !inet_ntop(family, &address, text, sizeof(text)))
		return false;
	written = snprintf(normal, size, "[%s%s]", is_ipv6 ? tag : "", text);
	return written > 0 && (size_t)written < size;
}

bool domain_normalise(const char *domain, char *normal, size_t size)
{
	if (*domain == '[')
		return normalise_literal(domain, normal, size);
	if (is_ascii(domain))
		return normalise_ascii(domain, normal, size);
	return normalise_unicode(domain, normal, size);
}

static bool fold_unicode(const char *local, char *normal, size_t size)
{
	size_t length = strlen(local);
	size_t folded_length = size;
	uint8_t *folded;

	if (length >= size || u8_check((const uint8_t *)local, length))
		return false;
	folded = u8_casefold((const uint8_t *)local, length, NULL, UNINORM_NFC, (uint8_t *)normal,
			     &folded_length);
	if (folded != (uint8_t *)normal) {
		/* It did not fit: the library has allocated room, or failed to. */
		free(folded);
		return false;
	}
	if (folded_length >= size)
		return false;
	normal[folded_length] = '\0';
	return true;
}

bool local_normalise(const char *local, char *normal, size_t size)
{
	/* The library is never called for the names that nearly all mail has. */
	if (is_ascii(local))
		return copy_lower(local, normal, size);
	return fold_unicode(local, normal, size);
}
