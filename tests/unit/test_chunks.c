/*
 * test_chunks.c - the engine: messages that come by BDAT (RFC 3030)
 *
 * Covers B-43, B-49, C-14.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define IN_CHUNKS READY "BDAT 5\r\nhello"

#define STORED "250 2.0.0 Stored as id\r\n"
#define SEQUENCE "503 5.5.1 Bad sequence of commands: "
#define MAIL_FIRST SEQUENCE "MAIL comes first\r\n"
#define REST_FIRST SEQUENCE "the rest of the message comes first, by BDAT\r\n"
#define BARE_LF "554 5.6.0 Bare LF in the message: a line ends in CR LF\r\n"
#define BARE_CR "554 5.6.0 Bare CR in the message: a line ends in CR LF\r\n"
#define STOPPING "421 4.3.2 mx.example.org is stopping, try again later\r\n"

/* ---- messages, behind an accepted recipient ---- */

static const struct {
	const char *text, *replies, *message; /* NULL: none was accepted */
	enum smtp_state state;
} messages[] = {
	{ "BDAT 5 LAST\r\nhello", STORED, "hello", SMTP_GREETED },
	{ "bdat 5 last\r\nhello", STORED, "hello", SMTP_GREETED },
	{ "BDAT 5   LAST  \r\nhello", STORED, "hello", SMTP_GREETED },
	{ "BDAT 5\t\r\nhelloBDAT 0 LaSt\t \r\n", "250 2.0.0 5 bytes taken\r\n" STORED, "hello",
	  SMTP_GREETED },
	{ "BDAT 00000000000000000000000005 LAST\r\nhello", STORED, "hello", SMTP_GREETED },
	{ "BDAT 0 LAST\r\n", STORED, "", SMTP_GREETED },
	{ "BDAT 0\r\nBDAT 0\r\nBDAT 0 LAST\r\n",
	  "250 2.0.0 0 bytes taken\r\n250 2.0.0 0 bytes taken\r\n" STORED, "", SMTP_GREETED },
	{ "BDAT 5\r\nhello", "250 2.0.0 5 bytes taken\r\n", NULL, SMTP_CHUNKS },
	{ "BDAT 5\r\nhell", "", NULL, SMTP_CHUNK },
	{ "BDAT 18446744073709551615 LAST\r\nhello", "", NULL, SMTP_CHUNK },
	/* Lines are not those of the chunks. */
	{ "BDAT 5\r\nSubjeBDAT 8\r\nct: x\r\n\rBDAT 6 LAST\r\n\nhello",
	  "250 2.0.0 5 bytes taken\r\n250 2.0.0 8 bytes taken\r\n" STORED, "Subject: x\n\nhello",
	  SMTP_GREETED },
	{ "BDAT 1\r\n\rBDAT 1\r\n\nBDAT 0 LAST\r\n",
	  "250 2.0.0 1 bytes taken\r\n250 2.0.0 1 bytes taken\r\n" STORED, "\n", SMTP_GREETED },
	/* A dot is a byte, no line is an end, no octet a command. */
	{ "BDAT 16 LAST\r\n.\r\n..\r\n\r\n.\r\n.x\r\n", STORED, ".\n..\n\n.\n.x\n", SMTP_GREETED },
	{ "BDAT 12 LAST\r\nQUIT\r\nRSET\r\nNOOP\r\n", STORED "250 2.0.0 OK\r\n", "QUIT\nRSET\n",
	  SMTP_GREETED },
	{ "BDAT 13 LAST\r\nBDAT 5 LAST\r\nBDAT 5 LAST\r\nhello", STORED MAIL_FIRST, "BDAT 5 LAST\n",
	  SMTP_GREETED },
	/* One message after the other. */
	{ "BDAT 3 LAST\r\noneMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nBDAT 3 LAST\r\ntwo",
	  STORED "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n" STORED, "two", SMTP_GREETED },
	{ "BDAT 3 LAST\r\noneMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\ntwo\r\n.\r\n",
	  STORED "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n"
		 "354 Send the message, end with a dot on a line of its own\r\n" STORED,
	  "two\n", SMTP_GREETED },
	{ "BDAT 0 LAST\r\nBDAT 0 LAST\r\n", STORED MAIL_FIRST, "", SMTP_GREETED },
	/* Only chunks follow a chunk (RFC 3030 2), or what gives the message up. */
	{ "BDAT 1\r\naDATA\r\nBDAT 1 LAST\r\nb", "250 2.0.0 1 bytes taken\r\n" REST_FIRST STORED,
	  "ab", SMTP_GREETED },
	{ "BDAT 1\r\naMAIL FROM:<>\r\nRCPT TO:<e@d.example>\r\n",
	  "250 2.0.0 1 bytes taken\r\n" REST_FIRST REST_FIRST, NULL, SMTP_CHUNKS },
	{ "BDAT 1\r\naNOOP\r\nVRFY x\r\nBDAT 1 LAST\r\nb",
	  "250 2.0.0 1 bytes taken\r\n250 2.0.0 OK\r\n"
	  "252 2.0.0 Cannot verify; send mail to it and see\r\n" STORED,
	  "ab", SMTP_GREETED },
	{ "BDAT 1\r\naRSET\r\nBDAT 1 LAST\r\nb",
	  "250 2.0.0 1 bytes taken\r\n250 2.0.0 OK\r\n" MAIL_FIRST, NULL, SMTP_GREETED },
	{ "BDAT 1\r\naHELO x\r\nBDAT 1 LAST\r\nb",
	  "250 2.0.0 1 bytes taken\r\n250 mx.example.org\r\n" MAIL_FIRST, NULL, SMTP_GREETED },
	{ "BDAT 1\r\naQUIT\r\nNOOP\r\n", "250 2.0.0 1 bytes taken\r\n221 2.0.0 Bye\r\n", NULL,
	  SMTP_CLOSED },
	/* A fault is found where its chunk ends, and the rest of the message is refused. */
	{ "BDAT 3 LAST\r\na\nb", BARE_LF, NULL, SMTP_GREETED },
	{ "BDAT 3 LAST\r\na\rb", BARE_CR, NULL, SMTP_GREETED },
	{ "BDAT 1\r\naBDAT 1\r\n\nBDAT 1 LAST\r\nb",
	  "250 2.0.0 1 bytes taken\r\n" BARE_LF MAIL_FIRST, NULL, SMTP_GREETED },
	{ "BDAT 1\r\n\rBDAT 1\r\nbBDAT 1 LAST\r\nc",
	  "250 2.0.0 1 bytes taken\r\n" BARE_CR MAIL_FIRST, NULL, SMTP_GREETED },
	{ "BDAT 1\r\n\rBDAT 0 LAST\r\n", "250 2.0.0 1 bytes taken\r\n" BARE_CR, NULL,
	  SMTP_GREETED },
	{ "BDAT 1 LAST\r\n\r", BARE_CR, NULL, SMTP_GREETED },
};

