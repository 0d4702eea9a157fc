/*
 * usage.c - how much a mailbox holds: by its maildirsize, or counted
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: what lies in the mailbox: mail readers, and whoever owns the mailbox, write
 * there, too. Nothing is followed that is a symbolic link, or waited for that is no file.
 */
#include "delivery/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log/log.h"
#include "delivery/system_calls.h"

/* A file that is older is counted anew before a message is refused (Maildir++). */
#define TRUSTED_SECONDS (15 * 60)

static void note_fault(const struct measured *measured, const char *what)
{
	struct log_line line;

	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "what", MAILDIRSIZE);
	log_format(&line, "reason", "%s: %s: %s", measured->address, what, strerror(errno));
	log_end(&line);
}

/* ---- the file ---- */

/* Opens maildirsize. -1 with errno set; EINVAL: what is there is no file of its own. */
static int open_file(const struct measured *measured, int flags, struct stat *status)
{
	char path[PATH_MAX];
	int file;

	if ((size_t)snprintf(path, sizeof(path), "%s/" MAILDIRSIZE, measured->path) >=
	    sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	file = open_beneath(measured->root, path, flags | O_NONBLOCK | O_NOFOLLOW);
	if (file < 0)
		return -1;
	if (fstat(file, status) == 0 && S_ISREG(status->st_mode) && status->st_nlink == 1)
		return file;
	close(file);
	errno = EINVAL;
	return -1;
}

/* Older than it may be, or of a time that is still to come. */
static bool is_old(const struct stat *status)
{
	time_t now = time(NULL);

	return status->st_mtime > now || now - status->st_mtime > TRUSTED_SECONDS;
}

bool usage_read(const struct measured *measured, struct usage *usage)
{
	char text[MAILDIRSIZE_MAX];
	struct stat status;
	int file = open_file(measured, O_RDONLY, &status);
	ssize_t length;

	if (file < 0)
		return false;
	length = read(file, text, sizeof(text));
	close(file);
	if (length < 0 || !maildirsize_parse(text, (size_t)length, measured->quota, usage))
		return false;
	usage->may_be_old = usage->may_be_old || is_old(&status);
	return true;
}

/* False with errno set; then a file may be left in tmp/. */
static bool write_new(int tmp, const char *text, size_t length)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int file = openat(tmp, USAGE_NEW_NAME, flags, 0600);
	ssize_t written;

	if (file < 0 && errno == EEXIST && unlinkat(tmp, USAGE_NEW_NAME, 0) == 0)
		file = openat(tmp, USAGE_NEW_NAME, flags, 0600);
	if (file < 0)
		return false;
	written = write(file, text, length);
	if (written >= 0 && (size_t)written < length)
		errno = ENOSPC;
	close(file);
	return written >= 0 && (size_t)written == length;
}

/* Takes the place of the old one, whatever that is. */
static void replace(const struct measured *measured, int box, const struct usage *usage)
{
	char text[MAILDIRSIZE_TEXT_SIZE];
	size_t length = maildirsize_format(measured->quota, usage, text);
	int tmp = open_beneath(box, "tmp", O_RDONLY | O_DIRECTORY);

	if (tmp < 0) {
		note_fault(measured, "cannot open tmp");
		return;
	}
	if (!write_new(tmp, text, length) || renameat(tmp, USAGE_NEW_NAME, box, MAILDIRSIZE) != 0) {
		note_fault(measured, "cannot write");
		unlinkat(tmp, USAGE_NEW_NAME, 0);
	}
	close(tmp);
}

/* ---- counting ---- */

static void add(uint64_t *sum, uint64_t more)
{
	if (*sum > INT64_MAX - more || more > INT64_MAX)
		*sum = INT64_MAX;
	else
		*sum += more;
}

