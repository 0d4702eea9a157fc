/*
 * launch.c - stands where the master looks for postern-delivery, and starts it with a library
 *
 * The master hands no environment on to the processes it starts. So this
 * program lies beside it under the name of delivery; slow_flush.so lies there,
 * too, and the real one in the folder real/.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	char own[2048], library[4096], program[4096];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	(void)count;
	if (length < 0)
		return EXIT_FAILURE;
	own[length] = '\0';
	slash = strrchr(own, '/');
	*slash = '\0';
	snprintf(library, sizeof(library), "%s/slow_flush.so", own);
	snprintf(program, sizeof(program), "%s/real/%s", own, slash + 1);
	if (setenv("LD_PRELOAD", library, 1) == 0)
		execv(program, arguments);
	perror(program);
	return EXIT_FAILURE;
}
