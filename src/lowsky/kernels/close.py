"""Which tracks may be confused in a look, and how probably two of them lie in one resolution cell."""

import math

import numpy as np

from lowsky.kernels.associate import edges_by_row
from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.linalg import distance2
from lowsky.kernels.observe import IS_ANGLE, observe, wrap

TOLD_APART = 0.02
"""A track whose probability for a plot is below it has no claim on it."""


@lean
def overlap(distance, sigma, cell):
    r"""Probability that two points lie in one interval of a grid of pitch ``cell`` with random phase.

    For a known distance d it is max(0, 1 − |d|/c); averaged over d ~ N(``distance``, ``sigma``²)::

        [F(d + c) − 2 F(d) + F(d − c)]/c      F(x) = x Φ(x/σ) + σ φ(x/σ)

    An infinite cell does not tell anything apart: 1.
    """
    if not math.isfinite(cell):
        return 1.0
    if cell <= 0.0:
        return 0.0
    if sigma < 1e-6 * cell:
        return max(0.0, 1.0 - abs(distance) / cell)
    up = _ramp(distance + cell, sigma) - 2.0 * _ramp(distance, sigma) + _ramp(distance - cell, sigma)
    return min(max(up / cell, 0.0), 1.0)


@lean
def _ramp(x, sigma):
    k = x / sigma
    if k > 12.0:
        return x
    if k < -12.0:
        return 0.0
    normal = math.exp(-0.5 * k * k) / math.sqrt(2.0 * math.pi)
    return x * 0.5 * math.erfc(-k / math.sqrt(2.0)) + sigma * normal


@njit
def pair_overlap(xa, Pa, xb, Pb, origin, C, cell, out):
    """``overlap`` of two tracks in range, azimuth and elevation of a radar into ``out`` float64[3].

    ``cell`` float64[3]: m, rad, rad; infinite where the radar does not measure the component.
    """
    d, step = np.empty(3), np.empty(3)
    for a in range(3):
        d[a], step[a] = 0.0, 0.0
        for b in range(3):
            d[a] += C[a, b] * (0.5 * (xa[b] + xb[b]) - origin[b])
            step[a] += C[a, b] * (xb[b] - xa[b])
    rho = max(math.sqrt(d[0] * d[0] + d[1] * d[1]), 1.0)
    r = math.sqrt(rho * rho + d[2] * d[2])
    axis = np.empty((3, 3))
    axis[0, 0], axis[0, 1], axis[0, 2] = d[0] / r, d[1] / r, d[2] / r
    axis[1, 0], axis[1, 1], axis[1, 2] = d[1] / rho, -d[0] / rho, 0.0
    axis[2, 0], axis[2, 1], axis[2, 2] = -d[0] * d[2] / (r * rho), -d[1] * d[2] / (r * rho), rho / r
    site = np.empty(3)
    for k in range(3):
        distance, variance = 0.0, 0.0
        for a in range(3):
            distance += axis[k, a] * step[a]
            site[a] = axis[k, 0] * C[0, a] + axis[k, 1] * C[1, a] + axis[k, 2] * C[2, a]
        for a in range(3):
            for b in range(3):
                variance += site[a] * (Pa[a, b] + Pb[a, b]) * site[b]
        width = cell[k] if k == 0 else cell[k] * (rho if k == 1 else r)
        out[k] = overlap(distance, math.sqrt(max(variance, 0.0)), width)


@njit
def unresolved_pairs(first, second, now_ns, t_ns, xm, origin, C, cell, out):
    """``pair_overlap`` on all axes at once of K pairs of table rows, both moved to ``now_ns`` at constant velocity and
    taken where they are estimated, into ``out`` float64[K].

    Shares its arithmetic, and so its twin, with ``pair_overlap``.
    """
    xa, xb, P, same = np.empty(3), np.empty(3), np.zeros((6, 6)), np.empty(3)
    for k in range(first.shape[0]):
        a, b = first[k], second[k]
        for c in range(3):
            xa[c] = xm[a, c] + (now_ns - t_ns[a]) * 1e-9 * xm[a, c + 3]
            xb[c] = xm[b, c] + (now_ns - t_ns[b]) * 1e-9 * xm[b, c + 3]
        pair_overlap(xa, P, xb, P, origin, C, cell, same)
        out[k] = same[0] * same[1] * same[2]


