/*
 * prepare.c - the steps that lead from a configuration file to a generation
 *
 * Runs in: posternd.  Privilege: root until the step "privileges"; at a reload
 * its own user with the capabilities of its row.
 * Distrusts: the configuration and its tables, until they are read.
 */
#include "master/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/remember/remember.h"
#include "common/tables/tables.h"
#include "common/tls/seal.h"
#include "master/folder.h"
#include "master/log_file.h"
#include "master/mail_root.h"
#include "master/pid_file.h"
#include "master/place.h"
#include "master/programs.h"

/* Descriptors that a process needs beside sessions and listeners, or mailboxes. */
#define OTHER_DESCRIPTORS 64

typedef bool step_function(struct generation *generation, struct problem *problem);

static void log_missing(const char *what, const char *reason)
{
	struct log_line line;

	log_begin(&line, EVENT_MISSING, NULL);
	log_text(&line, "what", what);
	log_text(&line, "reason", reason);
	log_end(&line);
}

/* What of the full protection is not there: not started by root, or a container withholds it. */
static void log_missing_privileges(const struct master *master)
{
	const struct kept_capability *kept = process_describe(PROCESS_MASTER)->capabilities;

	if (!master->is_root)
		log_missing("separate users",
			    "not started by root: all processes run as the user who started them");
	for (; master->is_root && kept->reason; kept++)
		if (!confine_holds(kept->capability))
			log_missing(confine_capability_name(kept->capability), kept->reason);
}

static bool read_configuration(struct generation *generation, struct problem *problem)
{
	const struct command_line *line = &generation->master->line;

	generation->configuration = configuration_read(line->configuration, problem);
	if (!generation->configuration)
		return false;
	if (line->verbose)
		generation->configuration->log.verbose = true;
	if (!line->foreground && !line->check &&
	    strcmp(generation->configuration->log.to, "stderr") == 0)
		return problem_set(problem, "log { to = \"stderr\" } needs the foreground: start "
					    "posternd with -F, or log to a file or syslog");
	return true;
}

static bool make_places(struct generation *generation, struct problem *problem)
{
	struct master *master = generation->master;

	generation->count = configuration_worker_count(generation->configuration);
	if (generation->count > SCOREBOARD_SLOTS / 2)
		generation->count = SCOREBOARD_SLOTS / 2;
	generation->places = allocate(generation->count, sizeof(generation->places[0]));
	if (!generation->places)
		return problem_set(problem, "out of memory");
	for (size_t i = 0; i < generation->count; i++)
		place_init(&generation->places[i], master, generation, PROCESS_WORKER);
	return true;
}

static bool build_tables(struct generation *generation, struct problem *problem)
{
	generation->tables = tables_build(generation->configuration, problem);
	return generation->tables >= 0;
}

static bool seal_tls(struct generation *generation, struct problem *problem)
{
	generation->tls = tls_seal(generation->configuration, problem);
	return generation->tls >= 0;
}

static bool find_users(struct generation *generation, struct problem *problem)
{
	struct master *master = generation->master;

	for (unsigned i = 0; i < PROCESS_COUNT; i++) {
		struct identity *identity = &master->identities[i];

		identity->user = geteuid();
		identity->group = getegid();
		if (master->is_root &&
		    !identity_find(process_user(i, generation->configuration), identity, problem))
			return false;
	}
	return true;
}

static bool open_log(struct generation *generation, struct problem *problem)
{
	return log_file_open(generation->configuration,
			     &generation->master->identities[PROCESS_MASTER], &generation->log,
			     problem);
}

/* From here on lines go to the log; its first one says what is missing. */
static bool begin_log(struct generation *generation, struct problem *problem)
{
	(void)problem;
	log_open(process_describe(PROCESS_MASTER)->program, &generation->log);
	log_missing_privileges(generation->master);
	return true;
}

static bool find_programs(struct generation *generation, struct problem *problem)
{
	return programs_open(generation->master->programs, problem);
}

static bool lock_pid_file(struct generation *generation, struct problem *problem)
{
	struct master *master = generation->master;
	const struct identity *owner = &master->identities[PROCESS_MASTER];
	const char *path = generation->configuration->pid_file;
	enum pid_file_result result = PID_FILE_FAILED;

	if (folder_make_above(path, owner, problem))
		result = pid_file_open(path, master->is_root ? owner : NULL, &master->pid_file,
				       problem);
	if (result != PID_FILE_FAILED || !master->line.foreground)
		return result == PID_FILE_OPENED;
	/* In the foreground whoever started us knows our pid. */
	log_missing("pid file", problem->text);
	return true;
}

/* A worker needs one for each session, delivery two for each worker of two generations. */
static size_t descriptors_wanted(const struct generation *generation)
{
	size_t worker = (size_t)generation->configuration->workers.sessions +
			generation->sockets.count + OTHER_DESCRIPTORS;
	size_t delivery = 4 * generation->count + 4 * OTHER_DESCRIPTORS;

	return worker > delivery ? worker : delivery;
}

static bool raise_descriptors(struct generation *generation, struct problem *problem)
{
	size_t wanted = descriptors_wanted(generation);
	size_t granted = confine_descriptors(wanted);
	struct problem reason;

	(void)problem;
	if (granted >= wanted)
		return true;
	problem_set(&reason, "%zu are wanted for all sessions, the limit is %zu: see ulimit -Hn",
		    wanted, granted);
	log_missing("open files", reason.text);
	return true;
}

