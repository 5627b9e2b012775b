"""Beast framing: ``1A``, a type, and escaped bytes. Finds whole frames, undoes the escapes, writes them.

A frame is ``1A`` + type + 6 bytes counter (12 MHz, big endian) + 1 byte level + payload; after the type every
``1A`` is sent twice. So ``1A`` followed by anything but ``1A`` always starts a frame, and a reader that lost its
place finds it again there. Layout: docs/feeds/beast.md.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Ints
from lowsky.wire.adsb.compiled import compiled

Bytes = NDArray[np.uint8]

ESCAPE = 0x1A
MODE_AC, MODE_S_SHORT, MODE_S_LONG = 0x31, 0x32, 0x33
PAYLOAD_BYTES = {MODE_AC: 2, MODE_S_SHORT: 7, MODE_S_LONG: 14}
COUNTER_HZ = 12_000_000
COUNTER_BITS = 48
MAX_ADVANCE = 1 << 52  # ticks, 12 years: no recording is longer, and its times stay within int64

FRAME, BROKEN, UNKNOWN, CUT_SHORT = 0, 1, 2, 3  # what lies at a place of a buffer


class Split(NamedTuple):
    """Frames of one buffer, as columns. N frames."""

    length: Ints  # int64[N]      bytes of payload: 2 Mode A/C, 7 and 14 Mode S
    counter: Ints  # int64[N]     12 MHz ticks as sent
    level: Bytes  # uint8[N]       received level as sent, 0-255
    payload: Bytes  # uint8[N, 14] Mode A/C or Mode S bytes, zeros behind ``length``
    broken: int  # runs of bytes that were no frame: a wrong escape, bytes between frames
    unknown: int  # frames of another type (status, vendor extensions)
    cut_short: int  # 1 where the buffer ends inside a frame


@compiled
def _payload_bytes(kind: int) -> int:
    if kind == 0x31:
        return 2
    if kind == 0x32:
        return 7
    if kind == 0x33:
        return 14
    return 0


@compiled
def _next_start(buffer: Bytes, i: int) -> int:
    """Index of the next ``1A`` at or after ``i`` that starts a frame; a last lone ``1A`` may be one; else the end."""
    n = len(buffer)
    while i < n:
        if buffer[i] == 0x1A:
            if i + 1 == n or buffer[i + 1] != 0x1A:
                return i
            i += 2
        else:
            i += 1
    return n


@compiled
def _read(buffer: Bytes, i: int, body: Bytes) -> tuple[int, int]:
    """What lies at ``i``, and the index behind it. A frame's unescaped bytes after the type go into ``body``."""
    n = len(buffer)
    if buffer[i] != 0x1A or (i + 1 < n and buffer[i + 1] == 0x1A):
        return 1, _next_start(buffer, i)
    if i + 1 == n:
        return 3, n
    need = _payload_bytes(buffer[i + 1])
    if need == 0:
        end = _next_start(buffer, i + 2)
        return (2, end) if end < n else (3, n)
    need += 7
    j = i + 2
    for k in range(need):
        if j >= n:
            return 3, n
        body[k] = buffer[j]
        if buffer[j] == 0x1A:
            if j + 1 == n:
                return 3, n
            if buffer[j + 1] != 0x1A:
                return 1, j
            j += 1
        j += 1
    return 0, j


@compiled
def _split(buffer: Bytes, length: Ints, counter: Ints, level: Bytes, payload: Bytes, faults: Ints) -> int:
    body = np.zeros(21, np.uint8)
    n = len(buffer)
    i = 0
    count = 0
    while i < n:
        what, end = _read(buffer, i, body)
        if what == 0:
            need = _payload_bytes(buffer[i + 1])
            ticks = 0
            for k in range(6):
                ticks = ticks * 256 + int(body[k])
            length[count] = need
            counter[count] = ticks
            level[count] = body[6]
            for k in range(need):
                payload[count, k] = body[7 + k]
            count += 1
        else:
            faults[what] += 1
        i = end
    return count


@compiled
def _complete(buffer: Bytes) -> int:
    body = np.zeros(21, np.uint8)
    n = len(buffer)
    i = 0
    while i < n:
        what, end = _read(buffer, i, body)
        if what == 3:
            break
        i = end
    return i


def split(buffer: bytes) -> Split:
    """All frames of a buffer in order. Never raises: what is no frame is counted."""
    raw = np.frombuffer(bytes(buffer), np.uint8)
    room = len(raw) // (2 + 7 + 2) + 1  # the shortest frame is 11 bytes
    length, counter = np.empty(room, np.int64), np.empty(room, np.int64)
    level, payload = np.empty(room, np.uint8), np.zeros((room, 14), np.uint8)
    faults = np.zeros(4, np.int64)
    n = _split(raw, length, counter, level, payload, faults)
    return Split(
        length[:n], counter[:n], level[:n], payload[:n],
        broken=int(faults[BROKEN]), unknown=int(faults[UNKNOWN]), cut_short=int(faults[CUT_SHORT]),
    )  # fmt: skip


def complete_length(buffer: bytes | bytearray | memoryview) -> int:
    """How many leading bytes are whole frames (or surely no frame); 0 says wait for more. A ``Cut``.

    A frame of an unknown type may be long, so it is held back until the next frame starts, but never more than
    4096 bytes of it.
    """
    done = int(_complete(np.frombuffer(bytes(buffer), np.uint8)))
    return done if len(buffer) - done <= 4096 else len(buffer)


def encode(counter: int, level: int, payload: bytes) -> bytes:
    """One frame. ``payload`` of 2, 7 or 14 bytes; the counter is taken modulo 2⁴⁸.

    Raises
    ------
    KeyError
        For a payload of another length.
    """
    kind = {2: MODE_AC, 7: MODE_S_SHORT, 14: MODE_S_LONG}[len(payload)]
    body = (counter % (1 << COUNTER_BITS)).to_bytes(6, "big") + bytes((level,)) + payload
    return bytes((ESCAPE, kind)) + body.replace(b"\x1a", b"\x1a\x1a")


def times_from_counters(counter: Ints, start_ns: int, last: "Ticks") -> Ints:
    """UTC ns of each frame of a recording: ``start_ns`` plus the counter's advance since the first counter not 0.

    The counter wraps at 2⁴⁸ (271 days). A counter of 0 was not set by the receiver: that frame takes the previous
    time. A step back by more than 1 s or forward by more than 1 h is a receiver that restarted: time goes on from
    the previous frame, as it does where steps add up to more than 1 s back or 12 years ahead. ``last`` carries the
    state from call to call.
    """
    times = np.empty(len(counter), np.int64)
    for row, ticks in enumerate(counter.tolist()):
        if ticks:
            if last.previous is not None:
                step = (ticks - last.previous + (1 << 47)) % (1 << 48) - (1 << 47)
                advance = last.advance + step
                if -COUNTER_HZ <= step <= 3600 * COUNTER_HZ and -COUNTER_HZ <= advance <= MAX_ADVANCE:
                    last.advance = advance
            last.previous = ticks
        times[row] = start_ns + last.advance * 250 // 3
    return times


class Ticks:
    """Where a recording's counter stands between two calls of ``times_from_counters``."""

    def __init__(self) -> None:
        self.previous: int | None = None  # counter of the newest frame that had one
        self.advance = 0  # ticks since the first of them
