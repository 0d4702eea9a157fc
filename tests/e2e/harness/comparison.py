"""Dialogues that are played against two servers, and the grammar of their files.

A file holds sections, each of them a dialogue, or one dialogue for each of its rows:

    [name]                   a section; a row is called "name: row"
    > EHLO client.example    a line from the client, CR LF is added; its reply is waited for
    & MAIL FROM:<a@example>  the same, sent in one segment with what follows
    >* 3 NOOP                the line three times
    >> a\\nb                  bytes, nothing is added, no reply is waited for; sent with what follows
    <                        a reply is waited for
    | Subject: x             a line of a message: all of them are sent, and a reply is waited for, if
                             the reply before was 3xx; else they are left out, as a client would
    |* 1000 text             the line a thousand times
    @ ehlo mail rcpt         steps that have a name, see NAMED
    half close               at the end: the client sends no QUIT
    - row                    replaces {} in the steps
    * name                   all rows of that list
    (name)                   a list of rows, for several sections

Escapes are those of dialogue.py; {64*a} is 64 times "a".  Each dialogue ends with QUIT and the
client's end of the connection; all that comes then is read.

What a server does is written as one character for each reply, its class; "x" is a connection that the
server has closed and "-" a reply that has not come.  2{9} stands for nine in a row.

The differences that may be stand in differences.txt: behind a line "= reason", which names the RFC,
lines "class-of-the-one class-of-the-other name-of-dialogue".
"""

import concurrent.futures
import os
import re
import socket

from .dialogue import repeated, unescaped
from .session import Closed, Session

# Only a failure ever waits for so long.
PATIENCE = 20
THREADS = 12
CLOSED, NOTHING = "x", "-"
# Fewer in a row are written out.
RUN = 8
REPEATED = re.compile(r"\{(\d+)\*([^}]*)\}")

NAMED = {
    "ehlo": ["> EHLO client.example"],
    "helo": ["> HELO client.example"],
    "mail": ["> MAIL FROM:<sender@client.example>"],
    "rcpt": ["> RCPT TO:<alice@example.org>"],
    "unknown": ["> RCPT TO:<nobody@example.org>"],
    "data": ["> DATA"],
    "message": ["> DATA", "| Subject: test", "|", "| Hello.", "| ."],
    "rset": ["> RSET"],
    "noop": ["> NOOP"],
}


class Section:
    def __init__(self, name, place):
        self.name, self.place = name, place
        self.lines, self.rows = [], []

    def dialogues(self):
        if not self.rows:
            return [Dialogue(self.name, self.lines, self.place)]
        return [Dialogue(f"{self.name}: {row}", [line.replace("{}", row) for line in self.lines], self.place)
                for row in self.rows]


class Step:
    """Bytes, and how many replies are waited for; a message is sent when it has been asked for."""

    def __init__(self, content, replies, is_message=False):
        self.content, self.replies, self.is_message = content, replies, is_message


class Dialogue:
    def __init__(self, name, lines, place):
        self.name = name
        self.steps = []
        self.says_quit = True
        self.held, self.held_replies = b"", 0
        for line in lines:
            self.add(line, place)
        if self.held:
            self.flush(0)

    def add(self, line, place):
        for mark, handler in MARKS:
            if line == mark or line.startswith(mark + " "):
                handler(self, line[len(mark) + 1:])
                return
        raise SyntaxError(f"{place}: not a line of a dialogue: {line!r}")

    def hold(self, text):
        self.held += text

    def flush(self, replies):
        self.steps.append(Step(self.held, self.held_replies + replies))
        self.held, self.held_replies = b"", 0

    def line(self, text):
        self.hold(expanded(text) + b"\r\n")
        self.flush(1)

    def lines(self, text):
        count, rest = repeated(text)
        for _ in range(count):
            self.line(rest)

    def grouped_line(self, text):
        self.hold(expanded(text) + b"\r\n")
        self.held_replies += 1

    def message_line(self, text):
        if not self.steps or not self.steps[-1].is_message:
            self.steps.append(Step(b"", 1, True))
        self.steps[-1].content += expanded(text) + b"\r\n"

    def message_lines(self, text):
        count, rest = repeated(text)
        for _ in range(count):
            self.message_line(rest)

    def named(self, text):
        for name in text.split():
            for line in NAMED[name]:
                self.add(line, self.name)

    def half_close(self, _):
        self.says_quit = False


MARKS = (
    (">>", lambda dialogue, text: dialogue.hold(expanded(text))),
    (">*", Dialogue.lines),
    (">", Dialogue.line),
    ("&", Dialogue.grouped_line),
    ("<", lambda dialogue, text: dialogue.flush(1)),
    ("|*", Dialogue.message_lines),
    ("|", Dialogue.message_line),
    ("@", Dialogue.named),
    ("half close", Dialogue.half_close),
)


