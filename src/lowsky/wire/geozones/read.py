"""ED-318 and ED-269 bytes → geo-zones, feature by feature: one that is wrong is a ``Trouble``, the others are read.

EUROCAE ED-318 (2023; schemas github.com/UASGeoZones/ED-318) is GeoJSON with a ``layer`` for each geometry and an
``extent`` for each circle; ED-269 (2020) has ``geometry[].horizontalProjection``. Which of both a file is, its features
say. Nothing is fetched, nothing but JSON is parsed: entities of an XML file are never looked at.
"""

import math

import msgspec

from lowsky.constants import FOOT_M
from lowsky.wire.geozones.fields import (
    Applicability,
    Feature269,
    Feature318,
    Geometry269,
    Geometry318,
    GeoZone,
    Layer,
    Limit,
    Piece,
    Ring,
    Text,
    Trouble,
)

MOST_BYTES = 64 * 2**20
MOST_FEATURES = 50_000
MOST_FEATURE_BYTES = 4 * 2**20
MOST_VERTICES = 10_000  # of one feature
MOST_PIECES = 100  # of one feature
HIGHEST_M = 100_000.0
UNREADABLE = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
)  # a raw part of a message is not looked at before
UNITS = {"m": 1.0, "ft": FOOT_M}


class _File(msgspec.Struct):
    features: list[msgspec.Raw] | None = None
    zones: list[msgspec.Raw] | None = msgspec.field(default=None, name="UASZoneList")  # as some services name it


class _Wrong(Exception):
    """Of one feature: what was found, what would be right."""


def features_of(data: bytes) -> tuple[list[GeoZone], list[Trouble]]:
    """Every feature of a file, in its order, and what could not be read."""
    whole = _whole(data)
    if isinstance(whole, Trouble):
        return [], [whole]
    zones: list[GeoZone] = []
    troubles: list[Trouble] = []
    for k, raw in enumerate(whole, start=1):
        place = f"feature {k}"
        try:
            zones.append(_zone(raw, place))
        except _Wrong as wrong:
            troubles.append(Trouble(_place(raw, place), *wrong.args))
        except UNREADABLE as error:
            troubles.append(Trouble(_place(raw, place), printable(str(error), 200), "a feature of ED-318 or ED-269"))
    return zones, troubles


def _whole(data: bytes) -> list[msgspec.Raw] | Trouble:
    begin = data[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if len(data) > MOST_BYTES:
        return Trouble("", f"{len(data) / 2**20:.0f} MiB", f"at most {MOST_BYTES // 2**20} MiB")
    if begin.startswith(b"<"):
        return Trouble("", "XML, or a web page", "JSON of ED-318 or ED-269")
    try:
        file = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_File)
    except UNREADABLE as error:
        return Trouble("", printable(str(error), 200), "JSON of ED-318 or ED-269")
    features = file.features if file.features is not None else file.zones
    if not features:
        return Trouble("", "no features", "features: […] with one at least")
    if len(features) > MOST_FEATURES:
        return Trouble("", f"{len(features):,} features", f"at most {MOST_FEATURES:,}")
    return features


class _Named(msgspec.Struct):
    identifier: str = ""
    properties: "_Named | None" = None


def _place(raw: msgspec.Raw, place: str) -> str:
    try:  # what is passed over makes no objects, however long it is
        named = msgspec.json.decode(raw, type=_Named)
    except UNREADABLE:
        return place
    name = named.identifier or (named.properties.identifier if named.properties is not None else "")
    return f"{place} ({printable(name, 40)})" if name else place


class _Kind(msgspec.Struct):
    type: str = ""


def _zone(raw: msgspec.Raw, place: str) -> GeoZone:
    if len(memoryview(raw)) > MOST_FEATURE_BYTES:
        raise _Wrong(
            f"{len(memoryview(raw)) / 2**20:.0f} MiB", f"at most {MOST_FEATURE_BYTES // 2**20} MiB of a feature"
        )
    notes: list[str] = []
    applies: list[Applicability] | Applicability | None
    if msgspec.json.decode(raw, type=_Kind).type == "Feature":  # of ED-269 it is COMMON or CUSTOMIZED
        feature = msgspec.json.decode(raw, type=Feature318)
        said = feature.properties
        identifier, restriction, words, applies = said.identifier, said.type, said.name, said.limited_applicability
        pieces = _pieces_318(feature.geometry, None, notes)
    else:
        old = msgspec.json.decode(raw, type=Feature269)
        identifier, restriction, words, applies = old.identifier, old.restriction, old.name, old.applicability
        pieces = [_piece_269(geometry, notes) for geometry in old.geometry]
    if not identifier.strip():
        raise _Wrong("no identifier", "identifier: …")
    if not 1 <= len(pieces) <= MOST_PIECES:
        raise _Wrong(f"{len(pieces)} volumes", f"1 to {MOST_PIECES}")
    vertices = sum(len(ring) for piece in pieces for ring in piece.rings)
    if vertices > MOST_VERTICES:
        raise _Wrong(f"{vertices:,} vertices", f"at most {MOST_VERTICES:,}")
    periods = applies if isinstance(applies, list) else [] if applies is None else [applies]
    name = words if isinstance(words, str) else (words[0].text if words else "")
    return GeoZone(
        place=f"{place} ({printable(identifier, 40)})", identifier=printable(identifier, 60), name=printable(name, 80),
        restriction=printable(restriction, 40).upper().replace("AUTHORISATION", "AUTHORIZATION"), pieces=tuple(pieces),
        applies=() if any(p.permanent.upper() == "YES" for p in periods) else tuple(periods), notes=tuple(notes),
    )  # fmt: skip


