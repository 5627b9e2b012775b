"""Bearings of sensors that cannot tell front from back."""

from dataclasses import replace

import numpy as np

from lowsky.kernels.observe import wrap
from lowsky.model.measurement import Floats, MeasurementKind
from lowsky.track.core import Core
from lowsky.track.rays import Rays
from lowsky.track.rows import Rows, Station


def turned(core: Core, station: Station, rows: Rows, rays: Rays) -> Rows:
    """Each bearing, or its opposite, whichever is better explained by who is known: tracks that bearing sensors hear,
    else rays. What nobody explains stays as it came."""
    if not station.sensor.front_back or rows.kind != MeasurementKind.BEARING or not len(rows):
        return rows
    z = rows.z.copy()
    for j in range(len(rows)):
        t_ns, var = int(rows.t_ns[j]), float(rows.var[j, 0])
        for weight, place, P in (_heard_tracks(core, t_ns), _rays(rays)):
            here = _explained(station, weight, place, P, float(z[j, 0]), var)
            there = _explained(station, weight, place, P, float(z[j, 0]) + np.pi, var)
            if max(here, there) > LEAST:
                z[j, 0] = z[j, 0] if here >= there else (z[j, 0] + np.pi) % (2.0 * np.pi)
                break
    return replace(rows, z=z)


LEAST = 0.01
"""Explained by so little (probability times e^(−d²/2)) is explained by nobody."""


def _heard_tracks(core: Core, t_ns: int) -> tuple[Floats, Floats, Floats]:
    """Existence, place float64[K, 2] and its covariance of likely tracks that a bearing sensor has heard."""
    table = core.table
    ears = [s.index for s in core.stations.values() if s.kind == MeasurementKind.BEARING]
    likely = np.flatnonzero(table.r[: table.n] >= core.settings.r_coast)
    likely = likely[(table.t_hit_ns[likely][:, ears] > 0).any(axis=1)]
    ahead = ((t_ns - table.t_ns[likely]) * 1e-9)[:, None]
    return table.r[likely], table.xm[likely, :2] + ahead * table.xm[likely, 3:5], table.Pm[likely, :2, :2]


def _rays(rays: Rays) -> tuple[Floats, Floats, Floats]:
    """The same of every Gaussian of every ray."""
    c, n = rays.columns, rays.n
    used = np.arange(c.w.shape[1]) < c.parts[:n, None]
    return (c.r[:n, None] * c.w[:n])[used], c.x[:n][used][:, :2], c.P[:n][used][:, :2, :2]


def _explained(station: Station, weight: Floats, place: Floats, P: Floats, azimuth: float, var: float) -> float:
    if not len(weight):
        return 0.0
    away = place - station.origin[0, :2]
    ground2 = np.maximum((away**2).sum(axis=1), 1.0)
    across = np.column_stack((away[:, 1], -away[:, 0])) / ground2[:, None]
    S = np.einsum("ka,kab,kb->k", across, P, across) + var + station.sensor.sigma_place_m**2 / ground2
    off = np.array([wrap(azimuth - a) for a in np.arctan2(away[:, 0], away[:, 1]).tolist()])
    return float((weight * np.exp(-0.5 * off**2 / S)).sum())
