#!/usr/bin/python3
"""Group commit against a commit for each message, on a disk whose flushes take as long as we say.

Starts the daemon for each case with an empty mail root in memory and slow_flush.so in its
postern-delivery, loads it, checks that every message that had its 250 is there, and prints medians of
all rounds as a table.  The rounds are interleaved: what else the machine does hits every case alike.

--root DIR --delays none measures a real disk instead.  --build NAME=FOLDER, several times, compares builds.
"""

import argparse
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/e2e"))
from harness.settings import configuration_text  # noqa: E402

PROGRAMS = ("posternd", "postern-worker", "postern-delivery")
ADDRESS = "127.0.0.1"
MAILBOXES = 100
PATIENCE = 20
# struct flush of slow_flush.h
FLUSH = struct.Struct("=qqq")
# As root everything runs as this user: the benchmark is not about privileges.
ORDINARY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
# delivery.batch of each way; group commit is the default
WAYS = {"group": None, "each": 1}


class Case:
    def __init__(self, delay, sessions, shape, way, build):
        """shape: (mailboxes that mail comes for, recipients of each message)"""
        self.delay, self.sessions, self.way, self.build = delay, sessions, way, build
        self.mailboxes, self.recipients = shape
        self.results = []

    def row(self):
        return self.delay, self.sessions, self.mailboxes, self.recipients

    def median(self, what):
        return statistics.median(result[what] for result in self.results)


def programs(folder, options, case):
    """A copy of the build in which delivery is started by the launcher; with a real disk as it is."""
    bin_folder = os.path.join(folder, "bin")
    os.makedirs(os.path.join(bin_folder, "real"))
    for name in PROGRAMS:
        shutil.copy(os.path.join(options.builds[case.build], name), bin_folder)
    if case.delay is not None:
        os.rename(f"{bin_folder}/postern-delivery", f"{bin_folder}/real/postern-delivery")
        shutil.copy(os.path.join(options.tools, "launch"), f"{bin_folder}/postern-delivery")
        shutil.copy(os.path.join(options.tools, "slow_flush.so"), bin_folder)
    with open(f"{bin_folder}/flush", "wb") as file:
        file.write(FLUSH.pack(int((case.delay or 0) * 1000), 0, 0))
    return bin_folder


