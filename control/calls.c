/*
 * calls.c - the system calls that change files, and what each of them is in the list
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program: a call that changes files and has no
 * handler here is an error with its name, never left out.
 *
 * A call that is in none of the rows, and not newer than this program, changes
 * no file.
 */
#include "control/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "control/inodes.h"

/* From 424 on a number means the same on nearly every architecture. */
#define NEWEST_KNOWN 470

typedef bool note(struct recorder *recorder, const struct call *call, struct problem *problem);

static bool is_unknown(const struct call *call, struct problem *problem)
{
	return problem_set(problem,
			   "delivery uses the system call %s, which changes files and "
			   "which the recorder does not know",
			   call->name);
}

static bool cannot_look(const struct call *call, struct problem *problem)
{
	return problem_errno(problem, "the recorder cannot look at what %s changed", call->name);
}

/* ---- contents ---- */

/* The content of the file behind the descriptor has changed. */
static bool note_content(struct recorder *recorder, const struct call *call, uint64_t descriptor,
			 struct problem *problem)
{
	struct operation content = { .type = OPERATION_CONTENT, .call = call->name };
	struct stat status;

	if (!inode_of_descriptor(recorder, descriptor, &status))
		return cannot_look(call, problem);
	if (status.st_dev == recorder->answers_device && status.st_ino == recorder->answers)
		return recorder->answer(recorder->context, problem);
	if (!S_ISREG(status.st_mode) || status.st_dev != recorder->device)
		return true;
	content.node = inode_node(recorder, &status);
	if (content.node == NO_NODE)
		return problem_set(problem,
				   "delivery writes to a file outside of the mail root (%s)",
				   call->name);
	if (!inode_content(recorder, descriptor, &content.content))
		return cannot_look(call, problem);
	recorder_note(recorder, &content);
	return true;
}

static bool on_write(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return call->result == 0 || note_content(recorder, call, call->arguments[0], problem);
}

static bool on_copy(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return call->result == 0 || note_content(recorder, call, call->arguments[2], problem);
}

static bool on_resize(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_content(recorder, call, call->arguments[0], problem);
}

/* ---- open ---- */

/* The file is new, or new in this place. */
static bool note_made(struct recorder *recorder, const struct call *call, const struct place *place,
		      const struct stat *status, struct problem *problem)
{
	struct operation made = { .type = OPERATION_MAKE, .call = call->name, .slot = place->slot };

	if (place->slot == NO_NODE)
		return problem_set(problem, "delivery makes %s, outside of the mail root (%s)",
				   place->path, call->name);
	made.node = inode_make(recorder, status);
	slot_set(recorder, made.slot, made.node);
	recorder_note(recorder, &made);
	return true;
}

static bool note_opened(struct recorder *recorder, const struct call *call, uint64_t folder,
			uint64_t name, uint64_t flags, struct problem *problem)
{
	struct place place;
	struct stat status;

	if ((flags & O_TMPFILE) == O_TMPFILE)
		return problem_set(problem,
				   "delivery opens a file without a name (%s, O_TMPFILE), "
				   "which the recorder does not know",
				   call->name);
	if (!(flags & (O_CREAT | O_TRUNC)))
		return true;
	if (!inode_of_descriptor(recorder, (uint64_t)call->result, &status))
		return cannot_look(call, problem);
	if (!S_ISREG(status.st_mode) || status.st_dev != recorder->device)
		return true;
	if (!place_find(recorder, folder, name, &place, problem))
		return false;
	if ((flags & O_CREAT) &&
	    (place.slot == NO_NODE || slot_node(recorder, place.slot) == NO_NODE))
		return note_made(recorder, call, &place, &status, problem);
	return !(flags & O_TRUNC) || note_content(recorder, call, (uint64_t)call->result, problem);
}

#ifdef __NR_open
static bool on_open(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_opened(recorder, call, (uint64_t)AT_FDCWD, call->arguments[0],
			   call->arguments[1], problem);
}

static bool on_creat(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_opened(recorder, call, (uint64_t)AT_FDCWD, call->arguments[0],
			   O_CREAT | O_TRUNC, problem);
}
#endif

static bool on_openat(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_opened(recorder, call, call->arguments[0], call->arguments[1],
			   call->arguments[2], problem);
}

static bool on_openat2(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	struct open_how how;

	if (!tracee_copy(recorder, call->arguments[2], &how, sizeof(how)))
		return cannot_look(call, problem);
	return note_opened(recorder, call, call->arguments[0], call->arguments[1], how.flags,
			   problem);
}

/* ---- names ---- */

