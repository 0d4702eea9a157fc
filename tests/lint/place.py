"""Where the sources lie, and how a tool is run over them."""

import glob
import os
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POSTERN_BUILD", "build")
# A folder is a program; common/ belongs to all of them.
PROCESS_FOLDERS = ("master", "worker", "delivery", "control")


class Skipped(Exception):
    """The check cannot be made here; the text says why."""


def files(*patterns):
    found = [path for pattern in patterns for path in glob.glob(pattern, root_dir=TOP)]
    return sorted(found)


def program_sources():
    return files("common/*/*.c", *(f"{folder}/*.c" for folder in PROCESS_FOLDERS))


def all_c():
    return program_sources() + files("etc/*.c", "tests/unit/*.c", "tests/fuzz/*.c", "tests/faults/*.c", "tests/crash/*.c", "tests/bench/*.c")


def headers():
    return files("common/*/*.h", *(f"{folder}/*.h" for folder in PROCESS_FOLDERS), "tests/*/*.h")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def need(tool):
    if not shutil.which(tool):
        raise Skipped(f"{tool} is not installed")


def output_of(command):
    """(status, lines of output and errors)"""
    done = subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, errors="replace", check=False)
    return done.returncode, done.stdout.splitlines()


def make(*arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(["make", "--no-print-directory", "-k", *arguments], cwd=TOP, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace", check=False)
    return done.returncode, done.stdout.splitlines()


def findings(status, lines):
    """What a tool printed, when its status says that something is wrong."""
    return (lines or [f"status {status}"]) if status else []
