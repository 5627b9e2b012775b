r"""Rows against mode mixtures: how well each fits, then the mixture after all of them with their weights.

What a row and a mode share is worked out once for all rows of a track that have the same time, frame, components and
variances (nearly always: all of them), and serves both functions. With h_k the derivative of component k and P the
mode's covariance, ::

    u_k = (P h_k − Σ_{l<k} L_kl u_l)/L_kk      L_kl = u_l·h_k      L_kk² = R_kk + h_k·(P h_k − Σ_{l<k} L_kl u_l)

so that S = H P Hᵀ + R = L Lᵀ and P Hᵀ S⁻¹ = Uᵀ L⁻¹. A row's whitened innovation y = L⁻¹ ν then gives everything::

    d² = yᵀ y      N(ν; 0, S) = (2π)^{−D/2} Π L_kk⁻¹ e^{−d²/2}      x⁺ = x + Σ_k y_k u_k      P⁺ = P − Σ_k u_k u_kᵀ
"""

import math

import numpy as np

from lowsky.kernels.compiled import njit
from lowsky.kernels.observe import IS_ANGLE, REPORT, observe, wrap
from lowsky.kernels.packed import N_PACKED, settle, unpack
from lowsky.kernels.update import WEAK_HEIGHT_SHARE, scratch

PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
LIKELY = 0.01
"""A row is in a track's gate where it is in that of a mode at least so probable."""
SAFE = 1e-280


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
def whiten(kind, x, P, z, var, weak_height, dt, origin, C, height, work, comps, L, U, z_pred):
    """L, U, h(x) and the components used, of one Gaussian and the rows like ``z``; the notation is this file's.

    Returns (D, (2π)^{−D/2} Π 1/L_kk, floor); ``floor`` > 0 is the least height variance that pressure altitude may
    lead to, as in ``update.condition``, which is the twin. comps int64[6], L, U float64[6, 6] and z_pred float64[6] are
    outputs; P float64[6, 6] is whole.
    """
    _, H, extra, d, u, g, _, _ = work
    observe(kind, x, P, dt, origin, C, height, z_pred, H, extra, d, u, g)
    weak_row = 2 if kind == REPORT else 4
    floor = WEAK_HEIGHT_SHARE * var[weak_row] if weak_height else 0.0
    skip_weak = weak_height and P[2, 2] < floor
    n, norm = 0, 1.0
    for k in range(6):
        if not math.isfinite(z[k]) or (skip_weak and k == weak_row):
            continue
        for a in range(6):
            U[n, a] = P[0, a] * H[k, 0] + P[1, a] * H[k, 1] + P[2, a] * H[k, 2]
        if dt != 0.0 or kind == REPORT or k == 3:
            for a in range(6):
                U[n, a] += P[3, a] * H[k, 3] + P[4, a] * H[k, 4] + P[5, a] * H[k, 5]
        for c in range(n):
            s = 0.0
            for a in range(6):
                s += U[c, a] * H[k, a]
            L[n, c] = s
            for a in range(6):
                U[n, a] -= s * U[c, a]
        S = var[k] + extra[k]
        for a in range(6):
            S += U[n, a] * H[k, a]
        inverse = 1.0 / math.sqrt(S)
        for a in range(6):
            U[n, a] *= inverse
        L[n, n] = inverse  # the inverse of the diagonal is what is needed
        norm *= inverse * PER_ROOT_TWO_PI
        comps[n] = k
        n += 1
    return n, norm, 0.0 if skip_weak else floor


