"""Zones over the API: a GeoJSON Feature that is put under a name, or taken away. Parsed strictly, bounded, recorded.

What may be watched is what a [[zone]] of the site file may be, by the same reader (``engine.zones``). Who may ask is
looked at by ``guard``; what is asked goes the way of everything that people do (``acts``).
"""

import asyncio
import math
import secrets
from typing import Annotated, Any

import msgspec
import numpy as np
from litestar import Request, Response

from lowsky.engine.hub import Controls, Picture
from lowsky.engine.zones import read_zone
from lowsky.errors import Fault
from lowsky.kernels.zones import away_m, crossing
from lowsky.model.measurement import Floats
from lowsky.model.ports import OperatorAction
from lowsky.model.site import Site
from lowsky.model.zone import FARTHEST_M, NAME_OVER_API, OVER_API, Zone
from lowsky.serve.acts import cleaned, done, read_body, refused
from lowsky.serve.zones import zone_feature
from lowsky.warn.coverage import reaches
from lowsky.wire.shown import shown

MOST_BYTES = 256 * 1024
MOST_PLACES = 2_000
MOST_HOLES = 100
TYPES = ("application/geo+json", "application/json")
MOST_TOLD = 3  # faults of one zone
SHAPES = {"Polygon": "polygon", "LineString": "corridor", "Point": "circle"}
WGS84 = "WGS84"

Label = Annotated[str, msgspec.Meta(max_length=80)]


