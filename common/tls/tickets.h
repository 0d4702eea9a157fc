/*
 * tickets.h - the keys of session tickets: a new one each hour, no old one to be had
 *
 * Workers agree without talking. The sealed file holds a random secret and the
 * time of its making. From the secret of one hour come, by HMAC-SHA-512 with
 * different words, the keys of that hour and the secret of the next hour; then
 * it is overwritten. Who breaks into a worker finds the secret of the present
 * hour, which leads to no earlier one, and the keys of the present hour and the
 * one before, with which tickets are still taken.
 *
 * This holds as long as nobody keeps what came first: a worker closes the
 * sealed file when its contexts are made.
 */
#ifndef POSTERN_COMMON_TLS_TICKETS_H
#define POSTERN_COMMON_TLS_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "common/tls/material.h"

#define TLS_TICKET_SECONDS 3600 /* the life of a key; and of a ticket */

struct tls_ticket_keys {
	uint8_t name[16]; /* goes with each ticket, in the clear */
	uint8_t cipher[32];
	uint8_t mac[32];
};

struct tls_tickets {
	int64_t sealed_at;
	int64_t hour; /* since then */
	uint8_t secret[TLS_SECRET_SIZE];
	struct tls_ticket_keys current;
	struct tls_ticket_keys previous;
	bool has_previous;
};

/*
 * Seconds of the clock by which hours are counted: one that nobody sets, and
 * that is the same for all processes until the host starts anew.
 */
int64_t tls_tickets_clock(void);

/* Keys for the hour of `now`, from those of the sealing. False when memory is short. */
bool tls_tickets_begin(struct tls_tickets *tickets, const struct tls_material *material,
		       int64_t now);

/*
 * Goes on to the hour of `now`, overwriting what came before; never back. When
 * memory is short the keys stay, for the next call.
 */
void tls_tickets_ratchet(struct tls_tickets *tickets, int64_t now);

/* Overwrites all. */
void tls_tickets_end(struct tls_tickets *tickets);

/* Tickets of this context and their keys; both must live as long as each other. */
bool tls_tickets_use(SSL_CTX *context, struct tls_tickets *tickets);

#endif
