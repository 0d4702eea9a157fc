/*
 * notify.h - tells the service manager how it goes: sd_notify(3)
 */
#ifndef POSTERN_MASTER_NOTIFY_H
#define POSTERN_MASTER_NOTIFY_H

/*
 * Sends `state` ("READY=1") to the socket that NOTIFY_SOCKET names, and does
 * nothing where there is none. A service manager that does not listen is no
 * reason to stop, so there is no error.
 */
void notify_service_manager(const char *state);

/* RELOADING=1 with the time that Type=notify-reload asks for. */
void notify_reloading(void);

#endif
