"""JSON lines of Mode S frames to measurements.

=============  =====================  ========================================================
Key            On the wire            Here
=============  =====================  ========================================================
``timestamp``  s since 1970 UTC       ``t_meas_ns``, to the microsecond
``frame``      hex text of the bytes  decoded as a Beast frame's payload is: docs/feeds/beast.md
=============  =====================  ========================================================

Every other key is skipped, also the decoded values: they come from a decoder we do not know, and one known version
of it swaps the source of the vertical rate. One line is one record.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from lowsky.errors import Truncated
from lowsky.feeds.files import pieces_of, with_faults
from lowsky.feeds.manifest import Manifest
from lowsky.geo.height import SIGMA_GEOID_M, SIGMA_PRESSURE_ALTITUDE_M
from lowsky.model.measurement import Ints, Reject
from lowsky.model.ports import Frame, Normalised
from lowsky.model.site import Sensor, Site
from lowsky.wire.adsb.receiver import Frames, Receiver, Setting, play, warm_up

MAX_LINE_BYTES = 65_536
MAX_SECONDS = 4_102_444_800.0  # the year 2100
FRAME_BYTES = (2, 7, 14)


class Line(msgspec.Struct):
    """What is read of a line."""

    timestamp: float | None = None
    frame: str | None = None


DECODER = msgspec.json.Decoder(Line)


def cut_lines(buffer: bytes | bytearray | memoryview) -> int:
    """Bytes up to and with the last line end; all of it where a line grows longer than any sender's."""
    whole = bytes(buffer).rfind(b"\n") + 1
    return whole if len(buffer) - whole <= MAX_LINE_BYTES else len(buffer)


def looks_like_frames(head: bytes, name: str) -> bool:
    """True where the first line is a JSON object with a time and a frame."""
    read = _read(head.split(b"\n", 1)[0])
    return not isinstance(read, Reject)


MANIFEST = Manifest(
    name="modes-jsonl",
    title="Mode S frames as JSON lines with a time (jet1090)",
    sensor_kinds=("cooperative",),
    sources=("tcp", "tcp-listen", "udp", "file"),
    cut=cut_lines,
    sniff=looks_like_frames,
)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No options: where the receiver is and how far it hears stand with the sensor in the site file."""


def _read(line: bytes) -> tuple[int, bytes] | Reject:
    """Time in ns and bytes of a line's frame, or why there are none."""
    if len(line) > MAX_LINE_BYTES:
        return Reject.MALFORMED
    try:
        read = DECODER.decode(line)
        payload = b"" if read.frame is None else bytes.fromhex(read.frame)
    except (msgspec.DecodeError, ValueError, RecursionError):  # no JSON, no UTF-8, wrong types, no hex, nested for ever
        return Reject.MALFORMED
    if len(payload) not in FRAME_BYTES:
        return Reject.MALFORMED
    if read.timestamp is None:
        return Reject.NO_TIME
    if not 0.0 <= read.timestamp <= MAX_SECONDS:
        return Reject.OUT_OF_RANGE
    # receivers give microseconds, and a float64 of today's seconds holds no more
    return round(read.timestamp * 1e6) * 1000, payload


def _frames(lines: list[bytes], faults: Counter[Reject]) -> tuple[Ints, Ints, NDArray[np.uint8]]:
    """Times, lengths and payloads of the good lines; the others are added to ``faults``. Empty lines are nothing."""
    times, lengths, payloads = [], [], []
    for line in lines:
        if not line.strip():
            continue
        read = _read(line)
        if isinstance(read, Reject):
            faults[read] += 1
            continue
        t_ns, payload = read
        times.append(t_ns)
        lengths.append(len(payload))
        payloads.append(payload.ljust(14, b"\0"))
    rows = np.frombuffer(bytearray(b"".join(payloads)), np.uint8).reshape(-1, 14)
    return np.array(times, np.int64), np.array(lengths, np.int64), rows


class LineReader:
    """The normaliser of a live stream. The line says when its frame was heard."""

    def __init__(self, setting: Setting) -> None:
        self._receiver = Receiver(setting)

    def __call__(self, frame: Frame) -> Normalised:
        """Lines in order; the last needs no line end. Never raises: what is no frame is counted."""
        faults = Counter[Reject]()
        times_ns, lengths, payloads = _frames(frame.payload.split(b"\n"), faults)
        received_ns = np.full(len(times_ns), frame.t_recv_ns, np.int64)
        return with_faults(self._receiver.step(Frames(lengths, payloads, times_ns, received_ns)), faults)


def setting_of(sensor: Sensor) -> Setting:
    return Setting.of(sensor, SIGMA_PRESSURE_ALTITUDE_M, SIGMA_GEOID_M)


def open_feed(config: Config, sensor: Sensor, site: Site) -> LineReader:
    warm_up()
    return LineReader(setting_of(sensor))


def read_file(path: Path, config: Config, sensor: Sensor, site: Site, start_ns: int | None) -> Iterator[Normalised]:
    """A recording, plain or gzip, in batches of 50 ms, received when it says. ``start_ns`` is not needed."""
    receiver, faults = Receiver(setting_of(sensor)), Counter[Reject]()
    for result in play(receiver, _frames_of(path, faults)):
        yield with_faults(result, faults)
        faults.clear()
    if faults:
        yield Normalised((), faults.total(), Counter(faults), receiver.held)


def _frames_of(path: Path, faults: Counter[Reject]) -> Iterator[Frames]:
    kept = b""
    try:
        for piece in pieces_of(path):
            data = kept + piece
            n = cut_lines(data)
            kept = data[n:]
            yield _timed(data[:n], faults)
    except Truncated:
        faults[Reject.TRUNCATED] += 1
    yield _timed(kept, faults)


def _timed(data: bytes, faults: Counter[Reject]) -> Frames:
    times_ns, lengths, payloads = _frames(data.split(b"\n"), faults)
    return Frames(lengths, payloads, times_ns, times_ns)
