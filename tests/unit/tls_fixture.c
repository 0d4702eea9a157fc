/*
 * tls_fixture.c - contexts as a worker has them, and clients that shake hands with them
 */
#include "tests/unit/tls_fixture.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/tls/library.h"
#include "common/tls/seal.h"
#include "tests/unit/configuration_fixture.h"

#define TEXT_SIZE 8192

void tls_set_up(void)
{
	struct problem problem;

	/* As in every program of postern. */
	signal(SIGPIPE, SIG_IGN);
	ck_assert_msg(tls_library_start(&problem), "%s", problem.text);
	configuration_set_up();
}

void tls_set_up_with_files(void)
{
	X509 *root;

	tls_set_up();
	write_pair("ec", &(struct wish){ .common_name = "ec",
					 .alternatives = "DNS:ec.example.org",
					 .key = KEY_EC });
	write_pair("rsa",
		   &(struct wish){ .common_name = "rsa", .alternatives = "DNS:rsa.example.org" });
	root = make_certificate(&(struct wish){
		.common_name = "root", .key = KEY_AUTHORITY, .is_authority = true });
	write_certificates("root.pem", &root, 1);
	X509_free(root);
}

void tls_tear_down(void)
{
	DIR *folder = opendir(configuration_folder);
	const struct dirent *entry;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)))
		unlink(test_path(entry->d_name));
	closedir(folder);
	configuration_tear_down();
}

/* ---- the server's side */

static void append(FILE *file, const char *text)
{
	for (; *text; text++)
		if (*text == '~')
			fprintf(file, "%s/", configuration_folder);
		else
			putc(*text, file);
}

static void append_list(FILE *file, const struct section *section, const char *option,
			const char *suffix)
{
	fprintf(file, "\n%s = {", option);
	for (size_t i = 0; i < PAIRS_MAX && section->pairs[i]; i++)
		fprintf(file, "%s \"%s/%s%s\"", i ? "," : "", configuration_folder,
			section->pairs[i], suffix);
	fputs(" }", file);
}

struct configuration *configuration_with(const struct section *section)
{
	char text[TEXT_SIZE];
	FILE *file = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(file);
	fputs("hostname = mx.example.org\ntls {", file);
	append_list(file, section, "certificate", ".pem");
	append_list(file, section, "key", ".key");
	append(file, "\n");
	append(file, section->options ? section->options : "");
	fputs("\n}\n", file);
	ck_assert_int_eq(fclose(file), 0);
	return configuration_of(text);
}

struct tls_contexts *contexts_with(const struct section *section)
{
	struct configuration *configuration = configuration_with(section);
	struct tls_contexts *contexts = NULL;
	struct problem problem = { "" };
	int sealed = tls_seal(configuration, &problem);

	ck_assert_msg(sealed >= 0, "%s", problem.text);
	ck_assert_msg(tls_contexts_open(sealed, configuration, &contexts, &problem), "%s",
		      problem.text);
	close(sealed);
	configuration_free(configuration);
	return contexts;
}

void expect_refusal(const struct section *section, const char *what)
{
	struct configuration *configuration = configuration_with(section);
	struct problem problem = { "" };
	int sealed = tls_seal(configuration, &problem);

	ck_assert_msg(sealed < 0, "accepted, in place of: %s", what);
	ck_assert_msg(strstr(problem.text, what), "\"%s\" is not in: %s", what, problem.text);
	ck_assert_msg(!strchr(problem.text, '\n'), "more than one line: %s", problem.text);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	configuration_free(configuration);
}

/* ---- the client's side */

static void wish_for(SSL_CTX *context, const struct client *client)
{
	ck_assert(SSL_CTX_set_min_proto_version(context, client->minimum));
	ck_assert(SSL_CTX_set_max_proto_version(context, client->maximum));
	if (client->ciphers)
		ck_assert(SSL_CTX_set_cipher_list(context, client->ciphers));
	if (client->suites)
		ck_assert(SSL_CTX_set_ciphersuites(context, client->suites));
	if (client->groups)
		ck_assert(SSL_CTX_set1_groups_list(context, client->groups));
	if (client->signatures)
		ck_assert(SSL_CTX_set1_sigalgs_list(context, client->signatures));
	if (client->protocols)
		ck_assert(!SSL_CTX_set_alpn_protos(context,
						   (const unsigned char *)client->protocols,
						   (unsigned)strlen(client->protocols)));
	if (client->certificate) {
		ck_assert(SSL_CTX_use_certificate(context, client->certificate));
		ck_assert(SSL_CTX_use_PrivateKey(context, key_of(client->key)));
	}
}

static void begin(struct handshake *handshake, struct tls_contexts *contexts,
		  const struct client *client)
{
	memset(handshake, 0, sizeof(*handshake));
	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, handshake->sockets));
	handshake->context = SSL_CTX_new(TLS_client_method());
	wish_for(handshake->context, client);
	handshake->client = SSL_new(handshake->context);
	ck_assert(SSL_set_fd(handshake->client, handshake->sockets[1]));
	SSL_set_connect_state(handshake->client);
	if (client->server_name)
		ck_assert(SSL_set_tlsext_host_name(handshake->client, client->server_name));
	if (client->session)
		ck_assert(SSL_set_session(handshake->client, client->session));
	handshake->server = tls_contexts_session(contexts, handshake->sockets[0]);
	ck_assert_ptr_nonnull(handshake->server);
}

/* Whether it is worth to go on: it succeeded, or waits for the other end. */
static bool goes_on(SSL *end, int result, char *text, size_t size)
{
	int error = SSL_get_error(end, result);

	if (result > 0 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return true;
	tls_error_text(text, size);
	if (!*text)
		snprintf(text, size, "closed");
	return false;
}

static bool step(struct handshake *handshake)
{
	char byte;
	bool client = goes_on(handshake->client, SSL_do_handshake(handshake->client),
			      handshake->client_error, sizeof(handshake->client_error));
	bool server = goes_on(handshake->server, SSL_do_handshake(handshake->server),
			      handshake->server_error, sizeof(handshake->server_error));

	/* The alert of the one is the other's reason. */
	if (client && !server)
		goes_on(handshake->client, SSL_read(handshake->client, &byte, 1),
			handshake->client_error, sizeof(handshake->client_error));
	return client && server;
}

/* In TLS 1.3 a client is done before the server has looked at its certificate. */
static bool greet(struct handshake *handshake)
{
	char greeting[4];

	ck_assert_int_eq(SSL_write(handshake->server, "220 ", 4), 4);
	return goes_on(handshake->client, SSL_read(handshake->client, greeting, sizeof(greeting)),
		       handshake->client_error, sizeof(handshake->client_error));
}

bool shake_hands(struct handshake *handshake, struct tls_contexts *contexts,
		 const struct client *client)
{
	begin(handshake, contexts, client);
	while (!SSL_is_init_finished(handshake->client) || !SSL_is_init_finished(handshake->server))
		if (!step(handshake))
			return false;
	return greet(handshake);
}

void hang_up(struct handshake *handshake)
{
	SSL_free(handshake->client);
	SSL_free(handshake->server);
	SSL_CTX_free(handshake->context);
	close(handshake->sockets[0]);
	close(handshake->sockets[1]);
}

void shown_name(const struct handshake *handshake, char *name, size_t size)
{
	const X509 *certificate = SSL_get0_peer_certificate(handshake->client);

	ck_assert_ptr_nonnull(certificate);
	ck_assert_int_ge(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
						   NID_commonName, name, (int)size),
			 0);
}
