"""What comes from the network forges no path, no header and no log line."""

import os
import re
import signal
import socket

from harness import isolate, processes
from harness.session import Closed
from harness.trial import test

LOCAL_PARTS = [
    b"../alice", b"../../../../etc/passwd", b"/etc/passwd", b"alice/../bob", b"..", b".", b"alice/new", b"./alice",
    b"alice%2f..%2fbob", b"alice\\..\\bob", b"~alice", b"$(id)", b"`id`", b";id", b"|id", b"alice;id", b"&&id",
    b"${HOME}", b"%d", b"%u", b"%n%s%x", b"-alice", b"--help", b"alice\x1b[2J", b"alice\x00bob", b"alice\tbob",
    b"() { :;}; id", b"__proto__", b"a" * 64, b"a" * 255, b"\xc3\xa4", b"\xe2\x80\xaealice", b"\xff", b"*", b"?", b"con",
]
NAMES = [b"a event=delivery", b'a" event="delivery', b"a\\", b'a\\" x="', b"a=b", b"\x1b[31mred", b"\x9b31m", b"%n%s",
         b"a\\nb", b"\xe2\x80\xae", b"\xc2\x85", b"a\x7f", b"a" * 400]


def wrap(local, quoted):
    return b'"' + local.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"' if quoted else local


def corpus():
    for local in LOCAL_PARTS:
        for quoted in (False, True):
            yield wrap(local, quoted)


def files_outside(daemon, before):
    return sorted(set(all_paths(daemon.folder)) - before)


def all_paths(root):
    return {os.path.join(folder, name) for folder, folders, names in os.walk(root) for name in folders + names}


@test(covers="A-07 A-04 C-19 security.md:path-traversal")
def path_traversal(t):
    """No local part or domain of the corpus makes a file or a folder anywhere; a catch-all takes some of
    them, into its own mailbox."""
    with t.daemon(aliases=["@example.net: bob"], limits={"errors": 0, "unknown-commands": 0}) as daemon:
        processes.wait_until(lambda: os.path.isdir(daemon.mail().folder("postmaster@example.net") + "/tmp")
                             or os.path.isdir(daemon.mail().folder("bob@example.net") + "/tmp"), 20, "mailboxes")
        daemon.send()
        before = all_paths(daemon.folder)
        accepted = 0
        with daemon.greeted() as client:
            for local in corpus():
                for domain in (b"example.org", b"example.net", b"../example.org", b"example.org/.."):
                    address = local + b"@" + domain
                    reply = client.command(b"MAIL FROM:<" + address + b"> SMTPUTF8")
                    if reply.code != 250:
                        client.expect("MAIL FROM:<a@client.example> SMTPUTF8", 250)
                    reply = client.command(b"RCPT TO:<" + address + b">")
                    if reply.code == 250:
                        t.check(domain == b"example.net", f"{address!r} was accepted: {reply}")
                        accepted += 1
                        client.expect("DATA", 354)
                        client.send(b"x\r\n.\r\n")
                        t.equal(client.reply().code, 250, "the reply")
                    else:
                        client.expect("RSET", 250)
        made = sorted(all_paths(daemon.folder) - before)
        t.check(accepted > 10, f"the catch-all took only {accepted}")
        wanted = daemon.mail().folder("bob@example.net") + "/new/"
        t.equal([path for path in made if not path.startswith(wanted)], [], "what was made elsewhere")
        t.equal(len(made), accepted, "messages")
        for message in daemon.mail().messages("bob@example.net"):
            t.check(re.fullmatch(rb"(?:[ -~]+\n(?:[\t ][ -~]+\n)*){4}x\n", strip_utf8(message.bytes)),
                    f"headers are printable and well-formed: {message.bytes!r}")
        daemon.events()


def strip_utf8(content):
    """The bytes of well-formed UTF-8 beyond ASCII become "u" (RFC 6532 allows them)."""
    return re.sub(r"[^\x00-\x9f]", "u", content.decode("utf-8")).encode("utf-8")


def send_corpus(daemon):
    """HELO names, addresses, verbs and arguments that try to forge a log line."""
    for name in NAMES:
        with daemon.connect() as client:
            try:
                client.reply()
                for line in (b"EHLO " + name, b"EHLO client.example", name, name + b" " + name,
                             b"MAIL FROM:<" + name + b"@client.example>", b"MAIL FROM:<a@client.example>",
                             b"RCPT TO:<" + name + b"@example.org>", b'RCPT TO:<"' + name + b'"@example.org>',
                             b"RCPT TO:<alice@" + name + b">", b"VRFY " + name, b"MAIL FROM:<a@x> " + name):
                    client.command(line)
                client.command(b"X\nevent=forged")
                client.command(b"X\revent=forged")
                client.command(b"X\0event=forged")
            except Closed:
                pass


