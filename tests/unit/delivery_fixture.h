/*
 * delivery_fixture.h - a mail root, tables and envelopes for the tests of delivery
 */
#ifndef POSTERN_TESTS_UNIT_DELIVERY_FIXTURE_H
#define POSTERN_TESTS_UNIT_DELIVERY_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame/message.h"
#include "common/tables/tables.h"

#define FIXTURE_HOST "mx.example.org"
#define FIXTURE_TEMPLATE "%d/%u"
#define FIXTURE_FRAME_MAX 65536
#define FIXTURE_RECEIVED 1700000000123456 /* Tue, 14 Nov 2023 22:13:20 UTC */

/* Temporary folder with the mail root in it; the log goes to a file. Checked fixtures. */
void fixture_set_up(void);
void fixture_tear_down(void);

/* The mail root: an open descriptor, and its path. */
int fixture_root(void);
const char *fixture_root_path(void);
const char *fixture_folder(void);

/* Tables of example.org from the text of the two files. Free with tables_close. */
struct tables *fixture_tables(const char *mailboxes, const char *aliases);
/* Writes a file in the temporary folder; returns its path (overwritten by the next call). */
const char *fixture_write(const char *name, const char *text);

/* A submission that is valid; the tests change what they want changed. */
struct submission fixture_submission(const char *id, uint64_t body_length);

/*
 * Writes the envelope (no frame header) for these recipients, each "local@domain" or
 * "local", into bytes[FIXTURE_FRAME_MAX]. The last is NULL. Returns its length.
 */
size_t fixture_envelope(uint8_t *bytes, struct submission *submission,
			const char *const *recipients);
/* The whole frame: header, envelope, body. */
size_t fixture_frame(uint8_t *bytes, struct submission *submission, const char *const *recipients,
		     const char *body);

/* How many files there are in a folder of a mailbox ("example.org/alice", "new"); 0: no folder. */
size_t fixture_count(const char *mailbox, const char *folder);
/* The same, in all mailboxes of the root. */
size_t fixture_count_all(const char *folder);
/*
 * Reads the file whose name begins with `prefix` ("": any) into text[size] as a C string and
 * its name into name[256]. False: there is none.
 */
bool fixture_read(const char *mailbox, const char *folder, const char *prefix, char *text,
		  size_t size, char *name);
/* Whether the log holds this text. */
bool fixture_log_has(const char *text);
/* Descriptors that this process has open. */
size_t fixture_descriptors(void);

#endif
