/*
 * test_log.c - lines of the log: form, escaping, cutting, JSON
 *
 * Covers B-45; security.md 2, log injection: no byte of a value can begin a line, a key, or a
 * terminal escape.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "common/log/log.h"
#include "tests/unit/runner.h"

static int ends[2];

static void open_with(enum log_format format, bool is_syslog, bool verbose)
{
	struct log_settings settings = { 0, is_syslog, format, verbose };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	settings.descriptor = ends[0];
	log_open("tester", &settings);
}

static const char *written(void)
{
	static char text[2 * LOG_LINE_SIZE];
	ssize_t length = recv(ends[1], text, sizeof(text) - 1, MSG_DONTWAIT);

	text[length < 0 ? 0 : length] = '\0';
	return text;
}

static const char *line_with(const void *bytes, size_t length)
{
	struct log_line line;

	log_begin(&line, EVENT_CONNECT, "s1");
	log_bytes(&line, "client", bytes, length);
	log_end(&line);
	return written();
}

static const struct {
	const char *bytes;
	size_t length;
	const char *shown;
} values[] = {
	{ "192.0.2.1", 9, " client=192.0.2.1\n" },
	{ "", 0, " client=\"\"\n" },
	{ "a b", 3, " client=\"a b\"\n" },
	{ "a=b", 3, " client=\"a=b\"\n" },
	{ "say \"x\\\"", 8, " client=\"say \\\"x\\\\\\\"\"\n" },
	{ "a\nevent=forged", 14, " client=\"a\\x0aevent=forged\"\n" },
	{ "\r\0\x1b[2J\x7f", 7, " client=\"\\x0d\\x00\\x1b[2J\\x7f\"\n" },
	{ "\xe2\x80\xaeold", 6, " client=\"\\xe2\\x80\\xaeold\"\n" },
};

START_TEST(values_are_escaped)
{
	const char *text;

	open_with(LOG_KEY_VALUE, false, false);
	text = line_with(values[_i].bytes, values[_i].length);
	ck_assert_msg(strlen(text) > strlen(values[_i].shown) &&
			      strcmp(text + strlen(text) - strlen(values[_i].shown),
				     values[_i].shown) == 0,
		      "%s", text);
	ck_assert_ptr_nonnull(strstr(text, " tester["));
	ck_assert_ptr_nonnull(strstr(text, ": event=connect session=s1 "));
}
END_TEST

START_TEST(a_line_is_cut_not_split)
{
	char *big = malloc(100000);
	const char *text;

	memset(big, '\n', 100000);
	open_with(LOG_KEY_VALUE, false, false);
	text = line_with(big, 100000);
	ck_assert_uint_le(strlen(text), LOG_LINE_SIZE);
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
	free(big);
}
END_TEST

/* A value without anything to escape is cut, too: its key is never left without one. */
START_TEST(a_plain_value_is_cut)
{
	static char big[2 * LOG_LINE_SIZE];
	struct log_line line;
	const char *text, *value;

	memset(big, 'x', sizeof(big));
	for (size_t length = LOG_LINE_SIZE - 200; length < LOG_LINE_SIZE + 10; length++) {
		open_with(LOG_KEY_VALUE, false, false);
		log_begin(&line, EVENT_REJECT, "s1");
		log_bytes(&line, "command", big, length);
		log_text(&line, "argument", "y");
		log_end(&line);
		text = written();
		ck_assert_uint_le(strlen(text), LOG_LINE_SIZE);
		ck_assert_int_eq(text[strlen(text) - 1], '\n');
		value = strstr(text, " command=");
		ck_assert_ptr_nonnull(value);
		value += strlen(" command=");
		ck_assert_uint_gt(strspn(value, "x"), LOG_LINE_SIZE - 210);
		value += strspn(value, "x");
		ck_assert(strcmp(value, "\n") == 0 || strcmp(value, " argument=y\n") == 0);
	}
}
END_TEST

START_TEST(json_parses)
{
	json_t *object;

	open_with(LOG_JSON, false, false);
	object = json_loads(line_with("a\"\n\xff", 4), 0, NULL);
	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(json_string_value(json_object_get(object, "event")), "connect");
	ck_assert_str_eq(json_string_value(json_object_get(object, "session")), "s1");
	ck_assert_str_eq(json_string_value(json_object_get(object, "client")), "a\"\\x0a\\xff");
	ck_assert(json_is_integer(json_object_get(object, "logger-pid")));
	json_decref(object);
}
END_TEST

START_TEST(json_too_long_still_parses)
{
	char *big = malloc(100000);
	json_t *object;

	memset(big, 'x', 100000);
	open_with(LOG_JSON, false, false);
	object = json_loads(line_with(big, 100000), 0, NULL);
	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(json_string_value(json_object_get(object, "event")), "connect");
	json_decref(object);
	free(big);
}
END_TEST

START_TEST(syslog_has_a_priority)
{
	open_with(LOG_KEY_VALUE, true, false);
	ck_assert_msg(strncmp(line_with("x", 1), "<22>", 4) == 0, "mail.info");
	log_event_text(EVENT_GIVE_UP, "program", "x");
	ck_assert_msg(strncmp(written(), "<19>", 4) == 0, "mail.err");
	ck_assert_ptr_null(strchr(line_with("x", 1), '\n'));
}
END_TEST

START_TEST(trace_is_written_when_asked_for)
{
	open_with(LOG_KEY_VALUE, false, false);
	log_event_text(EVENT_COMMAND, "line", "NOOP");
	ck_assert_str_eq(written(), "");
	ck_assert(!log_is_verbose());
	open_with(LOG_KEY_VALUE, false, true);
	log_event_text(EVENT_COMMAND, "line", "NOOP");
	ck_assert_ptr_nonnull(strstr(written(), "event=command line=NOOP\n"));
}
END_TEST

START_TEST(lost_lines_are_counted)
{
	open_with(LOG_KEY_VALUE, true, false);
	close(ends[1]);
	log_event_text(EVENT_SHORT, "what", "x");
	log_event_text(EVENT_SHORT, "what", "x");
	ck_assert_uint_eq(log_lost(), 2);
	ck_assert_uint_eq(log_lost(), 0);
}
END_TEST

START_TEST(seconds)
{
	struct log_line line;
	const char *text;

	open_with(LOG_KEY_VALUE, false, false);
	log_begin(&line, EVENT_DELIVERY, NULL);
	log_seconds(&line, "took", 61000007);
	log_number(&line, "size", -5);
	log_text(&line, "file", NULL);
	log_end(&line);
	text = written();
	ck_assert_ptr_nonnull(strstr(text, " event=delivery took=61.000007 size=-5\n"));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("log");
	TCase *test = tcase_create("log");

	tcase_add_loop_test(test, values_are_escaped, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_test(test, a_line_is_cut_not_split);
	tcase_add_test(test, a_plain_value_is_cut);
	tcase_add_test(test, json_parses);
	tcase_add_test(test, json_too_long_still_parses);
	tcase_add_test(test, syslog_has_a_priority);
	tcase_add_test(test, trace_is_written_when_asked_for);
	tcase_add_test(test, lost_lines_are_counted);
	tcase_add_test(test, seconds);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
