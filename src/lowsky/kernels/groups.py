"""Groups of close tracks: found, and their claims on a look's plots weighed anew."""

import math

import numpy as np

from lowsky.kernels.associate import edges_by_row
from lowsky.kernels.close import edge_innovations
from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.unresolved import share_exactly, share_plots

EVENTS_MOST = 512
"""Groups of at most so many joint events are enumerated."""
BURN = 10
"""Sweeps before the sampler's start no longer shows."""


@njit
def groups_of(first, second, joint, n_track, most):
    """Connected components of the pairs with ``joint`` (bool[K]), as the number of each track's, int64[n_track].

    −1: none, or one of more than ``most`` tracks. Numbered in order of their first track. Twin: by sets.
    """
    parent, group = np.arange(n_track), np.full(n_track, -1, np.int64)
    size = np.zeros(n_track, np.int64)
    for k in range(first.shape[0]):
        if joint[k]:
            a, b = _root(parent, first[k]), _root(parent, second[k])
            parent[max(a, b)] = min(a, b)
    for i in range(n_track):
        size[_root(parent, i)] += 1
    n = 0
    for i in range(n_track):
        root = _root(parent, i)
        if 1 < size[root] <= most:
            if root == i:
                group[i] = n
                n += 1
            else:
                group[i] = group[root]
    return group


