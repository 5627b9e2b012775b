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
    """One moment: a keyframe (zstd) and the state text that was current."""

    t_ns: int
    frame: bytes
    state: bytes


class History:
    """Samples of the picture, twice a second of scene time, bounded in bytes and in time.

    Starts anew when the epoch does. Labels of tracks that are gone are kept beside, bounded as well.
    """

    def __init__(self, keep_ns: int = KEEP_NS, keep_bytes: int = KEEP_BYTES) -> None:
        self._keep_ns, self._keep_bytes = keep_ns, keep_bytes
        self._samples: deque[Sample] = deque()
        self._times: list[int] = []  # of the samples, for bisection; rebuilt lazily
        self._epoch = -1
        self._compress = zstandard.ZstdCompressor(level=1).compress
        self._expand = zstandard.ZstdDecompressor().decompress
        self.bytes = 0
        self.labels: dict[int, Label] = {}

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
        raw = pack(encoder.rows, (), KEYFRAME | HISTORY, 0, t_ns, encoder.head(picture))
        self._append(Sample(t_ns, self._compress(raw), state))
        self.labels.update(encoder.labels)
        while len(self.labels) > LABELS_KEPT:
            self.labels.pop(next(iter(self.labels)))

    def _append(self, sample: Sample) -> None:
        # the state text is shared by neighbours; counting it for each errs on the safe side
        self._samples.append(sample)
        self.bytes += len(sample.frame) + len(sample.state)
        while self._samples and (self.bytes > self._keep_bytes or sample.t_ns - self._samples[0].t_ns > self._keep_ns):
            old = self._samples.popleft()
            self.bytes -= len(old.frame) + len(old.state)
        self._times = []

    def clear(self) -> None:
        self._samples.clear()
        self._times = []
        self.labels.clear()
        self.bytes = 0

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

    def frame_of(self, sample: Sample) -> bytearray:
        """The keyframe of a sample; ``seq`` and ``t_sent`` are the sender's to fill in."""
        return bytearray(self._expand(sample.frame))
