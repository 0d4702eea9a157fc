"""LMTP, PRDR and XFORWARD spoken by programs that nobody here wrote."""

import re
import shutil
import smtplib
import subprocess

from harness import processes
from harness.dovecot import Dovecot
from harness.postfix import Sender
from harness.session import Session, wire
from harness.trial import test

POSTFIX_PORT = 2526
LMTP = {"protocol": "lmtp"}
EVERYBODY = ["alice@example.org", "bob@example.org", "alice@example.net"]
# With all that a relay would add otherwise.
BODY = ("Date: Thu, 1 Jan 1970 00:00:00 +0000\nMessage-Id: <x@client.example>\nFrom: sender@client.example\n"
        "Subject: Grüße\n\n.\n..two dots\n\nend\n").encode()


def place(daemon):
    """How Postfix writes where the daemon listens."""
    address, port = daemon.places["smtp"]
    return f"unix:{address}" if port is None else f"inet:[{address}]:{port}"


def submit(t, postfix, count, recipients, **options):
    with Session(postfix.address, postfix.port, **options) as client:
        client.greet()
        for number in range(count):
            reply = client.deliver("sender@client.example", recipients, b"X-Number: %d\n" % number + BODY)
            t.equal(reply.code, 250, "what Postfix says")
        client.expect("QUIT", 221)


def own(body):
    """A message without the lines that a relay has put in front."""
    return body[body.index(b"X-Number:"):]


def require_each_once(t, daemon, count, mailboxes):
    wanted = sorted(b"X-Number: %d\n" % number + BODY for number in range(count))
    for mailbox in mailboxes:
        t.equal(sorted(own(body) for body in daemon.mail().bodies(mailbox)), wanted, f"messages of {mailbox}")


def statuses(postfix):
    """Recipient -> what its log says of it, in order."""
    found = {}
    for recipient, status in re.findall(r" to=<([^>]+)>.* status=(\w+)", postfix.log()):
        found.setdefault(recipient, []).append(status)
    return found


def postfix_lmtp(t, **options):
    """20 messages for three mailboxes and one that is none."""
    with t.daemon(listener=LMTP | options.pop("listener", {}), verbose=True, **options) as daemon, \
            Sender(t, "postfix", POSTFIX_PORT, f"lmtp:{place(daemon)}") as postfix:
        submit(t, postfix, 20, EVERYBODY + ["nobody@example.org"])
        postfix.wait_until_sent()
        require_each_once(t, daemon, 20, EVERYBODY)
        found = statuses(postfix)
        t.equal({name: found[name] for name in EVERYBODY}, {name: ["sent"] * 20 for name in EVERYBODY}, "statuses")
        t.equal(found["nobody@example.org"], ["bounced"] * 20, "statuses of nobody")
        t.check(re.search(r"status=sent \(250 2\.0\.0 (<[^>]+> )?Stored as [0-9a-v]+-\d+\)", postfix.log()), postfix.tail())
        (stored, *_) = daemon.mail().messages("alice@example.org")
        t.check(re.search(r" with LMTP id .* for <alice@example\.org>;", stored.header("Received")), stored.header("Received"))
        daemon.wait_event("command", line="LHLO relay.example.org")
        t.equal(daemon.events("command", line="EHLO.*"), [], "EHLO")
        return daemon, postfix


@test(covers="C-27 C-01 A-13", timeout=120, root=True)
def postfix_tcp(t):
    postfix_lmtp(t)


@test(covers="C-27 D-32 B-16", timeout=120, root=True)
def postfix_socket(t):
    daemon, _ = postfix_lmtp(t, by_socket=True)
    t.check(daemon.events("message", client="unix", protocol="LMTP"), "messages by the socket")


@test(covers="C-27 B-52 security.md:pipelining", timeout=120, root=True)
def postfix_strict(t):
    """Its pipelining is what RFC 2920 allows."""
    postfix_lmtp(t, listener={"pipelining": "refuse", "early-talkers": "refuse"})


@test(covers="C-27 A-13 A-17", timeout=120, root=True)
def postfix_deferred(t):
    """Of a mailbox that fails the messages come when it is mended; nobody else gets them again."""
    with t.daemon(listener=LMTP) as daemon, Sender(t, "postfix", POSTFIX_PORT, f"lmtp:{place(daemon)}") as postfix:
        folder = daemon.mail().folder("bob@example.org")
        daemon.wait_event("mailbox", mailbox="bob@example.org")
        shutil.move(folder, folder + ".away")
        with open(folder, "wb"):
            pass
        submit(t, postfix, 5, EVERYBODY)
        processes.wait_until(lambda: len(statuses(postfix).get("bob@example.org", [])) == 5, 40, "five are deferred")
        t.equal(statuses(postfix)["bob@example.org"], ["deferred"] * 5, "statuses")
        t.check("451 4.3.0" in postfix.log(), postfix.tail())
        shutil.os.unlink(folder)
        shutil.move(folder + ".away", folder)

        def flushed():
            postfix.flush()
            return not postfix.queued()
        processes.wait_until(flushed, 40, "the queue is empty")
        require_each_once(t, daemon, 5, EVERYBODY)


