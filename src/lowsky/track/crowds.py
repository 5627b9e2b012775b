"""How many objects fly where no radar tells one from the next: a count with its uncertainty."""

import math

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.close import unresolved_pairs
from lowsky.kernels.existence import COASTING, CONFIRMED
from lowsky.kernels.groups import groups_of
from lowsky.kernels.merge import near_pairs
from lowsky.model.measurement import Floats, Ints
from lowsky.track.core import Core
from lowsky.track.dense import FED_NS, speaking
from lowsky.track.whose import LEAST

ONE_ODDS = math.log(0.1)
"""Before anything is known of a pair: one in eleven is one object twice."""


def count_crowds(core: Core) -> None:
    """Write down of every shown track how many objects are in its crowd: who is joined to it by pairs of which each
    radar that sees both may well have both in one cell.

    The count is Σ r. Its variance is Σ r (1 − r) and, of each such pair, q (1 − q), q the probability that it is one
    object (``Together``).
    """
    table, n = core.table, core.table.n
    table.group_count[:n], table.group_sigma[:n] = 0.0, 0.0
    status = table.status[:n]
    shown = np.flatnonzero((table.track_id[:n] > 0) & ((status == CONFIRMED) | (status == COASTING)))
    if len(shown) < 2:
        return
    first, second, joint = _near(core, shown)
    if core.whose.of or table.has_identity[shown].any():
        _confuse(core, first, second)
    first, second = first[joint], second[joint]
    if not len(first):
        return
    group = groups_of(first, second, np.ones(len(first), np.bool_), n, n)
    r, rows = table.r[:n], np.flatnonzero(group >= 0)
    count = np.bincount(group[rows], r[rows])
    variance = np.bincount(group[rows], r[rows] * (1.0 - r[rows]))
    np.add.at(variance, group[first], _one_object(core, first, second))
    table.group_count[rows] = count[group[rows]]
    table.group_sigma[rows] = np.sqrt(variance[group[rows]])


def _one_object(core: Core, first: Ints, second: Ints) -> Floats:
    """q (1 − q) of each pair."""
    of, serials = core.together.of, np.sort(core.table.serial[np.stack((first, second), axis=1)], axis=1)
    evidence = np.array([of[a, b][0] if (a, b) in of else -math.inf for a, b in serials.tolist()])
    q = 1.0 / (1.0 + np.exp(np.minimum(-ONE_ODDS - evidence, 700.0)))
    return np.asarray(q * (1.0 - q))


def _confuse(core: Core, first: Ints, second: Ints) -> None:
    r"""Identities of near pairs get less sure by what no look can show: that both manoeuvred, and changed places.

    With B = exp(−¼ δᵀ (P_a + P_b + F)⁻¹ δ), how alike their states are (Bhattacharyya), for velocities too that a
    manoeuvre would level (F), they have changed places in Δ with ½ (1 − e^{−2BΔ/τ}).
    """
    table, settings = core.table, core.settings
    named = table.has_identity[first] | table.has_identity[second]
    if core.whose.of:
        masses = [serial for mass in core.whose.of.values() for serial in mass]
        named |= np.isin(table.serial[first], masses) | np.isin(table.serial[second], masses)
    a, b = first[named], second[named]
    if not len(a):
        return
    S = table.Pm[a] + table.Pm[b]
    S[:, (3, 4, 5), (3, 4, 5)] += 2.0 * settings.swap_mps**2
    delta = table.xm[a] - table.xm[b]
    apart_s = (table.t_ns[a] - table.t_ns[b]) * 1e-9
    delta[:, :3] -= apart_s[:, None] * table.xm[a, 3:]
    d2 = (delta * np.linalg.solve(S, delta[:, :, None])[:, :, 0]).sum(axis=1)
    swap = 0.5 * (1.0 - np.exp(-2.0 * np.exp(-0.25 * np.maximum(d2, 0.0)) * settings.merge_every_s / settings.swap_s))
    for k in np.flatnonzero(swap > LEAST).tolist():
        pair, p = np.array([a[k], b[k]]), float(swap[k])
        core.whose.mix(table, pair, np.array([[1.0 - p, p], [p, 1.0 - p]]), speaking(core, pair))


def _near(core: Core, shown: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Pairs of shown rows that are within a cell of each other; and which are on every radar that sees both."""
    table, settings = core.table, core.settings
    ahead = (core.now_ns - table.t_ns[shown]) * 1e-9
    east = table.xm[shown, 0] + ahead * table.xm[shown, 3]
    north = table.xm[shown, 1] + ahead * table.xm[shown, 4]
    radars = core.radars
    half = np.full(len(shown), np.inf)  # of the radar that tells best apart; who no radar sees is near nobody
    for station in radars:
        fed = core.now_ns - table.t_hit_ns[shown, station.index] < FED_NS
        away = np.hypot(east - station.origin[0, 0], north - station.origin[0, 1])
        reach = np.minimum(np.maximum(station.cell[0], away * station.cell[1]), settings.merge_distance_m)
        half = np.where(fed, np.minimum(half, reach), half)
    half = np.where(np.isfinite(half), half, 0.0)
    first, second = near_pairs(shown, core.now_ns, table.t_ns, table.xm, half, settings.edges_per_track)
    if not len(first):
        return first, second, np.empty(0, np.bool_)
    chance, seen, own = np.ones(len(first)), np.zeros(len(first), np.bool_), np.empty(len(first))
    for station in radars:
        fed = core.now_ns - table.t_hit_ns[: table.n, station.index] < FED_NS
        both = fed[first] & fed[second]
        unresolved_pairs(
            first, second, core.now_ns, table.t_ns, table.xm, station.origin[0], station.C[0], station.cell, own
        )
        chance, seen = np.where(both, np.minimum(chance, own), chance), seen | both
    return first, second, seen & (chance >= settings.group_overlap)
