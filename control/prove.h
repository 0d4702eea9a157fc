/*
 * prove.h - postern prove: whether a file system loses no mail in a crash
 */
#ifndef POSTERN_CONTROL_PROVE_H
#define POSTERN_CONTROL_PROVE_H

/*
 * The sub-command; arguments[0] is its name. Returns the exit status: 0 all is
 * right, EXIT_FAILURE mail is lost, else one of sysexits(3).
 */
int prove(int count, char **arguments);

#endif
