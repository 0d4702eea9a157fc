"""Mail under TLS from clients that nobody here wrote: by STARTTLS, and with TLS from the beginning."""

import email.message
import os
import shutil
import smtplib
import subprocess

from harness import certificates, tls
from harness.postfix_sender import Sender
from harness.processes import wait_until
from harness.trial import test

BODY = b"From: sender@client.example\nTo: alice@example.org\nSubject: a client\n\nHello.\n.\n..two dots\n\nend\n"
WAYS = ("starttls", "implicit")
POSTFIX_PORT = 2525


def run(t, command, content=b"", env=None, status=0):
    if not shutil.which(command[0]):
        t.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, input=content, capture_output=True, timeout=60, check=False,
                          env=dict(os.environ, **(env or {})))
    output = (done.stdout + done.stderr).decode("latin-1")
    t.check((done.returncode == 0) == (status == 0), f"{command[0]} ends with {done.returncode}: {output}")
    return output


def port_of(t, daemon, way):
    return daemon.port if way == "starttls" else tls.implicit_port(t)


def require_message(t, daemon, number, body=None):
    """One more message for alice, that came under TLS."""
    stored = daemon.mail().messages("alice@example.org")
    t.equal(len(stored), number, "messages of alice")
    t.equal(len(daemon.events("message", protocol="ESMTPS")), number, "messages under TLS")
    if body is not None:
        t.equal(stored[-1].body.rstrip(b"\n"), body.rstrip(b"\n"), "the message")


@test(covers="C-15 C-17")
def swaks(t):
    """With the certificate verified, under each version."""
    pair = certificates.make(t.path("mx"), kind="rsa")
    message = t.path("message")
    certificates.write(message, BODY.decode("ascii"))
    with t.daemon(**tls.served(t, pair, listener={"tls": "required"})) as daemon:
        count = 0
        for way, option in zip(WAYS, ("--tls", "--tls-on-connect")):
            for version in ("tlsv1_2", "tlsv1_3"):
                output = run(t, ["swaks", "--server", f"{daemon.address}:{port_of(t, daemon, way)}", option, "--tls-verify",
                                 "--tls-ca-path", pair.certificate, "--tls-protocol", version, "--helo", "client.example",
                                 "--from", "sender@client.example", "--to", "alice@example.org", "--data", f"@{message}"])
                count += 1
                t.check("TLS started" in output, f"swaks says {output}")
                require_message(t, daemon, count, BODY)
        run(t, ["swaks", "--server", f"{daemon.address}:{daemon.port}", "--helo", "client.example", "--from",
                "sender@client.example", "--to", "alice@example.org"], status=1)
        require_message(t, daemon, count)


@test(covers="C-15 C-17")
def curl(t):
    pair = certificates.make(t.path("mx"))
    with t.daemon(**tls.served(t, pair, listener={"tls": "required"})) as daemon:
        for count, (way, scheme) in enumerate(zip(WAYS, ("smtp", "smtps")), 1):
            port = port_of(t, daemon, way)
            command = ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", pair.certificate, "--connect-to",
                       f"::{daemon.address}:{port}", f"{scheme}://mx.example.org:{port}/client.example", "--mail-from",
                       "sender@client.example", "--mail-rcpt", "alice@example.org", "--upload-file", "-"]
            run(t, command, BODY.replace(b"\n", b"\r\n"))
            t.equal(daemon.mail().bodies("alice@example.org"), [BODY] * count, "messages")
            daemon.wait_event("tls", count=count, sni="mx.example.org")
        require_message(t, daemon, 2)


@test(covers="C-15 C-17")
def msmtp(t):
    pair = certificates.make(t.path("mx"), kind="rsa")
    with t.daemon(**tls.served(t, pair, listener={"tls": "required"})) as daemon:
        for count, (way, starttls) in enumerate(zip(WAYS, ("on", "off")), 1):
            run(t, ["msmtp", f"--host={daemon.address}", f"--port={port_of(t, daemon, way)}", "--tls=on",
                    f"--tls-starttls={starttls}", f"--tls-trust-file={pair.certificate}", "--tls-host-override=mx.example.org",
                    "--auth=off", "--domain=client.example", "--from=sender@client.example", "--file=/dev/null",
                    "alice@example.org"], BODY, {"HOME": t.folder})
            require_message(t, daemon, count)
            (stored, *_) = daemon.mail().messages("alice@example.org")
            # msmtp puts a date and a message id in front.
            t.check(stored.body.rstrip(b"\n").endswith(BODY.rstrip(b"\n")), f"the message: {stored.body!r}")


def verifying_context(pair):
    context = tls.client_context()
    context.verify_mode = tls.ssl.CERT_REQUIRED
    context.load_verify_locations(pair.certificate)
    return context


