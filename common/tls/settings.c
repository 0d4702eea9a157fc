/*
 * settings.c - what section `tls` says, put into an OpenSSL context
 *
 * Runs in: postern's master, postern-worker.  Privilege: none needed.
 * Distrusts: the configuration; the extensions of a client's hello.
 */
#include "common/tls/settings.h"

#include <string.h>

#include <openssl/err.h>

#include "common/tls/library.h"

/* Of a client's chain; each session keeps it while it lasts. */
#define CLIENT_CHAIN_BYTES_MAX (32 * 1024)
#define CLIENT_CHAIN_DEPTH_MAX 10

#define ELEMENT_SIZE 128

/* Sessions of one context may be resumed in another: they are all the same service. */
static const unsigned char session_id_context[] = "postern";

/* ---- lists: ciphers, cipher suites, groups */

static bool set_ciphers(SSL_CTX *context, const char *text)
{
	return SSL_CTX_set_cipher_list(context, text);
}

static bool set_suites(SSL_CTX *context, const char *text)
{
	return SSL_CTX_set_ciphersuites(context, text);
}

static bool set_groups(SSL_CTX *context, const char *text)
{
	return SSL_CTX_set1_groups_list(context, text);
}

/* OpenSSL leaves out a word that it does not know; one that only removes may be unknown. */
static bool try_cipher(SSL_CTX *context, const char *word)
{
	return strchr("!-+@", *word) || set_ciphers(context, word);
}

static bool try_suite(SSL_CTX *context, const char *word)
{
	const STACK_OF(SSL_CIPHER) * ciphers;

	if (!set_suites(context, word))
		return false;
	ciphers = SSL_CTX_get_ciphers(context);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		if (!strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)), word))
			return true;
	return false;
}

static const struct list {
	const char *option;
	size_t offset; /* in struct configuration */
	const char *separators;
	bool (*try)(SSL_CTX *context, const char *word);
	bool (*set)(SSL_CTX *context, const char *text);
	const char *cure;
} lists[] = {
	{ "tls.ciphers", offsetof(struct configuration, tls.ciphers), ":, ", try_cipher,
	  set_ciphers,
	  "openssl-ciphers(1) lists them; suites of TLS 1.3 go into tls.ciphersuites" },
	{ "tls.ciphersuites", offsetof(struct configuration, tls.ciphersuites), ":", try_suite,
	  set_suites, "openssl ciphers -s -tls1_3 lists them" },
	{ "tls.groups", offsetof(struct configuration, tls.groups), ":", set_groups, set_groups,
	  "write them like X25519:P-256, see SSL_CONF_cmd(3)" },
};

/* Finds the first word that OpenSSL does not take by itself. */
static bool try_words(SSL_CTX *context, const struct list *list, const char *text,
		      struct problem *problem)
{
	char word[ELEMENT_SIZE];

	for (text += strspn(text, list->separators); *text;
	     text += strspn(text, list->separators)) {
		size_t length = strcspn(text, list->separators);

		if (length < sizeof(word)) {
			memcpy(word, text, length);
			word[length] = '\0';
		}
		if (length >= sizeof(word) || !list->try(context, word)) {
			ERR_clear_error();
			return problem_set(problem, "%s: \"%.*s\" is not known here; %s",
					   list->option, length < 100 ? (int)length : 100, text,
					   list->cure);
		}
		text += length;
	}
	return true;
}

static bool apply_lists(SSL_CTX *context, const struct configuration *configuration,
			struct problem *problem)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *base = (const char *)configuration;
		const char *text = *(char *const *)(const void *)(base + lists[i].offset);

		if (!try_words(context, &lists[i], text, problem))
			return false;
		if (!lists[i].set(context, text))
			return tls_problem(problem, "%s: OpenSSL does not take it; %s",
					   lists[i].option, lists[i].cure);
	}
	return true;
}

/* ---- tls.commands */

/* Those that name files are known only where OpenSSL may read files. */
static bool reads_file(SSL_CONF_CTX *commands, const char *name)
{
	int type;

	SSL_CONF_CTX_set_flags(commands, SSL_CONF_FLAG_CERTIFICATE);
	type = SSL_CONF_cmd_value_type(commands, name);
	SSL_CONF_CTX_clear_flags(commands, SSL_CONF_FLAG_CERTIFICATE);
	return type == SSL_CONF_TYPE_FILE || type == SSL_CONF_TYPE_DIR ||
	       type == SSL_CONF_TYPE_STORE;
}

static bool run_command(SSL_CONF_CTX *commands, const char *command, struct problem *problem)
{
	char name[ELEMENT_SIZE];
	size_t length = strcspn(command, " \t");
	const char *value = command + length + strspn(command + length, " \t");
	int result;

	if (length == 0 || length >= sizeof(name) || !*value)
		return problem_set(problem, "tls.commands: \"%.100s\": write NAME VALUE", command);
	memcpy(name, command, length);
	name[length] = '\0';
	result = SSL_CONF_cmd(commands, name, value);
	if (result > 0)
		return true;
	if (result == -2 && reads_file(commands, name))
		tls_problem(
			problem,
			"tls.commands: \"%.100s\": a command that reads files; use tls.certificate,"
			" tls.key and tls.client-authorities",
			command);
	else if (result == -2)
		tls_problem(problem,
			    "tls.commands: \"%.100s\": no such command; SSL_CONF_cmd(3) lists them",
			    command);
	else
		tls_problem(problem, "tls.commands: \"%.100s\": a wrong value; see SSL_CONF_cmd(3)",
			    command);
	return false;
}

