"""Scenario files: TOML text → ``Scenario``, with every fault at once."""

import hashlib
import itertools
import math
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np

from lowsky.errors import ConfigError, Fault
from lowsky.model.classes import BY_LABEL
from lowsky.model.site import MAX_SENSORS
from lowsky.simulate.like import filled
from lowsky.simulate.scenario import (
    Cells,
    Circle,
    Crossing,
    Formation,
    Inbound,
    Limits,
    Motion,
    Scenario,
    Sensor,
    Start,
    Swarm,
    Target,
    Waypoints,
    Wing,
)
from lowsky.simulate.terrain import Ground

NEEDS = {
    "radar": ("sigma_range_m", "sigma_azimuth_deg"),
    "direction-finder": ("sigma_azimuth_deg",),
    "acoustic": ("sigma_azimuth_deg",),
    "camera": ("sigma_azimuth_deg", "sigma_elevation_deg"),
    "cooperative": ("sigma_position_m", "sigma_height_m"),
}
PHYSICS = {
    "echo": "radar",
    "sound": "acoustic",
    "radio": "direction-finder",
    "optics": "camera",
    "reports": "cooperative",
}
"""Tables of a sensor: the kind each is for."""
UNIONS = (Start, Motion)
MAX_HEIGHTS = 10_000  # of a map
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)  # what a table can hold


def list_scenarios() -> list[tuple[str, str]]:
    """Name and one-line description of every built-in scenario, by name."""
    built_in = [parse_scenario(text, f"{name}.toml") for name, text in _library()]
    return [(scenario.name, scenario.description) for scenario in built_in]


def load_scenario(name_or_path: str | Path) -> Scenario:
    """A built-in scenario by name, or one of a file. Raises ``ConfigError`` with every fault."""
    texts = dict(_library())
    if str(name_or_path) in texts:
        return parse_scenario(texts[str(name_or_path)], f"{name_or_path}.toml")
    path = Path(name_or_path)
    try:
        return parse_scenario(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        expected = "a scenario file, or one of " + ", ".join(sorted(texts))
        raise ConfigError([Fault(str(path), "no such file or built-in scenario", expected)]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Fault(str(path), str(error), "a readable TOML text in UTF-8")]) from None


def scenario_sha256(name_or_path: str | Path) -> str:
    """SHA-256 of a scenario's text as it is stored, hexadecimal. Raises ``ConfigError`` where there is none."""
    texts = dict(_library())
    if str(name_or_path) in texts:
        return hashlib.sha256(texts[str(name_or_path)].encode()).hexdigest()
    load_scenario(name_or_path)  # its message where it is not there
    return hashlib.sha256(Path(name_or_path).read_bytes()).hexdigest()


def parse_scenario(source: str, name: str = "scenario.toml") -> Scenario:
    """The scenario of a TOML text. Raises ``ConfigError`` with every fault."""
    try:
        raw = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a bare ValueError
        raise ConfigError([Fault(name, str(error), "TOML (https://toml.io)")]) from None
    faults = list(filled(raw, name))
    faults = faults or list(_faults_of(raw, Scenario, f"{name}: "))
    if not faults:
        scenario = msgspec.convert(raw, Scenario)
        faults = list(_disagreements(scenario, name))
    if faults:
        raise ConfigError(faults)
    return scenario


def _library() -> Iterator[tuple[str, str]]:
    folder = resources.files("lowsky.simulate") / "library"
    for file in sorted(folder.iterdir(), key=lambda file: file.name.removesuffix(".toml")):
        if file.name.endswith(".toml"):
            yield file.name.removesuffix(".toml"), file.read_text(encoding="utf-8")


def _faults_of(raw: Any, kind: type[msgspec.Struct], where: str) -> Iterator[Fault]:
    """Unknown, missing and wrong keys of one table and of those inside it."""
    if not isinstance(raw, dict):
        yield Fault(where.removesuffix("."), _shown(raw), "a table")
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    tag = {kind.__struct_config__.tag_field} if kind.__struct_config__.tag_field else set()
    for key in sorted(raw.keys() - fields.keys() - tag):
        yield Fault(where + key, "an unknown key", "one of " + ", ".join(fields))
    for key, field in fields.items():
        if key in raw:
            yield from _value_faults(raw[key], field.type, where + key)
        elif field.required:
            yield Fault(where + key, "nothing", f"{key} = …")


