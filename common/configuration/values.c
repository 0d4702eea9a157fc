/*
 * values.c - from the words of postern.conf to values and back
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: the configuration file.
 */
#include "common/configuration/values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <bsd/string.h>
#include <confuse.h>

#include "common/network/network.h"
#include "common/smtp/command.h"
#include "common/smtp/extension.h"
#include "common/tables/tables.h"

#define WORD_MAX 64

struct unit {
	char letter;
	long long factor;
};

struct type {
	const char *name;
	enum value_kind kind;
	bool (*read)(const struct option *option, const char *text, struct value *value,
		     struct problem *problem);
	const struct unit *units; /* of a number, largest first; ends with factor 1 */
	const char *form;	  /* how to write a number */
};

static const struct type types[OPTION_TYPE_COUNT];

static const struct unit plain_units[] = { { 0, 1 } };
static const struct unit size_units[] = {
	{ 'T', 1LL << 40 }, { 'G', 1LL << 30 }, { 'M', 1LL << 20 }, { 'K', 1LL << 10 }, { 0, 1 }
};
static const struct unit duration_units[] = {
	{ 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 }, { 0, 1 }
};

static bool store_text(const char *text, struct value *value, struct problem *problem)
{
	if (strlcpy(value->text, text, sizeof(value->text)) >= sizeof(value->text))
		return problem_set(problem, "is longer than %zu bytes; shorten it",
				   sizeof(value->text) - 1);
	return true;
}

static bool read_text(const struct option *option, const char *text, struct value *value,
		      struct problem *problem)
{
	size_t length = strlen(text);

	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			return problem_set(problem, "has a character that is not printable ASCII; "
						    "remove it");
	if (length < (size_t)option->minimum || length > (size_t)option->maximum)
		return problem_set(problem, "has %zu characters; give it %lld to %lld", length,
				   option->minimum, option->maximum);
	return store_text(text, value, problem);
}

static bool read_domain(const struct option *option, const char *text, struct value *value,
			struct problem *problem)
{
	if (!*text && option->minimum == 0)
		return store_text(text, value, problem);
	if (domain_normalise(text, value->text, sizeof(value->text)))
		return true;
	return problem_set(problem, "\"%.100s\" is not a domain; write it like mail.example.org",
			   text);
}

static bool has_control(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			return true;
	return false;
}

static bool read_path(const struct option *option, const char *text, struct value *value,
		      struct problem *problem)
{
	if (!*text && option->minimum == 0)
		return store_text(text, value, problem);
	if (*text != '/')
		return problem_set(problem, "\"%.100s\" is not an absolute path; begin it with /",
				   text);
	if (has_control(text))
		return problem_set(problem, "has a control character in its path; remove it");
	return store_text(text, value, problem);
}

/* Whether each % of the template begins %d, %u or %%, and %u is among them. */
static bool template_is_sound(const char *template)
{
	bool has_user = false;

	for (const char *c = strchr(template, '%'); c; c = strchr(c + 2, '%')) {
		if (!c[1] || !strchr("du%", c[1]))
			return false;
		has_user = has_user || c[1] == 'u';
	}
	return has_user;
}

/* Whether a component of the path is "." or "..". */
static bool has_dot_component(const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if ((length == 1 || length == 2) && !strncmp(path, "..", length))
			return true;
		path += length;
		path += strspn(path, "/");
	}
	return false;
}

/* Whether the first component of an absolute path is without a %: there is a mail root. */
static bool has_root(const char *template)
{
	const char *first = template + strspn(template, "/");
	size_t length = strcspn(first, "/");

	return length > 0 && !memchr(first, '%', length) && first[length] == '/';
}

static bool read_template(const struct option *option, const char *text, struct value *value,
			  struct problem *problem)
{
	if (!read_path(option, text, value, problem))
		return false;
	if (!template_is_sound(text))
		return problem_set(problem,
				   "\"%.100s\" must hold %%u, and no other %% than %%d, "
				   "%%u and %%%%",
				   text);
	if (has_dot_component(text))
		return problem_set(problem,
				   "\"%.100s\" has a component . or ..; write the path "
				   "without it",
				   text);
	if (!has_root(text))
		return problem_set(problem,
				   "\"%.100s\" must begin with a folder without %%, as in "
				   "/var/mail/postern/%%d/%%u",
				   text);
	return true;
}

static bool read_delimiter(const struct option *option, const char *text, struct value *value,
			   struct problem *problem)
{
	unsigned char c = (unsigned char)text[0];

	(void)option;
	if (c && (text[1] || c > '~' || !ispunct(c) || strchr("@\"\\/", c)))
		return problem_set(problem,
				   "\"%.100s\" cannot part a name and its tag; give one "
				   "punctuation character, as \"+\", or \"\" for none",
				   text);
	return store_text(text, value, problem);
}

