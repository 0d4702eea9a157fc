"""Unix sockets as listeners: made, served, taken over by a reload, removed, left behind by a crash."""

import contextlib
import os
import pwd
import signal
import socket
import stat
import sys
import threading

from harness import processes
from harness.trial import test

EX_UNAVAILABLE = 69


def at(*addresses, title="local"):
    return (title, {"address": list(addresses)})


def reload(daemon, count):
    daemon.signal(signal.SIGHUP)
    return daemon.wait_event("reload", count=count)


def refused_reload(daemon, count=1):
    daemon.signal(signal.SIGHUP)
    return daemon.wait_event("refused-reload", count=count)["reason"]


def number(path):
    return os.lstat(path).st_ino


def prepared(t):
    """A daemon that listens at a path only: (daemon, path)."""
    daemon = t.prepare()
    path = daemon.path("run", "mail")
    daemon.write_configuration(listen=[at(path)])
    daemon.address = path
    return daemon, path


@contextlib.contextmanager
def running(t):
    daemon, path = prepared(t)
    daemon.start()
    yield daemon, path
    daemon.finish()


@contextlib.contextmanager
def connecting(daemon):
    """Someone who connects again and again; the greetings and what went wrong."""
    seen, errors, done = [], [], threading.Event()

    def loop():
        while not done.is_set():
            try:
                with daemon.connect() as client:
                    seen.append(client.reply().code)
                    client.command("QUIT")
            except Exception as error:  # pylint: disable=broad-except
                errors.append(repr(error))
    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield seen, errors
    finally:
        done.set()
        thread.join(60)


@test(covers="B-16 D-32 C-27")
def message(t):
    """Beside an address; -n and the log name it; anybody may connect; it is gone after the stop."""
    daemon, path = prepared(t)
    daemon.write_configuration(listen=[("both", {"address": [path, t.address], "port": t.port})])
    output = daemon.check_configuration()
    t.check(f'listen "both"  {path}\n' in output, f"the path in {output}")
    t.check(f'listen "both"  {t.address} port {t.port}\n' in output, f"the address in {output}")
    t.check(not os.path.exists(path), "-n makes nothing")
    daemon.start()
    daemon.wait_event("listen", listener="both", address=path, port=None)
    daemon.wait_event("listen", listener="both", address=t.address, port=t.port)
    found = os.lstat(path)
    t.equal(stat.filemode(found.st_mode), "srw-rw-rw-", "mode of the socket")
    folder = os.lstat(os.path.dirname(path))
    owner = pwd.getpwnam("postern").pw_uid if t.is_root else os.geteuid()
    t.equal((found.st_uid, folder.st_uid, stat.filemode(folder.st_mode)), (owner, owner, "drwxr-xr-x"),
            "owners, and mode of its folder")
    daemon.send(body=b"by path\n")
    daemon.wait_event("connect", client="unix|::", listener="both")
    daemon.address = t.address
    daemon.send(body=b"by address\n")
    t.equal(sorted(daemon.mail().bodies("alice@example.org")), [b"by address\n", b"by path\n"], "messages")
    daemon.finish()
    t.check(not os.path.exists(path), "the socket is gone")


@test(covers="B-16 B-49")
def limits(t):
    """The number of sessions of one address is none of a client that has none."""
    daemon, path = prepared(t)
    daemon.write_configuration(limits={"sessions-per-address": 1},
                               listen=[("both", {"address": [path, t.address], "port": t.port})])
    daemon.start()
    clients = [daemon.greeted() for _ in range(5)]
    t.equal(clients[0].deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "a reply")
    daemon.address = t.address
    with daemon.greeted() as first, daemon.connect() as second:
        t.equal(second.reply().code, 421, "the second of an address")
        first.expect("QUIT", 221)
    for client in clients:
        client.expect("QUIT", 221)
        client.close()
    daemon.address = path
    daemon.finish()


@test(covers="B-16")
def refused(t):
    """A client too many is told so, and the log calls it unix."""
    daemon, _ = prepared(t)
    daemon.write_configuration(workers={"count": 1, "sessions": 1})
    daemon.start()
    with daemon.greeted() as first:
        with daemon.connect() as second:
            t.equal(second.reply().code, 421, "what the second is told")
        daemon.wait_event("refuse", client="unix", listener="local")
        first.expect("QUIT", 221)
        t.check(first.is_closed(), "the first is closed")
    daemon.finish()


