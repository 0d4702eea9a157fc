/*
 * engine_fixture.h - an engine with a policy that writes down what happens
 */
#ifndef POSTERN_TESTS_UNIT_ENGINE_FIXTURE_H
#define POSTERN_TESTS_UNIT_ENGINE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/smtp/server.h"

#define LOG_SIZE 65536
#define ANSWERS_MAX 8 /* to one `end` question */

/* The last reply of class 4 or 5, and what was told of it. */
struct recorded_rejection {
	enum smtp_reply reply;
	char text[SMTP_REPLY_SIZE];
	char command[SMTP_REPLY_SIZE], argument[SMTP_REPLY_SIZE];
	bool closes;
	char limit[32]; /* "" for none */
	unsigned long long value;
};

/* A policy that accepts all but a few, now or later, and writes down what happens. */
struct recorder {
	struct smtp_server *server;
	bool later; /* leave questions open */
	/* What is said to these questions; a test may change it. */
	enum smtp_reply tls_answer, data_answer, end_answers[ANSWERS_MAX];
	char output[LOG_SIZE];
	size_t output_used;
	char events[LOG_SIZE];
	size_t events_used;
	char commands[LOG_SIZE]; /* each followed by ; */
	size_t commands_used;
	char body[LOG_SIZE]; /* joins the events when it was accepted: of a faulty one any part may
				come */
	size_t body_used;
	char message[LOG_SIZE]; /* the last body that was accepted */
	size_t message_length;
	uint64_t message_size;	/* as the engine has counted it */
	enum smtp_reply answer; /* to the open question */
	unsigned answers_given; /* of end_answers */
	int ends, dooms, rejections;
	struct recorded_rejection rejection;
};

/* Of every recorder: a test may change them before it makes one. */
extern struct smtp_settings settings;
/* Undoes those changes: the setup of each test. */
void settings_restore(void);
/* Bits for settings.hidden and settings.disabled; each takes what exists only. */
uint32_t hide(const char *keyword);
uint64_t disable(const char *verb);

struct recorder *recorder_new(void);
/* The same, in a session that has an id. */
struct recorder *recorder_named(const char *session);
void recorder_free(struct recorder *recorder);
/*
 * Feeds all, answering what was left open, from a copy that ends where the bytes
 * end. A handshake is done as soon as it is due.
 */
void recorder_feed(struct recorder *recorder, const char *bytes, size_t length);
/* The same, cut behind the first `first` bytes and then behind each `piece`. */
void recorder_feed_in_pieces(struct recorder *recorder, const char *bytes, size_t length,
			     size_t first, size_t piece);
/* Asserts that both have seen the same. */
void recorder_compare(const struct recorder *one, const struct recorder *other);
/* Forgets the output so far, then feeds a text. */
void recorder_say(struct recorder *recorder, const char *text);
/* Forgets the output so far and offers a text once: returns how much of it was taken, answers
 * nothing.
 */
size_t recorder_offer(struct recorder *recorder, const char *text);
/* Gives the next answer to the open question. */
void recorder_answer(struct recorder *recorder);

/* How the states are reached. */
#define GREETED "EHLO a.example\r\n"
#define MAILED GREETED "MAIL FROM:<a@b.example>\r\n"
#define READY MAILED "RCPT TO:<c@d.example>\r\n"

#endif
