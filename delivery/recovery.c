/*
 * recovery.c - what a delivery before this one has left unfinished
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the disk; the record, which a crash may have cut (journal.c tells); what
 * other programs and the owners have done in the mailboxes since.
 *
 * Every step may be cut short and done again: a file that is not in tmp/ any more was
 * moved before, one that is in new/ or cur/ as well was moved by half.
 */
#include "delivery/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/log/log.h"
#include "delivery/system_calls.h"
#include "delivery/usage.h"

/* Of a mailbox, not of the disk: nothing that comes later could mend them. */
static bool is_gone(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EPERM ||
	       error == EACCES || error == EXDEV;
}

static bool remove_if_there(int folder, const char *name, unsigned *changed)
{
	if (unlinkat(folder, name, 0) == 0)
		(*changed)++;
	else if (errno != ENOENT)
		return false;
	return true;
}

/* In tmp/ still, although it was moved: the crash kept one half of the move. */
static bool was_moved(struct maildirs *maildirs, const struct journal_target *target)
{
	return maildir_find(maildirs_root(maildirs), target->path, "cur", target->name) > 0;
}

static bool go_forward(struct maildirs *maildirs, const struct maildir *maildir, const char *name,
		       const struct journal_target *target, unsigned *changed)
{
	if (faccessat(maildir->tmp, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT;
	if (was_moved(maildirs, target))
		return remove_if_there(maildir->tmp, name, changed);
	if (move_file(maildir->tmp, name, maildir->new, target->name) == 0) {
		(*changed)++;
		return true;
	}
	return errno == EEXIST && remove_if_there(maildir->tmp, name, changed);
}

static bool go_back(const struct maildir *maildir, const char *name,
		    const struct journal_target *target, unsigned *changed)
{
	return remove_if_there(maildir->new, target->name, changed) &&
	       remove_if_there(maildir->tmp, name, changed) && fsync(maildir->tmp) == 0;
}

/* Whether the crash came before or behind the line in maildirsize is not known. */
static void forget_usage(const struct maildirs *maildirs, const struct journal_target *target)
{
	const struct measured measured = { maildirs_root(maildirs), target->path, target->path,
					   NULL };

	usage_forget(&measured);
}

/* Of the mailbox, not of the disk: it is passed over, and that is said. False: not so. */
static bool pass_over(const struct journal_target *target, int error)
{
	struct log_line line;

	if (!is_gone(error))
		return false;
	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "what", "mailbox");
	log_format(&line, "reason", "%s is passed over by the recovery: %s", target->path,
		   strerror(error));
	log_end(&line);
	return true;
}

static bool mend_target(struct maildirs *maildirs, const struct journal_message *message,
			const struct journal_target *target, unsigned *changed,
			struct problem *problem)
{
	struct maildir *maildir = maildir_hold(maildirs, target->path, target->path, problem);
	bool done;

	if (!maildir)
		return pass_over(target, errno);
	done = message->is_forward ? go_forward(maildirs, maildir, message->name, target, changed)
				   : go_back(maildir, message->name, target, changed);
	/* Also where nothing was to be done: that the file is there must be durable, too. */
	done = done && fsync(maildir->new) == 0;
	if (!done && pass_over(target, errno))
		done = true;
	else if (!done)
		problem_errno(problem, "cannot finish %s in mailbox %s", message->name,
			      target->path);
	maildir_release(maildirs, maildir);
	forget_usage(maildirs, target);
	return done;
}

static void log_mended(const struct journal_message *message, unsigned changed)
{
	struct log_line line;

	if (changed == 0)
		return;
	log_begin(&line, EVENT_RECOVERY, NULL);
	log_text(&line, "file", message->name);
	log_text(&line, "direction", message->is_forward ? "forward" : "back");
	log_number(&line, "mailboxes", message->targets);
	log_number(&line, "files", changed);
	log_end(&line);
}

static bool mend(struct maildirs *maildirs, struct journal_reader *reader,
		 const struct journal_message *message, struct problem *problem)
{
	struct journal_target target;
	unsigned changed = 0;

	for (uint32_t i = 0; i < message->targets; i++) {
		if (!journal_next_target(reader, message, &target))
			return problem_set(problem, "the record of intent is malformed");
		if (!mend_target(maildirs, message, &target, &changed, problem))
			return false;
	}
	log_mended(message, changed);
	return true;
}

bool recovery_run(struct journal *journal, struct maildirs *maildirs, struct problem *problem)
{
	struct journal_reader reader;
	struct journal_message message;
	bool done = true;

	if (!journal_read(journal, &reader))
		return problem_errno(problem, "the record of intent");
	while (done && journal_next_message(&reader, &message))
		done = mend(maildirs, &reader, &message, problem);
	journal_reader_free(&reader);
	if (!done)
		return false;
	return journal_clear(journal) || problem_errno(problem, "the record of intent");
}

/* ---- tmp/ ---- */

#define DIGITS "0123456789"
#define SESSION_ID "0123456789abcdefghijklmnopqrstuv"
#define SESSION_ID_LENGTH 16

/* "seconds.session-number.host": transaction.h; or a maildirsize that was not put in its place. */
static bool is_ours(const char *name)
{
	size_t seconds = strspn(name, DIGITS);
	const char *id = name + seconds + 1;
	size_t number;

	if (strcmp(name, USAGE_NEW_NAME) == 0)
		return true;
	if (seconds == 0 || name[seconds] != '.' || strspn(id, SESSION_ID) != SESSION_ID_LENGTH ||
	    id[SESSION_ID_LENGTH] != '-')
		return false;
	id += SESSION_ID_LENGTH + 1;
	number = strspn(id, DIGITS);
	return number > 0 && id[number] == '.' && id[number + 1] != '\0';
}

static void log_swept(const char *address, const char *name)
{
	struct log_line line;

	log_begin(&line, EVENT_RECOVERY, NULL);
	log_text(&line, "file", name);
	log_text(&line, "direction", "swept");
	log_text(&line, "mailbox", address);
	log_end(&line);
}

void recovery_sweep(int tmp, const char *address, recovery_is_under_way *is_under_way,
		    const void *context)
{
	/* A descriptor of its own: closedir(3) closes it. */
	int copy = openat(tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!directory) {
		if (copy >= 0)
			close(copy);
		log_event_text(EVENT_SHORT, "reason", strerror(errno));
		return;
	}
	while ((entry = readdir(directory)))
		if (is_ours(entry->d_name) && !is_under_way(context, entry->d_name) &&
		    unlinkat(tmp, entry->d_name, 0) == 0)
			log_swept(address, entry->d_name);
	closedir(directory);
}