START_TEST(message_by_chunks)
{
	const char *message = messages[_i].message ? messages[_i].message : "";

	for (int later = 0; later < 2; later++) {
		struct recorder *recorder = recorder_new();

		recorder_say(recorder, READY);
		recorder->later = later;
		recorder_say(recorder, messages[_i].text);
		ck_assert_str_eq(recorder->output, messages[_i].replies);
		ck_assert_int_eq(smtp_server_state(recorder->server), messages[_i].state);
		ck_assert_int_eq(recorder->ends > 0, messages[_i].message != NULL);
		ck_assert_uint_eq(recorder->message_length, strlen(message));
		ck_assert_mem_eq(recorder->message, message, recorder->message_length);
		recorder_free(recorder);
	}
}
END_TEST

/* RFC 1870 3: each line end counts two. */
START_TEST(size_of_a_message_in_chunks)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, READY "BDAT 6\r\na\r\nb\r\nBDAT 3 LAST\r\n.\r\n");
	ck_assert_uint_eq(recorder->message_size, 9);
	ck_assert_uint_eq(recorder->message_length, 6);
	ck_assert_uint_eq(smtp_server_body_bytes(recorder->server), 9);
	recorder_free(recorder);
}
END_TEST

/* ---- sizes ---- */

static const char *const bad_sizes[] = {
	"BDAT",
	"BDAT ",
	"BDAT x",
	"BDAT -1",
	"BDAT +1",
	"BDAT 1x",
	"BDAT 1.5",
	"BDAT 0x10",
	"BDAT LAST",
	"BDAT 1 FIRST",
	"BDAT 1 LAST 1",
	"BDAT 1LAST",
	"BDAT 1 LASTLY",
	"BDAT 1 L",
	"BDAT 1,2",
	"BDAT  1",
	"BDAT 1\tLAST",
	"BDAT 1 \xff",
	"BDAT \xd9\xa1",
	"BDAT 1 LAST\x0b",
	"BDAT 1 1",
	"BDAT 1 LAST;",
	"BDAT '1'",
	"BDAT 1\xa0",
	"BDAT -0",
	"BDAT 18446744073709551616",
	"BDAT 18446744073709551616 LAST",
	"BDAT 99999999999999999999999999",
	"BDAT 36893488147419103232",
};