@njit
def weigh_edges(
    kind, edge_track, edge_row, t_ns, x, P, mu, z, var, weak_height, t_row_ns, origin, C, height, frame_of_row,
    gate_of_dim,
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

    Returns
    -------
    track, row, likelihood : int64[K], int64[K], float64[K]
        Edges in the gate, in the order given.
    sights : tuple
        For ``update_tracks``: of each edge its group int64[K], whitened innovation y float64[K, M, 6] and posterior
        mode probabilities float64[K, M]; of each group (rows alike at one track) D int64[G, M], U float64[G, M, 6, 6]
        and height floor float64[G, M].
    """
    n_edge, n_mode = edge_track.shape[0], mu.shape[1]
    like = alike(z, var, weak_height, frame_of_row)
    n_group = 1
    for e in range(1, n_edge):
        n_group += _differ(e, edge_track, edge_row, like, t_row_ns)
    group, likelihood = np.empty(n_edge, np.int64), np.empty(n_edge)
    track, row = np.empty(n_edge, np.int64), np.empty(n_edge, np.int64)
    y, share = np.empty((n_edge, n_mode, 6)), np.empty((n_edge, n_mode))
    n_used, U = np.empty((n_group, n_mode), np.int64), np.empty((n_group, n_mode, 6, 6))
    floor = np.empty((n_group, n_mode))
    work, P1 = scratch(), np.empty((6, 6))
    comps, L = np.empty((n_mode, 6), np.int64), np.empty((n_mode, 6, 6))
    z_pred, norm = np.empty((n_mode, 6)), np.empty(n_mode)
    kept, at = 0, -1
    for e in range(n_edge):
        i, j = edge_track[e], edge_row[e]
        if e == 0 or _differ(e, edge_track, edge_row, like, t_row_ns):
            at += 1
            f, dt = frame_of_row[j], (t_row_ns[j] - t_ns[i]) * 1e-9
            for m in range(n_mode):
                unpack(P[i, m], P1)
                n_used[at, m], norm[m], floor[at, m] = whiten(
                    kind, x[i, m], P1, z[j], var[j], weak_height[j], dt, origin[f], C[f], height[f], work, comps[m],
                    L[m], U[at, m], z_pred[m],
                )  # fmt: skip
                norm[m] *= mu[i, m]
        total, is_inside = 0.0, False
        for m in range(n_mode):
            d2 = 0.0
            for n in range(n_used[at, m]):
                k = comps[m, n]
                nu = z[j, k] - z_pred[m, k]
                if IS_ANGLE[kind, k]:
                    nu = wrap(nu)
                for c in range(n):
                    nu -= L[m, n, c] * y[kept, m, c]
                nu *= L[m, n, n]
                y[kept, m, n] = nu
                d2 += nu * nu
            is_inside = is_inside or (mu[i, m] >= LIKELY and d2 <= gate_of_dim[n_used[at, m]])
            share[kept, m] = norm[m] * math.exp(-0.5 * d2)
            total += share[kept, m]
        if not is_inside or not (total > SAFE and math.isfinite(total)):
            continue
        for m in range(n_mode):
            share[kept, m] /= total
        track[kept], row[kept], likelihood[kept], group[kept] = i, j, total, at
        kept += 1
    return track[:kept], row[:kept], likelihood[:kept], (group, y, share, n_used, U, floor)


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
    M, L, v = np.empty((6, 6)), np.zeros((6, 6)), np.empty(6)
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
            dx[m] = 0.0
            dP[m] = 0.0
        while first < last:
            end = first + 1
            while end < last and group[end] == group[first]:
                end += 1
            for m in range(n_mode):
                W[m] += _gather(first, end, m, p_edge, total, sights, M, v, dx[m], dP[m], P[i, m, 5])
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
                for b in range(a + 1):
                    P[i, m, at] += dP[m, at] * inverse - dx[m, a] * dx[m, b]
                    at += 1
        if not settle(x[i], P[i], mu[i], xm[i], Pm[i], L, var_floor, var_ceiling):
            lost[n_lost] = i
            n_lost += 1
    return lost[:n_lost]


@njit
def _gather(first, end, m, p_edge, total, sights, M, v, dx, dP, var_up):
    """Add what edges first … end − 1 (one group) do to mode m: Σ w Uᵀy to dx, Σ w Uᵀ(yyᵀ − I)U to dP; returns Σ w."""
    group, y, share, n_used, U, floor = sights
    g = group[first]
    D, W = n_used[g, m], 0.0
    for k in range(D):
        v[k] = 0.0
        for c in range(k + 1):
            M[k, c] = 0.0
    for e in range(first, end):
        w = p_edge[e] / total * share[e, m]
        W += w
        for k in range(D):
            wy = w * y[e, m, k]
            v[k] += wy
            for c in range(k + 1):
                M[k, c] += wy * y[e, m, c]
    for k in range(D):
        M[k, k] -= W
        for a in range(6):
            dx[a] += v[k] * U[g, m, k, a]
    # Uᵀ M U = Σ_k u_k (Σ_l M_kl u_l)ᵀ; M is symmetric, its upper half is not filled
    for k in range(D):
        for a in range(6):
            v[a] = 0.5 * M[k, k] * U[g, m, k, a]
        for c in range(k):
            for a in range(6):
                v[a] += M[k, c] * U[g, m, c, a]
        at = 0
        for a in range(6):
            for b in range(a + 1):
                dP[at] += U[g, m, k, a] * v[b] + v[a] * U[g, m, k, b]
                at += 1
    if floor[g, m] > 0.0:
        for k in range(D):
            var_up -= U[g, m, k, 2] ** 2
        dP[5] += W * max(floor[g, m] - var_up, 0.0)
    return W
