"""Zones and rules of the site file: degrees, metres, seconds and clock times → facts in SI units and radians."""

import math
import re
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.engine.keys import Key, Lines, number, one_of, read_table, shown, text, yes_or_no
from lowsky.errors import Fault
from lowsky.model.classes import BY_LABEL
from lowsky.model.zone import DAY_S, PRIORITIES, SHAPES, Rule, Zone

MOST_ZONES, MOST_RULES, MOST_CORNERS = 1_000, 200, 10_000
FARTHEST_M = 200_000.0  # from the site; the frame's plane and the probability of entry end long before
CLOCK = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")


def many(read: Callable[[Any], Any], most: int, wanted: str) -> Callable[[Any], tuple[Any, ...]]:
    """A list of 1 to ``most``; one alone may stand without brackets."""

    def read_all(value: Any) -> tuple[Any, ...]:
        values = value if isinstance(value, list) else [value]
        if not 1 <= len(values) <= most:
            raise ValueError(wanted)
        return tuple(read(v) for v in values)

    return read_all


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
    Key("hours_utc", "hours", many(hours, 24, 'up to 24 clock times as "22:00-06:00"')),
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
    Key("anonymous", "anonymous", yes_or_no),
    Key("on_s", "on_s", number(0.0, 600.0)),
    Key("off_s", "off_s", number(0.0, 3600.0)),
)
COUNTS = ("sensors", "count")
At = Callable[[str | None], str]


def read_zones(
    raw: dict[str, Any], origin: tuple[float, float] | None, lines: Lines, faults: list[Fault]
) -> tuple[tuple[Zone, ...], tuple[Rule, ...]]:
    """[[zone]] and [[rule]] tables. ``origin``: the site's latitude and longitude, where they could be read."""
    zones: dict[str, Zone] = {}
    named: set[str] = set()  # also those that are wrong otherwise
    for at, table in _tables(raw.get("zone", []), "zone", MOST_ZONES, lines, faults):
        known = len(faults)
        values = read_table(table, ZONE_KEYS, at, faults)
        if "id" in values:
            if values["id"] in named:
                faults.append(Fault(at("id"), f"{values['id']!r} again", "an id of its own for each zone"))
            named.add(values["id"])
        if len(faults) == known:
            zone = _zone(values, origin, at, faults)
            if zone is not None:
                zones[zone.id] = zone
    rules: dict[str, Rule] = {}
    for at, table in _tables(raw.get("rule", []), "rule", MOST_RULES, lines, faults):
        known = len(faults)
        values = read_table(table, RULE_KEYS, at, faults)
        if len(faults) == known:
            rule = _rule(values, named, list(rules.values()), at, faults)
            if rule is not None:
                rules[rule.id] = rule
    return tuple(zones.values()), tuple(rules.values())


def _tables(raw: Any, name: str, most: int, lines: Lines, faults: list[Fault]) -> list[tuple[At, Any]]:
    if not isinstance(raw, list):
        faults.append(Fault(lines.where(name, 0), "a single table", f"[[{name}]], one for each"))
        return []
    if len(raw) > most:
        faults.append(Fault(lines.where(name, most), f"{len(raw)} of them", f"at most {most}"))
        return []

    def place(index: int) -> At:
        return lambda key: lines.where(name, index, key)

    return [(place(k), table) for k, table in enumerate(raw)]


def _zone(values: dict[str, Any], origin: tuple[float, float] | None, at: At, faults: list[Fault]) -> Zone | None:
    shape, latitude, longitude = values["shape"], values.pop("latitude"), values.pop("longitude")
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
        crossing = _crossing(corners)
        if crossing is not None:
            found = f"edges {crossing[0] + 1} and {crossing[1] + 1} that cross"
            wrong.append(("latitude_deg", found, "edges that do not"))
        elif len(corners) < 3 or _area(corners) == 0.0:
            wrong.append(("latitude_deg", "a polygon without area", "three corners or more around something"))
    if not wrong and origin is not None and max(_far_m(corner, origin) for corner in corners) > FARTHEST_M:
        wrong.append(("latitude_deg", "corners more than 200 km from the site", "a zone that its sensors can see"))
    faults += [Fault(at(key), found, right) for key, found, right in wrong]
    if wrong:
        return None
    half = {"corridor": 0.5 * values.pop("width_m", 0.0), "circle": values.pop("radius_m", 0.0)}.get(shape, 0.0)
    return Zone(**values, corners=corners, reach_m=half)


def _rule(values: dict[str, Any], zones: set[str], others: list[Rule], at: At, faults: list[Fault]) -> Rule | None:
    values |= {name: int(values[name]) for name in COUNTS if name in values}
    rule = Rule(**({"zones": ()} | values))
    wrong: list[tuple[str | None, str, str]] = []
    wrong += [("zones", shown(zone), "the id of a [[zone]]") for zone in rule.zones if zone not in zones]
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


def _crossing(corners: tuple[tuple[float, float], ...]) -> tuple[int, int] | None:
    """The first two edges that cross or touch and are no neighbours."""
    edges = list(pairwise([*corners, corners[0]]))
    if len(edges) > 2_000:  # of a coast, traced by somebody who knows how
        return None
    for (i, (a, b)), (j, (c, d)) in combinations(enumerate(edges), 2):
        is_next = j == i + 1 or (i == 0 and j == len(edges) - 1)
        if not is_next and _side(a, b, c) * _side(a, b, d) <= 0.0 and _side(c, d, a) * _side(c, d, b) <= 0.0:
            return i, j
    return None


def _side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