def expanded(text):
    return unescaped(REPEATED.sub(lambda found: int(found[1]) * found[2], text))


# ---- the files


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file.read().split("\n"), 1):
            if line and not line.startswith("#"):
                yield f"{path}:{number}", line


def parse_dialogues(path):
    lists, sections, rows = {}, [], None
    for place, line in read_lines(path):
        if line[0] == "(":
            rows = lists.setdefault(line.strip("()"), [])
        elif line[0] == "[":
            sections.append(Section(line[1:-1], place))
            rows = sections[-1].rows
        elif line[0] == "-":
            rows.append(line[2:])
        elif line[0] == "*":
            rows += lists[line[2:]]
        else:
            sections[-1].lines.append(line)
    return [dialogue for section in sections for dialogue in section.dialogues()]


def load_dialogues(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".txt") and name != "differences.txt":
            for dialogue in parse_dialogues(os.path.join(folder, name)):
                if dialogue.name in found:
                    raise SyntaxError(f"{name}: two dialogues are called {dialogue.name!r}")
                found[dialogue.name] = dialogue
    return found


def load_differences(folder):
    """Name of the dialogue -> (what the one does, what the other does)."""
    found, reason = {}, None
    for place, line in read_lines(os.path.join(folder, "differences.txt")):
        if line.startswith("= "):
            reason = line[2:]
            continue
        words = line.split(" ", 2)
        if not reason or "RFC" not in reason or len(words) != 3 or words[2] in found:
            raise SyntaxError(f"{place}: not a difference with a reason, or listed twice: {line!r}")
        found[words[2]] = (words[0], words[1])
    return found


# ---- playing them


def written(classes):
    return re.sub(r"(.)\1{%d,}" % (RUN - 1), lambda run: f"{run[1]}{{{len(run[0])}}}", classes)


class Playing:
    def __init__(self, address, port):
        self.client = Session(address, port, patience=PATIENCE)
        self.classes, self.texts = "", []

    def note(self, character, text):
        self.classes += character
        self.texts.append(text)

    def read(self):
        """One reply, whatever its form; False when there is none."""
        try:
            lines = [self.client.line()]
            while lines[-1][3:4] == "-":
                lines.append(self.client.line())
        except Closed:
            self.note(CLOSED, "closed")
            return False
        except TimeoutError:
            self.note(NOTHING, "nothing")
            return False
        self.note(lines[-1][:1], lines[-1])
        return True

    def send(self, content):
        try:
            self.client.send(content)
        except ConnectionError:
            pass  # what the server has said before is still read

    def step(self, step):
        if step.is_message and self.classes[-1:] != "3":
            return True
        self.send(step.content)
        return all(self.read() for _ in range(step.replies))

    def end(self, says_quit):
        """All that comes until the server closes, which it does when it has said 221."""
        if says_quit:
            self.send(b"QUIT\r\n")
        try:
            self.client.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        while self.read():
            pass
        if self.texts[-2:-1] and self.texts[-2].startswith("221") and self.classes[-1] == CLOSED:
            self.classes = self.classes[:-1]

    def play(self, dialogue):
        with self.client:
            if self.read() and all(self.step(step) for step in dialogue.steps):
                self.end(dialogue.says_quit)
        return self


def play_all(dialogues, servers):
    """Each dialogue against each server: a list of rows (name, playing, playing ...)."""

    def play(dialogue):
        return dialogue.name, *(Playing(server.address, server.port).play(dialogue) for server in servers)

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(play, dialogues.values()))


def described(name, one, other):
    lines = [f"{written(one.classes)} {written(other.classes)} {name}"]
    for texts in zip(one.texts, other.texts):
        lines.append(f"    {texts[0]:50.50} {texts[1]:60.60}")
    for texts in (one.texts, other.texts):
        if len(texts) > min(len(one.texts), len(other.texts)):
            lines.append(f"    only one: {texts[min(len(one.texts), len(other.texts)):]}")
    return "\n".join(lines)


def unexpected(rows, differences):
    """The differences that are not listed, and those listed that are none (any more)."""
    found = []
    for name, one, other in rows:
        both = written(one.classes), written(other.classes)
        if both[0] != both[1] and both != differences.get(name):
            found.append(described(name, one, other))
        elif both[0] == both[1] and name in differences:
            found.append(f"{both[0]} {both[1]} {name}\n    is listed, and there is no difference")
    known = {row[0] for row in rows}
    found += [f"{name}\n    is listed, and there is no such dialogue" for name in differences if name not in known]
    return found
