"""Starting: foreground and daemon, pid file, -n, usage, faulty files, socket activation."""

import os
import shutil
import signal
import socket
import subprocess
import sys

from harness import processes
from harness.daemon import environment
from harness.trial import test

EX_USAGE, EX_CONFIG = 64, 78


@test(covers="A-01 A-05 A-20 A-21 D-04")
def foreground(t):
    """It says when it listens, makes the mailboxes that are missing, and writes no pid file of others."""
    with t.daemon() as daemon:
        daemon.wait_event("listen", address=t.address, port=t.port)
        daemon.wait_event("ready")
        for mailbox in ("alice@example.org", "bob@example.net"):
            for part in ("new", "cur", "tmp"):
                path = os.path.join(daemon.mail().folder(mailbox), part)
                processes.wait_until(lambda p=path: os.path.isdir(p), 20, path)
                t.equal(os.stat(path).st_mode & 0o7777, 0o700, f"mode of {path}")
        programs = {event.program for event in daemon.events("start")}
        t.equal(programs, {"posternd", "postern-worker", "postern-delivery"}, "programs in start lines")


@test(covers="A-05")
def mailboxes_are_kept(t):
    """Starting again is no error and touches nothing."""
    daemon = t.prepare()
    for _ in range(2):
        daemon.start()
        daemon.send()
        daemon.finish()
    t.equal(len(daemon.mail().files("alice@example.org")), 2, "messages")


@test(covers="A-05")
def created_on_delivery(t):
    """A mailbox that was removed meanwhile is made again when mail for it comes."""
    with t.daemon() as daemon:
        processes.wait_until(lambda: os.path.isdir(daemon.mail().folder("bob@example.net") + "/tmp"), 20, "it")
        shutil.rmtree(daemon.mail().folder("alice@example.org"))
        daemon.send()
        t.equal(len(daemon.mail().files("alice@example.org")), 1, "messages")


