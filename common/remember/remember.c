/*
 * remember.c - messages whose 250 the client may not have taken (RFC 1047)
 *
 * Runs in: the master (makes it), postern-delivery (all else).  Privilege: none.
 * Distrusts: what lies in the shared memory: its writer may have been killed at any
 * instruction. The indexes are this process's own, made from the entries.
 */
#include "common/remember/remember.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#define NOBODY UINT32_MAX /* the end of a list */

/* Any other value is an entry that was being written: none. */
enum state { STATE_EMPTY, STATE_OPEN, STATE_LOST };

struct entry {
	_Atomic uint32_t state;
	uint32_t serial;
	uint64_t handle;
	struct siphash_value key;
	int64_t time; /* clock_steady() */
	char id[MESSAGE_ID_SIZE];
};

/* As it lies in the shared memory; what was never used costs nothing. */
struct memory {
	uint8_t secret[SIPHASH_KEY_SIZE];
	_Atomic uint32_t used; /* entries from here on were never used */
	struct entry entries[REMEMBER_ENTRIES];
};

/* Entries that have one hash, in a list. */
struct index {
	uint32_t heads[REMEMBER_ENTRIES];
	uint32_t next[REMEMBER_ENTRIES];
};

struct remember {
	struct memory *memory;
	int64_t window;
	uint32_t used;
	size_t count;
	uint32_t free; /* the first of those that were given back, by keys.next */
	struct index keys, owners;
	uint32_t oldest, newest;
	uint32_t older[REMEMBER_ENTRIES], newer[REMEMBER_ENTRIES];
	bool unheard[REMEMBER_ENTRIES]; /* found at the start; whether its worker lives is not known
					 */
};

/* ---- the memory ---- */

