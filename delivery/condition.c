/*
 * condition.c - what delivery would answer to any message now: whether it can store at all
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: what the file system says of itself: it may count no inodes, or fail.
 *
 * One fstatvfs(2) serves all messages of some milliseconds, but none is refused by an old
 * number: then the file system is looked at again. What other messages on their way will take
 * is not counted; the reserve has room for that, and a disk that is full is no harm.
 */
#include "delivery/condition.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include <bsd/string.h>

#include "common/log/log.h"

#define LOOK_AGAIN 10000 /* microseconds */

/* A thing that can run out, and the option that keeps some of it. */
struct supply {
	const char *option;
	uint64_t reserve; /* 0: not looked at */
	uint64_t left;	  /* UINT64_MAX: not known, or without end */
};

enum { BYTES, INODES, SUPPLIES };

struct condition {
	struct condition_settings settings;
	struct supply supplies[SUPPLIES];
	int64_t looked; /* clock_steady() */
	enum condition_cause cause;
	char root_fault[PROBLEM_SIZE]; /* "" : none */
};

static const enum condition_cause causes[SUPPLIES] = {
	[BYTES] = CONDITION_RESERVE,
	[INODES] = CONDITION_RESERVE_INODES,
};

static uint64_t product(uint64_t one, uint64_t other)
{
	uint64_t result;

	return __builtin_mul_overflow(one, other, &result) ? UINT64_MAX : result;
}

/* Whether less than the reserve would be left if `wanted` were taken. */
static bool is_short_of(const struct supply *supply, uint64_t wanted)
{
	if (supply->reserve == 0 || supply->left == UINT64_MAX)
		return false;
	return supply->left < supply->reserve || supply->left - supply->reserve < wanted;
}

static enum condition_cause find_cause(const struct condition *condition)
{
	if (*condition->root_fault)
		return CONDITION_ROOT_FAULT;
	for (int i = 0; i < SUPPLIES; i++)
		if (is_short_of(&condition->supplies[i], 0))
			return causes[i];
	return CONDITION_FINE;
}

/* ---- the log ---- */

static void describe(const struct supply *supply, struct problem *problem)
{
	problem_set(problem, "%s keeps %" PRIu64 ", %" PRIu64 " are left", supply->option,
		    supply->reserve, supply->left);
}

static void log_cause(const struct condition *condition, enum condition_cause before)
{
	struct problem problem = { "there is room again" };
	struct log_line line;

	/* Of the mail root there is a line already. */
	if (condition->cause == CONDITION_ROOT_FAULT ||
	    (condition->cause == CONDITION_FINE && before == CONDITION_ROOT_FAULT))
		return;
	log_begin(&line, EVENT_CONDITION, NULL);
	for (int i = 0; i < SUPPLIES; i++)
		if (condition->cause == causes[i])
			describe(&condition->supplies[i], &problem);
	log_number(&line, "code", condition_code(condition->cause));
	log_text(&line, "reason", problem.text);
	log_end(&line);
}

/* ---- looking ---- */

static void judge(struct condition *condition)
{
	enum condition_cause before = condition->cause;

	condition->cause = find_cause(condition);
	if (condition->cause == before)
		return;
	log_cause(condition, before);
	condition->settings.changed(condition->settings.context);
}

/* A file system that cannot say it is not held against the message: writing will show. */
static void look(struct condition *condition)
{
	struct statvfs filesystem;
	struct supply *supplies = condition->supplies;

	condition->looked = clock_steady();
	supplies[BYTES].left = supplies[INODES].left = UINT64_MAX;
	if (supplies[BYTES].reserve == 0 && supplies[INODES].reserve == 0)
		return;
	if (fstatvfs(condition->settings.root, &filesystem) != 0)
		return;
	supplies[BYTES].left = product(filesystem.f_bavail, filesystem.f_frsize);
	/* btrfs for one makes inodes as they are needed, and counts none. */
	if (filesystem.f_files > 0)
		supplies[INODES].left = filesystem.f_favail;
}

void condition_look(struct condition *condition)
{
	look(condition);
	judge(condition);
}

/* ---- from outside ---- */

struct condition *condition_new(const struct condition_settings *settings)
{
	struct condition *condition = allocate(1, sizeof(*condition));

	if (!condition)
		return NULL;
	condition->settings = *settings;
	condition->supplies[BYTES] = (struct supply){ "delivery.reserve", settings->reserve, 0 };
	condition->supplies[INODES] =
		(struct supply){ "delivery.reserve-inodes", settings->reserve_inodes, 0 };
	look(condition);
	condition->cause = find_cause(condition);
	if (condition->cause != CONDITION_FINE)
		log_cause(condition, CONDITION_FINE);
	return condition;
}

void condition_free(struct condition *condition)
{
	free(condition);
}

/* The first supply that the message would bring below its reserve, or NULL. */
static const struct supply *find_short(const struct condition *condition,
				       const uint64_t wanted[SUPPLIES])
{
	for (int i = 0; i < SUPPLIES; i++)
		if (is_short_of(&condition->supplies[i], wanted[i]))
			return &condition->supplies[i];
	return NULL;
}

bool condition_admits(struct condition *condition, uint64_t bytes, uint64_t files,
		      enum verdict *verdict, struct problem *problem)
{
	const uint64_t wanted[SUPPLIES] = { product(bytes, files), files };
	const struct supply *supply;

	if (!condition)
		return true;
	if (*condition->root_fault) {
		*verdict = VERDICT_SYSTEM_ERROR;
		return problem_set(problem, "%s", condition->root_fault);
	}
	if (clock_steady() - condition->looked >= LOOK_AGAIN || find_short(condition, wanted))
		condition_look(condition);
	supply = find_short(condition, wanted);
	if (supply) {
		*verdict = VERDICT_NO_ROOM;
		describe(supply, problem);
		return false;
	}
	return true;
}

enum condition_cause condition_cause(const struct condition *condition)
{
	return condition ? condition->cause : CONDITION_FINE;
}

void condition_set_root_fault(struct condition *condition, const char *reason)
{
	strlcpy(condition->root_fault, reason ? reason : "", sizeof(condition->root_fault));
	judge(condition);
}

void condition_set_root(struct condition *condition, int root)
{
	condition->settings.root = root;
	condition_look(condition);
}
