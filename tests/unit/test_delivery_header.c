/*
 * test_delivery_header.c - the lines in front of a delivered message
 *
 * Covers A-15, B-17, B-18, D-25, D-26 (Return-Path, Delivered-To, X-Original-To, Received with
 * client address, HELO, protocol, id and date; RFC 5321 4.4) and the header injection rows of
 * the attack list: nothing from the network ends a line.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/header.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STRING(literal)                      \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static size_t write_header(struct submission *submission, const char *mailbox,
			   struct wire_string recipient, char header[HEADER_SIZE])
{
	const struct header_values values = {
		.submission = submission,
		.hostname = FIXTURE_HOST,
		.mailbox = mailbox,
		.recipient = recipient,
	};
	size_t length = header_write(&values, header);

	ck_assert_uint_lt(length, HEADER_SIZE);
	ck_assert_uint_eq(length, strlen(header));
	return length;
}

START_TEST(test_whole)
{
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE];

	submission.recipient_count = 1;
	write_header(&submission, "alice@example.org",
		     (struct wire_string)STRING("Alice@Example.ORG"), header);
	ck_assert_str_eq(header, "Return-Path: <sender@example.com>\n"
				 "Delivered-To: alice@example.org\n"
				 "X-Original-To: Alice@Example.ORG\n"
				 "Received: from client.example.com ([192.0.2.1])\n"
				 "\tby mx.example.org (postern) with ESMTP id 0123456789abcdef-1\n"
				 "\tfor <Alice@Example.ORG>; Tue, 14 Nov 2023 22:13:20 +0000\n");
}
END_TEST

START_TEST(test_several_recipients)
{
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE];

	submission.recipient_count = 2;
	submission.sender.length = 0;
	inet_pton(AF_INET6, "2001:db8::1", &submission.client);
	write_header(&submission, "a@b", (struct wire_string)STRING("secret@b"), header);
	ck_assert_ptr_nonnull(strstr(header, "Return-Path: <>\n"));
	ck_assert_ptr_nonnull(strstr(header, "([IPv6:2001:db8::1])\n"));
	/* RFC 5321 7.2: who else got it stays hidden */
	ck_assert_ptr_null(strstr(header, "for <"));
	ck_assert_ptr_nonnull(strstr(header, "id 0123456789abcdef-1; Tue, 14 Nov 2023"));
}
END_TEST

/* What a HELO name becomes. */
static const struct {
	struct wire_string helo;
	const char *line;
} names[] = {
	{ STRING("[192.0.2.9]"), "from [192.0.2.9] (" },
	{ STRING("a_b-c.d"), "from a_b-c.d (" },
	{ STRING(""), "from ? (" },
	{ STRING("x\nBcc: y"), "from x?Bcc:?y (" },
	{ STRING("x\r\nSubject: z"), "from x??Subject:?z (" },
	{ STRING("x\0y"), "from x?y (" },
	{ STRING("x) by evil (\\"), "from x??by?evil??? (" },
	{ STRING("\xc3\xa9\x1b[m"), "from ???[m (" },
};

START_TEST(test_helo)
{
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE];

	submission.recipient_count = 1;
	submission.helo = names[_i].helo;
	write_header(&submission, "a@b", (struct wire_string)STRING("a@b"), header);
	ck_assert_msg(strstr(header, names[_i].line), "%s", header);
}
END_TEST

/* What an address becomes. */
static const struct {
	struct wire_string address;
	uint32_t flags;
	const char *line;
} addresses[] = {
	{ STRING("a+b@c.example"), 0, "<a+b@c.example>" },
	{ STRING("\"a <b> \\\" c\"@c.example"), 0, "<\"a <b> \\\" c\"@c.example>" },
	{ STRING("a@[IPv6:2001:db8::1]"), 0, "<a@[IPv6:2001:db8::1]>" },
	{ STRING("a@b>\nBcc: <c@d"), 0, "<a@b??Bcc:??c@d>" },
	{ STRING("\"a\nb\"@c"), 0, "<\"a?b\"@c>" },
	{ STRING("\"a <b"), 0, "<?a??b>" }, /* a quote that never ends quotes nothing */
	{ STRING("\"a\\\"@b> x"), 0, "<?a??@b??x>" },
	{ STRING("\xc3\xa9@c"), SUBMISSION_SMTPUTF8, "<\xc3\xa9@c>" },
	{ STRING("\xc3\xa9@c"), 0, "<\?\?@c>" },
	{ STRING("\xc3@c"), SUBMISSION_SMTPUTF8, "<?@c>" },
	{ STRING("a\x7f@c"), SUBMISSION_SMTPUTF8, "<a?@c>" },
};

START_TEST(test_address)
{
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE], line[256];

	submission.recipient_count = 1;
	submission.flags = addresses[_i].flags;
	submission.sender = addresses[_i].address;
	write_header(&submission, "a@b", addresses[_i].address, header);
	snprintf(line, sizeof(line), "Return-Path: %s\n", addresses[_i].line);
	ck_assert_msg(strstr(header, line), "%s", header);
	snprintf(line, sizeof(line), "\tfor %s; ", addresses[_i].line);
	ck_assert_msg(strstr(header, line), "%s", header);
}
END_TEST

