/*
 * scenario.c - the messages that are delivered, and their mailboxes
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: what lies in a mailbox, when it compares.
 */
#include "control/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SENDER "prove@client.example"
#define RECEIVED 1700000000000000 /* microseconds since 1970 */
#define HEAD_SIZE 8192
#define LONGEST_SMALL 2000
#define LONGEST_BIG 90000 /* more than delivery reads at once */
#define LINE 64
#define PROBE_ID "probe00000000000-1"

const char *const scenario_mailboxes[SCENARIO_MAILBOXES] = { "alice", "bob", "carol", "dave",
							     "postmaster" };

/*
 * The plan: mailboxes of each message as bits, 0 ends a group. The first one
 * comes before any mailbox is there. With fewer than four files a batch is
 * synced file by file, with more at once (delivery/durable.c).
 */
static const struct {
	unsigned mailboxes;
	bool is_big;
} plan[] = {
	{ 1, false },  { 0, false },				    /* alone, a new mailbox */
	{ 2, false },  { 0, false },				    /* alone */
	{ 7, false },  { 0, false },				    /* three mailboxes */
	{ 4, false },  { 8, false },  { 0, false },		    /* two together */
	{ 3, true },   { 0, false },				    /* big, two mailboxes */
	{ 1, false },  { 1, false },  { 2, false },  { 16, false }, /* many together */
	{ 6, false },  { 31, false }, { 0, false },  { 12, false },
	{ 0, false },						   /* two mailboxes */
	{ 31, false }, { 0, false },				   /* all mailboxes */
	{ 8, true },   { 17, false }, { 10, false }, { 0, false }, /* all kinds */
	{ 16, false }, { 0, false },				   /* alone, once more */
};

#define PLAN_COUNT (sizeof(plan) / sizeof(plan[0]))

/* ---- making them ---- */

static uint64_t next_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15u;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

/* Each byte tells where it belongs: no piece of one message passes for another's. */
static void write_body(struct scenario_message *message, uint32_t number)
{
	size_t used = 0;
	int line = 0, written;

	message->body = must_allocate(message->length + LINE + 1, 1);
	while (used < message->length) {
		written = line == 0
				  ? snprintf(message->body, LINE, "Subject: message %u\n\n", number)
				  : snprintf(message->body + used, LINE, "message %u, line %d\n",
					     number, line);
		used += (size_t)written;
		line++;
	}
	message->length = used;
}

static void make_message(struct scenario *scenario, size_t row, unsigned group, uint64_t *random)
{
	struct scenario_message *message = &scenario->messages[scenario->count];
	size_t longest = plan[row].is_big ? LONGEST_BIG : LONGEST_SMALL;

	message->group = group;
	message->mailboxes = plan[row].mailboxes;
	message->length = (size_t)(next_random(random) % longest);
	if (plan[row].is_big)
		message->length = LONGEST_BIG - message->length % LONGEST_SMALL;
	snprintf(message->id, sizeof(message->id), "prove00000000000-%u", scenario->count);
	write_body(message, scenario->count++);
}

void scenario_make(struct scenario *scenario, uint64_t seed)
{
	uint64_t random = seed ^ 0x706f737465726eu;
	unsigned group = 0;

	scenario->count = 0;
	scenario->messages = must_allocate(PLAN_COUNT, sizeof(scenario->messages[0]));
	for (size_t row = 0; row < PLAN_COUNT; row++) {
		if (plan[row].mailboxes == 0)
			group++;
		else
			make_message(scenario, row, group, &random);
	}
}

void scenario_free(struct scenario *scenario)
{
	for (uint32_t i = 0; i < scenario->count; i++)
		free(scenario->messages[i].body);
	free(scenario->messages);
}

uint32_t scenario_find(const struct scenario *scenario, const char *id, size_t length)
{
	uint32_t i;

	for (i = 0; i < scenario->count; i++)
		if (strlen(scenario->messages[i].id) == length &&
		    memcmp(scenario->messages[i].id, id, length) == 0)
			break;
	return i;
}

/* ---- sending them ---- */

static struct wire_string string(const char *text)
{
	return (struct wire_string){ text, strlen(text) };
}