static bool note_folder(struct recorder *recorder, const struct call *call, uint64_t folder,
			uint64_t name, struct problem *problem)
{
	struct place place;
	struct stat status;

	if (!place_find(recorder, folder, name, &place, problem))
		return false;
	if (lstat(place.path, &status) != 0)
		return cannot_look(call, problem);
	return note_made(recorder, call, &place, &status, problem);
}

static bool note_removed(struct recorder *recorder, const struct call *call, uint64_t folder,
			 uint64_t name, struct problem *problem)
{
	struct operation removed = { .type = OPERATION_REMOVE, .call = call->name };
	struct place place;

	if (!place_find(recorder, folder, name, &place, problem))
		return false;
	if (place.slot == NO_NODE)
		return problem_set(problem, "delivery removes %s, outside of the mail root (%s)",
				   place.path, call->name);
	removed.slot = place.slot;
	removed.node = slot_node(recorder, place.slot);
	slot_set(recorder, place.slot, NO_NODE);
	recorder_note(recorder, &removed);
	return true;
}

/* Two names: from, to. `type` is OPERATION_RENAME or OPERATION_LINK. */
static bool note_second_name(struct recorder *recorder, const struct call *call,
			     enum operation_type type, const uint64_t arguments[4],
			     struct problem *problem)
{
	struct operation operation = { .type = type, .call = call->name };
	struct place from, to;

	if (!place_find(recorder, arguments[0], arguments[1], &from, problem) ||
	    !place_find(recorder, arguments[2], arguments[3], &to, problem))
		return false;
	if (from.slot == NO_NODE || to.slot == NO_NODE)
		return problem_set(problem,
				   "delivery moves %s, which is not below the mail root (%s)",
				   from.slot == NO_NODE ? from.path : to.path, call->name);
	operation.node = slot_node(recorder, from.slot);
	slot_set(recorder, to.slot, operation.node);
	if (type == OPERATION_RENAME)
		slot_set(recorder, from.slot, NO_NODE);
	operation.slot = type == OPERATION_RENAME ? from.slot : to.slot;
	operation.to_slot = to.slot;
	recorder_note(recorder, &operation);
	return true;
}

static bool on_mkdirat(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_folder(recorder, call, call->arguments[0], call->arguments[1], problem);
}

static bool on_unlinkat(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_removed(recorder, call, call->arguments[0], call->arguments[1], problem);
}

static bool on_renameat(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_second_name(recorder, call, OPERATION_RENAME, call->arguments, problem);
}

static bool on_renameat2(struct recorder *recorder, const struct call *call,
			 struct problem *problem)
{
	if (call->arguments[4] & ~(uint64_t)RENAME_NOREPLACE)
		return is_unknown(call, problem);
	return on_renameat(recorder, call, problem);
}

static bool on_linkat(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	if (call->arguments[4] != 0)
		return is_unknown(call, problem);
	return note_second_name(recorder, call, OPERATION_LINK, call->arguments, problem);
}

#ifdef __NR_rename
static bool on_mkdir(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_folder(recorder, call, (uint64_t)AT_FDCWD, call->arguments[0], problem);
}

static bool on_unlink(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	return note_removed(recorder, call, (uint64_t)AT_FDCWD, call->arguments[0], problem);
}

static bool on_rename(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	const uint64_t arguments[4] = { (uint64_t)AT_FDCWD, call->arguments[0], (uint64_t)AT_FDCWD,
					call->arguments[1] };

	return note_second_name(recorder, call, OPERATION_RENAME, arguments, problem);
}

static bool on_link(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	const uint64_t arguments[4] = { (uint64_t)AT_FDCWD, call->arguments[0], (uint64_t)AT_FDCWD,
					call->arguments[1] };

	return note_second_name(recorder, call, OPERATION_LINK, arguments, problem);
}
#endif

/* ---- durability ---- */

static bool on_fsync(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	struct operation sync = { .call = call->name };
	struct stat status;

	if (!inode_of_descriptor(recorder, call->arguments[0], &status))
		return cannot_look(call, problem);
	sync.node = inode_node(recorder, &status);
	sync.type = S_ISDIR(status.st_mode) ? OPERATION_SYNC_FOLDER : OPERATION_SYNC_FILE;
	if (sync.node != NO_NODE)
		recorder_note(recorder, &sync);
	return true;
}

static bool on_syncfs(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	struct stat status;

	if (!inode_of_descriptor(recorder, call->arguments[0], &status))
		return cannot_look(call, problem);
	if (status.st_dev == recorder->device)
		recorder_note(recorder, &(struct operation){ .type = OPERATION_SYNC_ALL,
							     .call = call->name });
	return true;
}

