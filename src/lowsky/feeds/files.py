"""Recorded files through a normaliser, with the same accounting as live frames."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

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


def with_faults(result: Normalised, faults: Counter[Reject]) -> Normalised:
    """The same result with records more that were rejected before they were messages."""
    if not faults:
        return result
    return Normalised(result.batches, result.records + faults.total(), result.rejected + faults, result.held)


GZIP_MAGIC = b"\x1f\x8b"
MAX_CAPTURE_BYTES = 1 << 30
PIECE_BYTES = 1 << 18
PACKED_BYTES = 1 << 14  # at most a thousandfold of it comes out of one step


def pieces_of(path: Path) -> Iterator[bytes]:
    """The content of a file in order, piece by piece; of a gzip file what is compressed in it.

    Raises ``Truncated`` behind the last good piece where the gzip stream ends early or is broken, ``OSError`` where
    the file cannot be read.
    """
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if packed:
            yield from _unpacked(file)
            return
        while piece := file.read(PIECE_BYTES):
            yield piece


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    member, is_open = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), False
    while packed := file.read(PACKED_BYTES):
        while packed:
            is_open = True
            try:
                piece = member.decompress(packed)
            except zlib.error as error:
                raise Truncated("broken gzip stream") from error
            if piece:
                yield piece
            packed = member.unused_data
            if member.eof:
                member, is_open = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), False
    if is_open:
        raise Truncated("gzip stream ends early")


def capture_of(pieces: Iterable[bytes]) -> tuple[bytes, DecodeError | None]:
    """A capture in one piece, as far as it can be read, and what ended it there, if anything did.

    One larger than ``MAX_CAPTURE_BYTES`` (a gzip file may grow a thousandfold) counts as truncated.
    """
    content = bytearray()
    try:
        for piece in pieces:
            if len(content) + len(piece) > MAX_CAPTURE_BYTES:
                return bytes(content), Truncated("capture file too large")
            content += piece
    except DecodeError as error:
        return bytes(content), error
    return bytes(content), None
