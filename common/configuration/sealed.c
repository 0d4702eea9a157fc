/*
 * sealed.c - files in memory that nobody can change any more (memfd_create(2))
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: a descriptor that is said to be sealed.
 */
#include "common/configuration/sealed.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int sealed_create(const char *name, struct problem *problem)
{
	int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (descriptor < 0)
		problem_errno(problem, "cannot make the file in memory for %s", name);
	return descriptor;
}

bool sealed_close_off(int descriptor, struct problem *problem)
{
	if (fcntl(descriptor, F_ADD_SEALS, SEALS) < 0)
		return problem_errno(problem, "cannot seal a file in memory");
	return true;
}

bool sealed_is_sealed(int descriptor)
{
	int seals = fcntl(descriptor, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}
