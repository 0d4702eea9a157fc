/*
 * octet_model.c - which byte of a client belongs to a command and which to a message, counted a
 * second time
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Distrusts: every byte.
 */
#include "tests/fuzz/octet_model.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fail/fail.h"

void model_begin(struct octet_model *model, size_t command_line, bool lf_ends_lines)
{
	require(command_line <= MODEL_LINE_MAX);
	*model = (struct octet_model){ .command_line = command_line,
				       .lf_ends_lines = lf_ends_lines };
}

/* "BDAT", and not "BDATA". */
static bool is_bdat(const char *line, size_t length)
{
	return length >= 4 && strncasecmp(line, "BDAT", 4) == 0 &&
	       (length == 4 || !isalnum((unsigned char)line[4]));
}

/* A line that is no command; one of BDAT leaves nobody knowing what follows. */
static enum model_event give_up(struct octet_model *model, enum model_place place)
{
	model->place = is_bdat(model->line, model->used) ? MODEL_LOST : place;
	model->used = 0;
	return MODEL_FAULTY;
}

/* "BDAT SP size [SP LAST]", where more spaces are taken in front of LAST and behind it. */
static bool read_bdat(struct octet_model *model)
{
	char *rest, *size = model->line + 5;

	if (model->line[4] != ' ' || !isdigit((unsigned char)*size))
		return false;
	errno = 0;
	model->left = strtoull(size, &rest, 10);
	if (errno == ERANGE)
		return false;
	model->is_last = *rest == ' ';
	rest += strspn(rest, " ");
	return model->is_last ? strcasecmp(rest, "LAST") == 0 : *rest == '\0';
}

static enum model_event complete_line(struct octet_model *model)
{
	size_t length = model->used - 1;
	bool has_cr = length > 0 && model->line[length - 1] == '\r';

	length -= has_cr;
	if (!has_cr && !model->lf_ends_lines) {
		model->rest_cr = false;
		return give_up(model, MODEL_IN_REST);
	}
	if (memchr(model->line, '\r', length) || memchr(model->line, '\0', length))
		return give_up(model, MODEL_IN_LINE);
	model->line[length] = '\0';
	model->used = 0;
	return MODEL_COMMAND;
}

/* What the command says of the bytes behind it; the line is still needed as it is. */
static void look_behind_command(struct octet_model *model)
{
	char whole[MODEL_LINE_MAX + 1];
	size_t length = strlen(model->line);

	memcpy(whole, model->line, length + 1);
	while (length > 0 && strchr(" \t", model->line[length - 1]))
		model->line[--length] = '\0';
	model->left = 0;
	model->is_last = false;
	model->place = MODEL_IN_LINE;
	/* The verb ends at a space: "BDAT\t5" is an unknown one. */
	if (is_bdat(model->line, length) && strchr(" ", model->line[4])) {
		if (!read_bdat(model))
			model->place = MODEL_LOST;
		else if (model->left > 0)
			model->place = MODEL_IN_CHUNK;
	}
	memcpy(model->line, whole, sizeof(whole));
}

static enum model_event line_byte(struct octet_model *model, char byte)
{
	enum model_event event;

	model->line[model->used++] = byte;
	if (byte == '\n') {
		event = complete_line(model);
		if (event == MODEL_COMMAND)
			look_behind_command(model);
		return event;
	}
	if (model->used < model->command_line)
		return MODEL_NOTHING;
	model->rest_cr = byte == '\r';
	return give_up(model, MODEL_IN_REST);
}

static enum model_event rest_byte(struct octet_model *model, char byte)
{
	if (byte == '\n' && (model->rest_cr || model->lf_ends_lines))
		model->place = MODEL_IN_LINE;
	model->rest_cr = byte == '\r';
	return MODEL_NOTHING;
}

static enum model_event data_byte(struct octet_model *model, char byte)
{
	static const char end[] = "\r\n.\r\n";

	if (byte == end[model->behind])
		model->behind++;
	else
		model->behind = byte == '\r';
	if (model->behind < sizeof(end) - 1)
		return MODEL_NOTHING;
	model->place = MODEL_IN_LINE;
	return MODEL_END_OF_DATA;
}

static enum model_event chunk_byte(struct octet_model *model)
{
	if (--model->left > 0)
		return MODEL_NOTHING;
	model->place = MODEL_IN_LINE;
	return MODEL_CHUNK;
}

enum model_event model_byte(struct octet_model *model, char byte)
{
	switch (model->place) {
	case MODEL_IN_LINE:
		return line_byte(model, byte);
	case MODEL_IN_REST:
		return rest_byte(model, byte);
	case MODEL_IN_CHUNK:
		return chunk_byte(model);
	case MODEL_IN_DATA:
		return data_byte(model, byte);
	default:
		impossible("a byte behind a session that is closed");
	}
}

void model_data(struct octet_model *model)
{
	model->place = MODEL_IN_DATA;
	model->behind = 2; /* the CR LF of the command counts */
}
