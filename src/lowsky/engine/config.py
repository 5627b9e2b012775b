"""The site file: TOML in degrees, metres, seconds and hertz → ``Site`` in SI units and radians.

Every fault is reported at once, with its line. Nothing is read later.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowsky.errors import ConfigError, Fault
from lowsky.feeds.plan import plan
from lowsky.model.site import DELIVERS, MAX_SENSORS, SENSOR_KINDS, Feed, Sensor, Site
from lowsky.track.settings import setting_faults


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: what it may hold and what it becomes."""

    name: str  # in the file
    field: str  # of the struct
    reads: Callable[[Any], Any]  # raises ValueError(what would be right)
    required: bool = False


def number(low: float, high: float, scale: float = 1.0) -> Callable[[Any], float]:
    """A finite number in [low, high], multiplied by ``scale``."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(value) * scale

    return read


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.isprintable():
        raise ValueError("a text of 1 to 200 printable characters")
    return value


def one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return str(value)

    return read


def sector(low_deg: float, high_deg: float, wraps: bool) -> Callable[[Any], tuple[float, float]]:
    """[from, to] in degrees. A sector that wraps may be given as [350, 10] and becomes [350, 370]."""

    def read(value: Any) -> tuple[float, float]:
        wanted = ValueError(f"two numbers [from, to] from {low_deg:g} to {high_deg:g}, from before to")
        if not isinstance(value, list) or len(value) != 2:
            raise wanted
        try:
            start, end = (number(low_deg, high_deg)(v) for v in value)
        except ValueError:
            raise wanted from None
        if wraps and end <= start:
            end += 360.0
        if end <= start:
            raise wanted
        return math.radians(start), math.radians(end)

    return read


RAD = math.pi / 180.0
PLACE = (
    Key("latitude_deg", "latitude_rad", number(-90.0, 90.0, RAD), required=True),
    Key("longitude_deg", "longitude_rad", number(-180.0, 180.0, RAD), required=True),
    Key("height_m", "height_m", number(-1_000.0, 50_000.0), required=True),
)
SITE_KEYS = (Key("name", "name", text, required=True), *PLACE)
SENSOR_KEYS = (
    Key("id", "id", text, required=True),
    Key("kind", "kind", one_of(*SENSOR_KINDS), required=True),
    *PLACE,
    Key("delivers", "delivers", one_of(*DELIVERS)),
    Key("sigma_range_m", "sigma_range_m", number(1e-3, 1e5)),
    Key("sigma_azimuth_deg", "sigma_azimuth_rad", number(1e-4, 180.0, RAD)),
    Key("sigma_elevation_deg", "sigma_elevation_rad", number(1e-4, 90.0, RAD)),
    Key("sigma_range_rate_mps", "sigma_range_rate_mps", number(1e-4, 1e3)),
    Key("range_doppler_coupling_s", "range_doppler_coupling_s", number(-1.0, 1.0)),
    Key("sigma_position_m", "sigma_position_m", number(1e-2, 1e5)),
    Key("sigma_height_m", "sigma_height_m", number(1e-2, 1e5)),
    Key("sigma_velocity_mps", "sigma_velocity_mps", number(1e-3, 1e3)),
    Key("detection_probability", "detection_probability", number(0.01, 0.999)),
    Key("clutter_per_look", "clutter_per_look", number(0.0, 1e6)),
    Key("look_period_s", "look_period_s", number(0.01, 3600.0)),
    Key("min_range_m", "min_range_m", number(0.0, 1e6)),
    Key("max_range_m", "max_range_m", number(1.0, 1e6)),
    Key("azimuth_deg", "azimuth_rad", sector(-360.0, 720.0, wraps=True)),
    Key("elevation_deg", "elevation_rad", sector(-90.0, 90.0, wraps=False)),
    Key("latency_s", "latency_s", number(0.0, 60.0)),
    Key("clock_offset_s", "clock_offset_s", number(-86_400.0, 86_400.0)),
    Key("outlier_share", "outlier_share", number(0.0, 0.5)),
    Key("error_lasts_s", "error_lasts_s", number(0.0, 3600.0)),
    Key("sigma_snr_db", "sigma_snr_db", number(-20.0, 80.0)),
    Key("beam_elevation_deg", "beam_elevation_rad", number(0.1, 90.0, RAD)),
    Key("air_temperature_c", "air_temperature_c", number(-60.0, 60.0)),
    Key("wind_east_mps", "wind_east_mps", number(-60.0, 60.0)),
    Key("wind_north_mps", "wind_north_mps", number(-60.0, 60.0)),
)
FEED_KEYS = (
    Key("sensor", "sensor", text, required=True),
    Key("format", "format", text, required=True),
    Key("source", "source", text, required=True),
)
TABLES = ("site", "sensor", "feed", "tracker")


class _Lines:
    """Finds the line of a key, so that a fault can say it (the TOML parser of the library does not)."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self._lines = source.splitlines()

    def where(self, table: str, index: int, key: str | None = None) -> str:
        header = re.compile(rf"^\s*\[\[?\s*{re.escape(table)}\s*\]\]?")
        seen, inside, line_of_table = -1, False, 0
        for number_, line in enumerate(self._lines, start=1):
            if header.match(line):
                seen += 1
                inside = seen == index
                line_of_table = number_ if inside else line_of_table
            elif line.lstrip().startswith("["):
                inside = False
            elif inside and key is not None and re.match(rf'^\s*"?{re.escape(key)}"?\s*[=.]', line):
                return f"{self.name}:{number_}: {table}.{key}"
        dot_key = f".{key}" if key else ""
        return f"{self.name}:{line_of_table}: {table}{dot_key}" if line_of_table else f"{self.name}: {table}{dot_key}"


