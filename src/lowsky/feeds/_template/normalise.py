"""Lines of text to one batch of reports.

==========  ===================  ==========================
Field       On the wire          Here
==========  ===================  ==========================
TIME        s since 1970 UTC     ``t_meas_ns``
LATITUDE    deg north            ``z[:, 0]`` rad
LONGITUDE   deg east             ``z[:, 1]`` rad
==========  ===================  ==========================

Everything else of ``z`` is NaN: not measured, so the tracker does not take it for 0.
"""

import math
from collections import Counter

import numpy as np

from lowsky.errors import DecodeError, Truncated
from lowsky.model.measurement import MeasurementBatch, MeasurementKind, Reject
from lowsky.model.ports import Frame, Normalised

FIELDS = 3
MAX_SECONDS = 4_102_444_800  # the year 2100
MAX_FRAME_BYTES = 1 << 20
MAX_LINE_BYTES = 4096


def cut_lines(data: bytes | bytearray | memoryview) -> int:
    """Bytes up to and with the last line end; 0 where there is none yet."""
    return bytes(data).rfind(b"\n") + 1


def looks_like_lines(head: bytes, name: str) -> bool:
    """True where the first line is three numbers."""
    return _numbers(head.split(b"\n", 1)[0]) is not None


def _numbers(line: bytes) -> tuple[float, float, float] | None:
    try:
        fields = [float(field) for field in line.decode("ascii").split()]
    except ValueError:  # UnicodeDecodeError is one, too
        return None
    if len(fields) != FIELDS or not all(map(math.isfinite, fields)):
        return None
    return fields[0], fields[1], fields[2]


def time_of(line: bytes) -> int:
    """UTC nanoseconds a line says, 0 where it says none that can be."""
    numbers = _numbers(line)
    return round(numbers[0] * 1e9) if numbers is not None and 0.0 <= numbers[0] < MAX_SECONDS else 0


class LineReader:
    """The normaliser. ``Σ records = Σ measurements + Σ rejected``; nothing is held back."""

    def __init__(self, sensor: str, sigma_m: float | None) -> None:
        self._sensor = sensor
        self._sigma_m = math.nan if sigma_m is None else sigma_m

    def __call__(self, frame: Frame) -> Normalised:
        """One line is one record. Raises ``Truncated`` where the last line has no end, ``DecodeError`` where the
        frame is larger than any sender's."""
        if len(frame.payload) > MAX_FRAME_BYTES:
            raise DecodeError("frame too large", MAX_FRAME_BYTES, frame.payload)
        if not frame.payload.endswith(b"\n"):
            raise Truncated("line without an end", len(frame.payload), frame.payload)
        lines = frame.payload.split(b"\n")[:-1]
        rejected: Counter[Reject] = Counter()
        rows = []
        for line in lines:
            numbers = _numbers(line)
            if numbers is None:
                rejected[Reject.MALFORMED] += 1
            elif not 0.0 <= numbers[0] < MAX_SECONDS or abs(numbers[1]) > 90.0 or abs(numbers[2]) > 180.0:
                rejected[Reject.OUT_OF_RANGE] += 1
            else:
                rows.append(numbers)
        batches = (self._batch(rows, frame.t_recv_ns),) if rows else ()
        return Normalised(batches, len(lines), rejected)

    def _batch(self, rows: list[tuple[float, float, float]], t_recv_ns: int) -> MeasurementBatch:
        z = np.full((len(rows), 6), np.nan)
        z[:, :2] = np.radians([row[1:] for row in rows])
        sigma = np.full(z.shape, np.nan)
        sigma[:, :2] = self._sigma_m
        return MeasurementBatch(
            self._sensor,
            MeasurementKind.REPORT,
            t_meas_ns=np.array([round(row[0] * 1e9) for row in rows], np.int64),
            t_recv_ns=np.full(len(rows), t_recv_ns, np.int64),
            z=z,
            sigma=sigma,
        )
