/*
 * log.h - the log: one line for each event, key=value or JSON
 *
 * A line is built key by key in the order given and written with one write(2)
 * (one datagram for syslog). Nothing from the network is written unescaped:
 * log_bytes() takes any bytes. A line is cut at LOG_LINE_SIZE, never split (of a JSON object
 * the longest value is left out instead, so that it stays one).
 * The events and the keys they may bear stand in events.h.
 */
#ifndef POSTERN_COMMON_LOG_H
#define POSTERN_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log/events.h"

#define LOG_LINE_SIZE 4096

#define LOG_EVENT_NAME(name, level, keys, sentence) EVENT_##name,
enum log_event { LOG_EVENTS(LOG_EVENT_NAME) LOG_EVENT_COUNT };
#undef LOG_EVENT_NAME

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE, LEVEL_INFO, LEVEL_TRACE };

struct log_event_description {
	const char *name; /* as behind event=, lower case */
	enum log_level level;
	const char *keys;
	const char *sentence;
};

/* The row of the event table; the event must be below LOG_EVENT_COUNT. */
const struct log_event_description *log_event_describe(enum log_event event);

enum log_format { LOG_KEY_VALUE, LOG_JSON };

struct log_settings {
	int descriptor; /* a file, a terminal or a connected syslog socket */
	bool is_syslog; /* write datagrams with a priority in front (RFC 3164 4.1) */
	enum log_format format;
	bool verbose; /* write events of level TRACE too */
};

/*
 * Opens the log of this process. `program` names it in each line. Before the
 * first call lines go to standard error. May be called again, for a new
 * descriptor; the old one is not closed.
 */
void log_open(const char *program, const struct log_settings *settings);

/* Whether events of level TRACE are written: saves building their lines. */
bool log_is_verbose(void);

/* How many lines could not be written since the last call (a syslog daemon that went away). */
unsigned long log_lost(void);

struct json_t;

struct log_line {
	enum log_event event;
	bool wanted; /* false: every log_* call for this line does nothing */
	size_t used;
	struct json_t *json;
	char text[LOG_LINE_SIZE];
};

/* Begins a line; `session` may be NULL. */
void log_begin(struct log_line *line, enum log_event event, const char *session);
/* A value of our own or a C string from anywhere; NULL writes nothing. Escaped. */
void log_text(struct log_line *line, const char *key, const char *value);
/* As log_text, in lower case and with "-" for "_": for names of tables. */
void log_lower(struct log_line *line, const char *key, const char *value);
/* Any bytes, escaped. */
void log_bytes(struct log_line *line, const char *key, const void *bytes, size_t length);
void log_number(struct log_line *line, const char *key, long long value);
/* A duration in microseconds, written in seconds with six decimals. */
void log_seconds(struct log_line *line, const char *key, int64_t microseconds);
void log_format(struct log_line *line, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Writes the line. Keeps errno. */
void log_end(struct log_line *line);

/* Shorthand for a line with one text value. */
void log_event_text(enum log_event event, const char *key, const char *value);

/* EVENT_START for a child of the master: the program is that of log_open(). */
void log_started(uint32_t serial);

/* Microseconds since 1970 (CLOCK_REALTIME) and of a clock that never goes back. */
int64_t clock_now(void);
int64_t clock_steady(void);

#endif
