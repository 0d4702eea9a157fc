/*
 * data.c - the body that follows DATA (RFC 5321 4.1.1.4, 4.5.2) or comes by BDAT (RFC 3030)
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (they come from the Internet).  Trusts: nothing.
 *
 * There is one way only to reach the end of the data, IN_START -> IN_DOT ->
 * IN_DOT_CR -> ended, and IN_START is entered behind a CR LF only (that of the
 * DATA command included). A bare LF or CR leads to IN_LINE, whatever it is
 * taken for: a byte of its line that sets a fault, or the end of a line.
 *
 * Whole lines are found with memchr(3) and copied with memcpy(3); a line that
 * begins in one call and ends in another costs one step more. Each byte is
 * looked at a fixed number of times, whatever it is.
 */
#include "common/smtp/data.h"

#include <string.h>

#include "common/fail/fail.h"

/* What came last. */
enum data_state {
	IN_START,  /* CR LF */
	IN_LINE,   /* something else than CR, within a line; or a bare CR or LF */
	IN_CR,	   /* a CR within a line; it has not been handed out yet */
	IN_DOT,	   /* DOTTED only: CR LF . */
	IN_DOT_CR, /* DOTTED only: CR LF . CR; the CR has not been handed out yet */
	IN_BINARY, /* BINARY only, and for good: anything */
};

/* One call of smtp_data_decode(). */
struct decoding {
	struct smtp_data *data;
	const char *at, *end; /* input that is left */
	char *out;	      /* where the next byte of output goes */
};

void smtp_data_begin(struct smtp_data *data, const struct smtp_data_settings *settings)
{
	*data = (struct smtp_data){
		.settings = *settings,
		.state = settings->format == SMTP_FORMAT_BINARY ? IN_BINARY : IN_START,
	};
}

/* RFC 1870 section 3 and RFC 5321 4.5.3.1.6: CR LF counts, a dot that was doubled does not. */
static void count(struct smtp_data *data, size_t length)
{
	data->size += length;
	data->line += length;
	if (data->line > data->settings.line_limit)
		data->faults |= SMTP_DATA_LONG_LINE;
}

static void put(struct decoding *decoding, const char *bytes, size_t length)
{
	memcpy(decoding->out, bytes, length);
	decoding->out += length;
	count(decoding->data, length);
}

/* Whatever the line has ended in. */
static void put_newline(struct decoding *decoding)
{
	if (decoding->data->settings.newline == SMTP_NEWLINE_CRLF)
		*decoding->out++ = '\r';
	*decoding->out++ = '\n';
	count(decoding->data, 2);
	decoding->data->line = 0;
}

static void read_crlf(struct decoding *decoding)
{
	put_newline(decoding);
	decoding->data->state = IN_START;
}

/* A CR without LF or an LF without CR: it does not lead to IN_START. */
static void put_bare(struct decoding *decoding, char byte, enum smtp_data_fault fault)
{
	if (decoding->data->settings.endings == SMTP_LINES_NORMALISE) {
		put_newline(decoding);
	} else {
		decoding->data->faults |= fault;
		put(decoding, &byte, 1);
	}
}

/* Text of a line up to an LF or to the end of the input: a CR in it has no LF behind it. */
static void put_text(struct decoding *decoding, const char *text, size_t length)
{
	const char *end = text + length;
	const char *cr;

	while ((cr = memchr(text, '\r', (size_t)(end - text)))) {
		put(decoding, text, (size_t)(cr - text));
		put_bare(decoding, '\r', SMTP_DATA_BARE_CR);
		text = cr + 1;
	}
	put(decoding, text, (size_t)(end - text));
}

/* A CR was held back, and what follows it is not LF. */
static void put_held_cr(struct decoding *decoding)
{
	put_bare(decoding, '\r', SMTP_DATA_BARE_CR);
	decoding->data->state = IN_LINE;
}

/* The input ends within a line. */
static void read_open_line(struct decoding *decoding)
{
	const char *text = decoding->at;
	size_t length = (size_t)(decoding->end - text);

	decoding->at = decoding->end;
	if (text[length - 1] == '\r') {
		decoding->data->state = IN_CR;
		length--;
	}
	put_text(decoding, text, length);
}

static void read_line(struct decoding *decoding)
{
	const char *text = decoding->at;
	const char *newline = memchr(text, '\n', (size_t)(decoding->end - text));
	size_t length;

	if (!newline) {
		read_open_line(decoding);
		return;
	}
	decoding->at = newline + 1;
	length = (size_t)(newline - text);
	if (length > 0 && text[length - 1] == '\r') {
		put_text(decoding, text, length - 1);
		read_crlf(decoding);
	} else {
		put_text(decoding, text, length);
		put_bare(decoding, '\n', SMTP_DATA_BARE_LF);
	}
}

static void read_start(struct decoding *decoding)
{
	if (*decoding->at == '.' && decoding->data->settings.format == SMTP_FORMAT_DOTTED) {
		decoding->at++;
		decoding->data->state = IN_DOT;
	} else {
		decoding->data->state = IN_LINE;
	}
}

static void read_behind_cr(struct decoding *decoding)
{
	if (*decoding->at == '\n') {
		decoding->at++;
		read_crlf(decoding);
	} else {
		put_held_cr(decoding);
	}
}

/* RFC 5321 4.5.2: a dot with anything behind it is dropped, whether it was doubled or not. */
static void read_behind_dot(struct decoding *decoding)
{
	if (*decoding->at == '\r') {
		decoding->at++;
		decoding->data->state = IN_DOT_CR;
	} else {
		decoding->data->state = IN_LINE;
	}
}

static void read_behind_dot_cr(struct decoding *decoding)
{
	if (*decoding->at == '\n') {
		decoding->at++;
		decoding->data->ended = true;
	} else {
		put_held_cr(decoding);
	}
}

/* RFC 3030 3: bytes without lines. */
static void read_binary(struct decoding *decoding)
{
	size_t length = (size_t)(decoding->end - decoding->at);

	memcpy(decoding->out, decoding->at, length);
	decoding->out += length;
	decoding->at = decoding->end;
	decoding->data->size += length;
}

/* What to do with the next byte or bytes; there is at least one. */
static void (*const readers[])(struct decoding *decoding) = {
	[IN_START] = read_start,	  [IN_LINE] = read_line,
	[IN_CR] = read_behind_cr,	  [IN_DOT] = read_behind_dot,
	[IN_DOT_CR] = read_behind_dot_cr, [IN_BINARY] = read_binary,
};

size_t smtp_data_decode(struct smtp_data *data, const char *in, size_t length, char *out,
			size_t *written)
{
	struct decoding decoding = { data, in, in + length, out };
	size_t used;

	while (!data->ended && decoding.at < decoding.end)
		readers[data->state](&decoding);
	used = (size_t)(decoding.at - in);
	if (used > 0 && data->state != IN_BINARY && memchr(in, '\0', used))
		data->faults |= SMTP_DATA_NUL;
	*written = (size_t)(decoding.out - out);
	return used;
}

void smtp_data_end(struct smtp_data *data, char *out, size_t *written)
{
	struct decoding decoding = { .data = data, .out = out };

	require(data->settings.format != SMTP_FORMAT_DOTTED);
	if (data->state == IN_CR)
		put_held_cr(&decoding);
	data->ended = true;
	*written = (size_t)(decoding.out - out);
}