@lean
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit
def weigh_close(
    kind, track, row, log_l, p_edge, p_miss, p_new, rho, seen, p_missed, r, serial, first, second, same, group_of,
    t_ns, xm, Pm, z, var, t_row_ns, origin, C, height, frame_of_row, t_look_ns, sweeps, few, p_shared, z_shared,
    var_shared, apart, chance, work,
):  # fmt: skip
    r"""Marginals of every group of close tracks anew, in place of those that hold every plot for one track's.

    Claims of tracks outside a group on its plots come from belief propagation, whose outputs p_edge and p_new hold
    them as densities, η = p_ij ρ_j/p_new; afterwards they get what the group leaves them.

    Parameters
    ----------
    track, row, log_l : E edges in order of track
    p_edge, p_miss, p_new : float64[E], float64[T], float64[N], in place
    rho, seen : float64[N], float64[T]
    p_missed : float64[T], in place
        Grows where a group is seen less than it should be: it is denser than was thought, and no member is to blame.
    first, second, same : K pairs of ``close_pairs``
    group_of : int64[T]
        ``groups_of``.
    few : float
        Pairs, or members, against which a group's own share of pairs told apart, or members seen, is weighed.
    p_shared, z_shared, var_shared : float64[E], float64[E, 6], float64[E, 6], outputs
        Part of p_edge that is shared, and the plot of its own that says the same.
    apart, chance : float64[K], outputs
        How probably each pair was told apart, and how probable that was if it is two objects. Where a group is told
        apart less than it should be, all its pairs' chances fall alike: it is denser than it was thought to be.

    Shares its arithmetic, and so its twin, with ``share_plots``.
    """
    n_track, n_row, n_edge, n_pair = p_miss.shape[0], rho.shape[0], track.shape[0], first.shape[0]
    begin, end = np.zeros(n_track, np.int64), np.zeros(n_track, np.int64)
    for e in range(n_edge):
        if e == 0 or track[e] != track[e - 1]:
            begin[track[e]] = e
        end[track[e]] = e + 1
    row_first, by_row = edges_by_row(row, n_row)
    p_shared[:] = 0.0
    n_group = group_of.max() + 1
    count = np.zeros(n_group + 1, np.int64)
    for i in range(n_track):
        if group_of[i] >= 0:
            count[group_of[i] + 1] += 1
    for g in range(n_group):
        count[g + 1] += count[g]
    member, fill = np.empty(count[n_group], np.int64), count[:-1].copy()
    local_track, local_row = np.full(n_track, -1, np.int64), np.full(n_row, -1, np.int64)
    for i in range(n_track):
        if group_of[i] >= 0:
            local_track[i] = fill[group_of[i]] - count[group_of[i]]
            member[fill[group_of[i]]] = i
            fill[group_of[i]] += 1
    for k in range(n_pair):
        a, b = first[k], second[k]
        chance[k] = seen[a] * seen[b]
        apart[k] = -1.0
        if group_of[a] >= 0 and group_of[a] == group_of[b]:
            continue
        # exclusive: both seen, but not by the same plot
        ha, hb, both = 0.0, 0.0, 0.0
        for e in range(begin[a], end[a]):
            ha += p_edge[e]
            for m in range(begin[b], end[b]):
                if row[m] == row[e]:
                    both += p_edge[e] * p_edge[m]
        for m in range(begin[b], end[b]):
            hb += p_edge[m]
        apart[k] = max(ha * hb - both, 0.0)
    for g in range(n_group):
        group = member[count[g] : count[g + 1]]
        n_t, n_e, n_r, n_event = group.shape[0], 0, 0, 1
        start = np.zeros(n_t + 1, np.int64)
        for t in range(n_t):
            n_e += end[group[t]] - begin[group[t]]
            start[t + 1] = n_e
            n_event = min(n_event * (end[group[t]] - begin[group[t]] + 1), 2 * EVENTS_MOST)
        edges, plots = np.empty(n_e, np.int64), np.empty(n_e, np.int64)
        rows = np.empty(n_e, np.int64)
        for t in range(n_t):
            for m in range(start[t + 1] - start[t]):
                e = begin[group[t]] + m
                edges[start[t] + m] = e
                if local_row[row[e]] < 0:
                    local_row[row[e]] = n_r
                    plots[n_r] = row[e]
                    n_r += 1
                rows[start[t] + m] = local_row[row[e]]
        plots = plots[:n_r]
        free_rho, log_rho = np.empty(n_r), np.empty(n_r)
        for j in range(n_r):
            free_rho[j] = rho[plots[j]]
            for at in range(row_first[plots[j]], row_first[plots[j] + 1]):
                e = by_row[at]
                if group_of[track[e]] != g:
                    free_rho[j] += p_edge[e] * rho[plots[j]] / max(p_new[plots[j]], 1e-12)
            log_rho[j] = math.log(free_rho[j])
            local_row[plots[j]] = -1
        nu, HPH = np.empty((n_e, 6)), np.empty((n_e, 6, 6))
        edge_innovations(
            kind, track[edges], row[edges], t_ns, xm, Pm, z, t_row_ns, origin, C, height, frame_of_row, nu, HPH, work
        )
        overlaps = np.zeros((n_t, n_t, 3))
        for k in range(n_pair):
            if group_of[first[k]] == g and group_of[second[k]] == g:
                a, b = local_track[first[k]], local_track[second[k]]
                overlaps[a, b], overlaps[b, a] = same[k], same[k]
        log_seen, log_miss = np.empty(n_t), np.empty(n_t)
        for t in range(n_t):
            i = group[t]
            log_seen[t] = math.log(r[i] * seen[i])
            log_miss[t] = math.log(1.0 - r[i] + r[i] * p_missed[i] + 1e-12)
        alone, shared, missed, free = np.empty(n_e), np.empty(n_e), np.empty(n_t), np.empty(n_r)
        nu_shared, v_shared, told = np.empty((n_e, 6)), np.empty((n_e, 6)), np.empty((n_t, n_t))
        z_finite = np.isfinite(z[plots])
        if n_event <= EVENTS_MOST:
            share_exactly(
                start, rows, log_l[edges], nu, HPH, z_finite, var[plots], log_rho, log_seen, log_miss, overlaps,
                alone, shared, nu_shared, v_shared, missed, free, told,
            )  # fmt: skip
        else:
            seed = (t_look_ns // 1000 + serial[group[0]] * 7919) % 2147483646 + 1
            share_plots(
                start, rows, log_l[edges], nu, HPH, z_finite, var[plots], log_rho, log_seen, log_miss, overlaps,
                sweeps, BURN, seed, alone, shared, nu_shared, v_shared, missed, free, told,
            )  # fmt: skip
        for m in range(n_e):
            e = edges[m]
            p_edge[e], p_shared[e] = alone[m] + shared[m], shared[m]
            for c in range(6):
                z_shared[e, c] = z[row[e], c] + nu_shared[m, c] - nu[m, c]
                var_shared[e, c] = v_shared[m, c] if z_finite[rows[m], c] else 1.0
        was_seen, should = few, few
        for t in range(n_t):
            p_miss[group[t]] = missed[t]
            was_seen += 1.0 - missed[t]
            should += r[group[t]] * seen[group[t]]
        for t in range(n_t):
            p_missed[group[t]] = 1.0 - (1.0 - p_missed[group[t]]) * min(1.0, was_seen / should)
        for j in range(n_r):
            for at in range(row_first[plots[j]], row_first[plots[j] + 1]):
                e = by_row[at]
                if group_of[track[e]] != g:
                    eta = p_edge[e] * rho[plots[j]] / max(p_new[plots[j]], 1e-12)
                    p_edge[e] = free[j] * eta / free_rho[j]
            p_new[plots[j]] = free[j] * rho[plots[j]] / free_rho[j]
        for j in range(n_r):
            for at in range(row_first[plots[j]], row_first[plots[j] + 1]):
                i = track[by_row[at]]
                if group_of[i] < 0:
                    left = 1.0
                    for e in range(begin[i], end[i]):
                        left -= p_edge[e]
                    p_miss[i] = max(left, 0.0)
        found, expected = few, few
        for k in range(n_pair):
            if group_of[first[k]] == g and group_of[second[k]] == g:
                apart[k] = told[local_track[first[k]], local_track[second[k]]]
                chance[k] *= 1.0 - same[k, 0] * same[k, 1] * same[k, 2]
                found += apart[k]
                expected += chance[k]
        for k in range(n_pair):
            if group_of[first[k]] == g and group_of[second[k]] == g:
                chance[k] *= min(1.0, found / expected)
