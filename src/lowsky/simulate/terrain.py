"""The ground, what stands on it, and what both take from a signal that passes close to them or through them."""

from dataclasses import dataclass

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Building, Terrain

EFFECTIVE_RADIUS_M = 4.0 / 3.0 * EARTH_MEAN_RADIUS_M  # rays that bend with the air are straight over this earth
SAMPLES = 96  # along a path, closer together at both ends, where a roof or a bush hides most
AT_ONCE = 20_000  # paths


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
        return cls(terrain.east_m, terrain.north_m, np.array(rows[::-1], np.float64), terrain.building)

    def bare(self, east_m: Floats, north_m: Floats) -> Floats:
        """Height of the ground itself; bilinear between the map's points, the edge's beyond."""
        row, up_row = _between(north_m, self.north_m, self.heights_m.shape[0])
        column, up_column = _between(east_m, self.east_m, self.heights_m.shape[1])
        h = self.heights_m
        south = h[row[0], column[0]] * (1.0 - up_column) + h[row[0], column[1]] * up_column
        north = h[row[1], column[0]] * (1.0 - up_column) + h[row[1], column[1]] * up_column
        return np.asarray(south * (1.0 - up_row) + north * up_row)

    def surface(self, east_m: Floats, north_m: Floats) -> Floats:
        """Height of what hides: the ground with its buildings."""
        height = self.bare(east_m, north_m)
        top = height
        for block in self.buildings:
            inside = (east_m >= block.east_m[0]) & (east_m <= block.east_m[1])
            inside &= (north_m >= block.north_m[0]) & (north_m <= block.north_m[1])
            top = np.where(inside, np.maximum(top, height + block.up_m), top)
        return top

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

    ν = h √(2 D / (λ d₁ d₂)) with h the height of the surface above the ray, D = d₁ + d₂ the way along the ground.
    place_m float64[3], pos_m float64[P, 3] in the site's axes; float64[P].
    """
    share = 0.5 * (1.0 - np.cos(np.pi * (np.arange(SAMPLES) + 0.5) / SAMPLES))
    worst = np.empty(len(pos_m))
    at_sensor = place_m[2] + (place_m[0] ** 2 + place_m[1] ** 2) / (2.0 * EARTH_MEAN_RADIUS_M)
    for first in range(0, len(pos_m), AT_ONCE):
        pos = pos_m[first : first + AT_ONCE]
        at_target = pos[:, 2] + (pos[:, 0] ** 2 + pos[:, 1] ** 2) / (2.0 * EARTH_MEAN_RADIUS_M)
        east = place_m[0] + (pos[:, :1] - place_m[0]) * share
        north = place_m[1] + (pos[:, 1:2] - place_m[1]) * share
        way = np.maximum(np.hypot(pos[:, 0] - place_m[0], pos[:, 1] - place_m[1]), 1.0)[:, None]
        ray = at_sensor + (at_target[:, None] - at_sensor) * share
        ray -= way**2 * share * (1.0 - share) / (2.0 * EFFECTIVE_RADIUS_M)
        nu = (ground.surface(east, north) - ray) * np.sqrt(2.0 / (wavelength_m * way * share * (1.0 - share)))
        worst[first : first + AT_ONCE] = nu.max(axis=1)
    return worst


def shadow_db(ground: Ground | None, place_m: Floats, pos_m: Floats, wavelength_m: float) -> Floats:
    """One-way loss of each path, dB, float64[P]; none without a map."""
    if ground is None or not len(pos_m):
        return np.zeros(len(pos_m))
    return knife_edge_db(fresnel(ground, place_m, pos_m, wavelength_m))


def horizon_m(sensor_up_m: float, target_up_m: float) -> float:
    """How far two heights above smooth earth see each other: √(2 k a) (√h₁ + √h₂), k = 4/3."""
    return float(np.sqrt(2.0 * EFFECTIVE_RADIUS_M) * (np.sqrt(sensor_up_m) + np.sqrt(target_up_m)))
