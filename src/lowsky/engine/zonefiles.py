"""[[zone_file]] of the site file: geo-zones of ED-318 and ED-269 files near the site → ``Zone``.

What is doubtful is watched on the safe side: a limit of height that cannot be placed limits nothing, a schedule that
cannot be understood is always on, an outline that crosses itself is watched as its hull. What cannot be watched at all
is ``lost``: said by `lowsky check`, and an alert for as long as the node runs; everything else goes on.
"""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lowsky.engine.keys import Key, Lines, many, number, one_of, read_table, tables, text
from lowsky.engine.zonetimes import periods_of
from lowsky.errors import Fault
from lowsky.geo.enu import EnuFrame
from lowsky.kernels.zones import away_m, crossing
from lowsky.model.measurement import Floats
from lowsky.model.zone import FARTHEST_M, MOST_ZONES, OVER_API, Zone, ZoneFile
from lowsky.wire.geozones.fields import GeoZone, Limit, Piece, Ring
from lowsky.wire.geozones.read import MOST_BYTES, features_of, printable

MOST_FILES = 20
MOST_TOLD = 20  # lines of one kind about one file
NEAR_M = 50_000.0  # from the site, where ``within_m`` does not say otherwise
GEOID_M = (-107.0, 86.0)  # sea level above the ellipsoid, anywhere on earth (EGM2008: -106.2 to 85.8 m)
GEOID_SLACK_M = 10.0  # by so much it may differ, where zones are, from what the site file says
UNRESTRICTED = ("NO_RESTRICTION",)  # not watched unless asked for
READ = "zone_file_read"
"""Table of a recorded site file: what each file held when the node started, so that a replay needs no other file."""


def between(low: float, high: float) -> Any:
    def read(value: Any) -> tuple[float, float]:
        wanted = f"two numbers [lowest, highest] from {low:g} to {high:g}"
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(wanted)
        least, most = (number(low, high)(v) for v in value)
        if least > most:
            raise ValueError(wanted)
        return least, most

    return read


FILE_KEYS = (
    Key("id", "id", text, required=True),
    Key("path", "path", text, required=True),
    Key("ids", "ids", many(text, MOST_ZONES, "identifiers of the file")),
    Key("restrictions", "restrictions", many(text, 20, "PROHIBITED, REQ_AUTHORIZATION, …")),
    Key("within_m", "within_m", number(0.0, FARTHEST_M)),
    Key("ground_height_m", "ground_m", between(-1_000.0, 9_000.0)),
    Key("geoid_height_m", "geoid_m", number(*GEOID_M)),
    Key("coordinates", "coordinates", one_of("longitude-latitude", "latitude-longitude")),
)


class _Kept(msgspec.Struct):
    """What a file gave, as it stands in a recorded site file."""

    file: ZoneFile
    zones: list[Zone]

    def text(self) -> str:
        """JSON, which has no number for no limit: such a limit is left out."""
        told = msgspec.to_builtins(self)
        for zone in told["zones"]:
            for name in ("floor_m", "ceiling_m"):
                if not math.isfinite(zone.get(name, 0.0)):
                    del zone[name]
        return msgspec.json.encode(told).decode()


def read_zone_files(
    raw: Mapping[str, Any],
    origin: tuple[float, float, float] | None,
    folder: Path | None,
    lines: Lines,
    faults: list[Fault],
) -> tuple[list[ZoneFile], list[Zone]]:
    """All of them. ``origin``: the site's latitude, longitude (rad) and height (m); ``folder``: of the site file."""
    files: list[ZoneFile] = []
    zones: list[Zone] = []
    kept = raw.get(READ, {})
    for at, table in tables(raw.get("zone_file", []), "zone_file", MOST_FILES, lines, faults):
        known = len(faults)
        values = read_table(table, FILE_KEYS, at, faults)
        if any(file.id == values.get("id") for file in files):
            faults.append(Fault(at("id"), f"{values['id']!r} again", "an id of its own for each file"))
        if values.get("id") == OVER_API:
            faults.append(Fault(at("id"), f"{OVER_API!r}", "another: it stands for zones that are put over the API"))
        if len(faults) > known or origin is None:
            continue
        if isinstance(kept, Mapping) and values["id"] in kept:
            found = _again(kept[values["id"]], lines.name, faults)
        else:
            found = _Reader(values, origin).read(folder)
        if found is not None:
            files.append(found.file)
            zones += found.zones
    return files, zones


