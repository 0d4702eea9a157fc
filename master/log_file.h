/*
 * log_file.h - opens what `log { to = ... }` names
 */
#ifndef POSTERN_MASTER_LOG_FILE_H
#define POSTERN_MASTER_LOG_FILE_H

#include "common/configuration/configuration.h"
#include "common/confine/confine.h"
#include "common/log/log.h"

/*
 * Opens standard error, a file (made with mode 0640; root gives it to `owner`)
 * or the socket of syslog. False with *problem set.
 */
bool log_file_open(const struct configuration *configuration, const struct identity *owner,
		   struct log_settings *settings, struct problem *problem);

/* Closes it, unless it is standard error. */
void log_file_close(struct log_settings *settings);

#endif
