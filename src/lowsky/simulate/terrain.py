"""The ground, what stands on it, and what both take from a signal that passes close to them or through them."""

from dataclasses import dataclass

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.kernels.terrain import worst_fresnel
from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Building, Terrain

EFFECTIVE_RADIUS_M = 4.0 / 3.0 * EARTH_MEAN_RADIUS_M  # rays that bend with the air are straight over this earth
SAMPLES = 96  # along a path, closer together at both ends, where a roof or a bush hides most


@dataclass(frozen=True, slots=True)
class Ground:
    """A height map in the site's axes. Heights are above the origin's level surface, which curves with the earth."""

    east_m: tuple[float, float]
    north_m: tuple[float, float]
    heights_m: Floats  # float64[rows from south to north, columns from west to east], at least 1 × 1
    buildings: tuple[Building, ...] = ()

    @classmethod
    def of(cls, terrain: Terrain) -> "Ground":
        rows = terrain.heights_m or ((0.0,),)
        return cls(terrain.east_m, terrain.north_m, np.array(rows[::-1], np.float64, order="C"), terrain.building)

    def bare(self, east_m: Floats, north_m: Floats) -> Floats:
        """Height of the ground itself; bilinear between the map's points, the edge's beyond."""
        row, up_row = _between(north_m, self.north_m, self.heights_m.shape[0])
        column, up_column = _between(east_m, self.east_m, self.heights_m.shape[1])
        h = self.heights_m
        south = h[row[0], column[0]] * (1.0 - up_column) + h[row[0], column[1]] * up_column
        north = h[row[1], column[0]] * (1.0 - up_column) + h[row[1], column[1]] * up_column
        return np.asarray(south * (1.0 - up_row) + north * up_row)

    def up(self, east_m: Floats, north_m: Floats) -> Floats:
        """The ground in the site's axes: below its height by the earth's curve."""
        return np.asarray(self.bare(east_m, north_m) - (east_m**2 + north_m**2) / (2.0 * EARTH_MEAN_RADIUS_M))


def _between(value: Floats, edge: tuple[float, float], n: int) -> tuple[tuple[np.ndarray, np.ndarray], Floats]:
    """The two lines of a map on either side of each value, and how far on the way it is."""
    place = np.clip((value - edge[0]) / (edge[1] - edge[0]), 0.0, 1.0) * (n - 1)
    low = np.minimum(np.floor(place).astype(np.int64), max(n - 2, 0))
    return (low, np.minimum(low + 1, n - 1)), place - low


def knife_edge_db(nu: Floats) -> Floats:
    """One-way loss J(ν) over a sharp edge, ν the Fresnel parameter; none below −0.78 (ITU-R P.526's approximation)."""
    lifted = np.maximum(nu, -0.78) - 0.1
    loss = 6.9 + 20.0 * np.log10(np.sqrt(lifted**2 + 1.0) + lifted)
    return np.where(nu > -0.78, np.maximum(loss, 0.0), 0.0)


def fresnel(ground: Ground, place_m: Floats, pos_m: Floats, wavelength_m: float) -> Floats:
    """The largest Fresnel parameter on the straight way from a sensor to each point, over 4/3 earth.

    place_m float64[3], pos_m float64[P, 3] in the site's axes; float64[P]. See ``kernels.terrain.worst_fresnel``.
    """
    shares = 0.5 * (1.0 - np.cos(np.pi * (np.arange(SAMPLES) + 0.5) / SAMPLES))
    blocks = np.array([(*b.east_m, *b.north_m, b.up_m) for b in ground.buildings], np.float64).reshape(-1, 5)
    edge = np.array([*ground.east_m, *ground.north_m])
    out = np.empty(len(pos_m))
    earth_m = EARTH_MEAN_RADIUS_M, EFFECTIVE_RADIUS_M
    points = np.ascontiguousarray(pos_m)
    worst_fresnel(place_m, points, edge, ground.heights_m, blocks, shares, wavelength_m, *earth_m, out)
    return out


def shadow_db(ground: Ground | None, place_m: Floats, pos_m: Floats, wavelength_m: float) -> Floats:
    """One-way loss of each path, dB, float64[P]; none without a map."""
    if ground is None or not len(pos_m):
        return np.zeros(len(pos_m))
    return knife_edge_db(fresnel(ground, place_m, pos_m, wavelength_m))


def horizon_m(sensor_up_m: float, target_up_m: float) -> float:
    """How far two heights above smooth earth see each other: √(2 k a) (√h₁ + √h₂), k = 4/3."""
    return float(np.sqrt(2.0 * EFFECTIVE_RADIUS_M) * (np.sqrt(sensor_up_m) + np.sqrt(target_up_m)))
