"""Reference lines: a filter that is told which plot is whose, and the lower bound of any filter's error.

Both need what only a simulation knows: the target of each measurement (``Simulation.made_by``).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from lowsky.constants import SECOND_NS
from lowsky.evaluate.seconds import in_frame
from lowsky.evaluate.tables import States, read_truth, track_table
from lowsky.geo.enu import EnuFrame
from lowsky.kernels.clairvoyant import bound, follow
from lowsky.model.measurement import Floats, Ints, MeasurementKind
from lowsky.model.site import Sensor, Site

LEAST_PLOTS = 5  # a target with fewer is not followed (tracking-benchmarks, section 4)
VELOCITY_SIGMA_MPS = (12.0, 3.0)  # horizontal, vertical: before the first plot
COLUMNS = {
    MeasurementKind.RADAR: ("range_m", "azimuth_deg", "elevation_deg", "range_rate_mps"),
    MeasurementKind.BEARING: ("azimuth_deg", "elevation_deg"),
    MeasurementKind.REPORT: ("latitude_deg", "longitude_deg", "height_m", "east_mps", "north_mps", "up_mps"),
}


@dataclass(frozen=True, slots=True)
class Motion:
    """What the filter is told of the motion: one constant-velocity mode, or several between which targets switch."""

    q: tuple[tuple[float, float], ...]  # m²/s³ horizontal, vertical, of each mode
    stay_s: float = 4.0  # mean stay in a mode


@dataclass(frozen=True, slots=True)
class Detections:
    """Rows that targets made, in order of target and time."""

    target: Ints  # int64[R]
    t_ns: Ints  # int64[R]
    kind: Ints  # int64[R]
    z: Floats  # float64[R, 6]
    var: Floats  # float64[R, 6]
    origin: Floats  # float64[R, 3]
    C: Floats  # float64[R, 3, 3]
    height: Floats  # float64[R]

    def take(self, rows: Ints) -> "Detections":
        return Detections(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Reference:
    """What a run is held against."""

    tracks: pl.DataFrame  # the clairvoyant filter's, a track table
    bound: tuple[Ints, Floats, Floats] | None = None  # UTC of whole seconds; trace of the bound m², and weight, of each


def detections_of(measurements: pl.DataFrame, made_by: Ints, site: Site) -> Detections:
    """The rows of a measurement table that targets made. ``made_by`` int64[R]: target_id, -1 for the others.

    Without those of sensors that deliver tracks: of these the plots would have to be known.
    """
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    parts = []
    names = measurements["sensor"].to_numpy()
    t_ns = measurements["time"].cast(pl.Int64).to_numpy()
    for sensor in site.sensors:
        rows = np.flatnonzero((names == sensor.id) & (made_by >= 0))
        if len(rows) and sensor.delivers == "plots":
            parts.append(_of_sensor(measurements[rows], made_by[rows], t_ns[rows], sensor, frame))
    joined = Detections(*(np.concatenate([getattr(p, name) for p in parts]) for name in Detections.__slots__))
    return joined.take(np.lexsort((joined.t_ns, joined.target)))


def _of_sensor(table: pl.DataFrame, target: Ints, t_ns: Ints, sensor: Sensor, frame: EnuFrame) -> Detections:
    kind, n = sensor.measures, len(table)
    z, var = np.full((n, 6), np.nan), np.ones((n, 6))
    for k, name in enumerate(COLUMNS[kind]):
        if name in table.columns:
            z[:, k] = table[name].fill_null(float("nan")).to_numpy()
            if name.endswith("_deg"):
                z[:, k] = np.radians(z[:, k])
    for k, sigma in enumerate(_sigmas(sensor, kind)):
        if sigma is None:
            z[:, k] = np.nan
        else:
            var[:, k] = sigma**2
    latitude = np.full(n, sensor.latitude_rad)
    longitude, height = np.full(n, sensor.longitude_rad), np.full(n, sensor.height_m)
    if kind == MeasurementKind.REPORT:
        latitude, longitude, height = z[:, 0].copy(), z[:, 1].copy(), z[:, 2].copy()
        z[:, :3] = 0.0
    C = np.ascontiguousarray(frame.local_from_enu(latitude, longitude))
    origin = frame.pos_enu(latitude, longitude, height)
    return Detections(target, t_ns, np.full(n, int(kind)), z, var, origin, C, height)


def _sigmas(sensor: Sensor, kind: MeasurementKind) -> tuple[float | None, ...]:
    s = sensor
    if kind == MeasurementKind.RADAR:
        return s.sigma_range_m, s.sigma_azimuth_rad, s.sigma_elevation_rad, s.sigma_range_rate_mps
    if kind == MeasurementKind.BEARING:
        return s.sigma_azimuth_rad, s.sigma_elevation_rad
    return (s.sigma_position_m,) * 2 + (s.sigma_height_m,) + (s.sigma_velocity_mps,) * 3


def clairvoyant_tracks(found: Detections, site: Site, motion: Motion) -> pl.DataFrame:
    """What the filter makes of them, as a track table: one confirmed row for each detection it used.

    Targets with fewer than ``LEAST_PLOTS`` detections are left out. Score it with a ``max_age_s`` beyond the longest
    gap: what is known to be there is never dropped.
    """
    counts = np.bincount(found.target)
    found = found.take(np.flatnonzero(counts[found.target] >= LEAST_PLOTS))
    n, n_mode = len(found.target), len(motion.q)
    G = np.full((n_mode, n_mode), 1.0 / max(n_mode - 1, 1) / motion.stay_s)
    np.fill_diagonal(G, -1.0 / motion.stay_s if n_mode > 1 else 0.0)
    x, P, ok = np.zeros((n, 6)), np.zeros((n, 6, 6)), np.zeros(n, np.bool_)
    follow(
        found.target, found.t_ns, found.kind, found.z, found.var, found.origin, found.C, found.height,
        np.array(motion.q, np.float64), G, np.array(VELOCITY_SIGMA_MPS) ** 2, x, P, ok,
    )  # fmt: skip
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    return track_table(frame, found.t_ns[ok], found.target[ok] + 1, ["confirmed"] * int(ok.sum()), x[ok], P[ok])


def bound_seconds(
    found: Detections, truth: pl.DataFrame, site: Site, q: tuple[float, float], from_s: float = 20.0
) -> tuple[Ints, Floats, Floats]:
    """The position's posterior Cramér–Rao bound, given the detections that happened, at whole seconds.

    UTC int64[N], trace m² float64[N], and ones: one entry per target and second, from ``from_s`` after its first radar
    plot to the truth's end. Only for truth that flies constant velocity with white acceleration ``q`` (m²/s³). Its
    mean over seeds is the enumeration bound: detections that might not have happened are averaged over.
    """
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    states = read_truth(truth)
    n = len(found.target)
    P, ok = np.zeros((n, 6, 6)), np.zeros(n, np.bool_)
    bound(
        found.target, found.t_ns, found.kind, found.z, found.var, found.origin, found.C, found.height,
        _true_states(found, states, frame), np.array(q), np.array(VELOCITY_SIGMA_MPS) ** 2, P, ok,
    )  # fmt: skip
    when, traces = [np.empty(0, np.int64)], [np.empty(0)]
    ends = {int(i): int(t) for i, t in zip(states.id, states.t_ns, strict=True)}  # rows are in order of time
    for target in np.unique(found.target[ok]).tolist():
        rows = np.flatnonzero(ok & (found.target == target))
        t_ns = found.t_ns[rows]
        seconds = np.arange(t_ns[0] // SECOND_NS + 1, ends[target] // SECOND_NS + 1) * SECOND_NS
        seconds = seconds[seconds - t_ns[0] >= from_s * SECOND_NS]
        at = np.searchsorted(t_ns, seconds, side="right") - 1
        dt = (seconds - t_ns[at]) * 1e-9
        moved, trace = P[rows[at]], np.zeros(len(seconds))
        for axis in range(3):
            density = q[1] if axis == 2 else q[0]
            trace += (
                moved[:, axis, axis] + 2.0 * dt * moved[:, axis, axis + 3] + dt**2 * moved[:, axis + 3, axis + 3]
                + density * dt**3 / 3.0
            )  # fmt: skip
        when.append(seconds)
        traces.append(trace)
    joined = np.concatenate(when)
    return joined, np.concatenate(traces), np.ones(len(joined))


def position_bound_m(found: Detections, truth: pl.DataFrame, site: Site, q: tuple[float, float]) -> float:
    """Root of the mean trace of ``bound_seconds``, m; 0 where there are none."""
    _, trace, weight = bound_seconds(found, truth, site, q)
    return float(np.sqrt(trace.sum() / max(weight.sum(), 1.0)))


def _true_states(found: Detections, states: States, frame: EnuFrame) -> Floats:
    """The true state at each detection, in the site's frame, carried from the row before."""
    pos, vel = in_frame(states, frame)
    key = states.id.astype(np.int64) * 2**41 + (states.t_ns - states.t_ns.min()) // 1000
    wanted = found.target * 2**41 + (found.t_ns - states.t_ns.min()) // 1000
    at = np.searchsorted(key, wanted, side="right") - 1
    dt = ((found.t_ns - states.t_ns[at]) * 1e-9)[:, None]
    return np.ascontiguousarray(np.hstack((pos[at] + dt * vel[at], vel[at])))
