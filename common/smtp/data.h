/*
 * data.h - the body that follows DATA (RFC 5321 4.1.1.4, 4.5.2)
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

enum smtp_newline { SMTP_NEWLINE_CRLF, SMTP_NEWLINE_LF };

struct smtp_data {
	enum smtp_newline newline; /* how a line ends in what is handed out */
	size_t line_limit;	   /* longest line, its CR LF included; RFC 5321 4.5.3.1.6 */
	int state;		   /* of data.c */
	size_t line;		   /* bytes in the line so far */
	uint64_t size;		   /* bytes of the message as RFC 1870 3 counts them */
	unsigned faults;	   /* enum smtp_data_fault */
	bool ended;		   /* CR LF . CR LF has been read */
};

void smtp_data_begin(struct smtp_data *data, enum smtp_newline newline, size_t line_limit);

/* Room that smtp_data_decode needs for `length` bytes of input. */
#define SMTP_DATA_ROOM(length) ((length) + 4)

/*
 * Decodes `length` bytes into `out`, which has SMTP_DATA_ROOM(length) bytes and
 * does not overlap `in`; *written is how many it used. Returns how many input bytes were consumed:
 * all, or up to the end of the data. With SMTP_NEWLINE_LF a message that has a
 * fault is handed out in some form (the caller rejects it anyway). However the
 * input is split, the same bytes come out.
 */
size_t smtp_data_decode(struct smtp_data *data, const char *in, size_t length, char *out,
			size_t *written);

#endif