@test(covers="A-05")
def not_created(t):
    """create-mailboxes = never: nothing is made; mail for a missing mailbox is put off, loudly."""
    with t.daemon(delivery={"create-mailboxes": "never"}) as daemon:
        with daemon.greeted() as client:
            reply = client.deliver("a@client.example", ["alice@example.org"], b"x\n")
            t.equal(reply.code // 10, 45, f"the reply {reply}")
        daemon.wait_event("failed", mailbox="alice@example.org")
        t.check(not os.path.exists(daemon.mail().folder("alice@example.org")), "no mailbox was made")


@test(covers="A-20 A-21")
def as_daemon(t):
    """Without -F it returns when it listens; the pid file names it; a second one says so."""
    daemon = t.prepare(foreground=False, log={"to": t.path("log-file")})
    daemon.log_path = t.path("log-file")
    status, output, errors = daemon.run_once()
    t.equal(status, 0, f"the exit status ({output}{errors})")
    pid = int(open(daemon.path("pid"), encoding="ascii").read())
    try:
        daemon.require_answer()
        daemon.send()
        t.equal(os.getsid(pid) == os.getsid(0), False, "it is in a session of its own")
        status, output, errors = daemon.run_once()
        t.check(status != 0 and str(pid) in errors, f"a second one: status {status}, {errors!r}")
        daemon.require_answer()
    finally:
        os.kill(pid, signal.SIGTERM)
        processes.wait_until(lambda: not processes.is_alive(pid), 60, "it ends")
    daemon.require_clean_log()
    t.check(not os.path.exists(daemon.path("pid")) or not open(daemon.path("pid")).read().strip()
            or t.is_root, "the pid file is gone or empty")
    status, output, errors = daemon.run_once()
    t.equal(status, 0, f"starting again ({output}{errors})")
    pid = int(open(daemon.path("pid"), encoding="ascii").read())
    os.kill(pid, signal.SIGTERM)
    processes.wait_until(lambda: not processes.is_alive(pid), 60, "it ends")


@test(covers="A-20")
def daemon_fails_to_start(t):
    """Errors reach the one who typed the command."""
    with t.daemon() as first:
        second = t.prepare(foreground=False, log={"to": t.path("log-file")})
        status, output, errors = second.run_once()
        t.check(status != 0, f"exit status {status}: {output}")
        t.check(str(first.port) in errors and first.address in errors, f"the error names the address: {errors!r}")


@test(covers="A-21")
def check_only(t):
    """-n prints the process table and the listeners, and starts nothing."""
    daemon = t.prepare()
    output = daemon.check_configuration()
    for word in ("posternd", "postern-worker", "postern-delivery", str(t.port)):
        t.check(word in output, f"{word} in {output!r}")
    for word in ("SETUID", "SETGID", "KILL", "NET_BIND_SERVICE", "DAC_READ_SEARCH"):
        t.check(word in output.upper(), f"{word} in {output!r}")
    t.check(not os.path.exists(daemon.mail_root), "no mail root was made")
    t.check(not os.path.exists(daemon.path("pid")), "no pid file was made")


@test(covers="A-20")
def usage(t):
    daemon = t.prepare()
    program = os.path.join(t.bin, "posternd")
    for arguments in (["-x"], ["-c"], ["-F", "superfluous"], ["--frobnicate"]):
        status, output, errors = daemon.run_once(command=[program, *arguments])
        t.equal(status, EX_USAGE, f"exit status of {arguments}")
        t.check("usage" in errors.lower() and not output, f"usage on standard error: {output!r} {errors!r}")
    status, output, _ = daemon.run_once(command=[program, "-V"])
    t.equal(status, 0, "exit status of -V")
    t.check(any(character.isdigit() for character in output), f"a version: {output!r}")


@test(covers="A-02 A-03 B-16")
def faulty_files(t):
    """Each fault is EX_CONFIG and named by file and line, with -n and with -F."""
    daemon = t.prepare()
    good = open(daemon.path("conf"), encoding="utf-8").read()
    last = len(good.split("\n"))
    for text in ("frobnicate = 1", "limits { message-size = many }", "limits { recipients = 5 }",
                 "workers { count = 100000 }", "log { to = \"relative/path\" }", "listen \"b\" { port = 70000 }",
                 "listen \"b\" { address = { \"not.numeric\" } port = 2500 }", "workers { count = 1",
                 "smtp { address-syntax = \"sloppy\" }", "delivery { maildir = \"/var/mail\" }"):
        with open(daemon.path("conf"), "w", encoding="utf-8") as file:
            file.write(good + text + "\n")
        for options in (("-n",), ()):
            status, output, errors = daemon.run_once(*options)
            t.equal(status, EX_CONFIG, f"exit status for {text!r} with {options}: {output}{errors}")
            t.check(f"{daemon.path('conf')}:" in errors, f"file and line for {text!r}: {errors!r}")
            if "{ count = 1" != text[-11:]:
                t.check(f"{daemon.path('conf')}:{last}:" in errors, f"line {last} for {text!r}: {errors!r}")
    daemon.write_configuration()
    for name, lines, line in (("mailboxes", ["alice", "bob@elsewhere.example"], 2),
                              ("mailboxes", ["alice", "# x", "bob colour=red"], 3),
                              ("mailboxes", ["alice", "alice"], 2),
                              ("aliases", ["sales: nobody"], 1),
                              ("aliases", ["x: alice", "sales alice"], 2)):
        daemon.write_lines("mailboxes", ["alice"])
        daemon.write_lines("aliases", [])
        daemon.write_lines(name, lines)
        status, output, errors = daemon.run_once("-n")
        t.equal(status, EX_CONFIG, f"exit status for {lines}: {output}{errors}")
        t.check(f"{daemon.path(name)}:{line}:" in errors, f"{name}:{line} for {lines}: {errors!r}")
    os.unlink(daemon.path("conf"))
    status, output, errors = daemon.run_once("-n")
    t.check(status != 0 and daemon.path("conf") in errors, f"a missing file: {status} {errors!r}")


@test(covers="A-20 B-16 B-41")
def two_families(t):
    """Several listeners at once, IPv4 and IPv6."""
    try:
        socket.socket(socket.AF_INET6).bind(("::1", 0))
    except OSError:
        t.skip("no IPv6 on this machine")
    port = t.port + 7000 + int(t.address.rsplit(".", 1)[1])
    listens = [("smtp", {"address": [t.address], "port": t.port}), ("six", {"address": ["::1", t.address], "port": port})]
    with t.daemon(listen=listens) as daemon:
        daemon.send()
        daemon.port = port
        daemon.send()
        daemon.address = "::1"
        daemon.send()
        (stored,) = [one for one in daemon.mail().messages("alice@example.org") if "IPv6" in one.header("Received")]
        t.check("[IPv6:::1]" in stored.header("Received"), stored.header("Received"))
        daemon.wait_event("connect", client="::1", listener="six")
        daemon.address, daemon.port = t.address, t.port


@test(covers="B-17")
def wildcard_address(t):
    """address "*" is both families; an IPv4 client is shown as IPv4."""
    port = t.port + 6000 + int(t.address.rsplit(".", 1)[1])
    with t.daemon(listen=[("smtp", {"address": ["*"], "port": port})]) as daemon:
        daemon.port = port
        daemon.send()
        daemon.wait_event("connect", client=r"127\.\d+\.\d+\.\d+")


PARENT = """
import os, socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for number, one in enumerate(sockets):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((sys.argv[2], int(sys.argv[3]) + number))
    one.listen(100)
for number, one in enumerate(sockets):
    os.dup2(one.fileno(), 3 + number) if one.fileno() != 3 + number else None
    os.set_inheritable(3 + number, True)
os.environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()))
if sys.argv[4]:
    os.environ["LISTEN_FDNAMES"] = sys.argv[4]
os.execv(sys.argv[5], sys.argv[5:])
"""


@test(covers="A-20 B-16")
def socket_activation(t):
    """Sockets that the parent has bound are taken over, by name and by address."""
    for names in ("", "smtp"):
        daemon = t.prepare()
        command = daemon.command()
        daemon.prefix = [sys.executable, "-c", PARENT, "1", t.address, str(t.port), names]
        daemon.check_configuration = lambda: ""
        daemon.start()
        t.check(daemon.command()[-len(command):] == command, "the command")
        daemon.send()
        daemon.finish()


@test(covers="A-20 B-16")
def socket_activation_without_match(t):
    """An activated socket that belongs to no listen section is an error."""
    daemon = t.prepare()
    daemon.prefix = [sys.executable, "-c", PARENT, "1", t.address, str(t.port + 7777), "other"]
    status, output, errors = daemon.run_once()
    t.check(status != 0, f"exit status {status}: {output}{errors}")


@test(covers="A-20")
def port_in_use(t):
    with t.daemon() as first:
        second = t.prepare()
        status, output, errors = second.run_once()
        t.check(status not in (0, 1), f"exit status {status} (sysexits)")
        t.check(first.address in errors and str(first.port) in errors, f"the error names the address: {output}{errors}")


@test(covers="A-21")
def service_manager_is_told(t):
    """READY=1 comes when it listens, STOPPING=1 when it stops (sd_notify)."""
    path = t.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        os.chmod(path, 0o777)
        notify.settimeout(60)
        daemon = t.prepare()
        daemon.launch(env=environment() | {"NOTIFY_SOCKET": path})
        t.check(b"READY=1" in notify.recv(4096), "READY=1")
        daemon.require_answer()
        t.equal(daemon.stop(), 0, "the exit status")
        notify.settimeout(10)
        said = b""
        while b"STOPPING=1" not in said:
            said += notify.recv(4096) + b"\n"


@test(covers="D-04 A-20")
def what_is_missing(t):
    """Started by an ordinary user it says what is missing."""
    if t.is_root:
        t.skip("for ordinary users")
    with t.daemon() as daemon:
        first = daemon.events()[0]
        t.equal(first["event"], "missing", "the first line of the log")


@test(covers="A-20", root=True)
def make_users(t):
    """etc/make-users may be called again and again."""
    tool = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "etc", "make-users")
    for _ in range(2):
        done = subprocess.run([tool], capture_output=True, check=False, timeout=60)
        t.equal(done.returncode, 0, f"exit status ({done.stderr!r})")
