"""Byte streams into frames."""

from lowsky.errors import DecodeError
from lowsky.model.ports import Cut

LEFTOVER_BYTES = 1 << 20  # no format we read has a message near 1 MiB
PATIENT_BYTES = 1 << 16  # leftovers above this are looked at only when they have grown by a sixteenth


class Splitter:
    """Keeps what is left of one connection between reads, at most 1 MiB.

    ``cut`` is not asked for each byte once much is left over, so that a sender that dribbles an endless message
    costs time in proportion to what it sends.
    """

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._left = bytearray()
        self._ask_at = 0

    def feed(self, received: bytes) -> tuple[bytes, bytes]:
        """(whole messages, bytes dropped because they hold none). Either may be empty."""
        self._left += received
        size = len(self._left)
        if size < self._ask_at and size <= LEFTOVER_BYTES:
            return b"", b""
        try:
            whole = self._cut(self._left)
        except DecodeError:
            return b"", self.rest()
        if whole == 0:
            self._ask_at = 0 if size < PATIENT_BYTES else size + size // 16
            return b"", self.rest() if size > LEFTOVER_BYTES else b""
        self._ask_at = 0
        messages = bytes(self._left[:whole])
        del self._left[:whole]
        return messages, b""

    def rest(self) -> bytes:
        """Take out what waits for the rest of its message."""
        dropped, self._ask_at = bytes(self._left), 0
        self._left.clear()
        return dropped

    @property
    def left(self) -> int:
        """Bytes waiting for the rest of their message."""
        return len(self._left)
