"""Measurements in motion: columns of one kind from one sensor."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@unique
class MeasurementKind(IntEnum):
    """What the columns of ``z`` and ``sigma`` are. Order and units are part of the name's contract.

    A component the sensor did not measure is NaN in ``z`` (and in ``sigma``). So a radar with and without
    elevation, or a report with and without velocity, is one kind and one look is one association problem
    (docs/decisions/0002-nan-masked-measurements.md).
    """

    RADAR = 1  # slant range m, azimuth rad, elevation rad, range rate m/s (positive opening)
    BEARING = 2  # azimuth rad, elevation rad
    REPORT = 3  # latitude rad, longitude rad, height m (WGS-84), east m/s, north m/s, up m/s


COMPONENTS: dict[MeasurementKind, tuple[str, ...]] = {
    MeasurementKind.RADAR: ("range_m", "azimuth_rad", "elevation_rad", "range_rate_mps"),
    MeasurementKind.BEARING: ("azimuth_rad", "elevation_rad"),
    MeasurementKind.REPORT: ("latitude_rad", "longitude_rad", "height_m", "east_mps", "north_mps", "up_mps"),
}
"""Names of the columns of ``z``. ``sigma`` has the same, but REPORT's first three are metres east, north, up."""

DIM: dict[MeasurementKind, int] = {kind: len(names) for kind, names in COMPONENTS.items()}


@unique
class Reject(IntEnum):
    """Why one record of good framing made no measurement. Counted per sensor and reason, never raised."""

    NO_POSITION = 1  # neither a position nor a bearing in it
    NO_TIME = 2
    LATE = 3  # older than what ``align`` has already let go
    OUT_OF_RANGE = 4  # a value that cannot be (latitude 95°, time of day past midnight)
    SIMULATED = 5  # the sensor itself says it is a simulated or test target
    DUPLICATE = 6  # the same report again
    NOT_A_MEASUREMENT = 7  # status, identification and the like; used otherwise or not at all
    OTHER_SOURCE = 8  # of a sensor (SAC/SIC, sensor id) this feed is not for
    UNKNOWN_SENSOR = 9  # names a sensor the site file does not have
    BAD_CHECKSUM = 10
    TRUNCATED = 11
    UNSUPPORTED = 12  # a category, edition or type that is not read
    MALFORMED = 13  # framing was right, the content is not
    OVERFLOW = 14  # dropped by a bounded queue, oldest first
    FUTURE = 15  # its time lies ahead of its arrival by more than the sensor's clock may be wrong
    UNPAIRED = 16  # held for its other half (CPR, message pack) and given up


ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "snr_db": "signal to noise ratio, dB",
        "rcs_dbsm": "radar cross-section, dB relative to 1 m²",
        "pressure_altitude_m": "pressure altitude (1013.25 hPa), m; not a height",
        "height_agl_m": "height above ground or take-off as reported, m",
        "on_ground": "1 on the ground, 0 airborne",
        "nic": "navigation integrity category 0-11",
        "nac_p": "navigation accuracy category, position 0-11",
        "nac_v": "navigation accuracy category, velocity 0-4",
        "sil": "source integrity level 0-3",
        "velocity_subtype": "DF17 BDS 0,9 subtype 1-4 (3, 4: airspeed)",
        "track_number": "number the sensor's own tracker uses",
        "mode_3a": "Mode 3/A code as a number",
        "operator_latitude_rad": "where the operator says to be; personal data",
        "operator_longitude_rad": "where the operator says to be; personal data",
        "link_rssi_dbm": "received level, dBm",
        "signal_range_m": "range told by signal strength beside a bearing, m",
    }
)
"""Numeric columns a measurement may carry besides ``z``: name -> meaning. float64, NaN = not given."""

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "identity": "what it calls itself: ICAO address (6 hex digits, lower case) or UAS ID",
        "class": "what the sensor or the object itself says it is (a name of lowsky.model.classes)",
        "callsign": "callsign or flight",
        "operator_id": "operator registration; personal data",
        "self_id": "free text the object sends",
        "status": "operational or emergency status as sent",
    }
)
"""Text columns a measurement may carry, dictionary encoded (``Labels``)."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of text: ``codes[i]`` is an index into ``names``, -1 where there is none."""

    codes: NDArray[np.int32]  # int32[N]
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: "list[str | None]") -> "Labels":
        """Encode a list; equal texts share a code; codes in order of first appearance."""
        codes = np.full(len(values), -1, np.int32)
        index: dict[str, int] = {}
        for row, value in enumerate(values):
            if value is not None:
                codes[row] = index.setdefault(value, len(index))
        codes.flags.writeable = False
        return cls(codes, tuple(index))

    def text(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code < 0 else self.names[code]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True)