def _shown(value: Any) -> str:
    try:
        rendered = repr(value)
    except ValueError:  # Python refuses to write out integers of thousands of digits
        return "an endless number"
    return rendered if len(rendered) <= 60 else rendered[:57] + "..."


def _read_table(
    raw: Any, keys: tuple[Key, ...], at: Callable[[str | None], str], faults: list[Fault], extra: bool = False
) -> dict[str, Any]:
    """Read one table by its keys; ``extra`` allows further keys and returns them under 'options'."""
    if not isinstance(raw, Mapping):
        faults.append(Fault(at(None), _shown(raw), "a table"))
        return {}
    known = {key.name: key for key in keys}
    out: dict[str, Any] = {"options": {}} if extra else {}
    for name, value in raw.items():
        if name in known:
            try:
                out[known[name].field] = known[name].reads(value)
            except ValueError as wanted:
                faults.append(Fault(at(name), _shown(value), str(wanted)))
        elif extra:
            out["options"][name] = value
        else:
            faults.append(Fault(at(name), "an unknown key", "one of " + ", ".join(known)))
    for key in keys:
        if key.required and key.name not in raw:
            faults.append(Fault(at(None), f"no {key.name}", f"{key.name} = …"))
    return out


def _built(struct: type[Any], values: dict[str, Any], keys: tuple[Key, ...]) -> Any:
    """The struct, or None where a required key is missing or wrong (already reported)."""
    if any(key.required and key.field not in values for key in keys):
        return None
    return struct(**values)


def _check_sensor(sensor: Sensor, at: Callable[[str | None], str], faults: list[Fault]) -> None:
    """What a sensor of its kind cannot do without."""
    needed = {
        "radar": ("sigma_range_m", "sigma_azimuth_rad"),
        "direction-finder": ("sigma_azimuth_rad",),
        "acoustic": ("sigma_azimuth_rad",),
        "camera": ("sigma_azimuth_rad",),
    }.get(sensor.kind if sensor.delivers == "plots" else "", ())
    names = {key.field: key.name for key in SENSOR_KEYS}
    for field in needed:
        if getattr(sensor, field) is None:
            faults.append(Fault(at(None), f"a {sensor.kind} without {names[field]}", f"{names[field]} = …"))
    if sensor.max_range_m <= sensor.min_range_m:
        faults.append(Fault(at("max_range_m"), f"{sensor.max_range_m:g}", "more than min_range_m"))


def _feed_faults(site: Site, tables: list[int], half_read: set[str], lines: _Lines) -> list[Fault]:
    """What ``feeds`` finds wrong with the feeds, at the lines of this file.

    ``tables`` says which [[feed]] of the file each of the site's feeds is, ``half_read`` which sensors are in the
    file but, for faults of their own, not in the site.
    """
    try:
        plan(site)
    except ConfigError as error:
        return [_at_line(fault, tables, lines) for fault in error.faults if not _follows(fault, site, half_read)]
    return []


_FEED_PLACE = re.compile(r"^feed (\d+)(?:: (\w+))?")


def _follows(fault: Fault, site: Site, half_read: set[str]) -> bool:
    """Is it only said because the feed's sensor is wrong itself, which has been said?"""
    place = _FEED_PLACE.match(fault.where)
    return place is not None and place[2] == "sensor" and site.feeds[int(place[1]) - 1].sensor in half_read


def _at_line(fault: Fault, tables: list[int], lines: _Lines) -> Fault:
    """``feed 2: source`` → ``site.toml:31: feed.source``; an option is found by the name in the message."""
    place = _FEED_PLACE.match(fault.where)
    if place is None:
        return fault
    option = re.search(r"`(?:\$\.)?(\w+)`", fault.found)
    key = place[2] or (option[1] if option else None)
    return Fault(lines.where("feed", tables[int(place[1]) - 1], key), fault.found, fault.expected)