@test(covers="B-16 A-23", timeout=120)
def reloads(t):
    """The same socket goes on: whoever connects meanwhile is served."""
    with running(t) as (daemon, path):
        before = number(path)
        with connecting(daemon) as (seen, errors):
            for count in range(1, 6):
                processes.wait_until(lambda c=count: errors or len(seen) > 20 * c, 60, "greetings")
                reload(daemon, count)
            processes.wait_until(lambda: errors or len(seen) > 140, 60, "greetings")
        t.equal((errors, set(seen)), ([], {220}), "errors and greetings")
        t.equal(number(path), before, "the number of the file")
        daemon.send()


@test(covers="B-16 A-23")
def added_and_dropped(t):
    """A reload makes what is new, as the master's user, and removes what is gone."""
    with running(t) as (daemon, path):
        before, other = number(path), daemon.path("run", "other")
        daemon.write_configuration(listen=[at(path, other)])
        reload(daemon, 1)
        t.equal(os.lstat(other).st_uid, os.lstat(os.path.dirname(path)).st_uid, "owner of the new one")
        t.equal(stat.filemode(os.lstat(other).st_mode), "srw-rw-rw-", "its mode")
        daemon.address = other
        daemon.send()
        daemon.write_configuration(listen=[at(other)])
        reload(daemon, 2)
        processes.wait_until(lambda: not os.path.exists(path), 20, "the old one is gone")
        daemon.send()
        daemon.write_configuration(listen=[at(path)])
        reload(daemon, 3)
        daemon.address = path
        daemon.send()
        t.check(not os.path.exists(other), "the other one is gone")
        t.check(number(path) and before, "it is there again")


@test(covers="B-16 A-23")
def lost_file(t):
    """A socket whose file somebody has removed is made anew by a reload."""
    with running(t) as (daemon, path):
        daemon.send()
        os.unlink(path)
        reload(daemon, 1)
        daemon.send()


@test(covers="B-16 A-23")
def refused_reloads(t):
    """What cannot be made is named by file and line; what is served stays, and nothing is left over."""
    with running(t) as (daemon, path):
        before, other = number(path), daemon.path("run", "other")
        closed = daemon.path("closed")
        os.mkdir(closed)
        os.chmod(closed, 0o755 if t.is_root else 0o555)
        with open(daemon.path("conf"), encoding="utf-8") as file:
            good = file.read()
        last = len(good.split("\n"))
        cases = ((os.path.join(closed, "mail"), "its folder must belong to user"),
                 (os.path.join(closed, "new", "mail"), "Permission denied"),
                 (daemon.path("no", "such", "mail"), "the folder above it"),
                 (daemon.path("conf"), "no socket"))
        for count, (bad, reason) in enumerate(cases, 1):
            with open(daemon.path("conf"), "w", encoding="utf-8") as file:
                file.write(good.replace(f'"{path}"', f'"{path}", "{other}"')
                           + f'listen "bad" {{ address = "{bad}" }}\n')
            text = refused_reload(daemon, count)
            for word in (f"{daemon.path('conf')}:{last}: ", 'listen "bad"', reason):
                t.check(word in text, f"{word!r} in {text!r}")
            t.check(not os.path.exists(other), "what was new is gone again")
            t.equal(number(path), before, "the number of the file")
            daemon.send()
        daemon.write_configuration()


@test(covers="B-16")
def same_path_twice(t):
    daemon, path = prepared(t)
    daemon.write_configuration(listen=[at(path, title="one"), at(path, title="two")])
    status, _, errors = daemon.run_once()
    t.equal(status, EX_UNAVAILABLE, "the exit status")
    for word in (path, '"one"', '"two"', daemon.path("conf")):
        t.check(word in errors, f"{word} in {errors!r}")
    t.check(not os.path.exists(path), "nothing is left over")


@test(covers="B-16 A-18")
def crash(t):
    """After kill -9 of everything the file is there still; the next start replaces it."""
    with running(t) as (daemon, path):
        daemon.send()
        daemon.deaths_allowed = True
        everything = [daemon.pid(), *processes.descendants(daemon.pid())]
        for pid in everything:
            processes.kill_quietly(pid)
        daemon.process.wait(30)
        processes.wait_until(lambda: not any(processes.is_alive(pid) for pid in everything), 30, "all are gone")
        t.check(stat.S_ISSOCK(os.lstat(path).st_mode), "the file is there")
        try:
            daemon.connect().close()
            t.check(False, "nobody listens")
        except ConnectionRefusedError:
            pass
        daemon.start()
        daemon.send()
    t.check(not os.path.exists(path), "the socket is gone")


