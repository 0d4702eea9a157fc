"""A whole Postfix that hands all mail on to postern: smtpd takes it, the queue manager sends it on.

Run like the one of postfix.py, with the programs beside it that a sender needs.
"""

import os

from .postfix import Postfix, PROCESSES
from .session import Session

SENDING = """qmgr unix n - n 300 1 qmgr
smtp unix - - n - - smtp
relay unix - - n - - smtp
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
tlsmgr unix - - n 1000? 1 tlsmgr
tlsproxy unix - - n - 0 tlsproxy
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
flush unix n - n 1000? 0 flush
"""


class Sender(Postfix):
    """to: address and port that all mail goes to.  The name is to be short: the path of a socket has 107 bytes."""

    def __init__(self, trial, name, port, to, **settings):
        super().__init__(trial, name, port, ["postmaster"], **self.sending(to) | settings)

    @staticmethod
    def sending(to):
        return {
            "mydestination": "",
            "local_recipient_maps": "",
            "local_transport": "error:nothing is local",
            "myhostname": "origin.example",
            "relay_domains": "example.org, example.net",
            "relayhost": f"[{to[0]}]:{to[1]}",
            "smtp_host_lookup": "native",
            "smtp_tls_loglevel": "1",
            "default_process_limit": str(PROCESSES),
            # What is not sent at once is to be seen as not sent.
            "minimal_backoff_time": "4s",
            "maximal_backoff_time": "4s",
            "queue_run_delay": "4s",
        }

    def services(self):
        return super().services() + SENDING

    def take(self, sender, recipients, bodies):
        """Gives it messages to send on."""
        with Session(self.address, self.port) as client:
            client.greet("origin.example")
            for body in bodies:
                reply = client.deliver(sender, recipients, body)
                if reply.code != 250:
                    raise AssertionError(f"Postfix says {reply}")

    def left(self):
        """Files that are still in the queue."""
        return [name for folder in ("incoming", "active", "deferred")
                for _, _, names in os.walk(self.path("queue", folder)) for name in names]
