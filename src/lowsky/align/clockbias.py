"""What a sensor's times say about its clock and about the way to us. Shown, never applied."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from lowsky.model.measurement import MeasurementBatch

WINDOW = 64  # batches looked back; at one look a second about a minute
ENOUGH = 5  # batches before anything is said


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    r"""Of the last ``WINDOW`` batches of one sensor.

    One-way times cannot tell a fast clock from a fast line. With d the delay of a message, o the sensor's clock
    minus UTC and ℓ = t_recv − t_meas what we see::

        ℓ = d − o,   0 ≤ d,   min d ≤ latency_s      ⇒      −min ℓ ≤ o ≤ latency_s − min ℓ

    so an interval is given for o, and the clock is *plausible* when it holds 0.
    """

    batches: int
    latency_s: float  # median of ℓ
    spread_s: float  # median absolute deviation of ℓ
    offset_low_s: float
    offset_high_s: float

    @property
    def plausible(self) -> bool:
        return self.offset_low_s <= 0.0 <= self.offset_high_s

    def __str__(self) -> str:
        if self.plausible:
            return f"latency {self.latency_s:.3f} s"
        nearest = self.offset_low_s if self.offset_low_s > 0.0 else self.offset_high_s
        way = "ahead of" if nearest > 0.0 else "behind"
        return f"clock at least {abs(nearest):.3f} s {way} UTC"


class ClockBias:
    """Watches one sensor's t_recv − t_meas, after the site's ``clock_offset_s`` and before any row is rejected."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._seen: deque[float] = deque(maxlen=WINDOW)

    def see(self, batch: MeasurementBatch) -> None:
        """Take the batch's quickest row: the others waited in a buffer (or for the end of the look)."""
        if len(batch) == 1:
            self._seen.append((int(batch.t_recv_ns[0]) - int(batch.t_meas_ns[0])) * 1e-9)
        elif len(batch):
            self._seen.append(int((batch.t_recv_ns - batch.t_meas_ns).min()) * 1e-9)

    def estimate(self) -> ClockEstimate | None:
        """None until ``ENOUGH`` batches were seen."""
        if len(self._seen) < ENOUGH:
            return None
        seen = np.array(self._seen)
        median = float(np.median(seen))
        fastest = float(seen.min())
        return ClockEstimate(
            batches=len(seen),
            latency_s=median,
            spread_s=float(np.median(np.abs(seen - median))),
            offset_low_s=-fastest,
            offset_high_s=self._latency_s - fastest,
        )
