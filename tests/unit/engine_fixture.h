/*
 * engine_fixture.h - an engine with a policy that writes down what happens
 */
#ifndef POSTERN_TESTS_UNIT_ENGINE_FIXTURE_H
#define POSTERN_TESTS_UNIT_ENGINE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/smtp/server.h"

#define LOG_SIZE 65536

/* A policy that accepts all but a few, now or later, and writes down what happens. */
struct recorder {
	struct smtp_server *server;
	bool later; /* leave questions open */
	char output[LOG_SIZE];
	size_t output_used;
	char events[LOG_SIZE];
	size_t events_used;
	char body[LOG_SIZE]; /* joins the events when it was accepted: of a faulty one any part may
				come */
	size_t body_used;
	enum smtp_reply answer; /* to the open question */
	int rejections;
	char last_limit[32];
};

/* Of every recorder: a test may change them before it makes one. */
extern struct smtp_settings settings;

struct recorder *recorder_new(void);
void recorder_free(struct recorder *recorder);
/* Feeds all, answering what was left open, from a copy that ends where the bytes end. */
void recorder_feed(struct recorder *recorder, const char *bytes, size_t length);
/* Forgets the output so far, then feeds a text. */
void recorder_say(struct recorder *recorder, const char *text);

/* How the states are reached. */
#define GREETED "EHLO a.example\r\n"
#define MAILED GREETED "MAIL FROM:<a@b.example>\r\n"
#define READY MAILED "RCPT TO:<c@d.example>\r\n"

#endif
