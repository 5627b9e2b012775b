"""The last half hour in memory, so that a client can look back without touching the live system."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

import zstandard

from lowsky.serve.columns import HISTORY, KEYFRAME
from lowsky.serve.frame import Encoder, Label, pack

SAMPLE_NS = 500_000_000
KEEP_NS = 30 * 60 * 1_000_000_000
KEEP_BYTES = 64 * 1024 * 1024
LABELS_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment: where in the ring its state text and keyframe lie, compressed as one (zstd)."""

    t_ns: int
    start: int
    size: int
    state_bytes: int  # of what it expands to, the state text; the keyframe follows


class History:
    """Samples of the picture, twice a second of scene time, bounded in bytes and in time.

    They lie in a ring of fixed memory, the newest over the oldest: as blocks of their own, each of another size, they
    broke up the heap (docs/decisions/0072). Starts anew when the epoch does. Labels of tracks that are gone are kept
    beside where they say something, bounded as well.
    """

    def __init__(self, keep_ns: int = KEEP_NS, keep_bytes: int = KEEP_BYTES) -> None:
        self._keep_ns = keep_ns
        # multiplied, not bytearray(n): written to, so that a node has all of this memory from its start or not at all
        self._ring = bytearray(b"\xff") * keep_bytes
        self._end = 0  # of the newest sample
        self._samples: deque[Sample] = deque()
        self._times: list[int] = []  # of the samples, for bisection; rebuilt lazily
        self._epoch = -1
        self._compress = zstandard.ZstdCompressor(level=1).compress
        self._expand = zstandard.ZstdDecompressor().decompress
        self.bytes = 0  # in use
        self.labels: dict[int, Label] = {}
        self._labels_of = (-1, -1)  # epoch and version of the encoder's labels kept last

    def __len__(self) -> int:
        return len(self._samples)

    def take(self, encoder: Encoder, state: bytes) -> None:
        """Keep the encoder's picture if the last sample is old enough."""
        picture = encoder.picture
        if picture is None:
            return
        if encoder.epoch != self._epoch:
            self.clear()
            self._epoch = encoder.epoch
        t_ns = picture.snapshot.t_ns
        if self._samples and t_ns - self._samples[-1].t_ns < SAMPLE_NS:
            return
        keyframe = pack(encoder.rows, (), KEYFRAME | HISTORY, 0, t_ns, encoder.head(picture))
        self._append(t_ns, self._compress(state + keyframe), len(state))
        self._keep_labels(encoder)

    def _keep_labels(self, encoder: Encoder) -> None:
        """Those with a word in them: most tracks have none, and false ones come by the thousand."""
        if (encoder.epoch, encoder.labels_version) == self._labels_of:
            return
        self._labels_of = encoder.epoch, encoder.labels_version
        for track_id, label in encoder.labels.items():
            if label.identity is not None or any(label.texts):
                self.labels[track_id] = label
            else:
                self.labels.pop(track_id, None)
        while len(self.labels) > LABELS_KEPT:
            self.labels.pop(next(iter(self.labels)))

    def _append(self, t_ns: int, packed: bytes, state_bytes: int) -> None:
        size = len(packed)
        if size > len(self._ring):
            return
        if self._end + size > len(self._ring):  # a sample is in one piece: go on at the beginning
            self._forget_from(self._end, len(self._ring))
            self._end = 0
        self._forget_from(self._end, self._end + size)
        while self._samples and t_ns - self._samples[0].t_ns > self._keep_ns:
            self._forget_oldest()
        self._ring[self._end : self._end + size] = packed
        self._samples.append(Sample(t_ns, self._end, size, state_bytes))
        self._end += size
        self.bytes += size
        self._times = []

    def _forget_from(self, start: int, stop: int) -> None:
        """The oldest samples, as long as they begin in this part of the ring."""
        while self._samples and start <= self._samples[0].start < stop:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self.bytes -= self._samples.popleft().size

    def clear(self) -> None:
        self._samples.clear()
        self._times = []
        self.labels.clear()
        self.bytes = self._end = 0

    def span_ns(self) -> tuple[int, int] | None:
        """First and last moment held; None while there is none."""
        return (self._samples[0].t_ns, self._samples[-1].t_ns) if self._samples else None

    def at(self, t_ns: int) -> Sample | None:
        """The last sample not after ``t_ns``; the first one where all are later."""
        if not self._samples:
            return None
        if len(self._times) != len(self._samples):
            self._times = [sample.t_ns for sample in self._samples]
        return self._samples[max(0, bisect_right(self._times, t_ns) - 1)]

    def read(self, sample: Sample) -> tuple[bytes, bytearray]:
        """State text and keyframe of a sample that ``at`` has just given: the next ``take`` may write over it.

        ``seq`` and ``t_sent`` of the keyframe are the sender's to fill in.
        """
        expanded = self._expand(memoryview(self._ring)[sample.start : sample.start + sample.size])
        return expanded[: sample.state_bytes], bytearray(memoryview(expanded)[sample.state_bytes :])
