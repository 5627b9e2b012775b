"""How well one plot fits several tracks at once: the density of a set, remembered while a group is weighed."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.linalg import distance2

LOG_2PI = math.log(2.0 * math.pi)
NEVER = -1e30
"""Logarithm of a probability that is none; finite, so that differences stay numbers."""
SLOTS_MOST = 1 << 13
"""Sets whose density is remembered while a group is weighed; fewer where there are fewer."""
OVERLAP_MOST = 0.98
"""Two objects are never surely in one cell: positions are estimates, and cells no boxes."""


@lean
def log_of_set(members, n, edge_of, log_alone, nu, HPH, z_finite, var, same, work):
    """ln of: the plot's density given that ``members``[:n] made it, times the chance that they are in one cell.

    ``edge_of`` int64[T]: each member's edge to this plot. The plot is at the centroid: innovation Σν/n, covariance
    Σ HPHᵀ/n² + R. In one cell with probability Π_c min over pairs (exact for a grid and known places).
    Part of ``share_plots``, which has the twin.
    """
    if n == 1:
        return log_alone[edge_of[members[0]]]
    mean, S, L, w, at = work
    dim = 0
    for k in range(6):
        if z_finite[k]:
            at[dim] = k
            dim += 1
    for a in range(dim):
        mean[a] = 0.0
        for b in range(dim):
            S[a, b] = var[at[a]] if a == b else 0.0
    for m in range(n):
        e = edge_of[members[m]]
        for a in range(dim):
            mean[a] += nu[e, at[a]] / n
            for b in range(dim):
                S[a, b] += HPH[e, at[a], at[b]] / (n * n)
    d2 = distance2(mean[:dim], S[:dim, :dim], L, w)
    if not math.isfinite(d2):
        return NEVER
    log_p = -0.5 * (d2 + dim * LOG_2PI)
    for a in range(dim):
        log_p -= math.log(L[a, a])
    for c in range(3):
        least = OVERLAP_MOST
        for m in range(n):
            for k in range(m):
                least = min(least, same[members[m], members[k], c])
        if least <= 0.0:
            return NEVER
        log_p += math.log(least)
    return log_p


@njit
def memory_of_sets(n_t, n_r):
    """Room for sets of ``n_t`` tracks in ``n_r`` plots, as ``log_of_crew`` wants it. No sums in it, so no twin."""
    slots = 64
    while slots < SLOTS_MOST and slots < n_r << min(n_t, 20):
        slots *= 2
    return np.zeros((slots, 2), np.int64), np.empty(slots), np.empty(n_t, np.int64)


@lean
def slot(j, crew, known):
    """Where the density of ``crew`` (tracks as bits) in plot j is kept, or may be put: a slot of ``known``
    int64[…, 2], plot + 1 and crew; after eight that are taken by others the last of these.
    No sums in it, so no twin."""
    last = known.shape[0] - 1
    at = (crew * 40503 + (crew >> 17) * 2654435761 + j * 97) & last
    for _ in range(8):
        if known[at, 0] == 0 or (known[at, 0] == j + 1 and known[at, 1] == crew):
            break
        at = (at + 1) & last
    return at


@lean
def of_crew(crew, out):
    """Tracks that are bits of ``crew`` into ``out``, ascending; how many. No sums in it, so no twin."""
    n, t = 0, 0
    while crew:
        if crew & 1:
            out[n] = t
            n += 1
        crew >>= 1
        t += 1
    return n


@lean
def log_of_crew(j, crew, memory, problem):
    """``log_of_set`` of a crew in plot j, worked out once: the sampler comes back to the same sets again and
    again. Part of ``share_plots``, which has the twin."""
    known, log_of, members = memory
    at = slot(j, crew, known)
    if known[at, 0] != j + 1 or known[at, 1] != crew:
        edge_at, log_alone, nu, HPH, z_finite, var, same, work = problem
        n = of_crew(crew, members)
        log_of[at] = log_of_set(members, n, edge_at[j], log_alone, nu, HPH, z_finite[j], var[j], same, work)
        known[at, 0], known[at, 1] = j + 1, crew
    return log_of[at]
