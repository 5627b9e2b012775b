"""Recorded files through a normaliser, with the same accounting as live frames."""

from collections import Counter
from collections.abc import Iterable, Iterator

from lowsky.errors import BadChecksum, DecodeError, Truncated, Unsupported
from lowsky.model.measurement import Reject
from lowsky.model.ports import Frame, Normalised, Normaliser


def reject_of(error: DecodeError) -> Reject:
    """The reason under which a message that could not be decoded is counted."""
    if isinstance(error, Truncated):
        return Reject.TRUNCATED
    if isinstance(error, BadChecksum):
        return Reject.BAD_CHECKSUM
    if isinstance(error, Unsupported):
        return Reject.UNSUPPORTED
    return Reject.MALFORMED


def normalise(normaliser: Normaliser, frame: Frame) -> Normalised:
    """One frame; a message that cannot be decoded is one record and one reject. The one place that catches."""
    try:
        return normaliser(frame)
    except DecodeError as error:
        return Normalised((), records=1, rejected=Counter({reject_of(error): 1}))


def through(normaliser: Normaliser, frames: Iterable[Frame]) -> Iterator[Normalised]:
    """All frames in order."""
    for frame in frames:
        yield normalise(normaliser, frame)