@test(covers="C-27 A-18 security.md:go-guerrilla", timeout=180, root=True)
def postfix_while_delivery_dies(t):
    """Each message is in each mailbox once, though delivery is killed again and again."""
    with t.daemon(listener=LMTP, limits={"sessions-per-address": 0}) as daemon, \
            Sender(t, "postfix", POSTFIX_PORT, f"lmtp:{place(daemon)}") as postfix:
        daemon.deaths_allowed = True
        for kills in range(1, 6):
            seen = len(daemon.events("delivery"))
            submit(t, postfix, 10, EVERYBODY)
            processes.wait_until(lambda s=seen: len(daemon.events("delivery")) > s, 40, "a delivery")
            processes.kill_quietly(processes.wait_until(daemon.delivery, 40, "a delivery process"))
            daemon.wait_event("end", count=kills, program="postern-delivery", signal="9|.*KILL.*")
        postfix.wait_until_sent()
        for mailbox in EVERYBODY:
            bodies = sorted(own(body) for body in daemon.mail().bodies(mailbox))
            t.equal(bodies, sorted([b"X-Number: %d\n" % number + BODY for number in range(10)] * 5), f"messages of {mailbox}")


def forwarded(t, protocol, transport):
    listener = {"protocol": protocol, "xforward": ["127.0.0.0/8"]}
    settings = {f"{transport}_send_xforward_command": "yes"}
    with t.daemon(listener=listener) as daemon, \
            Sender(t, "postfix", POSTFIX_PORT, f"{transport}:{place(daemon).removeprefix('inet:')}", **settings) as postfix:
        submit(t, postfix, 1, EVERYBODY, source="127.0.0.9")
        postfix.wait_until_sent()
        require_each_once(t, daemon, 1, EVERYBODY)
        daemon.wait_event("xforward", origin=r"127\.0\.0\.9", port=r"\d+")
        name = re.search(r"/smtpd\[\d+\]: (\w+): client=", postfix.log())[1]
        daemon.wait_event("xforward", helo="client.example", protocol="ESMTP", ident=name, source="REMOTE")
        # What is said on the spot.
        status, output = postfix.run("sendmail", "-f", "sender@client.example", "bob@example.net", content=b"X-Number: 0\n" + BODY)
        t.equal(status, 0, output)
        daemon.wait_event("xforward", source="LOCAL")
        daemon.wait_event("delivery", mailbox="bob@example.net")
        t.equal(daemon.events("reject"), [], "rejections")


@test(covers="C-26", timeout=120, root=True)
def postfix_xforward(t):
    forwarded(t, "smtp", "smtp")


@test(covers="C-26 C-27", timeout=120, root=True)
def postfix_xforward_lmtp(t):
    forwarded(t, "lmtp", "lmtp")


def by_dovecot(dovecot, recipients, body):
    """What Dovecot says of each recipient."""
    with dovecot.connect() as client:
        client.greet(verb="LHLO")
        client.envelope("sender@client.example", recipients)
        client.expect("DATA", 354)
        client.send(wire(body) + b".\r\n")
        found = [client.reply() for _ in recipients]
        client.expect("QUIT", 221)
        return found


@test(covers="C-27 C-32", timeout=120, root=True)
def dovecot(t):
    """Its LMTP proxy: several recipients of a message in a session, by chunks where they are offered."""
    for disable, way in (([], "BDAT"), (["BDAT"], "DATA")):
        with t.daemon(listener=LMTP | {"disable": disable}, verbose=True) as daemon, Dovecot(t, daemon) as proxy:
            for number in range(10):
                found = by_dovecot(proxy, EVERYBODY, b"X-Number: %d\n" % number + BODY)
                t.equal([reply.code for reply in found], [250] * 3, f"replies: {found} {proxy.log()[-2000:]}")
            require_each_once(t, daemon, 10, EVERYBODY)
            daemon.wait_event("command", line="LHLO .*")
            daemon.wait_event("command", line=f"{way}.*")
            with proxy.connect() as client:
                client.greet(verb="LHLO")
                client.expect("MAIL FROM:<sender@client.example>", 250)
                t.equal(client.command("RCPT TO:<nobody@example.org>").code, 550, "nobody")
                t.equal(client.command("RCPT TO:<alice@elsewhere.example>").code, 550, "elsewhere")
        shutil.rmtree(t.path("dovecot"))
        daemon.remove()
        t.daemons.remove(daemon)


