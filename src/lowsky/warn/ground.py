"""Zones on the site's plane, and what the kernels say of objects and them."""

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from lowsky.geo.enu import EnuFrame
from lowsky.kernels.zones import NEVER, away_by_runs_m, entry, is_inside, paths
from lowsky.model.measurement import Floats
from lowsky.model.site import Site
from lowsky.model.zone import Zone

STEP_S = 1.0
LEAST_RUN = 8  # edges


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody flies who is on its way, or at work; see ``kernels.zones.paths``."""

    q_level: float  # density of white acceleration, m²/s³
    q_vertical: float
    lasts_s: float  # straight flight between events
    stands: float  # share of events: it stands still …
    turns: float  # … it turns; the rest are pushes
    stand_s: float = 6.0
    turn_s: float = 5.0
    sideways_mps2: float = 4.0  # 22° of bank
    push_mps: float = 7.7  # 20 m²/s³ for 3 s

    def row(self) -> list[float]:
        wander = [math.sqrt(self.q_level / 3.0), math.sqrt(self.q_vertical / 3.0)]
        shares = [self.lasts_s, self.stands, self.turns]
        return [*wander, *shares, self.stand_s, self.turn_s, self.sideways_mps2, self.push_mps]


# The tracker's own picture of flight (docs/decisions/0042, 0044), for a minute ahead: stays in its modes, each left for
# any other with equal probability
ON_ITS_WAY = Habits(q_level=0.1, q_vertical=0.02, lasts_s=300.0, stands=0.0, turns=2.0 / 3.0)
AT_WORK = Habits(q_level=0.1, q_vertical=0.2, lasts_s=10.0, stands=0.25, turns=0.5)
HABITS = np.array([ON_ITS_WAY.row(), AT_WORK.row()])
UNKNOWN_BEHAVIOUR = np.array([0.4, 0.2])  # of what nobody says anything of: a newborn's
N_PATH, N_EVENT = 128, 24


def _draws() -> tuple[Floats, Floats]:
    """Standard normal, and uniform; the same for every object and look, and without bias."""
    rng = np.random.default_rng(20261130)
    half, even = rng.standard_normal((N_PATH // 2, 9)), rng.random((N_PATH // 2, 1 + N_EVENT, 4))
    normals, uniforms = np.concatenate((half, -half)), np.concatenate((even, 1.0 - even))
    for column in range(2):  # of 128 paths just so many are on their way
        uniforms[:, 0, column] = (rng.permutation(N_PATH) + 0.5) / N_PATH
    return normals, np.clip(uniforms, 1e-12, 1.0 - 1e-12)


NORMALS, UNIFORMS = _draws()


@dataclass(frozen=True, slots=True)
class Ways:
    """Where one object may go."""

    places: Floats  # float64[K, S + 1, 3] m
    boxes: Floats  # float64[K, 4] least and greatest east and north of each

    def bounds(self) -> Floats:
        """Of all of them, float64[4]."""
        low, high = self.boxes.min(axis=0), self.boxes.max(axis=0)
        return np.array([low[0], high[1], low[2], high[3]])


def ways_of(x: Floats, P: Floats, behaviour: Floats, within_s: float) -> Ways:
    """Of an object of state x, P within a time. ``behaviour``: of ``TrackSnapshot``."""
    known = np.where(np.isfinite(behaviour), behaviour, UNKNOWN_BEHAVIOUR)
    boxes = np.empty((N_PATH, 4))
    out = np.empty((N_PATH, int(np.ceil(within_s / STEP_S)) + 1, 3))
    L = np.linalg.cholesky(P + 1e-9 * np.eye(6))
    paths(x, L, float(known[0]), float(known[1]), HABITS, NORMALS, UNIFORMS, STEP_S, out, boxes)
    return Ways(out, boxes)


def warm_up() -> None:
    """Compile what is called here (or read it from the cache), so that no second of a running node waits for it."""
    ways = ways_of(np.zeros(6), np.eye(6), UNKNOWN_BEHAVIOUR, 1.0)
    corners, bounds = np.zeros((1, 2)), np.zeros(4)
    runs = runs_of(corners, is_area=False)
    entry(ways.places, ways.boxes, STEP_S, 1, corners, False, 1.0, runs, -np.inf, np.inf, 0.0, bounds)
    is_inside(np.zeros(6), corners, False, 1.0, runs, -np.inf, np.inf, 0.0, 0.0)
    away_by_runs_m(0.0, 0.0, corners, False, 1.0, runs)


def keyhole(corners: Floats, holes: list[Floats]) -> Floats:
    """One closed line around an area and its holes: to each hole and back along the same way, which is crossed twice
    or not at all. Distances from outside are as they were."""
    line = corners
    for hole in holes:
        apart = np.linalg.norm(line[:, None] - hole[None], axis=2)
        k, j = np.unravel_index(int(apart.argmin()), apart.shape)
        line = np.concatenate((line[: k + 1], hole[j:], hole[: j + 1], line[k:]))
    return line


def runs_of(corners: Floats, is_area: bool) -> Floats:
    """Boxes around runs of edges, for ``kernels.zones.away_by_runs_m``: as many edges in a run as there are runs."""
    edges = len(corners) if is_area else max(len(corners) - 1, 1)
    each = max(LEAST_RUN, math.isqrt(edges))
    runs = []
    for first in range(0, edges, each):
        last = min(first + each, edges)
        ends = corners[np.arange(first, last + 1) % len(corners)]
        (east, north), (far_east, far_north) = ends.min(axis=0), ends.max(axis=0)
        runs.append((east, far_east, north, far_north, first, last))
    return np.array(runs, float)


@dataclass(frozen=True, slots=True)
class Ground:
    """One zone."""

    zone: Zone
    corners: Floats  # float64[M, 2] east, north m
    runs: Floats  # float64[B, 6] of its edges
    bounds: Floats  # float64[4] least and greatest east and north
    site_height_m: float

    @classmethod
    def of(cls, zone: Zone, site: Site) -> "Ground":
        frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)

        def plane(ring: tuple[tuple[float, float], ...]) -> Floats:
            latitude, longitude = np.array(ring).T
            return frame.pos_enu(latitude, longitude, np.full(len(latitude), site.height_m))[:, :2]

        corners = plane(zone.corners)
        low, high = corners.min(axis=0) - zone.reach_m, corners.max(axis=0) + zone.reach_m
        corners = np.ascontiguousarray(keyhole(corners, [plane(hole) for hole in zone.holes]))
        runs = runs_of(corners, zone.shape == "polygon")
        return cls(zone, corners, runs, np.array([low[0], high[0], low[1], high[1]]), site.height_m)

    def away_m(self, x: Floats) -> float:
        """Level distance of a state float64[6], m; 0 or less inside."""
        z = self.zone
        return float(away_by_runs_m(x[0], x[1], self.corners, z.shape == "polygon", z.reach_m, self.runs))

    def holds(self, x: Floats, margin_m: float) -> bool:
        """Is a state in it, or within ``margin_m`` beside it?"""
        z = self.zone
        return bool(
            is_inside(
                x, self.corners, z.shape == "polygon", z.reach_m, self.runs, z.floor_m, z.ceiling_m,
                self.site_height_m, margin_m,
            )
        )  # fmt: skip

    def entry(self, ways: Ways, within_s: float) -> tuple[float, float]:
        """Probability that who goes one of these ways (``ways_of``) is in it within ``within_s``, and the median time
        until then, s (inf where it is less probable than not)."""
        z, steps = self.zone, min(int(np.ceil(within_s / STEP_S)), ways.places.shape[1] - 1)
        p, t_s = entry(
            ways.places, ways.boxes, STEP_S, steps, self.corners, z.shape == "polygon", z.reach_m,
            self.runs, z.floor_m, z.ceiling_m, self.site_height_m, self.bounds,
        )  # fmt: skip
        return float(p), np.inf if t_s == NEVER else float(t_s)