static bool open_sockets(struct generation *generation, struct problem *problem)
{
	struct master *master = generation->master;
	struct socket_set *available =
		master->current ? &master->current->sockets : &master->activated;

	if (!socket_set_open(&generation->sockets, generation->configuration, available,
			     &master->identities[PROCESS_MASTER], problem))
		return false;
	if (generation->sockets.no_ipv6)
		log_missing("IPv6", "the host has none: \"*\" is every IPv4 address only");
	return true;
}

static bool use_all_activated(struct generation *generation, struct problem *problem)
{
	struct socket_set *activated = &generation->master->activated;
	const struct bound_socket *unused = socket_set_unused(activated);
	char name[LISTEN_NAME_SIZE];

	if (!unused) {
		socket_set_close(activated, NULL);
		return true;
	}
	return problem_set(problem,
			   "the service manager handed over a socket \"%s\" (%s) that no `listen` "
			   "section names: give one this title, or that address",
			   unused->name, bound_socket_name(unused, name));
}

static bool open_spool(struct generation *generation, struct problem *problem)
{
	generation->spool =
		folder_open(generation->configuration->spool,
			    &generation->master->identities[PROCESS_MASTER], 0700, problem);
	return generation->spool >= 0;
}

static bool make_scoreboard(struct generation *generation, struct problem *problem)
{
	struct master *master = generation->master;

	master->scoreboard_descriptor = scoreboard_make(problem);
	if (master->scoreboard_descriptor < 0)
		return false;
	master->scoreboard = scoreboard_map(master->scoreboard_descriptor, problem);
	return master->scoreboard != NULL;
}

static bool make_memory(struct generation *generation, struct problem *problem)
{
	generation->master->remember = remember_make(problem);
	return generation->master->remember >= 0;
}

static bool seal(struct generation *generation, struct problem *problem)
{
	generation->configuration_descriptor =
		configuration_seal(generation->configuration, problem);
	return generation->configuration_descriptor >= 0;
}

static bool drop_privileges(struct generation *generation, struct problem *problem)
{
	const struct master *master = generation->master;

	return confine_drop_master(master->is_root ? &master->identities[PROCESS_MASTER] : NULL,
				   problem);
}

/* What a worker will need, tried before one is started. */
static bool try_spool(struct generation *generation, struct problem *problem)
{
	int file = folder_nameless_file(generation->spool);

	if (file < 0)
		return problem_errno(problem, "spool %s: a file for a worker",
				     generation->configuration->spool);
	close(file);
	return true;
}

static const struct step {
	unsigned occasions;
	int status; /* sysexits(3) where it fails */
	step_function *take;
} steps[] = {
	{ AT_CHECK | AT_START | AT_RELOAD, EX_CONFIG, read_configuration },
	{ AT_CHECK | AT_START | AT_RELOAD, EX_OSERR, make_places },
	{ AT_CHECK | AT_START | AT_RELOAD, EX_CONFIG, build_tables },
	{ AT_CHECK | AT_START | AT_RELOAD, EX_CONFIG, seal_tls },
	{ AT_CHECK | AT_START, EX_CONFIG, find_users },
	{ AT_START | AT_RELOAD, EX_CANTCREAT, open_log },
	{ AT_START, EX_OSERR, begin_log },
	{ AT_START, EX_OSFILE, find_programs },
	{ AT_START, EX_CANTCREAT, lock_pid_file },
	{ AT_START | AT_RELOAD, EX_UNAVAILABLE, open_sockets },
	{ AT_START, EX_CONFIG, use_all_activated },
	{ AT_START | AT_RELOAD, EX_OSERR, raise_descriptors },
	{ AT_START | AT_RELOAD, EX_CANTCREAT, mail_root_open },
	{ AT_START | AT_RELOAD, EX_CANTCREAT, open_spool },
	{ AT_START, EX_OSERR, make_scoreboard },
	{ AT_START, EX_OSERR, make_memory },
	{ AT_START | AT_RELOAD, EX_OSERR, seal },
	{ AT_START, EX_NOPERM, drop_privileges },
	{ AT_START | AT_RELOAD, EX_CANTCREAT, try_spool },
};

static struct generation *new_generation(struct master *master)
{
	struct generation *generation = allocate(1, sizeof(*generation));

	if (!generation)
		return NULL;
	generation->master = master;
	generation->number = master->current ? master->current->number + 1 : 1;
	generation->configuration_descriptor = -1;
	generation->tables = -1;
	generation->tls = -1;
	generation->mail_root = -1;
	generation->spool = -1;
	generation->log.descriptor = -1;
	return generation;
}

struct generation *prepare_generation(struct master *master, enum occasion occasion, int *status,
				      struct problem *problem)
{
	struct generation *generation = new_generation(master);

	*status = EX_OSERR;
	if (!generation)
		problem_set(problem, "out of memory");
	for (size_t i = 0; generation && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!(steps[i].occasions & occasion) || steps[i].take(generation, problem))
			continue;
		*status = steps[i].status;
		generation_free(generation);
		generation = NULL;
	}
	return generation;
}

static void close_opened(int descriptor)
{
	if (descriptor >= 0)
		close(descriptor);
}

/* Where a reload was given up, the generation in force goes on with the sockets that it has. */
static void close_sockets(struct generation *generation)
{
	const struct generation *current = generation->master->current;

	socket_set_close(&generation->sockets,
			 current && current != generation ? &current->sockets : NULL);
}

void generation_free(struct generation *generation)
{
	if (!generation)
		return;
	close_opened(generation->configuration_descriptor);
	close_opened(generation->tables);
	close_opened(generation->tls);
	close_opened(generation->mail_root);
	close_opened(generation->spool);
	log_file_close(&generation->log);
	close_sockets(generation);
	configuration_free(generation->configuration);
	free(generation->places);
	free(generation);
}
