/*
 * leftover.h - files that could not be removed, and are to be removed later
 *
 * A message that failed is taken back out of every mailbox. Where the disk does not let us
 * (an error, a file system that has become read-only) the files are noted here, and removed
 * once it does: otherwise a message whose sender was told to try again would stay.
 */
#ifndef POSTERN_DELIVERY_LEFTOVER_H
#define POSTERN_DELIVERY_LEFTOVER_H

#include <stdbool.h>
#include <stddef.h>

/* Files at most; what is beyond them stays, and the log has said so. */
#define LEFTOVERS_MAX 4096

struct leftovers;

/* NULL when memory is short. */
struct leftovers *leftovers_new(void);
void leftovers_free(struct leftovers *leftovers);

/*
 * Notes the file `name` in new/ (`is_in_new`) or tmp/ of the mailbox at `path` below the mail
 * root. The strings are copied. Without memory it is not noted.
 */
void leftovers_add(struct leftovers *leftovers, const char *path, bool is_in_new, const char *name);

/*
 * Tries to remove them, durable, until some cannot be removed again; those that are gone, by
 * whomever, are forgotten.
 */
void leftovers_remove(struct leftovers *leftovers, int root);

size_t leftovers_count(const struct leftovers *leftovers);

#endif