static bool run_commands(SSL_CTX *context, const struct text_list *list, struct problem *problem)
{
	SSL_CONF_CTX *commands;
	bool is_run = true;

	if (list->count == 0)
		return true;
	commands = SSL_CONF_CTX_new();
	if (!commands)
		return problem_set(problem, "tls.commands: out of memory");
	SSL_CONF_CTX_set_flags(commands, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SERVER |
						 SSL_CONF_FLAG_SHOW_ERRORS);
	SSL_CONF_CTX_set_ssl_ctx(commands, context);
	for (size_t i = 0; i < list->count && is_run; i++)
		is_run = run_command(commands, list->items[i], problem);
	if (is_run && !SSL_CONF_CTX_finish(commands))
		is_run = tls_problem(problem, "tls.commands: OpenSSL does not take them together");
	SSL_CONF_CTX_free(commands);
	return is_run;
}

/* ---- versions */

static const int versions[] = {
	[TLS_VERSION_1_2] = TLS1_2_VERSION,
	[TLS_VERSION_1_3] = TLS1_3_VERSION,
};

static bool check_versions(SSL_CTX *context, struct problem *problem)
{
	long highest = SSL_CTX_get_max_proto_version(context);

	if (highest == 0 || highest >= SSL_CTX_get_min_proto_version(context))
		return true;
	return problem_set(problem, "tls.commands: no version of TLS is left: MaxProtocol is below "
				    "tls.minimum; change one of them");
}

/* ---- client certificates */

/* With ask every certificate will do; SSL_get_verify_result() tells what it is worth. */
static int let_pass(int is_valid, X509_STORE_CTX *store)
{
	(void)is_valid;
	(void)store;
	return 1;
}

static const struct {
	int mode;
	SSL_verify_cb callback;
	bool names_authorities; /* to the client: which certificates are of use */
} verifications[] = {
	[CLIENT_CERTIFICATE_OFF] = { SSL_VERIFY_NONE, NULL, false },
	[CLIENT_CERTIFICATE_ASK] = { SSL_VERIFY_PEER, let_pass, false },
	[CLIENT_CERTIFICATE_REQUIRE] = { SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL,
					 true },
};

static bool name_authorities(SSL_CTX *context, X509_STORE *authorities)
{
	const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(authorities);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++)
		if (!SSL_CTX_add_client_CA(context,
					   X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i))))
			return false;
	return true;
}

static bool apply_verification(SSL_CTX *context, enum client_certificate choice,
			       X509_STORE *authorities, struct problem *problem)
{
	SSL_CTX_set_verify(context, verifications[choice].mode, verifications[choice].callback);
	SSL_CTX_set_verify_depth(context, CLIENT_CHAIN_DEPTH_MAX);
	SSL_CTX_set_max_cert_list(context, CLIENT_CHAIN_BYTES_MAX);
	SSL_CTX_set1_cert_store(context, authorities);
	if (!verifications[choice].names_authorities || name_authorities(context, authorities))
		return true;
	return tls_problem(problem, "tls.client-authorities: cannot be named to clients");
}

/* ---- ALPN */

/* Each behind its length, as on the wire. */
static const unsigned char our_protocols[] = "\x04smtp\x04lmtp";

/*
 * Who offers protocols, but none of ours, takes us for another kind of server,
 * or wants a third one to do so (the ALPACA attack): no_application_protocol,
 * RFC 7301 3.2. Mail clients offer none as a rule.
 */
static int on_protocols(SSL *session, const unsigned char **chosen, unsigned char *length,
			const unsigned char *offered, unsigned offered_length, void *context)
{
	unsigned char *match;

	(void)session;
	(void)context;
	if (SSL_select_next_proto(&match, length, our_protocols, sizeof(our_protocols) - 1, offered,
				  offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = match;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- what is not for the configuration to change */

/*
 * IGNORE_UNEXPECTED_EOF: many clients go without close_notify. The end of a
 * message is marked in SMTP itself, so that nothing that was cut off counts.
 */
#define OPTIONS                                                                              \
	(SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | \
	 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF)

/* RELEASE_BUFFERS: a session that waits has no buffers. NO_AUTO_CHAIN: a chain is what the file
 * has, never what client authorities would add. */
#define MODES                                                       \
	(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | \
	 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN)

static bool apply_rules(SSL_CTX *context, bool has_tickets)
{
	SSL_CTX_set_options(context, OPTIONS | (has_tickets ? 0 : SSL_OP_NO_TICKET));
	SSL_CTX_set_mode(context, MODES);
	/* Who sends records without data, as key updates, must not keep SSL_read(3) from coming
	 * back to the other sessions. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(context, on_protocols, NULL);
	return SSL_CTX_set_max_early_data(context, 0) &&
	       SSL_CTX_set_session_id_context(context, session_id_context,
					      sizeof(session_id_context) - 1) &&
	       (has_tickets || SSL_CTX_set_num_tickets(context, 0));
}

/* Options of postern first, then the commands, which may change them, then the rules. */
bool tls_settings_apply(SSL_CTX *context, const struct configuration *configuration,
			X509_STORE *authorities, struct problem *problem)
{
	if (!SSL_CTX_set_min_proto_version(context, versions[configuration->tls.minimum]) ||
	    !SSL_CTX_set_dh_auto(context, 1) || !SSL_CTX_set_num_tickets(context, 1))
		return tls_problem(problem, "tls: OpenSSL refuses a setting");
	if (!apply_lists(context, configuration, problem) ||
	    !run_commands(context, &configuration->tls.commands, problem) ||
	    !check_versions(context, problem) ||
	    !apply_verification(context, configuration->tls.client_certificate, authorities,
				problem))
		return false;
	if (!apply_rules(context, configuration->tls.tickets))
		return tls_problem(problem, "tls: OpenSSL refuses a setting");
	return true;
}
