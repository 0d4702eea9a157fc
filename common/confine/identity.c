/*
 * identity.c - finds the user and group that a process is to run as
 *
 * Runs in: posternd.  Privilege: root, at the start.
 * Distrusts: the names in the configuration.  Trusts: the user database.
 */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "common/confine/confine.h"

/* (uid_t)-1 means "leave it as it is" to setresuid(2), so it is no user. */
#define HIGHEST_ID 4294967294UL

/* Reads a decimal number up to `end`, which must stand right behind it. */
static bool parse_id(const char *text, char end, unsigned long *id)
{
	char *behind;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*id = strtoul(text, &behind, 10);
	return errno == 0 && *behind == end && *id <= HIGHEST_ID;
}

/* "uid:gid", or "uid" of a user that the database knows. */
static bool find_by_number(const char *name, struct identity *identity, struct problem *problem)
{
	const char *colon = strchr(name, ':');
	unsigned long user, group;
	const struct passwd *entry;

	if (!parse_id(name, colon ? ':' : '\0', &user) ||
	    (colon && !parse_id(colon + 1, '\0', &group)))
		return problem_set(problem, "user \"%s\" is neither a name nor uid:gid", name);
	if (!colon) {
		entry = getpwuid((uid_t)user);
		if (!entry)
			return problem_set(problem,
					   "there is no user %lu: write \"uid:gid\" to use one "
					   "that the user database does not know",
					   user);
		group = entry->pw_gid;
	}
	identity->user = (uid_t)user;
	identity->group = (gid_t)group;
	return true;
}

static bool find_by_name(const char *name, struct identity *identity, struct problem *problem)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return problem_set(problem,
				   "there is no user \"%s\": create it (etc/make-users does) or "
				   "name another one in users { }",
				   name);
	identity->user = entry->pw_uid;
	identity->group = entry->pw_gid;
	return true;
}

bool identity_find(const char *name, struct identity *identity, struct problem *problem)
{
	bool numeric = isdigit((unsigned char)name[0]) != 0;

	if (!(numeric ? find_by_number : find_by_name)(name, identity, problem))
		return false;
	if (identity->user == 0 || identity->group == 0)
		return problem_set(problem, "user \"%s\" is root or in its group: name another",
				   name);
	return true;
}
