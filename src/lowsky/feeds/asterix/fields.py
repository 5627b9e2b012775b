"""Which fields are wanted of each category, what a record must have to be believed, and raw integers as SI.

Scales and units come from the table of the edition, never from here. Mandatory items and the limits are how a feed
of another edition is refused: its blocks may parse, but not into this.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import DAY_NS, FOOT_M, FOOT_PER_MINUTE_MPS, NAUTICAL_MILE_M, SECOND_NS
from lowsky.model.measurement import Floats, Ints, Reject
from lowsky.wire.asterix import tables
from lowsky.wire.asterix.columns import MISSING
from lowsky.wire.asterix.program import Want

Mask = NDArray[np.bool_]

PLOTS, RADAR_STATUS, TRACKS, TRACK_STATUS, ADSB = 48, 34, 62, 65, 21
DEFAULT_EDITIONS = {category: names[-1] for category, names in tables.editions().items()}

TOD_UNITS = 128  # time of day counts 1/128 s in every category
TOD_END = 86_400 * TOD_UNITS  # the first value that is past midnight
NS_PER_TOD = SECOND_NS // TOD_UNITS  # 7 812 500, exact

COLUMNS = {
    PLOTS: (
        "010/SAC", "010/SIC", "140", "020/TYP", "020/SIM", "020/RAB", "020/TST", "040/RHO", "040/THETA",
        "070/V", "070/G", "070/MODE3A", "090/V", "090/G", "090/FL", "120/CAL/D", "120/CAL/CAL",
        "130/SAM", "130/PAM", "161/TRN", "220", "230/STAT", "240",
    ),
    RADAR_STATUS: ("010/SAC", "010/SIC", "000", "020", "030", "041"),
    TRACKS: (
        "010/SAC", "010/SIC", "070", "105/LAT", "105/LON", "185/VX", "185/VY", "220", "130", "136", "040",
        "060/V", "060/G", "060/MODE3A", "080/SIM", "080/TSE", "080/CST", "080/SFC", "245/CHR", "380/ADR", "380/ID",
        "500/APW/LAT", "500/APW/LON", "500/APC/X", "500/APC/Y", "500/AGA", "500/ATV/X", "500/ATV/Y", "500/ARC",
    ),
    TRACK_STATUS: ("010/SAC", "010/SIC", "000", "030"),
    ADSB: (
        "010/SAC", "010/SIC", "040/ATP", "040/RAB", "040/SIM", "040/TST", "040/GBS", "161/TRNUM",
        "071", "073", "077", "030", "130/LAT", "130/LON", "131/LAT", "131/LON", "140", "145", "132",
        "090/NUCRNACV", "090/NUCPNIC", "090/SIL", "090/NACP", "090/GVA", "210/VN", "070/MODE3A|070",
        "155/RE", "155/BVR|155", "157/RE", "157/GVR|157", "160/RE", "160/GS", "160/TA", "170", "080",
    ),
}  # fmt: skip

REQUIRED = {
    PLOTS: ("010",),
    RADAR_STATUS: ("010", "000"),
    TRACKS: ("010", "040", "070", "080"),
    TRACK_STATUS: ("010", "000", "030"),
    ADSB: ("010", "040", "080"),
}
"""Mandatory items of the category documents, as far as every recording we have honours them."""

TIMES = {PLOTS: "140", RADAR_STATUS: "030", TRACKS: "070", TRACK_STATUS: "030", ADSB: "071|073|077|030"}

# A whole block is refused for these. CAT048 and 034 have had one item order since their first edition, so there a
# wrong time is one bad record and nothing more.
BELIEVED_TIMES = {TRACKS: ("070",), TRACK_STATUS: ("030",), ADSB: ("071", "073", "077", "030")}
BELIEVED_ANGLES = {
    TRACKS: (("105/LAT", 90.0), ("105/LON", 180.0)),
    ADSB: (("130/LAT", 90.0), ("130/LON", 180.0), ("131/LAT", 90.0), ("131/LON", 180.0)),
}

SI = {
    "NM": NAUTICAL_MILE_M,
    "ft": FOOT_M,
    "FL": 100.0 * FOOT_M,
    "°": np.pi / 180.0,
    "ft/min": FOOT_PER_MINUTE_MPS,
    "NM/s": NAUTICAL_MILE_M,
    "m": 1.0,
    "m/s": 1.0,
    "s": 1.0,
    "dBm": 1.0,
}
"""Unit of the table -> SI (or dBm)."""


def wants(editions: dict[int, str]) -> tuple[Want, ...]:
    """What to take of each category, in the editions given (the newest where none is)."""
    made = []
    for category, columns in COLUMNS.items():
        edition = tables.edition(category, editions.get(category, DEFAULT_EDITIONS[category]))
        want = Want(edition, columns, REQUIRED[category])
        limits = dict.fromkeys(BELIEVED_TIMES.get(category, ()), (0, TOD_END - 1))
        for name, degrees in BELIEVED_ANGLES.get(category, ()):
            element = want.element(name)
            if element is not None and element.lsb is not None:
                most = round(degrees / element.lsb)
                limits[name] = (-most, most)
        made.append(Want(edition, columns, REQUIRED[category], limits))
    return tuple(made)


class Scales:
    """Column numbers and factors to SI of one want; made once per feed."""

    def __init__(self, want: Want) -> None:
        self.columns = {name: column for column, name in enumerate(want.columns)}
        elements = [want.element(name) for name in want.columns]
        self.factors = np.array([1.0 if e is None or e.lsb is None else e.lsb * SI[e.unit] for e in elements])


class Table:
    """Rows of one category with their names: raw integers and SI values. Column views, no copy per field."""

    def __init__(self, scales: Scales, rows: Ints) -> None:
        self._scales = scales
        self._rows = rows
        self._si: Floats | None = None
        self._sent: list[bool] | None = None  # by column

    def __len__(self) -> int:
        return len(self._rows)

    def raw(self, name: str) -> Ints:
        """int64[N], MISSING where a record does not have the field."""
        return self._rows[:, self._scales.columns[name]]

    def has(self, name: str) -> Mask:
        found: Mask = self.raw(name) != MISSING
        return found

    def sent(self, name: str) -> bool:
        """Whether any record has the field."""
        if self._sent is None:
            self._sent = (self._rows != MISSING).any(axis=0).tolist()
        return self._sent[self._scales.columns[name]]

    def is_set(self, name: str) -> Mask:
        """Where a flag is there and 1."""
        found: Mask = self.raw(name) == 1
        return found

    def si(self, name: str) -> Floats:
        """float64[N] in metres, seconds, radians, or as sent where it has no unit; NaN where it is not there."""
        if self._si is None:
            used = self._rows[:, : len(self._scales.factors)]
            self._si = used * self._scales.factors
            self._si[used == MISSING] = np.nan
        return self._si[:, self._scales.columns[name]]

    def take(self, rows: Mask) -> "Table":
        return self if rows.all() else Table(self._scales, self._rows[rows])


@dataclass(slots=True)
class Verdict:
    """Why each row is no measurement; the first reason stays. 0: it is one."""

    reason: Ints  # int64[N]

    @classmethod
    def of(cls, n_rows: int) -> "Verdict":
        return cls(np.zeros(n_rows, np.int64))

    def reject(self, rows: Mask, reason: Reject) -> None:
        if rows.any():
            self.reason[rows & (self.reason == 0)] = int(reason)

    def good(self) -> Mask:
        good: Mask = self.reason == 0
        return good

    def counted(self) -> Counter[Reject]:
        if not self.reason.any():
            return Counter()
        return Counter({Reject(k): int(n) for k, n in enumerate(np.bincount(self.reason)) if k and n})


def utc_ns(tod: Ints, t_recv_ns: int) -> Ints:
    """UTC nanoseconds of times of day (1/128 s), on the day that puts each within 12 h of ``t_recv_ns``."""
    tod_ns = tod * NS_PER_TOD
    return tod_ns + (t_recv_ns - tod_ns + DAY_NS // 2) // DAY_NS * DAY_NS


HEIGHTS_M = (-1500.0 * FOOT_M, 150_000.0 * FOOT_M)  # range of 062/130, 021/140
LEVELS_M = (-1500.0 * FOOT_M, 150_000.0 * FOOT_M)  # range of 062/136, 021/145: FL -15 to 1500


def within(values: Floats, limits: tuple[float, float]) -> Floats:
    """The values inside the range the standard gives the item; NaN for the others, which mean nothing."""
    return np.where((values >= limits[0]) & (values <= limits[1]), values, np.nan)


def addresses(values: Ints) -> list[str | None]:
    """24-bit addresses as 6 lower-case hex digits; None where missing or 0, which is nobody's."""
    return [f"{value:06x}" if value > 0 else None for value in values.tolist()]


SIX_BIT = {0x20: " "} | {k: chr(64 + k) for k in range(1, 27)} | {0x30 + k: str(k) for k in range(10)}


def callsigns(*columns: Ints) -> list[str | None]:
    """48-bit ICAO texts, the first column that holds one. None where none is sent, blank or not of the alphabet."""
    return [next((text for value in row if (text := _callsign(value))), None) for row in zip(*map(_list, columns))]


def _list(values: Ints) -> list[int]:
    found: list[int] = values.tolist()
    return found


def _callsign(value: int) -> str | None:
    if value <= 0:
        return None
    letters = [SIX_BIT.get(value >> shift & 0x3F) for shift in range(42, -1, -6)]
    return None if None in letters else "".join(filter(None, letters)).strip() or None
