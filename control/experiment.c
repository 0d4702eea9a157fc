/*
 * experiment.c - delivery is recorded, the states are tried, the result is told
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program.
 */
#include "control/experiment.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"
#include "common/log/log.h"
#include "common/tables/tables.h"
#include "control/recording.h"
#include "control/report.h"
#include "control/scratch.h"
#include "control/second_crash.h"
#include "control/state_choice.h"
#include "control/trials.h"

#define RECORDING_SECONDS 120
#define MAIL "mail" /* the mail root of the recorded delivery */
#define MARK ".postern"

/* ---- configuration and tables: files of a moment ---- */

static void write_file(int folder, const char *name, const char *text)
{
	int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
		fail_exit(EX_CANTCREAT, "%s: %s", name, strerror(errno));
	close(file);
}

static void write_mailboxes(int folder)
{
	char text[256] = "";

	for (size_t i = 0; i < SCENARIO_MAILBOXES; i++) {
		strncat(text, scenario_mailboxes[i], sizeof(text) - strlen(text) - 1);
		strncat(text, "\n", sizeof(text) - strlen(text) - 1);
	}
	write_file(folder, "mailboxes", text);
}

/* Delivery gets the mail root as a descriptor; its path means nothing. */
static const char configuration_text[] = "hostname = \"mx." SCENARIO_DOMAIN "\"\n"
					 "domains = { \"" SCENARIO_DOMAIN "\" }\n"
					 "mailboxes = \"/proc/self/cwd/mailboxes\"\n"
					 "aliases = \"\"\n"
					 "delivery { maildir = \"/mail/" SCENARIO_TEMPLATE "\" "
					 "reserve = 0 reserve-inodes = 0 }\n";

static void prepare_delivery(const struct experiment_settings *settings,
			     struct delivery_settings *delivery)
{
	struct configuration *configuration;
	struct problem problem;

	/* The files are reached by a path that needs no right to the folders above. */
	if (fchdir(settings->folder) != 0)
		fail_exit(EX_OSERR, "folder: %s", strerror(errno));
	write_mailboxes(settings->folder);
	write_file(settings->folder, "postern.conf", configuration_text);
	configuration = configuration_read("postern.conf", &problem);
	if (!configuration)
		fail_exit(EX_SOFTWARE, "%s", problem.text);
	delivery->program = settings->program;
	delivery->configuration = configuration_seal(configuration, &problem);
	delivery->tables = delivery->configuration < 0 ? -1 : tables_build(configuration, &problem);
	if (delivery->tables < 0)
		fail_exit(EX_OSERR, "%s", problem.text);
	configuration_free(configuration);
	delivery->log = memfd_create("log", MFD_CLOEXEC);
	if (delivery->log < 0 || fcntl(delivery->log, F_SETFL, O_APPEND) != 0)
		fail_exit(EX_OSERR, "log: %s", strerror(errno));
}

/* ---- the recording ---- */

/* The last lines of delivery's log: they say why it ended. */
static void print_log(int log)
{
	char text[2048];
	off_t end = lseek(log, 0, SEEK_END);
	off_t begin = end > (off_t)sizeof(text) ? end - (off_t)sizeof(text) : 0;
	ssize_t length = pread(log, text, sizeof(text), begin);

	if (length > 0)
		fwrite(text, 1, (size_t)length, stderr);
}

static void record(const struct experiment_settings *settings,
		   const struct delivery_settings *delivery, const struct scenario *scenario,
		   struct operations *operations)
{
	int root = scratch_make_folder(settings->folder, MAIL);
	struct problem problem;

	if (root < 0 || mkdirat(root, MARK, 0700) != 0)
		fail_exit(EX_CANTCREAT, "mail root: %s", strerror(errno));
	/* A delivery that hangs: the signal ends this process, and the tracer's end its own. */
	alarm(RECORDING_SECONDS);
	if (!recording_make(delivery, scenario, root, operations, &problem)) {
		print_log(delivery->log);
		fail_exit(EX_UNAVAILABLE, "%s", problem.text);
	}
	alarm(0);
	close(root);
	scratch_remove(settings->folder, MAIL);
}

/* ---- all of it ---- */

/* The recorded delivery, and what came of its states. */
struct experiment {
	struct operations operations;
	struct scenario scenario;
	struct trials_outcome outcome;
	struct second_crash second;
};

static void try_all(const struct experiment_settings *settings,
		    const struct delivery_settings *delivery, struct crash_states *states,
		    struct experiment *experiment)
{
	const struct trial_settings trial = { .operations = &experiment->operations,
					      .scenario = &experiment->scenario,
					      .delivery = delivery,
					      .folder = settings->folder };
	/* A fifth of them are second crashes. */
	size_t second = settings->states / 5;

	crash_states_choose(&experiment->operations, settings->states - second, settings->seed,
			    states);
	trials_run(&trial, states, &experiment->outcome);
	if (experiment->outcome.result == TRIAL_RIGHT)
		second_crash_run(&trial, states, second, settings->seed, &experiment->second);
}

/* The exit status. */
static int tell(const struct experiment *experiment, int64_t begun)
{
	const struct trials_outcome *first = &experiment->outcome;
	const struct second_crash *second = &experiment->second;
	bool is_wrong = first->result == TRIAL_WRONG || second->outcome.result == TRIAL_WRONG;

	if (first->result == TRIAL_FAILED)
		fail_exit(EX_IOERR, "%s", first->problem.text);
	if (first->result == TRIAL_RIGHT && second->outcome.result == TRIAL_FAILED)
		fail_exit(EX_IOERR, "recovery: %s", second->outcome.problem.text);
	report_counts(&experiment->operations, &experiment->scenario, first, second,
		      clock_steady() - begun);
	if (first->result == TRIAL_WRONG)
		report_wrong(&experiment->operations, first);
	else if (is_wrong)
		report_second_wrong(&experiment->operations, second);
	else
		puts("right: each acknowledged message is there, once and whole; nothing else is");
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return is_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

int experiment_run(const struct experiment_settings *settings)
{
	struct experiment experiment = { .outcome = { .result = TRIAL_FAILED } };
	int64_t begun = clock_steady();
	struct delivery_settings delivery;
	struct crash_states states;
	int status;

	signal(SIGPIPE, SIG_IGN);
	prepare_delivery(settings, &delivery);
	scenario_make(&experiment.scenario, settings->seed);
	record(settings, &delivery, &experiment.scenario, &experiment.operations);
	try_all(settings, &delivery, &states, &experiment);
	status = tell(&experiment, begun);
	free(experiment.outcome.wrong.outcomes);
	second_crash_free(&experiment.second);
	crash_states_free(&states);
	operations_free(&experiment.operations);
	scenario_free(&experiment.scenario);
	return status;
}
