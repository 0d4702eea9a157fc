/*
 * id.c - ids of sessions and messages
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the clock, which can be set back.
 */
#include "worker/id.h"

#include <bsd/stdlib.h>

#include "common/log/log.h"

static uint64_t next_time(void)
{
	static uint64_t last;
	uint64_t now = (uint64_t)clock_now() & ((UINT64_C(1) << 52) - 1);

	last = now > last ? now : last + 1;
	return last;
}

/* Writes `count` characters of 5 bits each, the highest first. */
static void put_characters(char *place, uint64_t value, int count)
{
	static const char alphabet[] = "0123456789abcdefghijklmnopqrstuv";

	for (int i = count - 1; i >= 0; i--) {
		place[i] = alphabet[value & 31];
		value >>= 5;
	}
}

void id_new(uint32_t serial, char id[ID_SIZE])
{
	uint64_t time = next_time();
	uint64_t rest = (uint64_t)(serial & 0xffff) << 12 | (arc4random() & 0xfff);

	/* 80 bits: 8 characters of the time's upper 40 bits, then its lower 12 and the rest. */
	put_characters(id, time >> 12, 8);
	put_characters(id + 8, (time & 0xfff) << 28 | rest, 8);
	id[ID_SIZE - 1] = '\0';
}
