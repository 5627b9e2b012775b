"""Every exception lowsky raises, as one tree.

    LowskyError
    ├─ ConfigError            a file of the user's is wrong; carries every fault at once
    ├─ FeedError
    │  ├─ TransportError      could not open, lost, timed out: retried with back-off, shown on the map
    │  └─ DecodeError         bytes are not what the feed speaks: counted, the bytes kept, nothing else delayed
    │     ├─ Truncated   ├─ BadChecksum   └─ Unsupported
    ├─ RecordError            a recording cannot be written or read
    └─ InvariantError         our own bug: the batch is saved and the node stops

A bad *row* is never an exception: it is a ``Reject`` that is counted (``lowsky.model.measurement``).
"""

from dataclasses import dataclass


class LowskyError(Exception):
    """Base of all errors lowsky raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a user's file: where, what was found, what would be right."""

    where: str  # file, line, key or row, as far as known
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; expected {self.expected}"


class ConfigError(LowskyError):
    """A user's file is wrong. ``faults`` holds every fault, never only the first."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class FeedError(LowskyError):
    """Something between a sensor and ``align`` failed."""


class TransportError(FeedError):
    """A source could not be opened, was lost or timed out. The supervisor retries."""


class DecodeError(FeedError):
    """A message is not what the feed speaks.

    Attributes
    ----------
    reason : str
        Short and countable, the same text for the same fault (no values in it).
    offset : int
        Byte of ``payload`` where decoding stopped.
    payload : bytes
        The message, kept so that it can be recorded.
    """

    def __init__(self, reason: str, offset: int = 0, payload: bytes = b"") -> None:
        super().__init__(f"{reason} at byte {offset} of {len(payload)}")
        self.reason = reason
        self.offset = offset
        self.payload = payload


class Truncated(DecodeError):
    """The message ends before it should."""


class BadChecksum(DecodeError):
    """The message does not pass its own checksum."""


class Unsupported(DecodeError):
    """The message is well formed, but of a kind, edition or version this feed does not read."""


class RecordError(LowskyError):
    """A recording cannot be written or read. The message names the file and what to do."""


class InvariantError(LowskyError):
    """A bug of ours. ``batch_ref`` says where the batch that showed it was saved."""

    def __init__(self, message: str, batch_ref: str = "") -> None:
        super().__init__(message)
        self.batch_ref = batch_ref
