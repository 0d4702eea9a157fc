/*
 * prove_options.c - what postern prove is asked to do
 *
 * Runs in: postern.  Privilege: that of the caller.
 * Trusts: the caller.
 */
#include "control/prove_options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include <bsd/stdlib.h>

#include "common/fail/fail.h"

#define STATES 3000
#define STATES_MAX 10000000
#define SEED 1

static void choose_delivery(struct prove_options *options)
{
	options->delivery = optarg;
}

static void choose_user(struct prove_options *options)
{
	options->user = optarg;
}

static uint64_t number(const char *name, long long least, long long most)
{
	const char *problem;
	long long value = strtonum(optarg, least, most, &problem);

	if (problem)
		fail_exit(EX_USAGE, "%s %s is %s: %lld to %lld", name, optarg, problem, least,
			  most);
	return (uint64_t)value;
}

static void choose_states(struct prove_options *options)
{
	options->states = (size_t)number("--states", 1, STATES_MAX);
}

static void choose_seed(struct prove_options *options)
{
	options->seed = number("--seed", 0, INT64_MAX);
}

static const struct option long_options[] = {
	{ "states", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'r' },
	{ "user", required_argument, NULL, 'u' },
	{ "delivery", required_argument, NULL, 'd' },
	{ NULL, 0, NULL, 0 },
};

static const struct {
	int letter;
	void (*choose)(struct prove_options *options);
} choices[] = {
	{ 's', choose_states },
	{ 'r', choose_seed },
	{ 'u', choose_user },
	{ 'd', choose_delivery },
};

static _Noreturn void print_usage(void)
{
	fputs("usage: postern prove [--states count] [--seed number] [--user user]\n"
	      "                     [--delivery program] folder\n",
	      stderr);
	exit(EX_USAGE);
}

static void choose(struct prove_options *options, int letter)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (choices[i].letter == letter) {
			choices[i].choose(options);
			return;
		}
	}
	print_usage();
}

struct prove_options prove_options_parse(int count, char **arguments)
{
	struct prove_options options = { .states = STATES, .seed = SEED };
	int letter;

	while ((letter = getopt_long(count, arguments, "", long_options, NULL)) != -1)
		choose(&options, letter);
	if (optind != count - 1)
		print_usage();
	options.folder = arguments[optind];
	return options;
}