def _pieces_318(geometry: Geometry318 | None, above: Layer | None, notes: list[str]) -> list[Piece]:
    """A collection's layer holds for those of its geometries that have none."""
    if geometry is None:
        raise _Wrong("no geometry", "a Polygon, or a Point with an extent")
    layer = geometry.layer or above
    lower, upper = None, None
    if layer is not None:
        lower = _limit(layer.lower, layer.lower_reference, layer.uom, notes)
        upper = _limit(layer.upper, layer.upper_reference, layer.uom, notes)
    kind = geometry.type
    if kind == "GeometryCollection":
        return [piece for g in geometry.geometries for piece in _pieces_318(g, layer, notes)]
    if kind == "Point":
        if geometry.extent is None or geometry.extent.sub_type != "Circle":
            raise _Wrong("a Point without an extent", 'extent: {"subType": "Circle", "radius": m}')
        middle = _pair(msgspec.json.decode(geometry.coordinates, type=list[float]))
        return [Piece(rings=((middle,),), radius_m=_radius(geometry.extent.radius), lower=lower, upper=upper)]
    if kind == "Polygon":
        areas = [msgspec.json.decode(geometry.coordinates, type=list[list[list[float]]])]
    elif kind == "MultiPolygon":
        areas = msgspec.json.decode(geometry.coordinates, type=list[list[list[list[float]]]])
    else:
        raise _Wrong(
            f"a {printable(kind, 40)}", "a Polygon, MultiPolygon, GeometryCollection, or a Point with an extent"
        )
    return [Piece(rings=_rings(area), lower=lower, upper=upper) for area in areas]


def _piece_269(geometry: Geometry269, notes: list[str]) -> Piece:
    lower = _limit(geometry.lower_limit, geometry.lower_vertical_reference, geometry.uom_dimensions, notes)
    upper = _limit(geometry.upper_limit, geometry.upper_vertical_reference, geometry.uom_dimensions, notes)
    flat = geometry.horizontal_projection
    if flat.type == "Circle":
        if flat.radius is None:
            raise _Wrong("a Circle without radius", "radius: m")
        return Piece(rings=((_pair(flat.center),),), radius_m=_radius(flat.radius), lower=lower, upper=upper)
    if flat.type != "Polygon":
        raise _Wrong(f"a {printable(flat.type, 40)}", "a Circle or Polygon")
    area = msgspec.json.decode(flat.coordinates, type=list[list[list[float]]])
    return Piece(rings=_rings(area), lower=lower, upper=upper)


def _rings(area: list[list[list[float]]]) -> tuple[Ring, ...]:
    """Without the last place of a ring where it is the first again, and without places that stand twice in a row."""
    if not area:
        raise _Wrong("a Polygon without places", "three or more around something")
    rings = []
    for places in area:
        ring: list[tuple[float, float]] = []
        for place in places:
            pair = _pair(place)
            if not ring or pair != ring[-1]:
                ring.append(pair)
        rings.append(tuple(ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring))
    return tuple(rings)


def _pair(place: list[float]) -> tuple[float, float]:
    if len(place) < 2 or not (abs(place[0]) <= 360.0 and abs(place[1]) <= 360.0):
        raise _Wrong(f"the place {place[:3]}", "longitude and latitude in degrees")
    return place[0], place[1]


def _radius(radius_m: float) -> float:
    if not 1.0 <= radius_m <= 200_000.0:
        raise _Wrong(f"a radius of {radius_m:g} m", "1 to 200,000 m")
    return radius_m


def _limit(value: float | None, reference: str, unit: str, notes: list[str]) -> Limit | None:
    """None: no limit. What cannot be understood limits nothing, and is said."""
    if value is None:
        return None
    scale = UNITS.get(unit.lower())
    if scale is None or not math.isfinite(value) or abs(value) * scale > HIGHEST_M:
        notes.append(f"a limit of {value:g} {printable(unit, 10)} is not used")
        return None
    return Limit(value * scale, reference.upper())


def printable(text: str, most: int) -> str:
    """Anybody's text, as one that may be shown: one line, no control characters, so long at most."""
    words = "".join(c if c.isprintable() else "�" for c in " ".join(text.split())) if text else ""
    return words if len(words) <= most else words[: most - 1] + "…"


__all__ = ["Applicability", "GeoZone", "Piece", "Text", "Trouble", "features_of", "printable"]
