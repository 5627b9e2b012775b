"""What each sensor makes of the truth: detections with noise, misses, false alarms, arrival times.

A sensor is simulated over its whole run at once: L looks × N targets.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS
from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import polar_from_enu
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.cells import merged
from lowsky.simulate.clutter import P_FALSE, false_alarms, patch_alarms, says, threshold_db
from lowsky.simulate.faults import delivered, misregistered, registration_of
from lowsky.simulate.rows import Columns, Rows, joined, missing
from lowsky.simulate.scenario import Air, Cells, Sensor, Wind
from lowsky.simulate.sound import heard_from
from lowsky.simulate.start import Generator, draw
from lowsky.simulate.truth import Truth, geodetic_state

RCS_FLUCTUATION_DB = 3.0  # 1σ from plot to plot
R90_RCS_DBSM = -20.0  # 0.01 m²

MADE_BY = "made_by"
"""Column that never leaves the simulation but for a filter that is told everything: the target of a row, NaN where
nothing made it."""


def look_times(sensor: Sensor, duration_s: float) -> Floats:
    """Seconds of the looks up to the end: phase + k · period; the first one period on where the phase is 0."""
    first = sensor.look_phase_s if sensor.look_phase_s > 0.0 else sensor.look_period_s
    count = int(np.floor((duration_s - first) / sensor.look_period_s + 1e-9)) + 1
    return np.asarray(first + np.arange(max(count, 0)) * sensor.look_period_s, np.float64)


@dataclass(frozen=True, slots=True)
class World:
    """What there is to be seen, and what lies between it and the sensors."""

    truth: Truth
    origin: EnuFrame
    wind: Wind
    air: Air


def observe(rng: Generator, sensor: Sensor, frame: EnuFrame, world: World, duration_s: float) -> Rows:
    """Everything one sensor says in the whole run.

    Patches, cells, registration and link draw from generators of their own: switching one off leaves every other
    random number as it was.
    """
    patch_rng, cell_rng, registration_rng, link_rng = rng.spawn(4)
    truth, origin = world.truth, world.origin
    times_s = look_times(sensor, duration_s)
    turn = frame.enu_from_ecef @ origin.enu_from_ecef.T
    shift = frame.enu_from_ecef @ (origin.origin_ecef - frame.origin_ecef)
    look, columns = _seen(rng, cell_rng, sensor, world, (times_s, turn, shift))
    false_look, false_columns = false_alarms(rng, sensor, len(times_s))
    patch_look, patch_columns = patch_alarms(patch_rng, sensor, times_s, turn, shift)
    # what is really there is seen in the wrong place; false alarms of the receiver are nowhere
    there = joined((columns, len(look)), (patch_columns, len(patch_look)))
    error = registration_of(registration_rng, sensor)
    there = misregistered(error, there)
    columns = joined((there, len(look) + len(patch_look)), (false_columns, len(false_look)))
    look = np.concatenate((look, patch_look, false_look))
    shuffled = np.lexsort((rng.random(len(look)), look))  # by look, in random order within one
    look = look[shuffled]
    start_ns = int(truth.t_ns[0])
    look_ns = start_ns + np.round(times_s * SECOND_NS).astype(np.int64)
    late = _latency(rng, sensor, look, len(times_s))
    none = np.setdiff1d(np.arange(len(times_s)), look)
    rows = Rows(look, look_ns[look], look_ns[look] + late, {name: a[shuffled] for name, a in columns.items()})
    rows = _with_empty_looks(rng, sensor, rows, none, look_ns)
    return delivered(link_rng, sensor, rows, start_ns, error.time_s)


def _seen(
    rng: Generator, cell_rng: Generator, sensor: Sensor, world: World, where: tuple[Floats, Floats, Floats]
) -> tuple[Ints, Columns]:
    """What targets make: look and columns of each row. ``where``: seconds of the looks; turn and shift from the
    origin's axes to the sensor's."""
    times_s, turn, shift = where
    truth, origin = world.truth, world.origin
    if sensor.kind == "acoustic":
        place_m = np.array(sensor.position_m, np.float64)
        pos, vel, seen, _ = heard_from(truth, times_s, place_m, world.air, world.wind)
    else:
        pos, vel, seen = truth.at(times_s)
    polar = polar_from_enu(np.where(seen[..., None], pos @ turn.T + shift, 1.0))
    seen = seen & _in_reach(sensor, polar)
    if sensor.only:
        seen &= np.isin(truth.group, sensor.only)
    look, target = np.nonzero(_detected(rng, sensor, truth, polar, seen))
    here, there, rcs_dbsm = pos[look, target] @ turn.T + shift, vel[look, target] @ turn.T, truth.rcs_dbsm[target]
    mean_polar, kept = polar[look, target], np.ones(len(look), np.bool_)
    if sensor.cells != Cells():
        # noise is drawn for every detection, and that of the first one stays: the same with cells or without
        here, there, rcs_dbsm, kept = merged(cell_rng, sensor.cells, look, mean_polar, (here, there, rcs_dbsm))
        mean_polar = polar_from_enu(here)
    if sensor.kind == "cooperative":
        columns = _reports(rng, sensor, truth, origin, pos[look, target], vel[look, target], target)
    else:
        columns = _plots(rng, sensor, here, mean_polar, there)
        if sensor.reports_rcs:
            columns |= _strength(rng, sensor, rcs_dbsm, mean_polar[:, 0])
    columns["class"] = says(rng, sensor, truth.object_class[target])
    columns[MADE_BY] = target.astype(np.float64)
    return look[kept], {name: a[kept] for name, a in columns.items()}


def _in_reach(sensor: Sensor, polar: Floats) -> NDArray[np.bool_]:
    """Within range and sector, judged by where the target really is."""
    from_deg, to_deg = sensor.azimuth_deg
    azimuth = (np.degrees(polar[..., 1]) - from_deg) % 360.0
    elevation = np.degrees(polar[..., 2])
    near, far = sensor.min_range_m, sensor.max_range_m
    in_range = (polar[..., 0] >= near) & (polar[..., 0] <= far)
    low, high = sensor.elevation_deg
    return in_range & (azimuth <= to_deg - from_deg) & (elevation >= low) & (elevation <= high)


def mean_snr_db(sensor: Sensor, rcs_dbsm: Floats, range_m: Floats) -> Floats:
    """Mean signal to noise ratio from the radar equation, scaled so that P_D is 0.9 at ``r90_m`` for 0.01 m²."""
    r90_m = sensor.r90_m or sensor.max_range_m
    snr90_db = 10.0 * np.log10(np.log(P_FALSE) / np.log(0.9) - 1.0)
    return np.asarray(snr90_db + 40.0 * np.log10(r90_m / np.maximum(range_m, 1.0)) + rcs_dbsm - R90_RCS_DBSM)


def swerling_1(snr_db: Floats) -> Floats:
    """P_D = P_fa^(1/(1+SNR)) of a slowly fluctuating target."""
    return np.asarray(np.exp(np.log(P_FALSE) / (1.0 + 10.0 ** (snr_db / 10.0))))


def _detected(
    rng: Generator, sensor: Sensor, truth: Truth, polar: Floats, seen: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """bool[L, N]: each target in reach is detected independently, look by look."""
    by_class = [sensor.detects.get(c, sensor.detection_probability) for c in truth.object_class.tolist()]
    probability = np.broadcast_to(np.array(by_class, np.float64), seen.shape)
    if sensor.r90_m is not None:
        model = swerling_1(mean_snr_db(sensor, truth.rcs_dbsm, polar[..., 0]))
        probability = np.minimum(probability, model)
    detected = seen & (rng.random(seen.shape) < probability)
    if sensor.silence_share > 0.0:
        detected &= _link_up(rng, sensor, seen.shape)
    return detected


def _link_up(rng: Generator, sensor: Sensor, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """bool[L, N]: a two-state chain for each link (Gilbert-Elliott with nothing heard in the bad state)."""
    looks, n = shape
    odds = sensor.silence_share / (1.0 - sensor.silence_share)
    # neither probability may pass 1: where breaks are shorter than looks, the share holds and their length does not
    heal = min(1.0, sensor.look_period_s / sensor.silence_s, 1.0 / odds)
    fail = heal * odds
    lot = rng.random((looks + 1, n))
    up = np.empty((looks + 1, n), bool)
    up[0] = lot[0] >= sensor.silence_share
    for k in range(1, looks + 1):
        up[k] = np.where(up[k - 1], lot[k] >= fail, lot[k] < heal)
    return up[1:]


def _noisy(rng: Generator, value: Floats, sigma: float | None) -> Floats:
    """The value with its noise; NaN where the sensor does not measure it."""
    noise = rng.standard_normal(len(value))
    return np.full(len(value), np.nan) if sigma is None else value + sigma * noise


def _plots(rng: Generator, sensor: Sensor, pos: Floats, polar: Floats, vel: Floats) -> Columns:
    """Radar plots and bearings in the sensor's own level frame. Values are not clipped to the sector."""
    range_rate = np.einsum("ri,ri->r", pos, vel) / np.maximum(polar[:, 0], 1e-9)
    has_range = sensor.kind == "radar"
    columns: Columns = {
        "range_m": _noisy(rng, polar[:, 0], sensor.sigma_range_m if has_range else None),
        "azimuth_deg": _noisy(rng, np.degrees(polar[:, 1]), sensor.sigma_azimuth_deg) % 360.0,
        "elevation_deg": _noisy(rng, np.degrees(polar[:, 2]), sensor.sigma_elevation_deg),
        "range_rate_mps": _noisy(rng, range_rate, sensor.sigma_range_rate_mps if has_range else None),
    }
    return columns


