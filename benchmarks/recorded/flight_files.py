"""The files of a recorded drone trial: one folder a flight, CSV (or CSV.gz) as the trial's owner wrote them.

=========================  ======================================================================================
``*_scenario.csv``         one sensor each. Radars: ``…TracksTrack_Timestamp``, ``…Position_Latitude`` and so on, and
                           the radar's own place in ``…StatusSensorPosition_…``. RF sensor: ``Diana…`` bearing, range
                           from signal strength, its own place. Direction finder: ``Venus…`` azimuth
any other ``*.csv``        the flight log, the truth: ``latitude``, ``longitude``, ``altitude(m)``, ``datetime(utc)``
=========================  ======================================================================================

Two times stand in a sensor's row: its own (radars only) and the second in which it was logged. What it saw becomes
known in that second, and never before its own time.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import polar_from_enu
from lowsky.model.measurement import DIM, Floats, Ints, Labels, MeasurementBatch, MeasurementKind
from lowsky.model.site import Sensor, Site

DATUM_M = 30.0  # sea level, ground, ellipsoid: heights of radars and of what they see are mixed by so much
SILENCE_S = 30.0  # receivers that step through their bands hear an emitter every few seconds, and miss it now and then
RADAR_CLASS = {"DRONE": "drone", "SUSPECTED_DRONE": "drone", "VEHICLE": "vehicle"}


class NotThere(Exception):
    """The folder, or what it needs to hold, is not there; the text says what."""


def one_line(fault: Exception) -> str:
    """The first line of what a fault says, cut where it is long."""
    lines = str(fault).strip().splitlines()
    return lines[0][:200] if lines else "no reason given"


@dataclass(frozen=True)
class Entry:
    """What a site file says of a sensor of this make. Round figures of its kind, none chosen by the score of a flight.

    Whoever changes one after looking at the score of a flight has fitted it to that flight, and says so
    (``radar_rf.TUNED_ON``).

    No sensor gets a look period: they deliver tracks or what transmits, whose silence is no look that saw nothing.
    """

    kind: str
    sigma_range_m: float | None = None
    sigma_azimuth_deg: float | None = None
    sigma_elevation_deg: float | None = None
    sigma_range_share: float | None = None  # 1σ of the logarithm of a range by signal strength
    sigma_place_m: float = 0.0
    front_back: bool = False
    error_lasts_s: float = 0.0
    lasting_share: float = 0.0
    detection_probability: float = 0.5
    clutter_per_look: float = 0.2
    latency_s: float = 2.5  # the log's whole second, and the tracker inside the radar
    max_range_m: float = 5000.0


ENTRIES = {
    # turns in azimuth only; the height it gives is no better than its beam is high. It delivers what its own tracker
    # made of some five scans of 1.3 s, and stands to 2° as compasses mount radars
    "ALVIRA": Entry(
        "radar", sigma_range_m=15.0, sigma_azimuth_deg=2.5, sigma_elevation_deg=5.0, error_lasts_s=6.0,
        lasting_share=0.65,
    ),
    "ARCUS": Entry("radar", sigma_range_m=15.0, sigma_azimuth_deg=2.2, sigma_elevation_deg=1.5, lasting_share=0.8),
    # aerials in sectors of some 45°, which do not tell front from back. Range by signal strength: links of 14 to 30
    # dBm, the pattern of both aerials and the ground between make 9 dB, a factor of e. Reflections change with some
    # hundred metres flown
    "DIANA": Entry(
        "direction-finder", sigma_azimuth_deg=20.0, sigma_range_share=1.0, error_lasts_s=30.0, lasting_share=0.5,
        latency_s=1.0, sigma_place_m=10.0, front_back=True,
    ),
    "VENUS": Entry(
        "direction-finder", sigma_azimuth_deg=10.0, error_lasts_s=30.0, lasting_share=0.5, latency_s=1.0,
        sigma_place_m=20.0,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """Usable rows of one sensor: N rows, angles in radians, NaN where not measured."""

    name: str
    place: tuple[float, float, float] | None  # latitude, longitude (deg), height m; None: its file does not tell
    t_meas_ns: Ints
    t_recv_ns: Ints
    where: Floats  # float64[N, 3]: radars latitude deg, longitude deg, height m; others azimuth rad, range m, NaN
    labels: list[str | None]
    repeats: int  # rows left out: the same fix again


@dataclass(frozen=True)
class Truth:
    """The flight log: seconds since 1970 in order, latitude and longitude in degrees, metres above take-off."""

    t_s: Floats
    latitude_deg: Floats
    longitude_deg: Floats
    height_m: Floats


@dataclass(frozen=True)
class Flight:
    site: Site
    batches: list[MeasurementBatch]  # one row each, in order of arrival
    truth: Truth
    repeats: int
    left_out: list[str]  # in words: files and sensors that could not be used


def read_flight(folder: Path, entries: dict[str, Entry] = ENTRIES) -> Flight:
    """Site, measurements and truth of the flight in ``folder``. Raises ``NotThere``."""
    if not folder.is_dir():
        raise NotThere(f"{folder}: no such folder")
    files = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
    sensors = [path for path in files if "_scenario.csv" in path.name]
    logs = [path for path in files if path not in sensors]
    if len(logs) != 1 or not sensors:
        raise NotThere(
            f"{folder}: {len(logs)} flight logs and {len(sensors)} sensor files (*_scenario.csv); needs one log"
        )
    try:
        return _read(folder, sensors, logs[0], entries)
    except (OSError, ValueError, KeyError, IndexError, TypeError, pl.exceptions.PolarsError) as fault:
        raise NotThere(f"{folder}: its files cannot be read ({type(fault).__name__}: {one_line(fault)})") from fault


def _read(folder: Path, sensors: list[Path], log: Path, entries: dict[str, Entry]) -> Flight:
    left_out, seen = [], []
    for path in sensors:
        name = path.name.split("_scenario")[0]
        if name in entries:
            seen.append(_read_sensor(name, _table(path)))
        else:
            left_out.append(f"{path.name}: a sensor of unknown make")
    # the direction finder does not say where it is: it stands beside the RF sensor, or it is of no use
    by_name = {s.name: s for s in seen}
    finder = by_name["DIANA"].place if "DIANA" in by_name else None
    placed = [(s, s.place or (_beside(finder) if s.name == "VENUS" and finder else None)) for s in seen]
    left_out += [f"{s.name}: its place is not told" for s, place in placed if place is None]
    used = [(s, place) for s, place in placed if place is not None]
    if not used:
        raise NotThere(f"{folder}: no sensor whose place is known")
    truth = read_truth(_table(log))
    if len(truth.t_s) < 2:
        raise NotThere(f"{log}: {len(truth.t_s)} rows with place and time; needs a flight")
    site = _site(folder.name, used, entries)
    batches = [batch for s, _ in used for batch in _batches(s, site, entries[s.name])]
    batches.sort(key=lambda b: (int(b.t_recv_ns[0]), int(b.t_meas_ns[0]), site.index_of(b.sensor)))
    return Flight(site, batches, truth, sum(s.repeats for s, _ in used), left_out)


def _beside(finder: tuple[float, float, float]) -> tuple[float, float, float]:
    """Where the direction finder stands, as the trial's readers have it: 15 m north and 2 m west of the RF sensor."""
    latitude, longitude, height = finder
    return latitude + 15.0 / 111_262.0, longitude - 2.5 / (111_319.49 * np.cos(np.radians(latitude))), height


