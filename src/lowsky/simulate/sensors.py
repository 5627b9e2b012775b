"""What each sensor makes of the truth: detections with noise, misses, false alarms, arrival times.

A sensor is simulated over its whole run at once: L looks × N targets.
"""

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS
from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import polar_from_enu
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate import declared, echo, optics, radio, sound
from lowsky.simulate.cells import merged
from lowsky.simulate.clutter import false_alarms, patch_alarms, says
from lowsky.simulate.echo import mean_snr_db, swerling_1
from lowsky.simulate.faults import delivered, misregistered, registration_of
from lowsky.simulate.own_tracker import filtered
from lowsky.simulate.pairs import Pairs, Sensed, World, lasting, plain, switching, taken
from lowsky.simulate.plots import plot_columns, report_columns, stated_sigmas, strength
from lowsky.simulate.rows import Columns, Rows, joined, missing
from lowsky.simulate.scenario import Cells, Reports, Sensor
from lowsky.simulate.start import Generator, draw
from lowsky.simulate.truth import Truth

MADE_BY = "made_by"
"""Column that never leaves the simulation but for a filter that is told everything: the target of a row, NaN where
nothing made it."""
CLOCK, STALE = "clock_s", "stale_s"
"""Two more: how wrong the object's clock is, and how old its position was when it was sent, s."""


def look_times(sensor: Sensor, duration_s: float) -> Floats:
    """Seconds of the looks up to the end: phase + k · period; the first one period on where the phase is 0."""
    first = sensor.look_phase_s if sensor.look_phase_s > 0.0 else sensor.look_period_s
    count = int(np.floor((duration_s - first) / sensor.look_period_s + 1e-9)) + 1
    return np.asarray(first + np.arange(max(count, 0)) * sensor.look_period_s, np.float64)


def observe(rng: Generator, sensor: Sensor, frame: EnuFrame, world: World, duration_s: float) -> Rows:
    """Everything one sensor says in the whole run.

    Patches, cells, registration and link draw from generators of their own: switching one off leaves every other
    random number as it was.
    """
    patch_rng, cell_rng, registration_rng, link_rng, swing_rng = rng.spawn(5)
    truth, origin = world.truth, world.origin
    times_s = look_times(sensor, duration_s)
    turn = frame.enu_from_ecef @ origin.enu_from_ecef.T
    shift = frame.enu_from_ecef @ (origin.origin_ecef - frame.origin_ecef)
    look, columns = _seen(rng, cell_rng, sensor, world, (times_s, turn, shift))
    false_look, false_columns = false_alarms(rng, sensor, len(times_s), _swing(swing_rng, sensor, len(times_s)))
    patch_look, patch_columns = patch_alarms(patch_rng, sensor, times_s, turn, shift)
    # what is really there is seen in the wrong place; false alarms of the receiver are nowhere
    there = joined((columns, len(look)), (patch_columns, len(patch_look)))
    error = registration_of(registration_rng, sensor)
    there = misregistered(error, there)
    if sensor.tracker is not None:
        target = columns[MADE_BY].astype(np.int64)
        plots = {name: column[: len(look)] for name, column in there.items()}
        rows = filtered(sensor, sensor.tracker, frame, times_s, look, plots, target)
        return _sent(rng, link_rng, sensor, times_s, int(truth.t_ns[0]), rows, error.time_s)
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
    return _awake(sensor, times_s, delivered(link_rng, sensor, _clocked(rows), start_ns, error.time_s))


def _sent(
    rng: Generator, link_rng: Generator, sensor: Sensor, times_s: Floats, start_ns: int, rows: Rows, error_s: float
) -> Rows:
    """Reports of a sensor's own tracks, times from the start of the run, as they arrive."""
    late_ns = np.round(draw(rng, sensor.latency_s, len(rows.look)) * SECOND_NS).astype(np.int64)
    t_ns = start_ns + rows.t_meas_ns
    rows = Rows(rows.look, t_ns, t_ns + late_ns, rows.columns)
    return _awake(sensor, times_s, delivered(link_rng, sensor, rows, start_ns, error_s))


