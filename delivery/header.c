/*
 * header.c - the lines that delivery puts in front of a message
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: HELO, sender and recipients: any bytes.  Trusts: the host name
 * and the mailbox (from the configuration and the tables).
 */
#include "delivery/header.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/fail/fail.h"
#include "common/smtp/text.h"

/* With the field's name and brackets a line stays below the 998 of RFC 5322 2.1.1. */
#define ADDRESS_MAX 900
#define DATE_SIZE 48
#define CLIENT_SIZE (INET6_ADDRSTRLEN + 8)
#define TLS_SIZE (2 * ENVELOPE_TLS_MAX + ENVELOPE_NAME_MAX + 8)

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool is_one_of(unsigned char byte, const char *set)
{
	return byte != '\0' && strchr(set, byte);
}

/* What may stand in a domain, an address literal, or what clients send instead. */
static bool is_name_byte(unsigned char byte)
{
	return is_one_of(byte, letters) || is_one_of(byte, "-._:[]");
}

static bool is_cipher_byte(unsigned char byte)
{
	return is_one_of(byte, letters) || is_one_of(byte, "-_");
}

/* atext and dots (RFC 5322 3.2.3), "@", and the brackets and colons of a literal. */
static bool is_address_byte(unsigned char byte)
{
	return is_one_of(byte, letters) || is_one_of(byte, "!#$%&'*+-/=?^_`{|}~.@[]:");
}

static void write_word(struct wire_string word, bool (*is_fine)(unsigned char), char *text,
		       size_t size)
{
	size_t length = word.length < size - 1 ? word.length : size - 1;

	for (size_t i = 0; i < length; i++)
		text[i] = is_fine((unsigned char)word.bytes[i]) ? word.bytes[i] : '?';
	text[length] = '\0';
	if (length == 0)
		snprintf(text, size, "?");
}

static void write_name(struct wire_string name, char *text, size_t size)
{
	write_word(name, is_name_byte, text, size);
}

static void write_cipher(struct wire_string cipher, char *text, size_t size)
{
	write_word(cipher, is_cipher_byte, text, size);
}

/*
 * The state of a walk over an address: within a quoted local part (RFC 5321
 * 4.1.2) spaces and brackets are safe, elsewhere they are not.
 */
struct walk {
	bool quoting_allowed, utf8_allowed;
	bool quoted, escaped;
};

static bool is_safe(struct walk *walk, unsigned char byte)
{
	bool was_escaped = walk->escaped;

	walk->escaped = false;
	if (byte >= 128)
		return walk->utf8_allowed;
	if (byte < ' ' || byte == 127)
		return false;
	if (was_escaped)
		return true;
	if (byte == '"' && walk->quoting_allowed) {
		walk->quoted = !walk->quoted;
		return true;
	}
	if (!walk->quoted)
		return is_address_byte(byte);
	walk->escaped = byte == '\\';
	return true;
}

/* Whether every quote is closed again. */
static bool quotes_match(struct wire_string address)
{
	struct walk walk = { .quoting_allowed = true };

	for (size_t i = 0; i < address.length; i++)
		(void)is_safe(&walk, (unsigned char)address.bytes[i]);
	return !walk.quoted;
}

static void write_address(struct wire_string address, uint32_t flags, char *text)
{
	struct smtp_text bytes = { address.bytes, address.length };
	struct walk walk = { .utf8_allowed = false };

	if (address.length > ADDRESS_MAX)
		address.length = ADDRESS_MAX;
	bytes.length = address.length;
	walk.quoting_allowed = quotes_match(address);
	walk.utf8_allowed = (flags & SUBMISSION_SMTPUTF8) && smtp_text_is_utf8(bytes);
	for (size_t i = 0; i < address.length; i++)
		text[i] = is_safe(&walk, (unsigned char)address.bytes[i]) ? address.bytes[i] : '?';
	text[address.length] = '\0';
}

/* A dot-atom (RFC 5322 3.2.3) neither begins nor ends in a dot, nor has two of them together. */
static bool has_odd_dot(const char *local, size_t length)
{
	return length == 0 || local[0] == '.' || local[length - 1] == '.' ||
	       memmem(local, length, "..", 2);
}

static bool needs_quotes(const char *local, size_t length)
{
	if (has_odd_dot(local, length))
		return true;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)local[i] < 128 && (!is_address_byte((unsigned char)local[i]) ||
						      is_one_of((unsigned char)local[i], "@[]:")))
			return true;
	return false;
}

