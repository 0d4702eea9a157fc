/*
 * test_opening.c - a session begins, or memory is short for it
 *
 * Covers B-49, A-18 (what is short is said, and nothing hangs).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/log/log.h"
#include "tests/unit/runner.h"
#include "worker/outbox.h"
#include "worker/session.h"

/* Higher than libevent has room for at first: it must make some. */
#define SOCKET 200

static bool memory_is_short;
static struct worker worker;
static struct configuration configuration;
static struct listen_configuration section;
static struct listener listener;
static int client;

static void *grow(void *place, size_t size)
{
	return memory_is_short ? NULL : realloc(place, size);
}

static void no_answer(struct session *session, const struct message *message, enum smtp_reply reply)
{
	(void)session;
	(void)message;
	(void)reply;
	ck_abort_msg("nothing was submitted");
}

static void make_worker(void)
{
	struct problem problem;

	event_set_mem_functions(malloc, grow, free);
	section.title = (char *)"smtp";
	worker.configuration = &configuration;
	worker.loop = event_base_new();
	worker.board = scoreboard_map(scoreboard_make(&problem), &problem);
	worker.outbox = outbox_new(&worker, no_answer);
	ck_assert(worker.loop && worker.board);
	LIST_INIT(&worker.sessions);
	listener.worker = &worker;
	listener.configuration = &section;
	listener.settings = (struct smtp_settings){
		.hostname = "mx.example.org",
		.greeting = "",
		.helo = "",
		.closing = "",
		.help = "",
		.product = "",
		.command_line = 512,
	};
}

static void set_up(void)
{
	struct log_settings quiet = { open("/dev/null", O_WRONLY), false, LOG_KEY_VALUE, false };
	int pair[2];

	log_open("test", &quiet);
	make_worker();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert_int_eq(dup2(pair[0], SOCKET), SOCKET);
	close(pair[0]);
	client = pair[1];
}

/* A session that could not see its client go would stay for ever. */
START_TEST(a_session_that_cannot_be_watched_is_not_opened)
{
	const struct sockaddr_in6 nobody = { .sin6_family = AF_INET6 };
	char byte;

	memory_is_short = true;
	ck_assert(!session_open(&listener, SOCKET, &nobody));
	ck_assert(LIST_EMPTY(&worker.sessions));
	ck_assert_uint_eq(worker.session_count, 0);
	ck_assert_int_eq(recv(client, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(fcntl(SOCKET, F_GETFD), 0);
}
END_TEST

START_TEST(a_session_greets_and_sees_its_client_go)
{
	const struct sockaddr_in6 nobody = { .sin6_family = AF_INET6 };
	char greeting[64] = "";

	ck_assert(session_open(&listener, SOCKET, &nobody));
	ck_assert_uint_eq(worker.session_count, 1);
	ck_assert_int_gt(recv(client, greeting, sizeof(greeting) - 1, 0), 0);
	ck_assert_str_eq(greeting, "220 mx.example.org ESMTP\r\n");
	close(client);
	event_base_loop(worker.loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(worker.session_count, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("opening");
	TCase *tests = tcase_create("opening");

	tcase_add_checked_fixture(tests, set_up, NULL);
	tcase_add_test(tests, a_session_that_cannot_be_watched_is_not_opened);
	tcase_add_test(tests, a_session_greets_and_sees_its_client_go);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
