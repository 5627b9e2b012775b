"""What a transport tells the supervisor besides frames."""

import errno
from typing import Protocol

from lowsky.errors import TransportError

WHAT_TO_DO = {
    errno.EADDRINUSE: "another program uses this port: stop it, or give the feed another port",
    errno.EACCES: "ports below 1024 need rights: use a higher port, or grant CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine has no such address: give one it has, or 0.0.0.0 for all",
    errno.ENODEV: "this machine has no such network interface",
    errno.ECONNREFUSED: "nothing listens there: is the sender running, is the port right?",
    errno.EHOSTUNREACH: "no way to that host: check cable, address and routes",
    errno.ENETUNREACH: "no way to that network: check cable, address and routes",
    errno.ENETDOWN: "the network interface is down",
    errno.ETIMEDOUT: "no answer: check address, cable and firewall",
    errno.EMFILE: "too many open files: raise the limit of this process",
}


class Link(Protocol):
    """The supervisor's end."""

    def up(self) -> None:
        """Really works now: bound, connected, or a sender has come."""
        ...

    def down(self, why: str) -> None:
        """Nobody is connected (a server without senders); the transport itself still works."""
        ...

    def refused(self) -> None:
        """A sender was turned away: there were too many."""
        ...

    def replaced(self, peer: str, silent_s: float) -> None:
        """A sender that had brought no message for so long gave its place to a new one."""
        ...

    def overrun(self, dropped: bytes) -> None:
        """Bytes without a message in them were dropped: one record, counted as malformed."""
        ...

    def lost_in_kernel(self, datagrams: int) -> None:
        """So many more datagrams were dropped by the operating system before we could read them."""
        ...


def explained(what: str, error: OSError) -> TransportError:
    """An error of the operating system as one clear message: what failed, why, what to do."""
    reason = error.strerror or str(error) or type(error).__name__
    advice = WHAT_TO_DO.get(error.errno or 0)
    return TransportError(f"{what}: {reason}" + (f" ({advice})" if advice else ""))
