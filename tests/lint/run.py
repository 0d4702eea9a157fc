#!/usr/bin/python3
"""House rules and static checks.  Each check is a function that returns what it found wrong; the
last line is "N passed, N failed" (", N skipped")."""

import argparse
import concurrent.futures
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import compilers  # noqa: E402
import folders  # noqa: E402
import sources  # noqa: E402
import tools  # noqa: E402
from place import Skipped  # noqa: E402

CHECKS = [*compilers.CHECKS, *tools.CHECKS, *sources.CHECKS, *folders.CHECKS]


def run(check):
    name = check.__name__.replace("_", "-")
    try:
        found = check()
    except Skipped as reason:
        return "skip", f"skip lint {name}: {reason}"
    except Exception as error:  # pylint: disable=broad-except
        found = [f"{type(error).__name__}: {error}"]
    if found:
        return "FAIL", "\n".join([*found[:60], f"FAIL lint {name}: {len(found)} findings"])
    return "ok", f"ok   lint {name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only checks whose name contains one of these")
    names = parser.parse_args().names
    chosen = [check for check in CHECKS if not names or any(name in check.__name__ for name in names)]
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for result, text in pool.map(run, chosen):
            counts[result] += 1
            print(text, flush=True)
    skipped = f", {counts['skip']} skipped" if counts["skip"] else ""
    print(f"{counts['ok']} passed, {counts['FAIL']} failed{skipped}")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
