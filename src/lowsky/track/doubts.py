"""Is what a sensor says credible? Rows that say nothing new are left out, and what is odd is told in words."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowsky.kernels.registration import AZIMUTH, EAST, ELEVATION, NORTH, RANGE, TIME
from lowsky.model.measurement import Floats, Ints, MeasurementKind
from lowsky.track.rows import Rows, Station
from lowsky.track.sensor_errors import SensorErrors

RECENT = 0.05  # weight of one look in a mean: it remembers some twenty
LOOKS_LEAST = 15  # before anything is said of a sensor
FROZEN_SHARE = 0.8  # of a look's rows that were in the look before, digit by digit
FROZEN_LOOKS = 3  # in a row …
FROZEN_ROWS = 3  # … of so many rows; fewer may be the truth
BROKEN_SHARE = 0.5  # of its rows that cannot be used
COPIED_SHARE = 0.1  # of its rows that are there twice
SCATTER_MOST = 2.0  # mean d² per component of rows that are surely a track's; 1 is honest
SCATTER_ROWS = 100
CLUTTER_TIMES = 5.0  # what the site file says; "patchy" or "a rainy day" is no fault
CLUTTER_MORE = 5.0  # … and so many more rows a look
OFF_SIGMA = 3.0  # of its rows' own noise: from there on the site file should be put right
OFF_TIME_S = 0.2
OFF_PLACE_M = 20.0


@dataclass(slots=True)
class Doubt:
    """What is remembered of one sensor."""

    looks: int = 0
    z: Floats = field(default_factory=lambda: np.empty((0, 6)))  # the rows of its last look …
    t_ns: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # … and their times
    same: int = 0  # looks in a row that were the one before
    broken: float = 0.0  # mean share of rows that cannot be used
    copied: float = 0.0  # mean share of rows that were there already
    scatter: float = 1.0  # mean d² per component …
    scatter_rows: int = 0  # … of so many
    false: float = math.nan  # rows a look that are nobody's

    ARRAYS = ("z", "t_ns")
    NUMBERS = ("looks", "same", "broken", "copied", "scatter", "scatter_rows", "false")

    @property
    def is_frozen(self) -> bool:
        return self.same >= FROZEN_LOOKS

    def sift(self, rows: Rows, given: int) -> tuple[Rows, int]:
        """Rows without those that say nothing new, and how many were left out of ``given``, the batch's."""
        self.looks += 1
        self.broken += RECENT * ((given - len(rows)) / max(given, 1) - self.broken)
        fresh = ~_as_before(rows)
        if len(rows) and len(rows) == len(self.z) and np.array_equal(rows.t_ns, self.t_ns):
            fresh &= not np.array_equal(rows.z, self.z, equal_nan=True)  # the same look once more
        elif rows.kind == MeasurementKind.RADAR:
            is_same = len(rows) >= FROZEN_ROWS and _share_in(rows.z, self.z) >= FROZEN_SHARE
            self.same = self.same + 1 if is_same else 0
        self.z, self.t_ns = rows.z, rows.t_ns
        copies = len(rows) - int(fresh.sum())
        if len(rows):
            self.copied += RECENT * (copies / len(rows) - self.copied)
        return (rows.take(np.flatnonzero(fresh)) if copies else rows), copies

    def note(self, d2: Floats, components: Ints, false: float | None) -> None:
        """d² and components of rows that surely were a track's; rows of a look that are nobody's, where it says so."""
        if len(d2):
            share = min(RECENT * len(d2) ** 0.5, 0.5)
            self.scatter += share * (float(d2.sum() / components.sum()) - self.scatter)
            self.scatter_rows += len(d2)
        if false is not None:
            self.false = false if math.isnan(self.false) else self.false + RECENT * (false - self.false)

    def reason(self, station: Station, errors: SensorErrors | None, correction: Floats) -> str:
        """What is wrong with it, the worst first; "" where nothing is. ``correction``: β as taken off its rows."""
        if self.is_frozen:
            return f"its plots have been the same for {self.same + 1} looks; not used"
        if self.looks >= LOOKS_LEAST and self.broken > BROKEN_SHARE:
            return f"{self.broken:.0%} of its rows cannot be used"
        if errors is not None and errors.lost and not errors.found:
            return "its rows are no longer where they should be: moved or turned?"
        # first, for whoever understates his noise seems off by many σ of it, too
        if self.scatter_rows >= SCATTER_ROWS and self.scatter > SCATTER_MOST:
            return f"its rows scatter {math.sqrt(self.scatter):.1f} times as wide as stated"
        if words := off(station, correction, "" if errors is None else errors.relative_to):
            return words
        if self.looks >= LOOKS_LEAST and self.copied > COPIED_SHARE:
            return f"{self.copied:.0%} of its rows come twice; used once"
        expected = station.sensor.clutter_per_look
        if self.looks >= LOOKS_LEAST and self.false > CLUTTER_TIMES * expected + CLUTTER_MORE:
            return f"{self.false:.0f} false plots a look, the site file says {expected:g}"
        return ""

    def dump(self) -> list[Any]:
        arrays = [[list(getattr(self, name).shape), getattr(self, name).tobytes()] for name in self.ARRAYS]
        return [arrays, [getattr(self, name) for name in self.NUMBERS]]

    def load(self, saved: list[Any]) -> None:
        for name, (shape, data) in zip(self.ARRAYS, saved[0], strict=True):
            setattr(self, name, np.frombuffer(data, getattr(self, name).dtype).reshape(shape))
        for name, value in zip(self.NUMBERS, saved[1], strict=True):
            setattr(self, name, value)