def _table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False, null_values=["", "(null)"])


def _seconds(column: pl.Series) -> Floats:
    """UTC seconds of date-and-time texts with or without fraction, ``T`` and ``Z``."""
    plain = column.str.replace("T", " ").str.strip_chars_end("Z")
    return plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns").dt.timestamp("us").to_numpy() * 1e-6


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).to_numpy().astype(np.float64)


def read_truth(log: pl.DataFrame) -> Truth:
    log = log.filter(pl.col("latitude").is_not_null() & pl.col("datetime(utc)").is_not_null())
    t_s = _seconds(log["datetime(utc)"])
    keep = np.flatnonzero(np.diff(t_s, prepend=-np.inf) > 0.0)  # a log repeats rows and steps back by milliseconds
    columns = (_floats(log[name])[keep] for name in ("latitude", "longitude", "altitude(m)"))
    return Truth(t_s[keep], *columns)


def _read_sensor(name: str, rows: pl.DataFrame) -> Seen:
    """Rows that say where an aircraft is, stale repeats left out."""
    prefix = name.capitalize()
    logged = _seconds(rows["datetime(utc)"])
    if f"{prefix}TracksTrack_Timestamp" in rows.columns:
        track = [f"{prefix}TracksTrackPosition_{c}" for c in ("Latitude", "Longitude", "Altitude")]
        own = f"{prefix}TracksTrack_Timestamp"
        status = [f"{prefix}SystemStatusSensorPosition_{c}" for c in ("Latitude", "Longitude", "Altitude")]
        at = rows.select(own, *track[:2]).select(pl.all_horizontal(pl.all().is_not_null())).to_series().to_numpy()
        t_meas, place = _seconds(rows[own].filter(pl.Series(at))), _place(rows, status)
        where = np.column_stack([_floats(rows[c])[at] for c in track])
        labels = [RADAR_CLASS.get(c or "") for c in rows[f"{prefix}TracksTrack_Classification"].filter(pl.Series(at))]
    elif name == "DIANA":
        place = _place(rows, [f"DianaSensorPosition_{c}" for c in ("latitude_deg", "longitude_deg", "altitude_m")])
        azimuth, range_m = (_floats(rows[f"DianaTargetsTargetSignal_{c}"]) for c in ("bearing_deg", "range_m"))
        # "controller" rows point at the pilot
        at = (rows["DianaTargetsTargetClassification_type"] == "aircraft").fill_null(False).to_numpy() & ~np.isnan(
            azimuth
        )
        t_meas = logged[at]
        where = np.column_stack((np.radians(azimuth[at]), range_m[at], np.full(at.sum(), np.nan)))
        labels = ["drone"] * int(at.sum())  # what it calls an aircraft is one of its list of drones
    else:
        place, azimuth = None, _floats(rows["VenusTrigger_Azimuth"])
        # the finder's own word for "a drone's link"; the rest is other people's radio
        at = ~np.isnan(azimuth) & (_floats(rows["VenusTriggerVenusName_isThreat"]) == 1.0)
        t_meas, labels = logged[at], ["drone"] * int(at.sum())
        where = np.column_stack((np.radians(azimuth[at]), *np.full((2, at.sum()), np.nan)))
    t_meas_ns, logged_ns = (np.round(t * 1e6).astype(np.int64) * 1000 for t in (t_meas, logged[at]))
    fixes = np.column_stack((t_meas, where))
    _, first = np.unique(np.nan_to_num(fixes, nan=-1e9), axis=0, return_index=True)
    first.sort()
    return Seen(
        name, place, t_meas_ns[first], np.maximum(logged_ns, t_meas_ns)[first], where[first],
        [labels[k] for k in first], len(fixes) - len(first),
    )  # fmt: skip


