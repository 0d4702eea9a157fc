/*
 * certificates.h - says in time which certificates end
 */
#ifndef POSTERN_MASTER_CERTIFICATES_H
#define POSTERN_MASTER_CERTIFICATES_H

#include "master/master.h"

/*
 * Logs the certificates of the current generation that end within 14 days, now and
 * from now on each day. To be called when a generation comes into force.
 */
void certificates_watch(struct master *master);

#endif