static void put_recipient(struct wire_writer *writer, const char *local)
{
	struct submission_recipient recipient;
	char path[128];

	snprintf(path, sizeof(path), "%s@%s", local, SCENARIO_DOMAIN);
	recipient = (struct submission_recipient){
		.path = string(path),
		.local = string(local),
		.domain = string(SCENARIO_DOMAIN),
	};
	message_put_recipient(writer, &recipient);
}

/* All that is the same for each message. */
static struct submission submission_of(uint32_t number, const char *id)
{
	struct submission submission = {
		.handle = number,
		.received = RECEIVED + number,
		.client = IN6ADDR_LOOPBACK_INIT,
		.client_port = 25,
		.helo = string("client.example"),
		.protocol = "ESMTP",
		.sender = string(SENDER),
	};

	snprintf(submission.id, sizeof(submission.id), "%s", id);
	return submission;
}

static struct wire_writer payload_writer(uint8_t head[HEAD_SIZE])
{
	return (struct wire_writer){ head + MESSAGE_HEADER_SIZE, HEAD_SIZE - MESSAGE_HEADER_SIZE, 0,
				     false };
}

static size_t end_head(uint8_t head[HEAD_SIZE], const struct wire_writer *writer)
{
	require(!writer->failed);
	message_put_header(head, MESSAGE_SUBMISSION, (uint32_t)writer->used);
	return MESSAGE_HEADER_SIZE + writer->used;
}

static size_t put_head(const struct scenario *scenario, uint32_t number, bool again,
		       uint8_t head[HEAD_SIZE])
{
	const struct scenario_message *message = &scenario->messages[number];
	struct submission submission = submission_of(number, message->id);
	struct wire_writer writer = payload_writer(head);

	submission.flags = again ? SUBMISSION_AGAIN : 0;
	submission.body_length = message->length;
	submission.recipient_count = (uint32_t)__builtin_popcount(message->mailboxes);
	message_put_submission(&writer, &submission);
	for (unsigned i = 0; i < SCENARIO_MAILBOXES; i++)
		if (message->mailboxes & (1u << i))
			put_recipient(&writer, scenario_mailboxes[i]);
	return end_head(head, &writer);
}

static bool write_all(int pipe, const void *bytes, size_t length, struct problem *problem)
{
	ssize_t written = write(pipe, bytes, length);

	if (written == (ssize_t)length)
		return true;
	if (written >= 0)
		errno = EAGAIN;
	return problem_errno(problem, "delivery's pipe");
}

bool scenario_send(const struct scenario *scenario, uint32_t message, bool again,
		   const struct delivery *delivery, struct problem *problem)
{
	uint8_t head[HEAD_SIZE];
	size_t length = put_head(scenario, message, again, head);

	return write_all(delivery->messages, head, length, problem) &&
	       write_all(delivery->messages, scenario->messages[message].body,
			 scenario->messages[message].length, problem);
}

bool scenario_probe(const struct scenario *scenario, const struct delivery *delivery,
		    struct problem *problem)
{
	struct submission submission = submission_of(scenario->count, PROBE_ID);
	uint8_t head[HEAD_SIZE];
	struct wire_writer writer = payload_writer(head);

	submission.recipient_count = 1;
	message_put_submission(&writer, &submission);
	put_recipient(&writer, "nobody");
	return write_all(delivery->messages, head, end_head(head, &writer), problem);
}

/* ---- comparing them ---- */

bool scenario_is_whole(const struct scenario *scenario, uint32_t message, unsigned mailbox,
		       const char *bytes, size_t length, struct problem *problem)
{
	const struct scenario_message *wanted = &scenario->messages[message];
	static const char end[] = " +0000\n"; /* of Received, the last line in front */
	char front[256];
	size_t head, begun;

	begun = (size_t)snprintf(front, sizeof(front),
				 "Return-Path: <" SENDER ">\nDelivered-To: %s@" SCENARIO_DOMAIN
				 "\n",
				 scenario_mailboxes[mailbox]);
	if (length < begun + sizeof(end) - 1 + wanted->length)
		return problem_set(problem, "it is cut off");
	head = length - wanted->length;
	if (memcmp(bytes + head, wanted->body, wanted->length) != 0)
		return problem_set(problem, "its body is not what was sent");
	if (memcmp(bytes, front, begun) != 0 || memchr(bytes, '\0', head) ||
	    memcmp(bytes + head - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
		return problem_set(problem, "the lines in front of it are damaged");
	return true;
}
