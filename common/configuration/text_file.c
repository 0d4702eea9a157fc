/*
 * text_file.c - a text file as a whole in memory
 *
 * Runs in: every program; opening by path in postern's master only.  Privilege:
 * the master's, to read files that only root may.
 * Distrusts: what lies at the path (a folder, a pipe, a huge file, NUL bytes).
 */
#include "common/configuration/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Fills the buffer from the start of the file; returns how much there was, or -1. */
static ssize_t fill(int descriptor, char *text, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = pread(descriptor, text + length, size - length, (off_t)length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

static bool has_no_nul(const char *name, const struct text_file *file, struct problem *problem)
{
	const char *nul = memchr(file->text, '\0', file->length);
	size_t line = 1;

	if (!nul)
		return true;
	for (const char *c = file->text; c < nul; c++)
		line += *c == '\n';
	return problem_set(problem, "%s:%zu: a NUL byte; this is not a text file", name, line);
}

bool text_file_read_descriptor(int descriptor, const char *name, struct text_file *file,
			       struct problem *problem)
{
	struct stat status;
	ssize_t length;

	*file = (struct text_file){ NULL, 0 };
	if (fstat(descriptor, &status) < 0)
		return problem_errno(problem, "%s", name);
	if (!S_ISREG(status.st_mode))
		return problem_set(problem, "%s: not a regular file; name one", name);
	if (status.st_size < 0 || (size_t)status.st_size > TEXT_FILE_MAX)
		return problem_set(problem, "%s: larger than %zu bytes", name, TEXT_FILE_MAX);
	file->text = allocate((size_t)status.st_size + 1, 1);
	if (!file->text)
		return problem_set(problem, "%s: out of memory", name);
	length = fill(descriptor, file->text, (size_t)status.st_size);
	if (length < 0) {
		problem_errno(problem, "%s", name);
	} else {
		file->length = (size_t)length;
		file->text[length] = '\0';
		if (has_no_nul(name, file, problem))
			return true;
	}
	/* It may be a private key in another form. */
	explicit_bzero(file->text, (size_t)status.st_size);
	free(file->text);
	file->text = NULL;
	return false;
}

bool text_file_read(const char *path, struct text_file *file, struct problem *problem)
{
	/* O_NONBLOCK: a pipe at the path must not stop us. */
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool is_read;

	*file = (struct text_file){ NULL, 0 };
	if (descriptor < 0)
		return problem_errno(problem, "%s", path);
	is_read = text_file_read_descriptor(descriptor, path, file, problem);
	close(descriptor);
	return is_read;
}

void text_make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}
