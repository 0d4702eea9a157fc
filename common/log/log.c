/*
 * log.c - the log: one line for each event, key=value or JSON
 *
 * Runs in: every process.  Privilege: that of the process; the descriptor was
 * opened by the master.
 * Distrusts: every value it is given: it may come from the network.
 */
#include "common/log/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#define EVENT_ROW(name, level, keys, sentence) \
	[EVENT_##name] = { #name, LEVEL_##level, keys, sentence },

static const struct log_event_description descriptions[LOG_EVENT_COUNT] = { LOG_EVENTS(EVENT_ROW) };

/* RFC 5424 6.2.1 severities by level. */
static const int priorities[] = {
	[LEVEL_ERROR] = LOG_ERR, [LEVEL_WARNING] = LOG_WARNING, [LEVEL_NOTICE] = LOG_NOTICE,
	[LEVEL_INFO] = LOG_INFO, [LEVEL_TRACE] = LOG_DEBUG,
};

static struct log_settings settings = { .descriptor = STDERR_FILENO };
static char program_name[32] = "postern";
static unsigned long lost;

const struct log_event_description *log_event_describe(enum log_event event)
{
	return &descriptions[event];
}

void log_open(const char *program, const struct log_settings *new_settings)
{
	snprintf(program_name, sizeof(program_name), "%s", program);
	settings = *new_settings;
}

bool log_is_verbose(void)
{
	return settings.verbose;
}

unsigned long log_lost(void)
{
	unsigned long count = lost;

	lost = 0;
	return count;
}

static int64_t clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now(void)
{
	return clock_read(CLOCK_REALTIME);
}

int64_t clock_steady(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* The line always has room for one more character and its newline. */
static bool has_room(const struct log_line *line, size_t length)
{
	return line->used + length < sizeof(line->text) - 2;
}

/* So many of `length` bytes as there is room for. */
static size_t fitting(const struct log_line *line, size_t length)
{
	size_t most = sizeof(line->text) - 3 - line->used;

	return length < most ? length : most;
}

static void append(struct log_line *line, const char *bytes, size_t length)
{
	if (!has_room(line, length))
		return;
	memcpy(line->text + line->used, bytes, length);
	line->used += length;
}

/* Printable ASCII without what has a meaning in key=value or in a quoted value. */
static bool is_plain(unsigned char byte)
{
	return byte > ' ' && byte < 127 && byte != '"' && byte != '=' && byte != '\\';
}

static bool needs_quotes(const unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_plain(bytes[i]))
			return true;
	return length == 0;
}

/* Control bytes, DEL and everything above become \xNN: no terminal escape, no bidi override. */
static void append_escaped(struct log_line *line, unsigned char byte)
{
	char escaped[5];

	if (is_plain(byte) || byte == ' ' || byte == '=')
		append(line, (const char *)&byte, 1);
	else if (byte == '"' || byte == '\\')
		append(line, (const char[]){ '\\', (char)byte }, 2);
	else
		append(line, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\x%02x", byte));
}

static void append_value(struct log_line *line, const unsigned char *bytes, size_t length)
{
	if (!needs_quotes(bytes, length)) {
		append(line, (const char *)bytes, fitting(line, length));
		return;
	}
	append(line, "\"", 1);
	for (size_t i = 0; i < length && has_room(line, 8); i++)
		append_escaped(line, bytes[i]);
	append(line, "\"", 1);
}

static void append_key(struct log_line *line, const char *key)
{
	append(line, " ", 1);
	append(line, key, strlen(key));
	append(line, "=", 1);
}

/* JSON wants UTF-8: what the text form escapes is escaped the same way inside the string. */
static json_t *json_value(const unsigned char *bytes, size_t length)
{
	struct log_line escaped = { .used = 0 };

	for (size_t i = 0; i < length && has_room(&escaped, 8); i++) {
		if (bytes[i] == '"')
			append(&escaped, "\"", 1);
		else
			append_escaped(&escaped, bytes[i]);
	}
	return json_stringn(escaped.text, escaped.used);
}

static void time_text(char *text, size_t size, int64_t now)
{
	time_t seconds = (time_t)(now / 1000000);
	struct tm date;
	size_t used;

	gmtime_r(&seconds, &date);
	used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &date);
	snprintf(text + used, size - used, ".%06dZ", (int)(now % 1000000));
}

static void lower_case(char *text, size_t size, const char *name)
{
	size_t i;

	for (i = 0; i < size - 1 && name[i]; i++)
		text[i] = name[i] == '_'		     ? '-'
			  : name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a')
							     : name[i];
	text[i] = '\0';
}

/* What stands in front of the keys: for syslog RFC 3164 4.1, else time, program and pid. */
static void begin_text(struct log_line *line, const char *when)
{
	int written;

	if (settings.is_syslog) {
		char date[32];
		time_t now = time(NULL);
		struct tm local;

		strftime(date, sizeof(date), "%b %e %H:%M:%S", localtime_r(&now, &local));
		written = snprintf(line->text, sizeof(line->text), "<%d>%s %s[%d]:",
				   LOG_MAIL | priorities[descriptions[line->event].level], date,
				   program_name, (int)getpid());
	} else {
		written = snprintf(line->text, sizeof(line->text), "%s %s[%d]:", when, program_name,
				   (int)getpid());
	}
	line->used = (size_t)written;
}

void log_begin(struct log_line *line, enum log_event event, const char *session)
{
	const struct log_event_description *row = &descriptions[event];
	char when[40];
	char name[32];

	line->event = event;
	line->used = 0;
	line->json = NULL;
	line->wanted = row->level != LEVEL_TRACE || settings.verbose;
	if (!line->wanted)
		return;
	time_text(when, sizeof(when), clock_now());
	lower_case(name, sizeof(name), row->name);
	if (settings.format == LOG_JSON) {
		line->json = json_object();
		log_text(line, "time", when);
		log_text(line, "logger", program_name);
		log_number(line, "logger-pid", getpid());
	} else {
		begin_text(line, when);
	}
	log_text(line, "event", name);
	log_text(line, "session", session);
}

void log_bytes(struct log_line *line, const char *key, const void *bytes, size_t length)
{
	if (!line->wanted)
		return;
	if (line->json) {
		json_object_set_new(line->json, key, json_value(bytes, length));
		return;
	}
	if (!has_room(line, strlen(key) + 8))
		return;
	append_key(line, key);
	append_value(line, bytes, length);
}

void log_text(struct log_line *line, const char *key, const char *value)
{
	if (value)
		log_bytes(line, key, value, strlen(value));
}

void log_lower(struct log_line *line, const char *key, const char *value)
{
	char lowered[128];

	lower_case(lowered, sizeof(lowered), value);
	log_text(line, key, lowered);
}

void log_number(struct log_line *line, const char *key, long long value)
{
	char digits[24];

	if (!line->wanted)
		return;
	if (line->json) {
		json_object_set_new(line->json, key, json_integer(value));
		return;
	}
	log_bytes(line, key, digits, (size_t)snprintf(digits, sizeof(digits), "%lld", value));
}

void log_seconds(struct log_line *line, const char *key, int64_t microseconds)
{
	char digits[40];

	if (!line->wanted)
		return;
	if (microseconds < 0)
		microseconds = 0;
	if (line->json) {
		json_object_set_new(line->json, key, json_real((double)microseconds / 1e6));
		return;
	}
	log_bytes(line, key, digits,
		  (size_t)snprintf(digits, sizeof(digits), "%" PRId64 ".%06" PRId64,
				   microseconds / 1000000, microseconds % 1000000));
}

void log_format(struct log_line *line, const char *key, const char *format, ...)
{
	char value[LOG_LINE_SIZE];
	va_list arguments;

	if (!line->wanted)
		return;
	va_start(arguments, format);
	vsnprintf(value, sizeof(value), format, arguments);
	va_end(arguments);
	log_text(line, key, value);
}

static const char *longest_key(json_t *object)
{
	const char *key, *longest = NULL;
	size_t length = 0;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (json_string_length(value) > length) {
			length = json_string_length(value);
			longest = key;
		}
	}
	return longest;
}

