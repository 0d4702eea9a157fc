/*
 * test_tls_seal.c - settings that are refused, and why; the sealed file; what ends soon
 *
 * Covers B-15 (settings), B-06 (no certificate, no TLS), B-14 (ends of certificates).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/configuration/sealed.h"
#include "common/tls/material.h"
#include "common/tls/seal.h"
#include "tests/unit/configuration_fixture.h"
#include "tests/unit/runner.h"
#include "tests/unit/tls_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- settings */

static const struct {
	const char *options;
	const char *what;
} settings[] = {
	{ "ciphers = 'ECDHE+AESGCM:NO-SUCH-CIPHER'",
	  "tls.ciphers: \"NO-SUCH-CIPHER\" is not known here; openssl-ciphers(1) lists them" },
	{ "ciphers = 'TLS_AES_128_GCM_SHA256'", "suites of TLS 1.3 go into tls.ciphersuites" },
	{ "ciphers = '!ALL'", "tls.ciphers: OpenSSL does not take it; openssl-ciphers(1)" },
	{ "ciphersuites = 'TLS_AES_256_GCM_SHA384:TLS_NO_SUCH'",
	  "tls.ciphersuites: \"TLS_NO_SUCH\" is not known here" },
	{ "ciphersuites = 'ECDHE-RSA-AES128-GCM-SHA256'", "tls.ciphersuites: \"ECDHE-RSA-" },
	{ "groups = 'X25519:P-257'", "tls.groups: \"P-257\" is not known here; write them like" },
	{ "groups = ':'", "tls.groups: OpenSSL does not take it" },
	{ "commands = 'NoSuch 1'",
	  "tls.commands: \"NoSuch 1\": no such command; SSL_CONF_cmd(3) lists them" },
	{ "commands = 'MaxProtocol'", "tls.commands: \"MaxProtocol\": write NAME VALUE" },
	{ "commands = 'MaxProtocol '", "write NAME VALUE" },
	{ "commands = ' MaxProtocol TLSv1.2'", "write NAME VALUE" },
	{ "commands = 'MaxProtocol TLSv9'",
	  "tls.commands: \"MaxProtocol TLSv9\": a wrong value; see SSL_CONF_cmd(3) (bad value)" },
	{ "commands = { 'MaxProtocol TLSv1.3', 'Options Nonsense' }",
	  "\"Options Nonsense\": a wrong" },
	{ "minimum = '1.3' commands = 'MaxProtocol TLSv1.2'",
	  "MaxProtocol is below tls.minimum; change one of them" },
	/* Nothing that reads a file, however it is written. */
	{ "commands = 'Certificate /etc/passwd'", "reads files; use tls.certificate, tls.key" },
	{ "commands = 'certificate /etc/passwd'", "reads files" },
	{ "commands = 'PrivateKey /etc/passwd'", "reads files" },
	{ "commands = 'ServerInfoFile /etc/passwd'", "reads files" },
	{ "commands = 'ChainCAFile /etc/passwd'", "reads files" },
	{ "commands = 'ChainCAPath /etc'", "reads files" },
	{ "commands = 'ChainCAStore file:/etc/passwd'", "reads files" },
	{ "commands = 'VerifyCAFile /etc/passwd'", "reads files" },
	{ "commands = 'VerifyCAPath /etc'", "reads files" },
	{ "commands = 'VerifyCAStore file:/etc/passwd'", "reads files" },
	{ "commands = 'RequestCAFile /etc/passwd'", "reads files" },
	{ "commands = 'ClientCAFile /etc/passwd'", "reads files" },
	{ "commands = 'RequestCAPath /etc'", "reads files" },
	{ "commands = 'ClientCAPath /etc'", "reads files" },
	{ "commands = 'RequestCAStore file:/etc/passwd'", "reads files" },
	{ "commands = 'ClientCAStore file:/etc/passwd'", "reads files" },
	{ "commands = 'DHParameters /etc/passwd'", "reads files" },
	{ "client-authorities = '~absent'", "absent: No such file or directory" },
	{ "client-authorities = '~ec.key'", "ec.key: holds no certificate; give one in PEM" },
};

START_TEST(test_settings)
{
	const struct section section = { .pairs = { "ec" }, .options = settings[_i].options };

	write_pair("ec", &(struct wish){ .common_name = "ec", .key = KEY_EC });
	expect_refusal(&section, settings[_i].what);
}
END_TEST

/* ---- the sealed file */

/* B-06: without a certificate there is no TLS, and no fault either. */
START_TEST(test_no_tls)
{
	struct configuration *configuration = configuration_of("hostname = a");
	struct tls_contexts *contexts = (struct tls_contexts *)&configuration;
	struct problem problem = { "" };
	struct stat status;
	int sealed = tls_seal(configuration, &problem);

	ck_assert_msg(sealed >= 0, "%s", problem.text);
	ck_assert(!fstat(sealed, &status));
	ck_assert_int_eq(status.st_size, 0);
	ck_assert(sealed_is_sealed(sealed));
	ck_assert(tls_contexts_open(sealed, configuration, &contexts, &problem));
	ck_assert_ptr_null(contexts);
	tls_contexts_close(contexts);
	close(sealed);
	configuration_free(configuration);
}
END_TEST

static int sealed_pair(const struct section *section, struct configuration **configuration)
{
	struct problem problem = { "" };
	int sealed;

	*configuration = configuration_with(section);
	sealed = tls_seal(*configuration, &problem);
	ck_assert_msg(sealed >= 0, "%s", problem.text);
	return sealed;
}

