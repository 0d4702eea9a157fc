/*
 * scoreboard.c - how many sessions there are, of all workers, in all and from one address
 *
 * Runs in: the master (takes and releases slots), postern-worker (counts).  Privilege: none.
 * Distrusts: the counts, when they decide: a broken worker can write nonsense
 * here, and with it refuse connections, as it can by accepting them all. It can
 * do nothing else: no count is used as an index or a size.
 */
#include "common/scoreboard/scoreboard.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#define ROWS 2
#define BUCKETS 8192 /* a power of two */

enum slot_state { SLOT_FREE, SLOT_ACCEPTING, SLOT_DRAINING };

struct slot {
	_Atomic uint32_t state;
	_Atomic uint32_t sessions;
	_Atomic uint32_t limit;
	_Atomic uint16_t buckets[ROWS][BUCKETS];
};

/* As it lies in the shared memory; what is not touched costs nothing. */
struct scoreboard {
	uint64_t keys[ROWS][3]; /* random, so that nobody outside can choose colliding addresses */
	_Atomic uint32_t highest; /* slots from here on were never taken */
	struct slot slots[SCOREBOARD_SLOTS];
};

int scoreboard_make(struct problem *problem)
{
	struct scoreboard *board;
	int descriptor = memfd_create("scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (descriptor < 0 || ftruncate(descriptor, sizeof(*board)) < 0 ||
	    fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		problem_errno(problem, "scoreboard");
		goto out;
	}
	board = scoreboard_map(descriptor, problem);
	if (!board)
		goto out;
	arc4random_buf(board->keys, sizeof(board->keys));
	munmap(board, sizeof(*board));
	return descriptor;
out:
	if (descriptor >= 0)
		close(descriptor);
	return -1;
}

struct scoreboard *scoreboard_map(int descriptor, struct problem *problem)
{
	void *memory = mmap(NULL, sizeof(struct scoreboard), PROT_READ | PROT_WRITE, MAP_SHARED,
			    descriptor, 0);

	if (memory == MAP_FAILED) {
		problem_errno(problem, "scoreboard");
		return NULL;
	}
	return memory;
}

static void clear(struct slot *slot)
{
	slot->sessions = 0;
	memset((void *)slot->buckets, 0, sizeof(slot->buckets));
}

int scoreboard_take(struct scoreboard *board, size_t sessions)
{
	for (uint32_t i = 0; i < SCOREBOARD_SLOTS; i++) {
		if (board->slots[i].state != SLOT_FREE)
			continue;
		clear(&board->slots[i]);
		board->slots[i].limit = (uint32_t)sessions;
		board->slots[i].state = SLOT_ACCEPTING;
		if (board->highest <= i)
			board->highest = i + 1;
		return (int)i;
	}
	return -1;
}

void scoreboard_release(struct scoreboard *board, size_t slot)
{
	require(slot < SCOREBOARD_SLOTS);
	clear(&board->slots[slot]);
	board->slots[slot].state = SLOT_FREE;
}

/* One round: the upper half goes into the lower, a multiplication spreads both upwards. */
static uint64_t mix(uint64_t value, uint64_t key)
{
	value ^= value >> 32;
	return value * (key | 1);
}

/*
 * A keyed hash of an address: a client is its /64, or its IPv4 address (which
 * lies in the last bytes of a mapped one, so that addresses of one network
 * differ only in the highest bits of `low`: they are mixed downwards first).
 */
static size_t bucket(const struct scoreboard *board, int row, const struct in6_addr *client)
{
	const uint64_t *key = board->keys[row];
	uint64_t high, low, mixed;

	memcpy(&high, client->s6_addr, sizeof(high));
	memcpy(&low, client->s6_addr + sizeof(high), sizeof(low));
	if (!IN6_IS_ADDR_V4MAPPED(client))
		low = 0;
	mixed = mix(mix(high ^ key[0], key[1]), key[2]) ^ low;
	for (size_t round = 0; round < 3; round++)
		mixed = mix(mixed, key[round]);
	return (size_t)(mixed >> 40) & (BUCKETS - 1);
}

static void count(struct scoreboard *board, size_t slot, const struct in6_addr *client,
		  unsigned step)
{
	struct slot *mine = &board->slots[slot];

	require(slot < SCOREBOARD_SLOTS);
	mine->sessions += step;
	if (IN6_IS_ADDR_UNSPECIFIED(client))
		return;
	for (int row = 0; row < ROWS; row++)
		mine->buckets[row][bucket(board, row, client)] += (uint16_t)step;
}

void scoreboard_opened(struct scoreboard *board, size_t slot, const struct in6_addr *client)
{
	count(board, slot, client, 1);
}

void scoreboard_closed(struct scoreboard *board, size_t slot, const struct in6_addr *client)
{
	count(board, slot, client, UINT32_MAX); /* minus one, modulo the counter */
}

void scoreboard_draining(struct scoreboard *board, size_t slot)
{
	require(slot < SCOREBOARD_SLOTS);
	board->slots[slot].state = SLOT_DRAINING;
}

static uint32_t slots_in_use(const struct scoreboard *board)
{
	uint32_t highest = board->highest;

	return highest < SCOREBOARD_SLOTS ? highest : SCOREBOARD_SLOTS;
}

size_t scoreboard_from(const struct scoreboard *board, const struct in6_addr *client)
{
	size_t places[ROWS] = { bucket(board, 0, client), bucket(board, 1, client) };
	size_t sums[ROWS] = { 0 };

	/* Not the sum of its bucket, which is that of ::1, too: their /64 is the same. */
	if (IN6_IS_ADDR_UNSPECIFIED(client))
		return 0;
	for (uint32_t i = 0; i < slots_in_use(board); i++) {
		if (board->slots[i].state == SLOT_FREE)
			continue;
		for (int row = 0; row < ROWS; row++)
			sums[row] += board->slots[i].buckets[row][places[row]];
	}
	return sums[0] < sums[1] ? sums[0] : sums[1];
}

bool scoreboard_room_elsewhere(const struct scoreboard *board, size_t slot)
{
	for (uint32_t i = 0; i < slots_in_use(board); i++) {
		const struct slot *other = &board->slots[i];

		if (i != slot && other->state == SLOT_ACCEPTING && other->sessions < other->limit)
			return true;
	}
	return false;
}
