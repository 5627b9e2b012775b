"""JSON lines as they arrive."""

from collections import Counter

import numpy as np

from lowsky.errors import DecodeError
from lowsky.model.measurement import Reject
from lowsky.model.ports import Frame, Normalised
from lowsky.model.site import Site
from lowsky.wire.table.looks import Looks
from lowsky.wire.table.text import MAX_LINE, rows_of_lines
from lowsky.wire.table.verdict import judge

MAX_FRAME = 8 << 20  # a transport hands over far less at once


def cut_lines(payload: bytes | bytearray | memoryview) -> int:
    """Up to and with the last newline. Of a line that is too long all there is, so that nobody waits for its end."""
    whole = bytes(payload).rfind(b"\n") + 1
    return len(payload) if whole == 0 and len(payload) > MAX_LINE else whole


class LineStream:
    """One record is one line that is not blank. ``received`` in a line is not used: it says when somebody else
    received it, and ``t_recv_ns`` is when we did."""

    def __init__(self, site: Site, sensor: str, is_only_own: bool, is_frame_complete: bool) -> None:
        self._site, self._sensor = site, sensor
        self._only = sensor if is_only_own else None
        self._is_frame_complete = is_frame_complete
        self._looks = Looks(site, is_live=True, continues=is_frame_complete)

    def __call__(self, frame: Frame) -> Normalised:
        """Bad lines are counted one by one. Raises ``DecodeError`` for a frame larger than any transport's."""
        if len(frame.payload) > MAX_FRAME:
            raise DecodeError("frame too large", MAX_FRAME, frame.payload)
        lines = [line for line in frame.payload.split(b"\n") if line.strip()]
        rows, rejected = rows_of_lines(lines)
        if not len(rows):
            return Normalised((), len(lines), rejected, self._looks.held)
        rows = rows.received_at(np.full(len(rows), frame.t_recv_ns, np.int64))
        batches, refused = self._looks.step(rows, judge(rows, self._site, self._sensor, self._only))
        if self._is_frame_complete:
            batches += self._looks.close()
        total: Counter[Reject] = rejected + refused
        return Normalised(batches, len(lines), total, self._looks.held)
