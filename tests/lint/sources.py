"""Rules about the text of the sources: sizes, the comment at the head, what is not used."""

import json
import os
import re

from place import all_c, headers, need, output_of, program_sources, read

FUNCTION_MOST, FILE_MOST, HEADER_MOST = 80, 500, 150
# Nine of ten functions have fewer lines than this.
FUNCTION_NINE_OF_TEN, FUNCTION_MEDIAN = 40, 15
# The header that holds the message table and what each message bears.
LONG_TABLES = {"common/frame/message.h"}
HEAD = re.compile(r"/\*\n \* (?P<name>\S+) - .*?\*/", re.S)
# Functions that have a bounded or checked counterpart.
UNSAFE = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|tmpnam|mktemp)\s*\(")


def function_lengths():
    """(lines, file, name) of each function."""
    need("ctags")
    status, lines = output_of(["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "--languages=C",
                               "-f", "-", *program_sources()])
    if status:
        raise RuntimeError("\n".join(lines[:5]))
    tags = [json.loads(line) for line in lines if line.startswith("{")]
    return sorted((tag["end"] - tag["line"] + 1, tag["path"], tag["name"]) for tag in tags if "end" in tag)


def length_of_functions():
    lengths = function_lengths()
    problems = [f"{path}: {name}() has {lines} lines, the most is {FUNCTION_MOST}"
                for lines, path, name in lengths if lines > FUNCTION_MOST]
    if len(lengths) > 20:
        ninth, median = lengths[len(lengths) * 9 // 10][0], lengths[len(lengths) // 2][0]
        if ninth >= FUNCTION_NINE_OF_TEN:
            problems.append(f"nine of ten functions have up to {ninth} lines")
        if median > FUNCTION_MEDIAN:
            problems.append(f"the median function has {median} lines")
    return problems


def length_of_files():
    limits = [(path, FILE_MOST) for path in all_c()] + [(path, HEADER_MOST) for path in headers()]
    counted = [(path, read(path).count("\n"), most) for path, most in limits]
    return [f"{path}: {lines} lines, the most is {most}" for path, lines, most in counted
            if lines > most and path not in LONG_TABLES]



def head_comments():
    problems = []
    for path in all_c() + headers():
        head = HEAD.match(read(path))
        if not head or head["name"] != os.path.basename(path):
            problems.append(f'{path}: does not begin with "{os.path.basename(path)} - purpose"')
        elif path in program_sources() and not re.search(r"Runs in: .*(Distrusts|Trusts): ", head[0], re.S):
            problems.append(f"{path}: its head does not say where it runs and whom it distrusts")
    return problems


def jumps_and_unsafe_functions():
    problems = []
    for path in program_sources():
        for number, line in enumerate(read(path).split("\n"), 1):
            jump = re.search(r"\bgoto (\w+)", line)
            if jump and jump[1] != "out":
                problems.append(f"{path}:{number}: goto {jump[1]}")
            if UNSAFE.search(line) and not line.lstrip().startswith(("*", "/*")):
                problems.append(f"{path}:{number}: {UNSAFE.search(line)[1]}()")
    return problems


def white_space():
    return [f"{path}:{number}: white space at the end of the line" for path in all_c() + headers()
            for number, line in enumerate(read(path).split("\n"), 1) if line != line.rstrip()]


CHECKS = [length_of_functions, length_of_files, head_comments, jumps_and_unsafe_functions, white_space]
