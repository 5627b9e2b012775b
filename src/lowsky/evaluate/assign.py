"""Which track is which target: the exact optimal assignment of pairs closer than the cut-off.

Pairs further apart than the cut-off are never assigned, so the problem falls apart into connected groups that are
solved one by one; in a sky that is not crowded almost all of them are single pairs.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints


@njit(cache=True)
def solve_rectangular(cost: Floats) -> Ints:
    """Columns of the rows in the cheapest assignment, int64[R]; every row gets one column, R <= C.

    Shortest augmenting paths with dual prices, one row at a time: u_r + v_c <= cost_rc throughout, with equality
    on assigned pairs. O(R² C). Never raises; ``cost`` is float64[R, C] and finite. Twin:
    ``scipy.optimize.linear_sum_assignment`` (tests/unit/evaluate).
    """
    n_row, n_col = cost.shape
    u, v = np.zeros(n_row), np.zeros(n_col)
    row_of, column_of = np.full(n_col, -1, np.int64), np.full(n_row, -1, np.int64)
    came_from = np.empty(n_col, np.int64)  # the row through which a column was reached
    reach = np.empty(n_col)  # length of the shortest path to a column
    done = np.empty(n_col, np.bool_)
    for start in range(n_row):
        reach[:] = np.inf
        done[:] = False
        row, length, end = start, 0.0, -1
        while end < 0:
            best, best_column = np.inf, -1
            for c in range(n_col):
                if done[c]:
                    continue
                through = length + cost[row, c] - u[row] - v[c]
                if through < reach[c]:
                    reach[c] = through
                    came_from[c] = row
                if reach[c] < best:
                    best, best_column = reach[c], c
            length = best
            done[best_column] = True
            if row_of[best_column] < 0:
                end = best_column
            else:
                row = row_of[best_column]
        u[start] += length
        for c in range(n_col):
            if done[c]:
                if row_of[c] >= 0:
                    u[row_of[c]] += length - reach[c]
                v[c] -= length - reach[c]
        column = end
        while True:
            row = came_from[column]
            row_of[column] = row
            following = column_of[row]
            column_of[row] = column
            if row == start:
                break
            column = following
    return column_of


@njit(cache=True)
def _root(parent: Ints, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(cache=True)
def _squared_distance(a: Floats, b: Floats) -> float:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2


@njit(cache=True)
def assign(truth: Floats, tracks: Floats, cutoff_m: float) -> Ints:
    """The track of each target, int64[N], -1 where it has none.

    Minimises Σ d² + c²/2 · (unassigned targets + unassigned tracks) over assignments of pairs with d < c, which is
    GOSPA's problem for p = 2, α = 2. Equivalently Σ min(d² − c², 0) over a full assignment.

    Parameters
    ----------
    truth : float64[N, 3]
        Positions of the targets, m.
    tracks : float64[M, 3]
        Positions of the tracks, m, same frame.
    cutoff_m : float
        c, m.

    Notes
    -----
    Distances only of pairs within c in the first axis, then O(k³) for each connected group of k. Never raises.
    Twin: tests/unit/evaluate.
    """
    n, m = len(truth), len(tracks)
    limit = cutoff_m * cutoff_m
    parent = np.arange(n + m)
    track_of = np.full(n, -1, np.int64)
    by_east = np.argsort(tracks[:, 0])
    east = tracks[:, 0][by_east]
    for i in range(n):
        at = np.searchsorted(east, truth[i, 0] - cutoff_m)
        while at < m and east[at] <= truth[i, 0] + cutoff_m:
            j = by_east[at]
            at += 1
            if _squared_distance(truth[i], tracks[j]) < limit:
                parent[_root(parent, i)] = _root(parent, n + j)
    group = np.empty(n + m, np.int64)
    for node in range(n + m):
        group[node] = _root(parent, node)
    order = np.argsort(group, kind="mergesort")
    first = 0
    while first < n + m:
        last = first
        while last < n + m and group[order[last]] == group[order[first]]:
            last += 1
        members = order[first:last]  # targets before tracks: the sort is stable
        n_target = 0
        while n_target < len(members) and members[n_target] < n:
            n_target += 1
        if 0 < n_target < len(members):
            _assign_group(truth, tracks, members[:n_target], members[n_target:] - n, limit, track_of)
        first = last
    return track_of


@njit(cache=True)
def _assign_group(
    truth: Floats, tracks: Floats, some_targets: Ints, some_tracks: Ints, limit: float, track_of: Ints
) -> None:
    """Solve one connected group and write its pairs into ``track_of``."""
    flip = len(some_targets) > len(some_tracks)
    rows, columns = (some_tracks, some_targets) if flip else (some_targets, some_tracks)
    cost = np.empty((len(rows), len(columns)))
    for r in range(len(rows)):
        for c in range(len(columns)):
            i, j = (columns[c], rows[r]) if flip else (rows[r], columns[c])
            cost[r, c] = min(_squared_distance(truth[i], tracks[j]) - limit, 0.0)
    column_of = solve_rectangular(cost)
    for r in range(len(rows)):
        c = column_of[r]
        if cost[r, c] < 0.0:
            if flip:
                track_of[columns[c]] = rows[r]
            else:
                track_of[rows[r]] = columns[c]


@njit(cache=True)
def best_matching(row: Ints, column: Ints, gain: Floats, n_row: int, n_column: int) -> NDArray[np.bool_]:
    """Which pairs to take, bool[E], so that their gains sum to the most; each row and column at most once.

    ``gain`` float64[E] > 0 of pairs (row, column), each pair once. Groups that share nothing are solved one by one.
    Never raises. Twin: ``scipy.optimize.linear_sum_assignment`` (tests/unit/evaluate).
    """
    taken = np.zeros(len(row), np.bool_)
    parent = np.arange(n_row + n_column)
    for e in range(len(row)):
        parent[_root(parent, row[e])] = _root(parent, n_row + column[e])
    group = np.empty(len(row), np.int64)
    for e in range(len(row)):
        group[e] = _root(parent, row[e])
    order = np.argsort(group, kind="mergesort")
    place = np.full(n_row + n_column, -1, np.int64)  # of a row or column within its group
    first = 0
    while first < len(row):
        last, n_r, n_c = first, 0, 0
        while last < len(row) and group[order[last]] == group[order[first]]:
            e = order[last]
            if place[row[e]] < 0:
                place[row[e]] = n_r
                n_r += 1
            if place[n_row + column[e]] < 0:
                place[n_row + column[e]] = n_c
                n_c += 1
            last += 1
        if last - first == 1:
            taken[order[first]] = True
        else:
            flip = n_r > n_c
            cost = np.zeros((min(n_r, n_c), max(n_r, n_c)))
            for k in range(first, last):
                e = order[k]
                r, c = place[row[e]], place[n_row + column[e]]
                cost[c if flip else r, r if flip else c] = -gain[e]
            column_of = solve_rectangular(cost)
            for k in range(first, last):
                e = order[k]
                r, c = place[row[e]], place[n_row + column[e]]
                taken[e] = column_of[c if flip else r] == (r if flip else c)
        first = last
    return taken
