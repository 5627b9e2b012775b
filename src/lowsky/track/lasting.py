r"""Errors that a sensor keeps for minutes, carried beside each track as what they are (docs/science 1.9).

A mount that is off by two degrees puts every plot of an object off by the same angle. Rows whose errors are taken as
new each time average it away, and a filter of a hundred rows is sure of a wrong place. So beside its own error a track
carries, for each sensor whose errors last, how its state leans on them::

    x̂ − x = e + Σ_s G_s β_s        β_s ~ N(0, B_s): lasting error of sensor s in range, azimuth and elevation
    predict  G ← F G               row of sensor s:  G ← (I − w K H) G,  G_s ← G_s + w K
    shown    P + Σ_s G_s B_s G_sᵀ

G B is the cross-covariance P_xβ of a Schmidt filter; the gain K is the tracker's own, for which an error is one
whether it lasts or not, w the weight of the row in the association. B is ``lasting_share`` of the variances of the site
file. What registration has found is taken off the rows before; what it leaves is not taken off B.
"""

from dataclasses import dataclass

import numpy as np

from lowsky.kernels.observe import BEARING, RADAR, REPORT
from lowsky.model.measurement import Floats, Ints
from lowsky.track.core import Core
from lowsky.track.rows import Rows, Station

LEAST_WEIGHT = 0.01
ORDER = {RADAR: [0, 1, 2], BEARING: [2, 0, 1]}
"""Places of range, azimuth and elevation among a row's components."""
NEAREST_M = 1.0


@dataclass(frozen=True, slots=True)
class Before:
    """Tracks that a look may touch, as they were: K rows of the table, of when their states were, and those at the
    look."""

    rows: Ints  # int64[K]
    t_ns: Ints  # int64[K]
    x: Floats  # float64[K, 6]
    P: Floats  # float64[K, 6, 6]


def lean(core: Core, station: Station, rows: Rows, before: Before, edges: tuple[Ints, Ints, Floats]) -> None:
    """After an update: how the states of touched tracks lean on every sensor's lasting errors now. ``edges``: table
    row, measurement row and weight of each pair."""
    table, n = core.table, core.table.n
    track, row, p_edge = edges
    _move(table.lean, before.rows, (table.t_ns[before.rows] - before.t_ns) * 1e-9)
    weight = np.bincount(track, p_edge, n)
    best = np.full(n, -1, np.int64)
    heaviest = np.lexsort((p_edge, track))
    best[track[heaviest]] = row[heaviest]  # the last, heaviest, stays
    kept = np.flatnonzero((weight[before.rows] > LEAST_WEIGHT) & (table.t_report_ns[before.rows] == 0))
    if not len(kept) or rows.kind == REPORT:
        return
    at = before.rows[kept]
    w, x, P, var = np.minimum(weight[at], 1.0), before.x[kept], before.P[kept], rows.var[best[at]]
    z = rows.z[best[at]][:, ORDER[rows.kind]]
    H = np.zeros((len(at), 3, 6))
    H[:, :, :3] = np.where(np.isfinite(z)[:, :, None], geometry(station, x[:, :3]), 0.0)
    R = var[:, ORDER[rows.kind]]
    PH = P @ H.transpose(0, 2, 1)
    S = H @ PH
    S[:, [0, 1, 2], [0, 1, 2]] += R
    K = w[:, None, None] * np.linalg.solve(S, PH.transpose(0, 2, 1)).transpose(0, 2, 1)
    keep = np.eye(6) - K @ H
    table.lean[at] = keep[:, None] @ table.lean[at]
    if station.leaned >= 0:
        table.lean[at, station.leaned] += K


def lean_newborn(core: Core, station: Station, at: Ints, z: Floats) -> None:
    """Tracks (table rows) just born of RADAR rows ``z`` float64[K, 6] of this sensor lean on its errors with all their
    weight."""
    if station.leaned < 0:
        return
    G = geometry(station, core.table.xm[at, :3])
    G /= (G**2).sum(axis=2, keepdims=True)
    core.table.lean[at, station.leaned, :3] = np.where(np.isfinite(z[:, None, :3]), G.transpose(0, 2, 1), 0.0)


def geometry(station: Station, place: Floats) -> Floats:
    """Derivatives of slant range (of bearings: of its logarithm), azimuth and elevation to position, of K places:
    float64[K, 3, 3]."""
    away = (place - station.origin[0]) @ station.C[0].T
    ground2 = np.maximum((away[:, :2] ** 2).sum(axis=1), NEAREST_M**2)
    ground = np.sqrt(ground2)
    range2 = ground2 + away[:, 2] ** 2
    out = np.zeros((len(place), 3, 3))
    out[:, 0] = away / (np.sqrt(range2) if station.kind == RADAR else range2)[:, None]
    out[:, 1, 0], out[:, 1, 1] = away[:, 1] / ground2, -away[:, 0] / ground2
    out[:, 2, :2] = -away[:, :2] * (away[:, 2] / (range2 * ground))[:, None]
    out[:, 2, 2] = ground / range2
    return out @ station.C[0]


def considered(core: Core, rows: Ints, ahead_s: Floats) -> Floats:
    """What lasting errors add to the covariances of K rows of the table ``ahead_s`` later: float64[K, 6, 6]."""
    G = core.table.lean[rows]
    _move(G, np.arange(len(rows)), ahead_s)
    B = np.zeros((len(rows), G.shape[1], 3))
    for station in core.stations.values():
        if station.leaned >= 0:
            B[:, station.leaned] = station.lasting
            if station.sensor.sigma_range_share is not None and station.lasting[0] > 0.0:
                B[:, station.leaned, 0] = 1.0 / (
                    1.0 / station.lasting[0] + core.table.strength[rows, station.leaned, 1]
                )
    G[core.table.t_report_ns[rows] != 0] = 0.0  # what it says of itself is surer than any mount
    return np.einsum("ksai,ksi,ksbi->kab", G, B, G)


def _move(G: Floats, rows: Ints, dt_s: Floats) -> None:
    """Constant velocity, in place: float64[M, S, 6, 3]."""
    G[rows, :, :3] += dt_s[:, None, None, None] * G[rows, :, 3:]
