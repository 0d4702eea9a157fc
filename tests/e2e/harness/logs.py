"""Reads postern's log: key=value lines, strictly, so that a forged line is noticed."""

import json
import re

HEAD = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<program>[a-z-]+)\[(?P<pid>\d+)\]:")
PAIR = re.compile(r' (?P<key>[a-z-]+)=(?:"(?P<quoted>(?:[^"\\\x00-\x1f\x7f-\xff]|\\["\\]|\\x[0-9a-f]{2})*)"'
                  r'|(?P<plain>[!#-<>-\[\]-~]+))')


class NotALine(Exception):
    pass


class Event(dict):
    """The keys of one line; .program and .writer (pid) say who wrote it, .line is the text."""


def unescaped(text):
    return re.sub(r'\\(x([0-9a-f]{2})|["\\])',
                  lambda m: chr(int(m[2], 16)) if m[2] else m[0][1], text)


def parse_pairs(text, line):
    event, position = Event(), 0
    while position < len(text):
        pair = PAIR.match(text, position)
        if not pair:
            raise NotALine(f"not key=value at {text[position:position + 40]!r} in {line!r}")
        if pair["key"] in event:
            raise NotALine(f"key {pair['key']} comes twice in {line!r}")
        event[pair["key"]] = unescaped(pair["quoted"]) if pair["plain"] is None else pair["plain"]
        position = pair.end()
    return event


def parse_line(line):
    head = HEAD.match(line)
    if not head:
        raise NotALine(f"no time, program and pid in {line!r}")
    event = parse_pairs(line[head.end():], line)
    event.program, event.writer, event.line = head["program"], int(head["pid"]), line
    return event


def parse_json(line):
    event = Event(json.loads(line))
    event.program, event.writer, event.line = event.get("logger"), event.get("logger-pid"), line
    return event


def parse(bytes_, form=parse_line):
    """All complete lines; what is not one raises NotALine (or JSONDecodeError)."""
    text = bytes_.decode("latin-1")
    return [form(line) for line in text.split("\n")[:-1] if not line.startswith("#")]


def matches(event, name, wanted):
    """wanted: key -> a regular expression for the whole value, or None: key must be missing."""
    if event.get("event") != name:
        return False
    for key, pattern in wanted.items():
        found = event.get(key.replace("_", "-"))
        if pattern is None:
            if found is not None:
                return False
        elif found is None or not re.fullmatch(str(pattern), str(found), re.S):
            return False
    return True
