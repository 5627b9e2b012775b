"""Mode mixtures after a look's rows, each with its weight; what is needed of a row comes from ``kernels.sight``."""

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.lanes import LANES, choose, first, higher, load, load_first, put, put_first, spread, total
from lowsky.kernels.sheet import COVARIANCE, MEAN, SHEET, give, settle, take


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
    lost = np.empty(edge_track.shape[0], np.int64)
    n_lost = _update_all(
        edge_track, p_edge, p_miss, sights, x, P, mu, xm, Pm, var_floor, var_ceiling, np.zeros(SHEET), np.zeros(SHEET),
        np.zeros((6, 6)), lost,
    )  # fmt: skip
    return lost[:n_lost]


@lean
def _update_all(
    edge_track, p_edge, p_miss, sights, x, P, mu, xm, Pm, var_floor, var_ceiling, sheet, added, L, lost
):  # fmt: skip
    """The loop of ``update_tracks``; returns how many are lost."""
    n_edge, n_mode, group = edge_track.shape[0], mu.shape[1], sights[0]
    n_lost, at, real = 0, 0, first(n_mode)
    while at < n_edge:
        i, last = edge_track[at], at
        total_p = p_miss[i]
        while last < n_edge and edge_track[last] == i:
            total_p += p_edge[last]
            last += 1
        if total_p <= 1e-12 or total_p - p_miss[i] <= 1e-6 * total_p:
            at = last
            continue
        take(x, P, i, sheet)
        W = load_first(mu, i * n_mode, n_mode) * (p_miss[i] / total_p)
        for k in range(0, SHEET, LANES):
            put(added, k, spread(0.0))
        while at < last:
            end = at + 1
            while end < last and group[end] == group[at]:
                end += 1
            W = W + _gather(at, end, p_edge, total_p, sights, added, load(sheet, COVARIANCE + 5 * LANES))
            at = end
        W = higher(W, 1e-12) * real
        inverse = choose(W, 1e-11, 1.0 / W, 0.0)  # too little to move a mode
        put_first(mu, i * n_mode, n_mode, W * (1.0 / total(W)))
        k = 0
        for a in range(6):
            step = load(added, MEAN + a * LANES) * inverse
            put(added, MEAN + a * LANES, step)
            put(sheet, MEAN + a * LANES, load(sheet, MEAN + a * LANES) + step)
            for b in range(a + 1):
                moved = load(added, COVARIANCE + k * LANES) * inverse - step * load(added, MEAN + b * LANES)
                put(sheet, COVARIANCE + k * LANES, load(sheet, COVARIANCE + k * LANES) + moved)
                k += 1
        if not settle(sheet, mu[i], xm[i], Pm[i], L, var_floor, var_ceiling):
            lost[n_lost] = i
            n_lost += 1
        give(sheet, x, P, i)
    return n_lost