/* One file; one that is gone by now is none. False with errno set. */
static bool count_file(int folder, const char *name, struct usage *usage)
{
	struct stat status;
	uint64_t size;

	if (!maildirsize_of_name(name, &size)) {
		if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			return errno == ENOENT;
		if (!S_ISREG(status.st_mode))
			return true;
		size = (uint64_t)status.st_size;
	}
	add(&usage->bytes, size);
	add(&usage->messages, 1);
	return true;
}

/* Opens a directory for readdir(3); NULL with errno set. */
static DIR *open_directory(int parent, const char *name)
{
	int descriptor = open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
	DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);

	if (!directory && descriptor >= 0)
		close(descriptor);
	return directory;
}

/* What is no directory of its own is no part of the mailbox. */
static bool is_none(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/* readdir(3) tells the end from an error by errno alone. */
static const struct dirent *next_entry(DIR *directory)
{
	errno = 0;
	return readdir(directory);
}

/* All messages of one directory. */
static bool count_messages(int parent, const char *name, struct usage *usage)
{
	DIR *directory = open_directory(parent, name);
	const struct dirent *entry;
	bool is_fine = true;
	int saved;

	if (!directory)
		return is_none(errno);
	while (is_fine && (entry = next_entry(directory)))
		if (entry->d_name[0] != '.')
			is_fine = count_file(dirfd(directory), entry->d_name, usage);
	is_fine = is_fine && errno == 0;
	saved = errno;
	closedir(directory);
	errno = saved;
	return is_fine;
}

/* A message that a reader moves from new/ to cur/ meanwhile is counted twice, never missed. */
static bool count_folder(int folder, struct usage *usage)
{
	return count_messages(folder, "new", usage) && count_messages(folder, "cur", usage);
}

static bool count_sub_folder(int box, const char *name, struct usage *usage)
{
	int folder = open_beneath(box, name, O_PATH | O_DIRECTORY);
	bool is_fine;
	int saved;

	if (folder < 0)
		return is_none(errno);
	is_fine = count_folder(folder, usage);
	saved = errno;
	close(folder);
	errno = saved;
	return is_fine;
}

/* Sub-folders are directories whose names begin with a dot, and lie beside each other (Maildir++).
 */
static bool is_sub_folder(const struct dirent *entry)
{
	return entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
	       strcmp(entry->d_name, "..") != 0 &&
	       (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static bool count_all(DIR *box, struct usage *usage)
{
	const struct dirent *entry;

	if (!count_folder(dirfd(box), usage))
		return false;
	while ((entry = next_entry(box)))
		if (is_sub_folder(entry) && !count_sub_folder(dirfd(box), entry->d_name, usage))
			return false;
	return errno == 0;
}

bool usage_count(const struct measured *measured, struct usage *usage)
{
	DIR *box = open_directory(measured->root, measured->path);
	bool is_fine;
	int saved;

	*usage = (struct usage){ 0, 0, false };
	if (!box)
		return errno == ENOENT;
	is_fine = count_all(box, usage);
	saved = errno;
	if (is_fine)
		replace(measured, dirfd(box), usage);
	closedir(box);
	errno = saved;
	return is_fine;
}

/* ---- changes ---- */

void usage_add(const struct measured *measured, uint64_t bytes)
{
	char text[MAILDIRSIZE_TEXT_SIZE];
	int length = snprintf(text, sizeof(text), "%" PRIu64 " 1\n", bytes);
	struct stat status;
	int file = open_file(measured, O_WRONLY | O_APPEND, &status);

	if (file < 0 && errno == ENOENT)
		return;
	if (file < 0 || write(file, text, (size_t)length) != length)
		note_fault(measured, "cannot append");
	if (file >= 0)
		close(file);
}

void usage_forget(const struct measured *measured)
{
	int box = open_beneath(measured->root, measured->path, O_PATH | O_DIRECTORY);

	if (box < 0 || (unlinkat(box, MAILDIRSIZE, 0) != 0 && errno != ENOENT))
		note_fault(measured, "cannot remove");
	if (box >= 0)
		close(box);
}
