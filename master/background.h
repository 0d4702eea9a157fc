/*
 * background.h - the daemon, and the one who waits until it listens
 */
#ifndef POSTERN_MASTER_BACKGROUND_H
#define POSTERN_MASTER_BACKGROUND_H

/*
 * Goes on in a new process of a session of its own. Returns there the
 * descriptor for background_tell_ready(). The process that called waits and
 * ends: with 0 when the daemon is ready, else with the daemon's status; so
 * `posternd && echo listens` says the truth. Ends the program (EX_OSERR)
 * where it cannot.
 */
int background_enter(void);

/* The daemon is ready: lets the waiting process end, and the terminal go. */
void background_tell_ready(int descriptor);

#endif
