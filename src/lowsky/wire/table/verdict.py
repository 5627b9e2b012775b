"""Which rows are measurements, which are looks that saw nothing, and why the others are neither."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.model.classes import BY_LABEL
from lowsky.model.measurement import Floats, Labels, MeasurementKind, Reject
from lowsky.model.site import Site
from lowsky.wire.table.fields import MAX_TEXT, MEASURED, VALUES
from lowsky.wire.table.rows import Mask, Rows

MEASUREMENT, SAW_NOTHING = 0, 100  # beside the values of Reject
T_MAX_NS = 7_258_118_400_000_000_000  # 2200-01-01: sums and differences of times stay within int64
ICAO_ADDRESS = re.compile(r"[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Judged:
    """``verdict`` is MEASUREMENT, SAW_NOTHING or a ``Reject`` for each row; ``sensor`` an index into the site's."""

    verdict: NDArray[np.uint8]
    sensor: NDArray[np.int16]


def judge(rows: Rows, site: Site, default_sensor: str | None = None, only_sensor: str | None = None) -> Judged:
    """Look at every row once.

    Where several things are wrong the first of these is counted: UNKNOWN_SENSOR, OTHER_SOURCE, NO_TIME,
    OUT_OF_RANGE, MALFORMED, NO_POSITION. A row without sensor is of ``default_sensor``.
    """
    index_of = {sensor.id: index for index, sensor in enumerate(site.sensors)}
    default = index_of.get(default_sensor, -1) if default_sensor is not None else -1
    of_code = np.array([index_of.get(name, -1) for name in rows.sensor.names] + [default], np.int16)
    sensor = of_code[rows.sensor.codes]
    verdict = _by_content(rows, np.array([s.measures for s in site.sensors] + [0], np.uint8)[sensor])
    for reason, mask in (
        (Reject.MALFORMED, _malformed(rows)),
        (Reject.OUT_OF_RANGE, _out_of_range(rows)),
        (Reject.NO_TIME, ~rows.has_time),
        (Reject.OTHER_SOURCE, sensor != index_of[only_sensor] if only_sensor is not None else None),
        (Reject.UNKNOWN_SENSOR, sensor < 0),
    ):
        if mask is not None:
            verdict[mask] = reason
    return Judged(verdict, sensor)


def _by_content(rows: Rows, kind: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The verdict by what is measured, given what the row's sensor measures."""
    none = np.zeros(len(rows), np.bool_)
    has = {name: ~np.isnan(rows.values[name]) if name in rows.values else none for name in MEASURED}
    has_range, has_azimuth = has["range_m"], has["azimuth_deg"]
    moves = has["east_mps"] | has["north_mps"] | has["up_mps"]
    polar = has_range | has_azimuth | has["elevation_deg"] | has["range_rate_mps"]
    placed = has["latitude_deg"] & has["longitude_deg"]
    geodetic = has["latitude_deg"] | has["longitude_deg"] | has["height_m"] | moves

    is_radar, is_bearing = kind == MeasurementKind.RADAR, kind == MeasurementKind.BEARING
    is_report = kind == MeasurementKind.REPORT
    good = (is_radar & has_range) | (is_bearing & has_azimuth) | (is_report & (placed | moves))
    unfit = (is_report & (polar | (has["latitude_deg"] != has["longitude_deg"]))) | (~is_report & geodetic)
    unfit |= is_bearing & (has_range | has["range_rate_mps"])
    unfit |= is_radar & has_azimuth & ~has_range  # a radar's bare bearing: not a measurement of its kind

    verdict = np.full(len(rows), int(Reject.NO_POSITION), np.uint8)
    verdict[good] = MEASUREMENT
    verdict[unfit] = Reject.MALFORMED
    verdict[rows.has_look & ~polar & ~geodetic] = SAW_NOTHING
    return verdict


def _malformed(rows: Rows) -> Mask:
    malformed = rows.malformed
    for labels in rows.texts.values():
        if too_long := [code for code, name in enumerate(labels.names) if len(name) > MAX_TEXT]:
            malformed = malformed | np.isin(labels.codes, too_long)
    return malformed


def _out_of_range(rows: Rows) -> Mask:
    bad = (rows.time_ns < 0) | (rows.time_ns >= T_MAX_NS) | (rows.received_ns < 0) | (rows.received_ns >= T_MAX_NS)
    for name, column in rows.values.items():
        limits = VALUES[name]
        bad |= (column < limits.low) | (column > limits.high)
    return bad


def cleaned(texts: dict[str, Labels]) -> dict[str, Labels]:
    """Texts as a batch has them: printable, stripped, ICAO addresses in lower case, classes only known ones."""
    return {name: _cleaned(name, labels) for name, labels in texts.items()}


def printable(text: str) -> str:
    """The text with every character that cannot be printed (controls, DEL, surrogates) replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _cleaned(column: str, labels: Labels) -> Labels:
    names = [printable(name.strip()) for name in labels.names]
    if column == "identity":
        names = [name.lower() if ICAO_ADDRESS.fullmatch(name) else name for name in names]
    if column == "class":
        names = [name if name in BY_LABEL else "" for name in (name.lower() for name in names)]
    index = {name: code for code, name in enumerate(dict.fromkeys(name for name in names if name))}
    renumbered = np.array([index.get(name, -1) for name in names] + [-1], np.int32)
    return Labels(renumbered[labels.codes], tuple(index))


def scaled(column: Floats, name: str) -> Floats:
    """A column in our units. Azimuth comes into [0, 2π), longitude into [−π, π)."""
    if name == "azimuth_deg":
        turned = np.where((column < 0.0) | (column >= 360.0), np.mod(column, 360.0), column)
        column = np.where(turned >= 360.0, 0.0, turned)  # mod of a tiny negative angle rounds up to 360
    elif name == "longitude_deg":
        column = np.where(column >= 180.0, column - 360.0, column)
    scale = VALUES[name].scale
    return column if scale == 1.0 else column * scale
