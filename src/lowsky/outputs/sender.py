"""What a kind of output is made of. A new kind is one module with a ``KIND``, and a line in ``registry``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec

from lowsky.model.occurrence import Occurrence, Seen
from lowsky.model.output import Output
from lowsky.model.site import Site

Wrong = tuple[str | None, str, str]
"""Key, what was found (never a secret), what would be right."""


class Undelivered(Exception):
    """One attempt that failed. The courier tries again, for ever.

    ``is_refused``: the receiver is there, has understood who we are, and does not take this very message: after a few
    attempts the next one gets its turn. ``may_have_arrived``: False only where certainly nothing was sent.
    """

    def __init__(self, why: str, is_refused: bool = False, may_have_arrived: bool = True) -> None:
        super().__init__(why)
        self.why, self.is_refused, self.may_have_arrived = why, is_refused, may_have_arrived


class Sender(Protocol):
    """One receiver. Used by one thread."""

    def send(self, occurrence: Occurrence) -> str | None:
        """Returns once the receiver has it, with words where something is still not right (one of several addresses
        is refused). Raises ``Undelivered``; never takes longer than its timeouts say."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Tended(Protocol):
    """A sender that stays connected, and finds out before the next alert that its receiver is gone."""

    def tend(self) -> None:
        """Called again and again while there is nothing to send. Raises ``Undelivered``."""
        ...


@runtime_checkable
class Shows(Protocol):
    """A sender that also shows pictures. One that fails is not sent again: the next one is newer."""

    show_every_s: float

    def show(self, seen: Seen) -> None:
        """Raises ``Undelivered``."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """``config`` holds the kind's own keys of ``[[output]]``; a key NAME_file or NAME_env is where a secret or a file
    is found, and is read when a node starts, not when a site file (or the copy in a recording) is read."""

    title: str
    config: type[msgspec.Struct]
    faults: Callable[[Any], list[Wrong]]  # what its types cannot say
    says: Callable[[Any], str]  # what it will do, in words, without secrets
    opens: Callable[[Any, Output, Site], Sender]  # does not connect yet