@test(covers="B-45 A-22 B-18 security.md:log-injection")
def log_lines(t):
    """Each line is key=value, none is forged, all bytes are printable ASCII."""
    with t.daemon(verbose=True, limits={"errors": 0, "unknown-commands": 0}) as daemon:
        send_corpus(daemon)
        daemon.wait_event("disconnect", count=len(NAMES))
        content = daemon.log_bytes()
        t.check(not re.search(rb"[^\n -~]", content), "only printable ASCII in the log")
        for event in daemon.events():
            t.check(event.program in ("posternd", "postern-worker", "postern-delivery"), event.line)
            t.check("event" in event and event["event"] not in ("forged", "delivery"), event.line)
        t.check(daemon.events("reject"), "rejections are logged")


@test(covers="B-45 security.md:log-injection")
def log_as_json(t):
    """Each line is one JSON object, with the same keys."""
    with t.daemon(verbose=True, log={"format": "json"},
                  limits={"errors": 0, "unknown-commands": 0}) as daemon:
        send_corpus(daemon)
        daemon.send()
        daemon.wait_event("disconnect", count=len(NAMES) + 1)
        for event in daemon.events():
            t.check({"time", "logger", "logger-pid", "event"} <= set(event), event.line)
            t.check(event["event"] != "forged", event.line)
        line = daemon.wait_event("delivery", mailbox="alice@example.org")
        t.check(int(line["size"]) > 0 and float(line["took"]) >= 0, line.line)


EVENT_ROW = re.compile(r'LOG_EVENT\(([A-Z_]+), [A-Z]+,[\s\\]*((?:"[^"]*"[\s\\]*)+),')
ALWAYS = {"event", "session", "message", "time", "program", "pid", "logger", "logger-pid"}
EVENTS_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "common", "log", "events.h")
with open(EVENTS_FILE, encoding="utf-8") as events_file:
    DOCUMENTED = {name.lower().replace("_", "-"): set(keys.replace('"', "").split())
                  for name, keys in EVENT_ROW.findall(events_file.read())}


@test(covers="B-45")
def documented_keys(t):
    """No event and no key is written that the table of events, and so the manual, does not list."""
    t.check(len(DOCUMENTED) > 15, f"the table was read: {sorted(DOCUMENTED)}")
    with t.daemon(verbose=True, limits={"sessions-per-address": 3}) as daemon:
        daemon.deaths_allowed = True
        daemon.send(["alice@example.org", "bob@example.org"])
        daemon.wait_event("disconnect")
        held = [daemon.greeted() for _ in range(3)]
        with daemon.connect() as client:
            client.reply()
        held[0].expect("MAIL FROM:<a@client.example> SIZE=99999999999", 552)
        held[0].expect("NONSENSE", 500)
        for client in held:
            client.close()
        processes.kill_quietly(daemon.delivery())
        daemon.wait_event("end", program="postern-delivery")
        daemon.signal(signal.SIGHUP)
        daemon.wait_event("reload")
        daemon.write_lines("mailboxes", ["alice alice"])
        daemon.signal(signal.SIGHUP)
        daemon.wait_event("refused-reload")
    seen = {(event["event"], key) for event in daemon.events() for key in event}
    unknown = sorted(f"{name}: {key}" for name, key in seen if key not in DOCUMENTED.get(name, set()) | ALWAYS)
    t.equal(unknown, [], "keys that are not documented")


@test(covers="B-45 A-22")
def log_to_file(t):
    path = t.path("log-file")
    with t.daemon(log={"to": path}) as daemon:
        daemon.send()
        daemon.wait_event("delivery", mailbox="alice@example.org")
        t.equal(os.stat(path).st_mode & 0o137, 0, "mode of the log file")


@test(covers="B-45", root=True)
def log_to_syslog(t):
    """Each line is a datagram with its priority; when the syslog daemon goes away and comes back the log
    goes on, and mail is served all the while."""
    t.own_mounts()
    devices = t.path("dev")
    os.mkdir(devices)
    isolate.mount_tmpfs(devices, "mode=0755")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        if os.path.exists(f"/dev/{name}"):
            with open(os.path.join(devices, name), "wb"):
                pass
            isolate.bind(f"/dev/{name}", os.path.join(devices, name))
    os.mkdir(os.path.join(devices, "shm"), 0o777)
    isolate.bind(devices, "/dev")

    def listen():
        sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sink.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        sink.settimeout(30)
        return sink

    sink = listen()
    daemon = t.prepare(log={"to": "syslog"})
    daemon.check_configuration()
    daemon.launch()
    seen = collect(t, sink, "event=ready")
    daemon.send()
    seen += collect(t, sink, "event=delivery")
    for line in seen:
        t.check(re.match(r"<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d postern[a-z-]*\[\d+\]: event=", line), f"a syslog line: {line!r}")
    sink.close()
    os.unlink("/dev/log")
    daemon.send()
    sink = listen()

    def is_back():
        daemon.send()
        sink.settimeout(0.2)
        try:
            return b"event=" in sink.recv(8192)
        except TimeoutError:
            return False
    processes.wait_until(is_back, 40, "the log is opened again")
    daemon.require_answer()
    t.equal(daemon.stop(), 0, "the exit status")


def collect(t, sink, until):
    lines = []
    while not any(until in line for line in lines):
        lines.append(sink.recv(8192).decode("latin-1"))
        t.check(len(lines) < 200, f"{until} among {lines}")
    return lines