class Coverage:
    """We looked here, during this time: what was not seen there counts as evidence of absence.

    Angles in the sensor's own level frame. ``azimuth_to_rad`` may exceed 2π so that from < to always.
    """

    t_from_ns: int
    t_to_ns: int
    range_min_m: float
    range_max_m: float
    azimuth_from_rad: float
    azimuth_to_rad: float
    elevation_from_rad: float
    elevation_to_rad: float


_INT32, _INT64, _FLOAT64 = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float64)


def _check(name: str, column: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if column.dtype != dtype or column.shape != shape:
        raise TypeError(f"{name} was {column.dtype}{list(column.shape)}, needs {dtype}{list(shape)}")
    column.flags.writeable = False


@dataclass(frozen=True, slots=True)
class MeasurementBatch:
    """Measurements of one kind from one sensor, as columns. N rows, D = DIM[kind]. Makes its arrays read-only.

    ``look`` numbers the sensor's scan, -1 where the sensor has none. ``coverage`` None means "no negative
    information"; an empty batch with coverage is an important message.
    """

    sensor: str
    kind: MeasurementKind
    t_meas_ns: Ints  # int64[N]    UTC, when the sensor saw it
    t_recv_ns: Ints  # int64[N]    UTC, when the bytes reached us
    z: Floats  # float64[N, D]     see COMPONENTS; NaN = not measured
    sigma: Floats  # float64[N, D] one standard deviation; NaN = take the sensor's
    look: int = -1
    coverage: Coverage | None = None
    attributes: Mapping[str, Floats] = field(default_factory=dict)  # name of ATTRIBUTES -> float64[N]
    texts: Mapping[str, Labels] = field(default_factory=dict)  # name of TEXTS -> Labels of length N

    def __post_init__(self) -> None:
        shape = (len(self.z),)
        wide = (*shape, DIM[self.kind])
        _check("t_meas_ns", self.t_meas_ns, _INT64, shape)
        _check("t_recv_ns", self.t_recv_ns, _INT64, shape)
        _check("z", self.z, _FLOAT64, wide)
        _check("sigma", self.sigma, _FLOAT64, wide)
        for name, column in self.attributes.items():
            _check(name, column, _FLOAT64, shape)
        for name, labels in self.texts.items():
            _check(name, labels.codes, _INT32, shape)
        if not (self.attributes.keys() <= ATTRIBUTES.keys() and self.texts.keys() <= TEXTS.keys()):
            unknown = (self.attributes.keys() - ATTRIBUTES.keys()) | (self.texts.keys() - TEXTS.keys())
            raise TypeError(f"columns {sorted(unknown)} are in neither ATTRIBUTES nor TEXTS")

    def __len__(self) -> int:
        return len(self.z)

    @property
    def t_ns(self) -> int:
        """Event time of the batch: its newest row, or the end of the look where it is empty."""
        if len(self):
            return int(self.t_meas_ns.max())
        if self.coverage is None:
            raise ValueError("an empty batch without coverage has no time")
        return self.coverage.t_to_ns

    def take(self, rows: NDArray[Any]) -> "MeasurementBatch":
        """The same batch with only ``rows`` (indices or a mask), in that order."""
        return MeasurementBatch(
            self.sensor, self.kind,
            self.t_meas_ns[rows], self.t_recv_ns[rows], self.z[rows], self.sigma[rows],
            self.look, self.coverage,
            {name: a[rows] for name, a in self.attributes.items()},
            {name: Labels(labels.codes[rows], labels.names) for name, labels in self.texts.items()},
        )  # fmt: skip

    def moved(self, meas_ns: int, recv_ns: int = 0) -> "MeasurementBatch":
        """The same batch with event times (rows and coverage) and times of arrival so much later."""
        if not meas_ns and not recv_ns:
            return self
        coverage = self.coverage and replace(
            self.coverage, t_from_ns=self.coverage.t_from_ns + meas_ns, t_to_ns=self.coverage.t_to_ns + meas_ns
        )
        return replace(self, t_meas_ns=self.t_meas_ns + meas_ns, t_recv_ns=self.t_recv_ns + recv_ns, coverage=coverage)


def empty_look(sensor: str, kind: MeasurementKind, look: int, coverage: Coverage) -> MeasurementBatch:
    """A look that saw nothing: evidence that nothing was there."""
    d = DIM[kind]
    none = np.empty(0, np.int64)
    return MeasurementBatch(sensor, kind, none, none.copy(), np.empty((0, d)), np.empty((0, d)), look, coverage)
