/*
 * activation.h - sockets that the service manager has bound: sd_listen_fds(3)
 */
#ifndef POSTERN_MASTER_ACTIVATION_H
#define POSTERN_MASTER_ACTIVATION_H

#include <stdbool.h>

#include "common/fail/fail.h"
#include "master/listen.h"

/* Closes what whoever started this process has left open, but for those sockets. */
void activation_close_others(void);

/*
 * Takes the sockets that LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES describe
 * (none where these are not for this process) and checks that each is a
 * listening TCP socket, or a unix stream socket with a path. They are moved away from the low
 * numbers, non-blocking and close-on-exec. False with *problem set.
 */
bool activation_take(struct socket_set *available, struct problem *problem);

#endif
