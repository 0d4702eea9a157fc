"""Compiles without a warning: gcc, clang, and against the headers of musl."""

import os

from place import BUILD, TOP, files, findings, make, need, output_of, program_sources

# Headers of libraries and of the kernel that musl does not bring itself.
LIBRARY_HEADERS = ("event2", "event.h", "evutil.h", "confuse.h", "cdb.h", "cap-ng.h", "idn2.h", "jansson.h",
                   "jansson_config.h", "openssl", "unistr.h", "unicase.h", "uninorm.h", "unictype.h", "unitypes.h",
                   "unistring", "bsd", "linux", "asm", "asm-generic")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wformat=2", "-Wvla",
            "-Werror")


def gcc():
    return errors_of(*make(f"BUILD={BUILD}", "-j2", "objects", "unit-programs", "faults"))


def clang():
    need("clang")
    return errors_of(*make(f"BUILD={BUILD}/clang", "CC=clang", "-j2", "objects", "unit-programs", "faults"))


def errors_of(status, lines):
    if status == 0:
        return []
    return [line for line in lines if "error:" in line or "***" in line] or lines[-20:]


def musl_headers():
    """A folder with links to the headers of libraries only: glibc's must not be found."""
    place = os.path.join(TOP, BUILD, "musl", "include")
    os.makedirs(place, exist_ok=True)
    triplet = output_of(["gcc", "-dumpmachine"])[1][0]
    for name in LIBRARY_HEADERS:
        link_header(place, name, [f"/usr/include/{name}", f"/usr/include/{triplet}/{name}"])
    return place


def link_header(place, name, origins):
    """A folder that lies in two places becomes one folder of links."""
    folders = [origin for origin in origins if os.path.isdir(origin)]
    target = os.path.join(place, name)
    if not folders:
        for origin in origins:
            if os.path.exists(origin) and not os.path.lexists(target):
                os.symlink(origin, target)
        return
    os.makedirs(target, exist_ok=True)
    for folder in folders:
        for entry in os.listdir(folder):
            if not os.path.lexists(os.path.join(target, entry)):
                os.symlink(os.path.join(folder, entry), os.path.join(target, entry))


def musl():
    need("musl-gcc")
    place = musl_headers()
    base = ["musl-gcc", "-std=c11", "-D_GNU_SOURCE", "-I.", "-DPOSTERN_VERSION=\"x\"",
            "-DPOSTERN_LIBEXECDIR=\"x\"", "-DPOSTERN_SYSCONFDIR=\"x\"", *WARNINGS]
    # The engine is a library of its own and needs nothing but the C library.
    problems = []
    for source in files("common/smtp/*.c"):
        target = os.path.join(TOP, BUILD, "musl", os.path.basename(source) + ".o")
        problems += findings(*output_of([*base, "-O2", "-c", "-o", target, source]))
    others = [source for source in program_sources() if not source.startswith("common/smtp/")]
    if others:
        status, lines = output_of([*base, "-isystem", place, "-fsyntax-only", *others])
        problems += [line for line in findings(status, lines) if "error:" in line or "rror " in line] or \
            findings(status, lines)
    return problems


CHECKS = [gcc, clang, musl]
