#!/usr/bin/python3
"""Plays the end-to-end tests against the real daemon.

As root it moves into a network namespace of its own, where port 25 is free and the real users are
used; as anyone else it uses high ports of the loop-back network.  --user NAME
lets root run everything as that user.  Each test has a folder, an address and a time limit of
its own.  The last line is "N passed, N failed" (", N skipped").
"""

import argparse
import importlib
import os
import pwd
import resource
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from harness import dialogue, execute, isolate, processes, trial  # noqa: E402  pylint: disable=C0413

PROGRAMS = ("posternd", "postern-worker", "postern-delivery", "postern")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    top = os.path.dirname(os.path.dirname(HERE))
    parser.add_argument("names", nargs="*", help="run only tests whose name contains one of these")
    parser.add_argument("--bin", default=os.path.join(top, "build", "bin"), help="where posternd lies")
    parser.add_argument("--peers", default=os.path.join(top, "build", "peers"))
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--sanitized", action="store_true", help="the programs have sanitizers")
    parser.add_argument("--long", action="store_true", help="bigger counts, and the long tests")
    parser.add_argument("--user", help="as root: run everything as this user")
    parser.add_argument("--patience", type=float, default=1, help="factor for all time limits")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a failed run")
    parser.add_argument("--list", action="store_true", help="name the tests and what they cover")
    return parser.parse_args()


def load_tests(names):
    for file in sorted(os.listdir(HERE)):
        if file.startswith("test_") and file.endswith(".py"):
            importlib.import_module(file[:-3])
    dialogue.register_all(os.path.join(HERE, "dialogues"))
    tests = sorted(trial.TESTS, key=lambda test: (-test.timeout, test.name))
    return [test for test in tests if not names or any(name in test.name for name in names)]


def make_folder(options):
    """Everybody may pass through it, and the programs lie in it: those who run them may not be
    able to reach the checkout."""
    options.folder = tempfile.mkdtemp(prefix="postern-e2e-")
    os.chmod(options.folder, 0o755)
    copies = os.path.join(options.folder, "bin")
    os.mkdir(copies, 0o755)
    os.chmod(copies, 0o755)
    for name in PROGRAMS:
        shutil.copyfile(os.path.join(options.bin, name), os.path.join(copies, name))
        os.chmod(os.path.join(copies, name), 0o755)
    tracer = os.path.join(os.path.dirname(os.path.abspath(options.bin)), "crash", "stop_at")
    if os.path.exists(tracer):
        shutil.copy(tracer, copies)
    faults = os.path.join(os.path.dirname(options.bin), "faults")
    if os.path.isdir(faults):
        shutil.copytree(faults, os.path.join(options.folder, "faults"))
    options.bin = copies


def become(options):
    """The tests' own files and the peers are read as that user, too: copies of them."""
    account = pwd.getpwnam(options.user)
    peers = os.path.join(options.folder, "peers")
    if os.path.isdir(options.peers):
        shutil.copytree(options.peers, peers, symlinks=True, ignore=shutil.ignore_patterns("linux", "*.deb"))
        for folder, _, _ in os.walk(peers):
            os.chmod(folder, 0o755)
    options.peers = peers
    for folder, _, _ in os.walk(options.folder):
        os.chown(folder, account.pw_uid, account.pw_gid)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    os.environ["HOME"] = options.folder


def report(test, result, text, seconds):
    line = f"{result:4} {test.name} [{test.covers}] {seconds:.1f} s"
    print(line + (f": {text}" if text else ""), flush=True)


def summary(counts):
    skipped = counts[execute.SKIPPED]
    line = f"{counts[execute.PASSED]} passed, {counts[execute.FAILED]} failed"
    return line + (f", {skipped} skipped" if skipped else "")


def system_python():
    """An ordinary user may not be able to read the libraries of a Python in somebody's home."""
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def enter_namespace(options):
    if os.geteuid() != 0:
        return
    if not isolate.is_inside():
        isolate.enter([system_python(), *sys.argv])
        print("note: no network namespace to be had here; using the machine's own loop-back")
        return
    isolate.raise_loopback()


def main():
    options = arguments()
    tests = load_tests(options.names)
    if options.list:
        for test in tests:
            print(f"{test.name} [{test.covers}]")
        return 0
    enter_namespace(options)
    # In a namespace of its own nobody else is there; elsewhere two runs must not meet.
    options.network = 1 if isolate.is_inside() else os.getpid() % 254 + 1
    os.umask(0o022)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    processes.become_subreaper()
    make_folder(options)
    owner = options.folder
    try:
        if options.user and os.geteuid() == 0:
            become(options)
        counts = execute.Runner(options, report).run(tests)
    finally:
        if not options.keep:
            shutil.rmtree(owner, ignore_errors=True)
    print(summary(counts))
    return 1 if counts[execute.FAILED] or not counts[execute.PASSED] else 0


if __name__ == "__main__":
    sys.exit(main())