static const struct {
	const char *mailbox, *line;
} mailboxes[] = {
	{ "alice@example.org", "Delivered-To: alice@example.org\n" },
	{ "j\xc3\xb6rg@example.org", "Delivered-To: j\xc3\xb6rg@example.org\n" },
	{ "a b@example.org", "Delivered-To: \"a b\"@example.org\n" },
	{ "a\"b\\@example.org", "Delivered-To: \"a\\\"b\\\\\"@example.org\n" },
	{ "../../x@example.org", "Delivered-To: \"../../x\"@example.org\n" },
	{ ".a@example.org", "Delivered-To: \".a\"@example.org\n" },
	{ "a.@example.org", "Delivered-To: \"a.\"@example.org\n" },
	{ "a.b@example.org", "Delivered-To: a.b@example.org\n" },
};

START_TEST(test_mailbox)
{
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE];

	submission.recipient_count = 1;
	write_header(&submission, mailboxes[_i].mailbox, (struct wire_string)STRING("a@b"), header);
	ck_assert_msg(strstr(header, mailboxes[_i].line), "%s", header);
}
END_TEST

static const struct {
	const char *version, *cipher, *name, *lines;
} secured[] = {
	{ "", "", "", "with ESMTPS id " },
	{ "TLSv1.3", "TLS_AES_256_GCM_SHA384", "mx.example.org",
	  "with ESMTPS\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384 mx.example.org) id " },
	{ "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "",
	  "with ESMTPS\n\t(TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256) id " },
	{ "a)b", "x\ny (z", "q\r\nX: y", "with ESMTPS\n\t(a?b x?y??z q??X:?y) id " },
};

START_TEST(test_tls)
{
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE];

	strcpy(submission.protocol, "ESMTPS");
	submission.tls_version =
		(struct wire_string){ secured[_i].version, strlen(secured[_i].version) };
	submission.tls_cipher =
		(struct wire_string){ secured[_i].cipher, strlen(secured[_i].cipher) };
	submission.tls_name = (struct wire_string){ secured[_i].name, strlen(secured[_i].name) };
	write_header(&submission, "a@b", (struct wire_string)STRING("a@b"), header);
	ck_assert_msg(strstr(header, secured[_i].lines), "%s", header);
}
END_TEST

/* Every byte, in every field, at the greatest length: the lines stay the same in number. */
START_TEST(test_any_byte)
{
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE], text[ENVELOPE_ADDRESS_MAX];
	size_t lines = 0, line = 0, length;

	memset(text, _i, sizeof(text));
	submission.recipient_count = 1;
	submission.flags = SUBMISSION_SMTPUTF8;
	submission.helo = (struct wire_string){ text, ENVELOPE_HELO_MAX };
	submission.sender = (struct wire_string){ text, sizeof(text) };
	submission.tls_version = submission.tls_cipher =
		(struct wire_string){ text, ENVELOPE_TLS_MAX };
	submission.tls_name = (struct wire_string){ text, ENVELOPE_NAME_MAX };
	length = write_header(&submission, "a@b", submission.sender, header);
	for (size_t i = 0; i < length; i++) {
		line++;
		ck_assert_uint_le(line, 999); /* RFC 5322 2.1.1, and the LF */
		if (header[i] != '\n')
			continue;
		lines++;
		line = 0;
	}
	ck_assert_uint_eq(lines, 7);
	ck_assert_uint_eq(line, 0);
}
END_TEST

/* A worker may lie about the time: the date is a date all the same. */
START_TEST(test_time)
{
	static const int64_t times[] = { 1, INT64_MAX, 253402300799999999, 253402300800000000 };
	struct submission submission = fixture_submission("0123456789abcdef-1", 0);
	char header[HEADER_SIZE];

	submission.recipient_count = 1;
	submission.received = times[_i];
	write_header(&submission, "a@b", (struct wire_string)STRING("a@b"), header);
	ck_assert_msg(strstr(header, _i == 2 ? "Fri, 31 Dec 9999 23:59:59 +0000\n"
					     : "Thu, 01 Jan 1970 00:00:00 +0000\n"),
		      "%s", header);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("delivery header");
	TCase *tests = tcase_create("header");

	tcase_add_test(tests, test_whole);
	tcase_add_test(tests, test_several_recipients);
	tcase_add_loop_test(tests, test_helo, 0, COUNT(names));
	tcase_add_loop_test(tests, test_address, 0, COUNT(addresses));
	tcase_add_loop_test(tests, test_mailbox, 0, COUNT(mailboxes));
	tcase_add_loop_test(tests, test_tls, 0, COUNT(secured));
	tcase_add_loop_test(tests, test_any_byte, 0, 256);
	tcase_add_loop_test(tests, test_time, 0, 4);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
