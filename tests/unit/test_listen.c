/*
 * test_listen.c - listening sockets: bound, handed over by the service manager, taken over
 *
 * Covers: A-20, B-16, B-41, D-04 (any address and port, IPv4 and IPv6, socket activation).
 * Unix sockets are in test_listen_unix.c.
 * All on loop-back, or every address for a moment.
 */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bsd/string.h>

#include "master/activation.h"
#include "master/address.h"
#include "master/listen.h"
#include "tests/unit/listen_fixture.h"
#include "tests/unit/runner.h"

/* ---- addresses ---- */

static const struct {
	const char *text;
	long long port;
	bool valid;
} addresses[] = {
	{ "127.0.0.1", 25, true },
	{ "::1", 65535, true },
	{ "::", 1, true },
	{ "0.0.0.0", 2525, true },
	{ "2001:db8::25", 25, true },
	{ "127.0.0.1", 0, false },
	{ "127.0.0.1", 65536, false },
	{ "127.0.0.1", -1, false },
	{ "localhost", 25, false },
	{ "127.0.0.1.", 25, false },
	{ "127.0.0.256", 25, false },
	{ "[::1]", 25, false },
	{ "", 25, false },
	{ "*", 25, false }, /* is resolved before */
	{ ":::", 25, false },
	{ "127.0.0.1:25", 25, false },
};

START_TEST(addresses_are_numeric)
{
	struct sockaddr_storage address;
	struct problem problem;

	ck_assert_int_eq(
		listen_address_parse(addresses[_i].text, addresses[_i].port, &address, &problem),
		addresses[_i].valid);
	if (addresses[_i].valid)
		ck_assert_int_eq(listen_address_port(&address), addresses[_i].port);
}
END_TEST

static const struct {
	const char *a, *b;
	int port_a, port_b;
	bool equal;
} pairs[] = {
	{ "127.0.0.1", "127.0.0.1", 25, 25, true },
	{ "127.0.0.1", "127.0.0.1", 25, 26, false },
	{ "127.0.0.1", "127.0.0.2", 25, 25, false },
	{ "::1", "0:0:0:0:0:0:0:1", 25, 25, true },
	{ "::1", "::1", 25, 26, false },
	{ "::1", "::2", 25, 25, false },
	{ "0.0.0.0", "::", 25, 25, false },
	{ "::ffff:127.0.0.1", "127.0.0.1", 25, 25, false },
};

START_TEST(addresses_are_compared)
{
	struct sockaddr_storage a, b;
	struct problem problem;

	ck_assert(listen_address_parse(pairs[_i].a, pairs[_i].port_a, &a, &problem));
	ck_assert(listen_address_parse(pairs[_i].b, pairs[_i].port_b, &b, &problem));
	ck_assert_int_eq(listen_address_equal(&a, &b), pairs[_i].equal);
	ck_assert_int_eq(listen_address_equal(&b, &a), pairs[_i].equal);
}
END_TEST

/* ---- what the tests are made of ---- */

/* A listening socket of the kernel's choice of port, as a service manager would make it. */
static int listening_socket(int family, bool only_ipv6, int *port)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };
	socklen_t size = sizeof(address);
	int descriptor = socket(family, SOCK_STREAM, 0);
	const int only = only_ipv6;

	if (descriptor < 0)
		return -1;
	if (family == AF_INET6)
		setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	ck_assert_int_eq(
		bind(descriptor, (struct sockaddr *)&address, listen_address_length(&address)), 0);
	ck_assert_int_eq(listen(descriptor, 16), 0);
	ck_assert_int_eq(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
	*port = listen_address_port(&address);
	return descriptor;
}

/* A port that was free a moment ago. */
static int free_port(void)
{
	int port;
	int descriptor = listening_socket(AF_INET, false, &port);

	close(descriptor);
	return port;
}

static bool can_connect(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);
	bool connected;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connected = connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(descriptor);
	return connected;
}

/* ---- binding ---- */