/* A mailbox of the tables, which hold it unquoted: "a b"@example.org gets its quotes back. */
static void write_mailbox(const char *mailbox, char *text)
{
	const char *at = strrchr(mailbox, '@');
	size_t local = at ? (size_t)(at - mailbox) : strlen(mailbox);
	size_t used = 0;

	if (local > ADDRESS_MAX / 2 || !needs_quotes(mailbox, local)) {
		snprintf(text, ADDRESS_MAX + 1, "%s", mailbox);
		return;
	}
	text[used++] = '"';
	for (size_t i = 0; i < local; i++) {
		if (mailbox[i] == '"' || mailbox[i] == '\\')
			text[used++] = '\\';
		text[used++] = (unsigned char)mailbox[i] < ' ' ? '?' : mailbox[i];
	}
	text[used++] = '"';
	snprintf(text + used, ADDRESS_MAX + 1 - used, "%s", mailbox + local);
}

/* RFC 5321 4.1.3: [192.0.2.1], [IPv6:2001:db8::1]. A client of a unix socket has no address. */
static void write_client(const struct in6_addr *client, char text[CLIENT_SIZE])
{
	char address[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_UNSPECIFIED(client)) {
		snprintf(text, CLIENT_SIZE, "unix socket");
		return;
	}
	if (IN6_IS_ADDR_V4MAPPED(client))
		inet_ntop(AF_INET, &client->s6_addr[12], address, sizeof(address));
	else
		inet_ntop(AF_INET6, client, address, sizeof(address));
	snprintf(text, CLIENT_SIZE, "[%s%s]", IN6_IS_ADDR_V4MAPPED(client) ? "" : "IPv6:", address);
}

/* RFC 5322 3.3, in UTC. A time whose year has not four digits is the worker's lie. */
static void write_date(int64_t received, char text[DATE_SIZE])
{
	time_t seconds = (time_t)(received / 1000000);
	struct tm date = { .tm_mday = 1 };

	if (!gmtime_r(&seconds, &date) || date.tm_year > 9999 - 1900) {
		seconds = 0;
		gmtime_r(&seconds, &date);
	}
	/* No setlocale(3) in this program: names of days and months are English. */
	strftime(text, DATE_SIZE, "%a, %d %b %Y %H:%M:%S +0000", &date);
}

/* "\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384 mx.example.org)", as a comment; "" without TLS. */
static void write_tls(const struct submission *submission, char text[TLS_SIZE])
{
	char version[ENVELOPE_TLS_MAX + 1], cipher[ENVELOPE_TLS_MAX + 1];
	char name[ENVELOPE_NAME_MAX + 1];
	bool has_name = submission->tls_name.length > 0;

	text[0] = '\0';
	if (submission->tls_version.length == 0)
		return;
	write_name(submission->tls_version, version, sizeof(version));
	write_cipher(submission->tls_cipher, cipher, sizeof(cipher));
	write_name(submission->tls_name, name, sizeof(name));
	snprintf(text, TLS_SIZE, "\n\t(%s %s%s%s)", version, cipher, has_name ? " " : "",
		 has_name ? name : "");
}

size_t header_write(const struct header_values *values, char header[HEADER_SIZE])
{
	const struct submission *submission = values->submission;
	char sender[ADDRESS_MAX + 1], recipient[ADDRESS_MAX + 1], mailbox[ADDRESS_MAX + 1];
	char helo[ENVELOPE_HELO_MAX + 1], client[CLIENT_SIZE], date[DATE_SIZE], tls[TLS_SIZE];
	bool one = submission->recipient_count == 1;
	int written;

	write_address(submission->sender, submission->flags, sender);
	write_address(values->recipient, submission->flags, recipient);
	write_mailbox(values->mailbox, mailbox);
	write_name(submission->helo, helo, sizeof(helo));
	write_client(&submission->client, client);
	write_tls(submission, tls);
	write_date(submission->received, date);
	written = snprintf(header, HEADER_SIZE,
			   "Return-Path: <%s>\n"
			   "Delivered-To: %s\n"
			   "X-Original-To: %s\n"
			   "Received: from %s (%s)\n"
			   "\tby %.255s (postern) with %s%s id %s%s%s%s; %s\n",
			   sender, mailbox, recipient, helo, client, values->hostname,
			   submission->protocol, tls, submission->id, one ? "\n\tfor <" : "",
			   one ? recipient : "", one ? ">" : "", date);
	require(written > 0 && written < HEADER_SIZE);
	return (size_t)written;
}
