"""Metrics over whole trajectories: trajectory GOSPA with its split, and OSPA(2) over a window."""

from dataclasses import dataclass

import numpy as np

from lowsky.evaluate.assign import best_matching
from lowsky.evaluate.pairs import Together
from lowsky.evaluate.relaxed import along_a_chain, primal_dual, worth
from lowsky.model.measurement import Floats, Ints

TOLERANCE = 1e-3  # of c²: a tenth of a percent of one target missed and one false for one second
MOST_STEPS = 6_400
MOST_CELLS = 20_000_000  # pairs × seconds of one group; beyond it nothing is said rather than something slow


@dataclass(frozen=True, slots=True)
class TrajectoryGospa:
    """Trajectory GOSPA, p = 2, as a root mean over seconds, and its parts as means over seconds."""

    gamma_m: float
    value_m: float  # √(localisation + c²/2 · (missed + false) + γ²/2 · half-switches per second)
    localisation_m2: float
    missed: float
    false: float
    switches: float  # whole changes of track over the whole run; to or from no track is half of one
    gap_m: float  # the exact value lies at most so far below


def trajectory_gospa(near: Together, gamma_m: float) -> TrajectoryGospa | None:
    """The relaxed metric of García-Fernández et al. (2020). None where one group of pairs is too large to solve.

    A pair that is kept through a second in which the two are further apart than c counts one missed and one false
    then; leaving it and coming back costs γ².
    """
    c2, n = near.cutoff_m**2, near.seconds
    W, gap = np.zeros(len(near.pair)), 0.0
    half_switches = 0.0
    gain = np.maximum(1.0 - (near.distance_m / near.cutoff_m) ** 2, 0.0)
    switch = 0.5 * gamma_m**2 / c2
    for pairs, rows in _groups(near):
        begin, end = int(near.second[rows].min()), int(near.second[rows].max()) + 1
        if len(pairs) * (end - begin) > MOST_CELLS:
            return None
        place = np.searchsorted(pairs, near.pair[rows]), near.second[rows] - begin
        dense = np.zeros((len(pairs), end - begin))
        dense[place] = gain[rows]
        solved, off = _solve(dense, near.target[pairs], near.track[pairs], switch)
        W[rows] = solved[place]
        gap += off
        half_switches += float(np.abs(np.diff(solved, axis=1)).sum())
    W = np.where(near.distance_m < near.cutoff_m, W, 0.0)
    n_target, n_track, held = int(near.truth_first[-1]), int(near.tracks_first[-1]), float(W.sum())
    localisation = float((W * near.distance_m**2).sum())
    cost = localisation + 0.5 * c2 * (n_target + n_track - 2.0 * held) + 0.5 * gamma_m**2 * half_switches
    value_m = float(np.sqrt(max(cost, 0.0) / n))
    return TrajectoryGospa(
        gamma_m, value_m, localisation / n, (n_target - held) / n, (n_track - held) / n, 0.5 * half_switches,
        value_m - float(np.sqrt(max(cost - gap * c2, 0.0) / n)),
    )  # fmt: skip


def _solve(gain: Floats, target: Ints, track: Ints, switch: float) -> tuple[Floats, float]:
    """Weights of one group, and by how much they may fall short of the best."""
    row, column = (np.unique(ids, return_inverse=True)[1] for ids in (target, track))
    if row.max() == 0 or column.max() == 0:
        return along_a_chain(gain, switch), 0.0
    W, bound = primal_dual(gain, row, column, switch, TOLERANCE, MOST_STEPS)
    return W, max(0.0, bound - worth(gain, W, switch))


def _groups(near: Together) -> list[tuple[Ints, Ints]]:
    """Pairs that share targets or tracks, with their meetings: each group is a problem of its own."""
    if not len(near.target):
        return []
    parent = list(range(len(near.target_ids) + len(near.track_ids)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for i, j in zip(near.target.tolist(), near.track.tolist()):
        parent[root(i)] = root(len(near.target_ids) + j)
    group = np.unique([root(i) for i in near.target.tolist()], return_inverse=True)[1]
    by_group = np.argsort(group, kind="stable")
    pairs = np.split(by_group, np.searchsorted(group[by_group], np.arange(1, group.max() + 1)))
    of_meeting = group[near.pair]
    order = np.argsort(of_meeting, kind="stable")
    rows = np.split(order, np.searchsorted(of_meeting[order], np.arange(1, group.max() + 1)))
    return list(zip(pairs, rows))


def ospa2(near: Together, window_s: int, every_s: int) -> tuple[Ints, Floats]:
    """OSPA(2) of order 1 (Beard, Vo and Vo, IEEE TSP 68, 2020): last second of each window, and its value in m.

    The distance of a target and a track is the mean, over the seconds of the window in which either is there, of
    min(d, c) where both are and c where one is; the value is the mean over the best assignment, c for each object
    that has none, divided by the larger number of objects. Windows end each ``every_s`` seconds from ``window_s`` on;
    a shorter run has one window. NaN where nobody is there.
    """
    n, c = near.seconds, near.cutoff_m
    ends = np.arange(window_s, n + 1, every_s) if n >= window_s else np.array([n])
    values = np.full(len(ends), np.nan)
    for k, end in enumerate(ends.tolist()):
        begin = max(0, end - window_s)
        there = np.bincount(_entries(near.truth_at, near.truth_first, begin, end), minlength=len(near.target_ids))
        shown = np.bincount(_entries(near.tracks_at, near.tracks_first, begin, end), minlength=len(near.track_ids))
        most = max(int((there > 0).sum()), int((shown > 0).sum()))
        if not most:
            continue
        rows = slice(*np.searchsorted(near.second, (begin, end)).tolist())
        pair = near.pair[rows]
        saved = np.bincount(pair, np.maximum(c - near.distance_m[rows], 0.0), minlength=len(near.target))
        both = np.bincount(pair, minlength=len(near.target))
        use = np.flatnonzero(saved > 0.0)
        target, track = near.target[use], near.track[use]
        gain = saved[use] / (there[target] + shown[track] - both[use])
        chosen = best_matching(target, track, gain, len(near.target_ids), len(near.track_ids))
        values[k] = c - gain[chosen].sum() / most
    return ends, values


def _entries(values: Ints, first: Ints, begin: int, end: int) -> Ints:
    return values[int(first[begin]) : int(first[end])]
