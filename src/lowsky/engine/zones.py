"""Zones and rules of the site file: degrees, metres, seconds and clock times → facts in SI units and radians."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M, SECOND_NS
from lowsky.engine.keys import At, Key, Lines, many, number, one_of, read_table, shown, tables, text, yes_or_no
from lowsky.errors import Fault
from lowsky.kernels.zones import crossing
from lowsky.model.classes import BY_LABEL
from lowsky.model.measurement import Floats
from lowsky.model.zone import (
    DAY_S,
    FARTHEST_M,
    IDENTITY_STATES,
    MOST_CORNERS,
    MOST_ZONES,
    OVER_API,
    PRIORITIES,
    SHAPES,
    Rule,
    Zone,
    ZoneFile,
    every_day,
    is_any,
    is_over_api,
)

MOST_RULES = 200
CLOCK = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")


def hours(value: Any) -> tuple[float, float]:
    """ "22:00-06:00" of the UTC day → seconds from its begin; the end of a night is past 24 h."""
    found = CLOCK.match(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('clock times as "22:00-06:00"')
    begin, end = (3600.0 * int(found[k]) + 60.0 * int(found[k + 1]) for k in (1, 3))
    if begin >= DAY_S or end > DAY_S or begin == end:
        raise ValueError('clock times from 00:00 to 24:00, not the same, as "22:00-06:00"')
    return begin, end if end > begin else end + DAY_S


def speeds(value: Any) -> tuple[float, float]:
    """[from, to] in m/s."""
    if isinstance(value, list) and len(value) == 2:
        low, high = (number(0.0, 1000.0)(v) for v in value)
        if low < high:
            return low, high
    raise ValueError("two numbers [from, to] from 0 to 1000, from below to")


def of_class(value: Any) -> str:
    if not isinstance(value, str) or value not in BY_LABEL:
        raise ValueError("one of " + ", ".join(BY_LABEL))
    return value


RAD = math.pi / 180.0
HEIGHT = number(-1_000.0, 50_000.0)
HOURS = Key("hours_utc", "hours", many(hours, 24, 'up to 24 clock times as "22:00-06:00"'))
ZONE_KEYS = (
    Key("id", "id", text, required=True),
    Key("shape", "shape", one_of(*SHAPES), required=True),
    Key("latitude_deg", "latitude", many(number(-90.0, 90.0, RAD), MOST_CORNERS, "1 to 10,000 numbers"), required=True),
    Key(
        "longitude_deg", "longitude", many(number(-180.0, 180.0, RAD), MOST_CORNERS, "1 to 10,000 numbers"),
        required=True,
    ),
    Key("radius_m", "radius_m", number(1.0, 100_000.0)),
    Key("width_m", "width_m", number(1.0, 100_000.0)),
    Key("floor_height_m", "floor_m", HEIGHT),
    Key("ceiling_height_m", "ceiling_m", HEIGHT),
    HOURS,
)  # fmt: skip
RULE_KEYS = (
    Key("id", "id", text, required=True),
    Key("priority", "priority", one_of(*PRIORITIES), required=True),
    Key("zones", "zones", many(text, MOST_ZONES, "ids of zones")),
    Key("classes", "classes", many(of_class, len(BY_LABEL), "classes")),
    Key("class_probability", "class_probability", number(0.0, 1.0)),
    Key("existence", "existence", number(0.0, 1.0)),
    Key("within_s", "within_s", number(0.0, 600.0)),
    Key("probability", "probability", number(0.01, 1.0)),
    Key("floor_height_m", "floor_m", HEIGHT),
    Key("ceiling_height_m", "ceiling_m", HEIGHT),
    Key("speed_mps", "speed_mps", speeds),
    Key("sensors", "sensors", number(1.0, 64.0)),
    Key("count", "count", number(1.0, 10_000.0)),
    Key("sensor_kinds", "sensor_kinds", number(1.0, 5.0)),
    Key("anonymous", "anonymous", yes_or_no),
    Key("identity", "identity", many(one_of(*IDENTITY_STATES), 4, ", ".join(IDENTITY_STATES))),
    Key("cost_missed", "cost_missed", number(1e-6, 1e12)),
    Key("cost_false", "cost_false", number(1e-6, 1e12)),
    HOURS,
    Key("on_s", "on_s", number(0.0, 600.0)),
    Key("off_s", "off_s", number(0.0, 3600.0)),
)
COUNTS = ("sensors", "sensor_kinds", "count")
PROBABILITIES = ("existence", "class_probability", "probability")


def read_zones(
    raw: dict[str, Any],
    origin: tuple[float, float] | None,
    files: Sequence[ZoneFile],
    imported: Sequence[Zone],
    lines: Lines,
    faults: list[Fault],
) -> tuple[tuple[Zone, ...], tuple[Rule, ...]]:
    """[[zone]] and [[rule]] tables. ``origin``: the site's latitude and longitude, where they could be read; zones of
    files may be named in rules, too."""
    zones: dict[str, Zone] = {}
    named: set[str] = {OVER_API, *(file.id for file in files)}  # also those that are wrong otherwise
    for at, table in tables(raw.get("zone", []), "zone", MOST_ZONES, lines, faults):
        known = len(faults)
        values = read_table(table, ZONE_KEYS, at, faults)
        if "id" in values:
            if values["id"] in named or "/" in values["id"]:
                is_again = values["id"] in named and values["id"] != OVER_API
                found = f"{values['id']!r}" + (" again" if is_again else "")
                faults.append(Fault(at("id"), found, "an id of its own for each zone, without /"))
            named.add(values["id"])
        if len(faults) == known:
            zone = _zone(values, origin, at, faults)
            if zone is not None:
                zones[zone.id] = zone
    meant = {name: (name,) for name in named} | names_of(files, imported)
    rules: dict[str, Rule] = {}
    for at, table in tables(raw.get("rule", []), "rule", MOST_RULES, lines, faults):
        known = len(faults)
        values = read_table(table, RULE_KEYS, at, faults)
        if len(faults) == known:
            rule = _rule(values, meant, list(rules.values()), at, faults)
            known_zones = zones | {zone.id: zone for zone in imported}
            if rule is not None and _is_elsewhere(rule, known_zones):
                faults.append(Fault(at("zones"), "heights at which none of its zones is", "heights of one of them"))
            if rule is not None and _is_at_other_times(rule, known_zones):
                faults.append(
                    Fault(at("hours_utc"), "hours at which none of its zones is watched", "hours of one of them")
                )
            if rule is not None:
                rules[rule.id] = rule
    return (*zones.values(), *imported), tuple(rules.values())


def _is_elsewhere(rule: Rule, zones: dict[str, Zone]) -> bool:
    """Can it never hold, as no zone of it is between its heights? (Of one on its way height says nothing.)"""
    named = [zones.get(name) for name in rule.zones]
    return (
        bool(named)
        and all(
            zone is not None and (zone.floor_m >= rule.ceiling_m or zone.ceiling_m <= rule.floor_m) for zone in named
        )
        and rule.within_s == 0.0
    )


def _is_at_other_times(rule: Rule, zones: dict[str, Zone]) -> bool:
    """Can it never hold, as each of its zones is watched at other clock times? (Dates of files pass; those may.)"""
    named = [zones.get(name) for name in rule.zones]
    if not named or not rule.periods:
        return False
    for zone in named:
        if zone is None or any(period.begin_ns or period.end_ns or not period.weekly for period in zone.periods):
            return False
        begins = [begin for period in (*rule.periods, *zone.periods) for _, begin, _ in period.weekly]
        moments = [round((day * DAY_S + begin) * SECOND_NS) for day in range(7) for begin in begins]
        if any(is_any(rule.periods, t_ns) and zone.is_watched(t_ns) for t_ns in moments):
            return False
    return True


def names_of(files: Sequence[ZoneFile], zones: Sequence[Zone]) -> dict[str, tuple[str, ...]]:
    """Names of zones, of files and of their features → ids of zones. What is named and has none (a file that could not
    be read) stands for itself: a rule for it is a rule for nothing, and not for everywhere."""
    meant: dict[str, list[str]] = {file.id: [] for file in files}
    for file in files:
        meant |= {f"{file.id}/{feature}": [] for feature in file.features}
    for zone in zones:
        names = (zone.file, f"{zone.file}/{zone.feature}") if zone.file else ()
        for name in dict.fromkeys((*names, zone.id)):
            meant.setdefault(name, []).append(zone.id)
    return {name: tuple(ids) or (name,) for name, ids in meant.items()}


def read_zone(table: Any, origin: tuple[float, float], at: At, faults: list[Fault]) -> Zone | None:
    """One zone by itself, with the keys of a [[zone]] table."""
    known = len(faults)
    values = read_table(table, ZONE_KEYS, at, faults)
    return _zone(values, origin, at, faults) if len(faults) == known else None


def _zone(values: dict[str, Any], origin: tuple[float, float] | None, at: At, faults: list[Fault]) -> Zone | None:
    shape, latitude, longitude = values["shape"], values.pop("latitude"), values.pop("longitude")
    periods = every_day(values.pop("hours", ()))
    least = {"polygon": 3, "corridor": 2, "circle": 1}[shape]
    reach = {"corridor": "width_m", "circle": "radius_m"}.get(shape)
    wrong: list[tuple[str | None, str, str]] = []
    if len(latitude) != len(longitude):
        wrong.append(("longitude_deg", f"{len(longitude)} longitudes", f"{len(latitude)}, as many as latitudes"))
    elif len(latitude) < least or (shape == "circle" and len(latitude) > 1):
        wrong.append(
            ("latitude_deg", f"{len(latitude)} corners", f"{least}" + ("" if shape == "circle" else " or more"))
        )
    if reach is not None and reach not in values:
        wrong.append((None, f"a {shape} without {reach}", f"{reach} = …"))
    for other in {"width_m", "radius_m"} - {reach}:
        if other in values:
            wrong.append((other, f"a {shape} with {other}", "no such key"))
    if not values.get("floor_m", -math.inf) < values.get("ceiling_m", math.inf):
        wrong.append(("ceiling_height_m", f"{values['ceiling_m']:g}", "more than floor_height_m"))
    corners = tuple(zip(latitude, longitude, strict=False))
    if not wrong and shape == "polygon":
        corners = corners[:-1] if corners[0] == corners[-1] else corners
        first, second = crossing(_flat(corners)) if len(corners) > 2 else (-1, -1)
        if first >= 0:
            found = f"edges {first + 1} and {second + 1} that cross"
            wrong.append(("latitude_deg", found, "edges that do not"))
        elif len(corners) < 3 or _area(corners) == 0.0:
            wrong.append(("latitude_deg", "a polygon without area", "three corners or more around something"))
    if not wrong and origin is not None and max(_far_m(corner, origin) for corner in corners) > FARTHEST_M:
        wrong.append(("latitude_deg", "corners more than 200 km from the site", "a zone that its sensors can see"))
    faults += [Fault(at(key), found, right) for key, found, right in wrong]
    if wrong:
        return None
    half = {"corridor": 0.5 * values.pop("width_m", 0.0), "circle": values.pop("radius_m", 0.0)}.get(shape, 0.0)
    return Zone(**values, corners=corners, reach_m=half, periods=periods)


def _rule(
    values: dict[str, Any], meant: dict[str, tuple[str, ...]], others: list[Rule], at: At, faults: list[Fault]
) -> Rule | None:
    values |= {name: int(values[name]) for name in COUNTS if name in values}
    values["periods"] = every_day(values.pop("hours", ()))
    wrong: list[tuple[str | None, str, str]] = []
    asked = values.get("zones", ())
    right = "the id of a [[zone]] or [[zone_file]], FILE/IDENTIFIER, api or api/NAME"
    wrong += [("zones", shown(zone), right) for zone in asked if zone not in meant and not is_over_api(zone)]
    values["zones"] = tuple(dict.fromkeys(own for name in asked for own in meant.get(name, (name,))))
    if ("cost_missed" in values) != ("cost_false" in values):
        wrong.append((None, "one cost", "cost_missed and cost_false, or neither"))
    elif "cost_missed" in values:
        given = [name for name in PROBABILITIES if name in values]
        wrong += [(name, "a limit beside costs", "one or the other: costs give the limit") for name in given]
    if values.get("anonymous") and "identity" in values:
        wrong.append(("anonymous", "anonymous beside identity", 'one or the other: anonymous is identity = "none"'))
    rule = Rule(**values)
    if rule.within_s > 0.0 and not rule.zones:
        wrong.append(("within_s", "a time to no zone", "zones = [ … ]"))
    if not rule.floor_m < rule.ceiling_m:
        wrong.append(("ceiling_height_m", f"{rule.ceiling_m:g}", "more than floor_height_m"))
    if any(other.id == rule.id for other in others):
        wrong.append(("id", f"{rule.id!r} again", "an id of its own for each rule"))
    for other in others:
        if _conditions(other) == _conditions(rule) and other.priority != rule.priority:
            wrong.append(("priority", f"{rule.priority}, where {other.id!r} says {other.priority} of the same", "one"))
    faults += [Fault(at(key), found, right) for key, found, right in wrong]
    return None if wrong else rule


def _conditions(rule: Rule) -> tuple[Any, ...]:
    return tuple(
        getattr(rule, name) for name in Rule.__struct_fields__ if name not in ("id", "priority", "on_s", "off_s")
    )


def _far_m(corner: tuple[float, float], origin: tuple[float, float]) -> float:
    east = (corner[1] - origin[1] + math.pi) % (2.0 * math.pi) - math.pi
    return EARTH_MEAN_RADIUS_M * math.hypot(corner[0] - origin[0], east * math.cos(origin[0]))


def _area(corners: tuple[tuple[float, float], ...]) -> float:
    return 0.5 * sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*corners, corners[0]]))


def _flat(corners: tuple[tuple[float, float], ...]) -> Floats:
    """East and north of the first corner, radians of arc, float64[M, 2]: good enough to see which edges cross."""
    places = np.array(corners)
    east = (places[:, 1] - places[0, 1] + math.pi) % (2.0 * math.pi) - math.pi
    return np.column_stack((east * math.cos(corners[0][0]), places[:, 0] - places[0, 0]))
