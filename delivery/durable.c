/*
 * durable.c - makes files and directories durable, by the cheaper of two ways
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the disk: an error of any call is an error of the file.
 *
 * Two ways, measured with 4 KiB files on ext4 on a virtual disk, each with the
 * rename and the fsync of new/ that follow, in files made durable a second:
 *
 *	files at once	fsync	sync_file_range of all, fsync	syncfs
 *	1		2,050	1,510				1,440
 *	4		2,360	3,050				4,180
 *	16		2,080	4,290				7,710
 *	64		2,230	4,400				7,500 (64 in 16 mailboxes: 12,800)
 *	32, while another program writes 400 MB: 1,600 to 4,200	380 to 610
 *
 * What is cheaper depends on the disk: where a flush takes 20 ms whatever it
 * flushes, syncfs is from two files on. So both are measured as they are used,
 * and the cheaper one is taken: see durable_choose(). One file is always
 * fsynced, since syncfs waits for everybody's dirty data. For the same reason
 * syncfs may become dear at any time, and cheap again.
 *
 * What syncfs says about errors is about the whole file system, and kernels
 * before 5.8 say nothing. So its word is not taken for a file's: each file is
 * asked for errors of its own (sync_file_range(2) reports and clears the error
 * that writing back this open file met; with nothing left to write it costs
 * well below a microsecond), and when syncfs fails every file is fsynced.
 */
#include "delivery/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/log/log.h"

/*
 * The dearer way is tried again after so many uses of the cheaper one as it is
 * dearer, 20 times: trying costs a twentieth at most. Counted in uses, not in
 * time, since a message that comes now and then is not to pay for each try.
 */
#define REST_FACTOR 20
#define REST_MAX 10000
#define XFS_MAGIC 0x58465342UL /* statfs(2); not in linux/magic.h of older kernels */

/*
 * File systems whose syncfs(2) returns only after data, sizes and names are on
 * the disk. FUSE for one does not pass it on; what is not listed is fsynced.
 */
static const unsigned long sync_all_trusted[] = {
	EXT4_SUPER_MAGIC,
	XFS_MAGIC,
	BTRFS_SUPER_MAGIC,
	TMPFS_MAGIC,
};

static bool is_trusted(unsigned long magic)
{
	for (size_t i = 0; i < sizeof(sync_all_trusted) / sizeof(sync_all_trusted[0]); i++)
		if (sync_all_trusted[i] == magic)
			return true;
	return false;
}

bool durable_open(struct durable *durable, int root)
{
	struct statfs filesystem;
	struct stat status;

	if (fstatfs(root, &filesystem) != 0 || fstat(root, &status) != 0 || syncfs(root) != 0)
		return false;
	*durable = (struct durable){
		.root = root,
		.device = status.st_dev,
		.may_sync_all = is_trusted((unsigned long)filesystem.f_type),
	};
	return true;
}

/* ---- the cheaper way ---- */

static int64_t lower(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

/* A way has no costs for one file only: count is 2 at least. */
static size_t class_of(size_t count)
{
	size_t number = 0;

	while (number < DURABLE_CLASSES - 1 && count >> (number + 2))
		number++;
	return number;
}

/* While nothing is known of fsync, one is taken for as dear as a syncfs. */
static int64_t cost_of_each(const struct durable *durable, size_t count)
{
	const struct durable_cost *all = &durable->all[class_of(count)];

	return (durable->each.mean ? durable->each.mean : all->mean) * (int64_t)count;
}

/*
 * To fsync each file only to learn what it costs is bounded: it must not be
 * expected to take more than twice as long as syncfs.
 */
enum durable_way durable_choose(const struct durable *durable, size_t count)
{
	const struct durable_cost *all;
	int64_t each_cost;

	if (!durable->may_sync_all || count < 2)
		return DURABLE_EACH;
	all = &durable->all[class_of(count)];
	each_cost = cost_of_each(durable, count);
	if (each_cost <= all->mean)
		return all->rest == 0 ? DURABLE_ALL : DURABLE_EACH;
	return durable->each.rest == 0 && each_cost <= 2 * all->mean ? DURABLE_EACH : DURABLE_ALL;
}

/* `took` is not 0 from here on: that is "never measured". What was only tried is known anew. */
static void note(struct durable_cost *cost, int64_t took, bool was_tried)
{
	cost->mean = was_tried || cost->mean == 0 ? took : (cost->mean * 7 + took) / 8;
}

/* After one use of `used`: it rests when it is dearer than the other, or the other's rest is
 * shorter. */
static void rest(struct durable_cost *used, int64_t cost, struct durable_cost *other,
		 int64_t other_cost)
{
	if (cost > other_cost)
		used->rest = lower(REST_FACTOR * cost / other_cost, REST_MAX);
	else if (other->rest > 0)
		other->rest--;
}

void durable_note(struct durable *durable, enum durable_way way, size_t count, int64_t took)
{
	struct durable_cost *each = &durable->each, *all = &durable->all[class_of(count)];
	int64_t each_cost = cost_of_each(durable, count);

	durable->spent += took;
	if (took < (int64_t)count)
		took = (int64_t)count;
	if (way == DURABLE_ALL) {
		note(all, took, each_cost <= all->mean);
		rest(all, all->mean, each, cost_of_each(durable, count));
	} else {
		note(each, took / (int64_t)count, count > 1 && each_cost > all->mean);
		if (count > 1 && all->mean > 0)
			rest(each, cost_of_each(durable, count), all, all->mean);
	}
}

/* ---- both ways ---- */

static void sync_each(struct durable *durable, struct durable_file *files, size_t count)
{
	int64_t begun = clock_steady();

	/* A hint: its errors come back from the fsync. */
	for (size_t i = 0; count > 1 && i < count; i++)
		(void)sync_file_range(files[i].descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < count; i++)
		if (files[i].error == 0 && fsync(files[i].descriptor) != 0)
			files[i].error = errno;
	durable_note(durable, DURABLE_EACH, count, clock_steady() - begun);
}

static bool has_own_error(const struct durable_file *file)
{
	return sync_file_range(file->descriptor, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) != 0;
}

/* False when syncfs failed: then nothing is known about any file. */
static bool sync_all(struct durable *durable, struct durable_file *files, size_t count)
{
	int64_t begun = clock_steady();

	if (syncfs(durable->root) != 0)
		return false;
	durable_note(durable, DURABLE_ALL, count, clock_steady() - begun);
	for (size_t i = 0; i < count; i++)
		if (has_own_error(&files[i]))
			files[i].error = errno;
	return true;
}

/* syncfs reaches one file system; the administrator may have mounted others below. */
static bool are_on_device(const struct durable_file *files, size_t count, dev_t device)
{
	for (size_t i = 0; i < count; i++)
		if (files[i].device != device)
			return false;
	return true;
}

bool durable_make(struct durable *durable, struct durable_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		files[i].error = 0;
	if (count == 0)
		return false;
	if (durable_choose(durable, count) == DURABLE_ALL &&
	    are_on_device(files, count, durable->device) && sync_all(durable, files, count))
		return true;
	sync_each(durable, files, count);
	return false;
}
