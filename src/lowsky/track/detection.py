"""Where a radar does not see what other sensors see: a map of its detection probability, learnt from their tracks.

A wall, a wood or a filter makes a radar blind where the site file says it sees. Its misses would then end tracks that
others hold. So of each track that another sensor fed within the last seconds, and that surely is there, each look says
how probably it was seen; a cell of the map counts these chances and believes them against the site file once chance
would not explain them. What only the radar itself holds teaches nothing: what it does not see, it does not hold.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints
from lowsky.track.fading import Fading
from lowsky.track.rows import Station
from lowsky.track.settings import TrackerSettings

RANGES, AZIMUTHS = 8, 24
SURELY_INSIDE = 0.9
"""Share of the stated P_D from which a track surely was where the look looked."""
BLIND = 0.25
"""Share of the stated P_D below which it is told."""


class DetectionMap:
    """Chances and detections in cells of range and azimuth of one radar, fading; docs/science 1.7 (beta posterior)."""

    def __init__(self, station: Station, settings: TrackerSettings) -> None:
        self._station, self._settings = station, settings
        self._chances = np.zeros((RANGES, AZIMUTHS))
        self._seen = np.zeros((RANGES, AZIMUTHS))
        self._fading = Fading(settings.detection_memory_s)
        self._t_ns = 0
        self._factor: Floats | None = None  # of P_D by cell; None: as the site file says everywhere

    @property
    def differs(self) -> bool:
        """Is any cell known to see less than the site file says?"""
        return self._factor is not None

    def factors(self, place: Floats) -> Floats:
        """By what P_D is multiplied at places float64[K, 3] of the site's frame, float64[K]."""
        if self._factor is None:
            return np.ones(len(place))
        i, a = self._cells(place)
        return np.asarray(self._factor[i, a])

    def learn(self, place: Floats, expected: Floats, hit: Floats, t_ns: int) -> None:
        """Tracks that other sensors hold: where they were, the P_D that was expected by the site file, and how
        probably they were seen; K each."""
        if not len(place):
            return
        growth = self._growth(t_ns)
        i, a = self._cells(place)
        sure = expected >= SURELY_INSIDE * self._station.p_detect
        np.add.at(self._chances, (i[sure], a[sure]), growth)
        np.add.at(self._seen, (i[sure], a[sure]), np.minimum(hit[sure], 1.0) * growth)
        self._judge(growth)

    def _judge(self, growth: float) -> None:
        p, settings = self._station.p_detect, self._settings
        chances, seen = self._chances / growth, self._seen / growth
        sigma = np.sqrt(np.maximum(chances * p * (1.0 - p), 1e-12))
        is_blind = chances * p - seen > settings.detection_sigmas * sigma + 1.0
        if not is_blind.any():
            self._factor = None
            return
        learnt = (settings.detection_prior * p + seen) / (settings.detection_prior + chances)
        self._factor = np.where(is_blind, np.minimum(learnt / p, 1.0), 1.0)

    def reason(self) -> str:
        """Where it is blind, in words: its worst cell and how many there are; "" where it is not."""
        if self._factor is None or self._factor.min() > BLIND:
            return ""  # that it sees less far off than near by is no fault
        i, a = np.unravel_index(int(self._factor.argmin()), self._factor.shape)
        station, p = self._station, self._station.p_detect
        step_m, step_rad = station.extent[0] / RANGES, station.extent[1] / AZIMUTHS
        near_m = station.limits[0] + i * step_m
        from_deg = math.degrees(station.limits[2] + a * step_rad) % 360.0
        many = int((self._factor < 1.0).sum())
        where = f"at azimuth {from_deg:.0f} to {from_deg + math.degrees(step_rad):.0f}°, "
        where += f"{near_m / 1e3:.1f} to {(near_m + step_m) / 1e3:.1f} km"
        also = f" and less than stated in {many - 1} more places" if many > 1 else ""
        return f"sees {p * self._factor[i, a]:.0%} of what others see {where}{also}; the site file says {p:.0%}"

    def _cells(self, place: Floats) -> tuple[Ints, Ints]:
        station = self._station
        away = (place - station.origin[0]) @ station.C[0].T
        r = np.linalg.norm(away, axis=1)
        turn = (np.arctan2(away[:, 0], away[:, 1]) - station.limits[2]) % (2.0 * math.pi)
        i = np.clip((r - station.limits[0]) / station.extent[0] * RANGES, 0, RANGES - 1).astype(np.int64)
        return i, np.minimum((turn / station.extent[1] * AZIMUTHS).astype(np.int64), AZIMUTHS - 1)

    def _growth(self, t_ns: int) -> float:
        self._t_ns = max(self._t_ns, t_ns)
        return self._fading.growth(self._t_ns, self._chances, self._seen)

    def dump(self) -> list[Any]:
        return [self._fading.t_base_ns, self._t_ns, self._chances.tobytes(), self._seen.tobytes()]

    def load(self, saved: list[Any]) -> None:
        self._fading.t_base_ns, self._t_ns = saved[0], saved[1]
        shape = (RANGES, AZIMUTHS)
        self._chances, self._seen = (np.frombuffer(part, np.float64).reshape(shape).copy() for part in saved[2:])
        self._factor = None
        if self._fading.t_base_ns:
            self._judge(self._growth(self._t_ns))


def held_by_others(r: Floats, t_hit_ns: Ints, own: int, now_ns: int, beside_ns: int) -> NDArray[np.bool_]:
    """bool[T]: tracks that surely are there by what sensors other than number ``own`` saw within ``beside_ns``."""
    others = t_hit_ns.copy()
    others[:, own] = 0
    return np.asarray((r > SURELY_INSIDE) & (others.max(axis=1, initial=0) > now_ns - beside_ns))
