/*
 * unix_fixture.c - unix sockets in a folder of their own
 */
#include "tests/unit/unix_fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bsd/string.h>

char unix_folder[] = "/tmp/postern-unix-XXXXXX";
char lmtp[64], other[64];
struct socket_set none;
struct problem problem;

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void unix_set_up(void)
{
	umask(022);
	ck_assert_ptr_nonnull(mkdtemp(unix_folder));
	chmod(unix_folder, 0755);
	snprintf(lmtp, sizeof(lmtp), "%s/lmtp", unix_folder);
	snprintf(other, sizeof(other), "%s/other", unix_folder);
}

void unix_tear_down(void)
{
	nftw(unix_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *below(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", unix_folder, name);
	return path;
}

struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	ck_assert_uint_lt(strlcpy(address.sun_path, path, sizeof(address.sun_path)),
			  sizeof(address.sun_path));
	return address;
}

/* What another program binds there; it listens where it is asked to. */
int foreign_socket(const char *path, int type, int backlog)
{
	struct sockaddr_un address = address_of(path);
	int descriptor = socket(AF_UNIX, type, 0);

	ck_assert_int_eq(bind(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(descriptor, backlog), 0);
	return descriptor;
}

int connected(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

bool can_connect(const char *path)
{
	int descriptor = connected(path);

	if (descriptor >= 0)
		close(descriptor);
	return descriptor >= 0;
}

/* What lies there itself; no number where nothing does. */
struct stat status_of(const char *path)
{
	struct stat status = { 0 };

	ck_assert(lstat(path, &status) == 0 || errno == ENOENT);
	return status;
}

bool exists(const char *path)
{
	return status_of(path).st_ino != 0;
}

bool open_set(struct socket_set *set, const struct sections *sections, struct socket_set *available)
{
	return socket_set_open(set, &sections->configuration, available, &listen_owner, &problem);
}

void must_open(struct socket_set *set, const struct sections *sections,
	       struct socket_set *available)
{
	ck_assert_msg(open_set(set, sections, available), "%s", problem.text);
}

/* The set of one section with one path. */
void must_open_path(struct socket_set *set, const char *path)
{
	struct sections sections = { 0 };

	add_section(&sections, "lmtp", path, 25);
	must_open(set, &sections, &none);
}

void must_refuse(const char *path, const char *reason)
{
	struct sections sections = { 0 };
	struct socket_set set;

	add_section(&sections, "lmtp", path, 25);
	sections.listens[0].place = (char *)"/etc/postern.conf:7";
	ck_assert_msg(!open_set(&set, &sections, &none), "%s was taken", path);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_msg(strstr(problem.text, reason) && strstr(problem.text, unix_folder) &&
			      strstr(problem.text, "listen \"lmtp\"") &&
			      strstr(problem.text, "/etc/postern.conf:7: ") == problem.text,
		      "%s", problem.text);
}

void put_file(const char *path)
{
	close(open(path, O_CREAT | O_EXCL | O_WRONLY, 0644));
}

void put_folder(const char *path)
{
	mkdir(path, 0755);
}

void put_left_over(const char *path)
{
	close(foreign_socket(path, SOCK_STREAM, 1));
}
