"""A client that sends exactly the bytes it is told to."""

import re
import socket
import struct
import time

from . import tls

# Long enough for the slowest machine; only a failure ever waits for it.
PATIENCE = 30


SESSION = re.compile(r" \[([0-9a-v]{16})\]$")


class Closed(Exception):
    """The server has closed the connection."""


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])

    @property
    def enhanced(self):
        word = self.lines[-1][4:].split(" ", 1)[0]
        return word if word.count(".") == 2 and word.replace(".", "").isdigit() else ""

    @property
    def session(self):
        """The id of the session, which a rejection bears at its end; "" without."""
        found = SESSION.search(self.lines[-1])
        return found[1] if found else ""

    @property
    def text(self):
        return "\n".join(self.lines)

    def __repr__(self):
        return repr(self.text)


def connected(address, port, source, patience):
    """A socket; an address that begins with / is the path of a unix socket."""
    if address.startswith("/"):
        family, place = socket.AF_UNIX, address
    else:
        family, place = (socket.AF_INET6 if ":" in address else socket.AF_INET), (address, port)
    made = socket.socket(family, socket.SOCK_STREAM)
    made.settimeout(patience)
    if source:
        made.bind((source, 0))
    try:
        made.connect(place)
    except OSError:
        made.close()
        raise
    if family != socket.AF_UNIX:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class Session:
    def __init__(self, address, port, source=None, patience=PATIENCE):
        self.socket = connected(address, port, source, patience)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def abort(self):
        """What is closed from here on is reset, not ended."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send(self, content):
        self.socket.sendall(content)

    def send_slowly(self, content, slow=1200, pause=0.0003):
        """Each byte in a segment of its own, the first ones with a pause behind them."""
        for index in range(len(content)):
            self.socket.sendall(content[index:index + 1])
            if index < slow:
                time.sleep(pause)

    def line(self):
        while b"\n" not in self.pending:
            try:
                got = self.socket.recv(65536)
            except ConnectionError:
                got = b""
            if not got:
                raise Closed(f"closed; unread: {self.pending!r}")
            self.pending += got
        line, self.pending = self.pending.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise AssertionError(f"a reply line does not end in CR LF: {line!r}")
        return line[:-1].decode("utf-8")

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        codes = {line[:3] for line in lines}
        if len(codes) != 1 or lines[-1][3:4] not in (" ", "") or max(map(len, lines)) > 510:
            raise AssertionError(f"not a reply of RFC 5321 4.2: {lines!r}")
        return Reply(lines)

    def command(self, text):
        self.send((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.reply()

    def expect(self, text, code):
        reply = self.command(text)
        if reply.code != code:
            raise AssertionError(f"{text!r} was answered with {reply}, not {code}")
        return reply

    def greet(self, name="client.example", verb="EHLO"):
        greeting = self.reply()
        if greeting.code != 220:
            raise AssertionError(f"the greeting is {greeting}")
        self.expect(f"{verb} {name}", 250)
        return self

    def secure(self, context=None, server_name=None, session=None):
        """The TLS handshake, here and now."""
        self.socket = (context or tls.client_context()).wrap_socket(
            self.socket, server_hostname=server_name, session=session)
        return self

    def starttls(self, context=None, server_name=None, session=None):
        self.expect("STARTTLS", 220)
        if self.pending:
            raise AssertionError(f"plain text behind the reply to STARTTLS: {self.pending!r}")
        return self.secure(context, server_name, session)

    def envelope(self, sender, recipients):
        self.expect(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            self.expect(f"RCPT TO:<{recipient}>", 250)

    def begin_data(self, sender, recipients):
        self.envelope(sender, recipients)
        self.expect("DATA", 354)

    def deliver(self, sender, recipients, body):
        """A whole transaction; body in LF form.  Returns the reply to its end."""
        self.begin_data(sender, recipients)
        self.send(wire(body) + b".\r\n")
        return self.reply()

    def is_closed(self):
        """Waits for the server to close; anything it still says is an error."""
        try:
            return self.socket.recv(1) == b"" and not self.pending
        except ConnectionError:
            return not self.pending


def wire(body):
    """A message in LF form as it goes over the wire: CR LF, dots doubled."""
    lines = body.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
