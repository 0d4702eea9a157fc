/*
 * load.c - sends messages in a number of sessions, and says how many were stored and how soon
 *
 * load ADDRESS PORT SESSIONS MAILBOXES RECIPIENTS BYTES MILLISECONDS
 *
 * Each session sends one message after another, in turn to u0@bench.test, u1@
 * and so on, each to as many of them as it has recipients. The latency of a message is the time
 * from its last byte to its 250. The first third of the time is not measured. Prints one line:
 * messages with a 250 in all, messages a second, microseconds of latency: median, 99th percentile,
 * greatest.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LATENCIES_MAX 4000000
#define RECIPIENTS_MAX 50
#define PATIENCE 30000 /* milliseconds without any reply */

/* What a session has said last, with the number of replies to it and the code of the last one. */
enum step { CONNECTED, GREETED, ENVELOPE, BODY, STEP_COUNT };

static const struct {
	int replies, code;
} awaited[STEP_COUNT] = {
	[CONNECTED] = { 1, 220 },
	[GREETED] = { 1, 250 },
	[ENVELOPE] = { 2, 354 }, /* and one for each recipient */
	[BODY] = { 1, 250 },
};

struct session {
	int socket;
	enum step step;
	int replies;
	unsigned mailbox;
	int64_t sent;
	char input[4096];
	size_t used;
};

static struct {
	struct sockaddr_in address;
	unsigned mailboxes, recipients;
	char *body;
	size_t body_length;
	int64_t measured_from, until;
	uint64_t stored, measured;
	uint32_t *latencies;
	unsigned active;
} load;

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void say(const struct session *session, const char *bytes, size_t length)
{
	ssize_t written;

	while (length > 0) {
		written = write(session->socket, bytes, length);
		if (written < 0 && errno != EINTR)
			err(1, "write");
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
		}
	}
}

static void make_body(size_t bytes)
{
	static const char head[] = "Subject: load\r\n\r\n";
	static const char line[] =
		"An ordinary line of text, as long as most of them are in mail.\r\n";
	size_t used = strlen(head);

	load.body = malloc(bytes + sizeof(head) + sizeof(line) + 8);
	if (!load.body)
		err(1, "body");
	memcpy(load.body, head, used);
	for (; used < bytes; used += strlen(line))
		memcpy(load.body + used, line, strlen(line));
	memcpy(load.body + used, ".\r\n", 3);
	load.body_length = used + 3;
}

/* ---- what a session says next ---- */

static void say_envelope(struct session *session)
{
	char text[64 * (RECIPIENTS_MAX + 2)];
	int length;

	if (now() >= load.until) {
		say(session, "QUIT\r\n", 6);
		close(session->socket);
		load.active--;
		return;
	}
	length = snprintf(text, sizeof(text), "MAIL FROM:<load@client.example>\r\n");
	for (unsigned i = 0; i < load.recipients; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
				   "RCPT TO:<u%u@bench.test>\r\n",
				   session->mailbox++ % load.mailboxes);
	length += snprintf(text + length, sizeof(text) - (size_t)length, "DATA\r\n");
	say(session, text, (size_t)length);
	session->step = ENVELOPE;
}

static void note_stored(const struct session *session)
{
	int64_t time = now();

	load.stored++;
	if (time < load.measured_from || time >= load.until || load.measured >= LATENCIES_MAX)
		return;
	load.latencies[load.measured++] = (uint32_t)(time - session->sent);
}

static void go_on(struct session *session)
{
	if (session->step == CONNECTED) {
		say(session, "EHLO client.example\r\n", 21);
		session->step = GREETED;
		return;
	}
	if (session->step == ENVELOPE) {
		say(session, load.body, load.body_length);
		session->sent = now();
		session->step = BODY;
		return;
	}
	if (session->step == BODY)
		note_stored(session);
	say_envelope(session);
}

static void take_line(struct session *session, const char *line)
{
	if (strlen(line) > 3 && line[3] == '-')
		return;
	if (++session->replies <
	    awaited[session->step].replies + (session->step == ENVELOPE ? (int)load.recipients : 0))
		return;
	if (strtol(line, NULL, 10) != awaited[session->step].code)
		errx(1, "a reply: %s", line);
	session->replies = 0;
	go_on(session);
}

static void on_readable(struct session *session)
{
	ssize_t length = read(session->socket, session->input + session->used,
			      sizeof(session->input) - 1 - session->used);
	char *line = session->input, *end;

	if (length <= 0)
		errx(1, "a session was closed");
	session->used += (size_t)length;
	session->input[session->used] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		take_line(session, line);
		line = end + 1;
	}
	session->used -= (size_t)(line - session->input);
	memmove(session->input, line, session->used);
}

/* ---- all of it ---- */

static void open_session(struct session *session, int poll, unsigned number)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };

	*session = (struct session){ .mailbox = number };
	session->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (session->socket < 0 ||
	    connect(session->socket, (struct sockaddr *)&load.address, sizeof(load.address)) != 0 ||
	    epoll_ctl(poll, EPOLL_CTL_ADD, session->socket, &event) != 0)
		err(1, "connect");
}

static int compare(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

	return a < b ? -1 : a > b;
}

static void run(unsigned sessions)
{
	struct session *all = calloc(sessions, sizeof(*all));
	struct epoll_event events[64];
	int poll = epoll_create1(EPOLL_CLOEXEC), count;

	if (!all || poll < 0)
		err(1, "sessions");
	for (unsigned i = 0; i < sessions; i++)
		open_session(&all[i], poll, i);
	load.active = sessions;
	while (load.active > 0) {
		count = epoll_wait(poll, events, 64, PATIENCE);
		if (count == 0)
			errx(1, "no reply comes");
		for (int i = 0; i < count; i++)
			on_readable(events[i].data.ptr);
	}
	close(poll);
	free(all);
}

static uint32_t at_share(double share)
{
	return load.measured ? load.latencies[(uint64_t)((double)(load.measured - 1) * share)] : 0;
}

int main(int count, char **arguments)
{
	int64_t begun = now(), length;

	if (count != 8)
		errx(2, "load ADDRESS PORT SESSIONS MAILBOXES RECIPIENTS BYTES MILLISECONDS");
	load.address.sin_family = AF_INET;
	load.address.sin_port = htons((uint16_t)strtoul(arguments[2], NULL, 10));
	inet_pton(AF_INET, arguments[1], &load.address.sin_addr);
	load.mailboxes = (unsigned)strtoul(arguments[4], NULL, 10);
	load.recipients = (unsigned)strtoul(arguments[5], NULL, 10);
	make_body(strtoul(arguments[6], NULL, 10));
	length = strtol(arguments[7], NULL, 10) * 1000;
	load.measured_from = begun + length / 3;
	load.until = begun + length;
	load.latencies = malloc(LATENCIES_MAX * sizeof(*load.latencies));
	if (!load.latencies || load.mailboxes == 0 || load.recipients > RECIPIENTS_MAX)
		errx(2, "no latencies, no mailboxes or too many recipients");
	run((unsigned)strtoul(arguments[3], NULL, 10));
	qsort(load.latencies, load.measured, sizeof(*load.latencies), compare);
	printf("%" PRIu64 " %.1f %u %u %u\n", load.stored,
	       (double)load.measured * 1e6 / (double)(load.until - load.measured_from),
	       at_share(0.5), at_share(0.99), at_share(1));
	return EXIT_SUCCESS;
}
