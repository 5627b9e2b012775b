"""New candidates from rows that are nobody's."""

import math
from dataclasses import replace

import numpy as np

from lowsky.kernels.birth import give_birth
from lowsky.kernels.observe import NOWHERE_LOW
from lowsky.model.measurement import Floats, Ints, MeasurementKind
from lowsky.model.track import TrackStatus
from lowsky.track.core import Core
from lowsky.track.lasting import lean_newborn
from lowsky.track.population import cells
from lowsky.track.rows import Rows, Station


def birth(core: Core, station: Station, rows: Rows, born: Ints, r_new: Floats) -> Ints:
    """Make candidates of measurement rows ``born`` (int64[K]) with existence ``r_new``; returns their table rows."""
    table, settings = core.table, core.settings
    at = table.add(len(born))
    is_report = rows.kind == MeasurementKind.REPORT
    speed = settings.report_speed_sigma_mps if is_report else station.speed_sigma
    climb = settings.report_climb_sigma_mps if is_report else settings.climb_sigma_mps
    give_birth(
        rows.kind, born, at, rows.z, _variances(rows, born), rows.origin, rows.C, rows.height, rows.frame,
        np.array(settings.height_prior_m), station.limits[4:6], settings.report_height_sigma_m**2,
        np.array([speed**2, climb**2]), core.mu_birth, core.share_birth, table.x, table.P,
        table.mu, table.share, table.xm, table.Pm,
    )  # fmt: skip
    t_ns = rows.t_ns[born]
    table.t_ns[at] = t_ns
    table.t_r_ns[at] = t_ns
    table.t_update_ns[at] = t_ns
    table.r[at] = r_new
    table.t_born_ns[at] = t_ns
    if station.kind == MeasurementKind.RADAR:
        table.born_by[at] = station.index + 1
        table.born_cell[at] = cells(station, rows.z[born])
        table.start_share[at] = core.population.from_start(station, rows.z[born])
    table.status[at] = TrackStatus.TENTATIVE
    table.hits[at] = 1
    table.interval_s[at] = station.period_s or settings.interval_start_s
    table.t_hit_ns[at, station.index] = t_ns
    table.t_chance_ns[at] = t_ns[:, None]
    table.look_hit[at, station.index] = core.step
    return at


def _variances(rows: Rows, born: Ints) -> Floats:
    """Variances of the rows; that of a radar's elevation with what the ground does to it, for nobody knows yet how low
    the object is.

    A row of elevation z and σ is of one below the limit l, where σ is k times as large, with odds
    Φ((l − z)/kσ) : Φ((z − l)/σ), if any elevation is as likely as any other.
    """
    origin = rows.origin[0]
    if rows.kind != MeasurementKind.RADAR or origin[3] <= NOWHERE_LOW:
        return rows.var
    var, low, times = rows.var.copy(), float(origin[3]), float(origin[4])
    for j in born.tolist():
        z, sigma = float(rows.z[j, 2]), math.sqrt(float(var[j, 2]))
        if math.isfinite(z):
            below = 0.5 * math.erfc((z - low) / (times * sigma * math.sqrt(2.0)))
            above = 0.5 * math.erfc((low - z) / (sigma * math.sqrt(2.0)))
            var[j, 2] *= 1.0 + (times * times - 1.0) * below / (below + above)
    return var


def birth_by_strength(core: Core, station: Station, rows: Rows, r_new: Floats) -> Ints:
    """Candidates of the bearings that tell a range by signal strength, ln R with σ; ``r_new`` float64[N].

    If emitters are heard as often at any range (as many more are farther off as are not heard), the range of one is
    log-normal with median R e^{σ²}. As every later row does, this takes its logarithm as linear about there.
    """
    born = np.flatnonzero(np.isfinite(rows.z[:, 2]) & (r_new > core.settings.ray_recycle))
    if not len(born):
        return born
    z, var = np.full((len(rows), 6), np.nan), np.ones((len(rows), 6))
    spread = rows.var[:, 2]
    z[:, 0], z[:, 1:3], var[:, 1:3] = np.exp(rows.z[:, 2] + spread), rows.z[:, :2], rows.var[:, :2]
    var[:, 0] = z[:, 0] ** 2 * spread
    origin = np.concatenate((station.origin, [[NOWHERE_LOW - 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]]), axis=1)
    at = birth(
        core,
        station,
        replace(rows, kind=int(MeasurementKind.RADAR), z=z, var=var, origin=origin, var_fresh=None),
        born,
        r_new[born],
    )
    core.table.emits[at] = 1.0
    lean_newborn(core, station, at, z[born])
    return at