def configure(folder, mail, options, case):
    for name, lines in (("mailboxes", [f"u{number}" for number in range(MAILBOXES)]), ("aliases", [])):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
    settings = {
        "hostname": "mx.bench.test", "domains": ["bench.test"],
        "mailboxes": f"{folder}/mailboxes", "aliases": f"{folder}/aliases",
        "pid-file": f"{folder}/pid", "spool": folder, "workers": {"count": 2},
        "listen": [("smtp", {"address": [ADDRESS], "port": options.port})],
        "limits": {"sessions-per-address": 0},
        "delivery": {"maildir": f"{mail}/%u"}, "log": {"to": f"{folder}/log"},
    }
    if WAYS[case.way]:
        settings["delivery"]["batch"] = WAYS[case.way]
    path = os.path.join(folder, "conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(configuration_text(settings))
    return path


def log_of(folder):
    try:
        with open(os.path.join(folder, "log"), encoding="latin-1") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def wait_until_ready(folder, mail, daemon):
    """Until it listens and has made the mail root with all mailboxes: none is measured on mkdir."""
    end = time.monotonic() + PATIENCE
    made = [os.path.join(mail, f"u{number}", "new") for number in range(MAILBOXES)]
    while "event=ready" not in log_of(folder) or not all(map(os.path.isdir, made)):
        if daemon.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the daemon does not start: {log_of(folder)[-2000:]}")
        time.sleep(0.02)


def count_messages(mail):
    return sum(len(os.listdir(os.path.join(mail, box, "new"))) for box in os.listdir(mail)
               if os.path.isdir(os.path.join(mail, box, "new")))


def flushes(bin_folder):
    with open(f"{bin_folder}/flush", "rb") as file:
        _, one_file, all_files = FLUSH.unpack(file.read())
    return one_file + all_files


def processor_time(pid):
    """Seconds of the daemon and of its processes."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        pids = [str(pid), *file.read().split()]
    ticks = 0
    for each in pids:
        with open(f"/proc/{each}/stat", encoding="latin-1") as file:
            ticks += sum(map(int, file.read().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def length(options, case):
    """Milliseconds of load: one by one, each session is to have its turn several times."""
    turn = 2 * case.sessions * (case.delay or 0) if case.way == "each" else 0
    return int(max(options.milliseconds, 3 * turn))


def put_load(options, case):
    """The output of load.c, as a dictionary."""
    done = subprocess.run([os.path.join(options.tools, "load"), ADDRESS, str(options.port), str(case.sessions),
                           str(case.mailboxes), str(case.recipients), str(options.bytes),
                           str(length(options, case))],
                          capture_output=True, text=True, check=False, **ORDINARY)
    if done.returncode != 0:
        raise RuntimeError(f"load: {done.stderr}")
    stored, rate, median, most_but_a_hundredth, greatest = map(float, done.stdout.split())
    return {"stored": stored, "rate": rate, "median": median, "p99": most_but_a_hundredth, "greatest": greatest}


def measure(folder, mail, options, case):
    bin_folder = programs(folder, options, case)
    conf = configure(folder, mail, options, case)
    if ORDINARY:
        for path in (folder, os.path.dirname(mail), f"{bin_folder}/flush"):
            os.chown(path, ORDINARY["user"], ORDINARY["group"])
    with subprocess.Popen([f"{bin_folder}/posternd", "-F", "-c", conf], stdin=subprocess.DEVNULL,
                          cwd="/", **ORDINARY) as daemon:
        try:
            wait_until_ready(folder, mail, daemon)
            before, used = flushes(bin_folder), processor_time(daemon.pid)
            result = put_load(options, case)
            result["flushes"] = (flushes(bin_folder) - before) / result["stored"]
            result["processor"] = (processor_time(daemon.pid) - used) * 1e6 / result["stored"]
        finally:
            daemon.terminate()
    if daemon.returncode != 0 or count_messages(mail) != result["stored"] * case.recipients:
        raise RuntimeError(f"status {daemon.returncode}, {count_messages(mail)} files, {result['stored']} messages")
    case.results.append(result)


def run_case(options, case):
    folder = tempfile.mkdtemp(prefix="postern-bench-", dir=options.work)
    mail = os.path.join(tempfile.mkdtemp(prefix="postern-bench-", dir=options.root), "mail")
    os.chmod(folder, 0o755)
    os.chmod(os.path.dirname(mail), 0o755)
    try:
        measure(folder, mail, options, case)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        # Removing files slows ext4 down for the cases that follow.
        if options.keep_mail:
            print(f"kept: {os.path.dirname(mail)}", file=sys.stderr)
        else:
            shutil.rmtree(os.path.dirname(mail), ignore_errors=True)


# ---- the table


def milliseconds(microseconds):
    return f"{microseconds / 1000:.1f}" if microseconds < 99950 else f"{microseconds / 1000:.0f}"


def cell(case):
    text = f"{case.median('rate'):,.0f}; {milliseconds(case.median('median'))}; {milliseconds(case.median('p99'))}"
    return f"{text}; {case.median('processor'):.0f}" + (f"; {case.median('flushes'):.2f}" if case.delay is not None else "")


def table(options, cases):
    columns = [(way, build) for build in options.builds for way in options.ways]
    found = {(case.row(), case.way, case.build): case for case in cases}
    names = [way if len(options.builds) == 1 else f"{build}, {way}" for way, build in columns]
    lines = ["| flush, ms | sessions | mailboxes | recipients | " + " | ".join(names) + (" | ratio |" if len(columns) > 1 else " |"),
             "|---" * (4 + len(columns) + (len(columns) > 1)) + "|"]
    for row in dict.fromkeys(case.row() for case in cases):
        here = [found[row, way, build] for way, build in columns]
        delay, *rest = row
        cells = ["disk" if delay is None else f"{delay:g}", *map(str, rest), *map(cell, here)]
        if len(here) > 1:
            cells.append(", ".join(f"{here[0].median('rate') / other.median('rate'):.2f}" for other in here[1:]))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def numbers(kind):
    return lambda text: [None if each == "none" else kind(each) for each in text.split(",")]


def shapes(text):
    return [tuple(map(int, (shape + "x1").split("x")[:2])) for shape in text.split(",")]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", action="append", default=[], metavar="NAME=FOLDER", help="folder of the programs")
    parser.add_argument("--tools", required=True, help="folder of load, launch and slow_flush.so")
    parser.add_argument("--delays", type=numbers(float), default=[0.1, 1, 5, 20], help="milliseconds; none: as the disk is")
    parser.add_argument("--sessions", type=numbers(int), default=[1, 20, 100])
    parser.add_argument("--shapes", type=shapes, default=shapes("1,100,100x5"), metavar="MAILBOXES[xRECIPIENTS],...")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--milliseconds", type=int, default=3000, help="of load for each case, at least")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=2590)
    parser.add_argument("--root", default="/dev/shm", help="where the mail roots are made")
    parser.add_argument("--work", default="/dev/shm", help="where programs, log and spool lie")
    parser.add_argument("--keep-mail", action="store_true")
    options = parser.parse_args()
    options.builds = dict(build.split("=", 1) for build in options.build)
    return options


def main():
    options = read_options()
    cases = [Case(delay, sessions, shape, way, build)
             for delay in options.delays for sessions in options.sessions for shape in options.shapes
             for build in options.builds for way in options.ways]
    for number in range(options.rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            run_case(options, case)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print("Messages a second; latency in ms, median; 99th percentile; us of processor a message; flushes a message")
    print(table(options, cases))


if __name__ == "__main__":
    main()
