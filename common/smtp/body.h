/*
 * body.h - the bytes of a message, for the files of the engine only
 */
#ifndef POSTERN_COMMON_SMTP_BODY_H
#define POSTERN_COMMON_SMTP_BODY_H

#include "common/smtp/session.h"

/* Begins to read the body: of DATA, or of chunks. */
void smtp_body_begin(struct smtp_server *server, bool in_chunks);
/* Bytes of the body, or of a chunk that is dropped; returns how many were used. */
size_t smtp_body_input(struct smtp_server *server, const char *bytes, size_t length);
/*
 * Reads the size in a BDAT command, before anything is said of it: whatever becomes
 * of the command, its octets are no commands. False: it has none, the session is closed.
 */
bool smtp_chunk_announce(struct smtp_server *server);
/*
 * Refuses the chunk that was announced: it is dropped, and answered when the last
 * octet of it has come (RFC 3030 2). `argument` must live as long.
 */
void smtp_chunk_refuse(struct smtp_server *server, enum smtp_chunk_fate fate, enum smtp_reply reply,
		       const char *argument);
/* All octets of the chunk have come. */
void smtp_chunk_complete(struct smtp_server *server);

#endif
