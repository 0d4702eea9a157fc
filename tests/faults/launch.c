/*
 * launch.c - stands in for postern-delivery: loads faults.so into the real one
 *
 * Runs in: the place of postern-delivery, in tests only.  Privilege: the mail user's.
 * Trusts: the folder that it lies in: "preloaded/" of it holds the program and
 * the library, "faults" is the file that is shared with the test.
 *
 * The master hands no environment on to its children, so LD_PRELOAD has to be
 * set here.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 70;
}

int main(void)
{
	char folder[PATH_MAX - 64], program[PATH_MAX], library[PATH_MAX], shared[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	char name[] = "postern-delivery", *arguments[] = { name, NULL };
	char *environment[] = { library, shared, NULL };

	if (length < 0)
		return fail("readlink");
	folder[length] = '\0';
	*strrchr(folder, '/') = '\0';
	snprintf(program, sizeof(program), "%s/preloaded/postern-delivery", folder);
	snprintf(library, sizeof(library), "LD_PRELOAD=%s/preloaded/faults.so", folder);
	snprintf(shared, sizeof(shared), "POSTERN_FAULTS=%s/faults", folder);
	execve(program, arguments, environment);
	return fail(program);
}
