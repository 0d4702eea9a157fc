"""Runs the tests: each in a process of its own, with a time limit, several at a time."""

import os
import pickle
import selectors
import shutil
import signal
import time
import traceback

from . import processes
from .trial import Skipped, Trial

PASSED, FAILED, SKIPPED = "ok", "FAIL", "skip"
# Sanitizers and slow machines: a limit only ever ends a test that hangs.
SANITIZER_FACTOR = 4


class Running:
    def __init__(self, test, options, index):
        self.test = test
        self.began = time.monotonic()
        factor = SANITIZER_FACTOR if options.sanitized else 1
        self.deadline = self.began + test.timeout * factor * options.patience
        self.folder = os.path.join(options.folder, f"{index:03}-{test.name.replace('/', '-')}")
        self.address = f"127.{options.network}.{index // 250}.{index % 250 + 1}"
        self.output, writer = os.pipe()
        self.received = b""
        self.process = os.fork()
        if self.process == 0:
            try:
                os.close(self.output)
                run_child(test, options, self.folder, self.address, writer)
            finally:
                os._exit(0)
        os.close(writer)


def reason_not_to(test, options):
    if test.root and os.geteuid() != 0:
        return "needs root"
    if test.plain and options.sanitized:
        return "not with sanitizers"
    if test.long and not options.long:
        return "only in test-long"
    return None


def run_child(test, options, folder, address, writer):
    result = (FAILED, "no result")
    try:
        os.setsid()
        processes.become_subreaper()
        os.mkdir(folder, 0o755)
        os.chmod(folder, 0o755)
        result = run_test(test, Trial(options, folder, address))
    except BaseException:  # pylint: disable=broad-except
        result = (FAILED, traceback.format_exc())
    finally:
        processes.kill_descendants()
        with os.fdopen(writer, "wb") as file:
            file.write(pickle.dumps(result))


def run_test(test, trial):
    try:
        test.function(trial)
        return (PASSED, "")
    except Skipped as reason:
        return (SKIPPED, str(reason))
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)
        steps = [step for step in where if "harness" not in step.filename] or where
        return (FAILED, f"{os.path.basename(steps[-1].filename)}:{steps[-1].lineno}: {error}"
                        + log_tails(trial))
    except Exception:  # pylint: disable=broad-except
        return (FAILED, traceback.format_exc() + log_tails(trial))
    finally:
        trial.clean_up()


def log_tails(trial):
    return "".join(f"\n--- {made.name} log:\n{made.tail()}" for made in trial.daemons)


def stop_hanging(running):
    """The child's own orphans come to this process, a subreaper as well."""
    below = processes.descendants(running.process)
    processes.kill_quietly(running.process)
    for pid in below:
        processes.kill_quietly(pid)
    processes.reap_one(running.process)


def verdict_of(running):
    processes.reap_one(running.process)
    try:
        return pickle.loads(running.received)
    except (pickle.UnpicklingError, EOFError):
        return (FAILED, "the test process ended without a result")


class Runner:
    def __init__(self, options, report):
        self.options, self.report = options, report
        self.selector = selectors.DefaultSelector()
        self.running = []
        self.index = 0
        self.counts = {PASSED: 0, FAILED: 0, SKIPPED: 0}

    def run(self, tests):
        waiting = list(tests)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while waiting or self.running:
                while waiting and len(self.running) < self.options.jobs:
                    self.begin(waiting.pop(0))
                self.collect()
        finally:
            for running in self.running:
                stop_hanging(running)
        return self.counts

    def begin(self, test):
        reason = reason_not_to(test, self.options)
        if reason:
            self.finish(test, SKIPPED, reason, 0)
            return
        self.index += 1
        running = Running(test, self.options, self.index)
        self.selector.register(running.output, selectors.EVENT_READ, running)
        self.running.append(running)

    def collect(self):
        for key, _ in self.selector.select(0.2):
            got = os.read(key.fd, 65536)
            key.data.received += got
            if not got:
                self.end(key.data, *verdict_of(key.data))
        now = time.monotonic()
        for running in [one for one in self.running if one.deadline < now]:
            stop_hanging(running)
            self.end(running, FAILED, f"not finished after {now - running.began:.0f} s"
                     + last_lines(running.folder))

    def end(self, running, result, text):
        self.selector.unregister(running.output)
        os.close(running.output)
        self.running.remove(running)
        if result != FAILED:
            shutil.rmtree(running.folder, ignore_errors=True)
        self.finish(running.test, result, text, time.monotonic() - running.began)

    def finish(self, test, result, text, seconds):
        self.counts[result] += 1
        self.report(test, result, text, seconds)


def last_lines(folder):
    text = ""
    for path, _, names in os.walk(folder):
        if "stderr" in names:
            with open(os.path.join(path, "stderr"), "rb") as file:
                text += f"\n--- {path}/stderr:\n" + file.read()[-1500:].decode("latin-1")
    return text