def _place(rows: pl.DataFrame, columns: list[str]) -> tuple[float, float, float] | None:
    """Where the sensor says it stands, in its first row that says so."""
    told = rows.select(columns).drop_nulls()
    return None if told.is_empty() else tuple(float(value) for value in told.row(0))  # type: ignore[return-value]


def _site(name: str, used: list[tuple[Seen, tuple[float, float, float]]], entries: dict[str, Entry]) -> Site:
    sensors = []
    for seen, place in used:
        entry = entries[seen.name]
        angle = {f"sigma_{a}_rad": v and float(np.radians(v)) for a, v in
                 (("azimuth", entry.sigma_azimuth_deg), ("elevation", entry.sigma_elevation_deg))}  # fmt: skip
        sensors.append(
            Sensor(
                id=seen.name.lower(), kind=entry.kind, latitude_rad=float(np.radians(place[0])),
                longitude_rad=float(np.radians(place[1])), height_m=place[2], sigma_range_m=entry.sigma_range_m,
                detection_probability=entry.detection_probability, clutter_per_look=entry.clutter_per_look,
                latency_s=entry.latency_s, max_range_m=entry.max_range_m, error_lasts_s=entry.error_lasts_s,
                lasting_share=entry.lasting_share, sigma_range_share=entry.sigma_range_share,
                sigma_place_m=entry.sigma_place_m, front_back=entry.front_back, **angle,
            )
        )  # fmt: skip
    first = sensors[0]
    return Site(
        name=f"recorded flight {name}", latitude_rad=first.latitude_rad, longitude_rad=first.longitude_rad,
        height_m=first.height_m, sensors=tuple(sensors), tracker={"ray_silence_s": SILENCE_S},
    )  # fmt: skip


