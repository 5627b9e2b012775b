"""The site file: TOML in degrees, metres, seconds and hertz → ``Site`` in SI units and radians.

Every fault is reported at once, with its line. Nothing is read later.
"""

import math
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lowsky.engine.keys import Key, Lines, built, number, one_of, read_table, sector, shown, text, yes_or_no
from lowsky.engine.outputs import read_outputs
from lowsky.engine.wind import read_wind
from lowsky.engine.zonefiles import READ, read_zone_files, with_zones
from lowsky.engine.zones import read_zones
from lowsky.errors import ConfigError, Fault
from lowsky.feeds.plan import plan
from lowsky.model.classes import BY_LABEL
from lowsky.model.desk import DeskSettings
from lowsky.model.site import DELIVERS, MAX_SENSORS, SENSOR_KINDS, Feed, Sensor, Site
from lowsky.track.settings import setting_faults

RAD = math.pi / 180.0


def confusion(value: Any) -> dict[str, dict[str, float]]:
    """For a class, how often the sensor says what of it: shares that sum to 1 at most, the rest being silence."""
    wanted = ValueError("for each class a table of words and their shares, { bird = { bird = 0.8, drone = 0.05 } }")
    if not isinstance(value, dict) or not all(isinstance(words, dict) for words in value.values()):
        raise wanted
    out = {name: {word: number(0.0, 1.0)(share) for word, share in words.items()} for name, words in value.items()}
    named = {*out, *(word for words in out.values() for word in words)}
    if not named <= BY_LABEL.keys() or any(sum(words.values()) > 1.0 + 1e-9 for words in out.values()):
        raise wanted
    return out


PLACE = (
    Key("latitude_deg", "latitude_rad", number(-90.0, 90.0, RAD), required=True),
    Key("longitude_deg", "longitude_rad", number(-180.0, 180.0, RAD), required=True),
    Key("height_m", "height_m", number(-1_000.0, 50_000.0), required=True),
)
SITE_KEYS = (
    Key("name", "name", text, required=True),
    *PLACE,
    Key("exercise", "exercise", yes_or_no),
)
SITE_NEEDS = {key.field for key in SITE_KEYS if key.required}
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
    Key("front_back", "front_back", yes_or_no),
    Key("sigma_place_m", "sigma_place_m", number(0.0, 1000.0)),
    Key("sigma_range_share", "sigma_range_share", number(0.01, 3.0)),
    Key("lasting_share", "lasting_share", number(0.0, 1.0)),
    Key("air_temperature_c", "air_temperature_c", number(-60.0, 60.0)),
    Key("wind_east_mps", "wind_east_mps", number(-60.0, 60.0)),
    Key("wind_north_mps", "wind_north_mps", number(-60.0, 60.0)),
    Key("confusion", "confusion", confusion),
)
DESK_KEYS = (
    Key("louder_after_s", "louder_after_s", number(1.0, 3600.0)),
    Key("second_after_s", "second_after_s", number(1.0, 3600.0)),
    Key("second_recipient", "second_recipient", text),
)
FEED_KEYS = (
    Key("sensor", "sensor", text, required=True),
    Key("format", "format", text, required=True),
    Key("source", "source", text, required=True),
)
TABLES = ("site", "sensor", "feed", "tracker", "zone", "zone_file", "rule", "desk", "wind", "output")


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


def _feed_faults(site: Site, tables: list[int], half_read: set[str], lines: Lines) -> list[Fault]:
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


def _at_line(fault: Fault, tables: list[int], lines: Lines) -> Fault:
    """``feed 2: source`` → ``site.toml:31: feed.source``; an option is found by the name in the message."""
    place = _FEED_PLACE.match(fault.where)
    if place is None:
        return fault
    option = re.search(r"`(?:\$\.)?(\w+)`", fault.found)
    key = place[2] or (option[1] if option else None)
    return Fault(lines.where("feed", tables[int(place[1]) - 1], key), fault.found, fault.expected)


