/*
 * engine_client.h - an engine under fuzzing: a policy that decides by numbers, and looks at all
 * that is said
 *
 * Shared by fuzz_server.c and fuzz_bdat.c. What is decided depends on the
 * question's number alone, so that the same bytes find the same decisions
 * however they are split and whenever questions are answered.
 */
#ifndef POSTERN_TESTS_ENGINE_CLIENT_H
#define POSTERN_TESTS_ENGINE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/smtp/server.h"

#define CLIENT_SESSION "1k2v8h2d3q0041ab"

struct heap {
	char *bytes;
	size_t used, size;
};

struct client {
	struct smtp_server *server;
	uint32_t verdicts; /* 0: all is accepted; else what is not depends on it */
	bool later;	   /* answer when smtp_server_input has returned */
	unsigned questions;
	enum smtp_reply answer; /* to the open question */
	struct heap output;
	struct heap lines;    /* of commands, each with LF */
	struct heap body;     /* of the message in hand */
	struct heap messages; /* accepted bodies, each behind its size */
	unsigned ends, rejections;
	size_t last_reply; /* where it begins in `output` */
};

void heap_add(struct heap *heap, const char *bytes, size_t length);
bool heap_is_same(const struct heap *one, const struct heap *other);

/* What the policy says to a question: one of 32 is answered with 421, a quarter with the rejection.
 */
enum smtp_reply verdict(uint32_t verdicts, unsigned number, enum smtp_reply accepted,
			enum smtp_reply rejected);
/* The same for each answer to `end`. */
enum smtp_reply end_verdict(uint32_t verdicts, unsigned number);

/* A session that has said its greeting; `settings` must outlive it. */
void client_open(struct client *client, const struct smtp_settings *settings, uint32_t verdicts,
		 bool later);
void client_close(struct client *client);
/* Offers bytes once; returns how many the engine has used. */
size_t client_offer(struct client *client, const uint8_t *bytes, size_t length);
/* Gives the next answer to the open question. */
void client_answer(struct client *client);
/*
 * Feeds all, or what the engine reads before it closes, answering what was left
 * open. A handshake is done as soon as it is due.
 */
void client_feed(struct client *client, const uint8_t *bytes, size_t length);
/* The same in pieces of 1 to 40 bytes. */
void client_feed_in_pieces(struct client *client, const uint8_t *bytes, size_t length,
			   uint32_t seed);
/* Both have seen the same. */
void client_compare(const struct client *one, const struct client *other);

#endif
