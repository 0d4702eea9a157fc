/*
 * checker.c - looks whether a mail root holds what it must hold
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: everything in the mail root.
 */
#include "control/checker.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 512
#define LONGEST_FILE (1024 * 1024)

/* The walk over the mail root. */
struct survey {
	const struct checker *checker;
	unsigned (*found)[SCENARIO_MAILBOXES]; /* of each message: files in each mailbox */
	uint32_t *message;		       /* that is wrong */
	struct problem *problem;
};

/* One file of a mailbox. */
struct entry {
	unsigned mailbox;
	const char *folder;
	const char *name;
	int directory; /* open, of the folder */
};

/* A function for each name in a folder; false ends the walk. */
typedef bool each_name(struct survey *survey, const struct entry *entry);

/* False, with errno 0, when `each` has said so. A folder that is not there holds nothing. */
static bool walk_folder(struct survey *survey, const char *path, struct entry *entry,
			each_name *each)
{
	int descriptor = openat(survey->checker->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *found;
	bool right = true;
	DIR *directory;

	if (descriptor < 0)
		return errno == ENOENT || problem_errno(survey->problem, "%s", path);
	directory = fdopendir(descriptor);
	if (!directory) {
		close(descriptor);
		return problem_errno(survey->problem, "%s", path);
	}
	entry->directory = descriptor;
	while (right && (found = readdir(directory))) {
		entry->name = found->d_name;
		if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
			right = each(survey, entry);
	}
	closedir(directory);
	return right;
}

static bool walk_mailbox(struct survey *survey, unsigned mailbox, const char *folder,
			 each_name *each)
{
	struct entry entry = { .mailbox = mailbox, .folder = folder };
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s%s%s", SCENARIO_DOMAIN, scenario_mailboxes[mailbox],
		 *folder ? "/" : "", folder);
	return walk_folder(survey, path, &entry, each);
}

/* ---- one file ---- */

/* The message of "seconds.id.host,S=size", or the number of messages. */
static uint32_t message_of(const struct scenario *scenario, const char *name)
{
	const char *id = strchr(name, '.');
	size_t length;

	if (!id)
		return scenario->count;
	length = strcspn(++id, ".");
	return scenario_find(scenario, id, length);
}

/* Reads all of a file; NULL with *problem set. */
static char *read_file(const struct entry *entry, size_t *length, struct problem *problem)
{
	int file = openat(entry->directory, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	char *bytes = NULL;

	if (file < 0 || fstat(file, &status) != 0) {
		problem_errno(problem, "it cannot be opened");
	} else if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
		   (status.st_mode & 0777) != 0600) {
		problem_set(problem, "it is no file of mode 0600 of the mail user");
	} else if (status.st_size > LONGEST_FILE) {
		problem_set(problem, "it is too long");
	} else {
		*length = (size_t)status.st_size;
		bytes = must_allocate(*length + 1, 1);
		if (pread(file, bytes, *length, 0) != (ssize_t)*length) {
			problem_errno(problem, "it cannot be read");
			free(bytes);
			bytes = NULL;
		}
	}
	if (file >= 0)
		close(file);
	return bytes;
}

static bool tells_its_size(const char *name, size_t length)
{
	const char *size = strstr(name, ",S=");

	return size && isdigit((unsigned char)size[3]) && strtoul(size + 3, NULL, 10) == length;
}

/* The name, whose it is, and what is wrong with it. */
static bool complain(const struct survey *survey, const struct entry *entry, const char *what)
{
	char whose[32] = "a file", text[PROBLEM_SIZE];

	if (*survey->message < survey->checker->scenario->count)
		snprintf(whose, sizeof(whose), "message %u", *survey->message);
	snprintf(text, sizeof(text), "%.200s", what);
	return problem_set(survey->problem, "%s in mailbox %s: %s (%s/%s)", whose,
			   scenario_mailboxes[entry->mailbox], text, entry->folder, entry->name);
}

/* A file in new/ or cur/. */
static bool check_file(struct survey *survey, const struct entry *entry)
{
	const struct scenario *scenario = survey->checker->scenario;
	uint32_t message = message_of(scenario, entry->name);
	struct problem problem;
	size_t length = 0;
	char *bytes;
	bool right;

	*survey->message = message;
	if (message == scenario->count)
		return complain(survey, entry, "no message explains it");
	bytes = read_file(entry, &length, &problem);
	right = bytes &&
		scenario_is_whole(scenario, message, entry->mailbox, bytes, length, &problem);
	free(bytes);
	if (!right)
		return complain(survey, entry, problem.text);
	if (!tells_its_size(entry->name, length))
		return complain(survey, entry, "its name tells another size");
	survey->found[message][entry->mailbox]++;
	return true;
}

static bool check_staged(struct survey *survey, const struct entry *entry)
{
	uint32_t message = message_of(survey->checker->scenario, entry->name);

	*survey->message = message;
	return !survey->checker->without_staged || complain(survey, entry, "it is left behind");
}

/* ---- where what is ---- */

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool check_root_entry(struct survey *survey, const struct entry *entry)
{
	static const char *const names[] = { ".postern", SCENARIO_DOMAIN };

	return is_one_of(entry->name, names, 2) ||
	       problem_set(survey->problem, "%s in the mail root is nothing known", entry->name);
}

