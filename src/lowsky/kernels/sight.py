r"""Rows against mode mixtures: how well each fits, then the mixture after all of them with their weights.

What a row and a mode share is worked out once for all rows of a track that have the same time, frame, components and
variances (nearly always: all of them), and serves both functions. With h_k the derivative of component k and P the
mode's covariance, ::

    u_k = (P h_k − Σ_{l<k} L_kl u_l)/L_kk      L_kl = u_l·h_k      L_kk² = R_kk + h_k·(P h_k − Σ_{l<k} L_kl u_l)

so that S = H P Hᵀ + R = L Lᵀ and P Hᵀ S⁻¹ = Uᵀ L⁻¹. A row's whitened innovation y = L⁻¹ ν then gives everything::

    d² = yᵀ y      N(ν; 0, S) = (2π)^{−D/2} Π L_kk⁻¹ e^{−d²/2}      x⁺ = x + Σ_k y_k u_k      P⁺ = P − Σ_k u_k u_kᵀ

Bearings of a station some of whose are far off: y becomes g y and u uᵀ becomes c u uᵀ, with g and c of ``update.tail``.
"""

import math

import numpy as np

from lowsky.kernels.compiled import njit
from lowsky.kernels.observe import (
    BEARING,
    IS_ANGLE,
    NOWHERE_LOW,
    RADAR,
    REPORT,
    STATION,
    ground_variance,
    observe,
    wrap,
)
from lowsky.kernels.packed import N_PACKED, settle
from lowsky.kernels.update import WEAK_HEIGHT_SHARE, scratch, tail

PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
LIKELY = 0.01
"""A row is in a track's gate where it is in that of a mode at least so probable."""
SAFE = 1e-280
BENT = 0.02
"""Share of a component's σ that a mode's linearisation may be off by where it borrows another mode's."""


@njit
def alike(z, var, weak_height, frame_of_row):
    """Number the rows (int64[N]) so that equal numbers mean: same components, variances, frame and use of height.

    Rows are only compared with their predecessor and with the first. Twin in tests/reference.
    """
    number, n = np.zeros(z.shape[0], np.int64), 0
    for j in range(1, z.shape[0]):
        if _same(z, var, weak_height, frame_of_row, j, j - 1):
            number[j] = number[j - 1]
        elif not _same(z, var, weak_height, frame_of_row, j, 0):
            n += 1
            number[j] = n
    return number


@njit
def _same(z, var, weak_height, frame_of_row, i, j):
    if frame_of_row[i] != frame_of_row[j] or weak_height[i] != weak_height[j]:
        return False
    same = True
    for k in range(6):
        same = same and math.isfinite(z[i, k]) == math.isfinite(z[j, k]) and var[i, k] == var[j, k]
    return same


@njit
def is_near(x, m, ref, per_rho2, kind, var):
    """May mode m of ``x`` float64[M, 6] be observed by the derivatives at mode ``ref``? Not for REPORT: it is linear.

    What the derivatives leave out over a way δ is about δ²/ρ² of an angle, δ²/2ρ of a range and δ δ_v/ρ of a range
    rate, at a distance ρ (``per_rho2`` is 1/ρ²). It may be ``BENT`` of each σ. Twin in tests/reference.
    """
    far2, fast2 = 0.0, 0.0
    for a in range(3):
        far2 += (x[m, a] - x[ref, a]) ** 2
        fast2 += (x[m, a + 3] - x[ref, a + 3]) ** 2
    bent2 = BENT * BENT
    angle2 = far2 * far2 * per_rho2 * per_rho2
    if kind == BEARING:
        return angle2 <= bent2 * min(var[0], var[1])
    return (
        angle2 <= bent2 * min(var[1], var[2])
        and far2 * far2 * per_rho2 <= 4.0 * bent2 * var[0]
        and far2 * fast2 * per_rho2 <= bent2 * var[3]
    )


