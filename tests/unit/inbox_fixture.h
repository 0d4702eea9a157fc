/*
 * inbox_fixture.h - an inbox with its loop, and the workers' side of its pipes
 */
#ifndef POSTERN_TESTS_UNIT_INBOX_FIXTURE_H
#define POSTERN_TESTS_UNIT_INBOX_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delivery/inbox.h"

#define ALICE "example.org/alice"
/* A list of recipients, or of anything that is a string. */
#define TO(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define MESSAGE_SIZE_MAX (1024 * 1024)
#define RECIPIENTS_MAX 100
#define SERIAL 42

struct inbox_fixture {
	struct event_base *base;
	struct tables *tables; /* alice, bob, carol (quota: 10 messages); all: the three */
	int memory;	       /* of messages: outlives the inbox */
	struct remember *remember;
	struct store store;
	struct condition *condition; /* NULL: always fine; the test's */
	struct inbox *inbox;
	unsigned violations; /* told so far; who did the last, and what */
	uint32_t violator;
	char reason[256];
};

extern struct inbox_fixture receiving;

/* The worker's side of its pipes. */
struct peer {
	int messages, verdicts;
};

/* Checked fixtures. */
void inbox_set_up(void);
void inbox_tear_down(void);
void inbox_fixture_open(int root, size_t batch);
void inbox_fixture_close(void);

struct peer add_peer(uint32_t serial);
void close_peer(struct peer *peer);
/* Turns the loop until nothing is left to do. */
void turn(void);

/* Writes all of it, turning the loop whenever the pipe is full. */
void send_bytes(const struct peer *peer, const void *bytes, size_t length);
struct submission submission_of(const char *id, uint64_t handle, const char *body);
void send_message(const struct peer *peer, const char *id, uint64_t handle,
		  const char *const *recipients, const char *body);

/* Asks whether alice, bob, ... has room for so many bytes. */
void send_question(const struct peer *peer, uint64_t handle, const char *local, uint64_t size);

/* The next frame of that type; false when there is none, or the pipe is closed. */
bool next_frame(const struct peer *peer, enum message_type type, struct message_verdict *verdict);
/* The next verdict; false when there is none, or the pipe is closed. */
bool next_verdict(const struct peer *peer, struct message_verdict *verdict);
/* The same of a frame of another type, which has the same form. */
bool next_frame(const struct peer *peer, enum message_type type, struct message_verdict *verdict);
/* Turns the loop; the next verdict must be this one. */
void expect(const struct peer *peer, uint64_t handle, enum verdict verdict);
/* Whether the inbox has closed both pipes. */
bool is_closed(const struct peer *peer);

#endif
