"""Tools that others wrote: clang-format, cppcheck, shellcheck, mandoc."""

import os

from place import BUILD, TOP, files, findings, make, need, output_of, program_sources, read


def format_of_sources():
    need("clang-format-14")
    status, lines = make("-s", "print-formatted")
    names = lines[-1].split()
    if status or not names:
        return findings(status, lines)
    return [line for line in findings(*output_of(["clang-format-14", "--dry-run", "-Werror", *names]))
            if "error:" in line]


def queue_header(folder):
    """Of the system's headers cppcheck is shown only the one with the list macros."""
    place = os.path.join(folder, "include", "bsd", "sys")
    os.makedirs(place, exist_ok=True)
    if not os.path.lexists(os.path.join(place, "queue.h")):
        os.symlink("/usr/include/bsd/sys/queue.h", os.path.join(place, "queue.h"))
    return os.path.join(folder, "include")


def cppcheck():
    need("cppcheck")
    folder = os.path.join(TOP, BUILD, "cppcheck")
    os.makedirs(folder, exist_ok=True)
    command = ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--inline-suppr",
               "--error-exitcode=1", "-I.", f"-I{queue_header(folder)}", "-D_GNU_SOURCE", "-D__attribute__(x)=",
               "--suppress=missingIncludeSystem", f"--suppress=*:{folder}/*", "--library=tests/lint/cppcheck.cfg",
               "--template={file}:{line}: {severity} {id}: {message}", "-j2"]
    return findings(*output_of([*command, *program_sources()]))


def shell_scripts():
    return [path for path in files("etc/*", ".ci/*", "tests/*/*", "tests/*")
            if os.path.isfile(os.path.join(TOP, path)) and first_line(path).startswith("#!/bin/sh")]


def first_line(path):
    with open(os.path.join(TOP, path), "rb") as file:
        return file.readline().decode("latin-1")


def shellcheck():
    need("shellcheck")
    scripts = shell_scripts()
    return findings(*output_of(["shellcheck", *scripts])) if scripts else ["no scripts found"]


def manual_pages():
    need("mandoc")
    status, lines = make(f"BUILD={BUILD}", "manuals")
    if status:
        return lines[-20:]
    pages = files(f"{BUILD}/man/*.[1-9]")
    if not pages:
        return ["no manual pages found"]
    return output_of(["mandoc", "-T", "lint", "-W", "warning", *pages])[1] + \
        [f"{page}: a placeholder is left" for page in pages if "@OPTIONS@" in read(page) or "@EVENTS@" in read(page)]


CHECKS = [format_of_sources, cppcheck, shellcheck, manual_pages]