int remember_make(struct problem *problem)
{
	uint8_t secret[SIPHASH_KEY_SIZE];
	int descriptor = memfd_create("remember", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	arc4random_buf(secret, sizeof(secret));
	if (descriptor >= 0 && ftruncate(descriptor, sizeof(struct memory)) == 0 &&
	    pwrite(descriptor, secret, sizeof(secret), offsetof(struct memory, secret)) ==
		    (ssize_t)sizeof(secret) &&
	    fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return descriptor;
	problem_errno(problem, "memory of messages");
	if (descriptor >= 0)
		close(descriptor);
	return -1;
}

const uint8_t *remember_secret(const struct remember *remember)
{
	return remember->memory->secret;
}

size_t remember_count(const struct remember *remember)
{
	return remember->count;
}

static struct entry *entry_at(const struct remember *remember, uint32_t place)
{
	return &remember->memory->entries[place];
}

static uint32_t state_of(const struct remember *remember, uint32_t place)
{
	return atomic_load_explicit(&entry_at(remember, place)->state, memory_order_relaxed);
}

/* After all else of the entry has been written, and before anything of it is. */
static void set_state(const struct remember *remember, uint32_t place, enum state state)
{
	atomic_store(&entry_at(remember, place)->state, state);
	atomic_thread_fence(memory_order_seq_cst);
}

/* ---- the indexes ---- */

static uint32_t hash_of_key(const struct siphash_value *key)
{
	return (uint32_t)key->low % REMEMBER_ENTRIES;
}

/* Keyed, since a worker that was broken into chooses its handles. */
static uint32_t hash_of_owner(const struct remember *remember, const struct remember_owner *owner)
{
	struct siphash hash;
	struct siphash_value value;

	siphash_begin(&hash, remember->memory->secret);
	siphash_add_number(&hash, owner->serial);
	siphash_add_number(&hash, owner->handle);
	value = siphash_end(&hash);
	return hash_of_key(&value);
}

static struct remember_owner owner_of(const struct entry *entry)
{
	return (struct remember_owner){ entry->serial, entry->handle };
}

static void index_add(struct index *index, uint32_t hash, uint32_t place)
{
	index->next[place] = index->heads[hash];
	index->heads[hash] = place;
}

static void index_remove(struct index *index, uint32_t hash, uint32_t place)
{
	uint32_t *link = &index->heads[hash];

	while (*link != place) {
		require(*link != NOBODY);
		link = &index->next[*link];
	}
	*link = index->next[place];
}

static void add_owner(struct remember *remember, uint32_t place)
{
	const struct remember_owner owner = owner_of(entry_at(remember, place));

	index_add(&remember->owners, hash_of_owner(remember, &owner), place);
}

static void remove_owner(struct remember *remember, uint32_t place)
{
	const struct remember_owner owner = owner_of(entry_at(remember, place));

	index_remove(&remember->owners, hash_of_owner(remember, &owner), place);
}

static void append(struct remember *remember, uint32_t place)
{
	remember->older[place] = remember->newest;
	remember->newer[place] = NOBODY;
	*(remember->newest == NOBODY ? &remember->oldest : &remember->newer[remember->newest]) =
		place;
	remember->newest = place;
}

static void detach(struct remember *remember, uint32_t place)
{
	uint32_t older = remember->older[place], newer = remember->newer[place];

	*(older == NOBODY ? &remember->oldest : &remember->newer[older]) = newer;
	*(newer == NOBODY ? &remember->newest : &remember->older[newer]) = older;
}

/* ---- entries ---- */

static void enter(struct remember *remember, uint32_t place)
{
	index_add(&remember->keys, hash_of_key(&entry_at(remember, place)->key), place);
	add_owner(remember, place);
	append(remember, place);
	remember->count++;
}

static void give_back(struct remember *remember, uint32_t place)
{
	remember->keys.next[place] = remember->free;
	remember->free = place;
}

static void drop(struct remember *remember, uint32_t place)
{
	set_state(remember, place, STATE_EMPTY);
	index_remove(&remember->keys, hash_of_key(&entry_at(remember, place)->key), place);
	remove_owner(remember, place);
	detach(remember, place);
	remember->count--;
	give_back(remember, place);
}

static bool is_void(const struct remember *remember, uint32_t place, int64_t now)
{
	return now - entry_at(remember, place)->time >= remember->window;
}

/* A place that is empty; the oldest entry gives up its own when there is no other. */
static uint32_t find_place(struct remember *remember, int64_t now)
{
	uint32_t place;

	while (remember->oldest != NOBODY && is_void(remember, remember->oldest, now))
		drop(remember, remember->oldest);
	if (remember->free == NOBODY && remember->used < REMEMBER_ENTRIES) {
		atomic_store(&remember->memory->used, remember->used + 1);
		return remember->used++;
	}
	if (remember->free == NOBODY)
		drop(remember, remember->oldest);
	place = remember->free;
	remember->free = remember->keys.next[place];
	return place;
}

static uint32_t find_owner(const struct remember *remember, const struct remember_owner *owner)
{
	uint32_t place = remember->owners.heads[hash_of_owner(remember, owner)];

	for (; place != NOBODY; place = remember->owners.next[place])
		if (entry_at(remember, place)->handle == owner->handle &&
		    entry_at(remember, place)->serial == owner->serial)
			break;
	return place;
}

void remember_add(struct remember *remember, int64_t now, const struct remember_owner *owner,
		  const struct siphash_value *key, const char *id, bool is_lost)
{
	struct entry *entry;
	uint32_t place;

	if (find_owner(remember, owner) != NOBODY)
		return;
	place = find_place(remember, now);
	entry = entry_at(remember, place);
	entry->serial = owner->serial;
	entry->handle = owner->handle;
	entry->key = *key;
	entry->time = now;
	strlcpy(entry->id, id, sizeof(entry->id));
	remember->unheard[place] = false;
	set_state(remember, place, is_lost ? STATE_LOST : STATE_OPEN);
	enter(remember, place);
}

/* The entry belongs to another message now; in between there is none. */
static void hand_over(struct remember *remember, uint32_t place, int64_t now,
		      const struct remember_owner *owner)
{
	struct entry *entry = entry_at(remember, place);

	set_state(remember, place, STATE_EMPTY);
	remove_owner(remember, place);
	detach(remember, place);
	entry->serial = owner->serial;
	entry->handle = owner->handle;
	entry->time = now;
	remember->unheard[place] = false;
	set_state(remember, place, STATE_OPEN);
	add_owner(remember, place);
	append(remember, place);
}

/* Whether the entry is that of a message whose 250 nobody has and nobody will get, but this one. */
static bool is_for(const struct remember *remember, uint32_t place,
		   const struct remember_owner *owner)
{
	const struct entry *entry = entry_at(remember, place);

	return state_of(remember, place) == STATE_LOST ||
	       (entry->serial == owner->serial && entry->handle == owner->handle);
}

bool remember_take(struct remember *remember, int64_t now, const struct siphash_value *key,
		   const struct remember_owner *owner, char id[MESSAGE_ID_SIZE])
{
	uint32_t place = remember->keys.heads[hash_of_key(key)];
	const struct entry *entry;

	for (; place != NOBODY; place = remember->keys.next[place]) {
		entry = entry_at(remember, place);
		if (entry->key.low != key->low || entry->key.high != key->high ||
		    is_void(remember, place, now) || !is_for(remember, place, owner))
			continue;
		memcpy(id, entry->id, MESSAGE_ID_SIZE);
		hand_over(remember, place, now, owner);
		return true;
	}
	return false;
}

bool remember_has(const struct remember *remember, const struct remember_owner *owner,
		  const char *id)
{
	uint32_t place = find_owner(remember, owner);

	return place != NOBODY && strcmp(entry_at(remember, place)->id, id) == 0;
}

/* ---- what becomes of them ---- */

bool remember_replied(struct remember *remember, const struct remember_owner *owner, bool taken)
{
	uint32_t place = find_owner(remember, owner);

	if (place == NOBODY)
		return false;
	if (taken)
		drop(remember, place);
	else
		set_state(remember, place, STATE_LOST);
	return true;
}

void remember_lives(struct remember *remember, uint32_t serial)
{
	uint32_t place = remember->oldest;

	for (; place != NOBODY; place = remember->newer[place])
		if (entry_at(remember, place)->serial == serial)
			remember->unheard[place] = false;
}

void remember_ended(struct remember *remember, uint32_t serial)
{
	uint32_t place = remember->oldest;

	for (; place != NOBODY; place = remember->newer[place])
		if (serial == 0 ? remember->unheard[place]
				: entry_at(remember, place)->serial == serial)
			set_state(remember, place, STATE_LOST);
}

/* ---- what an earlier process has left ---- */

static bool is_whole(const struct remember *remember, uint32_t place)
{
	const struct entry *entry = entry_at(remember, place);
	uint32_t state = state_of(remember, place);

	return (state == STATE_OPEN || state == STATE_LOST) &&
	       memchr(entry->id, '\0', sizeof(entry->id)) != NULL;
}

struct found {
	int64_t time;
	uint32_t place;
};

static int compare(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	return (a->time > b->time) - (a->time < b->time);
}

/* False when memory is short. */
static bool read_entries(struct remember *remember)
{
	struct found *found = allocate(REMEMBER_ENTRIES, sizeof(*found));
	size_t count = 0;

	if (!found)
		return false;
	remember->used = atomic_load(&remember->memory->used);
	if (remember->used > REMEMBER_ENTRIES)
		remember->used = REMEMBER_ENTRIES;
	for (uint32_t place = 0; place < remember->used; place++) {
		if (is_whole(remember, place)) {
			found[count++] = (struct found){ entry_at(remember, place)->time, place };
			continue;
		}
		set_state(remember, place, STATE_EMPTY);
		give_back(remember, place);
	}
	qsort(found, count, sizeof(*found), compare);
	for (size_t i = 0; i < count; i++) {
		remember->unheard[found[i].place] =
			state_of(remember, found[i].place) == STATE_OPEN;
		enter(remember, found[i].place);
	}
	free(found);
	return true;
}

struct remember *remember_open(int descriptor, int64_t window, struct problem *problem)
{
	struct remember *remember = allocate(1, sizeof(*remember));

	if (!remember) {
		problem_errno(problem, "memory of messages");
		return NULL;
	}
	remember->window = window;
	remember->free = remember->oldest = remember->newest = NOBODY;
	memset(remember->keys.heads, 0xff, sizeof(remember->keys.heads));
	memset(remember->owners.heads, 0xff, sizeof(remember->owners.heads));
	remember->memory = mmap(NULL, sizeof(struct memory), PROT_READ | PROT_WRITE, MAP_SHARED,
				descriptor, 0);
	if (remember->memory != MAP_FAILED && read_entries(remember))
		return remember;
	problem_errno(problem, "memory of messages");
	remember_close(remember);
	return NULL;
}

void remember_close(struct remember *remember)
{
	if (!remember)
		return;
	if (remember->memory != MAP_FAILED)
		munmap(remember->memory, sizeof(*remember->memory));
	free(remember);
}
