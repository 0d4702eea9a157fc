/*
 * main.c - postern-worker: speaks SMTP with the Internet
 *
 * Runs in: postern-worker.  Privilege: none from the first instruction on.
 * Distrusts: everybody but the master.
 *
 * Started by posternd only: it finds the control channel at CHANNEL_DESCRIPTOR
 * and gets everything else through it.
 */
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "common/confine/confine.h"
#include "common/fail/fail.h"
#include "common/frame/channel.h"
#include "common/log/log.h"
#include "worker/control.h"
#include "worker/worker.h"

/* How often the log is asked whether lines were lost, in seconds. */
#define LOG_INTERVAL 1

static void on_log_interval(int descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	(void)context;
	if (log_lost())
		channel_send(CHANNEL_DESCRIPTOR, MESSAGE_LOG_LOST, NULL, NULL, 0);
}

/* The terminal's signals are for the master, which tells us. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2 };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

static struct event_base *make_loop(void)
{
	struct event_config *settings = event_config_new();
	struct event_base *loop;

	if (!settings)
		fail_exit(EX_OSERR, "out of memory");
	event_config_set_flag(settings, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	loop = event_base_new_with_config(settings);
	event_config_free(settings);
	if (!loop)
		fail_exit(EX_OSERR, "no event loop");
	return loop;
}

int main(void)
{
	static const struct timeval interval = { LOG_INTERVAL, 0 };
	static struct worker worker; /* 64 KiB of it is the input buffer */
	struct event log_interval;

	confine_self(PROCESS_WORKER);
	ignore_signals();
	worker.loop = make_loop();
	worker.reserve = dup(STDIN_FILENO);
	LIST_INIT(&worker.listeners);
	LIST_INIT(&worker.sessions);
	control_start(&worker);
	event_assign(&log_interval, worker.loop, -1, EV_PERSIST, on_log_interval, NULL);
	event_add(&log_interval, &interval);
	event_base_dispatch(worker.loop);
	return EX_OK;
}
