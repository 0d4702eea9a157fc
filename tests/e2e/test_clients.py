"""Mail sent by clients that nobody here wrote."""

import email.message
import os
import shutil
import smtplib
import subprocess

from harness import peers
from harness.processes import wait_until
from harness.trial import test

BODY = b"From: sender@client.example\nTo: alice@example.org\nSubject: a client\n\nHello.\n.\n..two dots\n\nend\n"


def run(t, command, content=b"", env=None):
    if not shutil.which(command[0]):
        t.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, input=content, capture_output=True, timeout=60, check=False,
                          env=dict(os.environ, **(env or {})))
    output = (done.stdout + done.stderr).decode("latin-1")
    t.check(done.returncode == 0, f"{command[0]} ends with {done.returncode}: {output}")
    return output


@test(covers="C-01 A-13 A-15")
def swaks(t):
    with t.daemon() as daemon:
        message = t.path("message")
        with open(message, "wb") as file:
            file.write(BODY)
        run(t, ["swaks", "--server", f"{daemon.address}:{daemon.port}", "--helo", "client.example",
                "--from", "sender@client.example", "--to", "alice@example.org,bob@example.net",
                "--data", f"@{message}"])
        for mailbox in ("alice@example.org", "bob@example.net"):
            (stored,) = daemon.mail().messages(mailbox)
            t.equal(stored.body.rstrip(b"\n"), BODY.rstrip(b"\n"), mailbox)
            t.equal(stored.header("Return-Path"), "<sender@client.example>", "Return-Path")


@test(covers="C-01 A-13 A-15")
def swaks_pipelined(t):
    with t.daemon() as daemon:
        run(t, ["swaks", "--server", f"{daemon.address}:{daemon.port}", "--helo", "client.example",
                "--from", "<>", "--to", "alice@example.org", "--pipeline", "--body", "pipelined"])
        (stored,) = daemon.mail().messages("alice@example.org")
        t.check(b"pipelined" in stored.body, "the body came through")
        t.equal(stored.header("Return-Path"), "<>", "Return-Path")


@test(covers="C-01 A-15")
def curl(t):
    with t.daemon() as daemon:
        run(t, ["curl", "--silent", "--show-error", f"smtp://{daemon.address}:{daemon.port}/client.example",
                "--mail-from", "sender@client.example", "--mail-rcpt", "alice@example.org",
                "--mail-rcpt", "bob@example.org", "--upload-file", "-"], BODY.replace(b"\n", b"\r\n"))
        for mailbox in ("alice@example.org", "bob@example.org"):
            t.equal(daemon.mail().bodies(mailbox), [BODY], mailbox)


@test(covers="C-01")
def curl_refused(t):
    """curl says what the server said."""
    with t.daemon() as daemon:
        if not shutil.which("curl"):
            t.skip("curl is not installed")
        done = subprocess.run(["curl", "--silent", "--show-error", f"smtp://{daemon.address}:{daemon.port}",
                               "--mail-from", "sender@client.example", "--mail-rcpt", "nobody@example.org",
                               "--upload-file", "-"], input=BODY, capture_output=True, timeout=60, check=False)
        t.equal(done.returncode, 55, "curl's exit status for a refused recipient")
        t.check(b"550" in done.stderr, f"curl says 550: {done.stderr!r}")


@test(covers="C-01")
def msmtp(t):
    with t.daemon() as daemon:
        run(t, ["msmtp", f"--host={daemon.address}", f"--port={daemon.port}", "--tls=off", "--auth=off",
                "--domain=client.example", "--from=sender@client.example", "--file=/dev/null",
                "alice@example.org"], BODY, {"HOME": t.folder})
        (stored,) = daemon.mail().messages("alice@example.org")
        # msmtp puts a date and a message id in front.
        t.check(stored.body.rstrip(b"\n").endswith(BODY.rstrip(b"\n")), f"the message: {stored.body!r}")


@test(covers="C-01 D-06 A-08")
def python_smtplib(t):
    with t.daemon() as daemon, smtplib.SMTP(daemon.address, daemon.port, "client.example", 30) as client:
        message = email.message.EmailMessage()
        message["Subject"] = "Grüße"
        message["From"], message["To"] = "sender@client.example", "alice@example.org"
        message.set_content("Zeile eins\n.\nZeile drei ü\n")
        for _ in range(3):
            t.equal(client.send_message(message), {}, "refused recipients")
        refused = client.sendmail("sender@client.example", ["nobody@example.org", "bob@example.org"],
                                  BODY.decode("ascii"))
        t.equal({name: code for name, (code, _) in refused.items()}, {"nobody@example.org": 550}, "refused")
        t.equal(len(daemon.mail().files("alice@example.org")), 3, "messages of alice")
        t.equal(daemon.mail().bodies("bob@example.org"), [BODY], "messages of bob")


@test(covers="A-07 A-02")
def python_smtplib_utf8(t):
    with t.daemon(domains=["bücher.example"], mailboxes=["jürgen"]) as daemon, \
            smtplib.SMTP(daemon.address, daemon.port, "client.example", 30) as client:
        client.ehlo()
        t.check(client.has_extn("smtputf8"), "SMTPUTF8 is offered")
        client.sendmail("absender@münchen.example", ["jürgen@bücher.example"], BODY.decode("ascii"),
                        mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        t.equal(daemon.mail().bodies("jürgen@xn--bcher-kva.example"), [BODY], "messages")


@test(covers="B-05 A-13 A-16", timeout=120)
def postfix_smtp_source(t):
    """Many sessions and several messages of a real load generator, each in the mailbox once."""
    count = 300
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        status, output = peers.smtp_source(t, daemon, 20, count, 4096)
        t.equal((status, output), (0, ""), "smtp-source")
        t.equal(len(daemon.mail().files("alice@example.org")), count, "messages")
        status, output = peers.smtp_source(t, daemon, 10, count, 512, "-d")
        t.equal((status, output), (0, ""), "smtp-source -d (many messages a connection)")
        wait_until(lambda: len(daemon.mail().files("alice@example.org")) == 2 * count, 20, "all messages")
        t.equal(len(daemon.events("delivery", mailbox="alice@example.org")), 2 * count, "delivery lines")
