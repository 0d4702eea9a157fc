/*
 * transport.c - bytes from and to the client, through TLS where it is on
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the client; OpenSSL reads its records.
 */
#include "worker/transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <openssl/err.h>

#include "worker/secure.h"

/* Bytes given to SSL_write(3) at once: one record. */
#define RECORD_MAX 16384

/* What an SSL call that returned `result` comes to, as errno; 0 at the end of the connection. */
static int error_of(struct session *session, int result)
{
	int error = errno;

	switch (SSL_get_error(session->tls, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return error;
	default:
		secure_log(session, NULL);
		return EPROTO;
	}
}

/*
 * Records that hold no data cost their sender less than us (key updates, RFC 8446
 * 4.6.3; hellos in the middle of a connection): so many bytes of them in a row,
 * more than the longest record, end the session.
 */
#define EMPTY_MAX 65536

/* `length`: of the data that has come. False: too much has come without any. */
static bool is_worth_reading(struct session *session, size_t length)
{
	uint64_t came = BIO_number_read(SSL_get_rbio(session->tls));

	if (length > 0)
		session->last_data = came;
	if (came - session->last_data <= EMPTY_MAX)
		return true;
	secure_log(session, "too many records without data");
	return false;
}

/* SSL_read_ex(3) or SSL_peek_ex(3) */
typedef int read_function(SSL *tls, void *bytes, size_t size, size_t *length);

static ssize_t read_tls(struct session *session, read_function *function, char *bytes, size_t size)
{
	size_t length = 0;
	int result;

	ERR_clear_error();
	errno = 0;
	result = function(session->tls, bytes, size, &length);
	if (!is_worth_reading(session, result > 0 ? length : 0)) {
		errno = EPROTO;
		return -1;
	}
	if (result > 0)
		return (ssize_t)length;
	errno = error_of(session, result);
	/* OpenSSL answers some records itself, as key updates (RFC 8446 4.6.3): it reads nothing
	 * more before that has gone. */
	session->blocked = errno == EAGAIN && SSL_want_write(session->tls);
	return errno == 0 ? 0 : -1;
}

ssize_t transport_read_raw(struct session *session, char *bytes, size_t size)
{
	ssize_t length = read(session->socket, bytes, size);

	if (length > 0)
		session->came += (uint64_t)length;
	return length;
}

ssize_t transport_read(struct session *session, char *bytes, size_t size)
{
	return session->tls ? read_tls(session, SSL_read_ex, bytes, size)
			    : transport_read_raw(session, bytes, size);
}

ssize_t transport_peek(struct session *session)
{
	char byte;

	return session->tls ? read_tls(session, SSL_peek_ex, &byte, 1)
			    : recv(session->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

bool transport_has_more(const struct session *session)
{
	return session->tls && SSL_has_pending(session->tls);
}

/* One record's worth of the output; -1 with errno. */
static ssize_t write_tls(struct session *session)
{
	struct evbuffer_iovec piece;
	size_t written;
	int result;

	if (evbuffer_peek(session->output, RECORD_MAX, NULL, &piece, 1) < 1)
		return 0;
	ERR_clear_error();
	errno = 0;
	result = SSL_write_ex(session->tls, piece.iov_base,
			      piece.iov_len < RECORD_MAX ? piece.iov_len : RECORD_MAX, &written);
	if (result <= 0) {
		errno = error_of(session, result);
		if (errno == 0)
			errno = EPIPE;
		return -1;
	}
	evbuffer_drain(session->output, written);
	return (ssize_t)written;
}

static ssize_t write_plain(struct session *session)
{
	ssize_t length = evbuffer_write(session->output, session->socket);

	if (length > 0)
		session->wrote += (uint64_t)length;
	return length;
}

static ssize_t write_some(struct session *session)
{
	return session->tls ? write_tls(session) : write_plain(session);
}

bool transport_write(struct session *session)
{
	session->blocked = false;
	while (evbuffer_get_length(session->output)) {
		if (write_some(session) >= 0 || errno == EINTR)
			continue;
		session->blocked = errno == EAGAIN;
		return session->blocked;
	}
	return true;
}

uint64_t transport_came(const struct session *session)
{
	return session->came + (session->tls ? BIO_number_read(SSL_get_rbio(session->tls)) : 0);
}

uint64_t transport_wrote(const struct session *session)
{
	return session->wrote + (session->tls ? BIO_number_written(SSL_get_wbio(session->tls)) : 0);
}

uint64_t transport_waiting(const struct session *session)
{
	int waiting = 0;

	return ioctl(session->socket, FIONREAD, &waiting) == 0 && waiting > 0 ? (uint64_t)waiting
									      : 0;
}

uint64_t transport_acknowledged(const struct session *session)
{
	/* The end that we have sent counts as one byte. */
	uint64_t wrote = transport_wrote(session) + session->finished;
	int left = 0;

	if (ioctl(session->socket, SIOCOUTQ, &left) != 0 || left < 0 || (uint64_t)left > wrote)
		return 0;
	return wrote - (uint64_t)left;
}

bool transport_has_failed(const struct session *session)
{
	int error = 0;
	socklen_t length = sizeof(error);

	return getsockopt(session->socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0 ||
	       error != 0;
}

void transport_finish(struct session *session)
{
	if (session->finished)
		return;
	session->finished = true;
	if (session->tls) {
		ERR_clear_error();
		SSL_shutdown(session->tls);
	}
	shutdown(session->socket, SHUT_WR);
}
