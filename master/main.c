/*
 * main.c - posternd: starts the processes of postern and watches over them
 *
 * Runs in: posternd.  Privilege: root until its sockets, files and folders are
 * open, then its own user with the capabilities of its row in processes.c.
 * Distrusts: its children.  Trusts: who starts it, and the configuration's author.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "master/activation.h"
#include "master/background.h"
#include "master/master.h"
#include "master/pid_file.h"
#include "master/place.h"
#include "master/prepare.h"
#include "master/programs.h"
#include "master/reload.h"
#include "master/show.h"
#include "master/stop.h"
#include "master/supervise.h"

/* ---- signals: libevent delivers them within the loop ---- */

static void on_terminate(evutil_socket_t number, short events, void *argument)
{
	(void)number;
	(void)events;
	stop_request(argument, "TERM");
}

static void on_interrupt(evutil_socket_t number, short events, void *argument)
{
	(void)number;
	(void)events;
	stop_request(argument, "INT");
}

static void on_hangup(evutil_socket_t number, short events, void *argument)
{
	(void)number;
	(void)events;
	reload_request(argument);
}

static void on_child(evutil_socket_t number, short events, void *argument)
{
	(void)number;
	(void)events;
	supervise_reap(argument);
}

static const struct {
	int number;
	event_callback_fn handle;
} signal_table[MASTER_SIGNALS] = {
	{ SIGTERM, on_terminate },
	{ SIGINT, on_interrupt },
	{ SIGHUP, on_hangup },
	{ SIGCHLD, on_child },
};

static void watch_signals(struct master *master)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < MASTER_SIGNALS; i++) {
		evsignal_assign(&master->signals[i], master->base, signal_table[i].number,
				signal_table[i].handle, master);
		if (event_add(&master->signals[i], NULL) != 0)
			fail_exit(EX_OSERR, "cannot watch signals");
	}
}

static struct event_base *make_event_base(void)
{
	struct event_config *settings = event_config_new();
	struct event_base *base = NULL;

	/* The environment is not asked which mechanism to use. */
	if (settings && event_config_set_flag(settings, EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
	    event_config_set_flag(settings, EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(settings);
	if (settings)
		event_config_free(settings);
	if (!base)
		fail_exit(EX_OSERR, "cannot make an event loop");
	return base;
}

/* ---- start ---- */

/* Whatever is opened later must not become a standard stream by chance. */
static void fill_standard_streams(void)
{
	int descriptor;

	do {
		descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (descriptor >= 0 && descriptor <= STDERR_FILENO);
	if (descriptor < 0)
		fail_exit(EX_OSERR, "/dev/null: %s", strerror(errno));
	close(descriptor);
	for (int standard = 0; standard <= STDERR_FILENO; standard++)
		fcntl(standard, F_SETFD, 0);
}

/* A reload reads the file again, from wherever the daemon is then. */
static const char *absolute_path(const char *path)
{
	char folder[PATH_MAX], absolute[2 * PATH_MAX];

	if (path[0] == '/' || !getcwd(folder, sizeof(folder)))
		return path;
	if (snprintf(absolute, sizeof(absolute), "%s/%s", folder, path) >= (int)sizeof(absolute))
		fail_exit(EX_USAGE, "%s: the path is too long", path);
	return must_copy(absolute);
}

static void log_start(const struct master *master)
{
	const struct passwd *user = getpwuid(master->identities[PROCESS_MASTER].user);
	struct log_line line;

	log_begin(&line, EVENT_START, NULL);
	log_text(&line, "program", getprogname());
	log_number(&line, "pid", getpid());
	if (user)
		log_text(&line, "user", user->pw_name);
	else
		log_number(&line, "user", master->identities[PROCESS_MASTER].user);
	log_text(&line, "version", POSTERN_VERSION);
	log_end(&line);
}

static void master_init(struct master *master)
{
	master->born = clock_steady();
	master->is_root = geteuid() == 0;
	master->scoreboard_descriptor = -1;
	master->remember = -1;
	TAILQ_INIT(&master->children);
	TAILQ_INIT(&master->old);
	master->null = open_high("/dev/null", O_RDWR);
	if (master->null < 0)
		fail_exit(EX_OSERR, "/dev/null: %s", strerror(errno));
	master->base = make_event_base();
	place_init(&master->delivery, master, NULL, PROCESS_DELIVERY);
}

static struct generation *prepare_or_fail(struct master *master, enum occasion occasion)
{
	struct problem problem;
	int status;
	struct generation *generation = prepare_generation(master, occasion, &status, &problem);

	if (!generation)
		fail_exit(status, "%s", problem.text);
	return generation;
}

static int check(struct master *master)
{
	struct generation *generation = prepare_or_fail(master, AT_CHECK);

	show_configuration(stdout, master->line.configuration, generation->configuration);
	generation_free(generation);
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

/* ---- run and end ---- */

static void free_generations(struct master *master)
{
	struct generation *generation;

	while ((generation = TAILQ_FIRST(&master->old))) {
		TAILQ_REMOVE(&master->old, generation, entry);
		generation_free(generation);
	}
	generation_free(master->next);
	generation_free(master->current);
}

static void log_end_of_master(const struct master *master)
{
	struct log_line line;

	log_begin(&line, EVENT_END, NULL);
	log_text(&line, "program", getprogname());
	log_number(&line, "pid", getpid());
	log_number(&line, "status", master->exit_status);
	log_seconds(&line, "took", clock_steady() - master->born);
	log_end(&line);
}

static int serve(struct master *master)
{
	struct problem problem;

	master->current = prepare_or_fail(master, AT_START);
	log_start(master);
	if (!supervise_start(master, &problem))
		fail_exit(EX_OSERR, "%s", problem.text);
	if (event_base_dispatch(master->base) != 0)
		fail_exit(EX_SOFTWARE, "the event loop failed");
	log_end_of_master(master);
	pid_file_remove(master->pid_file);
	return master->exit_status;
}

int main(int count, char **arguments)
{
	static struct master master;
	struct problem problem;
	int status;

	activation_close_others();
	fill_standard_streams();
	umask(022);
	master.line = command_line_parse(count, arguments);
	master.line.configuration = absolute_path(master.line.configuration);
	if (!activation_take(&master.activated, &problem))
		fail_exit(EX_CONFIG, "%s", problem.text);
	master.waiting = -1;
	if (!master.line.foreground && !master.line.check)
		master.waiting = background_enter();
	master_init(&master);
	if (master.line.check)
		return check(&master);
	watch_signals(&master);
	status = serve(&master);
	free_generations(&master);
	return status;
}