def off(station: Station, b: Floats, relative_to: str) -> str:
    """Its corrected errors β in words, where they are beyond what its site entry may leave; "" else."""
    sigma = station.sigma if station.kind == MeasurementKind.RADAR else np.array([math.inf, *station.sigma[:2]])
    words = [
        (abs(b[RANGE]) > OFF_SIGMA * sigma[0], f"{b[RANGE]:+.0f} m in range"),
        (abs(b[AZIMUTH]) > OFF_SIGMA * sigma[1], f"{math.degrees(b[AZIMUTH]):+.2f}° in azimuth"),
        (abs(b[ELEVATION]) > OFF_SIGMA * sigma[2], f"{math.degrees(b[ELEVATION]):+.2f}° in elevation"),
        (abs(b[TIME]) > OFF_TIME_S, f"{b[TIME]:+.2f} s in time"),
        (math.hypot(b[EAST], b[NORTH]) > OFF_PLACE_M, f"{b[EAST]:+.0f} m east, {b[NORTH]:+.0f} m north in place"),
    ]
    said = ", ".join(text for is_off, text in words if is_off)
    beside = f" relative to {relative_to}" if relative_to else ""
    return f"off by {said}{beside}; corrected" if said else ""


def _as_before(rows: Rows) -> np.ndarray:
    """bool[N]: the row before says the same of the same time (rows are in order of both; none lacks its first)."""
    same = np.zeros(len(rows), np.bool_)
    if len(rows) > 1 and (rows.z[1:, 0] == rows.z[:-1, 0]).any():
        z, t_ns = rows.z, rows.t_ns
        equal = (z[1:] == z[:-1]) | (np.isnan(z[1:]) & np.isnan(z[:-1]))
        same[1:] = equal.all(axis=1) & (t_ns[1:] == t_ns[:-1])
    return same


def _share_in(z: Floats, before: Floats) -> float:
    """Share of the rows of z that are among those of before, digit by digit."""
    n = len(z)
    if not len(before) or not any((before[:, 0] == z[k, 0]).any() for k in (0, n // 2, n - 1)):
        return 0.0  # nearly always, and cheap
    known = {row.tobytes() for row in before}
    return sum(row.tobytes() in known for row in z) / n
