/*
 * fail.c - the three ways in which something can go wrong
 *
 * Runs in: every program.  Privilege: whatever the program has.
 * Distrusts: nothing (texts come from our own code, arguments may not).
 */
#include "common/fail/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

bool problem_set(struct problem *problem, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	return false;
}

bool problem_errno(struct problem *problem, const char *format, ...)
{
	const char *reason = strerror(errno);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	strlcat(problem->text, ": ", sizeof(problem->text));
	strlcat(problem->text, reason, sizeof(problem->text));
	return false;
}

_Noreturn void impossible_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s: impossible at %s:%d: %s\n", getprogname(), file, line, what);
	abort();
}

_Noreturn void fail_exit(int status, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", getprogname());
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(status);
}

void *allocate(size_t count, size_t size)
{
	return calloc(count, size);
}

void *must_allocate(size_t count, size_t size)
{
	void *memory = allocate(count, size);

	if (!memory)
		fail_exit(EX_OSERR, "out of memory");
	return memory;
}

char *must_copy(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = must_allocate(size, 1);

	memcpy(copy, text, size);
	return copy;
}