class _Geometry(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    coordinates: Any


class _Properties(msgspec.Struct, forbid_unknown_fields=True):
    """As the keys of a [[zone]]; heights are above the WGS-84 ellipsoid, and ``height_datum`` may say so."""

    label: Label = ""
    radius_m: float | None = None
    width_m: float | None = None
    floor_height_m: float | None = None
    ceiling_height_m: float | None = None
    height_datum: str = WGS84
    hours_utc: list[str] | None = None


class _Feature(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    geometry: _Geometry | None = None
    properties: _Properties | None = None
    id: str | None = None


def name_of(path: str) -> str:
    """The zone's name in an address: ``/festival``, or ``/api/festival`` as it is called everywhere else."""
    return path.strip("/").removeprefix(f"{OVER_API}/")


def parsed(name: str, body: bytes, site: Site) -> Zone:
    """The zone of a body. Raises ``ValueError`` with what is wrong, in one line."""
    try:
        feature = msgspec.json.decode(body, type=_Feature)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(shown(str(error), 200)) from None
    if feature.type != "Feature":
        raise ValueError(f"a {_word(feature.type)}, where one GeoJSON Feature is expected")
    if feature.id is not None and name_of(feature.id) != name:
        raise ValueError(f"the id {_word(feature.id)}, where the address says {name}")
    if feature.geometry is None:
        raise ValueError("no geometry: a Polygon, a LineString with width_m, or a Point with radius_m is expected")
    said = feature.properties or _Properties()
    if said.height_datum != WGS84:
        right = "floor_height_m and ceiling_height_m are above the WGS-84 ellipsoid"
        raise ValueError(f"heights above {_word(said.height_datum)}: {right}")
    outline, holes = _rings(feature.geometry)
    faults: list[Fault] = []
    zone = read_zone(_table(name, feature.geometry.type, outline, said), _origin(site), _place, faults)
    if zone is None:
        raise ValueError(_told(faults, outline, site))
    _look_at_holes(outline, holes)
    return msgspec.structs.replace(
        zone, id=f"{OVER_API}/{name}", label=cleaned(said.label), holes=tuple(_radians(hole) for hole in holes)
    )


Ring = list[tuple[float, float]]


def _rings(geometry: _Geometry) -> tuple[Ring, list[Ring]]:
    """Longitude and latitude, deg, of outline and holes, each without its last place, which is the first again; of a
    line or a point as they are."""
    kind, given = geometry.type, geometry.coordinates
    if kind not in SHAPES:
        what = f"a {_word(kind)}" + (" (put each part by itself)" if kind.startswith(("Multi", "Geometry")) else "")
        raise ValueError(f"{what}, where a Polygon, a LineString with width_m or a Point with radius_m is expected")
    if kind != "Polygon":
        return _places([given] if kind == "Point" else given), []
    if not isinstance(given, list) or not 1 <= len(given) <= 1 + MOST_HOLES:
        raise ValueError(f"coordinates: a Polygon has 1 ring to {1 + MOST_HOLES}, the first around its area")
    if sum(len(ring) for ring in given if isinstance(ring, list)) > MOST_PLACES:
        raise ValueError(f"coordinates: more than {MOST_PLACES:,} places")
    rings = [_places(ring) for ring in given]
    for ring in rings:
        if len(ring) < 4 or ring[0] != ring[-1]:
            raise ValueError("coordinates: a ring has four places or more, the last of which is the first again")
    outline, *holes = [_without_repeats(ring) for ring in rings]
    if not outline:
        raise ValueError("coordinates: found a polygon without area; expected three corners or more around something")
    return outline, holes


def _without_repeats(ring: Ring) -> Ring:
    return [place for place, before in zip(ring[1:], ring[:-1], strict=True) if place != before]


def _places(given: Any) -> Ring:
    if not isinstance(given, list) or not given:
        raise ValueError("coordinates: no places")
    if len(given) > MOST_PLACES:
        raise ValueError(f"coordinates: {len(given):,} places, where {MOST_PLACES:,} are the most")
    return [_pair(place) for place in given]


def _pair(place: Any) -> tuple[float, float]:
    if not isinstance(place, list) or any(isinstance(v, bool) or not isinstance(v, int | float) for v in place):
        raise ValueError("coordinates: a place is [longitude, latitude] in degrees")
    if len(place) > 2:
        raise ValueError("coordinates: a place with a height: those are floor_height_m and ceiling_height_m")
    if len(place) < 2 or not (abs(place[0]) <= 180.0 and abs(place[1]) <= 90.0):
        raise ValueError(
            f"coordinates: the place {_word(str(place))}, where [longitude, latitude] in degrees is expected"
        )
    return float(place[0]), float(place[1])


def _table(name: str, kind: str, outline: Ring, said: _Properties) -> dict[str, Any]:
    """What a [[zone]] of the site file would say."""
    longitudes, latitudes = zip(*outline, strict=True)
    given = {key: getattr(said, key) for key in said.__struct_fields__ if key not in ("label", "height_datum")}
    return {
        "id": name, "shape": SHAPES[kind], "latitude_deg": list(latitudes), "longitude_deg": list(longitudes),
        **{key: value for key, value in given.items() if value is not None},
    }  # fmt: skip


def _place(key: str | None) -> str:
    return "coordinates" if key in ("latitude_deg", "longitude_deg") else key or "properties"


def _origin(site: Site) -> tuple[float, float]:
    return site.latitude_rad, site.longitude_rad


def _told(faults: list[Fault], outline: Ring, site: Site) -> str:
    words = "; ".join(str(fault) for fault in faults[:MOST_TOLD])
    turned = [(latitude, longitude) for longitude, latitude in outline]
    is_far = any("200 km" in fault.found for fault in faults)
    if is_far and all(_away_m(place, site) <= FARTHEST_M for place in turned):
        words += " (GeoJSON has the longitude first: are they exchanged?)"
    return words


def _away_m(place: tuple[float, float], site: Site) -> float:
    """Of longitude and latitude from the site, roughly."""
    east, north = _plane([place], (math.degrees(site.longitude_rad), math.degrees(site.latitude_rad)))[0]
    return math.hypot(east, north)


def _plane(ring: Ring, origin: tuple[float, float]) -> Floats:
    """East and north, m, as good as is needed to see what lies in what."""
    places = np.array(ring, float).reshape(-1, 2)
    east = (places[:, 0] - origin[0] + 180.0) % 360.0 - 180.0
    metres = 111_195.0  # a degree of the mean sphere
    return np.column_stack((east * math.cos(math.radians(origin[1])), places[:, 1] - origin[1])) * metres


def _look_at_holes(outline: Ring, holes: list[Ring]) -> None:
    around = _plane(outline, outline[0])
    for number, hole in enumerate(holes, start=1):
        inner = _plane(hole, outline[0])
        if len(hole) < 3 or crossing(inner)[0] >= 0:
            raise ValueError(f"coordinates: hole {number} crosses itself or has no area")
        if any(away_m(x, y, around, True, 0.0) > 1.0 for x, y in inner):
            raise ValueError(f"coordinates: hole {number} reaches out of the outline")


def _radians(ring: Ring) -> tuple[tuple[float, float], ...]:
    return tuple((math.radians(latitude), math.radians(longitude)) for longitude, latitude in ring)


def _word(text: str) -> str:
    return shown(text, 40) or "nothing"


async def put(
    request: "Request[Any, Any, Any]", controls: Controls, picture: Picture | None, path: str
) -> Response[Any]:
    """One PUT."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in TYPES:
        return refused(415, f"the body has to be {TYPES[0]}")
    body = await read_body(request, MOST_BYTES)
    if body is None:
        return refused(413, f"more than {MOST_BYTES // 1024} KiB")
    if picture is None:
        return refused(503, "the node is still starting")
    name, there = name_of(path), {zone.id for zone in picture.site.zones}
    zone = None
    if name not in there or f"{OVER_API}/{name}" in there:  # of the site's own the node says that it cannot be put
        try:
            zone = await asyncio.to_thread(_checked, name, body, picture.site)
        except ValueError as error:
            return refused(400, str(error))
    return await _act(request, controls, "put-zone", name, zone, picture)


def _checked(name: str, body: bytes, site: Site) -> Zone:
    if not NAME_OVER_API.fullmatch(name):
        raise ValueError("the name of a zone is 1 to 64 letters, digits, points, dashes and underscores")
    return parsed(name, body, site)


async def remove(
    request: "Request[Any, Any, Any]", controls: Controls, picture: Picture | None, path: str
) -> Response[Any]:
    """One DELETE."""
    if picture is None:
        return refused(503, "the node is still starting")
    return await _act(request, controls, "remove-zone", name_of(path)[:300], None, picture)


async def _act(
    request: "Request[Any, Any, Any]", controls: Controls, what: str, name: str, zone: Zone | None, picture: Picture
) -> Response[Any]:
    given = {key: list(request.query_params.getall(key)) for key in request.query_params}
    user = cleaned(given.get("user", [""])[0])
    if given.keys() - {"user", "seat"} or any(len(v) > 1 or len(v[0]) > 64 for v in given.values()) or not user:
        return refused(
            400, "who it is has to be said: ?user=NAME, and &seat=PLACE if there are several; 64 letters each"
        )
    action = OperatorAction(
        key=secrets.token_hex(12), t_ns=0, what=what, user=user, seat=cleaned(given.get("seat", [""])[0]), zone_id=name,
        zone=zone,
    )  # fmt: skip
    facts = {"zone": None, "notes": []} if zone is None else zone_facts(zone, picture.site, picture.snapshot.t_ns)
    return await done(controls, action, lambda _: facts)


def zone_facts(zone: Zone, site: Site, t_ns: int) -> dict[str, Any]:
    """What was put, and what it lacks to be of use."""
    rules = [rule for rule in site.rules if OVER_API in rule.zones or zone.id in rule.zones]
    notes = []
    if not rules:
        notes.append(f'no rule names "{OVER_API}" or "{zone.id}": it is shown, and nothing is told of it')
    if not any(reaches(sensor, zone, site) for sensor in site.sensors):
        notes.append("no sensor reaches it: nothing will be seen there")
    return {"zone": zone_feature(zone, rules, t_ns), "notes": notes}
