"""TLS of the clients: contexts, and handshakes in memory whose bytes a test can cut and change."""

import ssl

from . import certificates

# What a client gets at most from one call; larger than a record.
PIECE = 65536
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def client_context(minimum=None, maximum=None, ciphers=None, alpn=(), pair=None):
    """Trusts every server: which certificate came is for the test to look at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = minimum or V12
    context.maximum_version = maximum or V13
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if pair:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


class Machine:
    """A client's TLS between two buffers: what it wants to send is asked for, what came is given."""

    def __init__(self, context=None, server_name=None):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or client_context()).wrap_bio(self.incoming, self.outgoing, server_hostname=server_name)
        self.is_shaken = False
        self.has_ended = False  # the server has said that no more follows

    def hello(self):
        """The bytes of its ClientHello."""
        return self.shake()

    def shake(self, came=b""):
        """One step of the handshake; the bytes that are to be sent."""
        self.incoming.write(came)
        try:
            self.tls.do_handshake()
            self.is_shaken = True
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def seal(self, *contents):
        """Records, one for each of the contents."""
        for content in contents:
            self.tls.write(content)
        return self.outgoing.read()

    def open(self, came):
        """What came, in the clear."""
        self.incoming.write(came)
        plain = b""
        try:
            while got := self.tls.read(PIECE):
                plain += got
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.has_ended = True
        return plain

    def close(self):
        """The record that says that no more follows."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def shake_over(self, socket):
        """The whole handshake over a socket."""
        socket.sendall(self.shake())
        while not self.is_shaken:
            got = socket.recv(PIECE)
            if not got:
                raise ConnectionResetError("closed in the middle of the handshake")
            socket.sendall(self.shake(got))
        return self


# ---- the server's side of it


def settings(*pairs, **options):
    """Section tls of a configuration."""
    return {"certificate": [pair.certificate for pair in pairs], "key": [pair.key for pair in pairs], **options}


def listeners(trial, tls="optional", **options):
    """Two of them: one that begins in the clear, on the port of the daemon, and one that begins with TLS."""
    both = {"address": [trial.address], **options}
    return [("smtp", {**both, "port": trial.port, "tls": tls}),
            ("smtps", {**both, "port": implicit_port(trial), "tls": "implicit"})]


def served(trial, *pairs, tls=None, listener=None, **options):
    """What a daemon is prepared with; a certificate is made where none is given."""
    pairs = pairs or (certificates.make(trial.path("mx")),)
    return {"tls": settings(*pairs, **(tls or {})), "listen": listeners(trial, **(listener or {})), **options}


def implicit_port(trial):
    return 465 if trial.is_root else 4650
