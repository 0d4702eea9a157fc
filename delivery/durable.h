/*
 * durable.h - makes files and directories durable, by the cheaper of two ways
 */
#ifndef POSTERN_DELIVERY_DURABLE_H
#define POSTERN_DELIVERY_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct durable {
	int root;	       /* a descriptor on the file system of the mail root */
	dev_t device;	       /* of that file system */
	bool may_sync_all;     /* syncfs(2) can be trusted on it */
	int64_t each_cost;     /* microseconds that one fsync takes, a running mean */
	int64_t resting_until; /* clock_steady(): syncfs was too slow, try it again then */
};

struct durable_file {
	int descriptor; /* of a file or a directory; stays open */
	dev_t device;	/* st_dev: the file system it lies on */
	int error;	/* set: 0, or the errno of what went wrong */
	void *owner;	/* the caller's */
};

/*
 * Everything that lies below the mail root already is made durable once, so
 * that only what this process makes needs care. False with errno set.
 */
bool durable_open(struct durable *durable, int root);

/*
 * Returns when every file is on the disk (fsync(2)) or has its error set. True: so is
 * everything else on their file system that was done before, names in folders for one.
 */
bool durable_make(struct durable *durable, struct durable_file *files, size_t count);

#endif