START_TEST(test_sealed)
{
	const struct section section = { .pairs = { "a" } };
	struct configuration *configuration;
	struct tls_material one, other;
	struct problem problem = { "" };
	int first, second;

	write_pair("a", &(struct wish){ .common_name = "a", .key = KEY_EC });
	first = sealed_pair(&section, &configuration);
	second = tls_seal(configuration, &problem);
	ck_assert(sealed_is_sealed(first));
	ck_assert_int_eq(fcntl(first, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert(tls_material_open(first, &one, &problem));
	ck_assert(tls_material_open(second, &other, &problem));
	ck_assert_uint_eq(one.count, 1);
	ck_assert_str_eq(one.pairs[0].key.file, test_path("a.key"));
	ck_assert_mem_ne(one.secret, other.secret, TLS_SECRET_SIZE);
	tls_material_close(&one);
	tls_material_close(&other);
	close(first);
	close(second);
	configuration_free(configuration);
}
END_TEST

static bool opens(const void *bytes, size_t length, bool is_sealed)
{
	struct problem problem = { "" };
	struct tls_material material;
	int descriptor = sealed_create("test", &problem);
	bool is_open;

	ck_assert_int_eq(write(descriptor, bytes, length), (ssize_t)length);
	if (is_sealed)
		ck_assert(sealed_close_off(descriptor, &problem));
	is_open = tls_material_open(descriptor, &material, &problem);
	if (is_open)
		tls_material_close(&material);
	else
		ck_assert_str_ne(problem.text, "");
	close(descriptor);
	return is_open;
}

/* A file that is cut anywhere, longer, or not sealed is refused. */
START_TEST(test_sealed_form)
{
	const struct section section = { .pairs = { "a" } };
	struct configuration *configuration;
	struct stat status;
	int sealed;
	char *bytes;

	write_pair("a", &(struct wish){ .common_name = "a", .key = KEY_EC });
	sealed = sealed_pair(&section, &configuration);
	ck_assert(!fstat(sealed, &status));
	bytes = calloc((size_t)status.st_size + 1, 1);
	ck_assert_int_eq(pread(sealed, bytes, (size_t)status.st_size, 0), status.st_size);
	ck_assert(opens(bytes, (size_t)status.st_size, true));
	ck_assert(!opens(bytes, (size_t)status.st_size, false));
	ck_assert(!opens(bytes, (size_t)status.st_size + 1, true));
	for (off_t length = 1; length < status.st_size; length++)
		ck_assert(!opens(bytes, (size_t)length, true));
	bytes[0]++;
	ck_assert(!opens(bytes, (size_t)status.st_size, true));
	free(bytes);
	close(sealed);
	configuration_free(configuration);
}
END_TEST

/* ---- certificates that end */

struct told {
	char text[512];
};

static void tell(void *context, const struct tls_ending *ending)
{
	struct told *told = context;
	size_t used = strlen(told->text);
	const char *file = strrchr(ending->file, '/') + 1;

	/* To the hour: making them took a moment. */
	snprintf(told->text + used, sizeof(told->text) - used, "%s %s %lld; ", file, ending->name,
		 (long long)(ending->left + (ending->left < 0 ? -1800 : 1800)) / 3600);
}

static const struct {
	unsigned days;
	const char *told;
} endings[] = {
	{ 0, "old.pem old.example -24; " },
	{ 4, "old.pem old.example -24; " },
	{ 5, "old.pem old.example -24; soon.pem b.example 120; " },
	{ 14, "old.pem old.example -24; soon.pem b.example 120; " },
	{ 30, "old.pem old.example -24; soon.pem b.example 120; late.pem  480; " },
	{ 1000, "fine.pem *.example 2160; old.pem old.example -24; soon.pem b.example 120; "
		"late.pem  480; " },
};

START_TEST(test_endings)
{
	const struct section section = { .pairs = { "fine", "old", "soon", "late" } };
	struct configuration *configuration;
	struct told told = { "" };
	int sealed;

	write_pair("fine", &(struct wish){ .alternatives = "IP:192.0.2.1,DNS:*.Example,DNS:a.b" });
	write_pair("old", &(struct wish){ .common_name = "old.example",
					  .begins = -3 * A_DAY,
					  .ends = -A_DAY });
	write_pair("soon", &(struct wish){ .common_name = "a.example",
					   .alternatives = "DNS:b.example",
					   .ends = 5 * A_DAY });
	write_pair("late", &(struct wish){ .common_name = "not a domain", .ends = 20 * A_DAY });
	sealed = sealed_pair(&section, &configuration);
	tls_each_ending(sealed, time(NULL), endings[_i].days, tell, &told);
	ck_assert_str_eq(told.text, endings[_i].told);
	close(sealed);
	configuration_free(configuration);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls-seal");
	TCase *tests = tcase_create("tls-seal");

	make_keys();
	tcase_add_checked_fixture(tests, tls_set_up, tls_tear_down);
	tcase_add_loop_test(tests, test_settings, 0, COUNT(settings));
	tcase_add_test(tests, test_no_tls);
	tcase_add_test(tests, test_sealed);
	tcase_add_test(tests, test_sealed_form);
	tcase_add_loop_test(tests, test_endings, 0, COUNT(endings));
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
