"""Byte streams into frames."""

from lowsky.errors import DecodeError
from lowsky.model.ports import Cut

LEFTOVER_BYTES = 1 << 20  # no format we read has a message near 1 MiB
CREDIT_BYTES = 16 << 20  # searched before the sender has to bring something for it
CREDIT_PER_BYTE = 64  # searched for each byte it brings


class Splitter:
    """Keeps what is left of one connection between reads, at most 1 MiB.

    Searching the same leftovers again and again is paid from a credit that a whole message restores, so that a
    sender that dribbles an endless message costs time in proportion to what it sends.
    """

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._left = bytearray()
        self._credit = CREDIT_BYTES

    def feed(self, received: bytes) -> tuple[bytes, bytes]:
        """(whole messages, bytes dropped because they hold none). Either may be empty."""
        self._left += received
        size = len(self._left)
        self._credit += CREDIT_PER_BYTE * len(received)
        if self._credit < size <= LEFTOVER_BYTES:
            return b"", b""
        self._credit -= size
        try:
            whole = self._cut(self._left)
        except DecodeError:
            return b"", self.rest()
        if whole == 0:
            return b"", self.rest() if size > LEFTOVER_BYTES else b""
        self._credit = CREDIT_BYTES
        messages = bytes(self._left[:whole])
        del self._left[:whole]
        return messages, b""

    def rest(self) -> bytes:
        """Take out what waits for the rest of its message."""
        dropped, self._credit = bytes(self._left), CREDIT_BYTES
        self._left.clear()
        return dropped

    @property
    def left(self) -> int:
        """Bytes waiting for the rest of their message."""
        return len(self._left)