def parse_site(source: str, name: str = "site.toml", folder: Path | None = None) -> Site:
    """The site of a TOML text, which stands in ``folder``. Raises ``ConfigError`` with every fault."""
    lines = Lines(name, source)
    try:
        raw = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # endless numbers and nesting are no TOMLDecodeError
        raise ConfigError([Fault(name, str(error), "TOML (https://toml.io)")]) from None
    faults: list[Fault] = []
    for table in [name for name in raw if name not in (*TABLES, READ)]:
        faults.append(Fault(f"{name}: {table}", "an unknown table", "one of " + ", ".join(TABLES)))
    if "site" not in raw:
        faults.append(Fault(name, "no [site] table", "[site] with name, latitude_deg, longitude_deg, height_m"))
        place = {}
    else:
        place = read_table(raw["site"], SITE_KEYS, lambda key: lines.where("site", 0, key), faults)
    sensors, half_read = _sensors(raw.get("sensor", []), lines, faults)
    feeds = _feeds(raw.get("feed", []), lines, faults)
    elsewhere = place if place.keys() >= SITE_NEEDS else NOWHERE
    own = _tracker(raw.get("tracker", {}), lines, faults)
    is_placed = place.keys() >= SITE_NEEDS
    here = (place["latitude_rad"], place["longitude_rad"]) if is_placed else None
    files, imported = read_zone_files(raw, (*here, place["height_m"]) if here else None, folder, lines, faults)
    zones, rules = read_zones(raw, here, files, imported, lines, faults)
    outputs = read_outputs(raw.get("output", []), zones, files, lines, faults)
    site = Site(
        **elsewhere, sensors=tuple(sensors), feeds=tuple(feeds.values()), tracker=own, zones=zones, rules=rules,
        outputs=outputs, desk=_desk(raw.get("desk", {}), lines, faults),
        zone_files=tuple(files), wind=read_wind(raw.get("wind"), lines, faults),
    )  # fmt: skip
    faults += _feed_faults(site, list(feeds), half_read, lines)
    if faults:
        raise ConfigError(sorted(dict.fromkeys(faults), key=_line))
    return site


NOWHERE = {"name": "", "latitude_rad": 0.0, "longitude_rad": 0.0, "height_m": 0.0}
"""Stands in for a wrong [site] table while the rest of the file is checked."""


def _line(fault: Fault) -> int:
    found = re.match(r"^[^:]*:(\d+):", fault.where)
    return int(found.group(1)) if found else 0


def _sensors(raw: Any, lines: Lines, faults: list[Fault]) -> tuple[list[Sensor], set[str]]:
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

        values = read_table(table, SENSOR_KEYS, at, faults)
        sensor = built(Sensor, values, SENSOR_KEYS)
        if sensor is None:
            half_read |= {values["id"]} if "id" in values else set()
            continue
        if any(other.id == sensor.id for other in sensors):
            faults.append(Fault(at("id"), f"{sensor.id!r} again", "an id of its own for each sensor"))
        _check_sensor(sensor, at, faults)
        sensors.append(sensor)
    return sensors, half_read


def _feeds(raw: Any, lines: Lines, faults: list[Fault]) -> dict[int, Feed]:
    """By their place in the file; those that could not be read are left out."""
    feeds: dict[int, Feed] = {}
    if not isinstance(raw, list):
        faults.append(Fault(lines.where("feed", 0), "a single table", "[[feed]], one for each"))
        return feeds
    for index, table in enumerate(raw):

        def at(key: str | None, index: int = index) -> str:
            return lines.where("feed", index, key)

        feed = built(Feed, read_table(table, FEED_KEYS, at, faults, extra=True), FEED_KEYS)
        if feed is not None:
            feeds[index] = feed
    return feeds


def _tracker(raw: Any, lines: Lines, faults: list[Fault]) -> dict[str, Any]:
    """The [tracker] table as it is, once nothing is wrong with it."""
    if not isinstance(raw, dict):
        faults.append(Fault(lines.where("tracker", 0), shown(raw), "a table"))
        return {}
    wrong = setting_faults(raw)
    faults += [Fault(lines.where("tracker", 0, name), shown(raw.get(name)), right) for name, right in wrong]
    return {} if wrong else raw


def _desk(raw: Any, lines: Lines, faults: list[Fault]) -> DeskSettings:
    """The [desk] table."""
    desk = DeskSettings(**read_table(raw, DESK_KEYS, lambda key: lines.where("desk", 0, key), faults))
    if desk.second_after_s < desk.louder_after_s:
        where = lines.where("desk", 0, "second_after_s")
        faults.append(Fault(where, f"{desk.second_after_s:g}", f"at least louder_after_s, {desk.louder_after_s:g}"))
    return desk


def read_site(path: str | Path) -> Site:
    """The site of a TOML file. Raises ``ConfigError`` with every fault."""
    return parse_site(read_text(path), Path(path).name, Path(path).parent)


def whole_text(source: str, site: Site) -> str:
    """A site file's text with what stands in the files that it names: all that a replay needs. An exercise that the
    command line asked for is in it, too."""
    whole = with_zones(source, site.zone_files, site.zones)
    if not site.exercise or tomllib.loads(whole)["site"].get("exercise"):
        return whole
    said = re.sub(r"^(\s*exercise\s*=\s*)false", r"\1true", whole, count=1, flags=re.M)
    if said == whole:
        said = re.sub(r"^\s*\[\s*site\s*\][^\n]*$", r"\g<0>\nexercise = true", whole, count=1, flags=re.M)
    return said


def read_text(path: str | Path) -> str:
    """The text of a site file, for who also keeps it: a pipe can be read only once. Raises ``ConfigError``."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Fault(str(path), error.strerror or "unreadable", "a readable site file")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(str(path), "bytes that are not UTF-8", "a TOML text in UTF-8")]) from None