def _strength(rng: Generator, sensor: Sensor, rcs_dbsm: Floats, range_m: Floats) -> Columns:
    """The plot's radar cross-section and signal to noise ratio, fluctuating together, never below the threshold."""
    swing = RCS_FLUCTUATION_DB * rng.standard_normal(len(rcs_dbsm))
    snr = mean_snr_db(sensor, rcs_dbsm, range_m) + swing
    return {"rcs_dbsm": rcs_dbsm + swing, "snr_db": np.maximum(snr, threshold_db())}


def _reports(
    rng: Generator, sensor: Sensor, truth: Truth, origin: EnuFrame, pos: Floats, vel: Floats, target: Ints
) -> Columns:
    """What objects say of themselves: position and velocity with noise in local axes, and their identity."""
    sigma = np.array([sensor.sigma_position_m, sensor.sigma_position_m, sensor.sigma_height_m], np.float64)
    geodetic, _ = geodetic_state(origin, pos, vel)
    local = origin.local_from_enu(geodetic[:, 0], geodetic[:, 1])
    noise = np.einsum("rji,rj->ri", local, rng.standard_normal(pos.shape) * sigma)
    geodetic, vel_local = geodetic_state(origin, pos + noise, vel)
    columns: Columns = {
        "latitude_deg": np.degrees(geodetic[:, 0]),
        "longitude_deg": np.degrees(geodetic[:, 1]),
        "height_m": geodetic[:, 2],
        "identity": np.array([truth.identity[i] for i in target.tolist()], object),
    }
    for axis, name in enumerate(("east_mps", "north_mps", "up_mps")):
        columns[name] = _noisy(rng, vel_local[:, axis], sensor.sigma_velocity_mps)
    return columns


def _latency(rng: Generator, sensor: Sensor, look: Ints, looks: int) -> Ints:
    """Nanoseconds from seeing to arriving: of each report of a cooperative sensor, else of each look."""
    if sensor.kind == "cooperative":
        seconds = draw(rng, sensor.latency_s, len(look))
    else:
        seconds = draw(rng, sensor.latency_s, looks)[look]
    return np.round(seconds * SECOND_NS).astype(np.int64)


def _with_empty_looks(rng: Generator, sensor: Sensor, rows: Rows, empty: Ints, look_ns: Ints) -> Rows:
    """A look that saw nothing is one row without a measurement."""
    if not len(empty):
        return rows
    arrives = look_ns[empty] + np.round(draw(rng, sensor.latency_s, len(empty)) * SECOND_NS).astype(np.int64)
    look = np.concatenate((rows.look, empty))
    order = np.argsort(look, kind="stable")
    columns = {name: np.concatenate((a, missing(a, len(empty))))[order] for name, a in rows.columns.items()}
    t_meas = np.concatenate((rows.t_meas_ns, look_ns[empty]))[order]
    return Rows(look[order], t_meas, np.concatenate((rows.t_recv_ns, arrives))[order], columns)
