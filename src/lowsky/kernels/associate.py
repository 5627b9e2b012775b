"""Association marginals: clusters of the gate graph, each exactly or by belief propagation."""

import numpy as np

from lowsky.kernels.compiled import lean, njit

EXACT_TRACKS, EXACT_EDGES = 4, 12
"""Clusters up to this size are enumerated: at most (12/4 + 1)⁴ = 256 joint events."""
MAX_SWEEPS = 200
TOLERANCE = 1e-6
"""Largest relative change of a message at which a cluster has converged."""


@njit
def marginals(edge_track, edge_row, psi, rho, n_track, p_edge, p_miss, p_new):
    r"""Probabilities of every track-row pair, of "track not seen" and of "row is nobody's".

    The joint law over events in which a track takes at most one row and a row at most one track is

    ::

        p(event) ∝ Π_{(i,j) in event} ψ_ij · Π_{j not taken} ρ_j

    Clusters with one track, or with one row, have a closed form; those of at most ``EXACT_TRACKS`` tracks and
    ``EXACT_EDGES`` edges are enumerated; the rest run belief propagation, each with its own stop::

        η_{i→j} = ψ_ij / (1 + Σ_{j'≠j} ψ_ij' ν_{j'→i})      ν_{j→i} = 1 / (ρ_j + Σ_{i'≠i} η_{i'→j})

    Parameters
    ----------
    edge_track, edge_row : int64[E]
        Edges in order of track. Tracks and rows are numbered from 0; both may be without edges.
    psi : float64[E]
        ψ_ij = r P_D L_ij / (1 − r P_D) ≥ 0, in 1/(units of the measurement).
    rho : float64[N]
        ρ_j > 0: density of clutter and of objects without a track, same units.
    n_track : int
    p_edge, p_miss, p_new : float64[E], float64[n_track], float64[N], outputs

    Source
    ------
    Williams & Lau's belief propagation in the form of docs/science, section 1.5. On trees it is exact; twin and
    yardstick is full enumeration (tests/reference/associate.py).
    """
    n_edge, n_row = edge_track.shape[0], rho.shape[0]
    for i in range(n_track):
        p_miss[i] = 1.0
    for j in range(n_row):
        p_new[j] = 1.0
    if n_edge == 0:
        return
    # union-find over rows: rows of one track are in one cluster
    parent = np.arange(n_row)
    for e in range(1, n_edge):
        if edge_track[e] == edge_track[e - 1]:
            a, b = _root(parent, edge_row[e]), _root(parent, edge_row[e - 1])
            parent[max(a, b)] = min(a, b)
    # edges sorted by cluster (counting sort: stable, so tracks stay in order within a cluster)
    first = np.zeros(n_row + 1, np.int64)
    for e in range(n_edge):
        first[_root(parent, edge_row[e]) + 1] += 1
    for c in range(n_row):
        first[c + 1] += first[c]
    order, fill = np.empty(n_edge, np.int64), first[:-1].copy()
    for e in range(n_edge):
        c = _root(parent, edge_row[e])
        order[fill[c]] = e
        fill[c] += 1
    tracks, rows = np.empty(n_edge, np.int64), np.empty(n_edge, np.int64)
    local_row = np.full(n_row, -1, np.int64)
    for c in range(n_row):
        lo, hi = first[c], first[c + 1]
        if lo == hi:
            continue
        # local numbers: tracks run in order, rows by first appearance
        n_t, n_r = 0, 0
        for k in range(lo, hi):
            e = order[k]
            if k == lo or edge_track[e] != edge_track[order[k - 1]]:
                n_t += 1
            tracks[k] = n_t - 1
            if local_row[edge_row[e]] < 0:
                local_row[edge_row[e]] = n_r
                n_r += 1
            rows[k] = local_row[edge_row[e]]
        if n_t == 1:
            _one_track(order, lo, hi, edge_track, edge_row, psi, rho, p_edge, p_miss, p_new)
        elif n_t <= EXACT_TRACKS and hi - lo <= EXACT_EDGES:
            _enumerate(order[lo:hi], tracks[lo:hi], rows[lo:hi], n_t, n_r, edge_track, edge_row, psi, rho, p_edge,
                       p_miss, p_new)  # fmt: skip
        else:
            _propagate(order[lo:hi], tracks[lo:hi], rows[lo:hi], n_t, n_r, edge_track, edge_row, psi, rho, p_edge,
                       p_miss, p_new)  # fmt: skip
        for k in range(lo, hi):
            local_row[edge_row[order[k]]] = -1


@lean
def _root(parent, j):
    while parent[j] != j:
        parent[j] = parent[parent[j]]
        j = parent[j]
    return j


@lean
def _one_track(order, lo, hi, edge_track, edge_row, psi, rho, p_edge, p_miss, p_new):
    total = 1.0
    for k in range(lo, hi):
        total += psi[order[k]] / rho[edge_row[order[k]]]
    for k in range(lo, hi):
        e = order[k]
        p_edge[e] = psi[e] / rho[edge_row[e]] / total
        p_new[edge_row[e]] = 1.0 - p_edge[e]
    p_miss[edge_track[order[lo]]] = 1.0 / total


