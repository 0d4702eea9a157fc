"""Dialogues as data files: their grammar, and their registration as tests.

Settings stand first, each on a line of its own:

    covers: A-04 C-19              requirement ids
    pipelined: yes                 also replayed in one segment, and cut at random places
    mailboxes: alice bob           default: alice bob
    alias: sales: alice, bob       a line of the aliases file; may come again
    rejected-sender: .a.example "No"    a line of the file of rejected senders; may come again
    configuration: {"limits": {"message-size": 1024}}      JSON, merged into the configuration
    listener: {"protocol": "lmtp"}      JSON, merged into the `listen` section that is spoken with
    listener other: {"hide": []}        another listener, at a port of its own
    socket: yes                    the listener is a unix socket
    from: 127.0.0.2                the address that the client connects from

then the steps:

    > EHLO client.example          a line from the client, CR LF is added; escapes: \\r \\n \\t \\0 \\xNN \\\\
    >> a\\nb                        bytes from the client, nothing is added
    >* 1000 text                   the line a thousand times, with CR LF each
    >>* 1000 x                     the bytes a thousand times
    < 250 2.1.0                    the next reply (all its lines): its code, and what its text begins with
    <~ SIZE \\d+                    a line of that reply is this regular expression, behind its code
    <! CHUNKING.*                  no line of that reply is
    < closed                       the server closes the connection, and says nothing more
    reconnect                      a new connection, or: "reconnect other", to that listener; "reconnect from
                                   127.0.0.3", "reconnect other from 127.0.0.3"
    hang up                        the client closes the connection

and what must be there afterwards:

    mail alice@example.org         a message in that mailbox, its lines follow (in any order of messages):
    = Return-Path: <a@example>     an added header; regular expression behind the name
    | Subject: x                   a line of the body (escapes as above; lines end in LF)
    |* 1000 text                   the line a thousand times
    || a\\r\\nb                     bytes of the body, nothing is added
    ||* 1000 x                     the bytes a thousand times
    log reject code=550 limit="a b"     a line of the log: each value a regular expression
    no log delivery                no such line

Messages that are not listed must not exist.
"""

import json
import os
import re

from . import play, trial

ESCAPE = re.compile(r"\\(r|n|t|0|\\|x[0-9a-fA-F]{2})")
NAMED = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


class Mail:
    def __init__(self, mailbox):
        self.mailbox, self.headers, self.body = mailbox, [], b""


class Dialogue:
    def __init__(self, name):
        self.name = name
        self.covers = ""
        self.is_pipelined = False
        self.mailboxes = ["alice", "bob"]
        self.aliases = []
        self.rejected_senders = []
        self.configuration = {}
        self.listener, self.other_listeners = {}, {}
        self.is_by_socket, self.source = False, None
        self.steps = []
        self.mails = []
        self.log_wanted = []
        self.log_unwanted = []
        self.timeout = 60


def unescaped(text):
    """Bytes: escapes as above, everything else as UTF-8."""
    result, position = b"", 0
    for escape in ESCAPE.finditer(text):
        word = escape[1]
        result += text[position:escape.start()].encode()
        result += bytes([int(word[1:], 16)]) if word[0] == "x" else NAMED[word].encode()
        position = escape.end()
    return result + text[position:].encode()


def repeated(text):
    count, _, rest = text.partition(" ")
    return int(count), rest


def add_bytes(dialogue, content):
    """Bytes that follow one another without a reply between them are one step."""
    if dialogue.steps and dialogue.steps[-1][0] == "send":
        content = dialogue.steps.pop()[1] + content
    dialogue.steps.append(("send", content))


def client_line(dialogue, text):
    add_bytes(dialogue, unescaped(text) + b"\r\n")


def client_bytes(dialogue, text):
    add_bytes(dialogue, unescaped(text))


def client_lines(dialogue, text):
    count, rest = repeated(text)
    add_bytes(dialogue, (unescaped(rest) + b"\r\n") * count)


def client_repeated(dialogue, text):
    count, rest = repeated(text)
    add_bytes(dialogue, unescaped(rest) * count)


def reply_line(dialogue, text):
    dialogue.steps.append(("closed", None) if text == "closed" else ("reply", text))


