/*
 * delivery_fixture.c - a mail root, tables and envelopes for the tests of delivery
 */
#include "tests/unit/delivery_fixture.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log/log.h"

#define PATH_SIZE 1024
#define TEXT(literal) ((char *)(literal))

static char folder[64], root_path[96], log_path[96];
static int root = -1, log_descriptor = -1;

void fixture_set_up(void)
{
	struct log_settings settings = { .format = LOG_KEY_VALUE };

	snprintf(folder, sizeof(folder), "/tmp/postern-delivery-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(root_path, sizeof(root_path), "%s/mail", folder);
	snprintf(log_path, sizeof(log_path), "%s/log", folder);
	ck_assert_int_eq(mkdir(root_path, 0700), 0);
	root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
	ck_assert_int_eq(mkdirat(root, MAIL_ROOT_MARK, 0700), 0);
	log_descriptor = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(log_descriptor, 0);
	settings.descriptor = log_descriptor;
	log_open("test", &settings);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

void fixture_tear_down(void)
{
	close(root);
	close(log_descriptor);
	ck_assert_int_eq(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int fixture_root(void)
{
	return root;
}

const char *fixture_root_path(void)
{
	return root_path;
}

const char *fixture_folder(void)
{
	return folder;
}

const char *fixture_write(const char *name, const char *text)
{
	static char path[PATH_SIZE];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

struct tables *fixture_tables(const char *mailboxes, const char *aliases)
{
	static char *domains[] = { TEXT("example.org") };
	struct configuration configuration = {
		.domains = { domains, 1 },
		.default_domain = TEXT(""),
		.recipient_delimiter = TEXT("+"),
		.rejected_senders = TEXT(""),
		.delivery.maildir = TEXT("/mail/" FIXTURE_TEMPLATE),
	};
	struct problem problem = { "" };
	struct tables *tables;
	int descriptor;

	configuration.mailboxes = strdup(fixture_write("mailboxes", mailboxes));
	configuration.aliases = strdup(fixture_write("aliases", aliases));
	descriptor = tables_build(&configuration, &problem);
	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	tables = tables_open(descriptor, &problem);
	ck_assert_msg(tables != NULL, "%s", problem.text);
	close(descriptor);
	free(configuration.mailboxes);
	free(configuration.aliases);
	return tables;
}

struct submission fixture_submission(const char *id, uint64_t body_length)
{
	struct submission submission = {
		.handle = 7,
		.received = FIXTURE_RECEIVED,
		.client_port = 4711,
		.helo = { "client.example.com", strlen("client.example.com") },
		.protocol = "ESMTP",
		.sender = { "sender@example.com", strlen("sender@example.com") },
		.body_length = body_length,
	};

	snprintf(submission.id, sizeof(submission.id), "%s", id);
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &submission.client);
	return submission;
}

static void put_recipient(struct wire_writer *writer, const char *path)
{
	const char *at = strrchr(path, '@');
	size_t local = at ? (size_t)(at - path) : strlen(path);
	const char *domain = at ? at + 1 : "";
	const struct submission_recipient recipient = {
		.path = { path, strlen(path) },
		.local = { path, local },
		.domain = { domain, strlen(domain) },
	};

	message_put_recipient(writer, &recipient);
}

size_t fixture_envelope(uint8_t *bytes, struct submission *submission,
			const char *const *recipients)
{
	struct wire_writer writer = { bytes, FIXTURE_FRAME_MAX, 0, false };

	if (submission->recipient_count == 0)
		while (recipients[submission->recipient_count])
			submission->recipient_count++;
	message_put_submission(&writer, submission);
	for (; *recipients; recipients++)
		put_recipient(&writer, *recipients);
	ck_assert(!writer.failed);
	return writer.used;
}

size_t fixture_frame(uint8_t *bytes, struct submission *submission, const char *const *recipients,
		     const char *body)
{
	size_t length = fixture_envelope(bytes + MESSAGE_HEADER_SIZE, submission, recipients);

	message_put_header(bytes, MESSAGE_SUBMISSION, (uint32_t)length);
	length += MESSAGE_HEADER_SIZE;
	ck_assert_uint_le(length + strlen(body), FIXTURE_FRAME_MAX);
	memcpy(bytes + length, body, strlen(body));
	return length + strlen(body);
}

static DIR *open_folder(const char *mailbox, const char *name, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s/%s", root_path, mailbox, name);
	return opendir(path);
}

size_t fixture_count(const char *mailbox, const char *name)
{
	char path[PATH_SIZE];
	DIR *directory = open_folder(mailbox, name, path);
	const struct dirent *entry;
	size_t count = 0;

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			count++;
	if (directory)
		closedir(directory);
	return count;
}

size_t fixture_count_all(const char *name)
{
	char path[PATH_SIZE], mailbox[512];
	DIR *directory = open_folder("example.org", "", path);
	const struct dirent *entry;
	size_t count = 0;

	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(mailbox, sizeof(mailbox), "example.org/%s", entry->d_name);
		count += fixture_count(mailbox, name);
	}
	if (directory)
		closedir(directory);
	return count;
}

static void read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

bool fixture_read(const char *mailbox, const char *name, const char *prefix, char *text,
		  size_t size, char *file_name)
{
	char path[PATH_SIZE], file[2 * PATH_SIZE];
	DIR *directory = open_folder(mailbox, name, path);
	const struct dirent *entry;
	bool found = false;

	while (!found && directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		found = true;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		snprintf(file_name, 256, "%s", entry->d_name);
		read_text(file, text, size);
	}
	if (directory)
		closedir(directory);
	return found;
}

bool fixture_log_has(const char *text)
{
	static char log[1 << 20];

	read_text(log_path, log, sizeof(log));
	return strstr(log, text) != NULL;
}

size_t fixture_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}
