"""The columns of the measurement table: the one field table that reading and writing share."""

import difflib
import math
from dataclasses import dataclass

from lowsky.model.measurement import ATTRIBUTES, COMPONENTS, TEXTS, MeasurementKind

RAD = math.pi / 180.0


@dataclass(frozen=True, slots=True)
class Value:
    """A column of numbers. ``scale`` takes the file's unit to ours; outside [low, high] the value cannot be."""

    name: str
    scale: float
    low: float
    high: float


MEASURED: dict[str, Value] = {
    value.name: value
    for value in (
        Value("range_m", 1.0, 0.0, 1e7),
        Value("azimuth_deg", RAD, -360.0, 720.0),
        Value("elevation_deg", RAD, -90.0, 90.0),
        Value("range_rate_mps", 1.0, -1e5, 1e5),
        Value("latitude_deg", RAD, -90.0, 90.0),
        Value("longitude_deg", RAD, -180.0, 360.0),
        Value("height_m", 1.0, -12_000.0, 1e6),
        Value("east_mps", 1.0, -1e5, 1e5),
        Value("north_mps", 1.0, -1e5, 1e5),
        Value("up_mps", 1.0, -1e5, 1e5),
    )
}
# a standard deviation of zero would say "exact" and break every filter: it cannot be, as nothing is exact
SIGMAS: dict[str, Value] = {f"sigma_{v.name}": Value(f"sigma_{v.name}", v.scale, 1e-12, 1e7) for v in MEASURED.values()}
EXTRA: dict[str, Value] = {name: Value(name, 1.0, -1e12, 1e12) for name in ATTRIBUTES}
VALUES: dict[str, Value] = MEASURED | SIGMAS | EXTRA
"""Every column of numbers by name."""

NAMES: tuple[str, ...] = ("time", "received", "sensor", "look", *VALUES, *TEXTS)
"""Every column, in the order they are written."""

MAX_TEXT = 256  # characters of one cell

COLUMNS_OF: dict[MeasurementKind, tuple[str, ...]] = {
    kind: tuple(name.replace("_rad", "_deg") for name in names) for kind, names in COMPONENTS.items()
}
"""The file's columns for the components of ``z``, in their order."""


def expected_of(column: str) -> str:
    """What a column holds, for people."""
    if column in ("time", "received"):
        return "timestamp (ns, us, ms or s; ISO 8601 in CSV and JSON lines), UTC"
    if column == "look":
        return "int64"
    if column in VALUES:
        return "float64"
    return "string: an id of the site file" if column == "sensor" else "string"


def unknown_column(column: str) -> tuple[str, str]:
    """What was found and what would be right instead of a column that is not known."""
    near = difflib.get_close_matches(column, NAMES, n=1)
    return "a column that is not known", (
        f"{near[0]}, or no such column" if near else "only columns of the measurement table (docs/feeds/table.md)"
    )