static bool check_domain_entry(struct survey *survey, const struct entry *entry)
{
	return is_one_of(entry->name, scenario_mailboxes, SCENARIO_MAILBOXES) ||
	       problem_set(survey->problem, "%s is no mailbox", entry->name);
}

static bool check_mailbox_entry(struct survey *survey, const struct entry *entry)
{
	static const char *const names[] = { "tmp", "new", "cur" };

	return is_one_of(entry->name, names, 3) ||
	       problem_set(survey->problem, "%s in mailbox %s is nothing known", entry->name,
			   scenario_mailboxes[entry->mailbox]);
}

static bool walk_all(struct survey *survey)
{
	struct entry entry = { .mailbox = 0 };

	if (!walk_folder(survey, ".", &entry, check_root_entry) ||
	    !walk_folder(survey, SCENARIO_DOMAIN, &entry, check_domain_entry))
		return false;
	for (unsigned i = 0; i < SCENARIO_MAILBOXES; i++)
		if (!walk_mailbox(survey, i, "", check_mailbox_entry) ||
		    !walk_mailbox(survey, i, "new", check_file) ||
		    !walk_mailbox(survey, i, "cur", check_file) ||
		    !walk_mailbox(survey, i, "tmp", check_staged))
			return false;
	return true;
}

/* ---- what must be where ---- */

static bool is_in_wrong_mailbox(const struct survey *survey, uint32_t message, unsigned mailbox)
{
	return survey->found[message][mailbox] > 0 &&
	       !(survey->checker->scenario->messages[message].mailboxes & (1u << mailbox));
}

static bool check_presence(const struct survey *survey, uint32_t message)
{
	static const char *const words[] = { "was never sent", "was sent and not acknowledged",
					     "was acknowledged" };
	enum expectation expectation = survey->checker->expectations[message];
	unsigned mailboxes = survey->checker->scenario->messages[message].mailboxes;
	unsigned there = 0, wanted = 0;
	const char *missing = "";

	for (unsigned i = 0; i < SCENARIO_MAILBOXES; i++) {
		if (survey->found[message][i] > 1 || is_in_wrong_mailbox(survey, message, i))
			return problem_set(survey->problem, "message %u is %u times in mailbox %s",
					   message, survey->found[message][i],
					   scenario_mailboxes[i]);
		wanted += (mailboxes >> i) & 1;
		there += survey->found[message][i];
		if (((mailboxes >> i) & 1) && survey->found[message][i] == 0)
			missing = scenario_mailboxes[i];
	}
	if (there == wanted ? expectation != EXPECT_NONE : there == 0 && expectation != EXPECT_ALL)
		return true;
	return problem_set(survey->problem, "message %u %s, and is in %u of its %u mailboxes%s%s",
			   message, words[expectation], there, wanted, *missing ? ": not in " : "",
			   missing);
}

bool checker_run(const struct checker *checker, uint32_t *message, struct problem *problem)
{
	uint32_t count = checker->scenario->count;
	struct survey survey = { checker, NULL, message, problem };
	bool right;

	survey.found = must_allocate(count, sizeof(survey.found[0]));
	*message = count;
	right = walk_all(&survey);
	for (uint32_t i = 0; i < count && right; i++) {
		*message = i;
		right = check_presence(&survey, i);
	}
	free(survey.found);
	return right;
}

/* ---- others ---- */

static bool is_nothing(struct survey *survey, const struct entry *entry)
{
	(void)survey;
	(void)entry;
	return false;
}

bool checker_is_swept(const struct checker *checker)
{
	struct problem problem;
	uint32_t message;
	struct survey survey = { checker, NULL, &message, &problem };

	for (unsigned i = 0; i < SCENARIO_MAILBOXES; i++)
		if (!walk_mailbox(&survey, i, "tmp", is_nothing))
			return false;
	return true;
}

/* Moves the file of the message that the survey is about. */
static bool read_entry(struct survey *survey, const struct entry *entry)
{
	char target[PATH_SIZE];

	if (message_of(survey->checker->scenario, entry->name) != *survey->message)
		return true;
	/* Mail readers make a folder that is missing. */
	snprintf(target, sizeof(target), "%s/%s/cur", SCENARIO_DOMAIN,
		 scenario_mailboxes[entry->mailbox]);
	(void)mkdirat(survey->checker->root, target, 0700);
	snprintf(target, sizeof(target), "%s/%s/cur/%s:2,S", SCENARIO_DOMAIN,
		 scenario_mailboxes[entry->mailbox], entry->name);
	return renameat(entry->directory, entry->name, survey->checker->root, target) == 0 ||
	       problem_errno(survey->problem, "%s", target);
}

bool checker_read_message(const struct checker *checker, uint32_t message, struct problem *problem)
{
	struct survey survey = { checker, NULL, &message, problem };

	for (unsigned i = 0; i < SCENARIO_MAILBOXES; i++)
		if (!walk_mailbox(&survey, i, "new", read_entry))
			return false;
	return true;
}
