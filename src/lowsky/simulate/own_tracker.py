"""A radar that delivers tracks: a Kalman filter for each target over the radar's own plots, told who is who.

A state of position and velocity in the radar's level axes, white acceleration; plots are turned into positions with
their errors linearised. It confirms after some plots, reports every ``period_s`` (predicted to that time), ends after
``drop_s`` without a plot, and gives a target that comes back another number. It has no false tracks.
"""

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.rows import Columns, Rows
from lowsky.simulate.scenario import OwnTracker, Sensor
from lowsky.simulate.truth import geodetic_state

START_SPEED_MPS = 20.0  # 1σ of a new track's velocity, per axis
STATED = {"all": 6, "place": 3, "nothing": 0}
"""How many of the six standard deviations a report carries."""
NAMES = ("latitude_deg", "longitude_deg", "height_m", "east_mps", "north_mps", "up_mps")


def filtered(
    sensor: Sensor, tracker: OwnTracker, frame: EnuFrame, times_s: Floats, look: Ints, columns: Columns, target: Ints
) -> Rows:
    """Reports of its tracks in place of plots: ``look`` int64[R], ``columns`` and ``target`` int64[R] of each plot.

    Times are nanoseconds from the start of the run; arrival is the same.
    """
    made: list[tuple[float, int, int, Floats, Floats]] = []  # s, target, number, x, P
    number = 0
    for each in np.unique(target).tolist():
        mine = np.flatnonzero(target == each)
        mine = mine[np.argsort(look[mine], kind="stable")]
        z, R = _positions(sensor, columns, mine)
        reports, number = _one(tracker, times_s[look[mine]], z, R, number)
        made += [(t, each, n, x, P) for t, n, x, P in reports]
    made.sort(key=lambda report: report[:3])
    return _rows(tracker, frame, times_s, made)


def _positions(sensor: Sensor, columns: Columns, mine: Ints) -> tuple[Floats, Floats]:
    """Positions float64[K, 3] of plots in the radar's axes and their covariances."""
    r = columns["range_m"].astype(np.float64)[mine]
    azimuth, elevation = (np.radians(columns[n].astype(np.float64)[mine]) for n in ("azimuth_deg", "elevation_deg"))
    level, up = np.cos(elevation), np.sin(elevation)
    east, north = np.sin(azimuth), np.cos(azimuth)
    along = np.stack((level * east, level * north, up), axis=1)
    across = np.stack((north, -east, np.zeros(len(r))), axis=1)
    upward = np.stack((-up * east, -up * north, level), axis=1)
    sigma = np.radians([sensor.sigma_azimuth_deg or 0.0, sensor.sigma_elevation_deg or 0.0])
    errors = np.stack(
        ((sensor.sigma_range_m or 0.0) * along, (r * level * sigma[0])[:, None] * across,
         (r * sigma[1])[:, None] * upward), axis=2,
    )  # fmt: skip
    return r[:, None] * along, errors @ errors.transpose(0, 2, 1)


def _one(
    tracker: OwnTracker, at_s: Floats, z: Floats, R: Floats, number: int
) -> tuple[list[tuple[float, int, Floats, Floats]], int]:
    """Reports (s, number, x, P) of one target, and the last number given."""
    out: list[tuple[float, int, Floats, Floats]] = []
    x, P, t, plots = np.zeros(6), np.eye(6), 0.0, 0
    for k in range(len(at_s)):
        if plots and at_s[k] - t > tracker.drop_s:
            plots = 0
        if not plots:
            x, P = np.concatenate((z[k], np.zeros(3))), np.diag([START_SPEED_MPS**2] * 6)
            P[:3, :3] = R[k]
        else:
            x, P = _ahead(tracker, x, P, at_s[k] - t)
            S = P[:3, :3] + R[k]
            K = np.linalg.solve(S, P[:3]).T
            x, P = x + K @ (z[k] - x[:3]), P - K @ S @ K.T
        t, plots = float(at_s[k]), plots + 1
        if plots == tracker.confirm_plots:
            number += 1
        ends = min(at_s[k + 1] if k + 1 < len(at_s) else np.inf, t + tracker.drop_s)
        due = np.ceil(t / tracker.period_s - 1e-9) * tracker.period_s
        while plots >= tracker.confirm_plots and due < ends - 1e-9:
            out.append((float(due), number, *_ahead(tracker, x, P, due - t)))
            due += tracker.period_s
    return out, number


def _ahead(tracker: OwnTracker, x: Floats, P: Floats, dt_s: float) -> tuple[Floats, Floats]:
    F, eye = np.eye(6), np.eye(3)
    F[:3, 3:] = dt_s * eye
    Q = tracker.q_m2ps3 * np.block([[dt_s**3 / 3.0 * eye, dt_s**2 / 2.0 * eye], [dt_s**2 / 2.0 * eye, dt_s * eye]])
    return F @ x, F @ P @ F.T + Q


def _rows(
    tracker: OwnTracker, frame: EnuFrame, times_s: Floats, made: list[tuple[float, int, int, Floats, Floats]]
) -> Rows:
    x = np.array([report[3] for report in made]).reshape(-1, 6)
    sigma = np.sqrt(np.array([np.diag(report[4]) for report in made]).reshape(-1, 6))
    geodetic, velocity = geodetic_state(frame, x[:, :3], x[:, 3:])
    values = np.concatenate((np.degrees(geodetic[:, :2]), geodetic[:, 2:], velocity), axis=1)
    # metres north and east as degrees there
    there = np.degrees(frame.geodetic(x[:, :3] + [100.0, 100.0, 0.0])[:, :2] - geodetic[:, :2]) / 100.0
    stated = np.concatenate((sigma[:, 1:2] * there[:, :1], sigma[:, :1] * there[:, 1:], sigma[:, 2:]), axis=1)
    columns: Columns = {name: values[:, k] for k, name in enumerate(NAMES)}
    columns |= {f"sigma_{name}": stated[:, k] for k, name in enumerate(NAMES[: STATED[tracker.states]])}
    columns["track_number"] = np.array([float(report[2]) for report in made])
    columns["made_by"] = np.array([float(report[1]) for report in made])
    at_s = np.array([report[0] for report in made])
    look = np.clip(np.searchsorted(times_s, at_s + 1e-9) - 1, 0, max(len(times_s) - 1, 0))
    t_ns = np.round(at_s * SECOND_NS).astype(np.int64)
    return Rows(look.astype(np.int64), t_ns, t_ns.copy(), columns)
