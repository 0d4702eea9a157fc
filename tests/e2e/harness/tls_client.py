"""TLS for tests of other things: a certificate, and a client that is secured at once."""

import os
import ssl
import subprocess


def make_certificate(trial):
    """Section tls of a configuration, with a certificate of its own."""
    paths = trial.path("certificate.pem"), trial.path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=mx.example.org", "-out", paths[0], "-keyout", paths[1]],
                   check=True, capture_output=True, timeout=60)
    os.chmod(paths[1], 0o600)
    return {"certificate": [paths[0]], "key": [paths[1]]}


class Secured:
    """A socket under TLS; what is held goes out in one segment."""

    def __init__(self, plain):
        self.plain = plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.until_done(self.tls.do_handshake)
        self.flush()

    def flush(self):
        self.plain.sendall(self.outgoing.read())

    def until_done(self, step, *arguments):
        while True:
            try:
                return step(*arguments)
            except ssl.SSLWantReadError:
                self.flush()
                got = self.plain.recv(65536)
                if not got:
                    return b""
                self.incoming.write(got)

    def sendall(self, *contents):
        """A record for each of them."""
        for content in contents:
            self.tls.write(content)
        self.flush()

    def recv(self, size):
        try:
            return self.until_done(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    def take_leave(self):
        """Sends close_notify and does not wait for the other one."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self.flush()

    def close(self):
        self.plain.close()


def secured(client):
    client.socket = Secured(client.socket)
    client.send_records = client.socket.sendall
    return client
