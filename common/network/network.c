/*
 * network.c - lists of networks, which say what a client may do
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: the configuration's spelling.  Trusts: inet_pton(3).
 */
#include "common/network/network.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS_BYTES sizeof(struct in6_addr)
#define IPV4_OFFSET 96 /* bits in front of the IPv4 address in ::ffff:a.b.c.d */

static const struct family {
	int family;
	const char *name;
	unsigned bits;
	unsigned offset; /* of those bits within an in6_addr */
} families[] = {
	{ AF_INET, "IPv4", 32, IPV4_OFFSET },
	{ AF_INET6, "IPv6", 128, 0 },
};

enum kind { KIND_UNIX, KIND_IPV4, KIND_IPV6 };

/* ---- bits ---- */

/* What of byte `index` lies within the prefix. */
static uint8_t mask_byte(unsigned prefix, size_t index)
{
	if (prefix >= 8 * (index + 1))
		return 0xFF;
	if (prefix <= 8 * index)
		return 0;
	return (uint8_t)(0xFF00U >> prefix % 8);
}

static void clear_behind(struct in6_addr *address, unsigned prefix)
{
	for (size_t i = 0; i < ADDRESS_BYTES; i++)
		address->s6_addr[i] = (uint8_t)(address->s6_addr[i] & mask_byte(prefix, i));
}

static bool agree_within(const struct in6_addr *a, const struct in6_addr *b, unsigned prefix)
{
	for (size_t i = 0; i < ADDRESS_BYTES; i++)
		if ((a->s6_addr[i] ^ b->s6_addr[i]) & mask_byte(prefix, i))
			return false;
	return true;
}

/* The kind of all addresses with that beginning; no bit is set behind the prefix. */
static enum kind kind_of(const struct in6_addr *address, unsigned prefix)
{
	if (prefix == 8 * ADDRESS_BYTES && IN6_IS_ADDR_UNSPECIFIED(address))
		return KIND_UNIX;
	return IN6_IS_ADDR_V4MAPPED(address) ? KIND_IPV4 : KIND_IPV6;
}

/* ---- reading ---- */

/* Reads an address of the one family or the other; NULL when it is neither. */
static const struct family *read_address(const char *text, struct in6_addr *address)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, address->s6_addr + IPV4_OFFSET / 8) == 1) {
		address->s6_addr[10] = address->s6_addr[11] = 0xFF;
		return &families[0];
	}
	return inet_pton(AF_INET6, text, address) == 1 ? &families[1] : NULL;
}

/* Up to three digits, without a zero in front. */
static bool read_prefix(const char *text, unsigned *prefix)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
		return false;
	*prefix = (unsigned)strtoul(text, NULL, 10);
	return true;
}

static bool refuse(const char *text, struct problem *problem)
{
	return problem_set(problem,
			   "\"%.100s\" is not a network; write it like 192.0.2.0/24, "
			   "2001:db8::/32, 192.0.2.1 or unix",
			   text);
}

/* Tells the network that was meant. */
static bool refuse_host_bits(const char *text, const struct network *network,
			     struct problem *problem)
{
	const struct family *family =
		&families[kind_of(&network->address, network->prefix) != KIND_IPV4];
	char meant[INET6_ADDRSTRLEN];

	require(inet_ntop(family->family, network->address.s6_addr + family->offset / 8, meant,
			  sizeof(meant)));
	return problem_set(problem, "%.100s has bits set behind its prefix; write %s/%u", text,
			   meant, network->prefix - family->offset);
}

/* Takes "address/prefix" apart; without a prefix it is "". False when the address is too long. */
static bool split(const char *text, char address[INET6_ADDRSTRLEN], const char **prefix)
{
	size_t length = strcspn(text, "/");

	if (length >= INET6_ADDRSTRLEN)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	*prefix = text + length;
	return true;
}

bool network_parse(const char *text, struct network *network, struct problem *problem)
{
	const struct family *family;
	char address[INET6_ADDRSTRLEN];
	const char *prefix;
	struct in6_addr written;

	if (strcmp(text, "unix") == 0)
		text = "::";
	if (!split(text, address, &prefix))
		return refuse(text, problem);
	family = read_address(address, &written);
	if (!family)
		return refuse(text, problem);
	network->prefix = family->bits;
	if (*prefix && !read_prefix(prefix + 1, &network->prefix))
		return refuse(text, problem);
	if (network->prefix > family->bits)
		return problem_set(problem, "%.100s: a prefix of %s has %u bits at most", text,
				   family->name, family->bits);
	network->prefix += family->offset;
	network->address = written;
	clear_behind(&network->address, network->prefix);
	return IN6_ARE_ADDR_EQUAL(&written, &network->address) ||
	       refuse_host_bits(text, network, problem);
}

bool networks_parse(const struct text_list *texts, struct network **networks,
		    struct problem *problem)
{
	struct network *array;

	*networks = NULL;
	if (texts->count == 0)
		return true;
	array = allocate(texts->count, sizeof(*array));
	if (!array)
		return problem_set(problem, "out of memory");
	for (size_t i = 0; i < texts->count; i++) {
		if (!network_parse(texts->items[i], &array[i], problem)) {
			free(array);
			return false;
		}
	}
	*networks = array;
	return true;
}

/* ---- asking ---- */

bool network_contains(const struct network *network, const struct in6_addr *address)
{
	return kind_of(&network->address, network->prefix) == kind_of(address, 8 * ADDRESS_BYTES) &&
	       agree_within(&network->address, address, network->prefix);
}

bool networks_contain(const struct network *networks, size_t count, const struct in6_addr *address)
{
	for (size_t i = 0; i < count; i++)
		if (network_contains(&networks[i], address))
			return true;
	return false;
}