def _swing(rng: Generator, sensor: Sensor, looks: int) -> Floats:
    """Factors float64[L] on the number of false alarms: log-normal of mean 1, lasting; 1 without physics."""
    if sensor.echo is None or sensor.echo.clutter_sigma == 0.0:
        return np.ones(looks)
    sigma = sensor.echo.clutter_sigma
    normal = lasting(rng, (looks, 1), sensor.look_period_s, sigma, sensor.echo.clutter_lasts_s)[:, 0]
    return np.asarray(np.exp(normal - 0.5 * sigma**2))


def _clocked(rows: Rows) -> Rows:
    """With the times that the objects state, and reports of old positions sent later by as much."""
    if CLOCK not in rows.columns:
        return rows
    clock_ns, stale_ns = (
        np.round(np.nan_to_num(rows.columns[name].astype(np.float64)) * SECOND_NS).astype(np.int64)
        for name in (CLOCK, STALE)
    )
    return Rows(rows.look, rows.t_meas_ns + stale_ns + clock_ns, rows.t_recv_ns + stale_ns, rows.columns)


def _awake(sensor: Sensor, times_s: Floats, rows: Rows) -> Rows:
    """Without the looks of the times in which the sensor is off."""
    if not sensor.off_s:
        return rows
    at_s = times_s[rows.look]
    on = np.ones(len(at_s), np.bool_)
    for from_s, to_s in sensor.off_s:
        on &= (at_s < from_s) | (at_s > to_s)
    columns = {name: column[on] for name, column in rows.columns.items()}
    return Rows(rows.look[on], rows.t_meas_ns[on], rows.t_recv_ns[on], columns)


def _seen(
    rng: Generator, cell_rng: Generator, sensor: Sensor, world: World, where: tuple[Floats, Floats, Floats]
) -> tuple[Ints, Columns]:
    """What targets make: look and columns of each row. ``where``: seconds of the looks; turn and shift from the
    origin's axes to the sensor's."""
    times_s, turn, shift = where
    truth, origin = world.truth, world.origin
    pos, vel, polar, seen = _reach(sensor, world, where)
    look, target, sensed = np.empty(0, np.int64), np.empty(0, np.int64), None
    if _has_physics(sensor):
        look, target = np.nonzero(seen)
        here, there = pos[look, target] @ turn.T + shift, vel[look, target] @ turn.T
        rate = np.einsum("ri,ri->r", here, there) / np.maximum(polar[look, target, 0], 1e-9)
        pairs = Pairs(times_s, look, target, polar[look, target], pos[look, target], rate)
        sensed = _sense(rng, sensor, world, pairs)
        look, target, sensed = look[sensed.detected], target[sensed.detected], taken(sensed, sensed.detected)
    else:
        look, target = np.nonzero(_detected(rng, sensor, truth, polar, seen))
    here, there, rcs_dbsm = pos[look, target] @ turn.T + shift, vel[look, target] @ turn.T, truth.rcs_dbsm[target]
    mean_polar, kept = polar[look, target], np.ones(len(look), np.bool_)
    if sensor.cells != Cells():
        # noise is drawn for every detection, and that of the first one stays: the same with cells or without
        weight = None if sensed is None else 10.0 ** (np.nan_to_num(sensed.snr_db) / 10.0)
        here, there, rcs_dbsm, kept = merged(cell_rng, sensor.cells, look, mean_polar, (here, there, rcs_dbsm), weight)
        mean_polar = polar_from_enu(here)
    if sensor.kind == "cooperative":
        said = declared.claimed(truth.signs, times_s[look], pos[look, target], target)
        columns = report_columns(rng, sensor, truth, origin, said, vel[look, target], target)
        columns |= declared.replayed(truth.signs, times_s[look], target, columns)
        if sensor.reports is not None:
            columns |= _misstated(rng.spawn(1)[0], sensor.reports, columns, target, len(truth.rcs_dbsm))
    else:
        columns = plot_columns(rng, sensor, here, mean_polar, there, sensed)
        if sensor.reports_rcs:
            columns |= strength(rng, sensor, rcs_dbsm, mean_polar[:, 0], sensed)
        if sensor.reports_sigma and sensed is not None:
            columns |= stated_sigmas(sensor, sensed.stated)
    clarity = None if sensed is None else sensed.clarity
    columns["class"] = says(rng, sensor, truth.object_class[target], clarity)
    columns[MADE_BY] = np.where(truth.signs.phantom[target], np.nan, target.astype(np.float64))
    return look[kept], {name: a[kept] for name, a in columns.items()}


