/*
 * tickets.c - the keys of session tickets: a new one each hour, no old one to be had
 *
 * Runs in: postern-worker; in postern's master to try the contexts.  Privilege: none needed.
 * Distrusts: the name and the vector of a ticket that a client sends.
 */
#include "common/tls/tickets.h"

#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

/* What OpenSSL's callback answers (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)). */
enum answer {
	ANSWER_FAILED = -1,
	ANSWER_UNKNOWN = 0, /* the key is not known: a full handshake */
	ANSWER_FINE = 1,
	ANSWER_RENEW = 2, /* fine, and a new ticket is due */
};

/* What the secret is hashed with; different words give values that do not tell of each other. */
#define WORD_NEXT "postern ticket: next hour"
#define WORD_KEYS "postern ticket: keys"
#define WORD_NAME "postern ticket: name"

/* SHA-512 makes as much as a secret has. */
_Static_assert(TLS_SECRET_SIZE == 64, "a secret is a digest");
_Static_assert(sizeof((struct tls_ticket_keys){ 0 }.cipher) +
			       sizeof((struct tls_ticket_keys){ 0 }.mac) ==
		       TLS_SECRET_SIZE,
	       "the keys are a digest");

int64_t tls_tickets_clock(void)
{
	struct timespec now;

	require(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return now.tv_sec;
}

/* ---- from hour to hour */

static bool derive(const uint8_t *secret, const char *word, uint8_t *digest)
{
	return HMAC(EVP_sha512(), secret, TLS_SECRET_SIZE, (const unsigned char *)word,
		    strlen(word), digest, NULL);
}

static bool derive_keys(const uint8_t *secret, struct tls_ticket_keys *keys)
{
	uint8_t digest[TLS_SECRET_SIZE];
	bool is_made = derive(secret, WORD_KEYS, digest);

	if (is_made) {
		memcpy(keys->cipher, digest, sizeof(keys->cipher));
		memcpy(keys->mac, digest + sizeof(keys->cipher), sizeof(keys->mac));
		is_made = derive(secret, WORD_NAME, digest);
		memcpy(keys->name, digest, sizeof(keys->name));
	}
	OPENSSL_cleanse(digest, sizeof(digest));
	return is_made;
}

/* One hour on. False when memory is short: then nothing has changed. */
static bool advance(struct tls_tickets *tickets)
{
	struct tls_tickets next = *tickets;
	bool is_made = derive(tickets->secret, WORD_NEXT, next.secret) &&
		       derive_keys(next.secret, &next.current);

	if (is_made) {
		next.hour++;
		next.previous = tickets->current;
		next.has_previous = true;
		*tickets = next;
	}
	OPENSSL_cleanse(&next, sizeof(next));
	return is_made;
}

void tls_tickets_ratchet(struct tls_tickets *tickets, int64_t now)
{
	int64_t hour = (now - tickets->sealed_at) / TLS_TICKET_SECONDS;

	while (tickets->hour < hour && advance(tickets))
		;
}

bool tls_tickets_begin(struct tls_tickets *tickets, const struct tls_material *material,
		       int64_t now)
{
	memset(tickets, 0, sizeof(*tickets));
	tickets->sealed_at = material->sealed_at;
	memcpy(tickets->secret, material->secret, sizeof(tickets->secret));
	if (!derive_keys(tickets->secret, &tickets->current))
		return false;
	tls_tickets_ratchet(tickets, now);
	return true;
}

void tls_tickets_end(struct tls_tickets *tickets)
{
	OPENSSL_cleanse(tickets, sizeof(*tickets));
}

/* ---- one ticket */

static bool begin_mac(EVP_MAC_CTX *mac, struct tls_ticket_keys *keys)
{
	char digest[] = "SHA256";
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys->mac, sizeof(keys->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, parameters);
}

static int begin_writing(struct tls_tickets *tickets, unsigned char *name, unsigned char *vector,
			 EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	struct tls_ticket_keys *keys = &tickets->current;

	memcpy(name, keys->name, sizeof(keys->name));
	if (RAND_bytes(vector, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) <= 0 ||
	    !EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher, vector) ||
	    !begin_mac(mac, keys))
		return ANSWER_FAILED;
	return ANSWER_FINE;
}

static struct tls_ticket_keys *find_keys(struct tls_tickets *tickets, const unsigned char *name)
{
	if (!memcmp(name, tickets->current.name, sizeof(tickets->current.name)))
		return &tickets->current;
	if (tickets->has_previous &&
	    !memcmp(name, tickets->previous.name, sizeof(tickets->previous.name)))
		return &tickets->previous;
	return NULL;
}

static int begin_reading(SSL *session, struct tls_tickets *tickets, const unsigned char *name,
			 const unsigned char *vector, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	struct tls_ticket_keys *keys = find_keys(tickets, name);

	if (!keys)
		return ANSWER_UNKNOWN;
	if (!begin_mac(mac, keys) ||
	    !EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher, vector))
		return ANSWER_FAILED;
	/* In TLS 1.3 a ticket is used once (RFC 8446 C.4), so that a new one is always due. */
	if (keys == &tickets->current && SSL_version(session) < TLS1_3_VERSION)
		return ANSWER_FINE;
	return ANSWER_RENEW;
}

static int on_ticket(SSL *session, unsigned char *name, unsigned char *vector,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_writing)
{
	struct tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(session));

	/* Here, too: all workers agree on the hour, even one whose timer is late. */
	tls_tickets_ratchet(tickets, tls_tickets_clock());
	if (is_writing)
		return begin_writing(tickets, name, vector, cipher, mac);
	return begin_reading(session, tickets, name, vector, cipher, mac);
}

bool tls_tickets_use(SSL_CTX *context, struct tls_tickets *tickets)
{
	SSL_CTX_set_timeout(context, TLS_TICKET_SECONDS);
	return SSL_CTX_set_app_data(context, tickets) &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}
