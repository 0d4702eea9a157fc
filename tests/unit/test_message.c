/*
 * test_message.c - bodies in memory and in the spool
 *
 * Covers A-16 (memory of a session is bounded whatever the size of the message).
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log/log.h"
#include "tests/unit/runner.h"
#include "worker/id.h"
#include "worker/message.h"

static int file;
static struct spool *volatile kept; /* never freed, as in the worker */

static struct spool *make_spool(uint64_t limit)
{
	char path[] = "/tmp/postern-test-XXXXXX";
	struct log_settings quiet = { open("/dev/null", O_WRONLY), false, LOG_KEY_VALUE, false };

	log_open("test", &quiet);
	file = mkstemp(path);
	ck_assert_int_ge(file, 0);
	unlink(path);
	kept = spool_new(file, limit);
	return kept;
}

static struct message *make_message(void)
{
	static const struct smtp_path sender = { .whole = { "a@b.example", 11 } };
	static const struct smtp_text parameters = { "SIZE=1", 6 };
	struct message *message = message_new("0000000000000000-1", &sender, parameters, 0, kept);

	ck_assert_ptr_nonnull(message);
	return message;
}

static off_t file_size(void)
{
	struct stat status;

	ck_assert_int_eq(fstat(file, &status), 0);
	return status.st_size;
}

/* Bytes that tell their place. */
static char byte_at(size_t place)
{
	return (char)(place * 7 + place / 251);
}

static void add(struct message *message, size_t length, size_t piece)
{
	char *bytes = malloc(length);

	for (size_t i = 0; i < length; i++)
		bytes[i] = byte_at(i);
	for (size_t i = 0; i < length; i += piece)
		body_add(message->body, message->id, bytes + i,
			 piece < length - i ? piece : length - i);
	free(bytes);
}

static void check_body(const struct message *message, struct spool *spool, size_t length)
{
	size_t place = 0;
	int pair[2];
	char bytes[4096];

	ck_assert_int_eq(pipe(pair), 0);
	for (size_t i = 0; i < message->body->block_count; i++) {
		for (size_t offset = 0; offset < SPOOL_BLOCK;) {
			ssize_t sent = spool_send(spool, message->body->blocks[i], offset, pair[1]);

			ck_assert_int_gt(sent, 0);
			for (ssize_t left = sent; left > 0;) {
				ssize_t got = read(pair[0], bytes, sizeof(bytes));

				ck_assert_int_gt(got, 0);
				for (ssize_t j = 0; j < got; j++)
					ck_assert_int_eq(bytes[j], byte_at(place++));
				left -= got;
			}
			offset += (size_t)sent;
		}
	}
	for (size_t i = 0; i < message->body->tail_used; i++)
		ck_assert_int_eq(message->body->tail[i], byte_at(place++));
	ck_assert_uint_eq(place, length);
}

static const struct {
	size_t length, piece, blocks;
} sizes[] = {
	{ 1, 1, 0 },
	{ SPOOL_BLOCK - 1, 4096, 0 },
	{ SPOOL_BLOCK, 1000, 0 },
	{ SPOOL_BLOCK + 1, 16384, 1 },
	{ 3 * SPOOL_BLOCK, 12345, 2 },
	{ 3 * SPOOL_BLOCK + 17, 3 * SPOOL_BLOCK + 17, 3 },
};

START_TEST(bodies_of_all_sizes)
{
	struct spool *spool = make_spool(1 << 24);
	struct message *message = make_message();

	add(message, sizes[_i].length, sizes[_i].piece);
	ck_assert(!message->body->failed);
	ck_assert_uint_eq(body_length(message->body), sizes[_i].length);
	ck_assert_uint_eq(message->body->block_count, sizes[_i].blocks);
	ck_assert_uint_le(message->body->tail_size, SPOOL_BLOCK);
	check_body(message, spool, sizes[_i].length);
	message_free(message);
}
END_TEST

START_TEST(a_full_spool_fails_the_message_and_only_it)
{
	struct spool *spool = make_spool(2 * SPOOL_BLOCK);
	struct message *big = make_message(), *small = make_message();

	add(big, 5 * SPOOL_BLOCK, 8192);
	ck_assert(big->body->failed);
	ck_assert_int_eq(big->body->fault, SMTP_REPLY_NO_ROOM);
	add(small, 1000, 1000);
	ck_assert(!small->body->failed);
	message_free(big);
	big = make_message();
	add(big, 3 * SPOOL_BLOCK, 8192);
	ck_assert_msg(!big->body->failed, "the blocks came back");
	check_body(big, spool, 3 * SPOOL_BLOCK);
	message_free(big);
	message_free(small);
}
END_TEST

