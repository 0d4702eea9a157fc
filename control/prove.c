/*
 * prove.c - postern prove: whether a file system loses no mail in a crash
 *
 * Runs in: postern.  Privilege: that of the caller; where root calls, all but
 * making the folder and removing it is done by a child as the mail user.
 * Distrusts: the delivery program that the caller names: it runs as the mail
 * user, as ever.
 *
 * The steps: a folder on the file system that is asked about; a delivery that
 * is recorded while it stores messages (recording.c); all states that a crash
 * may leave (crash_state.c, state_choice.c), each built there, recovered by
 * the real delivery, and looked at (trial.c, checker.c).
 */
#include "control/prove.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/confine/confine.h"
#include "common/confine/programs.h"
#include "common/log/log.h"
#include "control/experiment.h"
#include "control/prove_options.h"
#include "control/scratch.h"

#define REMOVE_TRIES 20
#define REMOVE_PAUSE 50000000 /* nanoseconds */

struct place_of_proof {
	int parent; /* the operator's folder */
	char name[64];
	int folder; /* our own in it */
};

/* ---- preparations ---- */

static void find_user(const struct prove_options *options, struct identity *identity)
{
	struct problem problem;
	const char *user = options->user ? options->user : "vmail";

	identity->user = geteuid();
	identity->group = getegid();
	if (geteuid() == 0) {
		if (!identity_find(user, identity, &problem))
			fail_exit(EX_NOUSER, "%s (--user names another)", problem.text);
	} else if (options->user) {
		fail_exit(EX_USAGE, "only root may name another user");
	}
}

static const char *find_program(const struct prove_options *options)
{
	static char path[PATH_MAX];
	char folder[PATH_MAX];

	if (options->delivery) {
		if (!realpath(options->delivery, path))
			fail_exit(EX_OSFILE, "%s: %s", options->delivery, strerror(errno));
	} else {
		programs_folder(folder);
		if (!program_path(folder, PROCESS_DELIVERY, path))
			fail_exit(EX_OSFILE, "%s: the path is too long", folder);
	}
	if (access(path, X_OK) != 0)
		fail_exit(EX_OSFILE, "%s: %s", path, strerror(errno));
	return path;
}

static void make_place(const struct prove_options *options, struct place_of_proof *place)
{
	place->parent = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->parent < 0)
		fail_exit(EX_NOINPUT, "%s: %s", options->folder, strerror(errno));
	snprintf(place->name, sizeof(place->name), "postern-prove-%ld", (long)getpid());
	place->folder = scratch_make_folder(place->parent, place->name);
	if (place->folder < 0)
		fail_exit(EX_CANTCREAT, "%s/%s: %s", options->folder, place->name, strerror(errno));
}

/* ---- the child does it, this process waits and removes ---- */

static _Noreturn void prove_in_child(const struct experiment_settings *settings,
				     const struct identity *identity, bool is_root)
{
	umask(077);
	if (is_root && (fchown(settings->folder, identity->user, identity->group) != 0 ||
			!confine_become(identity)))
		fail_exit(EX_NOPERM, "cannot become the mail user: %s", strerror(errno));
	/* The change of the user has taken away /proc/self, and the signal. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	exit(experiment_run(settings));
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

/* Until the child has ended; returns its status, or sets *number to the signal that came. */
static int wait_for_child(pid_t child, const sigset_t *set, int *number)
{
	int status = 0;
	siginfo_t info;

	*number = 0;
	while (waitpid(child, &status, WNOHANG) != child) {
		if (sigwaitinfo(set, &info) <= 0 || info.si_signo == SIGCHLD)
			continue;
		*number = info.si_signo;
		kill(child, SIGKILL);
	}
	/* Processes of the child end with it, and are ours then. */
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		continue;
	return status;
}

/* What a killed delivery was making at its end may have come in between. */
static void remove_place(const struct place_of_proof *place)
{
	const struct timespec pause = { 0, REMOVE_PAUSE };

	for (int i = 0; i < REMOVE_TRIES; i++) {
		scratch_remove(place->parent, place->name);
		if (faccessat(place->parent, place->name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			return;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "postern: %s cannot be removed\n", place->name);
}

static int exit_status(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "postern: the proof was ended by signal %d\n", WTERMSIG(status));
	return EX_SOFTWARE;
}

int prove(int count, char **arguments)
{
	const struct prove_options options = prove_options_parse(count, arguments);
	struct experiment_settings settings = { .states = options.states, .seed = options.seed };
	struct place_of_proof place;
	struct identity identity;
	int status, number = 0;
	sigset_t set;
	pid_t child;

	find_user(&options, &identity);
	settings.program = find_program(&options);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	block_signals(&set);
	make_place(&options, &place);
	settings.folder = place.folder;
	child = fork();
	if (child == 0)
		prove_in_child(&settings, &identity, geteuid() == 0);
	status = child > 0 ? wait_for_child(child, &set, &number) : 0;
	remove_place(&place);
	if (child < 0)
		fail_exit(EX_OSERR, "fork: %s", strerror(errno));
	if (number != 0) {
		signal(number, SIG_DFL);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(number);
	}
	return exit_status(status);
}
