"""Which certificate is served, those of clients, tickets and files that are wrong."""

import base64
import os
import re
import signal
import subprocess

from harness import certificates, processes, tls
from harness.session import Closed
from harness.trial import test

EX_CONFIG = 78
NAMES = ("mx.example.org", "*.example.net")


def served_to(daemon, name=None, context=None):
    """The certificate that a client with that SNI gets, as DER."""
    with daemon.greeted() as client:
        client.starttls(context, server_name=name).expect("EHLO client.example", 250)
        return client.socket.getpeercert(binary_form=True)


def s_client(daemon, *options, commands=b"EHLO client.example\nQUIT\n"):
    """openssl's client, which sends what Python's does not: (status, what it says)."""
    done = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-crlf", "-ign_eof", "-connect",
                           f"{daemon.address}:{daemon.port}", *options], input=commands, capture_output=True,
                          timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("latin-1")


def reload(daemon, count=1):
    daemon.signal(signal.SIGHUP)
    return daemon.wait_event("reload", count=count)


# ---- choosing one


@test(covers="B-14 C-30")
def chosen_by_name(t):
    """SNI chooses; whoever names none, or an unknown one, gets the first."""
    first = certificates.make(t.path("first"), NAMES)
    second = certificates.make(t.path("second"), ("mail.example.com", "*.example.com", "mx2.example.org"))
    cases = {first: (None, "mx.example.org", "MX.Example.ORG", "a.example.net", "a.b.example.net", "example.net", "unknown.example",
                     "com", "b.c.example.com", "localhost"),
             second: ("mail.example.com", "MAIL.EXAMPLE.COM", "other.example.com", "mx2.example.org")}
    with t.daemon(**tls.served(t, first, second)) as daemon:
        for pair, names in cases.items():
            for name in names:
                t.equal(served_to(daemon, name) == pair.der(), True, f"the right certificate for {name}")
                daemon.wait_event("tls", sni=name and name.lower())


@test(covers="B-14")
def chosen_by_kind_of_key(t):
    """Of an RSA and an ECDSA pair with the same names each client gets what it can use."""
    pairs = {kind: certificates.make(t.path(kind), NAMES, kind) for kind in ("rsa", "ecdsa")}
    other = certificates.make(t.path("other"), ("other.example",), "rsa")
    for order in (("rsa", "ecdsa"), ("ecdsa", "rsa")):
        with t.daemon(**tls.served(t, *(pairs[kind] for kind in order), other)) as daemon:
            for name in (None, "mx.example.org", "x.example.net"):
                for kind, word in (("rsa", "aRSA"), ("ecdsa", "aECDSA")):
                    context = tls.client_context(maximum=tls.V12, ciphers=f"ECDHE+{word}")
                    t.equal(served_to(daemon, name, context), pairs[kind].der(), f"of {order}: to {kind} and {name}")
            for kind, algorithms in (("rsa", "RSA-PSS+SHA256"), ("ecdsa", "ECDSA+SHA256")):
                _, output = s_client(daemon, "-tls1_3", "-sigalgs", algorithms)
                t.check(f"Peer signature type: {algorithms.split('+', maxsplit=1)[0]}" in output, f"{kind}: {output}")
            t.equal(served_to(daemon, "other.example"), other.der(), "the other one")


@test(covers="C-30 security.md:log-injection security.md:CVE-2019-15846")
def hostile_names(t):
    """What is no domain in SNI is as if it were not there: in the choice, in the log and in Received."""
    pair = certificates.make(t.path("mx"), NAMES)
    names = ("mx.example.org\\", "mx.example.org\n", "x\r\nevent=forged", 'a"b', "a b", "x" * 63 + ".example.org", "a" * 250,
             "mx..example.org", ".", "..", ".example.net", "*.example.net", "bücher.example", "a=b", "event=tls sni=x", "\x1b[31m",
             "-", "a" * 255, "${run{x}}", "`x`", "mx.example.org.", "127.0.0.1", "[::1]", "%s%n")
    transaction = (b"EHLO client.example\nMAIL FROM:<a@client.example>\nRCPT TO:<alice@example.org>\nDATA\n"
                   b"Subject: x\n\n.\nQUIT\n")
    with t.daemon(**tls.served(t, pair)) as daemon:
        for number, name in enumerate(names, 1):
            _, output = s_client(daemon, "-servername", name, commands=transaction)
            t.check("subject=CN = mx.example.org" in output, f"{name!r}: {output[:600]}")
            line = daemon.wait_event("tls", count=number)
            sni = line.get("sni", "")
            t.check(all(letter.isascii() and (letter.isalnum() or letter in "-._") for letter in sni), line.line)
            daemon.wait_event("disconnect", count=number, reason=".+")
        stored = daemon.mail().messages("alice@example.org")
        t.equal(len(stored), len(names), "messages")
        for message in stored:
            t.check("forged" not in str(message.added) and b"forged" not in message.body, f"{message.added}")