@njit
def _enumerate(order, tracks, rows, n_t, n_r, edge_track, edge_row, psi, rho, p_edge, p_miss, p_new):
    """Every joint event once, by an odometer over the tracks' choices; weights relative to "all rows nobody's"."""
    n_edge = order.shape[0]
    start = np.zeros(n_t + 1, np.int64)
    for k in range(n_edge):
        start[tracks[k] + 1] += 1
    for t in range(n_t):
        start[t + 1] += start[t]
    choice = np.full(n_t, -1, np.int64)  # −1: not seen, else an edge of the cluster
    weight_edge, weight_miss, total = np.zeros(n_edge), np.zeros(n_t), 0.0
    taken = np.zeros(n_r, np.int64)
    while True:
        w, valid = 1.0, True
        for j in range(n_r):
            taken[j] = 0
        for t in range(n_t):
            k = choice[t]
            if k >= 0:
                taken[rows[k]] += 1
                valid = valid and taken[rows[k]] == 1
                w *= psi[order[k]] / rho[edge_row[order[k]]]
        if valid:
            total += w
            for t in range(n_t):
                if choice[t] >= 0:
                    weight_edge[choice[t]] += w
                else:
                    weight_miss[t] += w
        t = 0
        while t < n_t:
            choice[t] = start[t] if choice[t] < 0 else choice[t] + 1
            if choice[t] < start[t + 1]:
                break
            choice[t] = -1
            t += 1
        if t == n_t:
            break
    for t in range(n_t):
        p_miss[edge_track[order[start[t]]]] = weight_miss[t] / total
    for k in range(n_edge):
        e = order[k]
        p_edge[e] = weight_edge[k] / total
        p_new[edge_row[e]] -= p_edge[e]
    for k in range(n_edge):
        p_new[edge_row[order[k]]] = min(max(p_new[edge_row[order[k]]], 0.0), 1.0)


@njit
def edges_by_row(edge_row, n_row):
    """The edges of each row: those of row j are ``by_row[row_first[j] : row_first[j + 1]]``, in their own order.

    edge_row int64[E] -> int64[N + 1], int64[E].
    """
    row_first, by_row = np.zeros(n_row + 1, np.int64), np.empty(edge_row.shape[0], np.int64)
    for e in range(edge_row.shape[0]):
        row_first[edge_row[e] + 1] += 1
    for j in range(n_row):
        row_first[j + 1] += row_first[j]
    fill = row_first[:-1].copy()
    for e in range(edge_row.shape[0]):
        by_row[fill[edge_row[e]]] = e
        fill[edge_row[e]] += 1
    return row_first, by_row


@njit
def _propagate(order, tracks, rows, n_t, n_r, edge_track, edge_row, psi, rho, p_edge, p_miss, p_new):
    """Belief propagation on one cluster. Messages are scaled by ρ, so that ν starts at 1: w = ψ/ρ, η, ν unitless.

    Sums leave out the own term by prefix and suffix sums, not by subtraction: exact for any size of w.
    """
    n_edge = order.shape[0]
    w, eta, nu = np.empty(n_edge), np.empty(n_edge), np.ones(n_edge)
    row_first, by_row = edges_by_row(rows, n_r)
    for k in range(n_edge):
        w[k] = psi[order[k]] / rho[edge_row[order[k]]]
    suffix = np.empty(n_edge + 1)
    for _ in range(MAX_SWEEPS):
        a = 0
        while a < n_edge:
            b = a
            while b < n_edge and tracks[b] == tracks[a]:
                b += 1
            suffix[b] = 0.0
            for k in range(b - 1, a - 1, -1):
                suffix[k] = suffix[k + 1] + w[k] * nu[k]
            prefix = 1.0
            for k in range(a, b):
                eta[k] = w[k] / (prefix + suffix[k + 1])
                prefix += w[k] * nu[k]
            a = b
        moved = False
        for j in range(n_r):
            a, b = row_first[j], row_first[j + 1]
            suffix[b] = 0.0
            for at in range(b - 1, a - 1, -1):
                suffix[at] = suffix[at + 1] + eta[by_row[at]]
            prefix = 1.0
            for at in range(a, b):
                k = by_row[at]
                new = 1.0 / (prefix + suffix[at + 1])
                moved = moved or new > (1.0 + TOLERANCE) * nu[k] or nu[k] > (1.0 + TOLERANCE) * new
                nu[k] = new
                prefix += eta[k]
        if not moved:
            break
    a = 0
    while a < n_edge:
        b, total = a, 1.0
        while b < n_edge and tracks[b] == tracks[a]:
            total += w[b] * nu[b]
            b += 1
        p_miss[edge_track[order[a]]] = 1.0 / total
        for k in range(a, b):
            p_edge[order[k]] = w[k] * nu[k] / total
        a = b
    for j in range(n_r):
        total = 1.0
        for at in range(row_first[j], row_first[j + 1]):
            total += eta[by_row[at]]
        p_new[edge_row[order[by_row[row_first[j]]]]] = 1.0 / total


@njit
def whole_on_best(tracks, edge_track, p_edge):
    """p_edge float64[E], with the whole weight of each of ``tracks`` (int64[K], ascending) on its best edge.

    edge_track int64[E] is ascending; the tracks' other edges keep theirs. Twin in tests/reference.
    """
    weight, e, n_edge = p_edge.copy(), 0, edge_track.shape[0]
    for i in tracks:
        while e < n_edge and edge_track[e] < i:
            e += 1
        best, total = e, 0.0
        while e < n_edge and edge_track[e] == i:
            total += p_edge[e]
            if p_edge[e] > p_edge[best]:
                best = e
            e += 1
        if total > 0.0:
            weight[best] = total
    return weight