def _reach(
    sensor: Sensor, world: World, where: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Where targets are for this sensor at each look, float64[L, N, 3] three times, and who is in its reach."""
    times_s, turn, shift = where
    truth = world.truth
    if sensor.kind == "acoustic":
        place_m = np.array(sensor.position_m, np.float64)
        pos, vel, seen, _ = sound.heard_from(truth, times_s, place_m, world.air, world.wind)
    else:
        pos, vel, seen = truth.at(times_s)
    polar = polar_from_enu(np.where(seen[..., None], pos @ turn.T + shift, 1.0))
    seen = seen & _in_reach(sensor, polar)
    if sensor.only:
        seen &= np.isin(truth.group, sensor.only)
    if sensor.kind != "cooperative":
        seen &= ~truth.signs.phantom
    return pos, vel, polar, seen


def _has_physics(sensor: Sensor) -> bool:
    return any((sensor.echo, sensor.sound, sensor.radio, sensor.optics, sensor.reports))


def _sense(rng: Generator, sensor: Sensor, world: World, pairs: Pairs) -> Sensed:
    """What its physics makes of the pairs in its reach (``read`` sees to it that a sensor has its own kind's)."""
    if sensor.echo is not None:
        return echo.sense(rng, sensor, sensor.echo, world, pairs)
    if sensor.sound is not None:
        return sound.sense(rng, sensor, sensor.sound, world, pairs)
    if sensor.radio is not None:
        return radio.sense(rng, sensor, sensor.radio, world, pairs)
    if sensor.optics is not None:
        return optics.sense(rng, sensor, sensor.optics, world, pairs)
    reports = sensor.reports or Reports()
    through = declared.heard(rng, sensor, reports, world, pairs)
    if sensor.silence_share > 0.0:
        shape = (len(pairs.times_s), len(world.truth.rcs_dbsm))
        silent = switching(rng, shape, sensor.look_period_s, sensor.silence_share, sensor.silence_s)
        through &= ~silent[pairs.look, pairs.target]
    return plain(through)


def _misstated(rng: Generator, reports: Reports, columns: Columns, target: Ints, n: int) -> Columns:
    wrongs = declared.wrongs_of(rng, reports, n)
    height_m = columns["height_m"].astype(np.float64) + wrongs.datum_m[target]
    return {"height_m": height_m, CLOCK: wrongs.clock_s[target], STALE: draw(rng, reports.stale_s, len(target))}


def _in_reach(sensor: Sensor, polar: Floats) -> NDArray[np.bool_]:
    """Within range and sector, judged by where the target really is."""
    from_deg, to_deg = sensor.azimuth_deg
    azimuth = (np.degrees(polar[..., 1]) - from_deg) % 360.0
    elevation = np.degrees(polar[..., 2])
    near, far = sensor.min_range_m, sensor.max_range_m
    in_range = (polar[..., 0] >= near) & (polar[..., 0] <= far)
    low, high = sensor.elevation_deg
    return in_range & (azimuth <= to_deg - from_deg) & (elevation >= low) & (elevation <= high)


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
