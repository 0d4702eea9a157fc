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
 * So one file is simply fsynced; a few are started together, so that the disk
 * writes them while the first is waited for; from SYNC_ALL_FILES on one
 * syncfs(2) does the whole file system in one journal commit. As syncfs waits
 * for everybody's dirty data, it rests for a while whenever it took much
 * longer than the fsyncs would have. Medians for the whole service in one run,
 * 20 to 200 sessions, messages a second: fsyncs only 3,700 to 4,400, with
 * syncfs 5,400 to 5,800.
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

#define SYNC_ALL_FILES 4
#define SYNC_ALL_REST 20       /* times as long as it took: trying costs a twentieth at most */
#define EACH_COST_AT_FIRST 300 /* microseconds */
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
		.each_cost = EACH_COST_AT_FIRST,
	};
	return true;
}

static void sync_each(struct durable *durable, struct durable_file *files, size_t count)
{
	int64_t begun = clock_steady();

	/* A hint: its errors come back from the fsync. */
	for (size_t i = 0; count > 1 && i < count; i++)
		(void)sync_file_range(files[i].descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < count; i++)
		if (files[i].error == 0 && fsync(files[i].descriptor) != 0)
			files[i].error = errno;
	durable->each_cost =
		(durable->each_cost * 7 + (clock_steady() - begun) / (int64_t)count) / 8;
}

static bool has_own_error(const struct durable_file *file)
{
	return sync_file_range(file->descriptor, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) != 0;
}

/* False when syncfs failed: then nothing is known about any file. */
static bool sync_all(struct durable *durable, struct durable_file *files, size_t count)
{
	int64_t begun = clock_steady();
	int64_t took;

	if (syncfs(durable->root) != 0)
		return false;
	took = clock_steady() - begun;
	if (took > 2 * durable->each_cost * (int64_t)count)
		durable->resting_until = begun + took * SYNC_ALL_REST;
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
	if (durable->may_sync_all && count >= SYNC_ALL_FILES &&
	    clock_steady() >= durable->resting_until &&
	    are_on_device(files, count, durable->device) && sync_all(durable, files, count))
		return true;
	sync_each(durable, files, count);
	return false;
}
