/*
 * once.h - the same message sent again, because its 250 did not arrive, makes no second copy
 *
 * RFC 1047: a sender that does not see the reply to its message sends it again. What makes
 * two messages the same: sender, recipients (their order does not count), the parameters of
 * MAIL and RCPT, and every byte of the body as the client sent it. common/remember keeps a
 * keyed hash of that for each message that was stored, until its 250 was taken.
 *
 * Where nothing is remembered (`delivery { remember = 0 }`) all of these do nothing.
 */
#ifndef POSTERN_DELIVERY_ONCE_H
#define POSTERN_DELIVERY_ONCE_H

#include "delivery/store.h"

/* The envelope is there: begins the key of the message. */
void once_begin(const struct store *store, struct transaction *transaction);
/* A piece of its body. */
void once_add(struct transaction *transaction, const void *bytes, size_t length);
/*
 * The body is complete. When the same message is stored, and its session ended without
 * the 250, this one takes its place: its files are removed, and it is stored.
 */
void once_finish(struct store *store, struct transaction *transaction);

/*
 * A message that is sent again by its worker, whose verdict was lost: whether it is
 * remembered. Its targets say so then, wherever their owner has moved the files since.
 */
bool once_is_stored(const struct store *store, struct transaction *transaction);

/* The message is durable: it is remembered until its reply was taken. */
void once_remember(const struct store *store, const struct transaction *transaction);

/* What a worker says of the reply to a message of its own, stored or in the batch. */
void once_replied(struct store *store, const struct remember_owner *owner, bool taken);
/* See remember_lives and remember_ended. */
void once_worker_lives(const struct store *store, uint32_t serial);
void once_worker_ended(const struct store *store, uint32_t serial);

#endif
