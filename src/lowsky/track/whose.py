"""Who is who after close flight: of each declared identity in doubt, the tracks it may be of (identity mass)."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints
from lowsky.track.table import TrackTable

LEAST = 1e-3
"""Less of an identity than this in a track is nothing, and all but this much is sure."""
TRACKS_MOST = 16
"""In so many tracks an identity is kept; what is left of it is elsewhere."""
ELSEWHERE_PER_M2 = 1.0 / (math.pi * 300.0**2)
"""How dense the reports of an object that is in none of its tracks are: it is within 300 m of them."""


@dataclass(slots=True)
class Whose:
    """Identity → serial of a track → probability that the object which declared it is this track's.

    Identities that are sure are not in it, so it is empty unless named objects fly close. Sums are at most 1.
    Source: docs/science, section 1.11; Shin, Guibas, Zhao, "A distributed algorithm for managing multi-target
    identities in wireless ad-hoc sensor networks", 2003: masses mix as tracks do, and evidence makes them sharp again.
    """

    of: dict[str, dict[int, float]] = field(default_factory=dict)
    holder: dict[str, int] = field(default_factory=dict)  # of each of these the track that carries it

    def mix(self, table: TrackTable, rows: Ints, mixing: Floats, speaks: NDArray[np.bool_]) -> None:
        """Tracks of one group (table rows int64[K]) may have changed places: ``mixing`` float64[K, K], [k, k'] how much
        of what was of track k' is now in k. Who ``speaks`` (bool[K]: reports itself now) says where he is."""
        serials = table.serial[rows].tolist()
        named = np.flatnonzero(table.has_identity[rows] & ~speaks).tolist()
        own = {table.facts[serials[k]].identity: serials[k] for k in named}
        silent = set(serials) - set(np.array(serials)[speaks].tolist())
        names = set(own) | {name for name in self.of if self.holder[name] in silent}
        names |= {
            n for n, mass in self.of.items() if self.holder[n] not in serials and not mass.keys().isdisjoint(serials)
        }
        for name in sorted(n for n in names if n is not None):
            self.holder[name] = own.get(name, self.holder.get(name, 0))
            mass = self.of.get(name) or {own[name]: 1.0}
            inside = mixing @ np.array([mass.get(serial, 0.0) for serial in serials])
            self._keep(table, name, mass | dict(zip(serials, inside.tolist(), strict=True)))

    def heard(
        self, table: TrackTable, name: str, place: Floats, var: Floats, t_ns: int, lag_s: float
    ) -> tuple[int, float]:
        """A report of an identity in doubt, at ``place`` (east, north m; variances ``var`` m²; late by ``lag_s``): the
        track it most probably is of now, by serial, and how probably; 0 and 0.0 where it is sure or of nobody."""
        mass = self.of.get(name)
        if mass is None:
            return 0, 0.0
        row_of = self._rows(table, mass)
        weight = {
            serial: mass[serial] * _density(table, row, place, var, t_ns, lag_s) for serial, row in row_of.items()
        }
        elsewhere = max(1.0 - sum(mass[serial] for serial in row_of), 0.0) * ELSEWHERE_PER_M2
        total = sum(weight.values()) + elsewhere
        if not total > 0.0 or not math.isfinite(total):
            return 0, 0.0
        after = {serial: w / total for serial, w in weight.items()}
        self._keep(table, name, after)
        self._give_room(table, name, after)
        best = max(after, key=lambda serial: (after[serial], -serial), default=0)
        return best, after.get(best, 0.0)

    def _give_room(self, table: TrackTable, name: str, after: dict[int, float]) -> None:
        """What is this identity's is no other's: one pass of Sinkhorn's scaling over the others."""
        for other in sorted(self.of):
            mass = self.of[other]
            if other == name or mass.keys().isdisjoint(after):
                continue
            left = {serial: p * (1.0 - after.get(serial, 0.0)) for serial, p in mass.items()}
            scale = sum(mass.values()) / max(sum(left.values()), 1e-12)
            self._keep(table, other, {serial: p * scale for serial, p in left.items()})

    def moved(self, table: TrackTable, name: str, serial: int) -> None:
        """An identity was given to another track: its doubt is now that track's."""
        if name in self.of:
            self.holder[name] = serial
            self._keep(table, name, self.of[name])

    def merged(self, stays: int, goes: int) -> None:
        """Two tracks became one (serials)."""
        for mass in self.of.values():
            if goes in mass:
                mass[stays] = mass.get(stays, 0.0) + mass.pop(goes)

    def forget(self, name: str) -> None:
        self.of.pop(name, None)
        self.holder.pop(name, None)

    def _keep(self, table: TrackTable, name: str, mass: dict[int, float]) -> None:
        kept = sorted(((serial, p) for serial, p in mass.items() if p >= LEAST), key=lambda item: (-item[1], item[0]))
        self.of[name] = dict(kept[:TRACKS_MOST])
        holder = self.holder[name]
        doubt = min(max(1.0 - mass.get(holder, 0.0), 0.0), 1.0)
        if doubt < LEAST:
            self.forget(name)
            doubt = 0.0
        if (facts := table.facts.get(holder)) is not None:
            table.doubt[facts.row] = doubt

    @staticmethod
    def _rows(table: TrackTable, mass: dict[int, float]) -> dict[int, int]:
        """Of those tracks that are still there, their rows."""
        alive = table.serial[: table.n]
        rows = np.flatnonzero(np.isin(alive, list(mass)))
        return dict(sorted(zip(alive[rows].tolist(), rows.tolist(), strict=True)))

    def dump(self) -> list[Any]:
        return [[name, self.holder[name], list(mass.items())] for name, mass in self.of.items()]

    def load(self, saved: list[Any]) -> None:
        self.of = {name: {int(serial): float(p) for serial, p in mass} for name, _, mass in saved}
        self.holder = {name: holder for name, holder, _ in saved}


def _density(table: TrackTable, row: int, place: Floats, var: Floats, t_ns: int, lag_s: float) -> float:
    """Of a report at ``place``, if it is this track's: normal, east and north, 1/m²."""
    dt = (t_ns - int(table.t_ns[row])) * 1e-9
    x, P = table.xm[row], table.Pm[row]
    S = P[:2, :2] + dt * (P[:2, 3:5] + P[3:5, :2]) + dt * dt * P[3:5, 3:5]
    S = S + np.diag(var + lag_s * lag_s * (x[3] ** 2 + x[4] ** 2))
    nu = place - x[:2] - dt * x[3:5]
    det = float(S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0])
    if not det > 0.0:
        return 0.0
    d2 = float(S[1, 1] * nu[0] ** 2 - 2.0 * S[0, 1] * nu[0] * nu[1] + S[0, 0] * nu[1] ** 2) / det
    return math.exp(-0.5 * min(d2, 700.0)) / (2.0 * math.pi * math.sqrt(det))
