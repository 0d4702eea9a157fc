/*
 * fail.h - the three ways in which something can go wrong
 *
 * 1. The impossible (an invariant of our own is broken): impossible(). The
 *    process ends by abort(3); its master starts another one.
 * 2. A resource is short (memory, descriptors, room): the function returns an
 *    error, the client hears a 4xx reply, the process goes on.
 * 3. Somebody's input is wrong (a client, a file): the function returns an
 *    error with a text for the one who can mend it.
 *
 * struct problem carries the text of 2 and 3 from where it is found to where
 * it is told.
 */
#ifndef POSTERN_COMMON_FAIL_H
#define POSTERN_COMMON_FAIL_H

#include <stdbool.h>
#include <stddef.h>

#define PROBLEM_SIZE 512

struct problem {
	char text[PROBLEM_SIZE]; /* one line without a newline, cut to fit */
};

/*
 * Writes a text into *problem and returns false, so that a function which
 * answers with a bool can say: return problem_set(problem, "...").
 */
bool problem_set(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* As problem_set, with ": " and strerror(errno) behind the text. */
bool problem_errno(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Ends the process by abort(3): an invariant of postern itself is broken. */
_Noreturn void impossible_at(const char *file, int line, const char *what);
#define impossible(what) impossible_at(__FILE__, __LINE__, what)

/* An assertion that stays in every build. */
#define require(condition)                                   \
	do {                                                 \
		if (!(condition))                            \
			impossible("not true: " #condition); \
	} while (0)

/*
 * Ends the program with exit status `status` (sysexits(3)) and one line
 * "name: text" on standard error. Only for main() and what runs before the
 * first client.
 */
_Noreturn void fail_exit(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Allocation of `count` elements of `size` bytes, zeroed, the product checked
 * for overflow. allocate() returns NULL when memory is short; must_allocate()
 * ends the process: only for what is allocated before the first client.
 * Free with free(3).
 */
void *allocate(size_t count, size_t size);
void *must_allocate(size_t count, size_t size);
char *must_copy(const char *text);

#endif
