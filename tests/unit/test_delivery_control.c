/*
 * test_delivery_control.c - delivery as its master sees it: START, PIPES, LOG, STOP, and its end
 *
 * Covers D-04 (it runs as any user), B-50 (a stop loses nothing that is complete), A-01 (mailboxes
 * made at the start) and the process table's row: what delivery is handed.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/configuration/configuration.h"
#include "common/frame/channel.h"
#include "common/log/log.h"
#include "common/remember/remember.h"
#include "delivery/control.h"
#include "delivery/inbox.h"
#include "delivery/verdicts.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TO(...)                   \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}
#define WAIT 60000 /* milliseconds: far more than anything takes */

/* The master's side. */
static struct {
	pid_t pid;
	int channel, messages, verdicts;
	int configuration, tables, log, remember;
} master;

/* ---- a delivery process ---- */

static void run_child(int channel)
{
	struct event_base *base = event_base_new();

	if (!base || event_base_priority_init(base, PRIORITY_COUNT) != 0)
		_exit(EX_OSERR);
	signal(SIGPIPE, SIG_IGN);
	control_run(base, channel);
	event_base_free(base);
	_exit(EXIT_SUCCESS);
}

static void read_configuration(void)
{
	struct configuration *configuration;
	struct problem problem = { "" };
	char text[2048], mailboxes[256];

	snprintf(mailboxes, sizeof(mailboxes), "%s", fixture_write("mailboxes", "alice\nbob\n"));
	snprintf(text, sizeof(text),
		 "hostname = \"mx.example.org\"\n"
		 "domains = { \"example.org\" }\n"
		 "mailboxes = \"%s\"\n"
		 "delivery { maildir = \"%s/%%d/%%u\" }\n",
		 mailboxes, fixture_root_path());
	configuration = configuration_read(fixture_write("postern.conf", text), &problem);
	ck_assert_msg(configuration != NULL, "%s", problem.text);
	master.configuration = configuration_seal(configuration, &problem);
	ck_assert_msg(master.configuration >= 0, "%s", problem.text);
	master.tables = tables_build(configuration, &problem);
	ck_assert_msg(master.tables >= 0, "%s", problem.text);
	configuration_free(configuration);
}

static int open_log_file(const char *name)
{
	int file = open(fixture_write(name, ""), O_WRONLY | O_APPEND | O_CLOEXEC);

	ck_assert_int_ge(file, 0);
	return file;
}

static void set_up(void)
{
	struct problem problem = { "" };
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	fixture_set_up();
	read_configuration();
	master.log = open_log_file("delivery.log");
	master.remember = remember_make(&problem);
	ck_assert_msg(master.remember >= 0, "%s", problem.text);
	ck_assert_int_eq(channel_pair(ends), 0);
	master.pid = fork();
	ck_assert_int_ge(master.pid, 0);
	if (master.pid == 0) {
		close(ends[0]);
		run_child(ends[1]);
	}
	close(ends[1]);
	master.channel = ends[0];
	master.messages = master.verdicts = -1;
}

static void tear_down(void)
{
	fixture_tear_down();
}

/* ---- messages ---- */

static void send_control(enum message_type type, const struct wire_writer *payload,
			 const int *descriptors, int count)
{
	ck_assert(channel_send(master.channel, type, payload, descriptors, count));
}

static void send_start(int count)
{
	const struct message_start start = { .serial = 3 };
	const int descriptors[] = { master.configuration, master.tables, master.log, fixture_root(),
				    master.remember };
	uint8_t bytes[64];
	struct wire_writer writer = { bytes, sizeof(bytes), 0, false };

	message_put_start(&writer, &start);
	send_control(MESSAGE_START, &writer, descriptors, count);
}

static void send_stop(void)
{
	const struct message_deadline deadline = { .seconds = 30 };
	uint8_t bytes[16];
	struct wire_writer writer = { bytes, sizeof(bytes), 0, false };

	message_put_deadline(&writer, &deadline);
	send_control(MESSAGE_STOP, &writer, NULL, 0);
}

static void send_pipes(void)
{
	const struct message_pipes pipes = { .serial = 8 };
	int messages[2], verdicts[2], descriptors[2];
	uint8_t bytes[16];
	struct wire_writer writer = { bytes, sizeof(bytes), 0, false };

	ck_assert_int_eq(pipe2(messages, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(verdicts, O_CLOEXEC), 0);
	descriptors[0] = messages[0];
	descriptors[1] = verdicts[1];
	message_put_pipes(&writer, &pipes);
	send_control(MESSAGE_PIPES, &writer, descriptors, 2);
	close(messages[0]);
	close(verdicts[1]);
	master.messages = messages[1];
	master.verdicts = verdicts[0];
}

static void send_log(void)
{
	const struct message_log log = { .log_is_syslog = false };
	uint8_t bytes[16];
	struct wire_writer writer = { bytes, sizeof(bytes), 0, false };
	int file = open_log_file("second.log");

	message_put_log(&writer, &log);
	send_control(MESSAGE_LOG, &writer, &file, 1);
	close(file);
}

static void await(int descriptor)
{
	struct pollfd wait = { .fd = descriptor, .events = POLLIN };

	ck_assert_int_eq(poll(&wait, 1, WAIT), 1);
}

static enum message_type receive(void)
{
	struct channel_message message;
	struct problem problem = { "" };
	enum channel_result result;

	await(master.channel);
	result = channel_receive(master.channel, FROM_DELIVERY, TO_MASTER, &message, &problem);
	ck_assert_msg(result == CHANNEL_MESSAGE, "%s", problem.text);
	return message.header.type;
}

static void send_message(const char *id, size_t without)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = fixture_submission(id, 6);
	size_t length = fixture_frame(bytes, &submission, TO("alice@example.org"), "hello\n");

	ck_assert_int_eq(write(master.messages, bytes, length - without),
			 (ssize_t)(length - without));
}