@test(covers="B-16")
def second_instance(t):
    """It says that somebody listens there, and leaves the socket to the first."""
    with running(t) as (daemon, path):
        before = number(path)
        second = t.prepare(listen=[at(path)])
        status, _, errors = second.run_once()
        t.equal(status, EX_UNAVAILABLE, "the exit status")
        for word in (path, "another program", second.path("conf")):
            t.check(word in errors, f"{word} in {errors!r}")
        t.equal(number(path), before, "the number of the file")
        daemon.send()


@test(covers="B-16 D-04")
def obstacles(t):
    """A file, a folder and a link in the way stay as they are."""
    daemon, path = prepared(t)
    os.mkdir(os.path.dirname(path))
    os.chmod(os.path.dirname(path), 0o755)
    target = daemon.path("target")
    with open(target, "w", encoding="ascii") as file:
        file.write("mine")
    for make in (lambda: os.mkdir(path), lambda: os.link(target, path), lambda: os.symlink(target, path),
                 lambda: os.symlink(daemon.path("nothing"), path)):
        make()
        before = number(path)
        status, _, errors = daemon.run_once()
        t.equal(status, EX_UNAVAILABLE, f"the exit status ({errors})")
        t.check(path in errors and "no socket" in errors, errors)
        t.equal(number(path), before, "the number of what is in the way")
        if os.path.isdir(path):
            os.rmdir(path)
        else:
            os.unlink(path)
    t.check(not os.path.exists(daemon.path("nothing")), "nothing was made behind the link")
    with open(target, encoding="ascii") as file:
        t.equal(file.read(), "mine", "the file that was linked to")
    daemon.start()
    daemon.send()
    daemon.finish()


@test(covers="B-16")
def replaced_meanwhile(t):
    """What somebody else has put at the path is not removed by the stop."""
    daemon, path = prepared(t)
    daemon.start()
    daemon.send()
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        before = number(path)
        t.equal(daemon.stop(), 0, "the exit status")
        t.equal(number(path), before, "the number of the file")
    daemon.require_clean_log()


@test(covers="B-16 D-04", root=True)
def folder_of_root(t):
    """In a folder that only root may write the socket is made at the start, and stays behind at the end."""
    daemon, path = prepared(t)
    os.mkdir(os.path.dirname(path))
    for _ in range(2):
        daemon.start()
        t.equal(os.lstat(path).st_uid, 0, "its owner")
        daemon.send()
        daemon.finish()
        t.check(os.path.exists(path), "it stays behind")


PARENT = """
import os, socket, sys
one = socket.socket(socket.AF_UNIX)
one.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
one.listen(100)
os.dup2(one.fileno(), 3) if one.fileno() != 3 else None
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
if sys.argv[2]:
    os.environ["LISTEN_FDNAMES"] = sys.argv[2]
os.execv(sys.argv[3], sys.argv[3:])
"""


@test(covers="A-20 B-16")
def socket_activation(t):
    """A socket of the service manager is found by name and by path, and never removed."""
    for names, listen in (("", None), ("local", [at("192.0.2.1")]), ("posternd.socket", None)):
        daemon, path = prepared(t)
        os.mkdir(os.path.dirname(path))
        os.chmod(os.path.dirname(path), 0o755)
        if listen:
            daemon.write_configuration(listen=listen)
        daemon.prefix = [sys.executable, "-c", PARENT, path, names]
        daemon.check_configuration = lambda: ""
        daemon.start()
        before = number(path)
        daemon.wait_event("listen", address=path)
        daemon.send()
        reload(daemon, 1)
        daemon.send()
        daemon.finish()
        t.equal(number(path), before, "the number of the file")


@test(covers="A-20 B-16")
def socket_activation_without_match(t):
    daemon, path = prepared(t)
    os.mkdir(os.path.dirname(path))
    daemon.write_configuration(listen=[("smtp", {"address": [t.address], "port": t.port})])
    daemon.prefix = [sys.executable, "-c", PARENT, path, "other"]
    status, _, errors = daemon.run_once()
    t.check(status != 0 and f'"other" ({path})' in errors, f"exit status {status}: {errors}")
    t.check(os.path.exists(path), "the socket of the service manager is there")
