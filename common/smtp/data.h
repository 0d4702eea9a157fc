/*
 * data.h - the body that follows DATA (RFC 5321 4.1.1.4, 4.5.2) or comes by BDAT (RFC 3030)
 *
 * Finds the end, which is CR LF . CR LF and nothing else, removes the dots
 * that the client has doubled, and notes every byte that must not be there. A
 * faulty body is read to its real end all the same, so that what follows it is
 * never taken for commands.
 */
#ifndef POSTERN_COMMON_SMTP_DATA_H
#define POSTERN_COMMON_SMTP_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum smtp_data_fault {
	SMTP_DATA_BARE_LF = 1,
	SMTP_DATA_BARE_CR = 2,
	SMTP_DATA_NUL = 4,
	SMTP_DATA_LONG_LINE = 8,
};

/* How the message comes. */
enum smtp_data_format {
	SMTP_FORMAT_DOTTED,  /* DATA: dots are doubled, CR LF . CR LF is the end */
	SMTP_FORMAT_CHUNKED, /* BDAT, text: a dot is a byte like others, the caller knows the end */
	SMTP_FORMAT_BINARY, /* BDAT with BODY=BINARYMIME: handed out as it comes, without a fault */
};

/* What a CR without LF and an LF without CR are. RFC 5321 2.3.8 knows neither. */
enum smtp_line_endings {
	SMTP_LINES_STRICT,    /* a fault */
	SMTP_LINES_NORMALISE, /* the end of a line of the message, but no part of its end: a dot
			       * behind it is neither removed nor the last */
};

enum smtp_newline { SMTP_NEWLINE_CRLF, SMTP_NEWLINE_LF };

struct smtp_data_settings {
	enum smtp_data_format format;
	enum smtp_line_endings endings; /* not for BINARY, as little as the next two */
	enum smtp_newline newline;	/* how a line ends in what is handed out */
	size_t line_limit;		/* longest line, its CR LF included; RFC 5321 4.5.3.1.6 */
};

struct smtp_data {
	struct smtp_data_settings settings;
	int state;     /* of data.c */
	size_t line;   /* bytes in the line so far */
	uint64_t size; /* bytes of the message as RFC 1870 3 counts them, each line end as CR LF */
	unsigned faults; /* enum smtp_data_fault */
	bool ended;	 /* CR LF . CR LF has been read, or smtp_data_end() called */
};

/* `settings` is copied. */
void smtp_data_begin(struct smtp_data *data, const struct smtp_data_settings *settings);

/*
 * Room for what comes of `length` bytes of input. With SMTP_LINES_NORMALISE and
 * SMTP_NEWLINE_CRLF a bare LF or CR becomes two bytes, and a CR may be held
 * back, owed as two: let D be 2 when one is held and 0 otherwise. A byte that
 * is CR puts out D and leaves 2 owed; an LF behind the CR puts out the 2; any
 * other LF puts out 2; any other byte D + 1. So each adds at most 2 to what is
 * put out or owed, and at most 2 were owed before: never more than 2 * length
 * + 2. Otherwise one byte becomes one, and length + 1 would do.
 */
#define SMTP_DATA_ROOM(length) (2 * (length) + 2)

/*
 * Decodes `length` bytes into `out`, which has SMTP_DATA_ROOM(length) bytes and
 * does not overlap `in`; *written is how many it used. Returns how many input
 * bytes were consumed: all, or up to the end of the data. With SMTP_NEWLINE_LF a
 * message that has a fault is handed out in some form (the caller rejects it
 * anyway). However the input is split, in chunks of BDAT too, the same bytes
 * come out.
 */
size_t smtp_data_decode(struct smtp_data *data, const char *in, size_t length, char *out,
			size_t *written);

/*
 * Says that the last chunk is over (BDAT LAST, RFC 3030 2). A CR that came last
 * is a bare one now: `out`, which has SMTP_DATA_ROOM(0) bytes, takes what it is
 * handed out as, *written is how many. A last line without CR LF stays without.
 * Not to be called for SMTP_FORMAT_DOTTED, whose end is in its bytes: that is impossible().
 */
void smtp_data_end(struct smtp_data *data, char *out, size_t *written);

#endif