def _batches(seen: Seen, site: Site, entry: Entry) -> list[MeasurementBatch]:
    """Each row as a batch of its own: it came alone, and two rows may well be of one object."""
    sensor = site.sensor(seen.name.lower())
    kind, n = sensor.measures, len(seen.t_meas_ns)
    z, sigma = np.full((n, DIM[kind]), np.nan), np.full((n, DIM[kind]), np.nan)
    told: dict[str, Floats] = {}
    if kind == MeasurementKind.RADAR:
        frame = EnuFrame.at(sensor.latitude_rad, sensor.longitude_rad, sensor.height_m)
        has_height = np.isfinite(seen.where[:, 2])
        height = np.where(has_height, seen.where[:, 2], sensor.height_m)
        place = frame.pos_enu(np.radians(seen.where[:, 0]), np.radians(seen.where[:, 1]), height)
        z[:, :3] = polar_from_enu(place)
        z[~has_height, 2] = np.nan
        # heights in the files are of no stated datum
        sigma[:, 2] = np.hypot(sensor.sigma_elevation_rad or 0.0, DATUM_M / np.maximum(z[:, 0], DATUM_M))
    else:
        z[:, 0] = seen.where[:, 0] % (2.0 * np.pi)
        if entry.sigma_range_share is not None:
            told["signal_range_m"] = seen.where[:, 1]
    texts = [{"class": Labels.of([label])} if label else {} for label in seen.labels]
    return [
        MeasurementBatch(
            sensor.id, kind, seen.t_meas_ns[k : k + 1].copy(), seen.t_recv_ns[k : k + 1].copy(), z[k : k + 1].copy(),
            sigma[k : k + 1].copy(), texts=texts[k], attributes={name: v[k : k + 1].copy() for name, v in told.items()},
        )
        for k in range(n)
    ]  # fmt: skip


def whole_seconds(truth: Truth, least_height_m: float = 3.0) -> tuple[Ints, Floats, Floats, np.ndarray]:
    """The protocol's grid: whole UTC seconds of the log that are airborne.

    Returns seconds int64[K], latitude and longitude float64[K, 2] (deg), heights float64[K] and bool[K]: inside a
    hole of the log of more than two seconds.
    """
    grid = np.arange(int(np.ceil(truth.t_s[0])), int(np.floor(truth.t_s[-1])) + 1)
    height = np.interp(grid, truth.t_s, truth.height_m)
    grid, height = grid[height > least_height_m], height[height > least_height_m]
    place = np.column_stack([np.interp(grid, truth.t_s, c) for c in (truth.latitude_deg, truth.longitude_deg)])
    gap_s = np.diff(truth.t_s)
    return grid, place, height, gap_s[np.searchsorted(truth.t_s, grid, side="right").clip(1, len(gap_s)) - 1] > 2.0