def _again(kept: Any, name: str, faults: list[Fault]) -> _Kept | None:
    try:
        return msgspec.json.decode(kept, type=_Kept)
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError) as error:
        faults.append(Fault(f"{name}: {READ}", printable(str(error), 200), "what lowsky wrote"))
        return None


def with_zones(site_toml: str, files: tuple[ZoneFile, ...], zones: tuple[Zone, ...]) -> str:
    """The text of a site file and what its zone files gave: all that a replay needs."""
    fresh = [file for file in files if f"[{READ}]" not in site_toml]
    if not fresh:
        return site_toml
    said = []
    for file in fresh:
        kept = _Kept(file, [zone for zone in zones if zone.file == file.id])
        said.append(f"{_quoted(file.id)} = {_quoted(kept.text())}")
    return f"{site_toml.rstrip()}\n\n[{READ}]  # written by lowsky\n" + "\n".join(said) + "\n"


def _quoted(words: str) -> str:
    """A basic string of TOML. Nothing here holds control characters but those that JSON has escaped."""
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"').replace("\x7f", "\\u007F") + '"'


class _Reader:
    """One file, and what is said about it on the way."""

    def __init__(self, values: dict[str, Any], origin: tuple[float, float, float]) -> None:
        self._asked = values
        self._frame = EnuFrame.at(*origin)
        self._height_m = origin[2]
        self._within_m = values.get("within_m", NEAR_M)
        self._is_swapped = values.get("coordinates") == "latitude-longitude"
        self._notes: Counter[str] = Counter()
        self._lost: list[str] = []

    def read(self, folder: Path | None) -> _Kept:
        path = Path(self._asked["path"])
        path = path if path.is_absolute() or folder is None else folder / path
        try:
            with path.open("rb") as stream:
                data = stream.read(MOST_BYTES + 1)
        except OSError as error:
            self._lost.append(f"{self._asked['path']}: {error.strerror or 'unreadable'}; none of its zones is watched")
            return self._told([], [], 0, 0)
        features, troubles = features_of(data)
        for trouble in troubles:
            self._lose(trouble.place, trouble.found, trouble.expected)
        zones: list[Zone] = []
        elsewhere = unwanted = 0
        turned: list[GeoZone] = []
        for feature in features:
            if not self._is_wanted(feature):
                unwanted += 1
            elif self._is_near(feature, self._is_swapped):
                zones += self._zones_of(feature, zones)
            else:
                elsewhere += 1
                if self._is_near(feature, not self._is_swapped):
                    turned.append(feature)
        self._turned_round(turned, len(zones))
        if len(zones) > MOST_ZONES:
            self._lose(
                "", f"{len(zones):,} zones within {self._within_m:g} m", f"at most {MOST_ZONES:,}; a smaller within_m"
            )
            zones.sort(key=lambda zone: (self._distance_m(zone), zone.id))
            zones = zones[:MOST_ZONES]
        return self._told(zones, features, elsewhere, unwanted)

    def _turned_round(self, turned: list[GeoZone], right: int) -> None:
        """Zones that are here only when latitude and longitude change places: theirs, or everybody's."""
        if not turned:
            return
        order = "longitude first" if not self._is_swapped else "latitude first, as the site file says"
        if right == 0:
            other = "longitude-latitude" if self._is_swapped else "latitude-longitude"
            found = f"{len(turned)} zones that are at the site only with latitude and longitude exchanged"
            self._lose("", found, f'{order}; or coordinates = "{other}" in [[zone_file]]')
        else:
            for feature in turned:
                self._lose(feature.place, "a zone at the site only with latitude and longitude exchanged", order)

    def _lose(self, place: str, found: str, expected: str) -> None:
        where = f"{self._asked['path']}: {place}" if place else self._asked["path"]
        self._lost.append(f"{where}: found {found}; expected {expected}")

    def _told(self, zones: list[Zone], features: list[GeoZone], elsewhere: int, unwanted: int) -> _Kept:
        notes = [f"{words} ({n} ×)" if n > 1 else words for words, n in self._notes.items()]
        file = ZoneFile(
            id=self._asked["id"], path=self._asked["path"], zones=len(zones), elsewhere=elsewhere, unwanted=unwanted,
            features=tuple(sorted({zone.feature for zone in zones} | set(self._asked.get("ids", ())))),
            lost=_first(self._lost), notes=_first(notes),
        )  # fmt: skip
        named = {feature.identifier for feature in features}
        absent = [name for name in self._asked.get("ids", ()) if name not in named] if features else []
        if absent:
            words = ", ".join(repr(name) for name in absent[:5])
            file = msgspec.structs.replace(file, lost=_first([*self._lost, f"{file.path}: found no {words} of ids"]))
        return _Kept(file, zones)

    def _is_wanted(self, feature: GeoZone) -> bool:
        ids, restrictions = self._asked.get("ids"), self._asked.get("restrictions")
        if ids is not None and feature.identifier not in ids:
            return False
        if restrictions is not None:
            return feature.restriction in [r.upper().replace("AUTHORISATION", "AUTHORIZATION") for r in restrictions]
        return ids is not None or feature.restriction not in UNRESTRICTED

    def _is_near(self, feature: GeoZone, is_swapped: bool) -> bool:
        return any(self._piece_away_m(piece, is_swapped) <= self._within_m for piece in feature.pieces)

    def _piece_away_m(self, piece: Piece, is_swapped: bool) -> float:
        """From the site; infinite where it is on the other side of the earth, or nowhere."""
        plane = self._plane(piece.rings[0], is_swapped)
        if plane is None:
            return math.inf
        return float(away_m(0.0, 0.0, plane, piece.radius_m is None, piece.radius_m or 0.0))

    def _plane(self, ring: Ring, is_swapped: bool) -> Floats | None:
        """East and north m. None where a place is no place, or beyond a quarter of the earth."""
        places = np.radians(np.array(ring, float).reshape(-1, 2))
        latitude, longitude = places[:, 0 if is_swapped else 1], places[:, 1 if is_swapped else 0]
        if not len(ring) or np.abs(latitude).max() > math.pi / 2.0:
            return None
        pos = self._frame.pos_enu(latitude, longitude, np.full(len(ring), self._height_m))
        return np.ascontiguousarray(pos[:, :2]) if pos[:, 2].min() > -6e6 else None

    def _distance_m(self, zone: Zone) -> float:
        latitude, longitude = np.array(zone.corners).T
        pos = self._frame.pos_enu(latitude, longitude, np.full(len(latitude), self._height_m))
        return float(away_m(0.0, 0.0, np.ascontiguousarray(pos[:, :2]), zone.shape == "polygon", zone.reach_m))

    def _zones_of(self, feature: GeoZone, others: list[Zone]) -> list[Zone]:
        """Of the volumes that are near, those that can be watched."""
        zones: list[Zone] = []
        taken = {zone.id for zone in others}
        self._notes.update(feature.notes)
        periods, remarks = periods_of(feature.applies)
        self._notes.update(remarks)
        for piece in feature.pieces:
            if self._piece_away_m(piece, self._is_swapped) > self._within_m:
                continue
            outline = self._outline(feature, piece)
            if outline is None:
                continue
            floor_m, ceiling_m = self._heights(piece)
            name = f"{self._asked['id']}/{feature.identifier}"
            number_ = 1
            while (own := name if number_ == 1 else f"{name}#{number_}") in taken:
                number_ += 1
            taken.add(own)
            zone = Zone(
                id=own, shape="circle" if piece.radius_m else "polygon", corners=outline[0], holes=outline[1],
                reach_m=piece.radius_m or 0.0, floor_m=floor_m, ceiling_m=ceiling_m, periods=periods,
                file=self._asked["id"], feature=feature.identifier, label=feature.name,
                restriction=feature.restriction,
            )  # fmt: skip
            zones.append(zone)
        return zones

    def _outline(self, feature: GeoZone, piece: Piece) -> tuple[Ring, tuple[Ring, ...]] | None:
        """Latitude and longitude, rad, of outline and holes. None: lost, and said."""
        first, *holes = piece.rings
        plane = self._plane(first, self._is_swapped)
        if plane is None:
            return None
        far_m = float(np.hypot(*plane.T).max()) + (piece.radius_m or 0.0)
        if far_m > FARTHEST_M:
            found = f"a zone that reaches {far_m / 1e3:,.0f} km from the site"
            self._lose(feature.place, found, f"at most {FARTHEST_M / 1e3:g} km")
            return None
        if piece.radius_m is not None:
            return self._radians(first), ()
        i, j = crossing(plane) if len(first) > 2 else (-1, -1)
        if i < 0 and (len(first) < 3 or abs(_area_m2(plane)) < 1.0):
            self._lose(feature.place, "a polygon without area", "three corners or more around something")
            return None
        if i >= 0:
            self._notes[f"{feature.place}: edges {i + 1} and {j + 1} cross; watched as its hull, without holes"] += 1
            first, holes = tuple(first[k] for k in _hull(plane)), []
        kept = []
        for hole in holes:
            inner = self._plane(hole, self._is_swapped)
            sound = inner is not None and len(hole) >= 3 and crossing(inner)[0] < 0
            if sound and inner is not None and all(away_m(*p, plane, True, 0.0) <= 1.0 for p in inner):
                kept.append(self._radians(hole))
            else:
                self._notes[f"{feature.place}: a hole that crosses itself or the outline is watched, too"] += 1
        return self._radians(first), tuple(kept)

    def _radians(self, ring: Ring) -> Ring:
        places = [math.radians(a) for place in ring for a in place]
        first, second = places[0::2], places[1::2]
        return tuple(zip(first, second, strict=True) if self._is_swapped else zip(second, first, strict=True))

    def _heights(self, piece: Piece) -> tuple[float, float]:
        """Ellipsoidal, as far as they can be known; what cannot does not limit."""
        lower, upper = piece.lower, piece.upper
        are_alike = lower is not None and upper is not None and lower.reference == upper.reference
        if are_alike and lower is not None and upper is not None and lower.value_m > upper.value_m:
            self._notes["a lower limit above the upper: exchanged"] += 1
            lower, upper = upper, lower
        floor_m, ceiling_m = self._height(lower, -1), self._height(upper, 1)
        if floor_m >= ceiling_m:
            self._notes["limits of height that leave nothing between them: watched at every height"] += 1
            return -math.inf, math.inf
        return floor_m, ceiling_m

    def _height(self, limit: Limit | None, side: int) -> float:
        """Of a floor (−1) or ceiling (1)."""
        if limit is None or (limit.reference == "AGL" and side < 0 and limit.value_m <= 0.0):
            return side * math.inf
        if limit.reference == "WGS84":
            return limit.value_m
        if limit.reference == "AMSL":
            geoid_m = self._asked.get("geoid_m")
            if geoid_m is not None:
                return float(limit.value_m + geoid_m + side * GEOID_SLACK_M)
            self._notes[
                f"limits above sea level, widened by up to {-GEOID_M[0]:g} m: geoid_height_m of the site is not said"
            ] += 1
            return limit.value_m + GEOID_M[side > 0]
        ground = self._asked.get("ground_m")
        if limit.reference == "AGL" and ground is not None:
            return float(limit.value_m + ground[side > 0])
        if limit.reference == "AGL":
            self._notes["limits above ground do not limit: ground_height_m = [lowest, highest] is not said"] += 1
        else:
            self._notes[f"limits above {printable(limit.reference, 20) or 'nobody says what'} do not limit"] += 1
        return side * math.inf


def _first(said: list[str]) -> tuple[str, ...]:
    more = len(said) - MOST_TOLD
    return tuple(said) if more <= 0 else (*said[:MOST_TOLD], f"and {more:,} more")


def _area_m2(plane: Floats) -> float:
    x, y = plane.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _hull(plane: Floats) -> list[int]:
    """Numbers of the corners of the convex hull, anticlockwise (Andrew's monotone chain)."""
    order = sorted(range(len(plane)), key=lambda k: (plane[k, 0], plane[k, 1]))

    def half(ordered: list[int]) -> list[int]:
        out: list[int] = []
        for k in ordered:
            while len(out) > 1 and _turn(plane[out[-2]], plane[out[-1]], plane[k]) <= 0.0:
                out.pop()
            out.append(k)
        return out[:-1]

    return half(order) + half(order[::-1])


def _turn(a: Floats, b: Floats, c: Floats) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
