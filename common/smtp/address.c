/*
 * address.c - reverse-path and forward-path (RFC 5321 4.1.2, RFC 6531 3.3)
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (they come from the Internet).  Trusts: text.c, domain.c.
 *
 * The readers below take what they know from the front of *left. A byte above
 * 127 is taken wherever the grammar takes UTF8-non-ascii; that such bytes are
 * well-formed is looked at once for each part that has been taken.
 */
#include "common/smtp/address.h"

#include <string.h>

static bool begins_with(struct smtp_text text, char byte)
{
	return text.length > 0 && text.bytes[0] == byte;
}

/* Moves `length` bytes, at most text->length, from the front of *left to the result. */
static struct smtp_text take(struct smtp_text *left, size_t length)
{
	struct smtp_text taken = { left->bytes, length };

	left->bytes += length;
	left->length -= length;
	return taken;
}

/* Length of the Dot-string at the front; 0 when there is none or a dot is out of place. */
static size_t dot_string_length(struct smtp_text text)
{
	char previous = '.';
	size_t i;

	for (i = 0; i < text.length; i++) {
		if (text.bytes[i] == '.' && previous == '.')
			return 0;
		if (text.bytes[i] != '.' && !smtp_is_atext(text.bytes[i]) &&
		    !smtp_is_8bit(text.bytes[i]))
			break;
		previous = text.bytes[i];
	}
	return previous == '.' ? 0 : i;
}

/*
 * Length of the Quoted-string at the front, with both quotes; 0 when it is
 * malformed or open. A quoted-pair is of ASCII only: RFC 6531 extends qtextSMTP
 * and leaves quoted-pairSMTP.
 */
static size_t quoted_string_length(struct smtp_text text)
{
	for (size_t i = 1; i < text.length; i++) {
		if (text.bytes[i] == '"')
			return i + 1;
		if (text.bytes[i] == '\\') {
			if (++i == text.length || !smtp_is_printable(text.bytes[i]))
				return 0;
		} else if (!smtp_is_printable(text.bytes[i]) && !smtp_is_8bit(text.bytes[i])) {
			return 0;
		}
	}
	return 0;
}

static enum smtp_path_fault read_local(struct smtp_text *left, struct smtp_path *path)
{
	size_t length;

	path->is_quoted = begins_with(*left, '"');
	length = path->is_quoted ? quoted_string_length(*left) : dot_string_length(*left);
	if (length == 0)
		return SMTP_PATH_BAD_LOCAL;
	if (length > SMTP_LOCAL_MAX)
		return SMTP_PATH_TOO_LONG;
	path->local = take(left, length);
	return smtp_text_is_utf8(path->local) ? SMTP_PATH_FINE : SMTP_PATH_NOT_UTF8;
}

/* Length of what could be a domain; whether it is one is for domain.c to say. */
static size_t domain_length(struct smtp_text text)
{
	size_t i;

	for (i = 0; i < text.length; i++)
		if (!smtp_is_letter_or_digit(text.bytes[i]) && !smtp_is_8bit(text.bytes[i]) &&
		    text.bytes[i] != '.' && text.bytes[i] != '-')
			break;
	return i;
}

static enum smtp_path_fault read_domain(struct smtp_text *left, struct smtp_text *domain)
{
	size_t length = domain_length(*left);

	if (length > SMTP_DOMAIN_MAX)
		return SMTP_PATH_TOO_LONG;
	*domain = take(left, length);
	if (!smtp_text_is_utf8(*domain))
		return SMTP_PATH_NOT_UTF8;
	return smtp_domain_is_valid(*domain) ? SMTP_PATH_FINE : SMTP_PATH_BAD_DOMAIN;
}

/* left->bytes[0] is the opening bracket. */
static enum smtp_path_fault read_literal(struct smtp_text *left, struct smtp_text *literal)
{
	const char *closing = memchr(left->bytes, ']', left->length);

	if (!closing)
		return SMTP_PATH_BAD_DOMAIN;
	*literal = take(left, (size_t)(closing - left->bytes) + 1);
	return smtp_literal_is_valid(*literal) ? SMTP_PATH_FINE : SMTP_PATH_BAD_DOMAIN;
}

/* A-d-l ":", when there is one. Its domains must be correct and are then forgotten. */
static enum smtp_path_fault read_route(struct smtp_text *left, struct smtp_path *path)
{
	enum smtp_path_fault fault;
	struct smtp_text domain;

	while (begins_with(*left, '@')) {
		path->had_route = true;
		take(left, 1);
		fault = read_domain(left, &domain);
		if (fault != SMTP_PATH_FINE)
			return fault;
		if (begins_with(*left, ':')) {
			take(left, 1);
			return SMTP_PATH_FINE;
		}
		if (!begins_with(*left, ','))
			return SMTP_PATH_BAD_DOMAIN;
		take(left, 1);
	}
	return path->had_route ? SMTP_PATH_BAD_DOMAIN : SMTP_PATH_FINE;
}

