/*
 * delivery.h - postern-delivery, started as the master starts it
 */
#ifndef POSTERN_CONTROL_DELIVERY_H
#define POSTERN_CONTROL_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/fail/fail.h"
#include "common/frame/message.h"

/* What each of them is started with. */
struct delivery_settings {
	const char *program; /* its path */
	int configuration;   /* sealed: configuration_seal, tables_build */
	int tables;
	int log; /* its log and its standard streams; may be written to by the next one, too */
};

struct delivery {
	pid_t pid; /* 0: there is none */
	int channel;
	int messages; /* to write */
	int verdicts; /* to read; non-blocking */
};

enum delivery_kind {
	DELIVERY_TRACED, /* it stops at its first instruction, this process is its tracer */
	DELIVERY_FAST,	 /* what makes data durable does nothing */
};

/*
 * Starts it on the mail root and hands it START and one pair of pipes. False
 * with *problem set, and then nothing is left behind.
 */
bool delivery_start(struct delivery *delivery, const struct delivery_settings *settings,
		    enum delivery_kind kind, int mail_root, struct problem *problem);

/* Waits until it says READY, `seconds` at most. */
bool delivery_wait_ready(struct delivery *delivery, int seconds, struct problem *problem);

/* STOP. */
bool delivery_send_stop(struct delivery *delivery, struct problem *problem);

/* Waits for its end, `seconds` at most; that it ends with status 0 is required. */
bool delivery_wait_end(struct delivery *delivery, int seconds, struct problem *problem);

/* Closes what is open, and kills and reaps it where it still runs. */
void delivery_drop(struct delivery *delivery);

/*
 * The next verdict, waiting up to `seconds` for it (0: not at all). 1 there is
 * one, 0 there is none, -1 with *problem set.
 */
int delivery_next_verdict(struct delivery *delivery, int seconds, struct message_verdict *verdict,
			  struct problem *problem);

#endif
