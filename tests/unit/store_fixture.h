/*
 * store_fixture.h - a store and complete messages for the tests of delivery
 */
#ifndef POSTERN_TESTS_UNIT_STORE_FIXTURE_H
#define POSTERN_TESTS_UNIT_STORE_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/tables/tables.h"
#include "delivery/store.h"

#define BODY "Subject: test\n\nhello\n"
/* A list of recipients, or of anything that is a string. */
#define TO(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What was answered by the last store_commit, in order. */
struct store_fixture {
	struct store store;
	struct tables *tables; /* alice, bob, carol; all: the three, sales: alice */
	uint64_t handles[64];
	enum verdict verdicts[64];
	size_t answered;
	int owner; /* its address is the owner of every transaction */
};

extern struct store_fixture under_test;

#define STORE_MAILBOXES "alice\nbob\ncarol\n"
/* The file that store_set_up takes the mailboxes from. */
extern const char *store_mailboxes;

/* Checked fixtures. */
void store_set_up(void);
void store_tear_down(void);
void store_fixture_open(size_t batch, size_t open_mailboxes);

/* A message whose body is still to come. */
struct transaction *store_begin(struct submission submission, const char *const *recipients);
/* A complete message, which then waits for the commit. */
void store_put(const char *id, uint32_t flags, const char *const *recipients);
/* The same, committed. */
enum verdict store_deliver(const char *id, uint32_t flags, const char *const *recipients);

/* The file of that name is in new/, whole, and its name tells its size. */
void check_file(const char *mailbox, const char *delivered_to, const char *prefix);
/* Stored: the message is in the three mailboxes; else in none. */
void check_all_or_none(const char *id, enum verdict verdict);

#endif