def parse_site(source: str, name: str = "site.toml") -> Site:
    """The site of a TOML text. Raises ``ConfigError`` with every fault."""
    lines = _Lines(name, source)
    try:
        raw = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # endless numbers and nesting are no TOMLDecodeError
        raise ConfigError([Fault(name, str(error), "TOML (https://toml.io)")]) from None
    faults: list[Fault] = []
    for table in [name for name in raw if name not in TABLES]:
        faults.append(Fault(f"{name}: {table}", "an unknown table", "one of " + ", ".join(TABLES)))
    if "site" not in raw:
        faults.append(Fault(name, "no [site] table", "[site] with name, latitude_deg, longitude_deg, height_m"))
        place = {}
    else:
        place = _read_table(raw["site"], SITE_KEYS, lambda key: lines.where("site", 0, key), faults)
    sensors, half_read = _sensors(raw.get("sensor", []), lines, faults)
    feeds = _feeds(raw.get("feed", []), lines, faults)
    elsewhere = place if len(place) == len(SITE_KEYS) else NOWHERE
    own = _tracker(raw.get("tracker", {}), lines, faults)
    site = Site(**elsewhere, sensors=tuple(sensors), feeds=tuple(feeds.values()), tracker=own)
    faults += _feed_faults(site, list(feeds), half_read, lines)
    if faults:
        raise ConfigError(sorted(dict.fromkeys(faults), key=_line))
    return site


NOWHERE = {"name": "", "latitude_rad": 0.0, "longitude_rad": 0.0, "height_m": 0.0}
"""Stands in for a wrong [site] table while the rest of the file is checked."""


def _line(fault: Fault) -> int:
    found = re.match(r"^[^:]*:(\d+):", fault.where)
    return int(found.group(1)) if found else 0


def _sensors(raw: Any, lines: _Lines, faults: list[Fault]) -> tuple[list[Sensor], set[str]]:
    """The sensors that could be read, and the ids of those that could not."""
    sensors: list[Sensor] = []
    half_read: set[str] = set()
    if not isinstance(raw, list):
        faults.append(Fault(lines.where("sensor", 0), "a single table", "[[sensor]], one for each"))
        return sensors, half_read
    if len(raw) > MAX_SENSORS:
        faults.append(Fault(lines.where("sensor", MAX_SENSORS), f"{len(raw)} sensors", f"at most {MAX_SENSORS}"))
    for index, table in enumerate(raw):

        def at(key: str | None, index: int = index) -> str:
            return lines.where("sensor", index, key)

        values = _read_table(table, SENSOR_KEYS, at, faults)
        sensor = _built(Sensor, values, SENSOR_KEYS)
        if sensor is None:
            half_read |= {values["id"]} if "id" in values else set()
            continue
        if any(other.id == sensor.id for other in sensors):
            faults.append(Fault(at("id"), f"{sensor.id!r} again", "an id of its own for each sensor"))
        _check_sensor(sensor, at, faults)
        sensors.append(sensor)
    return sensors, half_read


def _feeds(raw: Any, lines: _Lines, faults: list[Fault]) -> dict[int, Feed]:
    """By their place in the file; those that could not be read are left out."""
    feeds: dict[int, Feed] = {}
    if not isinstance(raw, list):
        faults.append(Fault(lines.where("feed", 0), "a single table", "[[feed]], one for each"))
        return feeds
    for index, table in enumerate(raw):

        def at(key: str | None, index: int = index) -> str:
            return lines.where("feed", index, key)

        feed = _built(Feed, _read_table(table, FEED_KEYS, at, faults, extra=True), FEED_KEYS)
        if feed is not None:
            feeds[index] = feed
    return feeds


def _tracker(raw: Any, lines: _Lines, faults: list[Fault]) -> dict[str, Any]:
    """The [tracker] table as it is, once nothing is wrong with it."""
    if not isinstance(raw, dict):
        faults.append(Fault(lines.where("tracker", 0), _shown(raw), "a table"))
        return {}
    wrong = setting_faults(raw)
    faults += [Fault(lines.where("tracker", 0, name), _shown(raw.get(name)), right) for name, right in wrong]
    return {} if wrong else raw


def read_site(path: str | Path) -> Site:
    """The site of a TOML file. Raises ``ConfigError`` with every fault."""
    return parse_site(read_text(path), Path(path).name)


def read_text(path: str | Path) -> str:
    """The text of a site file, for who also keeps it: a pipe can be read only once. Raises ``ConfigError``."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Fault(str(path), error.strerror or "unreadable", "a readable site file")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(str(path), "bytes that are not UTF-8", "a TOML text in UTF-8")]) from None
