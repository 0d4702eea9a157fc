/*
 * main.c - postern-delivery: writes messages into mailboxes
 *
 * Runs in: postern-delivery.  Privilege: the mail user's, from the start.
 * Distrusts: the workers (inbox.c).  Trusts: the master, which starts it with
 * the control channel as descriptor 3.
 */
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

#include <event2/event.h>

#include "common/confine/confine.h"
#include "common/fail/fail.h"
#include "common/frame/channel.h"
#include "delivery/control.h"
#include "delivery/inbox.h"

/*
 * A worker that is gone and a limit on file sizes come back as an errno. What
 * a terminal or a service manager sends to all processes of the group is the
 * master's to answer: it says STOP, after the workers have finished.
 */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

/* Timers to the microsecond: a commit may take less than a millisecond. */
static struct event_base *make_loop(void)
{
	struct event_config *settings = event_config_new();
	struct event_base *base = NULL;

	if (settings && event_config_set_flag(settings, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		base = event_base_new_with_config(settings);
	if (settings)
		event_config_free(settings);
	return base;
}

int main(void)
{
	struct event_base *base;

	confine_self(PROCESS_DELIVERY);
	ignore_signals();
	base = make_loop();
	if (!base || event_base_priority_init(base, PRIORITY_COUNT) != 0)
		fail_exit(EX_OSERR, "cannot make an event loop");
	control_run(base, CHANNEL_DESCRIPTOR);
	event_base_free(base);
	return EXIT_SUCCESS;
}
