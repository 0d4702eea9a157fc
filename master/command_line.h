/*
 * command_line.h - what posternd was asked to do: posternd(8)
 */
#ifndef POSTERN_MASTER_COMMAND_LINE_H
#define POSTERN_MASTER_COMMAND_LINE_H

#include <stdbool.h>

struct command_line {
	const char *configuration; /* path of the configuration file */
	bool foreground;	   /* -F */
	bool check;		   /* -n */
	bool verbose;		   /* -v */
};

/*
 * Reads the arguments. -V prints the version and ends the program with 0; an
 * argument that is not in posternd(8) ends it with EX_USAGE.
 */
struct command_line command_line_parse(int count, char **arguments);

#endif