/* Where the next command begins is not known: nothing more is read, in whatever state. */
START_TEST(bad_size_closes)
{
	static const char *const ways[] = { "", GREETED, MAILED, READY, IN_CHUNKS };

	for (size_t i = 0; i < COUNT(ways); i++) {
		struct recorder *recorder = recorder_new();

		recorder_say(recorder, ways[i]);
		recorder->commands_used = 0;
		recorder_say(recorder, bad_sizes[_i]);
		recorder_feed(recorder, "\r\nNOOP\r\n", 8);
		ck_assert_str_eq(recorder->output, "501 5.5.4 Bad size of a chunk, closing\r\n");
		ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
		ck_assert_int_eq(recorder->rejection.closes, true);
		ck_assert_str_eq(recorder->rejection.command, "BDAT");
		ck_assert_uint_eq(recorder->commands_used, strlen(bad_sizes[_i]) + 1);
		recorder_free(recorder);
	}
}
END_TEST

/* ---- too big ---- */

static void say_chunk(struct recorder *recorder, size_t size, const char *marker)
{
	char *text = malloc(size + 64);
	size_t used = (size_t)sprintf(text, "BDAT %zu%s\r\n", size, marker);

	for (size_t i = 0; i < size; i++)
		text[used + i] = i % 100 < 98 ? 'x' : i % 100 == 98 ? '\r' : '\n';
	recorder->output_used = 0;
	recorder->output[0] = '\0';
	recorder_feed(recorder, text, used + size);
	free(text);
}

#define TOO_BIG "552 5.3.4 Message too big, the limit is 10000 bytes\r\n"

START_TEST(too_big_in_one_chunk)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, READY);
	say_chunk(recorder, 10000, " LAST");
	ck_assert_str_eq(recorder->output, STORED);
	recorder_say(recorder, "MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n");
	say_chunk(recorder, 10001, " LAST");
	ck_assert_str_eq(recorder->output, TOO_BIG);
	ck_assert_str_eq(recorder->rejection.limit, "message-size");
	ck_assert_uint_eq(recorder->rejection.value, 10000);
	ck_assert_int_eq(recorder->dooms, 1);
	recorder_free(recorder);
}
END_TEST

START_TEST(too_big_together)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, READY);
	say_chunk(recorder, 9000, "");
	ck_assert_str_eq(recorder->output, "250 2.0.0 9000 bytes taken\r\n");
	say_chunk(recorder, 1000, "");
	ck_assert_str_eq(recorder->output, "250 2.0.0 1000 bytes taken\r\n");
	say_chunk(recorder, 1, "");
	ck_assert_str_eq(recorder->output, TOO_BIG);
	say_chunk(recorder, 100, " LAST");
	ck_assert_str_eq(recorder->output, MAIL_FIRST);
	ck_assert_int_eq(recorder->ends, 0);
	ck_assert_int_eq(recorder->dooms, 1);
	recorder_free(recorder);
}
END_TEST

/* The CR that was held back is the byte too many. */
START_TEST(too_big_by_a_cr_at_the_end)
{
	struct recorder *recorder;

	settings.message_size = 3;
	settings.line_endings = SMTP_LINES_NORMALISE;
	recorder = recorder_new();
	recorder_say(recorder, READY);
	recorder_say(recorder, "BDAT 3 LAST\r\nab\r");
	ck_assert_str_eq(recorder->output, "552 5.3.4 Message too big, the limit is 3 bytes\r\n");
	recorder_free(recorder);
}
END_TEST

/* ---- faults by name that C strings cannot say ---- */

START_TEST(nul_in_a_chunk)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, READY);
	recorder->output_used = 0;
	recorder_feed(recorder, "BDAT 3 LAST\r\na\0b", 16);
	ck_assert_str_eq(recorder->output, "554 5.6.0 NUL in the message\r\n");
	recorder_free(recorder);
}
END_TEST

/* Its bytes come from several chunks. */
START_TEST(long_line_in_chunks)
{
	struct recorder *recorder;

	settings.data_line = 10;
	recorder = recorder_new();
	recorder_say(recorder, READY "BDAT 4\r\nabcdBDAT 6\r\nefgh\r\n");
	ck_assert_int_eq(recorder->rejections, 0);
	recorder_say(recorder, "BDAT 4\r\nabcdBDAT 7\r\nefghi\r\n");
	ck_assert_str_eq(recorder->output, "250 2.0.0 4 bytes taken\r\n"
					   "554 5.6.0 Line too long in the message\r\n");
	ck_assert_str_eq(recorder->rejection.limit, "data-line");
	recorder_free(recorder);
}
END_TEST

START_TEST(loop_in_chunks)
{
	struct recorder *recorder;

	settings.received_fields = 1;
	recorder = recorder_new();
	recorder_say(recorder,
		     READY "BDAT 13\r\nReceived: x\r\nBDAT 4\r\nReceBDAT 9\r\nived: x\r\n");
	ck_assert_ptr_nonnull(strstr(recorder->output,
				     "\r\n554 5.4.6 Too many Received fields, the "
				     "message loops\r\n"));
	recorder_free(recorder);
}
END_TEST

