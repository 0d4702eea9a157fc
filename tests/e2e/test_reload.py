"""SIGHUP: a new generation with the new files; the old one finishes; a faulty file changes nothing."""

import os
import pwd
import signal

from harness import processes
from harness.load import Load, require_exactly_once
from harness.trial import test


def reload(daemon, count=1):
    daemon.signal(signal.SIGHUP)
    return daemon.wait_event("reload", count=count)


def greeted_by_new(daemon, old):
    """A session with a worker of the new generation: an old one may take some more until it hears of the reload."""
    found = []

    def is_new():
        client = daemon.connect()
        client.reply()
        line = daemon.wait_event("connect", port=str(client.socket.getsockname()[1]))
        if line.writer in old:
            client.close()
            return False
        found.append(client)
        return True
    processes.wait_until(is_new, 30, "a session with a new worker")
    return found[0]


@test(covers="A-23 A-03 B-05")
def changed_tables(t):
    """A new mailbox, alias and limit are in force for new sessions; an open session keeps the old ones."""
    with t.daemon(limits={"message-size": 4096}) as daemon, daemon.greeted() as old:
        before = daemon.workers()
        old.expect("MAIL FROM:<a@client.example>", 250)
        daemon.write_lines("mailboxes", ["alice", "carol"])
        daemon.write_lines("aliases", ["sales: carol"])
        daemon.write_configuration(limits={"message-size": 8192})
        reload(daemon)
        with greeted_by_new(daemon, before) as new:
            t.check("SIZE 8192" in new.expect("EHLO client.example", 250).text, "the new limit")
            new.expect("MAIL FROM:<a@client.example>", 250)
            new.expect("RCPT TO:<carol@example.org>", 250)
            new.expect("RCPT TO:<sales@example.net>", 250)
            new.expect("RCPT TO:<bob@example.org>", 550)
            new.expect("DATA", 354)
            new.send(b"new\r\n.\r\n")
            t.equal(new.reply().code, 250, "the new session's message")
        t.equal(daemon.mail().bodies("carol@example.org"), [b"new\n"], "messages of carol")
        t.check("SIZE 4096" in old.expect("EHLO client.example", 250).text, "the old limit in the old session")
        old.expect("MAIL FROM:<a@client.example>", 250)
        old.expect("RCPT TO:<carol@example.org>", 550)
        old.expect("RCPT TO:<alice@example.org>", 250)
        old.expect("DATA", 354)
        old.send(b"old\r\n.\r\n")
        t.equal(old.reply().code, 250, "the old session's message")
        old.expect("QUIT", 221)
        t.equal(daemon.mail().bodies("alice@example.org"), [b"old\n"], "messages of alice")
        processes.wait_until(lambda: not set(before) & set(daemon.workers()), 30, "the old workers are gone")


@test(covers="A-23 A-04")
def recipient_gone_meanwhile(t):
    """A mailbox that is taken out while a message for it comes in: refused or stored, never lost."""
    with t.daemon() as daemon, daemon.greeted() as old:
        old.begin_data("a@client.example", ["bob@example.org"])
        daemon.write_lines("mailboxes", ["alice"])
        reload(daemon)
        old.send(b"x\r\n.\r\n")
        reply = old.reply()
        stored = len(daemon.mail().files("bob@example.org"))
        t.check((reply.code, stored) in ((250, 1), (550, 0)), f"{reply} and {stored} messages")


@test(covers="A-23 B-05")
def lowered_limit_meanwhile(t):
    """A message that the old generation accepted, and that the new limits forbid: refused, nobody is killed."""
    with t.daemon() as daemon, daemon.greeted() as old, daemon.greeted() as idle:
        old.begin_data("a@client.example", ["alice@example.org"])
        daemon.write_configuration(limits={"message-size": 2048})
        reload(daemon)
        processes.wait_until(lambda: len(daemon.events("ready")) >= 1, 30, "ready")
        old.send(b"x" * 70 + b"\r\n")
        old.send((b"y" * 70 + b"\r\n") * 100 + b".\r\n")
        reply = old.reply()
        t.check(reply.code in (250, 451), f"{reply}")
        t.equal(len(daemon.mail().files("alice@example.org")), int(reply.code == 250), "messages")
        old.expect("NOOP", 250)
        idle.expect("NOOP", 250)
        t.equal(daemon.events("violation"), [], "violations")


@test(covers="C-02 A-23")
def accept_all_is_told(t):
    """Each start and each reload with accept-all warns; one without it does not, and takes no stranger's mail."""
    with t.daemon(**{"accept-all": {"mode": "each"}}) as daemon:
        t.equal(len(daemon.events("accept-all", mode="each", mailbox=None)), 1, "warnings at the start")
        daemon.send(["anybody@elsewhere.example"])
        daemon.write_configuration(**{"accept-all": {"mode": "one", "mailbox": "all"}})
        reload(daemon)
        t.equal(len(daemon.events("accept-all", mode="one", mailbox="all")), 1, "warnings at the reload")
        before = daemon.workers()
        daemon.write_configuration(**{"accept-all": {"mode": "off"}})
        reload(daemon, 2)
        with greeted_by_new(daemon, before) as new:
            new.expect("EHLO client.example", 250)
            new.expect("MAIL FROM:<a@client.example>", 250)
            new.expect("RCPT TO:<anybody@elsewhere.example>", 550)
        t.equal(len(daemon.events("accept-all")), 2, "warnings in all")


