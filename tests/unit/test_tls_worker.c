/*
 * test_tls_worker.c - a worker with TLS opens no file, reads no settings of OpenSSL, keeps no copy
 * of a key file
 *
 * Covers B-15, C-30. The worker is this program, started anew with the two
 * sealed files: a process that has used OpenSSL before would prove nothing.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/tls/description.h"
#include "common/tls/library.h"
#include "common/tls/seal.h"
#include "common/tls/tickets.h"
#include "tests/unit/configuration_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#ifdef POSTERN_SANITIZED
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* ---- the worker */

enum descriptor { CONFIGURATION = 3, SEALED = 4 };

/* Every call that takes a path (fstat(2) is one of them, with a descriptor and no path). */
static const unsigned forbidden[] = { SYS_openat,    SYS_newfstatat, SYS_statx,
				      SYS_faccessat, SYS_readlinkat,
#ifdef SYS_open
				      SYS_open,	     SYS_stat,	     SYS_lstat,
				      SYS_access,    SYS_readlink,
#endif
				      SYS_execve,    SYS_socket,     SYS_connect };

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

/* Such a call ends the process, but where its first argument is a descriptor of ours. */
static void forbid_paths(void)
{
	struct sock_filter filter[2 + 6 * COUNT(forbidden)];
	struct sock_fprog program = { 0, filter };

	for (size_t i = 0; i < COUNT(forbidden); i++) {
		const struct sock_filter rule[] = { LOAD(nr),
						    SKIP_UNLESS(forbidden[i], 4),
						    LOAD(args[0]),
						    SKIP_UNLESS(SEALED, 1),
						    RETURN(SECCOMP_RET_ALLOW),
						    RETURN(SECCOMP_RET_KILL_PROCESS) };

		memcpy(filter + program.len, rule, sizeof(rule));
		program.len += COUNT(rule);
	}
	filter[program.len++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(70);
}

/* The session is kept by the client, to be resumed. */
static bool visit(struct tls_contexts *contexts, struct client *client,
		  struct tls_description *description)
{
	struct handshake handshake;
	bool is_done = shake_hands(&handshake, contexts, client);

	if (is_done) {
		tls_describe(handshake.server, description);
		client->session = SSL_get1_session(handshake.client);
		SSL_set_shutdown(handshake.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	}
	hang_up(&handshake);
	return is_done;
}

/* All there is: SNI, a client certificate, a ticket, a failure. */
static bool serve(struct tls_contexts *contexts, int version, const char *name)
{
	struct client strange = { .maximum = version, .protocols = "\x02h2" };
	struct client client = { .server_name = "rsa.example.org",
				 .maximum = version,
				 .certificate = make_certificate(
					 &(struct wish){ .common_name = "client", .key = KEY_EC }),
				 .key = KEY_EC };
	struct tls_description first, second;

	return visit(contexts, &client, &first) && visit(contexts, &client, &second) &&
	       !first.resumed && second.resumed && !strcmp(second.version, name) &&
	       !strcmp(second.client, "CN=client") && !visit(contexts, &strange, &first);
}

static bool is_within(const char *begin, const char *end, const char *what, size_t length)
{
	return memmem(begin, (size_t)(end - begin), what, length);
}

static const char *backwards; /* a piece of a key file */

/* Whether the text, which is given backwards, stands in memory that can be written. */
static bool remembers(int list)
{
	static char maps[65536];
	char text[64], permissions[5];
	size_t length = strlen(backwards), used = 0;
	ssize_t got;

	for (size_t i = 0; i < length; i++)
		text[i] = backwards[length - 1 - i];
	while ((got = read(list, maps + used, sizeof(maps) - 1 - used)) > 0)
		used += (size_t)got;
	for (char *line = strtok(maps, "\n"); line; line = strtok(NULL, "\n")) {
		char *begin, *end;

		if (strstr(line, "[stack]") ||
		    sscanf(line, "%p-%p %4s", (void **)&begin, (void **)&end, permissions) != 3 ||
		    permissions[1] != 'w')
			continue;
		if (is_within(begin, end, text, length))
			return true;
	}
	return false;
}

/* Ends the process; 0: all is well. */
START_TEST(run_worker)
{
	struct tls_contexts *contexts;
	struct problem problem;
	struct configuration *configuration = configuration_read_sealed(CONFIGURATION, &problem);

	int list = open("/proc/self/maps", O_RDONLY);
	const time_t beginning = 0;
	struct tm date;

	/* As the first line of the log does. */
	gmtime_r(&beginning, &date);
	forbid_paths();
	if (!configuration || !tls_contexts_open(SEALED, configuration, &contexts, &problem))
		_exit(71);
	close(SEALED);
	configuration_free(configuration);
	/* A sanitizer keeps what is freed. */
	if (!IS_SANITIZED && remembers(list))
		_exit(72);
	make_keys();
	if (!serve(contexts, TLS1_2_VERSION, "TLSv1.2"))
		_exit(73);
	if (!serve(contexts, TLS1_3_VERSION, "TLSv1.3"))
		_exit(74);
	tls_contexts_ratchet(contexts, tls_tickets_clock() + 3600);
	if (!serve(contexts, 0, "TLSv1.3"))
		_exit(75);
	tls_contexts_close(contexts);
	_exit(0);
}
END_TEST

/* ---- the master */

static void hand_over(int from, int to)
{
	ck_assert_int_eq(dup2(from, to), to);
	close(from);
}

/* Twenty characters out of the middle of the key's PEM, backwards. */
static void read_piece(const char *name, char *piece, size_t size)
{
	char text[4096] = "";
	FILE *file = fopen(test_path(name), "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 200);
	fclose(file);
	for (size_t i = 0; i < size - 1; i++)
		piece[i] = text[120 - i];
	piece[size - 1] = '\0';
	ck_assert_ptr_null(strchr(piece, '\n'));
}

/* Settings that, if they were read, would leave TLS 1.1 only, and an engine that is not there. */
static void poison_environment(void)
{
	write_configuration_file(test_path("openssl.cnf"), "openssl_conf = a\n"
							   "[a]\nssl_conf = b\nengines = e\n"
							   "[b]\nsystem_default = c\n"
							   "[c]\nMaxProtocol = TLSv1.1\n"
							   "[e]\nabsent = f\n"
							   "[f]\ndynamic_path = /nonexistent.so\n");
	setenv("OPENSSL_CONF", test_path("openssl.cnf"), 1);
	setenv("SSL_CERT_FILE", test_path("absent"), 1);
	setenv("SSL_CERT_DIR", test_path("absent"), 1);
	setenv("OPENSSL_MODULES", test_path("absent"), 1);
	setenv("OPENSSL_ENGINES", test_path("absent"), 1);
	setenv("RANDFILE", test_path("absent"), 1);
}

static void start_worker(const struct section *section, const char *piece)
{
	struct configuration *configuration = configuration_with(section);
	struct problem problem;
	int sealed = tls_seal(configuration, &problem);
	int text = configuration_seal(configuration, &problem);

	ck_assert_msg(sealed >= 0 && text >= 0, "%s", problem.text);
	/* Above the numbers that they will have. */
	sealed = fcntl(sealed, F_DUPFD, 10);
	text = fcntl(text, F_DUPFD, 10);
	configuration_free(configuration);
	hand_over(text, CONFIGURATION);
	hand_over(sealed, SEALED);
	poison_environment();
	execl("/proc/self/exe", "worker", "--worker", piece, (char *)NULL);
	_exit(69);
}

START_TEST(test_worker)
{
	const struct section section = {
		.pairs = { "ec", "rsa" },
		.options = "client-certificate = ask client-authorities = '~ec.pem' "
			   "commands = 'Options -MiddleboxCompat'"
	};
	char piece[21];
	pid_t child;
	int status;

	write_pair("ec", &(struct wish){ .common_name = "ec.example.org", .key = KEY_EC });
	write_pair("rsa", &(struct wish){ .common_name = "rsa.example.org" });
	read_piece("rsa.key", piece, sizeof(piece));
	child = fork();
	if (child == 0)
		start_worker(&section, piece);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "signal %d: a path was opened", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* In this process, without forks. */
static int run_as_worker(void)
{
	Suite *suite = suite_create("worker");
	TCase *tests = tcase_create("worker");
	SRunner *runner;

	tcase_add_test(tests, run_worker);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	return 76;
}

int main(int count, char **arguments)
{
	Suite *suite;
	TCase *tests;

	if (count == 3 && !strcmp(arguments[1], "--worker")) {
		backwards = arguments[2];
		return run_as_worker();
	}
	suite = suite_create("tls-worker");
	tests = tcase_create("tls-worker");
	make_keys();
	tcase_add_checked_fixture(tests, tls_set_up, tls_tear_down);
	tcase_add_test(tests, test_worker);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
