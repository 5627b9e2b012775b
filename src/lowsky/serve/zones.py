"""The site's zones as GeoJSON (RFC 7946): what is watched, where, and at this moment or not."""

import math
from typing import Any

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.engine.hub import Picture
from lowsky.model.zone import OVER_API, PRIORITIES, Rule, Zone, is_any
from lowsky.wire.shown import shown

CIRCLE = 96  # corners of the polygon that stands for one
DIGITS = 7


def zones_of(picture: Picture | None) -> dict[str, Any]:
    """A FeatureCollection. A circle is a polygon of 96 corners, a corridor a line with its width; heights are WGS-84
    ellipsoidal, null: no limit. ``watched``: it is one of its times, and a rule for it has one of its own."""
    if picture is None:
        return {"type": "FeatureCollection", "features": []}
    rules: dict[str, list[Rule]] = {}
    for rule in picture.site.rules:
        for zone in rule.zones:
            rules.setdefault(zone, []).append(rule)
    features = [zone_feature(zone, rules.get(zone.id, []), picture.snapshot.t_ns) for zone in picture.site.zones]
    return {"type": "FeatureCollection", "features": features}


def zone_called(picture: Picture | None, name: str) -> dict[str, Any] | None:
    """The feature of this id; of one that was put over the API also by its name there."""
    name = name.strip("/")
    features = zones_of(picture)["features"]
    return next((f for wanted in (f"{OVER_API}/{name}", name) for f in features if f["id"] == wanted), None)


def zone_feature(zone: Zone, rules: list[Rule], t_ns: int) -> dict[str, Any]:
    """One zone, with the rules for it."""
    words = {"label": zone.label, "restriction": zone.restriction, "file": zone.file}
    properties: dict[str, Any] = {
        "id": shown(zone.id, 200),
        "shape": zone.shape,
        **{name: shown(text, 100) for name, text in words.items() if text},
        "floor_height_m": _limit(zone.floor_m),
        "ceiling_height_m": _limit(zone.ceiling_m),
        "watched": zone.is_watched(t_ns) and any(is_any(rule.periods, t_ns) for rule in rules),
        "rules": [shown(rule.id, 200) for rule in rules],
        "priority": min((rule.priority for rule in rules), key=PRIORITIES.index, default=None),
    }
    if zone.shape == "circle":
        properties["radius_m"] = zone.reach_m
    elif zone.shape == "corridor":
        properties["width_m"] = 2.0 * zone.reach_m
    return {"type": "Feature", "id": properties["id"], "geometry": _geometry(zone), "properties": properties}


def _limit(height_m: float) -> float | None:
    return round(height_m, 1) if math.isfinite(height_m) else None


def _geometry(zone: Zone) -> dict[str, Any]:
    if zone.shape == "corridor":
        return {"type": "LineString", "coordinates": _places(zone.corners)}
    if zone.shape == "circle":
        return {"type": "Polygon", "coordinates": [_closed(_around(*zone.corners[0], zone.reach_m), 1)]}
    return {"type": "Polygon", "coordinates": [_closed(zone.corners, 1), *(_closed(hole, -1) for hole in zone.holes)]}


def _around(latitude: float, longitude: float, radius_m: float) -> tuple[tuple[float, float], ...]:
    """Corners of a circle on the mean sphere, rad: right to a metre in 300."""
    angle = radius_m / EARTH_MEAN_RADIUS_M
    out = []
    for k in range(CIRCLE):
        bearing = 2.0 * math.pi * k / CIRCLE
        lat = math.asin(math.sin(latitude) * math.cos(angle) + math.cos(latitude) * math.sin(angle) * math.cos(bearing))
        across = math.sin(bearing) * math.sin(angle) * math.cos(latitude)
        out.append((lat, longitude + math.atan2(across, math.cos(angle) - math.sin(latitude) * math.sin(lat))))
    return tuple(out)


def _closed(ring: tuple[tuple[float, float], ...], way: int) -> list[list[float]]:
    """Outlines (1) anticlockwise, holes (−1) clockwise, the first place again at the end."""
    places = _places(ring)
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(places, places[1:] + places[:1], strict=True))
    places = places if area * way > 0.0 else places[::-1]
    return [*places, places[0]]


def _places(ring: tuple[tuple[float, float], ...]) -> list[list[float]]:
    """Longitude and latitude, deg; across the 180th meridian longitudes go on, so that the line does."""
    out: list[list[float]] = []
    for latitude, longitude in ring:
        degrees = math.degrees(longitude)
        if out:
            degrees -= 360.0 * round((degrees - out[-1][0]) / 360.0)
        out.append([round(degrees, DIGITS), round(math.degrees(latitude), DIGITS)])
    return out