@test(covers="C-27 A-13", timeout=120, root=True)
def dovecot_some_fail(t):
    """What a recipient is told passes through the proxy to its own place."""
    with t.daemon(listener=LMTP) as daemon, Dovecot(t, daemon) as proxy:
        folder = daemon.mail().folder("bob@example.org")
        daemon.wait_event("mailbox", mailbox="bob@example.org")
        shutil.move(folder, folder + ".away")
        with open(folder, "wb"):
            pass
        found = by_dovecot(proxy, EVERYBODY, b"X-Number: 0\n" + BODY)
        t.equal([reply.code for reply in found], [250, 451, 250], f"replies: {found} {proxy.log()[-2000:]}")
        require_each_once(t, daemon, 1, [EVERYBODY[0], EVERYBODY[2]])
        shutil.os.unlink(folder)
        shutil.move(folder + ".away", folder)


@test(covers="C-26 C-27", timeout=120, root=True)
def dovecot_xclient(t):
    """Where it may, it says by XCLIENT for whom it speaks."""
    with t.daemon(listener=LMTP | {"xclient": ["127.0.0.0/8"]}, verbose=True) as daemon, Dovecot(t, daemon) as proxy:
        found = by_dovecot(proxy, EVERYBODY, b"X-Number: 0\n" + BODY)
        t.equal([reply.code for reply in found], [250] * 3, f"replies: {found} {proxy.log()[-2000:]}")
        daemon.wait_event("command", line="XCLIENT .*")
        daemon.wait_event("xclient", former=r"127\.0\.0\.\d+", protocol="LMTP", helo="client.example")
        t.equal(daemon.events("reject"), [], "rejections")
        require_each_once(t, daemon, 1, EVERYBODY)


# ---- clients in other languages


@test(covers="C-27 D-32")
def python_lmtp(t):
    """smtplib.LMTP, which waits for one reply only, by TCP and by a unix socket."""
    for by_socket in (False, True):
        with t.daemon(listener=LMTP, by_socket=by_socket) as daemon:
            with smtplib.LMTP(daemon.address, daemon.port or 0) as client:
                refused = client.sendmail("sender@client.example", ["nobody@example.org", "alice@example.org"],
                                          wire(b"X-Number: 0\n" + BODY).replace(b"\r\n..", b"\r\n."))
                t.equal({name: code for name, (code, _) in refused.items()}, {"nobody@example.org": 550}, "refused")
            require_each_once(t, daemon, 1, ["alice@example.org"])
        daemon.remove()
        t.daemons.remove(daemon)


def swaks(t, daemon, *options):
    if not shutil.which("swaks"):
        t.skip("swaks is not installed")
    done = subprocess.run(["swaks", "--server", daemon.address, "--port", str(daemon.port), "--helo", "client.example",
                           "--from", "sender@client.example", "--data", "X-Number: 0\\n\\n%BODY%\\n", *options],
                          capture_output=True, timeout=60, check=False)
    output = (done.stdout + done.stderr).decode("latin-1")
    t.check(done.returncode == 0, f"swaks ends with {done.returncode}: {output}")
    return output


@test(covers="C-27 C-26 C-25")
def swaks_lmtp(t):
    """LMTP with several recipients, XCLIENT, and both versions of PROXY."""
    with t.daemon(listener=LMTP) as daemon:
        output = swaks(t, daemon, "--protocol", "LMTP", "--to", "alice@example.org,bob@example.org")
        t.equal(len(re.findall("Stored as", output)), 2, f"replies in {output}")
    daemon.remove()
    t.daemons.remove(daemon)
    with t.daemon(listener={"xclient": ["127.0.0.0/8"]}) as daemon:
        swaks(t, daemon, "--to", "alice@example.org", "--xclient-addr", "192.0.2.7", "--xclient-name", "a.example",
              "--xclient-helo", "b.example", "--xclient-delim")
        daemon.wait_event("xclient", client=r"192\.0\.2\.7", name="a.example", helo="b.example")
        daemon.wait_event("message", client=r"192\.0\.2\.7", code=250)
    daemon.remove()
    t.daemons.remove(daemon)
    with t.daemon(listener={"proxy": ["127.0.0.2"]}) as daemon:
        for version in ("1", "2"):
            swaks(t, daemon, "--to", "alice@example.org", "--local-interface", "127.0.0.2", "--proxy-version", version,
                  "--proxy-family", "TCP4" if version == "1" else "AF_INET", "--proxy-source", f"192.0.2.{version}",
                  "--proxy-source-port", "1234", "--proxy-dest", "192.0.2.25", "--proxy-dest-port", "25",
                  *(["--proxy-protocol", "STREAM"] if version == "2" else []))
            daemon.wait_event("message", client=rf"192\.0\.2\.{version}", code=250)