@lean
def _gather(at, end, p_edge, total_p, sights, added, var_up):
    """Add what edges at … end − 1 (one group) do: Σ w Uᵀy, and Σ w (UᵀyyᵀU − UᵀU) to ``added``; returns Σ w."""
    group, _, y, posterior, spared, n_used, U, floor = sights
    n_mode, g = posterior.shape[1], group[at]
    D, W = n_used[g], spread(0.0)
    for e in range(at, end):
        w = load_first(posterior, e * n_mode, n_mode) * (p_edge[e] / total_p)
        W = W + w
        u, first_y = g * 36 * n_mode, e * 6 * n_mode
        s = load_first(y, first_y, n_mode)
        d0, d1 = s * load_first(U, u, n_mode), s * load_first(U, u + n_mode, n_mode)
        d2, d3 = s * load_first(U, u + 2 * n_mode, n_mode), s * load_first(U, u + 3 * n_mode, n_mode)
        d4, d5 = s * load_first(U, u + 4 * n_mode, n_mode), s * load_first(U, u + 5 * n_mode, n_mode)
        for k in range(1, D):
            s, u = load_first(y, first_y + k * n_mode, n_mode), u + 6 * n_mode
            d0, d1 = d0 + s * load_first(U, u, n_mode), d1 + s * load_first(U, u + n_mode, n_mode)
            d2, d3 = d2 + s * load_first(U, u + 2 * n_mode, n_mode), d3 + s * load_first(U, u + 3 * n_mode, n_mode)
            d4, d5 = d4 + s * load_first(U, u + 4 * n_mode, n_mode), d5 + s * load_first(U, u + 5 * n_mode, n_mode)
        _add_outer(added, w, d0, d1, d2, d3, d4, d5)
        put(added, MEAN, load(added, MEAN) + w * d0)
        put(added, MEAN + LANES, load(added, MEAN + LANES) + w * d1)
        put(added, MEAN + 2 * LANES, load(added, MEAN + 2 * LANES) + w * d2)
        put(added, MEAN + 3 * LANES, load(added, MEAN + 3 * LANES) + w * d3)
        put(added, MEAN + 4 * LANES, load(added, MEAN + 4 * LANES) + w * d4)
        put(added, MEAN + 5 * LANES, load(added, MEAN + 5 * LANES) + w * d5)
    for k in range(D):
        u = (g * 6 + k) * 6 * n_mode
        less = -W
        if spared.shape[0] > 0:
            for e in range(at, end):
                w = load_first(posterior, e * n_mode, n_mode) * (p_edge[e] / total_p)
                less = less + w * load_first(spared, (e * 6 + k) * n_mode, n_mode)
        u2 = load_first(U, u + 2 * n_mode, n_mode)
        var_up = var_up - u2 * u2
        _add_outer(
            added, less, load_first(U, u, n_mode), load_first(U, u + n_mode, n_mode), u2,
            load_first(U, u + 3 * n_mode, n_mode), load_first(U, u + 4 * n_mode, n_mode),
            load_first(U, u + 5 * n_mode, n_mode),
        )  # fmt: skip
    least = load_first(floor, g * n_mode, n_mode)
    raised = choose(least, 0.0, higher(least - var_up, 0.0), 0.0)
    put(added, COVARIANCE + 5 * LANES, load(added, COVARIANCE + 5 * LANES) + W * raised)
    return W


@lean
def _add_outer(added, w, u0, u1, u2, u3, u4, u5):
    """Add w u uᵀ to the covariances of a sheet."""
    at = COVARIANCE
    put(added, at, load(added, at) + w * u0 * u0)
    v = w * u1
    put(added, at + LANES, load(added, at + LANES) + v * u0)
    put(added, at + 2 * LANES, load(added, at + 2 * LANES) + v * u1)
    v = w * u2
    put(added, at + 3 * LANES, load(added, at + 3 * LANES) + v * u0)
    put(added, at + 4 * LANES, load(added, at + 4 * LANES) + v * u1)
    put(added, at + 5 * LANES, load(added, at + 5 * LANES) + v * u2)
    v = w * u3
    put(added, at + 6 * LANES, load(added, at + 6 * LANES) + v * u0)
    put(added, at + 7 * LANES, load(added, at + 7 * LANES) + v * u1)
    put(added, at + 8 * LANES, load(added, at + 8 * LANES) + v * u2)
    put(added, at + 9 * LANES, load(added, at + 9 * LANES) + v * u3)
    v = w * u4
    put(added, at + 10 * LANES, load(added, at + 10 * LANES) + v * u0)
    put(added, at + 11 * LANES, load(added, at + 11 * LANES) + v * u1)
    put(added, at + 12 * LANES, load(added, at + 12 * LANES) + v * u2)
    put(added, at + 13 * LANES, load(added, at + 13 * LANES) + v * u3)
    put(added, at + 14 * LANES, load(added, at + 14 * LANES) + v * u4)
    v = w * u5
    put(added, at + 15 * LANES, load(added, at + 15 * LANES) + v * u0)
    put(added, at + 16 * LANES, load(added, at + 16 * LANES) + v * u1)
    put(added, at + 17 * LANES, load(added, at + 17 * LANES) + v * u2)
    put(added, at + 18 * LANES, load(added, at + 18 * LANES) + v * u3)
    put(added, at + 19 * LANES, load(added, at + 19 * LANES) + v * u4)
    put(added, at + 20 * LANES, load(added, at + 20 * LANES) + v * u5)
