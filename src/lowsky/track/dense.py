"""Tracks so close that a look may not tell them apart: one plot may be of several, and who is who is weighed anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.associate import whole_on_best
from lowsky.kernels.close import close_pairs
from lowsky.kernels.existence import CONFIRMED
from lowsky.kernels.gate import pairs
from lowsky.kernels.groups import groups_of, weigh_close
from lowsky.kernels.merge import agreeing_pairs
from lowsky.kernels.rearrange import rearrange_groups
from lowsky.kernels.unresolved import MEMBERS_MOST
from lowsky.kernels.update import scratch
from lowsky.model.measurement import Floats, Ints, MeasurementKind
from lowsky.track.core import NO_ROWS, Core
from lowsky.track.rows import Rows, Station

FED_NS = 10_000_000_000
"""What a radar has fed within it, it sees: two such tracks that were not close are two objects to it."""


@dataclass(slots=True)
class Look:
    """What one look's association knows so far. E edges in order of track, N rows, T tracks."""

    track: Ints
    row: Ints
    likelihood: Floats  # float64[E]
    p_edge: Floats  # float64[E] changed in place
    p_miss: Floats  # float64[T] changed in place
    p_new: Floats  # float64[N] changed in place
    rho: Floats
    p_seen: Floats  # float64[T]
    p_missed: Floats


@dataclass(frozen=True, slots=True)
class Close:
    """What is different for close tracks: K of the look's edges lead to a plot shared with other tracks."""

    contested: Ints  # table rows of all tracks that are close to another
    group_of: Ints  # int64[T] group of each track whose hypotheses are dealt out anew; −1: none
    edge: Ints  # int64[K]
    p: Floats  # float64[K] part of p_edge that is shared
    z: Floats  # float64[K, 6] a plot of the track's own that says the same
    var: Floats  # float64[K, 6]

    def others(self, track: Ints, p_edge: Floats) -> Floats:
        """p_edge of those in no group; 0 for the others, which are updated already."""
        return np.where(self.group_of[track] < 0, p_edge, 0.0)

    def seen(self, track: Ints, p_edge: Floats) -> Floats:
        """p_edge with the whole of a contested track's weight on its best edge: it was seen, whichever plot was its."""
        return whole_on_best(self.contested, track, p_edge)


def weigh_close_tracks(core: Core, station: Station, rows: Rows, look: Look, t_look_ns: int) -> Close | None:
    """Weigh anew what close tracks have to do with the plots, in place; None where there are none."""
    if rows.kind != MeasurementKind.RADAR or not len(look.track):
        return None
    table, n, settings = core.table, core.table.n, core.settings
    is_shown = table.r[:n] >= settings.r_show
    first, second, d2, same = close_pairs(
        look.track, look.row, look.p_edge, look.p_miss, is_shown, len(rows), table.xm, table.Pm, station.origin[0],
        station.C[0], station.cell, settings.merge_gate, np.array(settings.merge_floor),
    )  # fmt: skip
    if not len(first):
        return None
    joint = (d2 < settings.close_gate) | (same.prod(axis=1) > settings.overlap_least)
    group_of = groups_of(first, second, joint, n, min(settings.group_most, MEMBERS_MOST))
    seen = np.maximum(look.p_seen, settings.p_seen_floor)
    n_edge = len(look.track)
    p_shared, z_shared, var_shared = np.empty(n_edge), np.empty((n_edge, 6)), np.empty((n_edge, 6))
    apart, chance = np.empty(len(first)), np.empty(len(first))
    weigh_close(
        rows.kind, look.track, look.row, np.log(look.likelihood), look.p_edge, look.p_miss, look.p_new, look.rho, seen,
        look.p_missed, table.r, table.serial, first, second, same, group_of, table.t_ns, table.xm, table.Pm, rows.z,
        rows.var, rows.t_ns, rows.origin, rows.C, rows.height, rows.frame, t_look_ns, settings.sweeps,
        settings.apart_prior, p_shared, z_shared, var_shared, apart, chance, scratch(),
    )  # fmt: skip
    fed = core.now_ns - table.t_hit_ns[:n, station.index] < FED_NS
    is_known = fed & (table.status[:n] >= CONFIRMED)
    core.together.note(
        table.serial[first], table.serial[second], is_known[first] & is_known[second], apart, chance, core.now_ns
    )
    edge = np.flatnonzero(p_shared > 1e-4)
    contested = np.unique(np.concatenate((first, second)))
    return Close(contested, group_of, edge, p_shared[edge], z_shared[edge], var_shared[edge])


