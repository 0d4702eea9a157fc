"""Sends many messages at once, and knows afterwards which had their 250."""

import collections
import re
import threading

from .session import Closed

MARK = re.compile(rb"^Subject: (load-[0-9a-z]+-\d+-\d+)$", re.M)


class Load:
    """`clients` threads; each sends its numbered messages to `recipients`, connecting again when the
    connection breaks.  A message that had no 250 is not sent again."""

    def __init__(self, daemon, clients=10, messages=20, name="a", recipients=("alice@example.org",),
                 size=2000, per_connection=5, connect=None):
        self.daemon, self.name, self.connect = daemon, name, connect or daemon.greeted
        self.recipients, self.size, self.per_connection = recipients, size, per_connection
        self.acknowledged, self.refused, self.broken = set(), {}, set()
        self.errors = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number, messages), daemon=True)
                        for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.wait()

    def wait(self):
        for thread in self.threads:
            thread.join()

    def is_running(self):
        return any(thread.is_alive() for thread in self.threads)

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def body(self, mark):
        line = b"x" * 70 + b"\n"
        return b"Subject: " + mark.encode() + b"\n\n" + line * max(1, self.size // len(line))

    def run(self, number, messages):
        client, sent = None, 0
        for index in range(messages):
            if self.stopping.is_set():
                break
            mark = f"load-{self.name}-{number}-{index}"
            try:
                if client is None:
                    client, sent = self.connect(), 0
                self.note(mark, client.deliver("load@client.example", self.recipients, self.body(mark)))
                sent += 1
                if sent == self.per_connection:
                    client.expect("QUIT", 221)
                    client.close()
                    client = None
            except (OSError, Closed, AssertionError) as error:
                self.note_broken(mark, error)
                if client:
                    client.close()
                client = None
        if client:
            client.close()

    def note(self, mark, reply):
        with self.lock:
            if reply.code == 250:
                self.acknowledged.add(mark)
            else:
                self.refused[mark] = reply.text

    def note_broken(self, mark, error):
        with self.lock:
            if mark not in self.acknowledged:
                self.broken.add(mark)
                self.errors.append(f"{mark}: {error!r}")


def marks_in(messages):
    counts = collections.Counter()
    for message in messages:
        found = MARK.search(message.body)
        counts[found[1].decode() if found else message.name] += 1
    return counts


def require_exactly_once(trial, load, mailboxes=("alice@example.org",)):
    """Every acknowledged message lies in each mailbox exactly once, no other more than once, and one
    that was refused nowhere."""
    for mailbox in mailboxes:
        counts = marks_in(load.daemon.mail().messages(mailbox))
        lost = sorted(load.acknowledged - set(counts))
        twice = {mark: count for mark, count in counts.items() if count > 1}
        refused = sorted(set(load.refused) & set(counts))
        trial.equal((lost[:5], len(lost)), ([], 0), f"acknowledged and not in {mailbox}")
        trial.equal(twice, {}, f"more than once in {mailbox}")
        trial.equal(refused, [], f"refused and yet in {mailbox}")
