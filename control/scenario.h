/*
 * scenario.h - the messages that are delivered, and their mailboxes
 *
 * A fixed plan of groups: the messages of a group are written to delivery at
 * once, and so come into one batch; the next group follows when all have their
 * verdicts. Sizes are by the seed.
 */
#ifndef POSTERN_CONTROL_SCENARIO_H
#define POSTERN_CONTROL_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "control/delivery.h"

#define SCENARIO_DOMAIN "example.org"
#define SCENARIO_TEMPLATE "%d/%u" /* of a mailbox's path below the mail root */
#define SCENARIO_MAILBOXES 5
#define SCENARIO_ID_SIZE 24

/* The names of the mailboxes in SCENARIO_DOMAIN. */
extern const char *const scenario_mailboxes[SCENARIO_MAILBOXES];

struct scenario_message {
	char id[SCENARIO_ID_SIZE];
	unsigned group;
	unsigned mailboxes; /* bits: 1 << mailbox */
	char *body;
	size_t length;
};

struct scenario {
	struct scenario_message *messages; /* by their number */
	uint32_t count;
};

/* Memory that is short ends the program. */
void scenario_make(struct scenario *scenario, uint64_t seed);
void scenario_free(struct scenario *scenario);

/* Writes the message to delivery's pipe, which has room for it. `again`: it was sent before. */
bool scenario_send(const struct scenario *scenario, uint32_t message, bool again,
		   const struct delivery *delivery, struct problem *problem);

/*
 * Writes a message for a mailbox that there is not. Its verdict, which has the handle
 * scenario->count, comes when delivery has finished what it does at its start.
 */
bool scenario_probe(const struct scenario *scenario, const struct delivery *delivery,
		    struct problem *problem);

/* The message of that number whose id this is, or scenario->count. */
uint32_t scenario_find(const struct scenario *scenario, const char *id, size_t length);

/*
 * Whether these are the bytes of the message as they must lie in that mailbox:
 * the lines that delivery puts in front, then the body. False with *problem
 * set.
 */
bool scenario_is_whole(const struct scenario *scenario, uint32_t message, unsigned mailbox,
		       const char *bytes, size_t length, struct problem *problem);

#endif