def rearrange(core: Core, rows: Rows, track: Ints, row: Ints, p_edge: Floats, p_miss: Floats, close: Close) -> Ints:
    """Update the states of all groups, hypotheses dealt out anew; returns tracks whose state is lost (table rows)."""
    table = core.table
    in_group = close.group_of[track] >= 0
    if not in_group.any():
        return NO_ROWS
    own = row[close.edge]
    p_alone = p_edge.copy()
    p_alone[close.edge] -= close.p
    # rows of shared plots behind the look's own; edges to both, by track
    edges = np.flatnonzero(in_group)
    of_track = np.concatenate((track[edges], track[close.edge]))
    order = np.argsort(of_track, kind="stable")
    start = np.append(np.flatnonzero(np.diff(of_track[order], prepend=-1)), len(order))
    to_row = np.concatenate((row[edges], len(rows) + np.arange(len(own))))[order]
    weight = np.concatenate((np.maximum(p_alone[edges], 0.0), close.p))[order]
    touched = of_track[order][start[:-1]]
    size = np.bincount(close.group_of[touched])
    ok, mixing = np.empty(len(touched), np.bool_), np.empty(int((size * size).sum()))
    rearrange_groups(
        rows.kind, touched, start, close.group_of, to_row, weight, p_miss, table.t_ns, table.x, table.P, table.mu,
        table.xm, table.Pm, np.concatenate((rows.z, close.z)), np.concatenate((rows.var, close.var)),
        np.concatenate((rows.weak_height, rows.weak_height[own])), np.concatenate((rows.t_ns, rows.t_ns[own])),
        rows.origin, rows.C, rows.height, np.concatenate((rows.frame, rows.frame[own])), core.var_floor,
        core.var_ceiling, core.settings.rounds, ok, mixing,
    )  # fmt: skip
    if core.whose.of or table.has_identity[touched].any():
        for group, n in enumerate(size.tolist()):
            of_group = touched[close.group_of[touched] == group]
            core.whose.mix(table, of_group, mixing[: n * n].reshape(n, n), speaking(core, of_group))
            mixing = mixing[n * n :]
    return touched[~ok]


def speaking(core: Core, rows: Ints) -> NDArray[np.bool_]:
    """bool[K]: those of table rows that reported themselves within their last three intervals."""
    table = core.table
    quiet_s = (core.now_ns - table.t_report_ns[rows]) * 1e-9
    return (table.t_report_ns[rows] > 0) & (quiet_s <= core.settings.coast_intervals * table.interval_s[rows])


def in_crowd(core: Core, rows: Ints) -> NDArray[np.bool_]:
    """bool[K]: of shown tracks ``rows``, those that another track may be taken for, as far as is known by now; or a
    likely candidate, for a plot beside it that is nobody's may be its neighbour's first."""
    table, settings = core.table, core.settings
    by_plots = (table.r[: table.n] >= settings.crowd_least) & (table.emits[: table.n] == 0.0)  # bearings agree with all
    shown = np.flatnonzero((table.track_id[: table.n] > 0) | by_plots)
    at, ahead = np.searchsorted(shown, rows), (core.now_ns - table.t_ns[shown]) * 1e-9
    east = table.xm[shown, 0] + ahead * table.xm[shown, 3]
    north = table.xm[shown, 1] + ahead * table.xm[shown, 4]
    own = np.sqrt(settings.crowd_gate * np.maximum(table.Pm[shown, 0, 0], table.Pm[shown, 1, 1]))
    half = np.minimum(own + own.max(), settings.merge_distance_m)  # as in ``Duplicates``: no pair is lost
    none = np.zeros(len(shown), np.bool_)
    first, second, _ = pairs(
        east[at], north[at], half[at], half[at], east, north, False, none[at], none, settings.edges_per_track
    )
    first, second = rows[first], shown[second]
    first, second = first[first != second], second[first != second]
    verdict = np.empty(len(first), np.uint8)
    agreeing_pairs(
        first, second, core.now_ns, table.t_ns, table.xm, table.Pm, np.zeros_like(table.has_identity),
        table.look_hit, table.t_report_ns, np.array([0.0, 0.0, 0.0, settings.merge_distance_m]),
        settings.crowd_gate, verdict,
    )  # fmt: skip
    return np.isin(rows, first[verdict != 0])
