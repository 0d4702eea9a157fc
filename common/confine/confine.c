/*
 * confine.c - how a process gives up what it does not need
 *
 * Runs in: every program.  Privilege: root in the master until
 * confine_drop_master(), then the capabilities of its row; none elsewhere.
 * Distrusts: itself (each step is proven afterwards).  Trusts: the kernel.
 */
#include "common/confine/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

bool confine_holds(int capability)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capability(CAPNG_PERMITTED, (unsigned)capability) == 1;
}

const char *confine_capability_name(int capability)
{
	const char *name = capng_capability_to_name((unsigned)capability);

	return name ? name : "unknown";
}

/* No exec may give anything back, no other process of the same user may look in. */
static void harden(void)
{
#ifdef POSTERN_SANITIZED
	/* LeakSanitizer attaches to its own process (ptrace(2)). */
	int dumpable = 1;
#else
	int dumpable = 0;
#endif
	const struct rlimit no_core = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0)
		fail_exit(EX_NOPERM, "cannot confine itself: no_new_privs, dumpable, core");
}

/* What an ambient capability would do: outlive the exec of a child (capabilities(7)). */
static void clear_ambient(void)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* ---- the master ---- */

/* Takes those of the row that the process holds: a container may have withheld some. */
static void select_kept(void)
{
	const struct kept_capability *kept = process_describe(PROCESS_MASTER)->capabilities;
	bool held[CAP_LAST_CAP + 1] = { false };

	for (int i = 0; i <= CAP_LAST_CAP; i++)
		held[i] = confine_holds(i);
	capng_clear(CAPNG_SELECT_ALL);
	for (; kept->reason; kept++)
		if (held[kept->capability])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				     (unsigned)kept->capability);
}

static bool is_kept(int capability)
{
	const struct kept_capability *kept = process_describe(PROCESS_MASTER)->capabilities;

	for (; kept->reason; kept++)
		if (kept->capability == capability)
			return true;
	return false;
}

/* Asks the kernel again: nothing in any set but what the row lists. */
static bool master_is_confined(void)
{
	if (capng_get_caps_process() != 0)
		return false;
	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		bool other = capng_have_capability(CAPNG_INHERITABLE, (unsigned)i) == 1 ||
			     capng_have_capability(CAPNG_BOUNDING_SET, (unsigned)i) == 1 ||
			     capng_have_capability(CAPNG_AMBIENT, (unsigned)i) == 1;

		if (other ||
		    (!is_kept(i) && capng_have_capability(CAPNG_PERMITTED, (unsigned)i) == 1))
			return false;
	}
	return geteuid() != 0 && getegid() != 0 && getgroups(0, NULL) == 0;
}

bool confine_drop_master(const struct identity *identity, struct problem *problem)
{
	int result;

	clear_ambient();
	if (!identity) {
		harden();
		return true;
	}
	if (!confine_holds(CAP_SETUID) || !confine_holds(CAP_SETGID) || !confine_holds(CAP_SETPCAP))
		return problem_set(problem, "root without CAP_SETUID, CAP_SETGID and CAP_SETPCAP "
					    "cannot give up its privileges: allow them, or start "
					    "as an ordinary user");
	select_kept();
	result = capng_change_id((int)identity->user, (int)identity->group,
				 CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (result != 0)
		return problem_set(problem, "cannot become user %lu: libcap-ng error %d",
				   (unsigned long)identity->user, result);
	if (!master_is_confined())
		return problem_set(problem, "privileges are left after they were dropped");
	harden();
	return true;
}

bool confine_borrow(const struct identity *identity)
{
	if (setegid(identity->group) != 0)
		return false;
	if (seteuid(identity->user) == 0)
		return true;
	confine_return();
	return false;
}

void confine_return(void)
{
	if (seteuid(0) != 0 || setegid(0) != 0)
		impossible("root did not come back from a borrowed user");
}

/* ---- the children ---- */

bool confine_become(const struct identity *identity)
{
	return setgroups(0, NULL) == 0 &&
	       setresgid(identity->group, identity->group, identity->group) == 0 &&
	       setresuid(identity->user, identity->user, identity->user) == 0;
}

static bool has_no_capability(void)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE &&
	       capng_have_capabilities(CAPNG_SELECT_AMBIENT) == CAPNG_NONE;
}

static bool has_no_new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool is_not_root(void)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) == 0 && real != 0 && effective != 0 &&
	       saved != 0;
}

/* EINVAL: the user namespace that it runs in has no root. */
static bool cannot_become_root(void)
{
	return setuid(0) != 0 && (errno == EPERM || errno == EINVAL);
}

/*
 * Which groups an ordinary user has is not ours to judge. That the list cannot
 * be changed shows that no other group was added or can be.
 */
static bool cannot_change_groups(void)
{
	return setgroups(0, NULL) != 0 && errno == EPERM;
}

/* What must be true of a confined process, in this order. */
static const struct proof {
	const char *claim;
	bool (*holds)(void);
} proofs[] = {
	{ "it has no capability", has_no_capability },
	{ "an exec gains no privilege", has_no_new_privileges },
	{ "it is not root", is_not_root },
	{ "it cannot become root", cannot_become_root },
	{ "it cannot change its groups", cannot_change_groups },
};

void confine_self(enum process process)
{
	const struct process_description *description = process_describe(process);

	/* ps(1) shows this name; after fexecve(3) it would be a number. */
	prctl(PR_SET_NAME, description->program, 0, 0, 0);
	umask(077);
	clear_ambient();
	harden();
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++)
		if (!proofs[i].holds())
			fail_exit(EX_NOPERM, "%s does not run unconfined; not true: %s",
				  description->program, proofs[i].claim);
}

size_t confine_descriptors(size_t wanted)
{
	struct rlimit limit, raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
		raised.rlim_cur = wanted;
		raised.rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted;
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			return wanted;
		limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur == RLIM_INFINITY ? wanted : (size_t)limit.rlim_cur;
}