@njit
def whiten(P, at, H, var, extra, comps, n_comp, L, U, g):
    """L and U of one Gaussian and the rows like one; the notation is this file's.

    Components ``comps`` int64[n_comp] with derivatives H float64[6, 6], variances ``var`` + ``extra`` float64[6].
    P float64[M, 21] is packed, ``at`` its mode; L float64[M, 6, 6], with the inverse of its diagonal on the diagonal,
    and U float64[G, M, 6, 6] of group g are outputs. Returns (2π)^{−D/2} Π 1/L_kk. Twin, with ``weigh_edges``:
    ``update.condition``.
    """
    norm = 1.0
    for n in range(n_comp):
        k = comps[n]
        h0, h1, h2, h3, h4, h5 = H[k, 0], H[k, 1], H[k, 2], H[k, 3], H[k, 4], H[k, 5]
        u0 = P[at, 0] * h0 + P[at, 1] * h1 + P[at, 3] * h2
        u1 = P[at, 1] * h0 + P[at, 2] * h1 + P[at, 4] * h2
        u2 = P[at, 3] * h0 + P[at, 4] * h1 + P[at, 5] * h2
        u3 = P[at, 6] * h0 + P[at, 7] * h1 + P[at, 8] * h2
        u4 = P[at, 10] * h0 + P[at, 11] * h1 + P[at, 12] * h2
        u5 = P[at, 15] * h0 + P[at, 16] * h1 + P[at, 17] * h2
        if h3 != 0.0 or h4 != 0.0 or h5 != 0.0:
            u0 += P[at, 6] * h3 + P[at, 10] * h4 + P[at, 15] * h5
            u1 += P[at, 7] * h3 + P[at, 11] * h4 + P[at, 16] * h5
            u2 += P[at, 8] * h3 + P[at, 12] * h4 + P[at, 17] * h5
            u3 += P[at, 9] * h3 + P[at, 13] * h4 + P[at, 18] * h5
            u4 += P[at, 13] * h3 + P[at, 14] * h4 + P[at, 19] * h5
            u5 += P[at, 18] * h3 + P[at, 19] * h4 + P[at, 20] * h5
        for c in range(n):
            v0, v1, v2 = U[g, at, c, 0], U[g, at, c, 1], U[g, at, c, 2]
            v3, v4, v5 = U[g, at, c, 3], U[g, at, c, 4], U[g, at, c, 5]
            s = v0 * h0 + v1 * h1 + v2 * h2 + v3 * h3 + v4 * h4 + v5 * h5
            L[at, n, c] = s
            u0 -= s * v0
            u1 -= s * v1
            u2 -= s * v2
            u3 -= s * v3
            u4 -= s * v4
            u5 -= s * v5
        S = var[k] + extra[k] + u0 * h0 + u1 * h1 + u2 * h2 + u3 * h3 + u4 * h4 + u5 * h5
        inverse = 1.0 / math.sqrt(S)
        L[at, n, n] = inverse
        U[g, at, n, 0], U[g, at, n, 1], U[g, at, n, 2] = u0 * inverse, u1 * inverse, u2 * inverse
        U[g, at, n, 3], U[g, at, n, 4], U[g, at, n, 5] = u3 * inverse, u4 * inverse, u5 * inverse
        norm *= inverse * PER_ROOT_TWO_PI
    return norm


@njit
def _second_order(P, m, H, r):
    """Shift of the mean range and its variance, as in ``observe``, of mode m's covariance."""
    h0, h1, h2 = H[0, 0], H[0, 1], H[0, 2]
    across = P[m, 0] + P[m, 2] + P[m, 5] - P[m, 0] * h0 * h0 - P[m, 2] * h1 * h1 - P[m, 5] * h2 * h2
    across = max(across - 2.0 * (P[m, 1] * h0 * h1 + P[m, 3] * h0 * h2 + P[m, 4] * h1 * h2), 0.0)
    return 0.5 * across / r, 0.5 * (across / r) ** 2


@njit
def _elevation_variance(P, m, H):
    """h P hᵀ of the elevation of mode m; its derivative to velocity, Δ times that to place, is left out."""
    h0, h1, h2 = H[2, 0], H[2, 1], H[2, 2]
    across = P[m, 0] * h0 * h0 + P[m, 2] * h1 * h1 + P[m, 5] * h2 * h2
    return across + 2.0 * (P[m, 1] * h0 * h1 + P[m, 3] * h0 * h2 + P[m, 4] * h1 * h2)


