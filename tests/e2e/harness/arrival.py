"""Bytes that have arrived before anybody looks at them, without waiting for a time."""

import array
import contextlib
import fcntl
import os
import signal
import termios

from . import processes


@contextlib.contextmanager
def workers_asleep(daemon):
    """Meanwhile connections are accepted and bytes are taken by the kernel only."""
    workers = daemon.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def unsent(client):
    """Bytes that the other side's kernel has not acknowledged yet."""
    count = array.array("i", [0])
    fcntl.ioctl(client.socket, termios.TIOCOUTQ, count)
    return count[0]


def wait_for_arrival(client):
    processes.wait_until(lambda: unsent(client) == 0, 20, "all that was sent has arrived")


def send_at_once(daemon, client, content):
    """No worker sees a part of it only.  It must fit into a receive buffer."""
    with workers_asleep(daemon):
        client.send(content)
        wait_for_arrival(client)