static bool read_user(const struct option *option, const char *text, struct value *value,
		      struct problem *problem)
{
	size_t digits = strspn(text, "0123456789");
	const char *rest = text;

	if (digits && text[digits] == ':')
		rest = text + digits + 1 + strspn(text + digits + 1, "0123456789");
	else
		rest = text + strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_.-");
	if (*rest || rest == text || rest[-1] == ':' || *text == '-' ||
	    strlen(text) > (size_t)option->maximum)
		return problem_set(problem, "\"%.100s\" is not a user; give a name, uid or uid:gid",
				   text);
	return store_text(text, value, problem);
}

static bool read_target(const struct option *option, const char *text, struct value *value,
			struct problem *problem)
{
	if (!strcmp(text, "syslog") || !strcmp(text, "stderr"))
		return store_text(text, value, problem);
	if (*text != '/')
		return problem_set(problem,
				   "\"%.100s\" is no place for the log; give \"syslog\", "
				   "\"stderr\" or an absolute path",
				   text);
	return read_path(option, text, value, problem);
}

/* The factor of the unit at `end`, or 0: it is not a unit, or something stands behind it. */
static long long unit_factor(const struct unit *units, const char *end)
{
	if (!*end)
		return 1;
	if (end[1])
		return 0;
	for (; units->letter; units++)
		if (tolower((unsigned char)units->letter) == tolower((unsigned char)*end))
			return units->factor;
	return 0;
}

static bool out_of_bounds(const struct option *option, const char *text, struct problem *problem)
{
	char lowest[VALUE_NUMBER_SIZE], highest[VALUE_NUMBER_SIZE];

	value_number_text(option, option->minimum, lowest);
	value_number_text(option, option->maximum, highest);
	return problem_set(problem, "%.40s is out of bounds; give %s to %s", text, lowest, highest);
}

static bool read_number(const struct option *option, const char *text, struct value *value,
			struct problem *problem)
{
	const struct type *type = &types[option->type];
	size_t digits = strspn(text, "0123456789");
	long long factor = unit_factor(type->units, text + digits);

	if (digits == 0 || factor == 0)
		return problem_set(problem, "\"%.100s\" is not a %s; %s", text, type->name,
				   type->form);
	value->number = 0;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(value->number, 10, &value->number) ||
		    __builtin_add_overflow(value->number, text[i] - '0', &value->number))
			return out_of_bounds(option, text, problem);
	if (__builtin_mul_overflow(value->number, factor, &value->number) ||
	    value->number < option->minimum || value->number > option->maximum)
		return out_of_bounds(option, text, problem);
	return true;
}

size_t value_choice(const struct option *option, long long number, const char **word)
{
	const char *choices = option->choices;

	while (number-- > 0) {
		choices += strcspn(choices, " ");
		choices += strspn(choices, " ");
	}
	*word = choices;
	return strcspn(choices, " ");
}

static bool read_choice(const struct option *option, const char *text, struct value *value,
			struct problem *problem)
{
	const char *word;
	size_t length;

	for (value->number = 0; (length = value_choice(option, value->number, &word)) > 0;
	     value->number++)
		if (strlen(text) == length && !strncmp(text, word, length))
			return true;
	return problem_set(problem, "\"%.100s\" is not a choice; give one of: %s", text,
			   option->choices);
}

static bool read_boolean(const struct option *option, const char *text, struct value *value,
			 struct problem *problem)
{
	int answer = cfg_parse_boolean(text);

	(void)option;
	if (answer < 0)
		return problem_set(problem, "\"%.100s\" is not a boolean; give true or false",
				   text);
	value->number = answer;
	return true;
}

/* The path of a unix socket must fit into sun_path: unix(7). */
static bool read_socket_path(const char *text, struct value *value, struct problem *problem)
{
	size_t longest = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (has_control(text))
		return problem_set(problem, "has a control character in its path; remove it");
	if (strlen(text) > longest)
		return problem_set(problem, "\"%.120s\" is longer than %zu bytes; shorten it", text,
				   longest);
	return store_text(text, value, problem);
}

static bool read_address(const struct option *option, const char *text, struct value *value,
			 struct problem *problem)
{
	struct in6_addr address;

	(void)option;
	if (*text == '/')
		return read_socket_path(text, value, problem);
	if (strcmp(text, "*") != 0 && inet_pton(AF_INET, text, &address) != 1 &&
	    inet_pton(AF_INET6, text, &address) != 1)
		return problem_set(problem,
				   "\"%.100s\" is not a numeric address; give one like "
				   "192.0.2.1 or 2001:db8::1, the path of a unix socket, or \"*\"",
				   text);
	return store_text(text, value, problem);
}

static bool read_network(const struct option *option, const char *text, struct value *value,
			 struct problem *problem)
{
	struct network network;