@test(covers="C-15 C-17 D-06")
def python_smtplib(t):
    pair = certificates.make(t.path("mx"))
    message = email.message.EmailMessage()
    message["Subject"] = "Grüße"
    message["From"], message["To"] = "sender@client.example", "alice@example.org"
    message.set_content("Zeile eins\n.\nZeile drei ü\n")
    with t.daemon(**tls.served(t, pair)) as daemon:
        with smtplib.SMTP(daemon.address, daemon.port, "client.example", 30) as client:
            client.ehlo()
            t.check(client.has_extn("starttls"), "STARTTLS is offered")
            client.starttls(context=verifying_context(pair))
            client.ehlo()
            t.check(not client.has_extn("starttls"), "STARTTLS is offered under TLS")
            for _ in range(3):
                t.equal(client.send_message(message), {}, "refused recipients")
        require_message(t, daemon, 3)
        with smtplib.SMTP_SSL(daemon.address, tls.implicit_port(t), "client.example", timeout=30,
                              context=verifying_context(pair)) as client:
            t.equal(client.send_message(message), {}, "refused recipients")
        require_message(t, daemon, 4)


@test(covers="C-15 C-17")
def openssl_s_client(t):
    """Its STARTTLS and its verification; and a key update of either kind in the middle of the session."""
    pair = certificates.make(t.path("mx"))
    text = (b"EHLO client.example\nMAIL FROM:<a@client.example>\nRCPT TO:<alice@example.org>\nDATA\n"
            b"Subject: s_client\n\nHello.\n.\nQUIT\n")
    with t.daemon(**tls.served(t, pair, listener={"tls": "required"})) as daemon:
        for count, way in enumerate(WAYS, 1):
            output = run(t, ["openssl", "s_client", *["-starttls", "smtp"] * (way == "starttls"), "-connect",
                             f"{daemon.address}:{port_of(t, daemon, way)}", "-crlf", "-ign_eof", "-CAfile", pair.certificate,
                             "-verify_return_error", "-verify_hostname", "mx.example.org", "-servername", "mx.example.org"], text)
            t.check("Verification: OK" in output and "221 2.0.0" in output, f"s_client says {output}")
            require_message(t, daemon, count, b"Subject: s_client\n\nHello.\n")
        for key in (b"k\n", b"K\n"):
            run(t, ["openssl", "s_client", "-tls1_3", "-connect", f"{daemon.address}:{tls.implicit_port(t)}", "-crlf"], key)
        daemon.wait_event("tls", count=4)
        t.equal(daemon.events("tls-failed"), [], "failures")


def relay(t, daemon, way, **settings):
    """20 messages by way of a Postfix; what it says of its connections."""
    bodies = [b"Subject: %d\n\nHello %d\n.\n" % (number, number) for number in range(20)]
    texts = [body.partition(b"\n\n")[2] for body in bodies]
    to = (daemon.address, port_of(t, daemon, way))
    name = f"p{len(daemon.events('tls'))}"
    with Sender(t, name, POSTFIX_PORT, to, smtp_tls_wrappermode="yes" if way == "implicit" else "no", **settings) as sender:
        sender.take("sender@client.example", ["alice@example.org", "bob@example.org"], bodies)
        wait_until(lambda: not sender.left(), 40, "Postfix has sent all")
        sender.require_clean_log()
        log = sender.log()
    for mailbox in ("alice@example.org", "bob@example.org"):
        # Postfix adds to the header.
        found = [body.partition(b"\n\n")[2] for body in daemon.mail().bodies(mailbox)]
        t.equal(sorted(found), sorted(texts), f"messages of {mailbox}")
    daemon.mail().empty()
    t.equal(log.count("status=sent"), 40, "lines of Postfix that say sent")
    return log


@test(covers="C-15 C-17 A-13", timeout=180, root=True)
def postfix(t):
    """As sender that wants TLS (smtp_tls_security_level), by STARTTLS and wrapped; its certificate checks included."""
    pair = certificates.make(t.path("mx"), kind="rsa")
    with t.daemon(**tls.served(t, pair, listener={"tls": "required"})) as daemon:
        for way in WAYS:
            log = relay(t, daemon, way, smtp_tls_security_level="encrypt")
            t.check("TLS connection established to" in log, f"Postfix says {log[-2000:]}")
            log = relay(t, daemon, way, smtp_tls_security_level="secure", smtp_tls_CAfile=pair.certificate,
                        smtp_tls_secure_cert_match="mx.example.org", smtp_destination_concurrency_limit="1",
                        smtp_tls_session_cache_database="btree:${data_directory}/sessions")
            t.check("Verified TLS connection established to" in log, f"Postfix says {log[-2000:]}")
        t.check(daemon.events("tls", resumed="1"), "a session was resumed")
        t.equal(daemon.events("tls-failed"), [], "failures")
        t.equal(daemon.events("message", protocol="ESMTP"), [], "messages without TLS")


@test(covers="C-15 A-13", timeout=180, root=True)
def postfix_reuse(t):
    """Many messages in one session under TLS, through Postfix's tlsproxy."""
    with t.daemon(**tls.served(t)) as daemon:
        log = relay(t, daemon, "starttls", smtp_tls_security_level="encrypt", smtp_tls_connection_reuse="yes",
                    smtp_destination_concurrency_limit="2", smtp_connection_cache_destinations="static:all")
        t.check("tlsproxy" in log, f"Postfix says {log[-2000:]}")
        sessions = daemon.events("tls")
        t.check(0 < len(sessions) < 20, f"{len(sessions)} sessions for 20 messages")
