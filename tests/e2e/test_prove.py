"""postern prove: right on the real thing, wrong as soon as something is not made durable."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness import processes
from harness.trial import test

# What does not make durable what it should, as a library that comes before the C library.
SILENT = {
    "files": "int fsync(int f) { return is_folder(f) ? (int)syscall(SYS_fsync, f) : 0; }\n"
             "int fdatasync(int f) { (void)f; return 0; }\n",
    "folders": "int fsync(int f) { return is_folder(f) ? 0 : (int)syscall(SYS_fsync, f); }\n",
    "record": "int fdatasync(int f) { (void)f; return 0; }\n",
    "filesystem": "int syncfs(int f) { (void)f; return 0; }\n",
    # The files that recovery moves: before the first message is written nobody else syncs a new/.
    "recovery": "static int begun;\n"
                "ssize_t writev(int f, const struct iovec *v, int n)\n"
                "{ begun = 1; return syscall(SYS_writev, f, v, n); }\n"
                "int fsync(int f) { return !begun && is_new(f) ? 0 : (int)syscall(SYS_fsync, f); }\n",
    "foreign": "int fsync(int f) { fchmod(f, 0700); return (int)syscall(SYS_fsync, f); }\n",
}
HEAD = ("#define _GNU_SOURCE\n#include <stdio.h>\n#include <string.h>\n#include <sys/stat.h>\n"
        "#include <sys/syscall.h>\n#include <sys/uio.h>\n#include <unistd.h>\n"
        "__attribute__((unused)) static int is_folder(int f)\n"
        "{ struct stat s; return fstat(f, &s) == 0 && S_ISDIR(s.st_mode); }\n"
        "__attribute__((unused)) static int is_new(int f)\n"
        "{ char l[64], p[4096]; ssize_t n; snprintf(l, sizeof(l), \"/proc/self/fd/%d\", f);\n"
        "  n = readlink(l, p, sizeof(p)); return n > 4 && memcmp(p + n - 4, \"/new\", 4) == 0; }\n")


def postern(t, *arguments):
    """(status, output, errors)"""
    done = subprocess.run([os.path.join(t.bin, "postern"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


def prove(t, folder, *options):
    """Nothing may stay behind."""
    if t.is_sanitized:
        t.skip("LeakSanitizer does not work in a process that is traced")
    status, output, errors = postern(t, "prove", *options, folder)
    if status == 69 and re.search("ptrace|seccomp", errors):
        t.skip(errors.strip())
    t.equal(os.listdir(folder), [], "what is left in the folder")
    return status, output, errors


def require_right(t, folder, states):
    status, output, errors = prove(t, folder, "--states", str(states))
    t.equal((status, errors), (0, ""), f"the proof: {output}{errors}")
    operations = int(re.search(r"^recorded: (\d+) operations, \d+ messages in \d+ files, [1-9]\d* recoveries$", output, re.M)[1])
    checked = int(re.search(r"^checked: (\d+) states, [0-9.]+ seconds$", output, re.M)[1])
    t.check(operations > 150 and checked > states * 2 // 3, output)


def own_folder(t):
    folder = t.path("prove")
    os.mkdir(folder)
    return folder


@test(covers="C-06 D-06", timeout=400)
def machine_disk(t):
    """Everything is right on the disk that the tests run on."""
    require_right(t, own_folder(t), 20000 if t.is_long else 800)


@test(covers="C-06 D-06", timeout=200)
def memory_disk(t):
    """And on tmpfs."""
    if not os.access("/dev/shm", os.W_OK):
        t.skip("no /dev/shm to write to")
    with tempfile.TemporaryDirectory(prefix="postern-prove-", dir="/dev/shm") as folder:
        require_right(t, folder, 400)


def silent_delivery(t, kind):
    """A delivery program without one kind of durability."""
    if not shutil.which("cc"):
        t.skip("no C compiler")
    library, program = t.path(f"{kind}.so"), t.path(f"{kind}-delivery")
    with open(t.path(f"{kind}.c"), "w", encoding="ascii") as file:
        file.write(HEAD + SILENT[kind])
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, file.name], check=True)
    with open(program, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\nLD_PRELOAD={library} exec {t.bin}/postern-delivery\n")
    os.chmod(library, 0o755)
    os.chmod(program, 0o755)
    os.chmod(t.folder, 0o755)
    return program


def require_wrong(t, kind, pattern, fate):
    """Status 1, the message that is lost, and the operation that did not reach the disk."""
    status, output, errors = prove(t, own_folder(t), "--delivery", silent_delivery(t, kind))
    t.equal(status, 1, f"the status: {output}{errors}")
    t.check(re.search(rf"^WRONG: {pattern}", output, re.M), output)
    t.check(re.search(rf"^ +\d+  .*   <- {fate}", output, re.M), output)
    t.check(re.search(r"^The shortest sequence .*: \d+ operations, 1 of them", output, re.M), output)


@test(covers="C-06 D-06", timeout=200)
def without_fsync_of_files(t):
    """A name without its content."""
    require_wrong(t, "files", r"message \d+ in mailbox", "(NOTHING|ONLY A PREFIX|ZEROS)")


@test(covers="C-06 D-06", timeout=200)
def without_fsync_of_folders(t):
    """An acknowledged message is in no mailbox."""
    require_wrong(t, "folders", r"message \d+ was acknowledged, and is in 0 of its \d+ mailboxes", "NOT DONE")


@test(covers="C-06 D-06", timeout=200)
def without_syncfs(t):
    """Mailboxes that are made in the background, and big batches."""
    require_wrong(t, "filesystem", r"message \d+ ", "(NOT DONE|NOTHING|ONLY A PREFIX|ZEROS)")


@test(covers="C-06 D-06", timeout=200)
def without_the_record(t):
    """A message is in some of its mailboxes."""
    require_wrong(t, "record", r"message \d+ was sent and not acknowledged, and is in \d of its \d mailboxes",
                  "(NOTHING|ONLY A PREFIX|ZEROS)")


@test(covers="C-06 D-06", timeout=400)
def without_syncs_of_recovery(t):
    """What recovery has moved is lost in another crash, behind the end of the record."""
    status, output, errors = prove(t, own_folder(t), "--states", "600", "--delivery", silent_delivery(t, "recovery"))
    t.equal(status, 1, f"the status: {output}{errors}")
    t.check(re.search(r"^WRONG: message \d+ was ", output, re.M), output)
    t.check("Two crashes lead there." in output and "operations of the recovery, 1 of them" in output, output)
    t.check(re.search(r"^ +\d+  renameat2 .*   <- NOT DONE", output, re.M), output)


@test(covers="C-06", timeout=200)
def foreign_call(t):
    """A system call that changes files and is not understood ends it, by its name."""
    status, output, errors = prove(t, own_folder(t), "--delivery", silent_delivery(t, "foreign"))
    t.equal(status, 69, f"the status: {output}{errors}")
    t.check("the system call fchmod, which changes files" in errors, errors)


@test(covers="C-06", timeout=120)
def interrupted(t):
    """A signal ends it at once, and nothing stays behind: no folder, no process."""
    if t.is_sanitized:
        t.skip("LeakSanitizer does not work in a process that is traced")
    folder = own_folder(t)
    for number, pause in ((signal.SIGINT, 0.1), (signal.SIGTERM, 1.5), (signal.SIGHUP, 0.5)):
        with subprocess.Popen([os.path.join(t.bin, "postern"), "prove", "--states", "100000", folder],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as process:
            processes.wait_until(lambda: os.listdir(folder) or process.poll() is not None, 60, "its folder")
            time.sleep(pause)
            if process.poll() == 69:
                t.skip(process.stderr.read().decode().strip())
            process.send_signal(number)
            process.wait(30)
        t.equal(process.returncode, -number, "its end")
        t.equal(os.listdir(folder), [], "what is left in the folder")


@test(covers="C-06")
def arguments(t):
    """What is wrong on the command line is said, with a status of sysexits(3)."""
    folder = own_folder(t)
    for status, *line in ((64,), (64, "nonsense"), (64, "prove"), (64, "prove", folder, folder), (0, "help"),
                          (0, "version"), (64, "prove", "--states", "0", folder),
                          (64, "prove", "--seed", "x", folder), (64, "prove", "--what", folder),
                          (66, "prove", t.path("missing")), (72, "prove", "--delivery", t.path("missing"), folder),
                          (67 if t.is_root else 64, "prove", "--user", "nobody-of-this-name", folder)):
        found, output, errors = postern(t, *line)
        t.equal(found, status, f"postern {line}: {output}{errors}")
        t.check(bool(output) if status == 0 else bool(errors), f"postern {line} says nothing")
    t.equal(os.listdir(folder), [], "what is left in the folder")
