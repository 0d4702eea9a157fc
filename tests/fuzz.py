#!/usr/bin/python3
"""Runs each fuzz target: for a number of executions, or for some seconds.

The corpus of the repository is read and never written; what is found goes to found/ beside the programs.
"""

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = os.path.join(TOP, "tests/fuzz")


def command(options, target):
    name = target.removeprefix("fuzz_")
    found = os.path.join(os.path.dirname(options.bin), "found", name)
    os.makedirs(found, exist_ok=True)
    seeds = os.path.join(SOURCES, "corpus", name)
    words = os.path.join(SOURCES, "smtp.dict")
    line = [os.path.join(options.bin, target), "-seed=1", "-timeout=20", "-rss_limit_mb=2048", "-max_len=65536",
            "-print_final_stats=1", f"-artifact_prefix={found}/"]
    line += [f"-max_total_time={options.seconds}"] if options.seconds else [f"-runs={options.runs}"]
    line += [f"-dict={words}"] if os.path.exists(words) else []
    # The first folder takes new inputs, the others are only read. A short run begins without those of earlier ones.
    work = os.path.join(os.path.dirname(options.bin), "corpus", name)
    if not options.seconds:
        shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work, exist_ok=True)
    return line + [work] + ([seeds] if os.path.isdir(seeds) else [])


def run(options, target):
    done = subprocess.run(command(options, target), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, errors="replace", check=False)
    if done.returncode != 0:
        return False, f"{done.stdout[-6000:]}\nFAIL fuzz {target}: status {done.returncode}"
    executed = [line.split()[-1] for line in done.stdout.split("\n") if "number_of_executed_units" in line]
    return True, f"ok   fuzz {target}: {executed[0] if executed else '?'} executions"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--seconds", type=int, default=0)
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    wanted = sorted(name[:-2] for name in os.listdir(SOURCES) if name.startswith("fuzz_") and name.endswith(".c"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for is_good, text in pool.map(lambda target: run(options, target), wanted):
            print(text, flush=True)
            failed += not is_good
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