def _value_faults(value: Any, kind: Any, where: str) -> Iterator[Fault]:
    """Faults of one value, by the type of its key."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _faults_of(value, kind, where + ".")
        return
    optional = [part for part in get_args(kind) if isinstance(part, type) and issubclass(part, msgspec.Struct)]
    if len(optional) == 1 and type(None) in get_args(kind):
        yield from _faults_of(value, optional[0], where + ".")
        return
    if kind in UNIONS:
        yield from _tagged_faults(value, kind, where)
        return
    item = get_args(kind)[:1]
    if item and isinstance(item[0], type) and issubclass(item[0], msgspec.Struct) and isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _faults_of(entry, item[0], f"{where}[{index}].")
        return
    if not _is_finite(value):
        yield Fault(where, _shown(value), "finite numbers")
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield Fault(where, _shown(value), str(error))
        return
    limits = next((part for part in _parts(kind) if isinstance(part, Limits)), None)
    if limits is None or value is None:
        return
    low, high = _both(value)
    if low > high:
        yield Fault(where, _shown(value), "[from, to], from not above to")
    elif low < limits.low or high > limits.high:
        yield Fault(where, _shown(value), f"from {limits.low:g} to {limits.high:g}")


def _parts(kind: Any) -> Iterator[Any]:
    """A type and what it is made of, its annotations too."""
    yield kind
    for part in get_args(kind):
        yield from _parts(part)


def _tagged_faults(value: Any, kind: Any, where: str) -> Iterator[Fault]:
    """Faults of a table whose ``kind`` says what its keys are."""
    by_tag = {member.__struct_config__.tag: member for member in get_args(kind)}
    tag = value.get("kind") if isinstance(value, dict) else None
    if isinstance(tag, str) and tag in by_tag:
        yield from _faults_of(value, by_tag[tag], where + ".")
    else:
        yield Fault(where, _shown(value), "a table with kind = one of " + ", ".join(by_tag))


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(_is_finite(v) for v in value)
    if isinstance(value, dict):
        return all(_is_finite(v) for v in value.values())
    return True


def _shown(value: Any) -> str:
    rendered = repr(value)
    return rendered if len(rendered) <= 60 else rendered[:57] + "..."


def _disagreements(scenario: Scenario, name: str) -> Iterator[Fault]:
    """Faults between keys that are each right by themselves."""
    yield from _place_disagreements(scenario, name)
    if scenario.start.tzinfo is None:
        yield Fault(f"{name}: start", str(scenario.start), "a date and time in UTC, e.g. 2026-05-01T06:00:00Z")
    elif not EARLIEST <= scenario.start <= LATEST:
        yield Fault(f"{name}: start", str(scenario.start), "a time from 1970 to 2198")
    for table in ("target", "sensor"):
        names = [part.name if table == "target" else part.id for part in getattr(scenario, table)]
        for index, each in enumerate(names):
            if each in names[:index]:
                yield Fault(f"{name}: {table}[{index}]", f"{each!r} again", "a name of its own")
    if len(scenario.sensor) > MAX_SENSORS:
        yield Fault(f"{name}: sensor", f"{len(scenario.sensor)} tables", f"at most {MAX_SENSORS}")
    for index, target in enumerate(scenario.target):
        yield from _target_disagreements(target, f"{name}: target[{index}].")
    groups = {target.name for target in scenario.target}
    for index, sensor in enumerate(scenario.sensor):
        yield from _sensor_disagreements(sensor, groups, f"{name}: sensor[{index}].")


def _place_disagreements(scenario: Scenario, name: str) -> Iterator[Fault]:
    """Of wind and terrain."""
    heights = [up for up, _, _ in scenario.wind.profile]
    if any(above <= below for below, above in itertools.pairwise(heights)):
        yield Fault(f"{name}: wind.profile", _shown(heights), "[up_m, east_mps, north_mps], …: each higher than before")
    if scenario.terrain is None:
        return
    rows = scenario.terrain.heights_m
    yield from _buried(scenario, name)
    if rows and (len({len(row) for row in rows}) != 1 or not rows[0]):
        expected = "rows of one length, from north to south"
        yield Fault(f"{name}: terrain.heights_m", f"rows of {sorted({len(row) for row in rows})} numbers", expected)
    if sum(len(row) for row in rows) > MAX_HEIGHTS:
        yield Fault(f"{name}: terrain.heights_m", f"{sum(len(r) for r in rows)} numbers", f"at most {MAX_HEIGHTS}")
    edges = [("", scenario.terrain), *((f"building[{i}].", b) for i, b in enumerate(scenario.terrain.building))]
    for where, block in edges:
        for key in ("east_m", "north_m"):
            low, high = getattr(block, key)
            if low >= high:
                yield Fault(f"{name}: terrain.{where}{key}", f"[{low:g}, {high:g}]", "[from, to], from below to")


def _buried(scenario: Scenario, name: str) -> Iterator[Fault]:
    """Sensors below the ground."""
    rows = scenario.terrain.heights_m if scenario.terrain else ()
    if scenario.terrain is None or (rows and len({len(row) for row in rows}) != 1):
        return
    ground = Ground.of(scenario.terrain)
    for index, sensor in enumerate(scenario.sensor):
        east_m, north_m, up_m = sensor.position_m
        height_m = float(ground.up(np.float64(east_m), np.float64(north_m)))
        if up_m < height_m:
            expected = f"above the ground, which is {height_m:.1f} m there"
            yield Fault(f"{name}: sensor[{index}].position_m", f"{up_m:g} m up", expected)


def _target_disagreements(target: Target, where: str) -> Iterator[Fault]:
    if target.object_class not in BY_LABEL:
        yield Fault(where + "class", repr(target.object_class), "one of " + ", ".join(BY_LABEL))
    if isinstance(target.start, Swarm) and target.count % target.start.groups:
        yield Fault(where + "count", str(target.count), f"a multiple of start.groups = {target.start.groups}")
    aims = isinstance(target.start, Inbound | Crossing)
    if isinstance(target.motion, Waypoints | Wing) and not target.motion.points_m and not aims:
        yield Fault(where + "motion.points_m", "none", "points, or a start of kind inbound, which aims at one")
    if isinstance(target.motion, Waypoints | Wing) and _both(target.start.speed_mps)[1] == 0.0:
        yield Fault(where + "start.speed_mps", "0", "the speed at which it flies to its points")
    if isinstance(target.motion, Formation):
        yield from _formation_disagreements(target, target.motion, where)


def _formation_disagreements(target: Target, motion: Formation, where: str) -> Iterator[Fault]:
    if not isinstance(target.start, Circle):
        yield Fault(where + "start", "a start without a circle", 'kind = "circle" for a formation')
    elif _both(target.start.range_m)[0] <= 0.0:
        yield Fault(where + "start.range_m", _shown(target.start.range_m), "a circle of more than 0 m")
    if target.count != motion.radial * motion.tangential:
        expected = f"motion.radial × motion.tangential = {motion.radial * motion.tangential}"
        yield Fault(where + "count", str(target.count), expected)
    if len(set(_both(target.appear_s))) > 1:
        yield Fault(where + "appear_s", _shown(target.appear_s), "one number: a formation appears together")
    times = [at_s for at_s, _ in motion.spacing]
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        yield Fault(where + "motion.spacing", _shown(times), "[second, factor], …: each second after the one before")


def _sensor_disagreements(sensor: Sensor, groups: set[str], where: str) -> Iterator[Fault]:
    for key in NEEDS[sensor.kind]:
        if getattr(sensor, key) is None:
            yield Fault(where + key, "nothing", f"{key} = … for a {sensor.kind}")
    if sensor.max_range_m <= sensor.min_range_m:
        yield Fault(where + "max_range_m", f"{sensor.max_range_m:g}", f"more than min_range_m = {sensor.min_range_m:g}")
    for key in ("azimuth_deg", "elevation_deg", "clutter_elevation_deg"):
        low, high = getattr(sensor, key)
        limit = 360.0 if key == "azimuth_deg" else 90.0
        if not (-limit <= low < high <= 2.0 * limit and high - low <= 360.0) or (limit == 90.0 and high > limit):
            yield Fault(where + key, f"[{low:g}, {high:g}]", "[from, to] in degrees, from below to")
    if sensor.tracker is not None and (sensor.kind != "radar" or sensor.sigma_elevation_deg is None):
        found = sensor.kind if sensor.kind != "radar" else "a radar without sigma_elevation_deg"
        yield Fault(where + "tracker", found, "this table in a radar that measures elevation")
    for group in sensor.only:
        if group not in groups:
            yield Fault(where + "only", repr(group), "names of [[target]] tables: " + ", ".join(sorted(groups)))
    for label in sensor.detects:
        if label not in BY_LABEL:
            yield Fault(where + "detects", repr(label), "one of " + ", ".join(BY_LABEL))
    if sensor.kind == "cooperative" and sensor.clutter_per_look > 0.0:
        expected = "0: false alarms have no position to report"
        yield Fault(where + "clutter_per_look", f"{sensor.clutter_per_look:g}", expected)
    for label, shares in sensor.says.items():
        for said in (label, *shares):
            if said not in BY_LABEL:
                yield Fault(where + f"says.{label}", repr(said), "one of " + ", ".join(BY_LABEL))
        if sum(shares.values()) > 1.0 + 1e-9:
            yield Fault(where + f"says.{label}", f"a sum of {sum(shares.values()):g}", "shares that sum to at most 1")
    if max(_both(sensor.latency_s)) > 60.0:
        yield Fault(where + "latency_s", _shown(sensor.latency_s), "seconds from 0 to 60")
    yield from _fault_disagreements(sensor, where)


def _fault_disagreements(sensor: Sensor, where: str) -> Iterator[Fault]:
    """Of patches, registration, link and cells."""
    if (sensor.patches.share > 0.0) != bool(sensor.patches.group):
        found = f"{len(sensor.patches.group)} groups with share = {sensor.patches.share:g}"
        yield Fault(where + "patches", found, "a share above 0 and [[sensor.patches.group]], or neither")
    if sensor.kind != "radar" and sensor.patches.group:
        yield Fault(where + "patches", f"of a {sensor.kind}", "patches of a radar")
    if sensor.kind == "cooperative":
        error = sensor.registration
        if error.range_m or error.azimuth_deg or error.elevation_deg:
            yield Fault(where + "registration", "errors of plots", "time_s alone: reports state no range or angle")
        if sensor.cells != Cells():
            yield Fault(where + "cells", "cells of reports", "cells of a sensor that makes plots")
    for key, kind in PHYSICS.items():
        if getattr(sensor, key) is not None and sensor.kind != kind:
            yield Fault(where + key, f"of a {sensor.kind}", f"this table in a {kind} alone")
    if sensor.echo is not None and sensor.r90_m is None:
        yield Fault(where + "r90_m", "nothing", "r90_m = … for the radar equation of the table echo")
    for index, (from_s, to_s) in enumerate(sensor.off_s):
        if from_s >= to_s:
            yield Fault(f"{where}off_s[{index}]", f"[{from_s:g}, {to_s:g}]", "[from, to], from below to")
    link = sensor.link
    if link.stall_every_s is not None and link.stall_every_s <= link.stall_s:
        yield Fault(where + "link.stall_every_s", f"{link.stall_every_s:g}", f"more than stall_s = {link.stall_s:g}")


def _both(draw: Any) -> tuple[float, float]:
    """From and to of a draw, as read from the file or converted."""
    low, high = draw if isinstance(draw, tuple | list) else (draw, draw)
    return low, high
