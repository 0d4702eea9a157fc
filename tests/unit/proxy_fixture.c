/*
 * proxy_fixture.c - what a PROXY header says, and that a parser hears just that
 *
 * Runs in: the tests.  Privilege: none.
 */
#include "tests/unit/proxy_fixture.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The bytes in a buffer of just their length: a read behind them is seen. */
static char *exact(const char *bytes, size_t length)
{
	char *copy = malloc(length ? length : 1);

	ck_assert(copy);
	memcpy(copy, bytes, length);
	return copy;
}

enum proxy_result parse_copy(const char *bytes, size_t length, struct proxy_header *header,
			     struct problem *problem)
{
	char *copy = exact(bytes, length);
	enum proxy_result result = proxy_parse(copy, length, header, problem);

	free(copy);
	return result;
}

void assert_result(const char *bytes, size_t length, enum proxy_result expected)
{
	static const struct proxy_header nothing;
	struct proxy_header header;
	struct problem problem = { "" };
	enum proxy_result result = parse_copy(bytes, length, &header, &problem);

	ck_assert_msg(result == expected, "%zu bytes of \"%.60s\": %d \"%s\"", length, bytes,
		      result, problem.text);
	ck_assert_int_eq(result == PROXY_MALFORMED, problem.text[0] != '\0');
	if (result != PROXY_COMPLETE)
		ck_assert_mem_eq(&header, &nothing, sizeof(header));
}

static void assert_address(const struct in6_addr *address, const char *expected)
{
	struct in6_addr wanted;

	ck_assert_int_eq(inet_pton(AF_INET6, expected ? expected : "::", &wanted), 1);
	ck_assert_mem_eq(address, &wanted, sizeof(wanted));
}

static void assert_text(struct smtp_text text, const char *expected, struct smtp_text header)
{
	ck_assert_uint_eq(text.length, expected ? strlen(expected) : 0);
	ck_assert_mem_eq(text.bytes, expected ? expected : "", text.length);
	ck_assert(text.bytes >= header.bytes &&
		  text.bytes + text.length <= header.bytes + header.length);
}

static void assert_said(const struct proxy_header *header, const char *bytes,
			const struct said *said)
{
	struct smtp_text whole = { bytes, header->length };

	ck_assert_int_eq(header->is_local, said->is_local);
	assert_address(&header->source, said->source);
	assert_address(&header->destination, said->destination);
	ck_assert_uint_eq(header->source_port, said->source_port);
	ck_assert_uint_eq(header->destination_port, said->destination_port);
	ck_assert_int_eq(header->over_tls, said->over_tls);
	ck_assert_int_eq(header->client_verified, said->client_verified);
	assert_text(header->tls_version, said->tls_version, whole);
	assert_text(header->tls_cipher, said->tls_cipher, whole);
	assert_text(header->common_name, said->common_name, whole);
	assert_text(header->authority, said->authority, whole);
	assert_text(header->unique_id, said->unique_id, whole);
}

void assert_complete(const char *bytes, size_t length, size_t header_length,
		     const struct said *said)
{
	char *copy = exact(bytes, length);
	struct proxy_header header;
	struct problem problem = { "" };

	ck_assert_msg(proxy_parse(copy, length, &header, &problem) == PROXY_COMPLETE,
		      "\"%.60s\": %s", bytes, problem.text);
	ck_assert_uint_eq(header.length, header_length);
	assert_said(&header, copy, said);
	free(copy);
}

void assert_valid(struct smtp_text bytes, const struct said *said)
{
	static const struct smtp_text behind[] = {
		BYTES("E"),
		BYTES("EHLO client.example\r\n"),
		BYTES("\n"),
		BYTES("\r\n"),
		BYTES("PROXY UNKNOWN\r\n"),
		BYTES("\0\0\0\0"),
		BYTES("\x04\xFF\xFF"),
		BYTES(SIGNATURE "\x20\x00\x00\x00"),
	};
	char longer[PROXY_HEADER_MAX + 64];

	for (size_t length = 0; length < bytes.length; length++)
		assert_result(bytes.bytes, length, PROXY_MORE);
	assert_complete(bytes.bytes, bytes.length, bytes.length, said);
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		memcpy(longer, bytes.bytes, bytes.length);
		memcpy(longer + bytes.length, behind[i].bytes, behind[i].length);
		assert_complete(longer, bytes.length + behind[i].length, bytes.length, said);
	}
}

void assert_malformed(struct smtp_text bytes, size_t first)
{
	for (size_t length = 0; length <= bytes.length; length++)
		assert_result(bytes.bytes, length, length < first ? PROXY_MORE : PROXY_MALFORMED);
}