/* The JSON object as text; for syslog behind the usual prefix. What makes it too long is left out.
 */
static void write_json(struct log_line *line)
{
	size_t room, length;

	if (settings.is_syslog) {
		begin_text(line, "");
		append(line, " ", 1);
	}
	room = sizeof(line->text) - 2 - line->used;
	for (;;) {
		length = json_dumpb(line->json, line->text + line->used, room,
				    JSON_COMPACT | JSON_ENSURE_ASCII);
		if (length <= room || !longest_key(line->json))
			break;
		json_object_del(line->json, longest_key(line->json));
	}
	json_decref(line->json);
	line->json = NULL;
	line->used += length <= room ? length : 0;
}

/* After a line that took too long, none waits for the syslog daemon for so many microseconds. */
#define STALL 10000000

/*
 * One datagram. The socket's own time-out (SO_SNDTIMEO) bounds the wait for a
 * daemon that is slow; while one hangs, lines are lost, and mail goes on.
 */
static ssize_t send_line(const struct log_line *line)
{
	static int64_t stalled_until;
	int64_t begun = clock_steady();
	int flags = MSG_NOSIGNAL | (begun < stalled_until ? MSG_DONTWAIT : 0);
	ssize_t sent;

	do {
		sent = send(settings.descriptor, line->text, line->used, flags);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno == EAGAIN && !(flags & MSG_DONTWAIT))
		stalled_until = clock_steady() + STALL;
	return sent;
}

/* A line that a full disk has cut is ended before the next one begins. */
static ssize_t write_line(const struct log_line *line)
{
	static bool was_cut;
	ssize_t written;

	if (was_cut && write(settings.descriptor, "\n", 1) == 1)
		was_cut = false;
	do {
		written = write(settings.descriptor, line->text, line->used);
	} while (written < 0 && errno == EINTR);
	if (written < 0 || (size_t)written == line->used)
		return written;
	was_cut = true;
	return -1;
}

void log_end(struct log_line *line)
{
	int saved = errno;
	ssize_t written;

	if (!line->wanted)
		return;
	if (line->json)
		write_json(line);
	if (!settings.is_syslog)
		line->text[line->used++] = '\n';
	written = settings.is_syslog ? send_line(line) : write_line(line);
	if (written < 0)
		lost++;
	errno = saved;
}

void log_event_text(enum log_event event, const char *key, const char *value)
{
	struct log_line line;

	log_begin(&line, event, NULL);
	log_text(&line, key, value);
	log_end(&line);
}

void log_started(uint32_t serial)
{
	struct log_line line;

	log_begin(&line, EVENT_START, NULL);
	log_text(&line, "program", program_name);
	log_number(&line, "pid", getpid());
	log_number(&line, "serial", serial);
	log_number(&line, "user", getuid());
	log_text(&line, "version", POSTERN_VERSION);
	log_end(&line);
}
