/*
 * unix_fixture.h - unix sockets in a folder of their own
 */
#ifndef POSTERN_TESTS_UNIT_UNIX_FIXTURE_H
#define POSTERN_TESTS_UNIT_UNIX_FIXTURE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/listen_fixture.h"

/* A checked fixture of libcheck. */
void unix_set_up(void);
void unix_tear_down(void);

extern char unix_folder[];
extern char lmtp[64], other[64]; /* paths in it */
extern struct socket_set none;
extern struct problem problem; /* of the function that failed last */

/* The path of a name in the folder, until the next call. */
const char *below(const char *name);

struct sockaddr_un address_of(const char *path);
/* What another program binds there; of SOCK_STREAM it listens. */
int foreign_socket(const char *path, int type, int backlog);
/* A client, or -1. */
int connected(const char *path);
bool can_connect(const char *path);

/* What lies there itself; its number is 0 where nothing does. */
struct stat status_of(const char *path);
bool exists(const char *path);
void put_file(const char *path);
void put_folder(const char *path);
/* A socket that nobody listens on any more. */
void put_left_over(const char *path);

bool open_set(struct socket_set *set, const struct sections *sections,
	      struct socket_set *available);
void must_open(struct socket_set *set, const struct sections *sections,
	       struct socket_set *available);
/* The set of one section with this one path. */
void must_open_path(struct socket_set *set, const char *path);
/* The error names the section and says this. */
void must_refuse(const char *path, const char *reason);

#endif
