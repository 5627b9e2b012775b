"""How many objects there are that no track stands for yet, how often new ones come and old ones go: learnt."""

import math
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.kernels.existence import found_so_far, reconsider
from lowsky.model.measurement import Coverage, Floats, Ints, MeasurementKind
from lowsky.track.clutter import share_of_look
from lowsky.track.rows import Station
from lowsky.track.settings import TrackerSettings
from lowsky.track.table import TrackTable

LEAST_R = 0.02
"""Candidates below it are left out of what was found: thousands of them together are hardly one object."""
FIRST_LOOK = 0.7
"""As long as more than this share of what was there is unseen, the number of rows tells how many objects there are."""
NUMBERS = np.geomspace(1e-3, 1e5, 200)
AZIMUTHS, RANGES = 16, 8
"""Parts of a radar's volume in which new objects are counted by where they were first seen."""
LATTICE = (8, 24, 6)
"""Points in range, azimuth and elevation by which the volumes of radars are compared."""


@dataclass(slots=True)
class Volume:
    """What is known of the objects in one radar's volume."""

    unseen: float = 1.0  # share of those there from the start that no look has found
    came: float = 0.0  # undetected ones that came since
    found_at_start: float = 0.0  # tracks that probably were there from the start
    found: float = 0.0  # … that came since; fading
    watched_s: float = 0.0  # fading
    t_look_ns: int = 0
    expected: float = 0.0  # of all undetected ones, at its last look
    there: float = 0.0  # objects from the start, as the number of rows in the first looks tells
    nobodys: float = 0.0  # rows of the first looks that were no track's …
    false: float = 0.0  # … of which so many should be false …
    seen: float = 0.0  # … and the chance that an object is among them
    at_start: float = 0.0  # objects there from the start …
    coming_per_s: float = 0.0  # … and that come, as its last look knew
    by_azimuth: list[float] = field(default_factory=lambda: [0.0] * AZIMUTHS)  # where those found that came were …
    by_range: list[float] = field(default_factory=lambda: [0.0] * RANGES)  # … first seen; fading


