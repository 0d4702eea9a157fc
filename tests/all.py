#!/usr/bin/python3
"""Runs all tests, or the stages that are named, and sums up in one last line.

Started by root it runs everything as root and again as an ordinary user; started by an ordinary
user it runs the part that needs no root.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORDINARY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
BUILD = os.environ.get("POSTERN_BUILD", "build")
SANITIZERS = [f"BUILD={BUILD}/asan", "SANITIZE=address,undefined"]
FUZZERS = [f"BUILD={BUILD}/fuzz", "CC=clang", "SANITIZE=fuzzer-no-link,address,undefined"]
PROCESSORS = len(os.sched_getaffinity(0))
BUILD_ERROR = re.compile(r"(^|\s)error: |undefined reference|\*\*\* |No such file")
UNIT_SUMMARY = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
# Executions of each fuzz target; a number, not a time, so that the result is the same everywhere.
FUZZ_RUNS, FUZZ_RUNS_LONG = 20000, 2000000


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def say(text):
    print(text, flush=True)


def run(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace", check=False, **options)
    return done.returncode, done.stdout


def build(what, *arguments):
    """One make; a build that fails is a failed check."""
    status, output = run(["make", "--no-print-directory", f"-j{PROCESSORS}", "-k", *arguments], cwd=TOP)
    if status == 0:
        say(f"ok   build: {what}")
        return Counts(1)
    wrong = [line for line in output.splitlines() if BUILD_ERROR.search(line)]
    say("\n".join(wrong[:40]) or output[-4000:])
    say(f"FAIL build: {what}")
    return Counts(0, 1)


def in_parallel(function, items):
    counts = Counts()
    with concurrent.futures.ThreadPoolExecutor(PROCESSORS) as pool:
        for text, result in pool.map(function, items):
            say(text)
            counts.add(result)
    return counts


# ---- unit tests


def unit_result(name, status, output):
    found = UNIT_SUMMARY.findall(output)
    checks, failures, errors = (sum(map(int, column)) for column in zip(*found)) if found else (0, 0, 0)
    failed = failures + errors
    if status != 0 and failed == 0:
        failed = 1
    if status == 0 and checks == 0:
        return f"{output}\nFAIL unit {name}: it checks nothing", Counts(0, 1)
    if failed:
        return f"{output}\nFAIL unit {name}: {failed} of {checks}", Counts(max(0, checks - failed), failed)
    return f"ok   unit {name}: {checks} checks", Counts(checks)


def unit_stage(label, folder, prefix=(), environment=None):
    programs = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    with tempfile.TemporaryDirectory(prefix="postern-unit-") as place:
        os.chmod(place, 0o777)
        for name in programs:
            shutil.copy(os.path.join(folder, name), place)

        def one(name):
            status, output = run([*prefix, os.path.join(place, name)], cwd=place, timeout=900,
                                 env=os.environ | {"CK_DEFAULT_TIMEOUT": "120", "TMPDIR": place} | (environment or {}))
            return unit_result(f"{name} ({label})", status, output)

        return in_parallel(one, [name for name in programs if name.startswith("test_")])


def unit(options):
    counts = build("unit tests", f"BUILD={BUILD}", "unit-programs")
    counts.add(unit_stage("root" if os.geteuid() == 0 else "user", os.path.join(TOP, BUILD, "tests")))
    if os.geteuid() == 0:
        counts.add(unit_stage("user", os.path.join(TOP, BUILD, "tests"), ORDINARY))
    return counts


def unit_sanitized(options):
    counts = build("unit tests with ASan and UBSan", *SANITIZERS, "unit-programs")
    counts.add(unit_stage("ASan", os.path.join(TOP, BUILD, "asan/tests"),
                          environment={"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}))
    return counts


# ---- fuzz targets


def fuzz(options):
    counts = build("fuzz targets", *FUZZERS, "fuzzers")
    runs = FUZZ_RUNS_LONG if options.long else FUZZ_RUNS
    counts.add(stage_script("tests/fuzz.py", "--bin", f"{BUILD}/fuzz/fuzz", "--runs", str(runs)))
    return counts


# ---- end to end, lint: programs of their own that end with a summary


def stage_script(*command, prefix=()):
    """Shows what it prints, and takes the counts from its last line."""
    summary = None
    with subprocess.Popen([*prefix, sys.executable, "-B", *command], cwd=TOP, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace") as process:
        for line in process.stdout:
            found = SUMMARY.match(line)
            if found:
                summary = Counts(*(int(number or 0) for number in found.groups()))
            else:
                say(line.rstrip("\n"))
    if summary is None or (process.returncode != 0) != (summary.failed > 0):
        say(f"FAIL {command[0]}: it ended with status {process.returncode} and {summary}")
        return Counts(0, 1)
    return summary


def prepare_peers(options):
    """Postfix: its load generator and its smtpd, downloaded and unpacked, never installed."""
    sys.path.insert(0, os.path.join(TOP, "tests/e2e"))
    from harness import peers
    problem = peers.prepare(os.path.join(TOP, BUILD, "peers"), options.long)
    if problem:
        say(f"note: {problem}; its tests are skipped")


def prepare_users():
    """The system users that postern runs as."""
    status, output = run([os.path.join(TOP, "etc/make-users")])
    if status != 0:
        say(f"FAIL etc/make-users: {output}")
    return Counts(0, int(status != 0))


def e2e_options(options):
    return ["--long"] if options.long else []


def e2e(options):
    counts = build("programs", f"BUILD={BUILD}", "all", "tracer", "faults")
    prepare_peers(options)
    if os.geteuid() == 0:
        counts.add(prepare_users())
        say("--- end to end, as root")
    counts.add(stage_script("tests/e2e/run.py", "--bin", f"{BUILD}/bin", "--peers", f"{BUILD}/peers", *e2e_options(options)))
    if os.geteuid() == 0:
        say("--- end to end, as an ordinary user")
        counts.add(stage_script("tests/e2e/run.py", "--bin", f"{BUILD}/bin", "--peers", f"{BUILD}/peers", "--user", "nobody"))
    return counts


def e2e_sanitized(options):
    counts = build("programs with ASan and UBSan", *SANITIZERS, "all")
    prepare_peers(options)
    if os.geteuid() == 0:
        counts.add(prepare_users())
    counts.add(stage_script("tests/e2e/run.py", "--bin", f"{BUILD}/asan/bin", "--peers", f"{BUILD}/peers", "--sanitized", *e2e_options(options)))
    return counts


def lint(options):
    return stage_script("tests/lint/run.py")


STAGES = {"unit": unit, "unit-asan": unit_sanitized, "fuzz": fuzz, "lint": lint, "e2e": e2e,
          "e2e-asan": e2e_sanitized}


def run_stage(name, options):
    """A stage that breaks off is a failed check; the others are still run."""
    try:
        return STAGES[name](options)
    except Exception:  # pylint: disable=broad-except
        say(traceback.format_exc() + f"FAIL {name}: broke off")
        return Counts(0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="one of: " + " ".join(STAGES))
    parser.add_argument("--long", action="store_true", help="bigger counts")
    options = parser.parse_args()
    unknown = [name for name in options.stages if name not in STAGES]
    if unknown:
        parser.error(f"no such stage: {unknown[0]}")
    os.environ.pop("MAKEFLAGS", None)
    os.environ.pop("MAKELEVEL", None)
    total, began = Counts(), time.monotonic()
    for name in options.stages or STAGES:
        say(f"=== {name}")
        start = time.monotonic()
        counts = run_stage(name, options)
        say(f"=== {name}: {time.monotonic() - start:.0f} s")
        total.add(counts)
    say(f"=== all: {time.monotonic() - began:.0f} s")
    say(str(total))
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
