/*
 * test_tls_tickets.c - sessions that are resumed: by any worker, for an hour or two, by nobody
 * later
 *
 * Covers B-15 (session tickets), C-30.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/tls/description.h"
#include "common/tls/seal.h"
#include "common/tls/tickets.h"
#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* ---- keys alone */

static struct tls_material material(const uint8_t *secret)
{
	return (struct tls_material){ .sealed_at = 1000, .secret = secret };
}

static void begin(struct tls_tickets *tickets, uint8_t first, int64_t now)
{
	const uint8_t secret[TLS_SECRET_SIZE] = { first };
	struct tls_material sealed = material(secret);

	ck_assert(tls_tickets_begin(tickets, &sealed, now));
}

static const struct {
	int64_t now;
	int64_t hour;
} hours[] = {
	{ 1000, 0 },
	{ 1000 + 3599, 0 },
	{ 1000 + 3600, 1 },
	{ 1000 + 2 * 3600, 2 },
	{ 1000 + 24 * 366 * 3600, 24 * 366 },
	{ 0, 0 }, /* never: the clock goes on */
	{ -1000000, 0 },
};

/* Step by step or at once, begun early or late: all come to the same keys. */
START_TEST(test_hours)
{
	struct tls_tickets at_once, by_steps;

	begin(&at_once, 1, hours[_i].now);
	ck_assert_int_eq(at_once.hour, hours[_i].hour);
	begin(&by_steps, 1, 1000);
	for (int64_t now = 1000; now < hours[_i].now; now += 1234)
		tls_tickets_ratchet(&by_steps, now);
	tls_tickets_ratchet(&by_steps, hours[_i].now);
	tls_tickets_ratchet(&by_steps, 1000);
	ck_assert_mem_eq(&at_once, &by_steps, sizeof(at_once));
	ck_assert_int_eq(at_once.has_previous, hours[_i].hour > 0);
}
END_TEST

static bool holds(const void *whole, size_t size, const void *part, size_t length)
{
	return memmem(whole, size, part, length);
}

/* Nothing of an hour is left two hours later; and no two hours or secrets share a key. */
START_TEST(test_overwritten)
{
	struct tls_tickets before, tickets, other;

	begin(&tickets, 1, 1000);
	before = tickets;
	begin(&other, 2, 1000);
	ck_assert(!holds(&other, sizeof(other), tickets.current.name, 16));
	ck_assert(!holds(&other, sizeof(other), tickets.current.cipher, 32));
	tls_tickets_ratchet(&tickets, 1000 + 3600);
	ck_assert_mem_eq(&tickets.previous, &before.current, sizeof(before.current));
	ck_assert(!holds(&tickets, sizeof(tickets), before.secret, 16));
	tls_tickets_ratchet(&tickets, 1000 + 7200);
	ck_assert(!holds(&tickets, sizeof(tickets), before.current.cipher, 16));
	ck_assert(!holds(&tickets, sizeof(tickets), before.current.mac, 16));
	ck_assert(!holds(&tickets, sizeof(tickets), before.current.name, 16));
	tls_tickets_end(&tickets);
	for (size_t i = 0; i < sizeof(tickets); i++)
		ck_assert_int_eq(((const uint8_t *)&tickets)[i], 0);
}
END_TEST

/* Each key is made with a word of its own. */
START_TEST(test_keys_differ)
{
	struct tls_tickets tickets;
	bool is_zero = true;

	begin(&tickets, 0, 1000);
	for (size_t i = 0; i < sizeof(tickets.current.mac); i++)
		is_zero = is_zero && !tickets.current.mac[i] && !tickets.current.cipher[i];
	ck_assert(!is_zero);
	ck_assert_mem_ne(tickets.current.cipher, tickets.current.mac, 32);
	ck_assert_mem_ne(tickets.current.cipher, tickets.current.name, 16);
	ck_assert_mem_ne(tickets.current.mac, tickets.current.name, 16);
}
END_TEST

/* ---- through handshakes */

struct worker_pair {
	struct configuration *configuration;
	int sealed;
	struct tls_contexts *one, *other;
};

static struct tls_contexts *open_contexts(const struct worker_pair *pair)
{
	struct tls_contexts *contexts;
	struct problem problem;

	ck_assert_msg(tls_contexts_open(pair->sealed, pair->configuration, &contexts, &problem),
		      "%s", problem.text);
	return contexts;
}

static void open_pair(struct worker_pair *pair, const char *options)
{
	const struct section section = { .pairs = { "ec", "rsa" }, .options = options };
	struct problem problem;

	pair->configuration = configuration_with(&section);
	pair->sealed = tls_seal(pair->configuration, &problem);
	ck_assert_msg(pair->sealed >= 0, "%s", problem.text);
	pair->one = open_contexts(pair);
	pair->other = open_contexts(pair);
}