START_TEST(a_section_is_bound)
{
	struct sections sections = { 0 };
	struct socket_set set, none = { 0 };
	struct problem problem;
	int port = free_port();

	add_section(&sections, "smtp", "127.0.0.1", port);
	ck_assert_msg(
		socket_set_open(&set, &sections.configuration, &none, &listen_owner, &problem),
		"%s", problem.text);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_str_eq(set.sockets[0].title, "smtp");
	ck_assert(fcntl(set.sockets[0].descriptor, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(set.sockets[0].descriptor, F_GETFD) & FD_CLOEXEC);
	ck_assert(can_connect(port));
	socket_set_close(&set, NULL);
	ck_assert(!can_connect(port));
}
END_TEST

/* "*" is a socket for each family that the host has, and takes IPv4 in any case. */
START_TEST(every_address_is_bound_for_each_family)
{
	struct sections sections = { 0 };
	struct socket_set set, none = { 0 };
	struct problem problem;
	int port = free_port();

	add_section(&sections, "smtp", "*", port);
	ck_assert_msg(
		socket_set_open(&set, &sections.configuration, &none, &listen_owner, &problem),
		"%s", problem.text);
	ck_assert_uint_eq(set.count, set.no_ipv6 ? 1 : 2);
	ck_assert_int_eq(set.sockets[0].address.ss_family, AF_INET);
	ck_assert(can_connect(port));
	socket_set_close(&set, NULL);
}
END_TEST

START_TEST(a_port_in_use_is_named)
{
	struct sections sections = { 0 };
	struct socket_set set, none = { 0 };
	struct problem problem;
	char text[16];
	int port;
	int other = listening_socket(AF_INET, false, &port);

	add_section(&sections, "first", "127.0.0.1", free_port());
	add_section(&sections, "second", "127.0.0.1", port);
	ck_assert(!socket_set_open(&set, &sections.configuration, &none, &listen_owner, &problem));
	snprintf(text, sizeof(text), "port %d", port);
	ck_assert_ptr_nonnull(strstr(problem.text, text));
	ck_assert_ptr_nonnull(strstr(problem.text, "\"second\""));
	ck_assert_uint_eq(set.count, 0);
	close(other);
}
END_TEST

START_TEST(two_sections_cannot_share_an_address)
{
	struct sections sections = { 0 };
	struct socket_set set, none = { 0 };
	struct problem problem;
	int port = free_port();

	add_section(&sections, "one", "127.0.0.1", port);
	add_section(&sections, "two", "127.0.0.1", port);
	ck_assert(!socket_set_open(&set, &sections.configuration, &none, &listen_owner, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "both"));
}
END_TEST

/* ---- a reload ---- */

START_TEST(the_same_address_is_taken_over)
{
	struct sections before = { 0 }, after = { 0 };
	struct socket_set none = { 0 }, old, new;
	struct problem problem;
	int kept = free_port();

	add_section(&before, "smtp", "127.0.0.1", kept);
	ck_assert(socket_set_open(&old, &before.configuration, &none, &listen_owner, &problem));
	add_section(&after, "renamed", "127.0.0.1", kept);
	add_section(&after, "more", "127.0.0.2", kept);
	ck_assert_msg(socket_set_open(&new, &after.configuration, &old, &listen_owner, &problem),
		      "%s", problem.text);
	ck_assert_uint_eq(new.count, 2);
	ck_assert_str_eq(new.sockets[0].title, "renamed");
	ck_assert(same_socket(old.sockets[0].descriptor, new.sockets[0].descriptor));
	ck_assert(!same_socket(old.sockets[0].descriptor, new.sockets[1].descriptor));
	socket_set_close(&old, NULL);
	ck_assert(can_connect(kept));
	socket_set_close(&new, NULL);
}
END_TEST

START_TEST(a_failed_reload_leaves_the_old_sockets)
{
	struct sections before = { 0 }, after = { 0 };
	struct socket_set none = { 0 }, old, new;
	struct problem problem;
	int kept = free_port();

	add_section(&before, "smtp", "127.0.0.1", kept);
	ck_assert(socket_set_open(&old, &before.configuration, &none, &listen_owner, &problem));
	add_section(&after, "smtp", "127.0.0.1", kept);
	add_section(&after, "bad", "192.0.2.1", kept); /* RFC 5737: no host has it */
	ck_assert(!socket_set_open(&new, &after.configuration, &old, &listen_owner, &problem));
	ck_assert(can_connect(kept));
	socket_set_close(&old, NULL);
}
END_TEST

/* ---- socket activation ---- */

START_TEST(an_activated_socket_is_found_by_name)
{
	struct sections sections = { 0 };
	struct socket_set available, set;
	struct problem problem;
	int port;

	must_activate(listening_socket(AF_INET, false, &port), "smtp", &available);
	add_section(&sections, "smtp", "192.0.2.1", 25); /* is not bound */
	ck_assert_msg(
		socket_set_open(&set, &sections.configuration, &available, &listen_owner, &problem),
		"%s", problem.text);
	ck_assert_uint_eq(set.count, 1);
	ck_assert(same_socket(set.sockets[0].descriptor, available.sockets[0].descriptor));
	ck_assert_ptr_null(socket_set_unused(&available));
	ck_assert(fcntl(set.sockets[0].descriptor, F_GETFL) & O_NONBLOCK);
	socket_set_close(&available, NULL);
	socket_set_close(&set, NULL);
}
END_TEST

START_TEST(an_activated_socket_is_found_by_address)
{
	struct sections sections = { 0 };
	struct socket_set available, set;
	struct problem problem;
	int port;

	must_activate(listening_socket(AF_INET, false, &port), "posternd.socket", &available);
	add_section(&sections, "smtp", "0.0.0.0", port);
	ck_assert_msg(
		socket_set_open(&set, &sections.configuration, &available, &listen_owner, &problem),
		"%s", problem.text);
	ck_assert_str_eq(set.sockets[0].title, "smtp");
	ck_assert(same_socket(set.sockets[0].descriptor, available.sockets[0].descriptor));
	ck_assert_ptr_null(socket_set_unused(&available));
	socket_set_close(&available, NULL);
	socket_set_close(&set, NULL);
}
END_TEST

/* ListenStream=25 is one IPv6 socket that takes IPv4 too: systemd.socket(5). */
START_TEST(an_activated_socket_of_both_families_is_every_address)
{
	struct sections sections = { 0 };
	struct socket_set available, set;
	struct problem problem;
	int port;
	int descriptor = listening_socket(AF_INET6, false, &port);

	if (descriptor < 0)
		return;
	must_activate(descriptor, "", &available);
	add_section(&sections, "smtp", "*", port);
	ck_assert_msg(
		socket_set_open(&set, &sections.configuration, &available, &listen_owner, &problem),
		"%s", problem.text);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(set.sockets[0].address.ss_family, AF_INET6);
	ck_assert_ptr_null(socket_set_unused(&available));
	socket_set_close(&available, NULL);
	socket_set_close(&set, NULL);
}
END_TEST

START_TEST(an_activated_socket_without_a_section_is_found_out)
{
	struct sections sections = { 0 };
	struct socket_set available, set;
	struct problem problem;
	int port;

	must_activate(listening_socket(AF_INET, false, &port), "other", &available);
	add_section(&sections, "smtp", "127.0.0.1", free_port());
	ck_assert(socket_set_open(&set, &sections.configuration, &available, &listen_owner,
				  &problem));
	ck_assert_ptr_nonnull(socket_set_unused(&available));
	ck_assert_str_eq(socket_set_unused(&available)->name, "other");
	socket_set_close(&available, NULL);
	socket_set_close(&set, NULL);
}
END_TEST

START_TEST(only_a_listening_socket_is_taken)
{
	struct socket_set available;
	struct problem problem;
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert(!activate(descriptor, "smtp", &available, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "descriptor 3"));
}
END_TEST

/* The variables of another process, or none, or nonsense: nothing is taken. */
static const struct {
	const char *pid, *count;
} foreign[] = {
	{ "1", "1" }, { NULL, "1" }, { "", "" }, { "x", "1" }, { "99999999999999999999", "1" },
};

START_TEST(activation_of_another_is_ignored)
{
	struct socket_set available;
	struct problem problem;

	unsetenv("LISTEN_PID");
	if (foreign[_i].pid)
		setenv("LISTEN_PID", foreign[_i].pid, 1);
	setenv("LISTEN_FDS", foreign[_i].count, 1);
	ck_assert(activation_take(&available, &problem));
	ck_assert_uint_eq(available.count, 0);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *make_suite(void)
{
	Suite *suite = suite_create("listen");
	TCase *all = tcase_create("all");

	tcase_add_loop_test(all, addresses_are_numeric, 0, ROWS(addresses));
	tcase_add_loop_test(all, addresses_are_compared, 0, ROWS(pairs));
	tcase_add_test(all, a_section_is_bound);
	tcase_add_test(all, every_address_is_bound_for_each_family);
	tcase_add_test(all, a_port_in_use_is_named);
	tcase_add_test(all, two_sections_cannot_share_an_address);
	tcase_add_test(all, the_same_address_is_taken_over);
	tcase_add_test(all, a_failed_reload_leaves_the_old_sockets);
	tcase_add_test(all, an_activated_socket_is_found_by_name);
	tcase_add_test(all, an_activated_socket_is_found_by_address);
	tcase_add_test(all, an_activated_socket_of_both_families_is_every_address);
	tcase_add_test(all, an_activated_socket_without_a_section_is_found_out);
	tcase_add_test(all, only_a_listening_socket_is_taken);
	tcase_add_loop_test(all, activation_of_another_is_ignored, 0, ROWS(foreign));
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return run_suite(make_suite());
}
