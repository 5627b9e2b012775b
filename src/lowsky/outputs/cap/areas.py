"""Where a message holds: zones and 95 % regions as CAP writes them: latitude,longitude in degrees, kilometres, closed.

CAP says nothing about which way round a polygon runs; ours run counter-clockwise seen from above, as GeoJSON's do. A
zone across the 180th meridian becomes one polygon on either side, for readers take 179.9 and −179.9 for far apart.
Floors and ceilings stay out: CAP wants feet above the sea, and without a geoid model a height above the ellipsoid is
none (geo.height).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.model.measurement import Floats
from lowsky.model.occurrence import Subject
from lowsky.model.zone import Zone
from lowsky.outputs.cap.outline import capsules, hull, outline, signed_area

MOST_CORNERS = 100  # of a polygon: as many as the American alerts to telephones (WEA) take
MOST_PIECES = 30  # of a corridor
MOST_ZONES = 20  # of a message
LEAST_KM, MOST_KM = 0.001, 500.0  # of a circle's radius


@dataclass(frozen=True, slots=True)
class Area:
    polygons: tuple[str, ...] = ()
    circles: tuple[str, ...] = ()


def area_of(zone: Zone) -> Area:
    """A zone's place over the ground. Holds all of it, however many corners it has."""
    if zone.shape == "circle":
        return Area(circles=(circle(*zone.corners[0], zone.reach_m),))
    plane = Plane.about(zone.corners)
    line = plane.metres(zone.corners)
    if zone.shape == "corridor":
        rings = capsules(line, zone.reach_m, MOST_PIECES)
    else:
        rings = [outline(line, MOST_CORNERS)]
    return Area(polygons=tuple(text for ring in rings for text in plane.polygons(ring)))


def regions_of(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """The circles in which the objects are with probability 0.95, of those whose place and error are known."""
    return tuple(
        circle(s.latitude_rad, s.longitude_rad, s.radius_95_m)
        for s in subjects
        if s.latitude_rad is not None
        and s.longitude_rad is not None
        and s.radius_95_m is not None
        and all(map(math.isfinite, (s.latitude_rad, s.longitude_rad, s.radius_95_m)))
        and abs(s.latitude_rad) <= 0.5 * math.pi
    )


def circle(latitude_rad: float, longitude_rad: float, radius_m: float) -> str:
    """Rounded up: never smaller than it is."""
    km = min(max(math.ceil(radius_m) / 1000.0, LEAST_KM), MOST_KM)
    return f"{_degrees(math.degrees(latitude_rad))},{_degrees(_turned(math.degrees(longitude_rad)))} {km:.3f}"


def _turned(longitude_deg: float) -> float:
    """Into [−180, 180)."""
    return (longitude_deg + 180.0) % 360.0 - 180.0


def _degrees(value: float) -> str:
    """0.1 m on the ground; no −0."""
    return f"{round(value, 6) + 0.0:.6f}"


@dataclass(frozen=True, slots=True)
class Plane:
    """Metres east and north of a corner: good enough to simplify a zone of some hundred kilometres."""

    latitude_deg: float
    longitude_deg: float
    metres_per_degree: tuple[float, float]  # east, north

    @classmethod
    def about(cls, corners: Sequence[tuple[float, float]]) -> "Plane":
        latitude, longitude = (math.degrees(v) for v in corners[0])
        north = math.radians(EARTH_MEAN_RADIUS_M)
        return cls(latitude, longitude, (north * max(math.cos(corners[0][0]), 1e-3), north))

    def metres(self, corners: Sequence[tuple[float, float]]) -> Floats:
        latitude, longitude = np.degrees(np.array(corners, np.float64)).T
        east = _turned(longitude - self.longitude_deg)
        return np.column_stack((east, latitude - self.latitude_deg)) * self.metres_per_degree

    def polygons(self, ring: Floats) -> list[str]:
        """What CAP says of a ring: one polygon, or one on either side of the 180th meridian."""
        degrees = ring / self.metres_per_degree + (self.longitude_deg, self.latitude_deg)
        degrees[:, 1] = np.clip(degrees[:, 1], -90.0, 90.0)
        written = []
        for turns in (-360.0, 0.0, 360.0):
            part = _between(degrees - (turns, 0.0), -180.0, 180.0)
            if len(part) > 2 and signed_area(part) > 0.0:
                written.append(_closed(part))
        if not written:  # smaller than what is written of a degree
            written.append(_closed(_speck(degrees)))
        return written


def _closed(ring: Floats) -> str:
    corners = list(dict.fromkeys(f"{_degrees(lat)},{_degrees(lon)}" for lon, lat in ring.tolist()))
    if len(corners) < 3:
        corners = list(dict.fromkeys(f"{_degrees(lat)},{_degrees(lon)}" for lon, lat in _speck(ring).tolist()))
    return " ".join([*corners, corners[0]])


def _speck(ring: Floats) -> Floats:
    """A square of some metres around next to nothing."""
    margin = 2e-5
    offsets = margin * np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    return hull((ring[:, None, :] + offsets).reshape(-1, 2))


def _between(ring: Floats, low: float, high: float) -> Floats:
    """What of a ring (x, y) lies in low ≤ x ≤ high (Sutherland and Hodgman 1974)."""
    for limit, sign in ((low, 1.0), (high, -1.0)):
        if not len(ring) or (sign * (ring[:, 0] - limit) >= 0.0).all():
            continue
        kept: list[Floats] = []
        for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            a_in, b_in = sign * (a[0] - limit) >= 0.0, sign * (b[0] - limit) >= 0.0
            if a_in:
                kept.append(a)
            if a_in != b_in:
                kept.append(a + (limit - a[0]) / (b[0] - a[0]) * (b - a))
        ring = np.array(kept).reshape(-1, 2)
    return ring
