/*
 * octet_model.h - which byte of a client belongs to a command and which to a message, counted a
 * second time
 *
 * Knows lines, BDAT with its size and the end of DATA, and nothing of SMTP's
 * states: what became of a command it takes from the engine. One byte at a
 * time, so that what the engine does with each can be held against it.
 */
#ifndef POSTERN_TESTS_OCTET_MODEL_H
#define POSTERN_TESTS_OCTET_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_LINE_MAX 256

enum model_place {
	MODEL_IN_LINE,
	MODEL_IN_REST,	/* of a faulty line: nobody reads it */
	MODEL_IN_CHUNK, /* behind BDAT */
	MODEL_IN_DATA,
	MODEL_LOST, /* behind a BDAT whose size is not known: the session must be closed */
};

struct octet_model {
	size_t command_line; /* longest, at most MODEL_LINE_MAX */
	bool lf_ends_lines;
	enum model_place place;
	char line[MODEL_LINE_MAX + 1];
	size_t used;	 /* of the line */
	bool rest_cr;	 /* the last byte of the rest was CR */
	uint64_t left;	 /* of the chunk */
	bool is_last;	 /* BDAT LAST */
	unsigned behind; /* CR LF . CR LF: so many of them came last */
};

/* What a byte has completed. */
enum model_event {
	MODEL_NOTHING,
	MODEL_COMMAND,	   /* model->line: without its end, a C string */
	MODEL_FAULTY,	   /* a line that is no command */
	MODEL_CHUNK,	   /* the octets of a BDAT */
	MODEL_END_OF_DATA, /* of DATA */
};

void model_begin(struct octet_model *model, size_t command_line, bool lf_ends_lines);
/* One byte more. A chunk without octets is complete with its command: model->left is 0. */
enum model_event model_byte(struct octet_model *model, char byte);
/* Behind a DATA that the engine has answered with 354. */
void model_data(struct octet_model *model);

#endif
