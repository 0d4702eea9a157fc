#!/usr/bin/python3
"""What the fuzz targets reach: replays all they have found, and prints lines and functions for each file.

The programs are built a second time, with clang's coverage; the corpora are those of tests/fuzz.py.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEEDS = os.path.join(TOP, "tests/fuzz/corpus")
# What reads bytes from outside.
FOLDERS = ("common/smtp", "common/proxy", "common/network", "common/frame", "common/tables", "common/configuration")
# The package llvm-14 of Debian; its version is that of clang, which has written what they read.
PROFDATA, COV = "llvm-profdata-14", "llvm-cov-14"


def replay(options, target):
    name = target.removeprefix("fuzz_")
    profile = os.path.join(options.bin, target + ".profraw")
    corpora = [folder for folder in (os.path.join(options.found, name), os.path.join(SEEDS, name))
               if os.path.isdir(folder)]
    done = subprocess.run([os.path.join(options.bin, target), "-runs=0", *corpora], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", check=False,
                          env=os.environ | {"LLVM_PROFILE_FILE": profile})
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout[-3000:]}\ncoverage: {target} ended with status {done.returncode}")
    return profile


def measured(options, targets, profiles):
    """Path of a source -> its summary."""
    merged = os.path.join(options.bin, "all.profdata")
    subprocess.run([PROFDATA, "merge", "-sparse", "-o", merged, *profiles], check=True)
    programs = [os.path.join(options.bin, target) for target in targets]
    objects = [argument for program in programs[1:] for argument in ("-object", program)]
    text = subprocess.run([COV, "export", "-summary-only", f"-instr-profile={merged}", programs[0], *objects],
                          stdout=subprocess.PIPE, check=True).stdout
    return {os.path.relpath(file["filename"], TOP): file["summary"] for file in json.loads(text)["data"][0]["files"]}


def share(counts):
    return f"{counts['covered']:5} of {counts['count']:4} {100 * counts['covered'] / max(1, counts['count']):5.1f} %"


def row(name, summaries):
    both = []
    for kind in ("lines", "functions"):
        counts = {key: sum(summary[kind][key] for summary in summaries) for key in ("covered", "count")}
        both.append(share(counts))
    return f"{name:40} {both[0]}   {both[1]}"


def report(summaries):
    print(f"{'covered by the fuzz targets':40} {'lines':>21}   {'functions':>21}")
    for folder in FOLDERS:
        sources = sorted(name for name in os.listdir(os.path.join(TOP, folder)) if name.endswith(".c"))
        paths = [os.path.join(folder, name) for name in sources]
        for path in paths:
            print(row(path, [summaries[path]]) if path in summaries else f"{path:40} in no target")
        print(row(folder, [summaries[path] for path in paths if path in summaries]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="the fuzz targets, built with coverage")
    parser.add_argument("--found", required=True, help="the folder of the corpora that fuzz.py has written")
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    targets = sorted(name for name in os.listdir(options.bin) if name.startswith("fuzz_") and "." not in name)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        profiles = list(pool.map(lambda target: replay(options, target), targets))
    report(measured(options, targets, profiles))
    return 0


if __name__ == "__main__":
    sys.exit(main())
