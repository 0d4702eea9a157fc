/*
 * fuzz_proxy.c - the header of the PROXY protocol
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: what a connection begins with.
 *
 * However it is cut, the parser says the same; what it says lies within the header; and the same
 * addresses, said in the other way, are the same.
 */
#include "common/proxy/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_PREFIXES 256 /* of an input of at most so many bytes each prefix is tried, */
#define SOME_PREFIXES 64 /* of a longer one about as many */
#define VERSION_1_MAX 107

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

/* What the parser said of all bytes. */
struct outcome {
	enum proxy_result result;
	struct proxy_header header;
	const char *bytes;
	size_t length;
};

static bool is_zero(const struct proxy_header *header)
{
	static const struct proxy_header zero;

	return memcmp(header, &zero, sizeof(zero)) == 0;
}

static void require_within(struct smtp_text text, const char *bytes, size_t length)
{
	require(text.length <= PROXY_TEXT_MAX);
	require(text.bytes >= bytes && text.bytes + text.length <= bytes + length);
}

/* The two texts lie in the same place. */
static void require_same(struct smtp_text a, const char *start_a, struct smtp_text b,
			 const char *start_b)
{
	require(a.bytes - start_a == b.bytes - start_b);
	require(a.length == b.length);
}

static bool is_unspecified(const struct in6_addr *address)
{
	return IN6_IS_ADDR_UNSPECIFIED(address);
}

static void check_header(const struct proxy_header *header, const char *bytes, size_t length)
{
	require(header->length > 0 && header->length <= length);
	require(header->length <= (bytes[0] == 'P' ? VERSION_1_MAX : PROXY_HEADER_MAX));
	require(header->over_tls || !header->client_verified);
	if (header->is_local) {
		require(is_unspecified(&header->source) && is_unspecified(&header->destination));
		require(header->source_port == 0 && header->destination_port == 0);
	}
	require_within(header->tls_version, bytes, header->length);
	require_within(header->tls_cipher, bytes, header->length);
	require_within(header->common_name, bytes, header->length);
	require_within(header->authority, bytes, header->length);
	require_within(header->unique_id, bytes, header->length);
}

/* What holds for each result by itself. The bytes end where memory ends. */
static enum proxy_result check_one(const char *bytes, size_t length, struct proxy_header *header)
{
	struct problem problem = { "" };
	enum proxy_result result = proxy_parse(bytes, length, header, &problem);

	require((result == PROXY_MALFORMED) == (problem.text[0] != '\0'));
	require(result == PROXY_COMPLETE || is_zero(header));
	require(result != PROXY_MORE || length < PROXY_HEADER_MAX);
	if (result == PROXY_COMPLETE)
		check_header(header, bytes, length);
	return result;
}

static void require_equal(const struct proxy_header *a, const char *start_a,
			  const struct proxy_header *b, const char *start_b)
{
	require(a->length == b->length && a->is_local == b->is_local);
	require(memcmp(&a->source, &b->source, sizeof(a->source)) == 0);
	require(memcmp(&a->destination, &b->destination, sizeof(a->destination)) == 0);
	require(a->source_port == b->source_port && a->destination_port == b->destination_port);
	require(a->over_tls == b->over_tls && a->client_verified == b->client_verified);
	require_same(a->tls_version, start_a, b->tls_version, start_b);
	require_same(a->tls_cipher, start_a, b->tls_cipher, start_b);
	require_same(a->common_name, start_a, b->common_name, start_b);
	require_same(a->authority, start_a, b->authority, start_b);
	require_same(a->unique_id, start_a, b->unique_id, start_b);
}

/* A prefix in memory that ends with it: nothing behind it can matter. */
static enum proxy_result check_prefix(const struct outcome *whole, char *room, size_t length)
{
	char *prefix = room + whole->length - length;
	struct proxy_header header;
	enum proxy_result result;

	memcpy(prefix, whole->bytes, length);
	result = check_one(prefix, length, &header);
	if (whole->result == PROXY_COMPLETE && length >= whole->header.length) {
		require(result == PROXY_COMPLETE);
		require_equal(&header, prefix, &whole->header, whole->bytes);
	} else if (whole->result == PROXY_MALFORMED) {
		require(result != PROXY_COMPLETE);
	} else {
		require(result == PROXY_MORE);
	}
	return result;
}

/* Once it is malformed, it stays so. */
static void check_prefixes(const struct outcome *whole)
{
	bool all = whole->length <= ALL_PREFIXES;
	size_t step = all ? 1 : whole->length / SOME_PREFIXES + 1;
	enum proxy_result before = PROXY_MORE;
	char *room = malloc(whole->length);

	require(room);
	for (size_t length = 0; length <= whole->length; length += step) {
		enum proxy_result result = check_prefix(whole, room, length);

		require(before != PROXY_MALFORMED || result == PROXY_MALFORMED);
		before = result;
	}
	if (whole->result == PROXY_COMPLETE) {
		check_prefix(whole, room, whole->header.length - 1);
		check_prefix(whole, room, whole->header.length);
	}
	free(room);
}

static void require_same_addresses(const char *bytes, size_t length,
				   const struct proxy_header *expected)
{
	struct proxy_header header;
	struct problem problem;

	require(proxy_parse(bytes, length, &header, &problem) == PROXY_COMPLETE);
	require(header.length == length && !header.is_local);
	require(memcmp(&header.source, &expected->source, sizeof(header.source)) == 0);
	require(memcmp(&header.destination, &expected->destination, sizeof(header.destination)) ==
		0);
	require(header.source_port == expected->source_port);
	require(header.destination_port == expected->destination_port);
}

/* The addresses as a line of version 1 and as a header of version 2. */
static void check_again(const struct proxy_header *header)
{
	static const char start[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24";
	uint16_t ports[2] = { htons(header->source_port), htons(header->destination_port) };
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	char bytes[2 * VERSION_1_MAX];
	int length;

	require(inet_ntop(AF_INET6, &header->source, source, sizeof(source)));
	require(inet_ntop(AF_INET6, &header->destination, destination, sizeof(destination)));
	length = snprintf(bytes, sizeof(bytes), "PROXY TCP6 %s %s %u %u\r\n", source, destination,
			  header->source_port, header->destination_port);
	require_same_addresses(bytes, (size_t)length, header);
	memcpy(bytes, start, 16);
	memcpy(bytes + 16, &header->source, 16);
	memcpy(bytes + 32, &header->destination, 16);
	memcpy(bytes + 48, ports, 4);
	require_same_addresses(bytes, 52, header);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct outcome whole = { .length = length };
	char *bytes;

	if (length < 1)
		return 0;
	bytes = malloc(length);
	require(bytes);
	memcpy(bytes, input, length);
	whole.bytes = bytes;
	whole.result = check_one(bytes, length, &whole.header);
	check_prefixes(&whole);
	if (whole.result == PROXY_COMPLETE && !whole.header.is_local)
		check_again(&whole.header);
	free(bytes);
	return 0;
}
