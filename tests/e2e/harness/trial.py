"""One test: its registration, its folder, address and daemons, and how it says what is wrong."""

import contextlib
import os

from . import daemon, isolate

TESTS = []


class Skipped(Exception):
    """The test cannot be run here; the text says why."""


class Failed(AssertionError):
    """Something is not as it must be."""


class Test:
    def __init__(self, function, covers, timeout, root, plain, long):
        self.function, self.covers, self.timeout = function, covers, timeout
        self.root, self.plain, self.long = root, plain, long
        module = function.__module__.rsplit(".", 1)[-1].removeprefix("test_")
        self.name = f"{module}.{function.__name__}"


def test(covers, timeout=60, root=False, plain=False, long=False):
    """Registers a test.  covers: requirement ids.  root: needs root.  plain: not in a build with
    sanitizers (it measures memory or needs an exact descriptor count).  long: only in test-long."""

    def register(function):
        TESTS.append(Test(function, covers, timeout, root, plain, long))
        return function

    return register


class Trial:
    """What a test is handed: t.daemon(...), t.check(...), t.skip(...)."""

    def __init__(self, options, folder, address):
        self.options, self.folder, self.address = options, folder, address
        self.is_root = os.geteuid() == 0
        self.port = 25 if self.is_root else 2525
        self.is_sanitized = options.sanitized
        self.is_long = options.long
        self.bin = options.bin
        self.daemons = []

    def skip(self, reason):
        raise Skipped(reason)

    def own_mounts(self):
        problem = isolate.own_mounts() if self.is_root else "needs root"
        if problem:
            self.skip(problem)

    def check(self, condition, text):
        if not condition:
            raise Failed(text)

    def equal(self, found, wanted, what):
        if found != wanted:
            raise Failed(f"{what}: found {short(found)}, wanted {short(wanted)}")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def prepare(self, **options):
        """A daemon that is configured and not started yet."""
        made = daemon.Daemon(self, f"d{len(self.daemons)}", **options)
        self.daemons.append(made)
        return made

    @contextlib.contextmanager
    def daemon(self, **options):
        """A running daemon.  When the block ends without an exception it must still answer, no
        process of it may have died, and it must stop with status 0."""
        made = self.prepare(**options)
        with made.running():
            yield made

    def clean_up(self):
        for made in self.daemons:
            made.kill()


def short(value):
    text = repr(value)
    return text if len(text) < 600 else f"{text[:280]} ... {text[-280:]} ({len(value)} long)"