static void expect_verdict(enum verdict verdict)
{
	uint8_t bytes[VERDICT_FRAME_SIZE];

	await(master.verdicts);
	ck_assert_int_eq(read(master.verdicts, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	ck_assert_int_eq(bytes[VERDICT_FRAME_SIZE - 1], (int)verdict);
}

static int status_at_end(void)
{
	int status;

	ck_assert_int_eq(waitpid(master.pid, &status, 0), master.pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void start(void)
{
	send_start(START_DESCRIPTORS_DELIVERY);
	ck_assert_int_eq(receive(), MESSAGE_READY);
}

static bool log_has(const char *name, const char *text)
{
	char path[256], log[16384];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fixture_folder(), name);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	log[fread(log, 1, sizeof(log) - 1, file)] = '\0';
	fclose(file);
	return strstr(log, text) != NULL;
}

/* ---- */

START_TEST(test_whole_life)
{
	char path[256];

	start();
	send_pipes();
	send_message("s-1", 0);
	expect_verdict(VERDICT_STORED);
	ck_assert_uint_eq(fixture_count("example.org/alice", "new"), 1);
	/* a new log: at the latest the message after the next is there */
	send_log();
	send_message("s-2", 0);
	expect_verdict(VERDICT_STORED);
	send_message("s-3", 0);
	expect_verdict(VERDICT_STORED);
	ck_assert(log_has("delivery.log", "message=s-1"));
	ck_assert(log_has("second.log", "message=s-3"));
	ck_assert(!log_has("delivery.log", "message=s-3"));
	/* the mailbox that got nothing is made all the same, in the background */
	snprintf(path, sizeof(path), "%s/example.org/bob/new", fixture_root_path());
	for (int i = 0; i < 1000 && access(path, F_OK) != 0; i++)
		usleep(10000);
	ck_assert_int_eq(access(path, F_OK), 0);
	send_stop();
	ck_assert_int_eq(status_at_end(), EXIT_SUCCESS);
}
END_TEST

/* STOP, or the end of the master: complete messages are stored and answered, others leave nothing.
 */
START_TEST(test_stop_with_messages)
{
	start();
	send_pipes();
	send_message("s-1", 0);
	send_message("s-2", 0);
	send_message("s-3", 1);
	/* these may come before it has read anything */
	if (_i == 0)
		send_stop();
	else
		close(master.channel);
	/* what is in the pipe before PIPES and STOP are read is read after them */
	expect_verdict(VERDICT_STORED);
	expect_verdict(VERDICT_STORED);
	ck_assert_int_eq(status_at_end(), EXIT_SUCCESS);
	ck_assert_uint_eq(fixture_count("example.org/alice", "new"), 2);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
}
END_TEST

/* Workers that go on holding their pipes do not hold up the end. */
START_TEST(test_stop_at_once)
{
	if (_i > 0)
		start();
	if (_i > 1)
		send_pipes();
	send_stop();
	ck_assert_int_eq(status_at_end(), EXIT_SUCCESS);
}
END_TEST

START_TEST(test_violation_is_told)
{
	start();
	send_pipes();
	ck_assert_int_eq(write(master.messages, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), 8);
	ck_assert_int_eq(receive(), MESSAGE_VIOLATION);
	send_stop();
	ck_assert_int_eq(status_at_end(), EXIT_SUCCESS);
}
END_TEST

/* Out of state or incomplete: it ends, and says so by its status. */
static void pipes_before_start(void)
{
	send_pipes();
}

static void log_before_start(void)
{
	send_log();
}

static void start_twice(void)
{
	start();
	send_start(START_DESCRIPTORS_DELIVERY);
}

static void start_without_root(void)
{
	send_start(START_DESCRIPTORS_DELIVERY - 1);
}

static void (*const wrong[])(void) = { pipes_before_start, log_before_start, start_twice,
				       start_without_root };

START_TEST(test_out_of_state)
{
	wrong[_i]();
	ck_assert_int_eq(status_at_end(), EX_PROTOCOL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("delivery control");
	TCase *tests = tcase_create("control");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_whole_life);
	tcase_add_loop_test(tests, test_stop_with_messages, 0, 2);
	tcase_add_loop_test(tests, test_stop_at_once, 0, 3);
	tcase_add_test(tests, test_violation_is_told);
	tcase_add_loop_test(tests, test_out_of_state, 0, COUNT(wrong));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