	(void)option;
	return network_parse(text, &network, problem) && store_text(text, value, problem);
}

/* A word of SMTP, in upper case from here on. False: it is too long to be known. */
static bool store_word(const char *text, struct value *value)
{
	size_t length = strlen(text);

	if (length > WORD_MAX)
		return false;
	for (size_t i = 0; i <= length; i++)
		value->text[i] = (char)toupper((unsigned char)text[i]);
	return true;
}

static bool read_keyword(const struct option *option, const char *text, struct value *value,
			 struct problem *problem)
{
	(void)option;
	if (store_word(text, value) && smtp_extension_bit(value->text))
		return true;
	return problem_set(problem,
			   "\"%.100s\" is not an extension that EHLO could announce; see "
			   "postern.conf(5)",
			   text);
}

static bool read_verb(const struct option *option, const char *text, struct value *value,
		      struct problem *problem)
{
	const struct smtp_command *row = NULL;

	(void)option;
	if (store_word(text, value))
		row = smtp_command_find((struct smtp_text){ value->text, strlen(value->text) });
	if (!row)
		return problem_set(problem, "\"%.100s\" is not a command; see postern.conf(5)",
				   text);
	if (!(row->flags & SMTP_OPTIONAL))
		return problem_set(problem, "%s is a command that no mail server can do without",
				   value->text);
	return true;
}

#define NUMBER_FORM "give digits only"
#define SIZE_FORM "write it like 50M: digits and K, M, G, T or nothing for bytes"
#define DURATION_FORM "write it like 5m: digits and s, m, h, d or nothing for seconds"

static const struct type types[OPTION_TYPE_COUNT] = {
	[OPTION_TEXT] = { "text", VALUE_STRING, read_text, NULL, NULL },
	[OPTION_DOMAIN] = { "domain", VALUE_STRING, read_domain, NULL, NULL },
	[OPTION_PATH] = { "path", VALUE_STRING, read_path, NULL, NULL },
	[OPTION_TEMPLATE] = { "path", VALUE_STRING, read_template, NULL, NULL },
	[OPTION_DELIMITER] = { "character", VALUE_STRING, read_delimiter, NULL, NULL },
	[OPTION_USER] = { "user", VALUE_STRING, read_user, NULL, NULL },
	[OPTION_TARGET] = { "target", VALUE_STRING, read_target, NULL, NULL },
	[OPTION_NUMBER] = { "number", VALUE_NUMBER, read_number, plain_units, NUMBER_FORM },
	[OPTION_SIZE] = { "size", VALUE_NUMBER, read_number, size_units, SIZE_FORM },
	[OPTION_DURATION] = { "duration", VALUE_NUMBER, read_number, duration_units,
			      DURATION_FORM },
	[OPTION_CHOICE] = { "choice", VALUE_CHOICE, read_choice, NULL, NULL },
	[OPTION_BOOLEAN] = { "boolean", VALUE_BOOLEAN, read_boolean, NULL, NULL },
	[OPTION_DOMAINS] = { "list of domains", VALUE_LIST, read_domain, NULL, NULL },
	[OPTION_ADDRESSES] = { "list of addresses", VALUE_LIST, read_address, NULL, NULL },
	[OPTION_PATHS] = { "list of paths", VALUE_LIST, read_path, NULL, NULL },
	[OPTION_TEXTS] = { "list of texts", VALUE_LIST, read_text, NULL, NULL },
	[OPTION_NETWORKS] = { "list of networks", VALUE_LIST, read_network, NULL, NULL },
	[OPTION_KEYWORDS] = { "list of keywords", VALUE_LIST, read_keyword, NULL, NULL },
	[OPTION_VERBS] = { "list of commands", VALUE_LIST, read_verb, NULL, NULL },
};

bool value_read(const struct option *option, const char *text, struct value *value,
		struct problem *problem)
{
	struct problem what;

	value->number = 0;
	value->text[0] = '\0';
	if (types[option->type].read(option, text, value, &what))
		return true;
	return problem_set(problem, "%s %s", option->name, what.text);
}

enum value_kind value_kind(const struct option *option)
{
	return types[option->type].kind;
}

const char *value_type_name(enum option_type type)
{
	return types[type].name;
}

bool value_has_bounds(enum option_type type)
{
	return types[type].kind == VALUE_NUMBER;
}

void value_number_text(const struct option *option, long long number, char *text)
{
	const struct unit *unit = types[option->type].units;

	while (unit->letter && (number == 0 || number % unit->factor != 0))
		unit++;
	if (unit->letter)
		snprintf(text, VALUE_NUMBER_SIZE, "%lld%c", number / unit->factor, unit->letter);
	else
		snprintf(text, VALUE_NUMBER_SIZE, "%lld", number);
}
