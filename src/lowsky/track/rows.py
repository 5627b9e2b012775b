"""A batch made ready: sane rows only, in an order of their own, with variances and frames of reference."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from enum import IntEnum, unique

import numpy as np
from numpy.typing import NDArray

from lowsky.geo.enu import EnuFrame
from lowsky.geo.height import SIGMA_PRESSURE_ALTITUDE_M
from lowsky.kernels.observe import NOWHERE_LOW, RADAR, REPORT
from lowsky.kernels.rows import is_settled, put_in_order, sane_rows
from lowsky.model.measurement import Coverage, Floats, Ints, MeasurementBatch, MeasurementKind
from lowsky.model.site import Sensor
from lowsky.track.settings import TrackerSettings

NEAREST_SIGNAL_M = 50.0  # false ranges by signal strength are spread evenly in their logarithm from here
LEAST_GAP_S = 0.05  # what comes faster is one look in parts
ZERO_C_SOUND_MPS = 331.3
"""Speed of sound in air of 0 °C (docs/science 1.4)."""


@unique
class TrackReject(IntEnum):
    """Why the tracker did not use a row. Counted per sensor in ``Tracker.rejects``, never raised."""

    NO_RANGE_OR_AZIMUTH = 1  # a radar plot without both has no place to stand
    NOT_FINITE = 2  # nothing measured, or a value that cannot be
    FUTURE = 3  # later than the stream's own time
    UNKNOWN_SENSOR = 4  # the site file does not have it
    TOO_OLD = 5  # older than the state of the track it names
    UNREACHABLE = 6  # names a track that cannot have got there
    VELOCITY_ALONE = 7  # a velocity of somebody who has no track
    THINNED = 8  # association edges or candidates given up in a burst of clutter
    NOT_A_STATE = 9  # a track whose covariance was lost; dropped
    WRONG_KIND = 10  # not what the sensor measures according to the site file
    COPY = 11  # the same row, or the same look, once more
    FROZEN = 12  # of a sensor that says the same look after look
    ASTRAY = 13  # of a sensor whose rows are no longer where they were, until it is registered anew
    NO_TRACK_NUMBER = 14  # of a sensor that delivers tracks, without a number or a place: nobody knows what it repeats


RejectCounter = Counter[tuple[str, TrackReject]]
NO_NUMBERS = np.empty(0)


@dataclass(frozen=True, slots=True)
class Rows:
    """N rows as the kernels want them. ``source`` is the row of the batch."""

    kind: int
    z: Floats  # float64[N, 6] NaN = not measured
    var: Floats  # float64[N, 6] variances, finite and positive everywhere
    weak_height: NDArray[np.bool_]  # bool[N] height is pressure altitude
    t_ns: Ints  # int64[N]
    origin: Floats  # float64[F, 3]; of sensors float64[1, 9], see ``kernels.observe``
    C: Floats  # float64[F, 3, 3]
    height: Floats  # float64[F]
    frame: Ints  # int64[N]
    source: Ints  # int64[N]
    var_fresh: Floats | None = None  # where errors last: variances for who had no row of this sensor yet

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        own = self.kind == MeasurementKind.REPORT  # reports have a frame each
        return Rows(
            self.kind, self.z[rows], self.var[rows], self.weak_height[rows], self.t_ns[rows],
            self.origin[rows] if own else self.origin, self.C[rows] if own else self.C,
            self.height[rows] if own else self.height, np.arange(len(rows)) if own else self.frame[rows],
            self.source[rows], None if self.var_fresh is None else self.var_fresh[rows],
        )  # fmt: skip


class Station:
    """A sensor as the tracker sees it: where it stands, how well it sees, how dense its clutter is."""

    def __init__(self, sensor: Sensor, index: int, site_frame: EnuFrame, settings: TrackerSettings) -> None:
        self.sensor = sensor
        self.index = index
        self.kind = int(sensor.measures)
        self.delivers_tracks = sensor.delivers == "tracks"
        place = np.float64(sensor.latitude_rad), np.float64(sensor.longitude_rad)
        self.origin = site_frame.pos_enu(*place, np.float64(sensor.height_m)).reshape(1, 3)  # type: ignore[arg-type]
        self.C = np.ascontiguousarray(site_frame.local_from_enu(*place)).reshape(1, 3, 3)  # type: ignore[arg-type]
        self.height = np.array([sensor.height_m])
        told = _of_bearings if self.kind == MeasurementKind.BEARING else _of_plots
        self.tells = np.concatenate((self.origin, told(sensor, settings)), axis=1)
        self.p_detect = min(max(sensor.detection_probability, 0.01), 0.999)
        self.period_s = sensor.look_period_s
        self.look_s = sensor.look_period_s or settings.radar_look_s
        self.clutter = max(sensor.clutter_per_look, 0.05)
        self.limits = np.array(
            [sensor.min_range_m, sensor.max_range_m, *sensor.azimuth_rad, *sensor.elevation_rad], np.float64
        )
        s = sensor
        if self.kind == MeasurementKind.RADAR:
            given = [s.sigma_range_m, s.sigma_azimuth_rad, s.sigma_elevation_rad, s.sigma_range_rate_mps]
            default, floor = list(settings.radar_sigma), list(settings.radar_sigma_floor)
        elif self.kind == MeasurementKind.BEARING:
            given = [s.sigma_azimuth_rad, s.sigma_elevation_rad]
            default, floor = list(settings.bearing_sigma), list(settings.bearing_sigma_floor)
        else:
            given = [*[s.sigma_position_m] * 2, s.sigma_height_m, *[s.sigma_velocity_mps] * 3]
            default = [v for v, n in zip(settings.report_sigma, (2, 1, 3), strict=True) for _ in range(n)]
            least = settings.track_sigma_floor if self.delivers_tracks else settings.report_sigma_floor
            floor = [v for v, n in zip(least, (2, 1, 3), strict=True) for _ in range(n)]
        self.sigma = np.array([d if g is None else g for g, d in zip(given, default, strict=True)])
        self.floor = np.array(floor)
        is_angle = self.kind == MeasurementKind.BEARING or self.kind == MeasurementKind.RADAR
        self.ceiling = np.full(len(default), settings.sigma_ceiling)
        if is_angle:
            angles = slice(1, 3) if self.kind == MeasurementKind.RADAR else slice(0, 2)
            self.ceiling[angles] = settings.angle_sigma_ceiling
        # variances of the errors in range (of bearings: its logarithm), azimuth and elevation that stay the same for
        # minutes
        self.lasting = np.zeros(3)
        if is_angle:
            by_range = self.sigma[0] if self.kind == MeasurementKind.RADAR else sensor.sigma_range_share or 0.0
            angles = self.sigma[1:3] if self.kind == MeasurementKind.RADAR else self.sigma[:2]
            self.lasting[:] = sensor.lasting_share * np.array([by_range, *angles]) ** 2
        self.leaned = -1  # which of the table's "lean" is this sensor's; −1: none
        self.speed_sigma = self._speed_sigma(settings)
        self.extent = self._extent()
        # where new objects appear, as ``kernels.rows.false_and_new`` wants it; empty: anywhere
        self.appear = np.empty(0)
        if self.kind == MeasurementKind.RADAR:
            low, high = sensor.elevation_rad[0], sensor.elevation_rad[0] + self.extent[2]
            law = [*settings.height_prior_m, low, high, self.speed_sigma, settings.birth_elsewhere_share]
            self.appear = np.array(law)
        self.cell = np.full(3, np.inf)
        if self.kind == MeasurementKind.RADAR:
            for k, given_sigma in enumerate(given[:3]):
                if given_sigma is not None:
                    self.cell[k] = settings.cell_sigmas[k] * self.sigma[k]

    def _speed_sigma(self, settings: TrackerSettings) -> float:
        low, high = settings.speed_sigma_mps
        reach = self.sensor.max_range_m
        return min(max(reach / settings.crossing_s, low), high)

    def _extent(self) -> Floats:
        """Measurement volume per component: what an evenly spread false row is spread over."""
        s = self.sensor
        azimuth = min(s.azimuth_rad[1] - s.azimuth_rad[0], 2.0 * math.pi)
        elevation = max(s.elevation_rad[1] - s.elevation_rad[0], 0.01)
        reach = s.max_range_m if math.isfinite(s.max_range_m) else 400e3
        if self.kind == MeasurementKind.RADAR:
            return np.array([max(reach - s.min_range_m, 1.0), azimuth, elevation, 4.0 * self.speed_sigma, 10e3, 1.0])
        if self.kind == MeasurementKind.BEARING:
            ratio = reach / max(s.min_range_m, NEAREST_SIGNAL_M)
            return np.array([azimuth, elevation, max(math.log(ratio), 1.0), 1.0, 1.0, 1.0])
        return np.array([2.0 * reach, 2.0 * reach, 10e3, 500.0, 500.0, 50.0])

    def coverage_limits(self, coverage: Coverage) -> Floats:
        """What a look covered, never more than the site file grants."""
        c, own = coverage, self.limits
        return np.array(
            [
                max(c.range_min_m, own[0]), min(c.range_max_m, own[1]), c.azimuth_from_rad, c.azimuth_to_rad,
                max(c.elevation_from_rad, own[4]), min(c.elevation_to_rad, own[5]),
            ]
        )  # fmt: skip


def _of_bearings(sensor: Sensor, settings: TrackerSettings) -> Floats:
    """What the kernels want to know of a bearing sensor beyond its place (``kernels.observe``), float64[1, 6]."""
    sound_mps = ZERO_C_SOUND_MPS * math.sqrt(1.0 + sensor.air_temperature_c / 273.15)
    share = sensor.outlier_share
    if share is None:
        of_kind = {"acoustic": settings.outlier_share_acoustic, "camera": settings.outlier_share_camera}
        share = of_kind.get(sensor.kind, settings.outlier_share_finder)
    sound_mps = sound_mps if sensor.kind == "acoustic" else 0.0
    air = sound_mps, sensor.wind_east_mps, sensor.wind_north_mps
    return np.array([[*air, share, settings.outlier_times, sensor.sigma_place_m]])


def _of_plots(sensor: Sensor, settings: TrackerSettings) -> Floats:
    """The same of a radar."""
    beam = sensor.beam_elevation_rad
    low = NOWHERE_LOW - 1.0 if beam is None else settings.low_beam * beam
    return np.array([[low, settings.low_beam_times, 0.0, 0.0, 1.0, 0.0]])


def _times_of_sigma(batch: MeasurementBatch, station: Station, settings: TrackerSettings) -> Floats:
    """How many times the site file's σ each row's errors are, as its signal tells; float64[0] where it does not."""
    at_db, snr_db = station.sensor.sigma_snr_db, batch.attributes.get("snr_db")
    if at_db is None or snr_db is None or station.kind == REPORT:
        return NO_NUMBERS
    least, most = settings.snr_times_radar if station.kind == RADAR else settings.snr_times_bearing
    times = 10.0 ** (np.clip(at_db - np.nan_to_num(snr_db, nan=at_db), -80.0, 80.0) / 20.0)
    return np.asarray(np.clip(times, least, most))


def prepare(
    batch: MeasurementBatch, station: Station, frame: EnuFrame, now_ns: int, settings: TrackerSettings,
    rejects: RejectCounter,
) -> Rows:  # fmt: skip
    """Sane rows of a batch, sorted by time and content, so that the order they came in cannot matter."""
    n, kind = len(batch), int(batch.kind)
    z, var, weak, keep = np.empty((n, 6)), np.empty((n, 6)), np.empty(n, np.bool_), np.empty(n, np.int64)
    n_kept, n_bad, n_late = sane_rows(
        kind, batch.z, batch.sigma, station.sigma, _times_of_sigma(batch, station, settings), station.floor,
        station.ceiling, batch.attributes.get("pressure_altitude_m", NO_NUMBERS), SIGMA_PRESSURE_ALTITUDE_M**2,
        batch.t_meas_ns, now_ns + int(settings.max_ahead_s * 1e9), z, var, weak, keep,
    )  # fmt: skip
    if n_bad:
        _count(rejects, station, TrackReject.NO_RANGE_OR_AZIMUTH if kind == RADAR else TrackReject.NOT_FINITE, n_bad)
    if n_late:
        _count(rejects, station, TrackReject.FUTURE, n_late)
    z, keep = z[:n_kept], keep[:n_kept]
    order = np.argsort(z[:, 0])
    if not is_settled(order, z, batch.t_meas_ns, keep):
        order = np.lexsort((*z.T[::-1], batch.t_meas_ns[keep]))
    rows = put_in_order(order, z, var, weak, batch.t_meas_ns, keep)
    if kind != REPORT:
        shared = np.zeros(n_kept, np.int64)
        return Rows(kind, *rows[:4], station.tells, station.C, station.height, shared, rows[4])
    return _report_rows(rows[:4], rows[4], station, frame)


def uncouple(station: Station, rows: Rows) -> None:
    """Take off what a chirp adds to ranges, τ ṙ with τ = ``range_doppler_coupling_s``, in place.

    By the plot's own range rate, whose noise then is the range's, too; a plot without one keeps the error, and its
    range is as much less sure as objects may be fast.
    """
    coupling_s = station.sensor.range_doppler_coupling_s
    if rows.kind != MeasurementKind.RADAR or coupling_s == 0.0:
        return
    known = np.isfinite(rows.z[:, 3])
    rows.z[known, 0] -= coupling_s * rows.z[known, 3]
    rows.var[:, 0] += coupling_s**2 * np.where(known, rows.var[:, 3], station.speed_sigma**2)


def tempered(station: Station, rows: Rows, before_ns: int | None, now_ns: int) -> Rows:
    """Rows whose errors last count together for no more than one in that time: their variances grow.

    ``before_ns`` is when the sensor's batch before this one came. n looks within τ = ``error_lasts_s`` share one error,
    so each tells 1/n of what a fresh one would.
    """
    lasts_s = station.sensor.error_lasts_s
    if rows.kind == MeasurementKind.REPORT or lasts_s <= 0.0:
        return rows
    gap_s = station.period_s or (lasts_s if before_ns is None else (now_ns - before_ns) * 1e-9)
    var = rows.var.copy()
    var[:, :3] *= max(lasts_s / max(gap_s, LEAST_GAP_S), 1.0)
    return replace(rows, var=var, var_fresh=rows.var)


def ranged(station: Station, rows: Rows, batch: MeasurementBatch) -> Rows:
    """Bearings with the logarithm of what their signal strength says of range, where the site file says how well it
    does: emitters and the ground between differ by so many decibels."""
    share, told_m = station.sensor.sigma_range_share, batch.attributes.get("signal_range_m")
    if rows.kind != MeasurementKind.BEARING or share is None or told_m is None or not len(rows):
        return rows
    z, var, told_m = rows.z.copy(), rows.var.copy(), told_m[rows.source]
    can_be = told_m > 0.0
    z[can_be, 2], var[:, 2] = np.log(told_m[can_be]), share**2
    return replace(rows, z=z, var=var)


def _report_rows(
    rows: tuple[Floats, Floats, NDArray[np.bool_], Ints], keep: Ints, station: Station, frame: EnuFrame
) -> Rows:
    """Each report gets the level frame of its own point; where it has no height, one at the sensor's height."""
    z, var, weak, t_ns = rows
    has_place = np.isfinite(z[:, 0])
    # a velocity alone needs only axes: those at the sensor are as good as any
    latitude = np.where(has_place, z[:, 0], station.sensor.latitude_rad)
    longitude = np.where(has_place, z[:, 1], station.sensor.longitude_rad)
    height = np.where(np.isfinite(z[:, 2]), z[:, 2], station.sensor.height_m)
    origin = frame.pos_enu(latitude, longitude, height)
    C = np.ascontiguousarray(frame.local_from_enu(latitude, longitude))
    z[:, :2] = np.where(has_place, 0.0, np.nan)[:, None]
    z[:, 2] = np.where(has_place & np.isfinite(z[:, 2]), 0.0, np.nan)
    return Rows(int(MeasurementKind.REPORT), z, var, weak, t_ns, origin, C, height, np.arange(len(keep)), keep)


def _count(rejects: RejectCounter, station: Station, reason: TrackReject, count: int) -> None:
    if count:
        rejects[station.sensor.id, reason] += count