@njit
def look_along(
    kind, x, P, mu, z, var, weak_height, dt, origin, C, height, work, P1, comps, n_used, L, U, z_pred, norm, floor, g
):  # fmt: skip
    """Everything that the rows like ``z`` share at one track: a part of ``weigh_edges``, whose twin covers it.

    Derivatives are taken at the most probable mode's mean, and again at that of a mode that is not near it. x, P, mu
    are one track's; comps int64[M, 6], z_pred float64[M, 6], norm float64[M], L, and row g of n_used, U and floor are
    outputs.
    """
    z_ref, H, extra, d, u, gradient, _, _ = work
    weak_row = 2 if kind == REPORT else 4
    ref = 0
    for m in range(mu.shape[0]):
        if mu[m] > mu[ref]:
            ref = m
    observe(kind, x[ref], P1, dt, origin, C, height, z_ref, H, extra, d, u, gradient)
    is_at_ref, row = True, 0 if kind == BEARING else 1
    per_rho2 = H[row, 0] ** 2 + H[row, 1] ** 2 + H[row, 2] ** 2  # of the azimuth
    for m in range(mu.shape[0]):
        if m == ref or kind == REPORT or is_near(x, m, ref, per_rho2, kind, var):
            if not is_at_ref:
                observe(kind, x[ref], P1, dt, origin, C, height, z_ref, H, extra, d, u, gradient)
                is_at_ref = True
            shift = m != ref
        else:
            observe(kind, x[m], P1, dt, origin, C, height, z_ref, H, extra, d, u, gradient)
            is_at_ref, shift = False, False
        least = WEAK_HEIGHT_SHARE * var[weak_row] if weak_height else 0.0
        skip_weak = weak_height and P[m, 5] < least
        n = 0
        for k in range(6):
            if not math.isfinite(z[k]) or (skip_weak and k == weak_row):
                continue
            comps[m, n] = k
            n += 1
            s = z_ref[k]
            if shift:
                for a in range(6):
                    s += H[k, a] * (x[m, a] - x[ref, a])
            z_pred[m, k] = s
        if kind == RADAR:
            bend, extra[0] = _second_order(P, m, H, z_ref[0])
            z_pred[m, 0] += bend
            if origin.shape[0] == STATION and origin[3] > NOWHERE_LOW:
                var_elevation = _elevation_variance(P, m, H)
                extra[2] = ground_variance(z_pred[m, 2], var_elevation, var[2], origin[3], origin[4])
        norm[m] = mu[m] * whiten(P, m, H, var, extra, comps[m], n, L, U, g)
        n_used[g, m], floor[g, m] = n, 0.0 if skip_weak else least


def room_for(n_edge, n_mode):
    """Arrays for what ``weigh_edges`` finds of up to ``n_edge`` edges. Kept by the caller: fresh memory costs a look
    more than what is written into it."""
    return (
        np.empty(n_edge, np.int64), np.empty(n_edge, np.int64), np.empty(n_edge), np.empty(n_edge, np.int64),
        np.empty((n_edge, n_mode, 6)), np.empty((n_edge, n_mode)), np.empty((n_edge, n_mode), np.int64),
        np.empty((n_edge, n_mode, 6, 6)), np.empty((n_edge, n_mode)),
    )  # fmt: skip


