"""Where a radar of the site should see: so that a target is not late before anybody could have seen it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.evaluate.seconds import Picture
from lowsky.evaluate.tables import States
from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import polar_from_enu
from lowsky.model.measurement import Floats, Ints
from lowsky.model.site import Sensor, Site

LEAST_PROBABILITY = 0.5  # theoretical coverage: a sensor that sees it in more than half of its looks
BANDS = 10
TWO_PI = 2.0 * np.pi


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of every entry of the truth's picture."""

    inside: NDArray[np.bool_]  # bool[E] in reach of a radar with a detection probability above a half
    distance_m: Floats  # float64[E] slant range of the nearest radar; inf without one


def coverage(site: Site, truth: Picture, states: States) -> Coverage:
    """By what the site file says of its radars: range, azimuth, elevation, detection probability."""
    place = states.geodetic[truth.row]
    inside, distance_m = np.zeros(len(place), np.bool_), np.full(len(place), np.inf)
    for sensor in site.sensors:
        if sensor.kind == "radar":
            frame = EnuFrame.at(sensor.latitude_rad, sensor.longitude_rad, sensor.height_m)
            polar = polar_from_enu(frame.pos_enu(place[:, 0], place[:, 1], place[:, 2]))
            distance_m = np.minimum(distance_m, polar[:, 0])
            if sensor.detection_probability > LEAST_PROBABILITY:
                inside |= in_reach(sensor, polar)
    return Coverage(inside, distance_m)


def in_reach(sensor: Sensor, polar: Floats) -> NDArray[np.bool_]:
    """bool[N] of float64[N, 3]: range m, azimuth and elevation rad at the sensor."""
    start, end = sensor.azimuth_rad
    around = (polar[:, 1] - start) % TWO_PI <= end - start
    low, high = sensor.elevation_rad
    level = (polar[:, 2] >= low) & (polar[:, 2] <= high)
    return around & level & (polar[:, 0] >= sensor.min_range_m) & (polar[:, 0] <= sensor.max_range_m)


def first_inside(found: Coverage, truth: Picture) -> dict[int, int]:
    """The second in which each target enters coverage; those that never do are left out."""
    second = np.repeat(np.arange(len(truth.first) - 1), np.diff(truth.first))[found.inside]
    ids, at = np.unique(truth.id[found.inside], return_index=True)
    return dict(zip(ids.tolist(), second[at].tolist()))


def by_distance(found: Coverage, held: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Share of target-seconds with a shown track, in ``BANDS`` rings of equal width about the radars.

    ``held`` bool[E]: a shown track is assigned. Rings in which nothing was are left out.
    """
    near = np.isfinite(found.distance_m)
    if not near.any():
        return []
    edges = np.linspace(0.0, float(found.distance_m[near].max()) * (1.0 + 1e-9), BANDS + 1)
    ring: Ints = np.digitize(found.distance_m[near], edges) - 1
    n = np.bincount(ring, minlength=BANDS)
    seen = np.bincount(ring, held[near], BANDS)
    return [
        {"from_m": float(edges[k]), "to_m": float(edges[k + 1]), "n": int(n[k]), "held": float(seen[k] / n[k])}
        for k in range(BANDS)
        if n[k]
    ]
