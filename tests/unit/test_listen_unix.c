/*
 * test_listen_unix.c - unix sockets in a set: bound, taken over, given up, removed, activated
 *
 * Covers: B-16, D-32. What lies in their way is in test_socket_file.c.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/activation.h"
#include "master/address.h"
#include "tests/unit/runner.h"
#include "tests/unit/unix_fixture.h"

/* ---- binding ---- */

START_TEST(a_path_is_an_address)
{
	char longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct sockaddr_storage a, b;

	ck_assert(listen_address_parse("/run/lmtp", 25, &a, &problem));
	ck_assert(listen_address_parse("/run/lmtp", 26, &b, &problem));
	ck_assert(listen_address_equal(&a, &b));
	ck_assert_int_eq(listen_address_port(&a), 0);
	ck_assert(listen_address_parse("/run/lmtp2", 25, &b, &problem));
	ck_assert(!listen_address_equal(&a, &b));
	ck_assert(listen_address_parse("127.0.0.1", 25, &b, &problem));
	ck_assert(!listen_address_equal(&a, &b));
	memset(longest, '/', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert(!listen_address_parse(longest, 25, &a, &problem));
	longest[sizeof(longest) - 2] = '\0';
	ck_assert(listen_address_parse(longest, 25, &a, &problem));
	ck_assert(!listen_address_parse("run/lmtp", 25, &a, &problem));
}
END_TEST

START_TEST(a_path_is_bound_for_all_and_removed)
{
	char text[LISTEN_ADDRESS_SIZE], name[LISTEN_NAME_SIZE];
	struct socket_set set;
	int port = -1;

	must_open_path(&set, lmtp);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_str_eq(set.sockets[0].title, "lmtp");
	ck_assert(fcntl(set.sockets[0].descriptor, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(set.sockets[0].descriptor, F_GETFD) & FD_CLOEXEC);
	ck_assert_uint_eq(status_of(lmtp).st_mode, S_IFSOCK | 0666);
	bound_socket_describe(&set.sockets[0], text, sizeof(text), &port);
	ck_assert_str_eq(text, lmtp);
	ck_assert_int_eq(port, 0);
	ck_assert_str_eq(bound_socket_name(&set.sockets[0], name), lmtp);
	ck_assert(can_connect(lmtp));
	ck_assert_uint_eq(umask(022), 022);
	socket_set_close(&set, NULL);
	ck_assert(!exists(lmtp));
}
END_TEST

START_TEST(paths_and_addresses_may_be_mixed)
{
	struct sections sections = { 0 };
	struct socket_set set;

	add_section(&sections, "lmtp", lmtp, 40000 + getpid() % 10000);
	add_address(&sections, "*");
	must_open(&set, &sections, &none);
	ck_assert_uint_eq(set.count, set.no_ipv6 ? 2 : 3);
	ck_assert_int_eq(set.sockets[0].address.ss_family, AF_UNIX);
	ck_assert_int_eq(set.sockets[1].address.ss_family, AF_INET);
	socket_set_close(&set, NULL);
}
END_TEST

START_TEST(two_sections_cannot_share_a_path)
{
	struct sections sections = { 0 };
	struct socket_set set;

	add_section(&sections, "one", lmtp, 25);
	add_section(&sections, "two", lmtp, 26);
	ck_assert(!open_set(&set, &sections, &none));
	ck_assert_ptr_nonnull(strstr(problem.text, "listen \"one\" and listen \"two\" both want"));
	ck_assert_ptr_nonnull(strstr(problem.text, lmtp));
	ck_assert_ptr_null(strstr(problem.text, "port"));
	ck_assert(!exists(lmtp));
}
END_TEST

/* ---- a reload ---- */

START_TEST(the_same_path_is_taken_over)
{
	struct sections before = { 0 }, after = { 0 };
	struct socket_set old, new;
	struct stat status;
	int waiting;

	add_section(&before, "lmtp", lmtp, 25);
	add_address(&before, other);
	must_open(&old, &before, &none);
	status = status_of(lmtp);
	waiting = connected(lmtp);
	add_section(&after, "renamed", lmtp, 26);
	must_open(&new, &after, &old);
	ck_assert_uint_eq(new.count, 1);
	ck_assert_str_eq(new.sockets[0].title, "renamed");
	ck_assert(same_socket(old.sockets[0].descriptor, new.sockets[0].descriptor));
	socket_set_close(&old, &new);
	ck_assert_uint_eq(status_of(lmtp).st_ino, status.st_ino);
	ck_assert(!exists(other));
	ck_assert(can_connect(lmtp));
	ck_assert_int_ge(accept(new.sockets[0].descriptor, NULL, NULL), 0);
	close(waiting);
	socket_set_close(&new, NULL);
	ck_assert(!exists(lmtp));
}
END_TEST

START_TEST(a_failed_reload_removes_only_what_is_new)
{
	struct sections before = { 0 }, after = { 0 };
	struct socket_set old, new;

	add_section(&before, "lmtp", lmtp, 25);
	must_open(&old, &before, &none);
	add_section(&after, "lmtp", lmtp, 25);
	add_address(&after, other);
	add_section(&after, "bad", below("not/there/lmtp"), 25);
	ck_assert(!open_set(&new, &after, &old));
	ck_assert(!exists(other));
	ck_assert(can_connect(lmtp));
	socket_set_close(&old, NULL);
	ck_assert(!exists(lmtp));
}
END_TEST

/* Somebody has removed it, or cleaned up: nobody could connect until a restart. */
START_TEST(a_socket_that_lost_its_file_is_made_anew)
{
	struct sections sections = { 0 };
	struct socket_set old, new;

	add_section(&sections, "lmtp", lmtp, 25);
	must_open(&old, &sections, &none);
	ck_assert_int_eq(unlink(lmtp), 0);
	must_open(&new, &sections, &old);
	ck_assert(!same_socket(old.sockets[0].descriptor, new.sockets[0].descriptor));
	socket_set_close(&old, &new);
	ck_assert(can_connect(lmtp));
	socket_set_close(&new, NULL);
	ck_assert(!exists(lmtp));
}
END_TEST

/* The new one is given up: its socket is not mistaken for the lost one of the same path. */
START_TEST(one_made_anew_is_removed_when_given_up)
{
	struct sections sections = { 0 };
	struct socket_set old, new;

	add_section(&sections, "lmtp", lmtp, 25);
	must_open(&old, &sections, &none);
	ck_assert_int_eq(unlink(lmtp), 0);
	must_open(&new, &sections, &old);
	socket_set_close(&new, &old);
	ck_assert(!exists(lmtp));
	socket_set_close(&old, NULL);
}
END_TEST

/* ---- the end ---- */

static void put_socket(const char *path)
{
	foreign_socket(path, SOCK_STREAM, 1);
}

static void put_link(const char *path)
{
	put_left_over(other);
	ck_assert_int_eq(symlink(other, path), 0);
}

static void (*const successors[])(const char *path) = { put_file, put_folder, put_socket,
							put_left_over, put_link };

START_TEST(only_our_own_file_is_removed)
{
	struct socket_set set;
	struct stat before;

	must_open_path(&set, lmtp);
	ck_assert_int_eq(unlink(lmtp), 0);
	successors[_i](lmtp);
	before = status_of(lmtp);
	socket_set_close(&set, NULL);
	ck_assert_uint_eq(status_of(lmtp).st_ino, before.st_ino);
}
END_TEST

START_TEST(a_file_that_is_gone_is_no_error)
{
	struct socket_set set;

	must_open_path(&set, lmtp);
	ck_assert_int_eq(unlink(lmtp), 0);
	socket_set_close(&set, NULL);
	ck_assert(!exists(lmtp));
}
END_TEST

/* ---- socket activation ---- */

static const struct {
	const char *name, *title, *address;
	bool found;
} activations[] = {
	{ "mail", "mail", "192.0.2.1", true }, /* by name: the address is not bound */
	{ "", "lmtp", lmtp, true },
	{ "posternd.socket", "lmtp", lmtp, true },
	{ "posternd.socket", "lmtp", other, false },
};

START_TEST(an_activated_socket_is_used_and_never_removed)
{
	struct sections before = { 0 }, after = { 0 };
	struct socket_set available, set, next;

	must_activate(foreign_socket(lmtp, SOCK_STREAM, 16), activations[_i].name, &available);
	add_section(&before, activations[_i].title, activations[_i].address, 25);
	must_open(&set, &before, &available);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(same_socket(set.sockets[0].descriptor, available.sockets[0].descriptor),
			 activations[_i].found);
	ck_assert_int_eq(socket_set_unused(&available) == NULL, activations[_i].found);
	socket_set_close(&available, NULL);
	/* A reload goes on with it, and one drops it. */
	must_open(&next, &before, &set);
	socket_set_close(&set, &next);
	add_section(&after, "more", other, 25);
	must_open(&set, &after, &next);
	socket_set_close(&next, &set);
	socket_set_close(&set, NULL);
	ck_assert(exists(lmtp));
	ck_assert(!exists(other));
}
END_TEST

static int bound_only(void)
{
	struct sockaddr_un address = address_of(lmtp);
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
	return descriptor;
}

static int datagrams(void)
{
	return foreign_socket(lmtp, SOCK_DGRAM, 0);
}

static int abstract_one(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", lmtp);
	ck_assert_int_eq(bind(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(descriptor, 1), 0);
	return descriptor;
}

static int (*const useless[])(void) = { bound_only, datagrams, abstract_one };

START_TEST(only_a_listening_socket_with_a_path_is_taken)
{
	struct socket_set available;

	ck_assert(!activate(useless[_i](), "lmtp", &available, &problem));
	ck_assert_ptr_nonnull(strstr(problem.text, "descriptor 3"));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *make_suite(void)
{
	Suite *suite = suite_create("listen_unix");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, unix_set_up, unix_tear_down);
	tcase_add_test(all, a_path_is_an_address);
	tcase_add_test(all, a_path_is_bound_for_all_and_removed);
	tcase_add_test(all, paths_and_addresses_may_be_mixed);
	tcase_add_test(all, two_sections_cannot_share_a_path);
	tcase_add_test(all, the_same_path_is_taken_over);
	tcase_add_test(all, a_failed_reload_removes_only_what_is_new);
	tcase_add_test(all, a_socket_that_lost_its_file_is_made_anew);
	tcase_add_test(all, one_made_anew_is_removed_when_given_up);
	tcase_add_loop_test(all, only_our_own_file_is_removed, 0, ROWS(successors));
	tcase_add_test(all, a_file_that_is_gone_is_no_error);
	tcase_add_loop_test(all, an_activated_socket_is_used_and_never_removed, 0,
			    ROWS(activations));
	tcase_add_loop_test(all, only_a_listening_socket_with_a_path_is_taken, 0, ROWS(useless));
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return run_suite(make_suite());
}
