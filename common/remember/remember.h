/*
 * remember.h - messages whose 250 the client may not have taken (RFC 1047)
 *
 * A table in an in-memory file that the master makes once and hands to each delivery
 * process, the only one that maps it: it survives the death of delivery, and each reload. A
 * message is put in when it is durable, and leaves when its worker says that the client
 * took the reply. Where the session ended before that, the entry is lost: the same message,
 * sent again, is in its mailboxes already.
 *
 * Bounded: the oldest entry is overwritten, which can only lead to a second copy. The state
 * of an entry is written last, so that a process that is killed in the middle leaves none.
 */
#ifndef POSTERN_COMMON_REMEMBER_REMEMBER_H
#define POSTERN_COMMON_REMEMBER_REMEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "common/frame/message.h"
#include "common/hash/siphash.h"

#define REMEMBER_ENTRIES 65536

/* The master makes it: a descriptor, close-on-exec; -1 with *problem set. */
int remember_make(struct problem *problem);

struct remember;

/*
 * Maps it and reads what an earlier delivery process has left. Entries are void when they are
 * older than `window` microseconds. NULL with *problem set.
 */
struct remember *remember_open(int descriptor, int64_t window, struct problem *problem);
/* NULL is allowed. */
void remember_close(struct remember *remember);

/* The secret with which the keys of messages are made: SIPHASH_KEY_SIZE bytes. */
const uint8_t *remember_secret(const struct remember *remember);

/* Whose session has a message in hand: no two messages of one master have the same. */
struct remember_owner {
	uint32_t serial; /* of the worker */
	uint64_t handle;
};

/*
 * A message has become durable. `now` is clock_steady(). Where this owner has an entry
 * already (it was sent again to the next delivery process) that one stays.
 */
void remember_add(struct remember *remember, int64_t now, const struct remember_owner *owner,
		  const struct siphash_value *key, const char *id, bool is_lost);

/*
 * Whether a message of this key is stored, whose session ended without its 250, or which
 * this very owner has sent before: it is the owner's from here on, and *id that of the
 * message that is stored.
 */
bool remember_take(struct remember *remember, int64_t now, const struct siphash_value *key,
		   const struct remember_owner *owner, char id[MESSAGE_ID_SIZE]);

/* Whether the owner has an entry of this id: that message is in all its mailboxes. */
bool remember_has(const struct remember *remember, const struct remember_owner *owner,
		  const char *id);

/* The client took the 250, or it never will. False: the owner has no entry. */
bool remember_replied(struct remember *remember, const struct remember_owner *owner, bool taken);

/* The worker lives: it may still say what became of the entries that were found at the start. */
void remember_lives(struct remember *remember, uint32_t serial);
/*
 * The worker has ended, and its sessions with it; 0: every worker whose entries were found
 * at the start and that does not live.
 */
void remember_ended(struct remember *remember, uint32_t serial);

/* How many entries there are. */
size_t remember_count(const struct remember *remember);

#endif