/* RFC 5321 2.3.8 leaves no other line ends; where they are normalised each becomes one. */
START_TEST(line_ends_in_chunks_normalised)
{
	struct recorder *recorder;

	settings.line_endings = SMTP_LINES_NORMALISE;
	recorder = recorder_new();
	recorder_say(recorder, READY "BDAT 4\r\na\nb\rBDAT 3\r\n\n\n\rBDAT 0 LAST\n");
	ck_assert_str_eq(recorder->message, "a\nb\n\n\n");
	recorder_free(recorder);
}
END_TEST

/* ---- BINARYMIME (RFC 3030 3) ---- */

#define BINARY GREETED "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<c@d.example>\r\n"

/* Every byte, every pair of line ends, and what would end a message behind DATA. */
static size_t binary_body(char *body)
{
	static const char ends[] = "\r\n\r\r\n\n\n\r\r\n.\r\n.\n\0\r\0\n\r";
	size_t used = 0;

	for (int byte = 0; byte < 256; byte++)
		body[used++] = (char)byte;
	memcpy(body + used, ends, sizeof(ends) - 1);
	return used + sizeof(ends) - 1;
}

/* In chunks of which the first has `split` bytes. */
static struct recorder *send_binary(const char *body, size_t length, size_t split, bool later)
{
	struct recorder *recorder = recorder_new();
	char command[64];

	recorder_say(recorder, BINARY);
	recorder->later = later;
	snprintf(command, sizeof(command), "BDAT %zu\r\n", split);
	recorder_say(recorder, command);
	recorder_feed_in_pieces(recorder, body, split, split / 2, 1);
	snprintf(command, sizeof(command), "BDAT %zu LAST\r\n", length - split);
	recorder_say(recorder, command);
	recorder_feed_in_pieces(recorder, body + split, length - split, 3, 40);
	return recorder;
}

START_TEST(binary_is_exact_however_it_is_cut)
{
	char body[300];
	size_t length = binary_body(body);

	for (size_t split = 0; split <= length; split++) {
		struct recorder *recorder = send_binary(body, length, split, split & 1);

		ck_assert_str_eq(recorder->output, STORED);
		ck_assert_uint_eq(recorder->message_length, length);
		ck_assert_mem_eq(recorder->message, body, length);
		ck_assert_uint_eq(recorder->message_size, length);
		recorder_free(recorder);
	}
}
END_TEST

START_TEST(binary_comes_by_bdat_only)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, BINARY);
	recorder_say(recorder, "DATA\r\nBDAT 1 LAST\r\n\r");
	ck_assert_str_eq(recorder->output, SEQUENCE "BINARYMIME comes by BDAT\r\n" STORED);
	settings.disabled = disable("BDAT");
	recorder_say(recorder, "MAIL FROM:<> BODY=BINARYMIME\r\nMAIL FROM:<> BODY=8BITMIME\r\n");
	ck_assert_str_eq(recorder->output,
			 "501 5.5.4 Bad parameter: BODY=BINARYMIME without BDAT\r\n"
			 "250 2.1.0 Sender OK\r\n");
	recorder_free(recorder);
}
END_TEST

/* It has its bounds all the same. */
START_TEST(binary_too_big)
{
	struct recorder *recorder;

	settings.message_size = 4;
	recorder = recorder_new();
	recorder_say(recorder, BINARY);
	recorder_say(recorder, "BDAT 5 LAST\r\n\n\n\n\n\n");
	ck_assert_str_eq(recorder->output, "552 5.3.4 Message too big, the limit is 4 bytes\r\n");
	recorder_free(recorder);
}
END_TEST

/* The next message is none. */
START_TEST(binary_ends_with_its_message)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, BINARY "BDAT 1 LAST\r\n\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n");
	recorder_say(recorder, "BDAT 1 LAST\r\n\n");
	ck_assert_str_eq(recorder->output, BARE_LF);
	recorder_free(recorder);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("chunks");
	TCase *test = tcase_create("chunks");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_loop_test(test, message_by_chunks, 0, COUNT(messages));
	tcase_add_test(test, size_of_a_message_in_chunks);
	tcase_add_loop_test(test, bad_size_closes, 0, COUNT(bad_sizes));
	tcase_add_test(test, too_big_in_one_chunk);
	tcase_add_test(test, too_big_together);
	tcase_add_test(test, too_big_by_a_cr_at_the_end);
	tcase_add_test(test, nul_in_a_chunk);
	tcase_add_test(test, long_line_in_chunks);
	tcase_add_test(test, loop_in_chunks);
	tcase_add_test(test, line_ends_in_chunks_normalised);
	tcase_add_test(test, binary_is_exact_however_it_is_cut);
	tcase_add_test(test, binary_comes_by_bdat_only);
	tcase_add_test(test, binary_too_big);
	tcase_add_test(test, binary_ends_with_its_message);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