START_TEST(a_broken_disk_fails_the_message)
{
	int read_only = open("/dev/null", O_RDONLY);
	struct message *message;

	free(make_spool(1));
	kept = spool_new(read_only, 1 << 24);
	message = make_message();
	add(message, 2 * SPOOL_BLOCK, 8192);
	ck_assert(message->body->failed);
	ck_assert_int_eq(message->body->fault, SMTP_REPLY_SYSTEM_ERROR);
	message_free(message);
}
END_TEST

/* After a write that failed nothing is kept: the disk was full, and is others' too. */
START_TEST(a_full_disk_gets_its_room_back)
{
	struct spool *spool = make_spool(1 << 24);
	struct message *message = make_message();
	const struct rlimit small = { 3 * SPOOL_BLOCK, RLIM_INFINITY };
	const struct rlimit large = { RLIM_INFINITY, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	add(message, 6 * SPOOL_BLOCK, 8192);
	ck_assert(message->body->failed);
	ck_assert_ptr_null(message->body->tail);
	ck_assert_int_eq(file_size(), 0);
	message_free(message);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &large), 0);
	message = make_message();
	add(message, 6 * SPOOL_BLOCK, 8192);
	ck_assert(!message->body->failed);
	check_body(message, spool, 6 * SPOOL_BLOCK);
	message_free(message);
}
END_TEST

START_TEST(a_dropped_body_takes_no_room)
{
	make_spool(2 * SPOOL_BLOCK);
	struct message *doomed = make_message(), *other = make_message();

	add(doomed, 2 * SPOOL_BLOCK + 1, 8192);
	body_drop(doomed->body);
	add(doomed, 2 * SPOOL_BLOCK + 1, 8192);
	ck_assert_uint_eq(body_length(doomed->body), 0);
	add(other, 2 * SPOOL_BLOCK + 1, 8192);
	ck_assert(!other->body->failed);
	message_free(doomed);
	message_free(other);
}
END_TEST

START_TEST(blocks_are_used_again_and_a_big_file_is_cut)
{
	make_spool(1 << 30);
	struct message *message;

	for (int i = 0; i < 10; i++) {
		message = make_message();
		add(message, 4 * SPOOL_BLOCK, SPOOL_BLOCK);
		message_free(message);
	}
	ck_assert_int_le(file_size(), 4 * SPOOL_BLOCK);
	message = make_message();
	for (int i = 0; i < 300; i++)
		add(message, SPOOL_BLOCK, SPOOL_BLOCK);
	ck_assert_int_ge(file_size(), 299 * SPOOL_BLOCK);
	message_free(message);
	ck_assert_int_eq(file_size(), 0);
}
END_TEST

START_TEST(recipients_are_bounded_by_what_they_need)
{
	make_spool(1 << 20);
	struct message *message = make_message();
	struct smtp_path path = { .whole = { "alice@example.org", 17 },
				  .local = { "alice", 5 },
				  .domain = { "example.org", 11 } };
	static const struct smtp_text parameters = { "NOTIFY=NEVER", 12 };

	for (int i = 0; i < 1000; i++)
		ck_assert(message_add_recipient(message, &path, "alice", parameters));
	ck_assert_uint_eq(message->recipient_count, 1000);
	ck_assert_uint_eq(message->recipients.used, 1000 * (17 + 5 + 11 + 12 + 16));
	ck_assert_uint_le(message->recipients.size, 2 * message->recipients.used);
	message_free(message);
}
END_TEST

START_TEST(ids_sort_by_time_and_never_repeat)
{
	char last[ID_SIZE] = "", next[ID_SIZE];

	for (int i = 0; i < 100000; i++) {
		id_new(3, next);
		ck_assert_uint_eq(strlen(next), ID_SIZE - 1);
		ck_assert_uint_eq(strspn(next, "0123456789abcdefghijklmnopqrstuv"), ID_SIZE - 1);
		ck_assert_int_gt(strcmp(next, last), 0);
		memcpy(last, next, sizeof(last));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("message");
	TCase *test = tcase_create("message");

	tcase_add_loop_test(test, bodies_of_all_sizes, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(test, a_full_spool_fails_the_message_and_only_it);
	tcase_add_test(test, a_broken_disk_fails_the_message);
	tcase_add_test(test, a_full_disk_gets_its_room_back);
	tcase_add_test(test, a_dropped_body_takes_no_room);
	tcase_add_test(test, blocks_are_used_again_and_a_big_file_is_cut);
	tcase_add_test(test, recipients_are_bounded_by_what_they_need);
	tcase_add_test(test, ids_sort_by_time_and_never_repeat);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
