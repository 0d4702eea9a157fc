/*
 * certificates.c - says in time which certificates end
 *
 * Runs in: posternd.  Privilege: none needed.
 * Trusts: the sealed file of its generation.
 */
#include "master/certificates.h"

#include "common/tls/seal.h"

#define DAY_SECONDS 86400
#define WARNING_DAYS 14

static void log_ending(void *context, const struct tls_ending *ending)
{
	int64_t days = ending->left / DAY_SECONDS;
	struct log_line line;

	(void)context;
	if (ending->left < 0) /* -1 on the first day after its end */
		days--;
	log_begin(&line, EVENT_CERTIFICATE, NULL);
	log_text(&line, "file", ending->file);
	log_text(&line, "name", *ending->name ? ending->name : NULL);
	log_number(&line, "days", days);
	log_end(&line);
}

static void look(struct master *master)
{
	const struct timeval day = { .tv_sec = DAY_SECONDS };

	tls_each_ending(master->current->tls, clock_now() / SECOND, WARNING_DAYS, log_ending, NULL);
	evtimer_add(&master->certificates, &day);
}

static void on_day(evutil_socket_t descriptor, short events, void *argument)
{
	(void)descriptor;
	(void)events;
	look(argument);
}

void certificates_watch(struct master *master)
{
	if (!event_initialized(&master->certificates))
		evtimer_assign(&master->certificates, master->base, on_day, master);
	look(master);
}
