/*
 * fuzz_xclient.c - the arguments of XCLIENT and XFORWARD
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: the command (bit 0 of the first byte), then the text behind the verb.
 */
#include "common/fail/fail.h"
#include "common/smtp/address.h"
#include "common/smtp/xclient.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NAME=value for each attribute, each byte of the value as three. */
#define TEXT_SIZE (SMTP_XCLIENT_ATTRIBUTES * (16 + 3 * SMTP_XCLIENT_VALUE_MAX))

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static const char *const names[SMTP_XCLIENT_ATTRIBUTES] = {
	"NAME", "addr", "PORT", "proto", "HELO", "login", "DESTADDR", "destport", "IDENT", "source",
};

static void require_within(struct smtp_text inner, struct smtp_text outer)
{
	require(inner.bytes >= outer.bytes);
	require(inner.bytes + inner.length <= outer.bytes + outer.length);
}

static bool is_given(const struct smtp_xclient *xclient, enum smtp_xclient_attribute attribute)
{
	return xclient->attributes[attribute].state == SMTP_XCLIENT_GIVEN;
}

/* ---- what everybody behind the parser counts on ---- */

static void check_texts(const struct smtp_xclient *xclient)
{
	for (unsigned i = 0; i < SMTP_XCLIENT_ATTRIBUTES; i++) {
		const char *bytes = xclient->attributes[i].text;
		struct smtp_text text = { bytes, strlen(bytes) };

		require(text.length <= SMTP_XCLIENT_VALUE_MAX && smtp_text_is_utf8(text));
		require(is_given(xclient, i) == (text.length > 0));
		for (size_t at = 0; at < text.length; at++)
			require(smtp_is_printable(bytes[at]) || smtp_is_8bit(bytes[at]));
	}
}

static void check_address(const struct smtp_xclient *xclient, enum smtp_xclient_attribute attribute,
			  const struct in6_addr *address)
{
	char text[5 + INET6_ADDRSTRLEN] = "IPV6:";
	struct smtp_xclient again;
	struct smtp_text culprit;
	char argument[64];

	require(is_given(xclient, attribute) == !IN6_IS_ADDR_UNSPECIFIED(address));
	if (!is_given(xclient, attribute))
		return;
	/* The address that was read, written in the system's own way, is the same one. */
	require(inet_ntop(AF_INET6, address, text + 5, sizeof(text) - 5));
	snprintf(argument, sizeof(argument), "ADDR=%s", text);
	require(smtp_xclient_parse((struct smtp_text){ argument, strlen(argument) }, SMTP_XFORWARD,
				   &again, &culprit) == SMTP_XCLIENT_FINE);
	require(IN6_ARE_ADDR_EQUAL(&again.address, address));
}

static void check_port(const struct smtp_xclient *xclient, enum smtp_xclient_attribute attribute,
		       uint16_t port)
{
	const char *text = xclient->attributes[attribute].text;

	require(is_given(xclient, attribute) ? strtoul(text, NULL, 10) == port : port == 0);
}

static void check_members(const struct smtp_xclient *xclient)
{
	const char *name = xclient->attributes[SMTP_XCLIENT_NAME].text;
	const char *helo = xclient->attributes[SMTP_XCLIENT_HELO].text;

	check_address(xclient, SMTP_XCLIENT_ADDR, &xclient->address);
	check_address(xclient, SMTP_XCLIENT_DESTADDR, &xclient->destination_address);
	check_port(xclient, SMTP_XCLIENT_PORT, xclient->port);
	check_port(xclient, SMTP_XCLIENT_DESTPORT, xclient->destination_port);
	require(!xclient->is_extended || is_given(xclient, SMTP_XCLIENT_PROTO));
	require(!xclient->is_local || is_given(xclient, SMTP_XCLIENT_SOURCE));
	require(!*name || smtp_domain_is_valid((struct smtp_text){ name, strlen(name) }));
	require(!*helo || smtp_helo_is_acceptable((struct smtp_text){ helo, strlen(helo) }));
}

/* ---- what was read, written again ---- */

static size_t write_value(char *place, const char *text)
{
	size_t used = 0;

	for (; *text; text++)
		used += (size_t)snprintf(place + used, 4, "+%02X", (unsigned char)*text);
	return used;
}

static size_t write_argument(char *place, const struct smtp_xclient *xclient, unsigned attribute)
{
	static const char *const words[] = {
		[SMTP_XCLIENT_UNAVAILABLE] = "[Unavailable]",
		[SMTP_XCLIENT_TEMPORARY] = "[tempUNAVAIL]",
	};
	enum smtp_xclient_state state = xclient->attributes[attribute].state;
	size_t used;

	if (state == SMTP_XCLIENT_ABSENT)
		return 0;
	used = (size_t)snprintf(place, 16, " %s=", names[attribute]);
	if (state == SMTP_XCLIENT_GIVEN)
		return used + write_value(place + used, xclient->attributes[attribute].text);
	return used + (size_t)snprintf(place + used, 16, "%s", words[state]);
}

static void require_equal(const struct smtp_xclient *a, const struct smtp_xclient *b)
{
	for (unsigned i = 0; i < SMTP_XCLIENT_ATTRIBUTES; i++) {
		require(a->attributes[i].state == b->attributes[i].state);
		require(strcmp(a->attributes[i].text, b->attributes[i].text) == 0);
	}
	require(IN6_ARE_ADDR_EQUAL(&a->address, &b->address));
	require(IN6_ARE_ADDR_EQUAL(&a->destination_address, &b->destination_address));
	require(a->port == b->port && a->destination_port == b->destination_port);
	require(a->is_extended == b->is_extended && a->is_local == b->is_local);
}

/* Order, case of names and the choice of encoding mean nothing. */
static void check_again(const struct smtp_xclient *xclient, enum smtp_xclient_command command)
{
	static char text[TEXT_SIZE];
	struct smtp_xclient again;
	struct smtp_text culprit;
	size_t used = 0;

	for (unsigned i = SMTP_XCLIENT_ATTRIBUTES; i > 0; i--)
		used += write_argument(text + used, xclient, i - 1);
	require(used > 0);
	require(smtp_xclient_parse((struct smtp_text){ text, used }, command, &again, &culprit) ==
		SMTP_XCLIENT_FINE);
	require_equal(xclient, &again);
}

static void check(struct smtp_text text, enum smtp_xclient_command command)
{
	static const struct smtp_xclient nothing;
	struct smtp_xclient xclient;
	struct smtp_text culprit;
	enum smtp_xclient_fault fault = smtp_xclient_parse(text, command, &xclient, &culprit);

	require_within(culprit, text);
	if (fault != SMTP_XCLIENT_FINE) {
		require(culprit.length > 0 || fault == SMTP_XCLIENT_SYNTAX);
		require_equal(&xclient, &nothing);
		return;
	}
	require(culprit.length == 0);
	check_texts(&xclient);
	check_members(&xclient);
	check_again(&xclient, command);
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
	      input[0] & 1 ? SMTP_XFORWARD : SMTP_XCLIENT);
	free(bytes);
	return 0;
}
