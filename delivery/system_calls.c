/*
 * system_calls.c - the two system calls that the C library does not wrap everywhere
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: paths: whatever they say, they stay below the directory.
 */
#include "delivery/system_calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

int open_beneath(int directory, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

int move_file(int from, const char *old_name, int to, const char *new_name)
{
	return (int)syscall(SYS_renameat2, from, old_name, to, new_name, RENAME_NOREPLACE);
}