@test(covers="B-05")
def number_of_workers(t):
    with t.daemon(workers={"count": 1}) as daemon:
        t.equal(len(daemon.workers()), 1, "workers")
        daemon.write_configuration(workers={"count": 3})
        reload(daemon)
        processes.wait_until(lambda: len(daemon.workers()) == 3, 30, "three workers")


@test(covers="A-23 B-16")
def faulty_configuration(t):
    """Nothing changes, and the log says file and line."""
    with t.daemon() as daemon:
        before = daemon.workers(), daemon.delivery()
        good = open(daemon.path("conf"), encoding="utf-8").read()
        faults = [("conf", good + "no-such-option = 1\n", len(good.split("\n"))),
                  ("conf", good + "limits { message-size = 1x }\n", len(good.split("\n"))),
                  ("conf", good + 'listen "other" { port = 2599 address = "203.0.113.77" }\n', len(good.split("\n"))),
                  ("conf", good.replace("hostname", "hostname hostname", 1), 1)]
        for count, (name, text, line) in enumerate(faults, 1):
            with open(daemon.path(name), "w", encoding="utf-8") as file:
                file.write(text)
            daemon.signal(signal.SIGHUP)
            event = daemon.wait_event("refused-reload", count=count)
            t.check(f"{daemon.path(name)}:{line}:" in event["reason"], f"file and line {line} in {event.line}")
            daemon.send()
        with open(daemon.path("conf"), "w", encoding="utf-8") as file:
            file.write(good)
        for count, (name, lines, line) in enumerate((("mailboxes", ["alice", "", "alice"], 3),
                                                     ("aliases", ["a: b", "b: a"], 1),
                                                     ("aliases", ["# x", "x: y@elsewhere.example"], 2),
                                                     ("rejected-senders", ["a.example", "<>"], 2)),
                                                    len(faults) + 1):
            daemon.write_lines("mailboxes", ["alice"])
            daemon.write_lines("aliases", [])
            daemon.write_lines("rejected-senders", [])
            daemon.write_lines(name, lines)
            daemon.signal(signal.SIGHUP)
            event = daemon.wait_event("refused-reload", count=count)
            t.check(f"{daemon.path(name)}:" in event["reason"], f"file and line {line} in {event.line}")
            daemon.send()
        t.equal(before, (daemon.workers(), daemon.delivery()), "the processes")


@test(covers="B-16")
def other_port(t):
    """A listener that is new is bound, one that is gone is closed, one that stays keeps its backlog."""
    with t.daemon() as daemon:
        first, second = daemon.port, daemon.port + 8000
        both = [("smtp", {"address": [t.address], "port": first}),
                ("other", {"address": [t.address], "port": second})]
        daemon.write_configuration(listen=both)
        reload(daemon)
        daemon.port = second
        daemon.send()
        daemon.port = first
        daemon.send()
        daemon.write_configuration(listen=both[1:])
        reload(daemon, 2)
        daemon.port = second
        daemon.send()
        daemon.port = first

        def is_closed():
            try:
                daemon.connect().close()
                return False
            except ConnectionError:
                return True
        processes.wait_until(is_closed, 20, "the old port is closed")
        daemon.port = second


@test(covers="A-23 B-05 A-13", timeout=120)
def under_load(t):
    """Reloads one after the other while mail flows: nothing is refused, nothing lost or doubled."""
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        with Load(daemon, clients=10, messages=60) as load:
            for count in range(1, 6):
                processes.wait_until(lambda c=count: load.count() > 40 * c, 60, "messages")
                reload(daemon, count)
            load.wait()
        t.equal((load.errors, load.refused), ([], {}), "errors and refused messages")
        t.equal(load.count(), 600, "acknowledged")
        require_exactly_once(t, load)


@test(covers="A-23")
def drain_deadline(t):
    """A session of the old generation that does not end is cut off after timeouts.drain with 421."""
    with t.daemon(timeouts={"drain": 1}) as daemon, daemon.greeted() as old:
        before = daemon.workers()
        reload(daemon)
        t.equal(old.reply().code, 421, "what the old session is told")
        processes.wait_until(lambda: not set(before) & set(daemon.workers()), 30, "the old workers are gone")


@test(covers="A-23 B-45")
def log_is_reopened(t):
    """A log file that was moved away is written anew after SIGHUP."""
    # The master, which is not root any more, makes the new file.
    folder = t.path("logs")
    os.mkdir(folder)
    if t.is_root:
        account = pwd.getpwnam("postern")
        os.chown(folder, account.pw_uid, account.pw_gid)
    log_file = os.path.join(folder, "log-file")
    with t.daemon(log={"to": log_file}) as daemon:
        daemon.send()
        os.rename(log_file, log_file + ".0")
        daemon.signal(signal.SIGHUP)
        processes.wait_until(lambda: os.path.exists(log_file), 20, "the new log file")

        def is_in_new_file():
            daemon.send()
            return daemon.events("delivery")
        processes.wait_until(is_in_new_file, 30, "deliveries are in the new log file")


@test(covers="A-23 B-45", root=True)
def log_cannot_be_reopened(t):
    """A folder where the master may not make the new log file: the old one goes on, and says so."""
    log_file = t.path("log-file")
    with t.daemon(log={"to": log_file}) as daemon:
        daemon.log_path = log_file + ".0"
        os.rename(log_file, log_file + ".0")
        daemon.signal(signal.SIGHUP)
        processes.wait_until(lambda: daemon.events("refused-reload") or daemon.events("short"), 20, "it says so")
        daemon.send()
        daemon.wait_event("delivery")