static void close_pair(struct worker_pair *pair)
{
	tls_contexts_close(pair->one);
	tls_contexts_close(pair->other);
	close(pair->sealed);
	configuration_free(pair->configuration);
}

/* A session as the client keeps it: with its ticket. */
static SSL_SESSION *visit(struct tls_contexts *contexts, const struct client *client,
			  bool *is_resumed)
{
	struct tls_description description;
	struct handshake handshake;
	SSL_SESSION *session;

	ck_assert_msg(shake_hands(&handshake, contexts, client), "%s", handshake.server_error);
	tls_describe(handshake.server, &description);
	ck_assert_int_eq(description.resumed, SSL_session_reused(handshake.client));
	*is_resumed = description.resumed;
	/* In TLS 1.2 a name that fits no certificate is not kept with a session. */
	if (client->server_name && *description.server_name)
		ck_assert_str_eq(description.server_name, client->server_name);
	session = SSL_get1_session(handshake.client);
	/* Who just goes away marks the session as not to be resumed. */
	SSL_set_shutdown(handshake.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(handshake.server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	hang_up(&handshake);
	return session;
}

/* Whether a session of `from` is resumed by `to`. */
static bool resumes(struct tls_contexts *from, struct tls_contexts *to, struct client client)
{
	bool is_resumed;
	SSL_SESSION *again;

	client.session = NULL;
	client.session = visit(from, &client, &is_resumed);
	ck_assert(!is_resumed);
	again = visit(to, &client, &is_resumed);
	SSL_SESSION_free(client.session);
	SSL_SESSION_free(again);
	return is_resumed;
}

/* One worker's ticket is good with the other; SNI or not. */
START_TEST(test_two_workers)
{
	static const char *const server_names[] = { NULL, "ec.example.org", "rsa.example.org",
						    "unknown.example" };
	struct client client = { .maximum = versions[_i] };
	struct worker_pair pair;

	open_pair(&pair, NULL);
	for (size_t i = 0; i < COUNT(server_names); i++) {
		client.server_name = server_names[i];
		ck_assert(resumes(pair.one, pair.one, client));
		ck_assert(resumes(pair.one, pair.other, client));
		ck_assert(resumes(pair.other, pair.one, client));
	}
	close_pair(&pair);
}
END_TEST

START_TEST(test_across_hours)
{
	const struct client client = { .maximum = versions[_i], .server_name = "rsa.example.org" };
	struct worker_pair pair;
	int64_t now = tls_tickets_clock();

	open_pair(&pair, NULL);
	tls_contexts_ratchet(pair.other, now + 3600);
	ck_assert(resumes(pair.one, pair.other, client));
	/* A worker that is late does not know the new key, and shakes hands in full. */
	ck_assert(!resumes(pair.other, pair.one, client));
	tls_contexts_ratchet(pair.one, now + 3600);
	ck_assert(resumes(pair.other, pair.one, client));
	tls_contexts_ratchet(pair.one, now + 3 * 3600);
	ck_assert(!resumes(pair.other, pair.one, client));
	close_pair(&pair);
}
END_TEST

/* A ticket of the hour before is replaced by one of this hour, which lasts longer. */
START_TEST(test_renewed)
{
	struct client client = { .maximum = versions[_i] };
	struct worker_pair pair;
	SSL_SESSION *first, *second, *third;
	bool is_resumed;

	open_pair(&pair, NULL);
	first = visit(pair.one, &client, &is_resumed);
	tls_contexts_ratchet(pair.one, tls_tickets_clock() + 3600);
	client.session = first;
	second = visit(pair.one, &client, &is_resumed);
	ck_assert(is_resumed);
	tls_contexts_ratchet(pair.one, tls_tickets_clock() + 2 * 3600);
	client.session = second;
	third = visit(pair.one, &client, &is_resumed);
	ck_assert(is_resumed);
	client.session = first;
	SSL_SESSION_free(visit(pair.one, &client, &is_resumed));
	ck_assert(!is_resumed);
	SSL_SESSION_free(first);
	SSL_SESSION_free(second);
	SSL_SESSION_free(third);
	close_pair(&pair);
}
END_TEST

START_TEST(test_reload)
{
	const struct client client = { .maximum = versions[_i] };
	struct worker_pair before, after;

	open_pair(&before, NULL);
	open_pair(&after, NULL);
	ck_assert(!resumes(before.one, after.one, client));
	close_pair(&before);
	close_pair(&after);
}
END_TEST

START_TEST(test_no_tickets)
{
	const struct client client = { .maximum = versions[_i] };
	struct worker_pair with, without;
	struct handshake handshake;

	open_pair(&without, "tickets = false");
	open_pair(&with, NULL);
	ck_assert(!resumes(without.one, without.one, client));
	ck_assert(!resumes(with.one, without.one, client));
	ck_assert(shake_hands(&handshake, without.one, &client));
	ck_assert(!SSL_SESSION_has_ticket(SSL_get0_session(handshake.client)));
	hang_up(&handshake);
	close_pair(&with);
	close_pair(&without);
}
END_TEST

/* What a certificate was worth is known of a resumed session, too. */
START_TEST(test_client_certificate_is_remembered)
{
	X509 *certificate = make_certificate(
		&(struct wish){ .common_name = "client.example.net", .key = KEY_OTHER_EC });
	struct client client = { .maximum = versions[_i],
				 .certificate = certificate,
				 .key = KEY_OTHER_EC };
	struct worker_pair pair;
	struct tls_description description;
	struct handshake handshake;
	bool is_resumed;

	open_pair(&pair, "client-certificate = ask");
	client.session = visit(pair.one, &client, &is_resumed);
	ck_assert(shake_hands(&handshake, pair.other, &client));
	tls_describe(handshake.server, &description);
	ck_assert(description.resumed);
	ck_assert_str_eq(description.client, "CN=client.example.net");
	ck_assert_str_eq(description.verified, "self-signed certificate");
	hang_up(&handshake);
	SSL_SESSION_free(client.session);
	X509_free(certificate);
	close_pair(&pair);
}
END_TEST

/* A ticket that somebody has changed is no error, and none of a broken one. */
START_TEST(test_forged)
{
	struct client client = { .maximum = TLS1_2_VERSION };
	struct worker_pair pair;
	bool is_resumed;

	open_pair(&pair, NULL);
	client.session = visit(pair.one, &client, &is_resumed);
	for (size_t place = 0; place < 160; place += 13) {
		unsigned char *bytes = NULL, *found;
		const unsigned char *cursor, *ticket;
		size_t length;
		int size = i2d_SSL_SESSION(client.session, &bytes);
		struct client forger = client;

		SSL_SESSION_get0_ticket(client.session, &ticket, &length);
		ck_assert_uint_gt(length, 160);
		found = memmem(bytes, (size_t)size, ticket, length);
		ck_assert_ptr_nonnull(found);
		found[place] ^= 1;
		cursor = bytes;
		forger.session = d2i_SSL_SESSION(NULL, &cursor, size);
		SSL_SESSION_free(visit(pair.one, &forger, &is_resumed));
		ck_assert(!is_resumed);
		SSL_SESSION_free(forger.session);
		OPENSSL_free(bytes);
	}
	SSL_SESSION_free(client.session);
	close_pair(&pair);
}
END_TEST

/* ---- fork */

static void write_random(struct tls_contexts *contexts, int descriptor)
{
	struct handshake handshake;
	unsigned char random[SSL3_RANDOM_SIZE];

	if (!shake_hands(&handshake, contexts, &(struct client){ .maximum = TLS1_2_VERSION }))
		_exit(1);
	SSL_get_server_random(handshake.server, random, sizeof(random));
	_exit(write(descriptor, random, sizeof(random)) != sizeof(random));
}

/* Processes that were forked from one do not share their random numbers. */
START_TEST(test_fork)
{
	unsigned char randoms[2][SSL3_RANDOM_SIZE];
	struct worker_pair pair;
	int descriptors[2], status;

	open_pair(&pair, NULL);
	ck_assert(!pipe(descriptors));
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();

		if (child == 0)
			write_random(pair.one, descriptors[1]);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(status, 0);
		ck_assert_int_eq(read(descriptors[0], randoms[i], sizeof(randoms[i])),
				 sizeof(randoms[i]));
	}
	ck_assert_mem_ne(randoms[0], randoms[1], sizeof(randoms[0]));
	close_pair(&pair);
}
END_TEST

static void set_up(void)
{
	tls_set_up();
	write_pair("ec", &(struct wish){ .common_name = "ec.example.org", .key = KEY_EC });
	write_pair("rsa", &(struct wish){ .common_name = "rsa.example.org" });
}

int main(void)
{
	Suite *suite = suite_create("tls-tickets");
	TCase *tests = tcase_create("tls-tickets");

	make_keys();
	tcase_add_checked_fixture(tests, set_up, tls_tear_down);
	tcase_add_loop_test(tests, test_hours, 0, COUNT(hours));
	tcase_add_test(tests, test_overwritten);
	tcase_add_test(tests, test_keys_differ);
	tcase_add_loop_test(tests, test_two_workers, 0, COUNT(versions));
	tcase_add_loop_test(tests, test_across_hours, 0, COUNT(versions));
	tcase_add_loop_test(tests, test_renewed, 0, COUNT(versions));
	tcase_add_loop_test(tests, test_reload, 0, COUNT(versions));
	tcase_add_loop_test(tests, test_no_tickets, 0, COUNT(versions));
	tcase_add_loop_test(tests, test_client_certificate_is_remembered, 0, COUNT(versions));
	tcase_add_test(tests, test_forged);
	tcase_add_test(tests, test_fork);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