@njit
def weigh_edges(
    kind, edge_track, edge_row, t_ns, x, P, mu, z, var, weak_height, t_row_ns, origin, C, height, frame_of_row,
    gate_of_dim, room,
):  # fmt: skip
    r"""Likelihood of each edge (track, row) over the track's modes; edges out of the gate are left out.

    ::

        L = Σ_m μ_m N(z; ẑ_m, S_m)      in the gate: d²_m ≤ ``gate_of_dim``[D] of any mode with μ_m ≥ ``LIKELY``

    Parameters
    ----------
    edge_track, edge_row : int64[E]
        In order of track.
    t_ns, x, P, mu
        The track table's columns; P float64[T, M, 21] is packed.
    z, var, weak_height, t_row_ns : float64[N, 6], float64[N, 6], bool[N], int64[N]
    origin, C, height : float64[F, 3], float64[F, 3, 3], float64[F]
        Frames of reference; row j has number ``frame_of_row[j]``.
    gate_of_dim : float64[7]
        By number of components.
    room : tuple
        ``room_for`` E edges or more; what is returned lies in it.

    Returns
    -------
    track, row, likelihood : int64[K], int64[K], float64[K]
        Edges in the gate, in the order given.
    sights : tuple
        For ``update_tracks``: of each edge its group int64[K], whitened innovation y float64[K, M, 6], posterior
        mode probabilities float64[K, M], and 1 − c of each component float64[K, M, 6] (empty where no row has a heavy
        tail); of each group (rows alike at one track) D int64[G, M], U float64[G, M, 6, 6]
        and height floor float64[G, M].
    """
    n_edge, n_mode = edge_track.shape[0], mu.shape[1]
    like = alike(z, var, weak_height, frame_of_row)
    track, row, likelihood, group, y, share, n_used, U, floor = room
    work, P1 = scratch(), np.zeros((6, 6))  # no covariance: second-order terms are each mode's own
    comps, L = np.empty((n_mode, 6), np.int64), np.empty((n_mode, 6, 6))
    z_pred, norm, distance2 = np.empty((n_mode, 6)), np.empty(n_mode), np.empty(n_mode)
    has_tail = kind == BEARING and origin.shape[1] == STATION and origin[0, 6] > 0.0
    spared, fit = np.zeros((n_edge if has_tail else 0, n_mode, 6)), np.empty(n_mode)
    kept, at = 0, -1
    for e in range(n_edge):
        i, j = edge_track[e], edge_row[e]
        if e == 0 or _differ(e, edge_track, edge_row, like, t_row_ns):
            at += 1
            f, dt = frame_of_row[j], (t_row_ns[j] - t_ns[i]) * 1e-9
            look_along(
                kind, x[i], P[i], mu[i], z[j], var[j], weak_height[j], dt, origin[f], C[f], height[f], work, P1, comps,
                n_used, L, U, z_pred, norm, floor, at,
            )  # fmt: skip
        is_inside = False
        for m in range(n_mode):
            distance2[m], fit[m] = 0.0, 1.0
            for n in range(n_used[at, m]):
                k = comps[m, n]
                nu = z[j, k] - z_pred[m, k]
                if IS_ANGLE[kind, k]:
                    nu = wrap(nu)
                for c in range(n):
                    nu -= L[m, n, c] * y[kept, m, c]
                nu *= L[m, n, n]
                y[kept, m, n] = nu
                if has_tail:
                    wider = 1.0 + (origin[f, 7] * origin[f, 7] - 1.0) * var[j, k] * L[m, n, n] * L[m, n, n]
                    factor, gain, cut = tail(nu * nu, wider, origin[f, 6])
                    spared[kept, m, n] = 1.0 - cut
                    fit[m] *= factor
                    y[kept, m, n] = gain * nu
                    distance2[m] += gain * nu * nu
                else:
                    distance2[m] += nu * nu
            is_inside = is_inside or (mu[i, m] >= LIKELY and distance2[m] <= gate_of_dim[n_used[at, m]])
        if not is_inside:
            continue
        total = 0.0
        for m in range(n_mode):
            share[kept, m] = norm[m] * (fit[m] if has_tail else math.exp(-0.5 * distance2[m]))
            total += share[kept, m]
        if not (total > SAFE and math.isfinite(total)):
            continue
        for m in range(n_mode):
            share[kept, m] /= total
        track[kept], row[kept], likelihood[kept], group[kept] = i, j, total, at
        kept += 1
    return track[:kept], row[:kept], likelihood[:kept], (group, y, share, spared, n_used, U, floor)


@njit
def _differ(e, edge_track, edge_row, like, t_row_ns):
    """Does edge e begin another group than the edge before it?"""
    i, j = edge_row[e - 1], edge_row[e]
    return edge_track[e] != edge_track[e - 1] or like[i] != like[j] or t_row_ns[i] != t_row_ns[j]


