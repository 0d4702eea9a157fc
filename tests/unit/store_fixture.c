/*
 * store_fixture.c - a store and complete messages for the tests of delivery
 */
#include "tests/unit/store_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/recipients.h"
#include "tests/unit/delivery_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct store_fixture under_test;
const char *store_mailboxes = STORE_MAILBOXES;

static void on_answer(void *owner, uint64_t handle, enum verdict verdict)
{
	ck_assert_ptr_eq(owner, &under_test.owner);
	ck_assert_uint_lt(under_test.answered, COUNT(under_test.handles));
	under_test.handles[under_test.answered] = handle;
	under_test.verdicts[under_test.answered++] = verdict;
}

void store_fixture_open(size_t batch, size_t open_mailboxes)
{
	const struct store_settings settings = {
		.root = fixture_root(),
		.hostname = FIXTURE_HOST,
		.batch = batch,
		.open_mailboxes = open_mailboxes,
		.create_mailboxes = true,
		.answer = on_answer,
	};
	struct problem problem = { "" };

	ck_assert_msg(store_open(&under_test.store, &settings, &problem), "%s", problem.text);
	ck_assert_int_eq(store_make_ready(&under_test.store), MARK_OPEN);
	under_test.answered = 0;
}

void store_set_up(void)
{
	fixture_set_up();
	under_test.tables = fixture_tables(store_mailboxes, "all: alice, bob, carol\n"
							    "sales: alice\n");
	store_fixture_open(128, 16);
}

void store_tear_down(void)
{
	store_close(&under_test.store);
	tables_close(under_test.tables);
	fixture_tear_down();
}

struct transaction *store_begin(struct submission submission, const char *const *recipients)
{
	uint8_t *envelope = malloc(FIXTURE_FRAME_MAX);
	size_t length = fixture_envelope(envelope, &submission, recipients);
	struct wire_reader reader = { envelope, length, 0, false };
	struct transaction *transaction;

	ck_assert(message_get_submission(&reader, &submission));
	transaction = transaction_new(envelope, length, &submission, under_test.store.file_host);
	ck_assert_ptr_nonnull(transaction);
	transaction->owner = &under_test.owner;
	recipients_expand(transaction, under_test.tables, FIXTURE_TEMPLATE);
	if (!transaction_has_failed(transaction))
		stage_begin(&under_test.store, transaction);
	return transaction;
}

/* A complete message, which then waits for the commit. */
void store_put(const char *id, uint32_t flags, const char *const *recipients)
{
	struct submission submission = fixture_submission(id, strlen(BODY));
	struct transaction *transaction;

	submission.flags = flags;
	transaction = store_begin(submission, recipients);
	stage_body(transaction, BODY, 5);
	stage_body(transaction, &BODY[5], strlen(BODY) - 5);
	stage_finish(&under_test.store, transaction);
}

enum verdict store_deliver(const char *id, uint32_t flags, const char *const *recipients)
{
	store_put(id, flags, recipients);
	under_test.answered = 0;
	store_commit(&under_test.store);
	ck_assert_uint_eq(under_test.answered, 1);
	ck_assert_uint_eq(under_test.handles[0], 7);
	return under_test.verdicts[0];
}

/* The file is there, whole, and its name tells its size. */
void check_file(const char *mailbox, const char *delivered_to, const char *prefix)
{
	char text[4096], name[256], path[64], line[128];
	const char *size;

	snprintf(path, sizeof(path), "example.org/%s", mailbox);
	ck_assert_msg(fixture_read(path, "new", prefix, text, sizeof(text), name), "%s %s", mailbox,
		      prefix);
	snprintf(line, sizeof(line), "\nDelivered-To: %s\n", delivered_to);
	ck_assert_ptr_nonnull(strstr(text, line));
	ck_assert_ptr_nonnull(strstr(text, "+0000\n" BODY));
	ck_assert_str_eq(strstr(text, "+0000\n") + 6, BODY);
	size = strstr(name, "." FIXTURE_HOST ",S=");
	ck_assert_ptr_nonnull(size);
	ck_assert_uint_eq(strtoul(size + strlen("." FIXTURE_HOST ",S="), NULL, 10), strlen(text));
}

void check_all_or_none(const char *id, enum verdict verdict)
{
	static const char *const names[] = { "alice", "bob", "carol" };
	char prefix[64], address[64], path[64], text[4096], name[256];

	snprintf(prefix, sizeof(prefix), "1700000000.%s.", id);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "example.org/%s", names[i]);
		snprintf(address, sizeof(address), "%s@example.org", names[i]);
		if (verdict == VERDICT_STORED)
			check_file(names[i], address, prefix);
		else
			ck_assert(!fixture_read(path, "new", prefix, text, sizeof(text), name));
	}
}