@njit
def close_pairs(edge_track, edge_row, p_edge, p_miss, is_strong, n_row, xm, Pm, origin, C, cell, gate, floor):
    r"""Pairs of tracks that may be confused or not be told apart in this look.

    Of tracks with ``is_strong`` (bool[T]) whose states agree, δᵀ (P_a + P_b + F)⁻¹ δ < ``gate`` in position and
    velocity, F = diag(``floor``²) (m, m/s): those that both have a claim on one plot, and those of which one may
    have been missed because the other's plot was its own, too.

    Returns
    -------
    first, second : int64[K]
        Table rows, first < second, in ascending order.
    d2 : float64[K]
        The distance without F.
    same : float64[K, 3]
        ``pair_overlap``.
    """
    row_first, by_row = edges_by_row(edge_row, n_row)
    delta, S, L, w = np.empty(6), np.empty((6, 6)), np.zeros((6, 6)), np.empty(6)
    key, n_key, stride = np.empty(64, np.int64), 0, is_strong.shape[0]
    for j in range(n_row):
        for at in range(row_first[j], row_first[j + 1]):
            ea = by_row[at]
            a = edge_track[ea]
            if not is_strong[a]:
                continue
            for to in range(at + 1, row_first[j + 1]):
                eb = by_row[to]
                b = edge_track[eb]
                if not is_strong[b] or max(p_edge[ea], p_edge[eb]) < TOLD_APART:
                    continue
                if min(p_edge[ea], p_edge[eb]) < TOLD_APART and max(p_miss[a], p_miss[b]) < TOLD_APART:
                    continue
                far2, spread = 0.0, 0.0
                for c in range(3):
                    far2 += (xm[a, c] - xm[b, c]) ** 2
                    spread += Pm[a, c, c] + Pm[b, c, c]
                if far2 > gate * (spread + 3.0 * floor[0] ** 2):
                    continue
                if n_key == key.shape[0]:
                    more = np.empty(2 * n_key, np.int64)
                    more[:n_key] = key
                    key = more
                key[n_key] = a * stride + b
                n_key += 1
    unique = np.unique(key[:n_key])
    first, second = np.empty(unique.shape[0], np.int64), np.empty(unique.shape[0], np.int64)
    same, d2, n = np.empty((unique.shape[0], 3)), np.empty(unique.shape[0]), 0
    for k in range(unique.shape[0]):
        a, b = unique[k] // stride, unique[k] % stride
        for r in range(6):
            delta[r] = xm[a, r] - xm[b, r]
            for c in range(6):
                S[r, c] = Pm[a, r, c] + Pm[b, r, c]
        d2[n] = distance2(delta, S, L, w)
        for r in range(6):
            S[r, r] += floor[0 if r < 3 else 1] ** 2
        if distance2(delta, S, L, w) < gate:
            pair_overlap(xm[a], Pm[a], xm[b], Pm[b], origin, C, cell, same[n])
            first[n], second[n] = a, b
            n += 1
    return first[:n], second[:n], d2[:n], same[:n]


@njit
def edge_innovations(kind, track, row, t_ns, xm, Pm, z, t_row_ns, origin, C, height, frame_of_row, nu, HPH, work):
    """Innovation (wrapped; NaN where not measured) and H P Hᵀ of the merged state of each edge.

    Outputs nu float64[E, 6], HPH float64[E, 6, 6]; work is ``update.scratch()``. One ``observe``, which has the twin.
    """
    z_pred, H, extra, d, u, g, Ph, _ = work
    for e in range(track.shape[0]):
        i, j = track[e], row[e]
        f = frame_of_row[j]
        dt = (t_row_ns[j] - t_ns[i]) * 1e-9
        observe(kind, xm[i], Pm[i], dt, origin[f], C[f], height[f], z_pred, H, extra, d, u, g)
        for k in range(6):
            nu[e, k] = z[j, k] - z_pred[k]
            if IS_ANGLE[kind, k]:
                nu[e, k] = wrap(nu[e, k])
            for a in range(6):
                s = 0.0
                for b in range(6):
                    s += Pm[i, a, b] * H[k, b]
                Ph[a] = s
            for m in range(6):
                s = 0.0
                for a in range(6):
                    s += H[m, a] * Ph[a]
                HPH[e, k, m] = s
            HPH[e, k, k] += extra[k]
