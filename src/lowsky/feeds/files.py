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


def normalise(normaliser: Normaliser, frame: Frame, held: int = 0) -> Normalised:
    """One frame; a message that cannot be decoded is one record and one reject. The one place that catches.

    ``held`` is what the normaliser held before this frame: a message that cannot be decoded changes nothing of it.
    """
    try:
        return normaliser(frame)
    except DecodeError as error:
        return Normalised((), records=1, rejected=Counter({reject_of(error): 1}), held=held)


def through(normaliser: Normaliser, frames: Iterable[Frame]) -> Iterator[Normalised]:
    """All frames in order."""
    held = 0
    for frame in frames:
        result = normalise(normaliser, frame, held)
        held = result.held
        yield result