# ---- tickets


def session_of(daemon, context, resumed=None):
    """A session under TLS, and what can be resumed of it: (client, session)."""
    client = daemon.greeted()
    client.starttls(context, session=resumed).expect("EHLO client.example", 250)
    return client, client.socket.session


@test(covers="B-15")
def tickets(t):
    """A session is resumed in another worker than it was begun in; the log says so."""
    for version in (tls.V12, tls.V13):
        # One session for each worker: two at once are of two workers.
        with t.daemon(**tls.served(t, workers={"count": 2, "sessions": 1})) as daemon:
            context = tls.client_context(minimum=version, maximum=version)
            first, session = session_of(daemon, context)
            t.equal((first.socket.session_reused, session.has_ticket), (False, True), "the first one: resumed, ticket")
            second, _ = session_of(daemon, context, session)
            t.equal(second.socket.session_reused, True, "the second one: resumed")
            lines = daemon.events("tls")
            t.check(lines[0].writer != lines[1].writer, "they are of two workers")
            t.equal([line.get("resumed") for line in lines], [None, "1"], "resumed in the log")
            t.equal({line["version"] for line in lines}, {"TLSv1.2" if version == tls.V12 else "TLSv1.3"}, "versions")
            t.equal(second.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
            (stored,) = daemon.mail().messages("alice@example.org")
            t.check(f"({lines[1]['version']} {lines[1]['cipher']})" in stored.header("Received"), "Received")
            for client in (first, second):
                client.expect("QUIT", 221)
                client.close()
            daemon.wait_event("disconnect", count=2)


@test(covers="B-15")
def tickets_off(t):
    with t.daemon(**tls.served(t, tls={"tickets": False})) as daemon:
        for version in (tls.V12, tls.V13):
            context = tls.client_context(minimum=version, maximum=version)
            client, session = session_of(daemon, context)
            t.check(not session or not session.has_ticket, "a ticket came")
            client.close()
            client, _ = session_of(daemon, context, session)
            t.equal(client.socket.session_reused, False, "resumed")
            client.close()


@test(covers="B-15 C-30")
def tickets_of_before_a_reload(t):
    """A reload makes new keys: an old ticket leads to a whole handshake, and to no error."""
    with t.daemon(**tls.served(t)) as daemon:
        for version in (tls.V12, tls.V13):
            context = tls.client_context(minimum=version, maximum=version)
            client, session = session_of(daemon, context)
            client.expect("QUIT", 221)
            client.close()
            before = set(daemon.workers())
            reload(daemon, len(daemon.events("reload")) + 1)
            processes.wait_until(lambda old=before: not old & set(daemon.workers()), 30, "new workers only")
            client, _ = session_of(daemon, context, session)
            t.equal(client.socket.session_reused, False, "resumed")
            client.close()


def ticket_of(path):
    """The ticket in a file that s_client has written; openssl prints it as hexadecimal bytes."""
    text = certificates.openssl("sess_id", "-in", path, "-noout", "-text").decode("ascii", "replace")
    lines = re.findall(r"^    [0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){16})", text, re.M)
    return bytes.fromhex("".join(lines).replace("-", " "))


def with_ticket(path, old, new):
    """The same session with another ticket."""
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    content = base64.b64decode("".join(lines[1:-1]))
    if content.count(old) != 1:
        raise AssertionError("the ticket is not in the session")
    certificates.write(f"{path}-forged", f"{lines[0]}\n{base64.encodebytes(content.replace(old, new)).decode('ascii')}{lines[-1]}\n")
    return f"{path}-forged"


@test(covers="B-15 security.md:TLS-DoS")
def forged_tickets(t):
    """A ticket that was changed, in its name, its vector, its content or its sum, is none: a whole handshake, no error."""
    path = t.path("session")
    with t.daemon(**tls.served(t)) as daemon:
        s_client(daemon, "-tls1_2", "-sess_out", path)
        ticket = ticket_of(path)
        t.check(len(ticket) > 100, f"{len(ticket)} bytes of a ticket")
        _, output = s_client(daemon, "-tls1_2", "-sess_in", path)
        t.check("\nReused, " in output, f"with the ticket as it came: {output[-1500:]}")
        for place in (0, 15, 16, 31, 32, len(ticket) // 2, len(ticket) - 33, len(ticket) - 1):
            forged = ticket[:place] + bytes([ticket[place] ^ 1]) + ticket[place + 1:]
            status, output = s_client(daemon, "-tls1_2", "-sess_in", with_ticket(path, ticket, forged))
            t.check(status == 0 and "\nNew, " in output and "221 2.0.0" in output, f"changed at {place}: {output[-1500:]}")
        t.equal(len(daemon.events("tls", resumed="1")), 1, "resumed sessions")
        t.equal(daemon.events("tls-failed"), [], "failures")


@test(covers="B-15")
def groups(t):
    """A client that guesses wrong is asked for another key share; one that has no group of ours is refused."""
    with t.daemon(**tls.served(t)) as daemon:
        for wishes, group in (("P-521:P-256", "(prime256v1|secp256r1|P-256)"), ("P-384:X25519", "(secp384r1|P-384)"),
                              ("X448:X25519", "(x25519|X25519)")):
            _, output = s_client(daemon, "-tls1_3", "-groups", wishes)
            t.check("221 2.0.0" in output, f"{wishes}: {output[-800:]}")
            daemon.wait_event("tls", group=group)
        for version in ("-tls1_2", "-tls1_3"):
            status, output = s_client(daemon, version, "-groups", "P-521")
            t.check(status != 0 and "221 2.0.0" not in output, f"P-521 alone: {output[-800:]}")
        daemon.wait_event("tls-failed", count=2, reason=".*(no shared cipher|no suitable key share).*")


# ---- those of clients


@test(covers="B-15 B-22")
def client_certificates_asked_for(t):
    """ask: any will do, and none; subject and what it is worth are logged, and told when the session is resumed."""
    good, stranger = (certificates.make(t.path(name), (name,)) for name in ("good.example", "stranger.example"))
    options = {"client-certificate": "ask", "client-authorities": good.certificate}
    with t.daemon(**tls.served(t, tls=options)) as daemon:
        for version in (tls.V12, tls.V13):
            number = "TLSv1.2" if version == tls.V12 else "TLSv1.3"
            for pair, subject, verified in ((good, "CN=good.example", "ok"), (stranger, "CN=stranger.example", "self.signed.*"),
                                            (None, None, None)):
                context = tls.client_context(minimum=version, maximum=version, pair=pair)
                client, session = session_of(daemon, context)
                daemon.wait_event("tls", version=number, subject=subject, verified=verified, resumed=None)
                client.close()
                client, _ = session_of(daemon, context, session)
                t.equal(client.socket.session_reused, True, f"resumed with {subject}")
                daemon.wait_event("tls", version=number, subject=subject, verified=verified, resumed="1")
                client.close()


def is_let_in(daemon, context):
    """In TLS 1.3 a client hears of its refusal after its own last word."""
    with daemon.greeted() as client:
        try:
            client.starttls(context).expect("EHLO client.example", 250)
            return True
        except (tls.ssl.SSLError, Closed, ConnectionError):
            return False


@test(covers="B-15 B-22")
def client_certificates_required(t):
    """require: only one of those authorities, within its time; the log says what was wrong."""
    good, stranger = (certificates.make(t.path(name), (name,)) for name in ("good.example", "stranger.example"))
    expired = certificates.make_expired(t.path("expired"), ("expired.example",))
    with open(t.path("authorities"), "w", encoding="ascii") as file:
        for pair in (good, expired):
            file.write(open(pair.certificate, encoding="ascii").read())
    options = {"client-certificate": "require", "client-authorities": t.path("authorities")}
    with t.daemon(**tls.served(t, tls=options)) as daemon:
        for version in (tls.V12, tls.V13):
            for count, (pair, reason) in enumerate(((None, "peer did not return a certificate"), (stranger, "certificate verify failed"),
                                                    (expired, "certificate verify failed"))):
                t.check(not is_let_in(daemon, tls.client_context(version, version, pair=pair)), f"{pair} is let in")
                daemon.wait_event("tls-failed", reason=f".*{reason}.*", count=1 if count < 2 else 2)
            t.check(is_let_in(daemon, tls.client_context(version, version, pair=good)), "the good one is let in")
        daemon.wait_event("tls", count=2, subject="CN=good.example", verified="ok")
        t.equal(len(daemon.events("tls")), 2, "handshakes")


@test(covers="B-22 security.md:log-injection")
def hostile_subjects(t):
    """A subject can hold anything; in the log it is one value of printable ASCII."""
    subjects = ("/CN=a\nevent=forged x=y", '/CN=a"b\\\\c', "/CN=\x1b[31m", "/CN=Jürgen/O=Bücher", "/CN=" + "x" * 64 + "/O=" + "y" * 64 + "/OU=" + "z" * 64
                + "/L=" + "w" * 100, "/CN=a\\0b", "/CN= /O= ")
    with t.daemon(**tls.served(t, tls={"client-certificate": "ask"})) as daemon:
        for number, subject in enumerate(subjects, 1):
            path = t.path(f"client{number}")
            certificates.openssl("req", "-x509", *certificates.KINDS["ecdsa"], "-nodes", "-utf8", "-keyout", f"{path}.key", "-out", f"{path}.pem",
                                 "-subj", subject, "-days", "9")
            with daemon.secured(tls.client_context(pair=certificates.Pair(f"{path}.pem", f"{path}.key"))) as client:
                client.expect("QUIT", 221)
            line = daemon.wait_event("tls", count=number, subject=".+")
            t.check(all(" " <= letter <= "~" for letter in line["subject"]), line.line)
        t.equal(daemon.events("forged"), [], "forged lines")


# ---- files that are wrong


def broken_pairs(t, good):
    """Name -> (pair, words of the message)."""
    other = certificates.make(t.path("other"))
    rsa = certificates.make(t.path("rsa"), kind="rsa")
    path = t.path
    texts = {"garbage": "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n", "empty": "", "words": "no PEM at all\n",
             "cut": open(good.certificate, encoding="ascii").read()[:300],
             "key-garbage": "-----BEGIN PRIVATE KEY-----\nQUFB\n-----END PRIVATE KEY-----\n",
             "disorder": open(other.certificate, encoding="ascii").read() + open(rsa.certificate, encoding="ascii").read()}
    for name, text in texts.items():
        certificates.write(path(name), text)
    certificate, key, pair = good.certificate, good.key, certificates.Pair
    return {
        "the key of another": (pair(certificate, other.key), [other.key]),
        "a key of another kind": (pair(certificate, rsa.key), [rsa.key]),
        "no such certificate": (pair(path("missing.pem"), key), [path("missing.pem"), "No such file"]),
        "no such key": (pair(certificate, path("missing.key")), [path("missing.key"), "No such file"]),
        "garbage in PEM": (pair(path("garbage"), key), [path("garbage")]),
        "a certificate that is cut off": (pair(path("cut"), key), [path("cut")]),
        "an empty certificate": (pair(path("empty"), key), [path("empty"), "no certificate"]),
        "words": (pair(path("words"), key), [path("words"), "no certificate"]),
        "a key that is garbage": (pair(certificate, path("key-garbage")), [path("key-garbage")]),
        "an empty key": (pair(certificate, path("empty")), [path("empty")]),
        "an encrypted key": (certificates.make_encrypted(path("encrypted"), good), [path("encrypted.key"), "password|encrypted"]),
        "key and certificate exchanged": (pair(key, certificate), [key]),
        "a folder": (pair(t.folder, key), [t.folder]),
        "a chain in disorder": (pair(path("disorder"), other.key), [path("disorder"), "not signed by"]),
    }


def says(text, words):
    """Each of them, or one of several behind |."""
    return all(any(one in text for one in word.split("|")) for word in words)


@test(covers="B-14 B-16")
def bad_at_the_start(t):
    """It does not start, says which file is wrong, and asks nobody for a password."""
    good = certificates.make(t.path("good"))
    for name, (pair, words) in broken_pairs(t, good).items():
        for pairs in ((pair,), (good, pair)):
            daemon = t.prepare(**tls.served(t, *pairs))
            for options in (("-n",), ()):
                status, output, errors = daemon.run_once(*options)
                t.equal(status, EX_CONFIG, f"{name}: exit status ({output}{errors})")
                t.check(says(errors, words), f"{name}: {errors!r} says {words}")
            daemon.remove()


@test(covers="B-06 B-14 B-16")
def contradictions(t):
    """TLS without a certificate, a certificate without its key, unknown words: refused with the option's name."""
    pair = certificates.make(t.path("mx"))
    listen = [("smtp", {"address": [t.address], "port": t.port})]
    cases = [({"tls": None, "listen": [(listen[0][0], {**listen[0][1], "tls": mode})]}, "certificate") for mode in ("required", "implicit")]
    cases += [({"tls": {"certificate": [pair.certificate]}}, "key"), ({"tls": {"key": [pair.key]}}, "certificate")]
    cases += [({"tls": tls.settings(pair, **{option: value})}, word) for option, value, word in (
        ("minimum", "1.1", "minimum"), ("ciphers", "NONSENSE", "NONSENSE"), ("ciphersuites", "TLS_NONSENSE", "TLS_NONSENSE"),
        ("groups", "X25519:P-1", "P-1"), ("client-certificate", "require", "client-authorities"),
        ("client-authorities", t.path("none"), t.path("none")), ("commands", ["Nonsense x"], "Nonsense"),
        ("commands", ["Certificate /etc/passwd"], "tls.certificate"), ("commands", ["MaxProtocol TLSv1.1"], "MaxProtocol"))]
    for changes, word in cases:
        daemon = t.prepare(**changes)
        status, _, errors = daemon.run_once()
        t.check(status == EX_CONFIG and word in errors, f"{changes}: status {status}, {errors!r} says {word}")
        daemon.remove()


# ---- their ends


@test(covers="B-14 C-30")
def ends_soon(t):
    """event=certificate at the start and at each reload for one that ends within days or has ended; none for a good one."""
    good, soon = certificates.make(t.path("good"), days=60), certificates.make(t.path("soon"), ("soon.example", "b.example"), days=5)
    past = certificates.make_expired(t.path("past"), ("past.example",))
    with t.daemon(**tls.served(t, good, soon, past)) as daemon:
        for count in (1, 2):
            line = daemon.wait_event("certificate", count=count, file=soon.certificate, name="(soon|b).example")
            t.check(line["days"] in ("4", "5"), line.line)
            line = daemon.wait_event("certificate", count=count, file=past.certificate, name="past.example")
            t.check(int(line["days"]) < -1000, line.line)
            t.equal(len(daemon.events("certificate")), 2 * count, "certificate lines")
            t.equal(served_to(daemon, "past.example"), past.der(), "it is served all the same")
            if count == 1:
                reload(daemon)
    with t.daemon(**tls.served(t, good)) as daemon:
        t.equal(served_to(daemon), good.der(), "the certificate")
        t.equal(daemon.events("certificate"), [], "certificate lines")


@test(covers="B-14 D-04")
def chain_and_secrets(t):
    """The whole chain goes out, and the key is for nobody else: it may be root's alone."""
    pair = certificates.make_chain(t.path("chain"), 3)
    os.chmod(pair.key, 0o400)
    with t.daemon(**tls.served(t, pair)) as daemon:
        _, output = s_client(daemon, "-showcerts")
        t.equal(output.count("-----BEGIN CERTIFICATE-----"), 3, "certificates in the chain")
        reload(daemon)
        t.equal(served_to(daemon), pair.der(), "the certificate after a reload")
    too_long = certificates.make_chain(t.path("long"), 11, "ecdsa")
    status, _, errors = t.prepare(**tls.served(t, too_long)).run_once()
    t.check(status == EX_CONFIG and "11" in errors, f"a chain of 11: status {status}, {errors!r}")
