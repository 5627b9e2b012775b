"""Recorded ASTERIX: chains of blocks in raw files, datagrams in captures; framing of byte streams."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.errors import DecodeError
from lowsky.feeds.asterix.fields import NS_PER_TOD, TIMES, TOD_END, utc_ns, wants
from lowsky.feeds.files import capture_of, pieces_of
from lowsky.model.ports import Frame
from lowsky.wire.asterix.columns import BAD_LENGTH, Blocks, decode_columns
from lowsky.wire.asterix.decode import HEADER_BYTES
from lowsky.wire.asterix.program import Program, compile_program
from lowsky.wire.capture import is_capture, read_packets, udp_payload

SNIFFED_DATAGRAMS = 16
FARTHEST_STEP_NS = 60 * SECOND_NS  # a time this far ahead of the last is believed once it comes twice


def cut(stream: bytes | bytearray | memoryview) -> int:
    """Bytes of whole blocks at the start of a stream.

    A length that cannot be means that the stream is out of step: everything is handed over, so that the fault is
    counted and the next bytes start afresh.
    """
    at, size = 0, len(stream)
    while size - at >= HEADER_BYTES:
        length = stream[at + 1] << 8 | stream[at + 2]
        if length < HEADER_BYTES:
            return size
        if at + length > size:
            break
        at += length
    return at


def sniff(head: bytes, name: str) -> bool:
    """Whether a file is ASTERIX of a category that is read: a chain of blocks, or a capture with such datagrams."""
    programs = [compile_program(wants(editions)) for editions in ({}, {21: "0.26"})]
    if not is_capture(head):
        return any(_is_chain(program, head) for program in programs)
    return any(_is_chain(program, payload) for payload in _first_datagrams(head) for program in programs)


def _is_chain(program: Program, data: bytes) -> bool:
    """Blocks from first to last byte (a last one may be cut off), and in them records that can be read."""
    blocks = decode_columns(program, data)
    return bool(blocks.count.any()) and not bool((blocks.status == BAD_LENGTH).any())


def _first_datagrams(head: bytes) -> Iterator[bytes]:
    found = 0
    try:
        for packet in read_packets(head):
            datagram = udp_payload(packet)
            if datagram is not None:
                yield datagram[2]
                found += 1
            if found == SNIFFED_DATAGRAMS:
                return
    except DecodeError:
        return  # the head of a file ends inside a packet


def frames_of_file(path: Path, editions: dict[int, str], start_ns: int | None) -> Iterator[Frame]:
    """The datagrams of a capture with its times, or the blocks of a raw file with the times in them.

    Raises ``DecodeError`` behind everything that could be read, where a capture or a gzip file is damaged.
    """
    pieces = pieces_of(path)
    head = next(pieces, b"")
    if is_capture(head):
        return _captured(chain([head], pieces))
    return _timed_blocks(_whole_blocks(head, pieces), compile_program(wants(editions)), start_ns)


def _captured(pieces: Iterator[bytes]) -> Iterator[Frame]:
    capture, fault = capture_of(pieces)
    try:
        for packet in read_packets(capture):
            datagram = udp_payload(packet)
            if datagram is not None:
                peer, _, payload = datagram
                yield Frame(packet.t_ns, payload, peer)
    except DecodeError as error:
        fault = error  # where the file ends early the last packet does, too: one fault
    if fault is not None:
        raise fault


def _whole_blocks(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut where blocks end; at the end whatever is left."""
    held, fault = head, None
    try:
        for piece in pieces:
            whole = cut(held)
            if whole:
                yield held[:whole]
            held = held[whole:] + piece
    except DecodeError as error:
        fault = error
    if held:
        yield held
    if fault is not None:
        raise fault


def _timed_blocks(pieces: Iterator[bytes], program: Program, start_ns: int | None) -> Iterator[Frame]:
    """One frame per block. Its time is the newest time of day in the blocks so far, so it never runs backwards."""
    clock = FileClock(start_ns)
    for piece in pieces:
        blocks = decode_columns(program, piece)
        for k, (offset, length) in enumerate(zip(blocks.offset.tolist(), blocks.length.tolist())):
            tod = _newest_time(program, blocks, k)
            yield Frame(clock.at(tod), piece[offset : offset + length])


def _newest_time(program: Program, blocks: Blocks, k: int) -> int | None:
    """Largest time of day in block k; the last before midnight where it spans midnight. None where it has none."""
    if not blocks.count[k]:
        return None
    category = int(blocks.category[k])
    names = program.wants[program.slot(category)].columns
    rows = blocks.rows[blocks.first[k] : blocks.first[k] + blocks.count[k]]
    times = rows[:, [names.index(name) for name in TIMES[category].split("|")]]
    times = times[(times >= 0) & (times < TOD_END)]
    return int(times.max()) if times.size else None


class FileClock:
    """Times of a raw file, which has nothing but times of day: UTC nanoseconds that never run backwards.

    ``start_ns`` gives the date of the first time of day (the day that puts it within 12 h); None is 1970-01-01.
    """

    def __init__(self, start_ns: int | None) -> None:
        self._now_ns = start_ns
        self._is_started = False
        self._ahead_ns: int | None = None  # a time far ahead that came once

    def at(self, tod: int | None) -> int:
        """The time when a block with this newest time of day was received, as far as the file tells."""
        if tod is None:
            return self._now_ns or 0
        if not self._is_started:
            self._is_started = True
            self._now_ns = tod * NS_PER_TOD if self._now_ns is None else _near(tod, self._now_ns)
            return self._now_ns
        now = self._now_ns or 0
        t_ns = _near(tod, now)
        if t_ns - now > FARTHEST_STEP_NS and (self._ahead_ns is None or t_ns < self._ahead_ns):
            self._ahead_ns = t_ns  # one wrong clock must not carry the file away
            return now
        self._ahead_ns = None
        self._now_ns = max(now, t_ns)
        return self._now_ns


def _near(tod: int, t_ns: int) -> int:
    return int(utc_ns(np.array([tod]), t_ns)[0])