class Population:
    """Expected number of undetected objects in the volume of each radar, and the rates behind it.

    Who is undetected was there from the start (N₀ of them are expected), or came since. Both are Poisson numbers whose
    rates have gamma priors of shape a, and learn from what is found: the sum of the tracks' existence, split by what
    each probably was when it was born. With u the share of the former that no look has found::

        λ = u N₀ (a + found₀)/(a + N₀ (1 − u)) + c          u ← (1 − P_D) u,  c ← (1 − P_D) c  with each look
        c ← e^{−δΔ} c + (1 − e^{−δΔ}) B/δ                   B = (a + found)/(a/B₀ + watched)
        δ = min((a + ended)/(a τ + followed), 1/τ)

    Found and watched fade (``births_memory_s``), or it would take as long to believe that nobody comes any more.

    Who comes, comes from somewhere: of those found, sectors of azimuth and bands of range in which they were first seen
    are counted, each beside a few (``birthplace_prior``) that may be anywhere; where both are likely, new ones are.
    """

    def __init__(self, stations: list[Station], settings: TrackerSettings) -> None:
        self._settings = settings
        self._radars = [station for station in stations if station.kind == MeasurementKind.RADAR]
        self._at = {station.index: k for k, station in enumerate(self._radars)}
        self._overlap = [[overlap(one, other) for other in self._radars] for one in self._radars]
        there = settings.objects_at_start
        self._volumes = [Volume(there=there, at_start=there) for _ in self._radars]
        self._ended = 0
        self._followed_s = 0.0  # object-seconds
        self._t_ns = 0
        self._t_count_ns = 0

    @property
    def end_rate(self) -> float:
        """How often an object goes, 1/s; never oftener than the settings say, for many ends are of false tracks and of
        second ones."""
        shape, stay_s = self._settings.population_shape, self._settings.survival_s
        return min((shape + self._ended) / (shape * stay_s + self._followed_s), 1.0 / stay_s)

    def advance(self, t_ns: int) -> None:
        """Objects come as time passes."""
        dt = (t_ns - self._t_ns) / SECOND_NS if self._t_ns else 0.0
        self._t_ns = max(self._t_ns, t_ns)
        if dt <= 0.0:
            return
        end_rate = self.end_rate
        fade, stay = math.exp(-dt / self._settings.births_memory_s), math.exp(-dt * end_rate)
        for volume in self._volumes:
            volume.came = stay * volume.came + (1.0 - stay) * self._coming(volume) / end_rate
            volume.watched_s = fade * volume.watched_s + dt
            volume.found *= fade

    def undetected(self, station: Station) -> tuple[float, float]:
        """Expected number in the radar's volume now; the share of them that was there from the start."""
        volume = self._volumes[self._at[station.index]]
        from_start = volume.unseen * self._at_start(volume)
        number = from_start + volume.came
        return number, from_start / max(number, 1e-300)

    def times(self, station: Station, z: Floats) -> Floats:
        """How many times as many are undetected where rows float64[N, 6] are as there were, were they spread evenly."""
        share = self.undetected(station)[1]
        return np.asarray(share + (1.0 - share) * self._coming_there(station, z))

    def from_start(self, station: Station, z: Floats) -> Floats:
        """Of undetected objects where rows float64[N, 6] are, the share that was there from the start."""
        share = self.undetected(station)[1]
        return np.asarray(share / np.maximum(share + (1.0 - share) * self._coming_there(station, z), 1e-300))

    def _coming_there(self, station: Station, z: Floats) -> Floats:
        volume, prior = self._volumes[self._at[station.index]], self._settings.birthplace_prior
        cell, times = cells(station, z), np.ones(len(z))
        for part, found in ((cell // RANGES, volume.by_azimuth), (cell % RANGES, volume.by_range)):
            number = np.array(found)
            times *= ((number * len(number) + prior) / (number.sum() + prior))[part]
        return times

    def count(self, station: Station, table: TrackTable, coverage: Coverage | None, t_ns: int, nobodys: float) -> None:
        """What is found now that a look is associated, and how long objects have been followed. ``nobodys``: rows of
        the look that are no track's."""
        volume = self._volumes[self._at[station.index]]
        if volume.unseen > FIRST_LOOK:
            share = share_of_look(station, coverage, t_ns, volume.t_look_ns)
            volume.nobodys += nobodys
            volume.false += share * station.clutter
            volume.seen += volume.unseen * (1.0 - (1.0 - station.p_detect) ** share)
            settings = self._settings
            volume.there = objects_among(
                volume.nobodys, volume.false, volume.seen, settings.objects_at_start, settings.population_shape,
                settings.clutter_known,
            )  # fmt: skip
        by_azimuth, by_range = np.empty(AZIMUTHS), np.empty(RANGES)
        volume.found_at_start, volume.found, followed = found_so_far(
            table.n, t_ns, 1.0 / (self._settings.births_memory_s * SECOND_NS), LEAST_R, table.r, table.hits,
            table.has_identity, table.start_share, table.t_born_ns, table.t_hit_ns, table.born_by, table.born_cell,
            station.index, by_azimuth, by_range,
        )  # fmt: skip
        volume.by_azimuth, volume.by_range = by_azimuth.tolist(), by_range.tolist()
        volume.expected = self.undetected(station)[0]
        at_start, coming = self._at_start(volume), self._coming(volume)
        reconsider(
            table.n, station.index, at_start / volume.at_start, coming / (volume.coming_per_s or coming), table.r,
            table.status, table.born_by, table.start_share,
        )  # fmt: skip
        volume.at_start, volume.coming_per_s = at_start, coming
        if self._t_count_ns:
            self._followed_s += followed * max((t_ns - self._t_count_ns) / SECOND_NS, 0.0)
        self._t_count_ns = max(self._t_count_ns, t_ns)

    def take_look(self, station: Station, coverage: Coverage | None, t_ns: int) -> None:
        """Fewer are undetected behind a look, in the radar's volume and where others' overlap with it."""
        k = self._at[station.index]
        share = share_of_look(station, coverage, t_ns, self._volumes[k].t_look_ns)
        self._volumes[k].t_look_ns = max(self._volumes[k].t_look_ns, t_ns)
        seen = 1.0 - (1.0 - station.p_detect) ** share
        for volume, part in zip(self._volumes, self._overlap[k], strict=True):
            volume.unseen *= 1.0 - seen * part
            volume.came *= 1.0 - seen * part

    def birth_share(self) -> float:
        """Of the plots that nobody explains, the share that is new objects: the least of any radar's last look."""
        least = 1.0
        for station, volume in zip(self._radars, self._volumes, strict=True):
            if volume.expected > 0.0:
                new = station.p_detect * volume.expected
                least = min(least, new / (station.clutter + new))
        return least

    def note_end(self) -> None:
        """A track that looks had followed was found to be there no more."""
        self._ended += 1

    def _at_start(self, volume: Volume) -> float:
        """Objects that were there from the start, found or not."""
        shape = self._settings.population_shape
        return volume.there * (shape + volume.found_at_start) / (shape + volume.there * (1.0 - volume.unseen))

    def _coming(self, volume: Volume) -> float:
        """New objects per second."""
        shape = self._settings.births_shape
        return (shape + volume.found) / (shape / self._settings.objects_per_s + volume.watched_s)

    def dump(self) -> list[Any]:
        own = [self._ended, self._followed_s, self._t_ns, self._t_count_ns]
        return [own, [list(astuple(volume)) for volume in self._volumes]]

    def load(self, saved: list[Any]) -> None:
        self._ended, self._followed_s, self._t_ns, self._t_count_ns = saved[0]
        self._volumes = [Volume(*columns) for columns in saved[1]]


def objects_among(rows: float, false: float, seen: float, mean: float, shape: float, known: float) -> float:
    """Expected number of objects, each seen with probability ``seen``, when there are so many ``rows``, of which
    ``false`` should be false, give or take ``known`` times that (1σ). Their number has a gamma prior."""
    number = NUMBERS
    expected = false + seen * number
    var = np.maximum(expected + (known * false) ** 2, 1e-6)
    log_p = shape * np.log(number) - shape * number / mean - 0.5 * np.log(var) - 0.5 * (rows - expected) ** 2 / var
    p = np.exp(log_p - log_p.max())
    return float((p * number).sum() / p.sum())


def cells(station: Station, z: Floats) -> Ints:
    """In which part of a radar's volume rows float64[N, 6] lie: azimuth times ``RANGES``, plus range; int64[N]."""
    turn = (z[:, 1] - station.limits[2]) % (2.0 * math.pi)
    azimuth = np.minimum((turn / station.extent[1] * AZIMUTHS).astype(np.int64), AZIMUTHS - 1)
    return azimuth * RANGES + np.clip((z[:, 0] - station.limits[0]) / station.extent[0] * RANGES, 0, RANGES - 1).astype(
        np.int64
    )


def overlap(seeing: Station, other: Station) -> float:
    """Share of ``other``'s volume that ``seeing`` sees, too, by points spread evenly over what the other measures."""
    if seeing is other:
        return 1.0
    low = np.array([other.limits[0], other.limits[2], other.limits[4]])
    steps = [(np.arange(n) + 0.5) / n for n in LATTICE]
    at = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    r, azimuth, elevation = (low + at * other.extent[:3]).T
    local = np.column_stack(
        (np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation))
    )
    d = (r[:, None] * local @ other.C[0] + other.origin[0] - seeing.origin[0]) @ seeing.C[0].T
    return float(_inside(d, seeing.limits).mean())


def _inside(d: Floats, limits: Floats) -> Floats:
    """1.0 where points float64[N, 3] of a sensor's axes lie within its limits, else 0.0."""
    r = np.linalg.norm(d, axis=1)
    elevation = np.arcsin(d[:, 2] / np.maximum(r, 1e-9))
    turn = (np.arctan2(d[:, 0], d[:, 1]) - limits[2]) % (2.0 * math.pi)
    inside = (r >= limits[0]) & (r <= limits[1]) & (elevation >= limits[4]) & (elevation <= limits[5])
    return np.where(inside & ((turn <= limits[3] - limits[2]) | (limits[3] - limits[2] >= 2.0 * math.pi)), 1.0, 0.0)
