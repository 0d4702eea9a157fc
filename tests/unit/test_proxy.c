/*
 * test_proxy.c - the header of the PROXY protocol, versions 1 and 2
 *
 * Runs in: the tests.  Privilege: none.
 * Covers C-25 (PROXY v1 and v2, bounded), C-30 (TLS that the proxy has ended: the SSL TLV).
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/proxy_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
/* 192.0.2.1 port 49153 to 198.51.100.2 port 25 */
#define ADDRESSES "\xC0\x00\x02\x01\xC6\x33\x64\x02\xC0\x01\x00\x19"
#define ADDRESSES_SIZE 12
#define FIXED_SIZE 16
#define FULL_GROUPS "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define TEXT_256 HUNDRED HUNDRED TEN TEN TEN TEN TEN "123456"
#define UNIX_108 HUNDRED "/socket\0"

#define LOCAL                    \
	{                        \
		.is_local = true \
	}
#define FROM_TO(from, to, from_port, to_port)                                \
	{                                                                    \
		.source = from, .destination = to, .source_port = from_port, \
		.destination_port = to_port                                  \
	}
#define SAID_ADDRESSES FROM_TO("::ffff:192.0.2.1", "::ffff:198.51.100.2", 49153, 25)

static const struct {
	struct smtp_text bytes;
	struct said said;
} valid[] = {
	/* version 1 */
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 49153 25\r\n"), SAID_ADDRESSES },
	{ BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	  FROM_TO("::ffff:255.255.255.255", "::ffff:255.255.255.255", 65535, 65535) },
	{ BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"),
	  FROM_TO("::ffff:0.0.0.0", "::ffff:0.0.0.0", 0, 0) },
	{ BYTES("PROXY TCP6 2001:db8::1 2001:DB8::2 49153 25\r\n"),
	  FROM_TO("2001:db8::1", "2001:db8::2", 49153, 25) },
	{ BYTES("PROXY TCP6 :: ::1 10 9\r\n"), FROM_TO("::", "::1", 10, 9) },
	{ BYTES("PROXY TCP6 1:: 1:2:3:4:5:6:7:8 1 65535\r\n"),
	  FROM_TO("1::", "1:2:3:4:5:6:7:8", 1, 65535) },
	{ BYTES("PROXY TCP6 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 1 1\r\n"),
	  FROM_TO("1:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:8", 1, 1) },
	{ BYTES("PROXY TCP6 0001:0:00:000::0 1:2:3:4:5:6:7.8.9.10 1 1\r\n"),
	  FROM_TO("1::", "1:2:3:4:5:6:708:90a", 1, 1) },
	{ BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 49153 25\r\n"), SAID_ADDRESSES },
	{ BYTES("PROXY TCP6 " FULL_GROUPS " " FULL_GROUPS " 65535 65535\r\n"),
	  FROM_TO(FULL_GROUPS, FULL_GROUPS, 65535, 65535) },
	{ BYTES("PROXY UNKNOWN\r\n"), LOCAL },
	{ BYTES("PROXY UNKNOWN \r\n"), LOCAL },
	{ BYTES("PROXY UNKNOWN  \0\xFF anything TCP4\t\r\n"), LOCAL },
	{ BYTES("PROXY UNKNOWN 192.0.2.1 198.51.100.2 49153 25\r\n"), LOCAL },
	/* 107 bytes, the most */
	{ BYTES("PROXY UNKNOWN " FULL_GROUPS " " FULL_GROUPS " 65535 65535\r\n"), LOCAL },
	/* version 2: LOCAL, whatever follows */
	{ BYTES(SIGNATURE "\x20\x00\x00\x00"), LOCAL },
	{ BYTES(SIGNATURE "\x20\x11\x00\x00"), LOCAL },
	{ BYTES(SIGNATURE "\x20\xFF\x00\x01\xFF"), LOCAL },
	{ BYTES(SIGNATURE "\x20\x11\x00\x0C" ADDRESSES), LOCAL },
	{ BYTES(SIGNATURE "\x20\x00\x00\x07\x03\x00\x04\x00\x00\x00\x00"), LOCAL },
	{ BYTES(SIGNATURE "\x20\x00\x00\x0A\x20\x00\x05\x01\x00\x00\x00\x00\x21\x01"), LOCAL },
	/* UNSPEC: nobody knows what follows */
	{ BYTES(SIGNATURE "\x21\x00\x00\x00"), LOCAL },
	{ BYTES(SIGNATURE "\x21\x00\x00\x03\x04\xFF\xFF"), LOCAL },
	/* UNIX stream */
	{ BYTES(SIGNATURE "\x21\x31\x00\xD8" UNIX_108 UNIX_108), LOCAL },
	{ BYTES(SIGNATURE "\x21\x31\x00\xDF" UNIX_108 UNIX_108 "\x02\x00\x04host"),
	  { .is_local = true, .authority = "host" } },
	/* addresses */
	{ BYTES(SIGNATURE "\x21\x11\x00\x0C" ADDRESSES), SAID_ADDRESSES },
	{ BYTES(SIGNATURE "\x21\x11\x00\x0C"
			  "\x00\x00\x00\x00\xFF\xFF\xFF\xFF\x00\x00\xFF\xFF"),
	  FROM_TO("::ffff:0.0.0.0", "::ffff:255.255.255.255", 0, 65535) },
	{ BYTES(SIGNATURE "\x21\x21\x00\x24"
			  "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"
			  "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02"
			  "\xC0\x01\x00\x19"),
	  FROM_TO("2001:db8::1", "2001:db8::2", 49153, 25) },
	/* CRC32C, as another program computed it; first, and in front of a NOOP */
	{ BYTES(SIGNATURE "\x21\x11\x00\x13" ADDRESSES "\x03\x00\x04\x30\x21\xAE\xD3"),
	  SAID_ADDRESSES },
	{ BYTES(SIGNATURE "\x21\x11\x00\x18" ADDRESSES "\x03\x00\x04\xC1\x62\x55\x2A"
			  "\x04\x00\x02\x00\x00"),
	  SAID_ADDRESSES },
};

/* TLVs behind ADDRESSES. */
static const struct {
	struct smtp_text bytes;
	struct said said;
} valid_tlvs[] = {
	{ BYTES("\x04\x00\x00"), { 0 } },
	{ BYTES("\x04\x00\x03\x02\xFF\xFF\x04\x00\x00"), { 0 } },
	{ BYTES("\x02\x00\x10mail.example.org"), { .authority = "mail.example.org" } },
	{ BYTES("\x02\x00\x00"), { 0 } },
	{ BYTES("\x02\x01\x00" TEXT_256), { .authority = TEXT_256 } },
	{ BYTES("\x05\x00\x02id\x02\x00\x01\x0A"), { .unique_id = "id", .authority = "\n" } },
	{ BYTES("\x01\x00\x04smtp\x30\x00\x02ns\xE0\x00\x01\x00\xEA\x00\x02\x01\x02\xFF\x00\x00"),
	  { 0 } },
	/* what is longer than a text, and of no interest */
	{ BYTES("\xE0\x01\x01" TEXT_256 "\x00"), { 0 } },
	/* types of the inner level mean nothing outside, and the other way round */
	{ BYTES("\x21\x00\x01x\x22\x00\x01x\x23\x00\x01x"), { 0 } },
	{ BYTES("\x20\x00\x0D\x01\x00\x00\x00\x01\x02\x00\x01x\x03\x00\x01x"),
	  { .over_tls = true } },
	{ BYTES("\x20\x00\x0D\x01\x00\x00\x00\x00\x20\x00\x00\x05\x00\x02zz"),
	  { .over_tls = true } },
	/* TLS or not, a certificate or not, verified or not */
	{ BYTES("\x20\x00\x05\x00\x00\x00\x00\x00"), { 0 } },
	{ BYTES("\x20\x00\x05\x01\x00\x00\x00\x00"), { .over_tls = true } },
	{ BYTES("\x20\x00\x05\xF9\x00\x00\x00\x00"), { .over_tls = true } },
	{ BYTES("\x20\x00\x05\x03\x00\x00\x00\x00"),
	  { .over_tls = true, .client_verified = true } },
	{ BYTES("\x20\x00\x05\x05\x00\x00\x00\x00"),
	  { .over_tls = true, .client_verified = true } },
	{ BYTES("\x20\x00\x05\x07\x00\x00\x00\x00"),
	  { .over_tls = true, .client_verified = true } },
	{ BYTES("\x20\x00\x05\x06\x00\x00\x00\x00"), { 0 } },
	{ BYTES("\x20\x00\x05\x07\x00\x00\x00\x01"), { .over_tls = true } },
	{ BYTES("\x20\x00\x05\x07\x01\x00\x00\x00"), { .over_tls = true } },
	/* all that is of interest */
	{ BYTES("\x20\x00\x32\x07\x00\x00\x00\x00\x21\x00\x07TLSv1.3\x22\x00\x05"
		"alice\x25\x00\x00\x23\x00\x15TLS_AES_128_GCM_SHA25\x05\x00\x01z\x02\x00\x01y"),
	  { .over_tls = true,
	    .client_verified = true,
	    .tls_version = "TLSv1.3",
	    .common_name = "alice",
	    .tls_cipher = "TLS_AES_128_GCM_SHA25",
	    .unique_id = "z",
	    .authority = "y" } },
};

/* The first byte of `wrong` is the first from which on nothing can be right. */
static const struct {
	struct smtp_text right;
	struct smtp_text wrong;
} malformed[] = {
	/* neither version */
	{ BYTES(""), BYTES("EHLO client.example\r\n") },
	{ BYTES(""), BYTES("\0") },
	{ BYTES(""), BYTES("\n") },
	{ BYTES(""), BYTES("\x16\x03\x01") },
	{ BYTES(""), BYTES("proxy TCP4 192.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES(""), BYTES(" PROXY UNKNOWN\r\n") },
	{ BYTES("P"), BYTES("OST / HTTP/1.1\r\n") },
	{ BYTES("PROXY"), BYTES("\r\n") },
	{ BYTES("PROXY"), BYTES("\tUNKNOWN\r\n") },
	/* the protocol */
	{ BYTES("PROXY "), BYTES(" TCP4 192.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY "), BYTES("\r\n") },
	{ BYTES("PROXY U"), BYTES("DP4 192.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP"), BYTES("5 192.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY "), BYTES("tcp4 192.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4"), BYTES("\r\n") },
	{ BYTES("PROXY UNKNOWN"), BYTES("X\r\n") },
	{ BYTES("PROXY UNKNOWN"), BYTES("\0\r\n") },
	{ BYTES("PROXY UNKNOWN"), BYTES("\n") },
	{ BYTES("PROXY UNKNOWN a\0b"), BYTES("\n\r\n") },
	{ BYTES("PROXY UNKNOWN\r"), BYTES("\r\n") },
	{ BYTES("PROXY UNKNOWN a\r"), BYTES("b\r\n") },
	{ BYTES("PROXY UNKNOWN a\r"), BYTES("\0\n") },
	/* addresses */
	{ BYTES("PROXY TCP4 "), BYTES(" 192.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 "), BYTES("\r\n") },
	{ BYTES("PROXY TCP4 200"), BYTES("1:db8::1 2001:db8::2 1 1\r\n") },
	{ BYTES("PROXY TCP4 1"), BYTES(":: ::1 1 1\r\n") },
	{ BYTES("PROXY TCP4 25"), BYTES("6.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 0"), BYTES("1.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.0"), BYTES("1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192."), BYTES(".2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2"), BYTES(" 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2."), BYTES(" 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1"), BYTES(".1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1"), BYTES("\0 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1"), BYTES("\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1"), BYTES("\t198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 "), BYTES("-1.0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 1"), BYTES("x\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 "), BYTES(" 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100"), BYTES(" 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 "), BYTES(":: 49153 25\r\n") },
	{ BYTES("PROXY TCP6 192"), BYTES(".0.2.1 198.51.100.2 49153 25\r\n") },
	{ BYTES("PROXY TCP6 :"), BYTES("1 ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 ::"), BYTES(": ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 1::2:"), BYTES(": ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 1::2:"), BYTES(" ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 1234"), BYTES("5:: ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 "), BYTES("g:: ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 1:2:3:4:5:6:7"), BYTES(" ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 1:2:3:4:5:6:7:8"), BYTES(":9 ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 1:2:3:4:5:6:7:8"), BYTES(":: ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 1:2:3:4:5:6:7:8"), BYTES(".8.9.10 ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 ::ffff:25"), BYTES("x6.0.2.1 ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 ::ffff:256"), BYTES(".0.2.1 ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 fe80::1"), BYTES("%eth0 ::1 1 1\r\n") },
	{ BYTES("PROXY TCP6 "), BYTES("[::1] ::1 1 1\r\n") },
	/* ports */
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 "), BYTES(" 49153 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 6553"), BYTES("6 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 10000"), BYTES("0 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0"), BYTES("0 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0"), BYTES("25 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 "), BYTES("+1 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 "), BYTES("-1 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1"), BYTES("a 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1"), BYTES("\0 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1"), BYTES("\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 "), BYTES("\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 "), BYTES(" 25\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 25"), BYTES(" \r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 25"), BYTES("\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 6553"), BYTES("6\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 25\r"), BYTES("\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 25\r"), BYTES("EHLO\r\n") },
	/* 108 bytes: that the 106th is no CR shows it */
	{ BYTES("PROXY UNKNOWN " FULL_GROUPS " " FULL_GROUPS " 65535 65535"), BYTES(" \r\n") },
	{ BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"
		" ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255 65"),
	  BYTES("535 65535\r\n") },
	/* version 2: signature, version, command */
	{ BYTES("\r\n\r\n"), BYTES("\r\n") },
	{ BYTES("\r\n\r\n\0\r\nQUIT"), BYTES("\r\n") },
	{ BYTES(SIGNATURE), BYTES("\x11\x11\x00\x0C" ADDRESSES) },
	{ BYTES(SIGNATURE), BYTES("\x31\x11\x00\x0C" ADDRESSES) },
	{ BYTES(SIGNATURE), BYTES("\x22\x11\x00\x0C" ADDRESSES) },
	{ BYTES(SIGNATURE), BYTES("\x2F\x11\x00\x0C" ADDRESSES) },
	/* family and transport: datagrams, and none there is */
	{ BYTES(SIGNATURE "\x21"), BYTES("\x12\x00\x0C" ADDRESSES) },
	{ BYTES(SIGNATURE "\x21"), BYTES("\x22\x00\x24") },
	{ BYTES(SIGNATURE "\x21"), BYTES("\x32\x00\xD8") },
	{ BYTES(SIGNATURE "\x21"), BYTES("\x10\x00\x0C" ADDRESSES) },
	{ BYTES(SIGNATURE "\x21"), BYTES("\x13\x00\x0C" ADDRESSES) },
	{ BYTES(SIGNATURE "\x21"), BYTES("\x41\x00\x0C" ADDRESSES) },
	{ BYTES(SIGNATURE "\x21"), BYTES("\x01\x00\x00") },
	/* length: too much, too little */
	{ BYTES(SIGNATURE "\x21\x11\x10"), BYTES("\x01" ADDRESSES) },
	{ BYTES(SIGNATURE "\x21\x11"), BYTES("\x11\x00" ADDRESSES) },
	{ BYTES(SIGNATURE "\x20\x00"), BYTES("\xFF\xFF") },
	{ BYTES(SIGNATURE "\x20\x00\x10"), BYTES("\x01") },
	{ BYTES(SIGNATURE "\x21\x11\x00"), BYTES("\x00") },
	{ BYTES(SIGNATURE "\x21\x11\x00"), BYTES("\x0B" ADDRESSES) },
	{ BYTES(SIGNATURE "\x21\x21\x00"), BYTES("\x23") },
	{ BYTES(SIGNATURE "\x21\x31\x00"), BYTES("\xD7") },
	/* checksum: of the wrong order, of other bytes */
	{ BYTES(SIGNATURE "\x21\x11\x00\x13" ADDRESSES "\x03\x00\x04\xD3\xAE\x21"), BYTES("\x30") },
	{ BYTES(SIGNATURE "\x21\x11\x00\x13" ADDRESSES "\x03\x00\x04\x00\x00\x00"), BYTES("\x00") },
	{ BYTES(SIGNATURE "\x21\x31\x00\xDB" UNIX_108 UNIX_108 "\x04\x00"), BYTES("\x01") },
};

/* TLVs behind ADDRESSES, malformed when the last byte is there. */
static const struct smtp_text malformed_tlvs[] = {
	/* cut off, or longer than their room */
	BYTES("\x04"),
	BYTES("\x04\x00"),
	BYTES("\x04\x00\x01"),
	BYTES("\x04\xFF\xFF\x00"),
	BYTES("\x02\x00\x05host"),
	BYTES("\x04\x00\x00\x00"),
	BYTES("\xE0\x00\x01\x00\xE0\x00"),
	/* texts too long */
	BYTES("\x02\x01\x01" TEXT_256 "x"),
	BYTES("\x05\x01\x01" TEXT_256 "x"),
	BYTES("\x20\x01\x09\x01\x00\x00\x00\x00\x22\x01\x01" TEXT_256 "x"),
	/* twice */
	BYTES("\x02\x00\x01x\x02\x00\x01x"),
	BYTES("\x02\x00\x00\x02\x00\x00"),
	BYTES("\x05\x00\x01x\x05\x00\x01y"),
	BYTES("\x20\x00\x05\x00\x00\x00\x00\x00\x20\x00\x05\x01\x00\x00\x00\x00"),
	BYTES("\x20\x00\x0D\x01\x00\x00\x00\x00\x22\x00\x01x\x22\x00\x01y"),
	BYTES("\x03\x00\x04\x00\x00\x00\x00\x03\x00\x04\x00\x00\x00\x00"),
	/* the SSL TLV: too short, inner ones cut off, or reaching out of it */
	BYTES("\x20\x00\x00"),
	BYTES("\x20\x00\x04\x01\x00\x00\x00"),
	BYTES("\x20\x00\x06\x01\x00\x00\x00\x00\x21"),
	BYTES("\x20\x00\x07\x01\x00\x00\x00\x00\x21\x00"),
	BYTES("\x20\x00\x08\x01\x00\x00\x00\x00\x21\x00\x01"),
	BYTES("\x20\x00\x08\x01\x00\x00\x00\x00\x21\x00\x04\x04\x00\x01x"),
	BYTES("\x20\x00\x09\x01\x00\x00\x00\x00\x30\xFF\xFF\x00"),
	/* the checksum: not of four bytes */
	BYTES("\x03\x00\x00"),
	BYTES("\x03\x00\x03\x00\x00\x00"),
	BYTES("\x03\x00\x05\x00\x00\x00\x00\x00"),
};

/* A header of version 2 with ADDRESSES and TLVs behind them. */
static struct smtp_text with_tlvs(char buffer[PROXY_HEADER_MAX], struct smtp_text tlvs)
{
	size_t declared = ADDRESSES_SIZE + tlvs.length;

	ck_assert(declared <= PROXY_HEADER_MAX - FIXED_SIZE);
	memcpy(buffer, SIGNATURE "\x21\x11", 14);
	buffer[14] = (char)(declared >> 8);
	buffer[15] = (char)declared;
	memcpy(buffer + FIXED_SIZE, ADDRESSES, ADDRESSES_SIZE);
	memcpy(buffer + FIXED_SIZE + ADDRESSES_SIZE, tlvs.bytes, tlvs.length);
	return (struct smtp_text){ buffer, FIXED_SIZE + declared };
}

/* C-25: both versions, whole and in pieces, with mail behind it. */
START_TEST(takes_valid)
{
	assert_valid(valid[_i].bytes, &valid[_i].said);
}
END_TEST

/* C-30: what a proxy says of the TLS that it has ended. */
START_TEST(takes_valid_tlvs)
{
	struct said said = valid_tlvs[_i].said;
	char buffer[PROXY_HEADER_MAX];

	said.source = "::ffff:192.0.2.1";
	said.destination = "::ffff:198.51.100.2";
	said.source_port = 49153;
	said.destination_port = 25;
	assert_valid(with_tlvs(buffer, valid_tlvs[_i].bytes), &said);
}
END_TEST

/* C-25: as soon as it can be seen, and for good. */
START_TEST(refuses_malformed)
{
	struct smtp_text right = malformed[_i].right, wrong = malformed[_i].wrong;
	char buffer[PROXY_HEADER_MAX];

	memcpy(buffer, right.bytes, right.length);
	memcpy(buffer + right.length, wrong.bytes, wrong.length);
	assert_malformed((struct smtp_text){ buffer, right.length + wrong.length },
			 right.length + 1);
}
END_TEST

START_TEST(refuses_malformed_tlvs)
{
	char buffer[PROXY_HEADER_MAX];
	struct smtp_text bytes = with_tlvs(buffer, malformed_tlvs[_i]);

	assert_malformed(bytes, bytes.length);
}
END_TEST

START_TEST(nothing_is_more)
{
	struct proxy_header header;
	struct problem problem;

	ck_assert_int_eq(proxy_parse(NULL, 0, &header, &problem), PROXY_MORE);
}
END_TEST

/* C-25: 4096 bytes behind the 16 are taken, one more is not. */
START_TEST(the_longest_header)
{
	static char bytes[PROXY_HEADER_MAX + 1] =
		SIGNATURE "\x21\x11\x10\x00" ADDRESSES "\x04\x0F\xF1";
	static const struct said said = SAID_ADDRESSES;

	assert_result(bytes, PROXY_HEADER_MAX - 1, PROXY_MORE);
	assert_complete(bytes, PROXY_HEADER_MAX, PROXY_HEADER_MAX, &said);
	assert_complete(bytes, PROXY_HEADER_MAX + 1, PROXY_HEADER_MAX, &said);
	bytes[15] = 1;
	assert_result(bytes, FIXED_SIZE - 1, PROXY_MORE);
	assert_result(bytes, FIXED_SIZE, PROXY_MALFORMED);
	assert_result(bytes, PROXY_HEADER_MAX + 1, PROXY_MALFORMED);
}
END_TEST

/* Of all commands and families those of the specification, without datagrams. */
START_TEST(every_command_and_family)
{
	char bytes[FIXED_SIZE + 216] = SIGNATURE;

	bytes[15] = (char)216;
	memset(bytes + FIXED_SIZE, 0, 216);
	for (unsigned command = 0; command < 256; command++) {
		for (unsigned family = 0; family < 256; family++) {
			bool is_taken = command == 0x20 ||
					(command == 0x21 && (family == 0 || family == 0x31));
			bool is_inet = command == 0x21 && (family == 0x11 || family == 0x21);

			bytes[12] = (char)command;
			bytes[13] = (char)family;
			/* what is left behind the addresses is TLVs of type 0 and length 0 */
			assert_result(bytes, sizeof(bytes),
				      is_taken || is_inet ? PROXY_COMPLETE : PROXY_MALFORMED);
		}
	}
}
END_TEST

/* Each number, and nothing else, is a port. */
START_TEST(every_port)
{
	for (int port = 0; port < 70000; port++) {
		struct proxy_header header;
		struct problem problem;
		char line[64];
		int length = snprintf(line, sizeof(line), "PROXY TCP4 1.2.3.4 5.6.7.8 %d %d\r\n",
				      port, port);
		enum proxy_result result = parse_copy(line, (size_t)length, &header, &problem);

		ck_assert_int_eq(result, port > 65535 ? PROXY_MALFORMED : PROXY_COMPLETE);
		if (result == PROXY_COMPLETE)
			ck_assert(header.source_port == port && header.destination_port == port);
	}
}
END_TEST

/* No bit of the addresses, of the values of TLVs, or of the checksum itself. */
START_TEST(the_checksum_guards_every_bit)
{
	static const char header[] = SIGNATURE "\x21\x11\x00\x18" ADDRESSES
					       "\x03\x00\x04\xC1\x62\x55\x2A\x04\x00\x02\x00\x00";
	static const struct {
		size_t from, to;
	} guarded[] = { { 16, 28 }, { 31, 35 }, { 38, 40 } };
	char bytes[sizeof(header) - 1];

	for (size_t i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
		for (size_t bit = guarded[i].from * 8; bit < guarded[i].to * 8; bit++) {
			memcpy(bytes, header, sizeof(bytes));
			bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
			assert_result(bytes, sizeof(bytes), PROXY_MALFORMED);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy");
	TCase *tests = tcase_create("proxy");

	tcase_add_loop_test(tests, takes_valid, 0, COUNT(valid));
	tcase_add_loop_test(tests, takes_valid_tlvs, 0, COUNT(valid_tlvs));
	tcase_add_loop_test(tests, refuses_malformed, 0, COUNT(malformed));
	tcase_add_loop_test(tests, refuses_malformed_tlvs, 0, COUNT(malformed_tlvs));
	tcase_add_test(tests, nothing_is_more);
	tcase_add_test(tests, the_longest_header);
	tcase_add_test(tests, every_command_and_family);
	tcase_add_test(tests, every_port);
	tcase_add_test(tests, the_checksum_guards_every_bit);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
