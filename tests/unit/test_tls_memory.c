/*
 * test_tls_memory.c - what a session costs that waits
 *
 * Covers B-15 (TLS sessions in bounded memory).
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define SESSIONS 400
#define BYTES_MAX (40 * 1024)

/* Of one session, after its client is gone and the greeting was sent. */
static size_t bytes_of_session(struct tls_contexts *contexts, const struct client *client)
{
	static struct handshake handshakes[SESSIONS];
	size_t before, after;

	/* The first one fills what all of them use. */
	ck_assert(shake_hands(&handshakes[0], contexts, client));
	hang_up(&handshakes[0]);
	before = mallinfo2().uordblks;
	for (size_t i = 0; i < SESSIONS; i++) {
		ck_assert(shake_hands(&handshakes[i], contexts, client));
		SSL_free(handshakes[i].client);
		SSL_CTX_free(handshakes[i].context);
		handshakes[i].client = NULL;
		handshakes[i].context = NULL;
	}
	after = mallinfo2().uordblks;
	for (size_t i = 0; i < SESSIONS; i++)
		hang_up(&handshakes[i]);
	return (after - before) / SESSIONS;
}

static const struct {
	const char *pair;
	int version;
	const char *options;
} costs[] = {
	{ "ec", TLS1_3_VERSION, "" },
	{ "ec", TLS1_2_VERSION, "" },
	{ "rsa", TLS1_3_VERSION, "" },
	{ "rsa", TLS1_2_VERSION, "tickets = false" },
};

START_TEST(test_bytes)
{
	const struct section section = { .pairs = { costs[_i].pair },
					 .options = costs[_i].options };
	const struct client client = { .server_name = "mx.example.org",
				       .maximum = costs[_i].version };
	struct tls_contexts *contexts;
	size_t bytes;

	write_pair("ec", &(struct wish){ .common_name = "mx.example.org", .key = KEY_EC });
	write_pair("rsa", &(struct wish){ .common_name = "mx.example.org" });
	contexts = contexts_with(&section);
	bytes = bytes_of_session(contexts, &client);
	tls_contexts_close(contexts);
	if (getenv("POSTERN_TEST_FIGURES"))
		printf("%s, version %x: %zu bytes for each session\n", costs[_i].pair,
		       (unsigned)costs[_i].version, bytes);
#ifndef POSTERN_SANITIZED
	ck_assert_uint_lt(bytes, BYTES_MAX);
#endif
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *suite = suite_create("tls-memory");
	TCase *tests = tcase_create("tls-memory");

	make_keys();
	tcase_add_checked_fixture(tests, tls_set_up, tls_tear_down);
	tcase_add_loop_test(tests, test_bytes, 0, COUNT(costs));
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
