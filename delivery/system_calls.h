/*
 * system_calls.h - the two system calls that the C library does not wrap everywhere
 */
#ifndef POSTERN_DELIVERY_SYSTEM_CALLS_H
#define POSTERN_DELIVERY_SYSTEM_CALLS_H

/*
 * Opens `path` below `directory` (openat2(2)): no "..", no symbolic link and no
 * absolute path leads out of it. `flags` as for open(2), without O_CREAT;
 * O_CLOEXEC is added. Returns the descriptor, or -1 with errno set.
 */
int open_beneath(int directory, const char *path, int flags);

/*
 * Moves a file without ever replacing one (renameat2(2), RENAME_NOREPLACE).
 * 0, or -1 with errno set; EEXIST when the new name is taken.
 */
int move_file(int from, const char *old_name, int to, const char *new_name);

#endif
