"""A client under TLS, and the certificate that a daemon needs for it."""

import ssl
import subprocess

from .session import Session


def make_pair(path):
    """A self-signed certificate and its key, PEM, as the options of `tls`."""
    certificate, key = f"{path}.pem", f"{path}.key"
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                           "-subj", "/CN=mx.example.org", "-days", "2", "-out", certificate, "-keyout", key],
                          capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl: {done.stderr!r}")
    return {"certificate": [certificate], "key": [key]}


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def secure(client):
    """The handshake on the session's connection."""
    client.socket = trusting_context().wrap_socket(client.socket, server_hostname="mx.example.org")
    return client


def hello():
    """The bytes with which a TLS client begins, and the two halves to go on with."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = trusting_context().wrap_bio(incoming, outgoing, server_hostname="mx.example.org")
    try:
        machine.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read(), (machine, incoming, outgoing)


class Memory(Session):
    """A session whose TLS is done in memory, so that its first bytes can be sent with others."""

    def __init__(self, session, state):  # pylint: disable=super-init-not-called
        self.session, (self.machine, self.incoming, self.outgoing) = session, state
        self.pending = b""
        self.socket = self
        self.step(self.machine.do_handshake)

    def step(self, function, *arguments):
        while True:
            try:
                result = function(*arguments)
                self.session.send(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.session.send(self.outgoing.read())
                self.incoming.write(self.session.socket.recv(65536))

    def recv(self, size):
        return self.step(self.machine.read, size)

    def sendall(self, content):
        self.step(self.machine.write, content)

    def close(self):
        self.session.close()
