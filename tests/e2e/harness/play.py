"""Plays a dialogue against a daemon: step by step, one byte at a time, in one segment and cut at
random places.  Each way must give the same replies and the same mail."""

import random
import re
import threading
import time

from .session import Closed, Session

IDS = re.compile(r"[0-9a-v]{10,}-\d+|(?<=\[)[0-9a-v]{16}(?=\])|(?<=session )[0-9a-v]{16}")
RANDOM_CUTS = 3


def without_ids(text):
    return IDS.sub("ID", text)


def send_plain(client, content):
    client.send(content)


def send_bytewise(client, content):
    client.send_slowly(content)


class StepFailed(AssertionError):
    pass


def check_reply(reply, wanted):
    code, _, text = wanted.partition(" ")
    if str(reply.code) != code or not all(line[4:].startswith(text) for line in reply.lines):
        raise StepFailed(f"reply {reply}, wanted {wanted!r}")


def has_line(reply, pattern):
    return any(re.fullmatch(pattern, line[4:]) for line in reply.lines)


class Player:
    """One playing: .transcript holds all replies, ids taken out."""

    def __init__(self, daemon, dialogue):
        self.daemon, self.source = daemon, dialogue.source
        self.transcript = []
        self.reply = None
        self.client = None
        self.connect(None, None)

    def connect(self, title, source):
        address, port = self.daemon.places[title] if title else (self.daemon.address, self.daemon.port)
        self.client = Session(address, port, source=source or self.source)

    def step(self, kind, argument, send):
        if kind == "send":
            try:
                send(self.client, argument)
            except ConnectionError:
                pass  # what the server says, or that it is closed, is checked by the next step
        elif kind == "reply":
            self.read(argument)
        elif kind == "closed":
            self.require_closed()
        elif kind == "has" and not has_line(self.reply, argument):
            raise StepFailed(f"no line {argument!r} in {self.reply}")
        elif kind == "has not" and has_line(self.reply, argument):
            raise StepFailed(f"a line {argument!r} in {self.reply}")
        elif kind in ("hang up", "reconnect"):
            self.client.close()
            if kind == "reconnect":
                self.connect(*argument)

    def read(self, wanted):
        try:
            self.reply = self.client.reply()
        except Closed as error:
            raise StepFailed(f"{error}; wanted {wanted!r}") from None
        self.transcript.append(without_ids(self.reply.text))
        check_reply(self.reply, wanted)

    def require_closed(self):
        try:
            raise StepFailed(f"reply {self.client.reply()}, wanted the end of the connection")
        except Closed as error:
            if self.client.pending:
                raise StepFailed(str(error)) from None
            self.transcript.append("closed")


def play_steps(daemon, dialogue, send):
    """Sends each step when its turn has come.  Returns the transcript."""
    player = Player(daemon, dialogue)
    try:
        for number, (kind, argument) in enumerate(dialogue.steps, 1):
            try:
                player.step(kind, argument, send)
            except StepFailed as error:
                raise StepFailed(f"step {number}: {error}; before: {player.transcript[-3:]}") from None
    finally:
        player.client.close()
    return player.transcript


def play_at_once(daemon, dialogue, pieces_of):
    """Sends everything without waiting for any reply, in the pieces that pieces_of cuts."""
    player = Player(daemon, dialogue)
    content = b"".join(argument for kind, argument in dialogue.steps if kind == "send")

    def send_all():
        try:
            for piece in pieces_of(content):
                player.client.send(piece)
                time.sleep(0.0002)
        except OSError:
            pass

    sender = threading.Thread(target=send_all, daemon=True)
    sender.start()
    try:
        for number, (kind, argument) in enumerate(dialogue.steps, 1):
            if kind != "send":
                try:
                    player.step(kind, argument, None)
                except StepFailed as error:
                    raise StepFailed(f"step {number}: {error}") from None
    finally:
        sender.join(60)
        player.client.close()
    return player.transcript


def one_segment(content):
    return [content]


def random_pieces(seed):
    def cut(content):
        chance = random.Random(seed)
        places = sorted(chance.randrange(len(content) + 1) for _ in range(min(200, len(content))))
        return [content[a:b] for a, b in zip([0] + places, places + [len(content)]) if a < b]

    return cut


def ways(dialogue):
    yield "step by step", lambda daemon: play_steps(daemon, dialogue, send_plain)
    yield "byte by byte", lambda daemon: play_steps(daemon, dialogue, send_bytewise)
    if dialogue.is_pipelined:
        yield "in one segment", lambda daemon: play_at_once(daemon, dialogue, one_segment)
        for seed in range(RANDOM_CUTS):
            yield f"cut with seed {seed}", lambda daemon, seed=seed: play_at_once(
                daemon, dialogue, random_pieces(seed))


def check_mail(trial, daemon, dialogue):
    """The mailboxes hold what the dialogue lists, and nothing else."""
    mailboxes = daemon.mail()
    wanted = {}
    for mail in dialogue.mails:
        wanted.setdefault(mail.mailbox, []).append(mail)
    for mailbox, mails in wanted.items():
        found = mailboxes.messages(mailbox)
        trial.equal(sorted(message.body for message in found), sorted(mail.body for mail in mails),
                    f"the messages of {mailbox}")
        for mail in mails:
            check_headers(trial, mail, [one for one in found if one.body == mail.body])
    trial.equal(len(mailboxes.all_files("new")), len(dialogue.mails), "number of messages in all")
    trial.equal(mailboxes.all_files("tmp"), [], "files in tmp/")


def check_headers(trial, mail, candidates):
    for message in candidates:
        if all(re.fullmatch(pattern, message.header(name) or "") for name, pattern in mail.headers):
            return
    trial.check(False, f"added lines of {mail.mailbox}: {[one.added for one in candidates]}, "
                       f"wanted {mail.headers}")


def check_log(trial, daemon, dialogue):
    for name, keys in dialogue.log_wanted:
        daemon.wait_event(name, seconds=10, **keys)
    for name, keys in dialogue.log_unwanted:
        trial.equal(daemon.events(name, **keys), [], f"event={name} {keys} in the log")


def play(trial, dialogue):
    options = dict(dialogue.configuration, mailboxes=dialogue.mailboxes, aliases=dialogue.aliases,
                   rejected_senders=dialogue.rejected_senders)
    daemon = trial.prepare(listener=dialogue.listener, by_socket=dialogue.is_by_socket,
                           other_listeners=dialogue.other_listeners, **options)
    with daemon.running():
        first = None
        for way, playing in ways(dialogue):
            try:
                transcript = playing(daemon)
                first = first or transcript
                trial.equal(transcript, first, "replies, compared with step by step")
                check_mail(trial, daemon, dialogue)
            except (AssertionError, OSError) as error:
                raise AssertionError(f"{way}: {type(error).__name__}: {error}") from error
            daemon.mail().empty()
        check_log(trial, daemon, dialogue)
