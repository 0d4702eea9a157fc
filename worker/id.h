/*
 * id.h - ids of sessions and messages
 *
 * 16 characters of 0-9a-v (RFC 4648 7 in lower case), which sort by time: 52
 * bits of microseconds since 1970, 16 of the worker's serial, 12 random. An
 * id is unique on a host: the time never repeats within a process.
 */
#ifndef POSTERN_WORKER_ID_H
#define POSTERN_WORKER_ID_H

#include <stdint.h>

#define ID_SIZE 17

/* Writes a new id. `serial` is that of this worker. */
void id_new(uint32_t serial, char id[ID_SIZE]);

#endif