static bool on_sync(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	(void)problem;
	recorder_note(recorder,
		      &(struct operation){ .type = OPERATION_SYNC_ALL, .call = call->name });
	return true;
}

/* ---- what changes files in some cases only ---- */

static bool is_of_mail_root(const struct recorder *recorder, uint64_t descriptor)
{
	struct stat status;

	return inode_of_descriptor(recorder, descriptor, &status) &&
	       status.st_dev == recorder->device;
}

static bool on_mmap(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	bool writes = (call->arguments[2] & PROT_WRITE) && (call->arguments[3] & MAP_SHARED) &&
		      !(call->arguments[3] & MAP_ANONYMOUS);

	return !writes || !is_of_mail_root(recorder, call->arguments[4]) ||
	       is_unknown(call, problem);
}

static bool on_ioctl(struct recorder *recorder, const struct call *call, struct problem *problem)
{
	uint64_t request = call->arguments[1] & UINT32_MAX;
	bool writes = request == FICLONE || request == FICLONERANGE || request == FIDEDUPERANGE ||
		      request == FS_IOC_SETFLAGS;

	(void)recorder;
	return !writes || is_unknown(call, problem);
}

/* ---- the table ---- */

#define ROW(name, handler)                  \
	{                                   \
		__NR_##name, #name, handler \
	}
#define NEW_ROW(number, name, handler) \
	{                              \
		number, #name, handler \
	}

/* Without a handler: it changes files, and the recorder does not know how. */
static const struct {
	uint64_t number;
	const char *name;
	note *note;
} rows[] = {
	ROW(write, on_write),
	ROW(writev, on_write),
	ROW(pwrite64, on_write),
	ROW(pwritev, on_write),
	ROW(pwritev2, on_write),
	ROW(sendfile, on_write),
	ROW(copy_file_range, on_copy),
	ROW(splice, on_copy),
	ROW(ftruncate, on_resize),
	ROW(fallocate, on_resize),
	ROW(openat, on_openat),
	ROW(openat2, on_openat2),
	ROW(mkdirat, on_mkdirat),
	ROW(unlinkat, on_unlinkat),
#ifdef __NR_renameat
	ROW(renameat, on_renameat),
#endif
	ROW(renameat2, on_renameat2),
	ROW(linkat, on_linkat),
#ifdef __NR_open
	ROW(open, on_open),
	ROW(creat, on_creat),
#endif
#ifdef __NR_rename
	ROW(mkdir, on_mkdir),
	ROW(rmdir, on_unlink),
	ROW(unlink, on_unlink),
	ROW(rename, on_rename),
	ROW(link, on_link),
	ROW(symlink, NULL),
	ROW(mknod, NULL),
	ROW(chmod, NULL),
	ROW(chown, NULL),
	ROW(lchown, NULL),
#endif
	ROW(fsync, on_fsync),
	ROW(fdatasync, on_fsync),
	ROW(syncfs, on_syncfs),
	ROW(sync, on_sync),
	ROW(mmap, on_mmap),
	ROW(ioctl, on_ioctl),
	ROW(truncate, NULL),
	ROW(symlinkat, NULL),
	ROW(mknodat, NULL),
	ROW(fchmod, NULL),
	ROW(fchmodat, NULL),
	ROW(fchown, NULL),
	ROW(fchownat, NULL),
	ROW(setxattr, NULL),
	ROW(lsetxattr, NULL),
	ROW(fsetxattr, NULL),
	ROW(removexattr, NULL),
	ROW(lremovexattr, NULL),
	ROW(fremovexattr, NULL),
	ROW(open_by_handle_at, NULL),
	ROW(io_submit, NULL),
	ROW(io_uring_setup, NULL),
	ROW(mount, NULL),
	ROW(umount2, NULL),
	ROW(pivot_root, NULL),
	ROW(chroot, NULL),
	NEW_ROW(428, open_tree, NULL),
	NEW_ROW(429, move_mount, NULL),
	NEW_ROW(442, mount_setattr, NULL),
	NEW_ROW(452, fchmodat2, NULL),
	NEW_ROW(463, setxattrat, NULL),
	NEW_ROW(466, removexattrat, NULL),
	NEW_ROW(469, file_setattr, NULL),
};

bool call_note(struct recorder *recorder, struct call *call, struct problem *problem)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].number != call->number)
			continue;
		call->name = rows[i].name;
		return rows[i].note ? rows[i].note(recorder, call, problem)
				    : is_unknown(call, problem);
	}
	if (call->number > NEWEST_KNOWN)
		return problem_set(problem,
				   "delivery uses system call %llu, which is newer than "
				   "the recorder",
				   (unsigned long long)call->number);
	return true;
}
