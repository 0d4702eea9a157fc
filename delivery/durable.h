/*
 * durable.h - makes files and directories durable, by the cheaper of two ways
 */
#ifndef POSTERN_DELIVERY_DURABLE_H
#define POSTERN_DELIVERY_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What one way of doing it has cost. */
struct durable_cost {
	int64_t mean; /* microseconds, a running mean; 0: never measured */
	int64_t rest; /* how often the other way is taken before this one is tried again */
};

enum durable_way {
	DURABLE_EACH, /* fsync(2) of each file */
	DURABLE_ALL,  /* one syncfs(2) */
};

/* By how many files are made durable at once: 2, 3; 4 to 7; 8 to 15 and so on. */
#define DURABLE_CLASSES 8

struct durable {
	int root;		  /* a descriptor on the file system of the mail root */
	dev_t device;		  /* of that file system */
	bool may_sync_all;	  /* syncfs(2) can be trusted on it */
	struct durable_cost each; /* of one file */
	struct durable_cost all[DURABLE_CLASSES];
	int64_t spent; /* microseconds in all that have been waited for the disk */
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

/* The way for `count` files of that file system. */
enum durable_way durable_choose(const struct durable *durable, size_t count);
/* `count` files have taken `took` microseconds that way. */
void durable_note(struct durable *durable, enum durable_way way, size_t count, int64_t took);

#endif
