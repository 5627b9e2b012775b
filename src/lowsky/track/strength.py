"""Ranges by signal strength, once something else has told how strong an emitter is.

An emitter's power and aerial make every range that its strength tells wrong by the same factor. While a radar or the
emitter itself says where it is, that factor is measured, and afterwards the ranges are worth what is left of their
errors. Each track carries, for each such sensor, b = ln(told / true) ~ N(m, 1/(1/B + i)): B, its variance before
anything is known, is ``lasting_share`` of the site file's, m and the information i are learnt::

    e = ln R − ln r − m     v = (1 − share) σ² n + Var(ln r)     i ← i + w/v     m ← m + e w/(v (1/B + i))

with w the weight of the pair and n the looks within ``error_lasts_s``, which share their errors.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.observe import wrap
from lowsky.model.measurement import Floats, Ints, MeasurementKind
from lowsky.track.core import Core
from lowsky.track.rows import Rows, Station

LEAST = 0.1
"""Explained by so little (existence times e^(−d²/2)), a bearing is nobody's."""


def calibrated(core: Core, station: Station, rows: Rows) -> Rows:
    """Bearings of emitters whose strength is known tell ranges without its error, with the variance that is left."""
    if not _tells(station, rows):
        return rows
    z, var = rows.z.copy(), rows.var.copy()
    for j in np.flatnonzero(np.isfinite(z[:, 2])).tolist():
        if (row := _whose(core, station, rows, j)) >= 0:
            mean, information = core.table.strength[row, station.leaned]
            z[j, 2] -= mean
            var[j, 2] += 1.0 / (1.0 / station.lasting[0] + information) - station.lasting[0]
    return replace(rows, z=z, var=var)


def learn_strength(core: Core, station: Station, rows: Rows, times: float, edges: tuple[Ints, Ints, Floats]) -> None:
    """What rows say of the strength of tracks that other sensors place. ``edges``: table row, row of ``rows`` and
    weight of each pair; rows as they came, of which so many count as one as ``times`` says."""
    if not _tells(station, rows):
        return
    table = core.table
    placed = _placed(core)
    for row, j, weight in zip(*(column.tolist() for column in edges), strict=True):
        if weight < core.settings.hit_weight or not placed[row] or not np.isfinite(rows.z[j, 2]):
            continue
        ahead_s = (int(rows.t_ns[j]) - int(table.t_ns[row])) * 1e-9
        away = table.xm[row, :3] + ahead_s * table.xm[row, 3:] - station.origin[0, :3]
        range2 = max(float(away @ away), 1.0)
        spread = float(away @ table.Pm[row, :3, :3] @ away) / range2**2
        fresh = max(float(rows.var[j, 2]) - station.lasting[0], 0.0) * times + spread
        known = table.strength[row, station.leaned]
        told = weight / max(fresh, 1e-6)
        known[1] += told
        off = float(rows.z[j, 2]) - 0.5 * np.log(range2) - known[0]
        known[0] += off * told / (1.0 / station.lasting[0] + known[1])


def _tells(station: Station, rows: Rows) -> bool:
    told = station.sensor.sigma_range_share is not None and rows.kind == MeasurementKind.BEARING
    return told and station.leaned >= 0 and station.lasting[0] > 0.0 and len(rows) > 0


def _placed(core: Core) -> NDArray[np.bool_]:
    """bool[n]: tracks whose place a radar or a report told within ``beside_s``."""
    table, n = core.table, core.table.n
    others = [s.index for s in core.stations.values() if s.kind != MeasurementKind.BEARING]
    newest = table.t_hit_ns[:n][:, others].max(axis=1, initial=0)
    return np.asarray(core.now_ns - newest <= core.settings.beside_s * 1e9)


def _whose(core: Core, station: Station, rows: Rows, j: int) -> int:
    """The likeliest track of known strength in the direction of row j, −1 where there is none."""
    table, n = core.table, core.table.n
    known = np.flatnonzero((table.r[:n] >= core.settings.r_coast) & (table.strength[:n, station.leaned, 1] > 0.0))
    if not len(known):
        return -1
    ahead_s = ((int(rows.t_ns[j]) - table.t_ns[known]) * 1e-9)[:, None]
    away = table.xm[known, :2] + ahead_s * table.xm[known, 3:5] - station.origin[0, :2]
    ground2 = np.maximum((away**2).sum(axis=1), 1.0)
    across: Floats = np.column_stack((away[:, 1], -away[:, 0])) / ground2[:, None]
    S = np.einsum("ka,kab,kb->k", across, table.Pm[known, :2, :2], across) + rows.var[j, 0]
    off = np.array([wrap(rows.z[j, 0] - a) for a in np.arctan2(away[:, 0], away[:, 1]).tolist()])
    likely = table.r[known] * np.exp(-0.5 * off**2 / S)
    return int(known[likely.argmax()]) if likely.max() > LEAST else -1
