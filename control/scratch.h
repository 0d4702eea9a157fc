/*
 * scratch.h - folders that are made for a while
 */
#ifndef POSTERN_CONTROL_SCRATCH_H
#define POSTERN_CONTROL_SCRATCH_H

/* Makes a folder of mode 0700 and opens it. -1 with errno set. */
int scratch_make_folder(int parent, const char *name);

/* Opens it again with its folders, but without any file. -1 with errno set. */
int scratch_reopen_folder(int parent, const char *name);

/* Removes it with all that is in it, as far as that can be done; follows no link. */
void scratch_remove(int parent, const char *name);

#endif