@njit
def update_tracks(edge_track, p_edge, p_miss, sights, x, P, mu, xm, Pm, var_floor, var_ceiling):
    r"""Moment-matched update of every track that has edges (int64[E], in order of track), in place.

    Given that the object exists, hypothesis h is "not seen" with weight w_0 = ``p_miss[track]`` or row j with weight
    p_ij; mode m under h has μ_h(m) ∝ μ(m) L_m(z_j). Then per mode, with w_hm = w_h μ_h(m) and W_m = Σ_h w_hm::

        x_m ← x_m + δ      δ = Σ_h w_hm U_hᵀ y_h / W_m
        P_m ← P_m + Σ_h w_hm U_hᵀ (y_h y_hᵀ − I) U_h / W_m − δ δᵀ

    ``sights`` as ``weigh_edges`` returned it. Returns the tracks (int64[K]) whose state is no longer finite and
    positive definite: the caller drops such a track and counts it.
    """
    n_edge, n_mode = edge_track.shape[0], mu.shape[1]
    group = sights[0]
    W, dx, dP = np.empty(n_mode), np.empty((n_mode, 6)), np.empty((n_mode, N_PACKED))
    L = np.zeros((6, 6))
    lost, n_lost, first = np.empty(n_edge, np.int64), 0, 0
    while first < n_edge:
        i, last = edge_track[first], first
        total = p_miss[i]
        while last < n_edge and edge_track[last] == i:
            total += p_edge[last]
            last += 1
        if total <= 1e-12 or total - p_miss[i] <= 1e-6 * total:
            first = last
            continue
        for m in range(n_mode):
            W[m] = p_miss[i] / total * mu[i, m]
            for a in range(6):
                dx[m, a] = 0.0
            for at in range(N_PACKED):
                dP[m, at] = 0.0
        while first < last:
            end = first + 1
            while end < last and group[end] == group[first]:
                end += 1
            for m in range(n_mode):
                W[m] += _gather(first, end, m, p_edge, total, sights, dx, dP, P[i, m, 5])
            first = end
        norm = 0.0
        for m in range(n_mode):
            W[m] = max(W[m], 1e-12)
            norm += W[m]
        for m in range(n_mode):
            mu[i, m] = W[m] / norm
            if W[m] <= 1e-11:
                continue
            inverse, at = 1.0 / W[m], 0
            for a in range(6):
                dx[m, a] *= inverse
                x[i, m, a] += dx[m, a]
            for a in range(6):
                for b in range(a + 1):
                    P[i, m, at] += dP[m, at] * inverse - dx[m, a] * dx[m, b]
                    at += 1
        if not settle(x[i], P[i], mu[i], xm[i], Pm[i], L, var_floor, var_ceiling):
            lost[n_lost] = i
            n_lost += 1
    return lost[:n_lost]


@njit
def _gather(first, end, m, p_edge, total, sights, dx, dP, var_up):
    """Add what edges first … end − 1 (one group) do to mode m: Σ w Uᵀy to dx, Σ w (UᵀyyᵀU − UᵀU) to dP; returns Σ w."""
    group, y, share, spared, n_used, U, floor = sights
    g, W = group[first], 0.0
    D = n_used[g, m]
    for e in range(first, end):
        w = p_edge[e] / total * share[e, m]
        W += w
        d0, d1, d2, d3, d4, d5 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(D):
            s = y[e, m, k]
            d0 += s * U[g, m, k, 0]
            d1 += s * U[g, m, k, 1]
            d2 += s * U[g, m, k, 2]
            d3 += s * U[g, m, k, 3]
            d4 += s * U[g, m, k, 4]
            d5 += s * U[g, m, k, 5]
        _add_outer(dP, m, w, d0, d1, d2, d3, d4, d5)
        dx[m, 0] += w * d0
        dx[m, 1] += w * d1
        dx[m, 2] += w * d2
        dx[m, 3] += w * d3
        dx[m, 4] += w * d4
        dx[m, 5] += w * d5
    for k in range(D):
        _add_outer(dP, m, -W, U[g, m, k, 0], U[g, m, k, 1], U[g, m, k, 2], U[g, m, k, 3], U[g, m, k, 4], U[g, m, k, 5])
    if spared.shape[0] > 0:
        for e in range(first, end):
            w = p_edge[e] / total * share[e, m]
            for k in range(D):
                u = U[g, m, k]
                _add_outer(dP, m, w * spared[e, m, k], u[0], u[1], u[2], u[3], u[4], u[5])
    if floor[g, m] > 0.0:
        for k in range(D):
            var_up -= U[g, m, k, 2] ** 2
        dP[m, 5] += W * max(floor[g, m] - var_up, 0.0)
    return W


@njit
def _add_outer(P, m, w, u0, u1, u2, u3, u4, u5):
    """P[m] += w u uᵀ, packed."""
    P[m, 0] += w * u0 * u0
    v = w * u1
    P[m, 1] += v * u0
    P[m, 2] += v * u1
    v = w * u2
    P[m, 3] += v * u0
    P[m, 4] += v * u1
    P[m, 5] += v * u2
    v = w * u3
    P[m, 6] += v * u0
    P[m, 7] += v * u1
    P[m, 8] += v * u2
    P[m, 9] += v * u3
    v = w * u4
    P[m, 10] += v * u0
    P[m, 11] += v * u1
    P[m, 12] += v * u2
    P[m, 13] += v * u3
    P[m, 14] += v * u4
    v = w * u5
    P[m, 15] += v * u0
    P[m, 16] += v * u1
    P[m, 17] += v * u2
    P[m, 18] += v * u3
    P[m, 19] += v * u4
    P[m, 20] += v * u5