def body_line(dialogue, text):
    dialogue.mails[-1].body += unescaped(text) + b"\n"


def body_bytes(dialogue, text):
    dialogue.mails[-1].body += unescaped(text)


def body_repeated(dialogue, text):
    count, rest = repeated(text)
    dialogue.mails[-1].body += unescaped(rest) * count


def body_lines(dialogue, text):
    count, rest = repeated(text)
    dialogue.mails[-1].body += (unescaped(rest) + b"\n") * count


def other_listener(dialogue, text):
    title, _, options = text.partition(": ")
    dialogue.other_listeners[title] = json.loads(options)


def reconnect(dialogue, text):
    """"TITLE from ADDRESS", both of which may be missing."""
    title, _, source = f" {text}".partition(" from ")
    dialogue.steps.append(("reconnect", (title.strip() or None, source or None)))


def header_line(dialogue, text):
    name, _, pattern = text.partition(": ")
    dialogue.mails[-1].headers.append((name, pattern))


LOG_KEY = re.compile(r'([a-z-]+)=(?:"([^"]*)"|(\S+))')


def log_line(text):
    name, _, keys = text.partition(" ")
    return name, {key: quoted or plain for key, quoted, plain in LOG_KEY.findall(keys)}


# The longest marks first.
MARKS = (
    (">>*", client_repeated),
    (">>", client_bytes),
    (">*", client_lines),
    (">", client_line),
    ("<~", lambda dialogue, text: dialogue.steps.append(("has", text))),
    ("<!", lambda dialogue, text: dialogue.steps.append(("has not", text))),
    ("<", reply_line),
    ("||*", body_repeated),
    ("||", body_bytes),
    ("|*", body_lines),
    ("|", body_line),
    ("=", header_line),
    ("no log ", lambda dialogue, text: dialogue.log_unwanted.append(log_line(text))),
    ("log ", lambda dialogue, text: dialogue.log_wanted.append(log_line(text))),
    ("mail ", lambda dialogue, text: dialogue.mails.append(Mail(text))),
    ("reconnect", reconnect),
    ("hang up", lambda dialogue, text: dialogue.steps.append(("hang up", None))),
    ("covers: ", lambda dialogue, text: setattr(dialogue, "covers", text)),
    ("timeout: ", lambda dialogue, text: setattr(dialogue, "timeout", int(text))),
    ("pipelined: ", lambda dialogue, text: setattr(dialogue, "is_pipelined", text == "yes")),
    ("mailboxes: ", lambda dialogue, text: setattr(dialogue, "mailboxes", text.split())),
    ("alias: ", lambda dialogue, text: dialogue.aliases.append(text)),
    ("rejected-sender: ", lambda dialogue, text: dialogue.rejected_senders.append(text)),
    ("listener: ", lambda dialogue, text: dialogue.listener.update(json.loads(text))),
    ("listener ", other_listener),
    ("socket: ", lambda dialogue, text: setattr(dialogue, "is_by_socket", text == "yes")),
    ("from: ", lambda dialogue, text: setattr(dialogue, "source", text)),
    ("configuration: ", lambda dialogue, text: dialogue.configuration.update(json.loads(text))),
)


def parse_dialogue(path):
    dialogue = Dialogue(os.path.basename(path).removesuffix(".smtp"))
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        for mark, handler in MARKS:
            if line.startswith(mark):
                rest = line[len(mark):]
                handler(dialogue, rest[1:] if rest.startswith(" ") else rest)
                break
        else:
            raise SyntaxError(f"{path}:{number}: not a line of a dialogue: {line!r}")
    if not dialogue.covers or not dialogue.steps:
        raise SyntaxError(f"{path}: covers: or the steps are missing")
    return dialogue


def register_all(folder):
    for name in sorted(os.listdir(folder)):
        if name.endswith(".smtp"):
            register(parse_dialogue(os.path.join(folder, name)))


def register(dialogue):
    def run(one_trial):
        play.play(one_trial, dialogue)

    trial.test(covers=dialogue.covers, timeout=dialogue.timeout)(run)
    trial.TESTS[-1].name = f"dialogue.{dialogue.name}"
