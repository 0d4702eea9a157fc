/*
 * path.c - where a mailbox lies below the mail root
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: the names of mailboxes: a quoted local part may hold any byte.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/tables/tables.h"

#define FILE_NAME_MAX 255 /* of most file systems; delivery adds nothing to a mailbox's name */

struct output {
	char *bytes;
	size_t size;
	size_t used;
	bool is_full;
};

static void put(struct output *output, char byte)
{
	if (output->used + 1 >= output->size)
		output->is_full = true;
	else
		output->bytes[output->used++] = byte;
}

static void put_escaped(struct output *output, unsigned char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	put(output, '%');
	put(output, digits[byte >> 4]);
	put(output, digits[byte & 15]);
}

/*
 * The name cannot leave its component, hide, or be another name's: no "/", no
 * leading ".", no control byte, and "%" itself is escaped.
 */
static void put_name(struct output *output, const char *name)
{
	for (const char *c = name; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte < ' ' || byte == 0x7f || byte == '/' || byte == '%' ||
		    (byte == '.' && c == name))
			put_escaped(output, byte);
		else
			put(output, *c);
	}
}

bool mailbox_path(const struct mailbox *mailbox, const char *template, char *path, size_t size)
{
	struct output output = { path, size, 0, size == 0 };

	if (!*mailbox->local || !*mailbox->domain)
		return false;
	for (const char *c = template; *c; c++) {
		if (*c != '%')
			put(&output, *c);
		else if (*++c == 'd')
			put_name(&output, mailbox->domain);
		else if (*c == 'u')
			put_name(&output, mailbox->local);
		else if (*c == '%')
			put(&output, '%');
		else
			return false;
	}
	if (output.is_full)
		return false;
	path[output.used] = '\0';
	return true;
}

static bool components_fit(const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length > FILE_NAME_MAX)
			return false;
		path += length;
		path += strspn(path, "/");
	}
	return true;
}

bool mailbox_fits(const struct mailbox *mailbox, const char *template)
{
	char path[PATH_MAX - FILE_NAME_MAX]; /* a file of the mailbox needs the rest */

	return mailbox_path(mailbox, template, path, sizeof(path)) && components_fit(path);
}