/* "@" and what it stands before; without it the address is a local part alone. */
static enum smtp_path_fault read_at_domain(struct smtp_text *left, struct smtp_path *path)
{
	if (!begins_with(*left, '@')) {
		path->domain = (struct smtp_text){ left->bytes, 0 };
		return path->had_route ? SMTP_PATH_BAD_DOMAIN : SMTP_PATH_FINE;
	}
	take(left, 1);
	path->is_literal = begins_with(*left, '[');
	return path->is_literal ? read_literal(left, &path->domain)
				: read_domain(left, &path->domain);
}

static enum smtp_path_fault read_mailbox(struct smtp_text *left, struct smtp_path *path)
{
	enum smtp_path_fault fault = read_local(left, path);

	return fault == SMTP_PATH_FINE ? read_at_domain(left, path) : fault;
}

/* What stands between the brackets, or where they would stand. */
static enum smtp_path_fault read_inner(struct smtp_text *left, struct smtp_path *path)
{
	struct smtp_text inner = *left;
	enum smtp_path_fault fault = read_route(left, path);

	if (fault != SMTP_PATH_FINE)
		return fault;
	path->whole.bytes = left->bytes;
	fault = read_mailbox(left, path);
	if (fault != SMTP_PATH_FINE)
		return fault;
	path->whole.length = (size_t)(left->bytes - path->whole.bytes);
	inner.length = (size_t)(left->bytes - inner.bytes);
	path->has_8bit = smtp_text_has_8bit(inner);
	return inner.length <= SMTP_PATH_MAX ? SMTP_PATH_FINE : SMTP_PATH_TOO_LONG;
}

/* The fault of an address that is correct so far, but goes on with a byte it cannot have. */
static enum smtp_path_fault fault_behind(const struct smtp_path *path)
{
	return path->domain.length > 0 ? SMTP_PATH_BAD_DOMAIN : SMTP_PATH_BAD_LOCAL;
}

static enum smtp_path_fault read_closing_bracket(struct smtp_text *left,
						 const struct smtp_path *path)
{
	if (left->length == 0 || !memchr(left->bytes, '>', left->length))
		return SMTP_PATH_NO_BRACKETS;
	if (!begins_with(*left, '>'))
		return fault_behind(path);
	take(left, 1);
	return SMTP_PATH_FINE;
}

static enum smtp_path_fault read_null_path(struct smtp_text *left, enum smtp_path_kind kind,
					   struct smtp_path *path)
{
	struct smtp_text nothing = { left->bytes, 0 };

	path->whole = path->local = path->domain = nothing;
	path->is_null = true;
	take(left, 1);
	return kind == SMTP_REVERSE_PATH ? SMTP_PATH_FINE : SMTP_PATH_EMPTY;
}

static enum smtp_path_fault read_bracketed(struct smtp_text *left, enum smtp_path_kind kind,
					   struct smtp_path *path)
{
	enum smtp_path_fault fault;

	take(left, 1);
	if (begins_with(*left, '>'))
		return read_null_path(left, kind, path);
	fault = read_inner(left, path);
	return fault == SMTP_PATH_FINE ? read_closing_bracket(left, path) : fault;
}

static enum smtp_path_fault read_bare(struct smtp_text *left, struct smtp_path *path)
{
	enum smtp_path_fault fault = read_inner(left, path);

	if (fault == SMTP_PATH_FINE && left->length > 0 && !begins_with(*left, ' '))
		return fault_behind(path);
	return fault;
}

enum smtp_path_fault smtp_path_parse(struct smtp_text text, enum smtp_path_kind kind, bool lenient,
				     struct smtp_path *path, struct smtp_text *rest)
{
	enum smtp_path_fault fault;

	*path = (struct smtp_path){ 0 };
	*rest = text;
	if (begins_with(text, '<'))
		fault = read_bracketed(rest, kind, path);
	else if (lenient && text.length > 0)
		fault = read_bare(rest, path);
	else
		fault = SMTP_PATH_NO_BRACKETS;
	return fault;
}

int smtp_local_unquote(const struct smtp_path *path, char *plain, size_t size)
{
	size_t quote = path->is_quoted ? 1 : 0;
	size_t end = path->local.length - quote;
	size_t length = 0;

	for (size_t i = quote; i < end; i++) {
		if (path->is_quoted && path->local.bytes[i] == '\\')
			i++;
		if (length + 1 >= size)
			return -1;
		plain[length++] = path->local.bytes[i];
	}
	if (length >= size)
		return -1;
	plain[length] = '\0';
	return (int)length;
}
