r"""Rows against mode mixtures: how well each fits. What comes of them with their weights: ``kernels.fuse``.

What a row and a mode share is worked out once for all rows of a track that have the same time, frame, components and
variances (nearly always: all of them), and serves both functions. With h_k the derivative of component k and P the
mode's covariance, ::

    u_k = (P h_k − Σ_{l<k} L_kl u_l)/L_kk      L_kl = u_l·h_k      L_kk² = R_kk + h_k·(P h_k − Σ_{l<k} L_kl u_l)

so that S = H P Hᵀ + R = L Lᵀ and P Hᵀ S⁻¹ = Uᵀ L⁻¹, for all modes at once, each in its lane (``kernels.sheet``). A
row's whitened innovation y = L⁻¹ ν then gives everything::

    d² = yᵀ y      N(ν; 0, S) = (2π)^{−D/2} Π L_kk⁻¹ e^{−d²/2}      x⁺ = x + Σ_k y_k u_k      P⁺ = P − Σ_k u_k u_kᵀ

Bearings of a station some of whose are far off: y becomes g y and u uᵀ becomes c u uᵀ, with g and c of ``update.tail``.
"""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.lanes import (
    LANES,
    any_above,
    choose,
    exp,
    first,
    higher,
    load,
    load_first,
    put,
    put_first,
    root,
    spread,
    total,
    whole,
)
from lowsky.kernels.motion import advance_sheet
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
from lowsky.kernels.sheet import COVARIANCE, MEAN, SHEET, give, merge, take
from lowsky.kernels.update import WEAK_HEIGHT_SHARE, tail

PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
LIKELY = 0.01
"""A row is in a track's gate where it is in that of a mode at least so probable."""
SAFE = 1e-280
BENT = 0.02
"""Share of a component's σ that a mode's linearisation may be off by where it borrows another mode's."""
# rows of eight lanes in ``WORK``: predicted rows, derivatives, factors, inverse factors, the way from the reference
Z, H_AT, L_AT, U_AT, Y_AT, AWAY, EXTRA, KEEP, NORM, EXTRA_UP = (
    LANES * k for k in (0, 6, 42, 78, 114, 120, 126, 127, 128, 129)
)
WORK = 130 * LANES
HIGH_ENOUGH = -6.0
"""σ that a state may be above where the ground mirrors the beam before it is left out: Φ(−6) is 10⁻⁹."""


@njit
def alike(z, var, weak_height, frame_of_row):
    """Number the rows (int64[N]) so that equal numbers mean: same components, variances, frame and use of height.

    Rows are only compared with their predecessor and with the first. Twin in tests/reference.
    """
    number, n = np.zeros(z.shape[0], np.int64), 0
    for j in range(1, z.shape[0]):
        if same_kind(z, var, weak_height, frame_of_row, j, j - 1):
            number[j] = number[j - 1]
        elif not same_kind(z, var, weak_height, frame_of_row, j, 0):
            n += 1
            number[j] = n
    return number


@lean
def same_kind(z, var, weak_height, frame_of_row, i, j):
    """Have rows i and j the same components, variances, frame and use of height? Twin: that of ``alike``."""
    if frame_of_row[i] != frame_of_row[j] or weak_height[i] != weak_height[j]:
        return False
    same = True
    for k in range(6):
        same = same and math.isfinite(z[i, k]) == math.isfinite(z[j, k]) and var[i, k] == var[j, k]
    return same


@lean
def bend(sheet, ref, per_rho2, kind, var):
    """How far the derivatives at mode ``ref`` may be off for each mode of a sheet, squared and over what is allowed.

    What they leave out over a way δ is about δ²/ρ² of an angle, δ²/2ρ of a range and δ δ_v/ρ of a range rate, at a
    distance ρ (``per_rho2`` is 1/ρ²). It may be ``BENT`` of each σ. Not for REPORT: it is linear. Lanes; up to 1 is
    near. Twin in tests/reference.
    """
    far2, fast2 = spread(0.0), spread(0.0)
    for a in range(3):
        away = load(sheet, MEAN + a * LANES) - sheet[MEAN + a * LANES + ref]
        faster = load(sheet, MEAN + (a + 3) * LANES) - sheet[MEAN + (a + 3) * LANES + ref]
        far2, fast2 = far2 + away * away, fast2 + faster * faster
    bent2 = BENT * BENT
    fourth = far2 * far2 * per_rho2
    if kind == BEARING:
        return fourth * (per_rho2 / (bent2 * min(var[0], var[1])))
    angle = fourth * (per_rho2 / (bent2 * min(var[1], var[2])))
    rate = far2 * fast2 * (per_rho2 / (bent2 * var[3]))
    return higher(higher(angle, fourth * (1.0 / (4.0 * bent2 * var[0]))), rate)


@njit
def observing_scratch():
    """Work of ``observe`` and of who calls it: z_pred, H, extra, d, u, g, a mean, and no covariance, because
    second-order terms are each mode's own. No sums in it, so no twin."""
    return (
        np.zeros(6), np.zeros((6, 6)), np.zeros(6), np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(6),
        np.zeros((6, 6)),
    )  # fmt: skip


@lean
def _observe_modes(kind, sheet, n_mode, mu, var, dt, origin, C, height, work, is_still, observing):
    """Predicted rows and derivatives of every mode into ``work``: at the most probable mode's mean, and at that of any
    mode that is not near it. EXTRA gets the range of a radar; of a bearing sensor EXTRA and EXTRA_UP what its place,
    which is not known exactly, adds to the variances of azimuth and elevation."""
    z_ref, H, extra, d, u, gradient, at, zero = observing
    ref = 0
    for m in range(n_mode):
        if mu[m] > mu[ref]:
            ref = m
    for a in range(6):
        at[a] = sheet[MEAN + a * LANES + ref]
        put(work, AWAY + a * LANES, load(sheet, MEAN + a * LANES) - at[a])
    observe(kind, at, zero, dt, origin, C, height, z_ref, H, extra, d, u, gradient)
    for k in range(6):
        s = spread(z_ref[k])
        for a in range(6):
            put(work, H_AT + (6 * k + a) * LANES, spread(H[k, a]))
            s = s + load(work, AWAY + a * LANES) * H[k, a]
        put(work, Z + k * LANES, s)
        is_still[k] = H[k, 3] == 0.0 and H[k, 4] == 0.0 and H[k, 5] == 0.0
    put(work, EXTRA, spread(extra[0] if kind == BEARING else z_ref[0]))
    put(work, EXTRA_UP, spread(extra[1] if kind == BEARING else 0.0))
    if kind == REPORT:
        return
    row = 0 if kind == BEARING else 1
    per_rho2 = H[row, 0] ** 2 + H[row, 1] ** 2 + H[row, 2] ** 2  # of the azimuth
    bent = bend(sheet, ref, per_rho2, kind, var) * first(n_mode)
    if not any_above(bent, 1.0):
        return
    put(work, NORM, bent)
    for m in range(n_mode):
        if work[NORM + m] > 1.0:
            for a in range(6):
                at[a] = sheet[MEAN + a * LANES + m]
            observe(kind, at, zero, dt, origin, C, height, z_ref, H, extra, d, u, gradient)
            for k in range(6):
                work[Z + k * LANES + m] = z_ref[k]
                is_still[k] = is_still[k] and H[k, 3] == 0.0 and H[k, 4] == 0.0 and H[k, 5] == 0.0
                for a in range(6):
                    work[H_AT + (6 * k + a) * LANES + m] = H[k, a]
            work[EXTRA + m] = extra[0] if kind == BEARING else z_ref[0]
            if kind == BEARING:
                work[EXTRA_UP + m] = extra[1]


@lean
def _bend_range(sheet, work):
    """Second-order terms of the range, as in ``observe``: shifts its prediction, and leaves in EXTRA its variance."""
    h0, h1, h2 = load(work, H_AT), load(work, H_AT + LANES), load(work, H_AT + 2 * LANES)
    p = COVARIANCE
    p0, p1, p2 = load(sheet, p), load(sheet, p + LANES), load(sheet, p + 2 * LANES)
    p3, p4, p5 = load(sheet, p + 3 * LANES), load(sheet, p + 4 * LANES), load(sheet, p + 5 * LANES)
    across = p0 + p2 + p5 - p0 * h0 * h0 - p2 * h1 * h1 - p5 * h2 * h2
    across = higher(across - 2.0 * (p1 * h0 * h1 + p3 * h0 * h2 + p4 * h1 * h2), 0.0)
    per_range = across / load(work, EXTRA)
    put(work, Z, load(work, Z) + 0.5 * per_range)
    put(work, EXTRA, 0.5 * per_range * per_range)


@lean
def _mind_ground(sheet, n_mode, var, low, times, work):
    """Into EXTRA_UP what ``observe.ground_variance`` adds to elevation's variance ``var`` in every mode. Derivatives to
    velocity, Δ times those to place, are left out."""
    h0, h1, h2 = load(work, H_AT + 12 * LANES), load(work, H_AT + 13 * LANES), load(work, H_AT + 14 * LANES)
    p = COVARIANCE
    across = load(sheet, p) * h0 * h0 + load(sheet, p + 2 * LANES) * h1 * h1 + load(sheet, p + 5 * LANES) * h2 * h2
    mixed = load(sheet, p + LANES) * h0 * h1 + load(sheet, p + 3 * LANES) * h0 * h2
    across = across + 2.0 * (mixed + load(sheet, p + 4 * LANES) * h1 * h2)
    up = load(work, Z + 2 * LANES)
    below = choose(first(n_mode), 0.5, low - up, -math.inf)
    if any_above(below, HIGH_ENOUGH * root(higher(across, 0.0) + 1e-12)):
        put(work, EXTRA_UP, across)
        for m in range(n_mode):
            at = EXTRA_UP + m
            work[at] = ground_variance(work[Z + 2 * LANES + m], work[at], var, low, times)


@lean
def whiten(sheet, var, comps, n_comp, up, weak_row, is_still, work):
    """L and U of every mode and the rows like one; the notation is this file's.

    Components ``comps`` int64[n_comp] with the derivatives in ``work``, variances ``var`` float64[6], EXTRA of
    component 0 and EXTRA_UP of component ``up``. ``is_still`` bool[6]: no derivative to velocity. ``work`` gets L, with
    the inverse of its diagonal on the diagonal, and U. Component ``weak_row`` is left out in lanes where KEEP is 0:
    there its column of U and 1/L_kk are 0. Returns lanes (2π)^{−D/2} Π 1/L_kk. Twin, with ``weigh_edges``:
    ``update.condition``.
    """
    norm = spread(1.0)
    for n in range(n_comp):
        k = comps[n]
        at = H_AT + 6 * k * LANES
        h0, h1, h2 = load(work, at), load(work, at + LANES), load(work, at + 2 * LANES)
        h3, h4, h5 = load(work, at + 3 * LANES), load(work, at + 4 * LANES), load(work, at + 5 * LANES)
        p = COVARIANCE
        p0, p1, p2 = load(sheet, p), load(sheet, p + LANES), load(sheet, p + 2 * LANES)
        p3, p4, p5 = load(sheet, p + 3 * LANES), load(sheet, p + 4 * LANES), load(sheet, p + 5 * LANES)
        u0, u1, u2 = p0 * h0 + p1 * h1 + p3 * h2, p1 * h0 + p2 * h1 + p4 * h2, p3 * h0 + p4 * h1 + p5 * h2
        p6, p7, p8 = load(sheet, p + 6 * LANES), load(sheet, p + 7 * LANES), load(sheet, p + 8 * LANES)
        p10, p11, p12 = load(sheet, p + 10 * LANES), load(sheet, p + 11 * LANES), load(sheet, p + 12 * LANES)
        p15, p16, p17 = load(sheet, p + 15 * LANES), load(sheet, p + 16 * LANES), load(sheet, p + 17 * LANES)
        u3 = p6 * h0 + p7 * h1 + p8 * h2
        u4 = p10 * h0 + p11 * h1 + p12 * h2
        u5 = p15 * h0 + p16 * h1 + p17 * h2
        if not is_still[k]:
            u0, u1 = u0 + (p6 * h3 + p10 * h4 + p15 * h5), u1 + (p7 * h3 + p11 * h4 + p16 * h5)
            u2 = u2 + (p8 * h3 + p12 * h4 + p17 * h5)
            p9, p13, p14 = load(sheet, p + 9 * LANES), load(sheet, p + 13 * LANES), load(sheet, p + 14 * LANES)
            p18, p19, p20 = load(sheet, p + 18 * LANES), load(sheet, p + 19 * LANES), load(sheet, p + 20 * LANES)
            u3 = u3 + (p9 * h3 + p13 * h4 + p18 * h5)
            u4 = u4 + (p13 * h3 + p14 * h4 + p19 * h5)
            u5 = u5 + (p18 * h3 + p19 * h4 + p20 * h5)
        for c in range(n):
            v = U_AT + 6 * c * LANES
            v0, v1, v2 = load(work, v), load(work, v + LANES), load(work, v + 2 * LANES)
            v3, v4, v5 = load(work, v + 3 * LANES), load(work, v + 4 * LANES), load(work, v + 5 * LANES)
            s = v0 * h0 + v1 * h1 + v2 * h2 + (v3 * h3 + v4 * h4 + v5 * h5)
            put(work, L_AT + (6 * n + c) * LANES, s)
            u0, u1, u2 = u0 - s * v0, u1 - s * v1, u2 - s * v2
            u3, u4, u5 = u3 - s * v3, u4 - s * v4, u5 - s * v5
        S = u0 * h0 + u1 * h1 + u2 * h2 + (u3 * h3 + u4 * h4 + u5 * h5) + var[k]
        if k == 0:
            S = S + load(work, EXTRA)
        elif k == up:
            S = S + load(work, EXTRA_UP)
        inverse = 1.0 / root(S)
        factor = inverse * PER_ROOT_TWO_PI
        if k == weak_row:
            keep = load(work, KEEP)
            inverse, factor = inverse * keep, choose(keep, 0.5, factor, 1.0)
        norm = norm * factor
        put(work, L_AT + 7 * n * LANES, inverse)
        v = U_AT + 6 * n * LANES
        put(work, v, u0 * inverse)
        put(work, v + LANES, u1 * inverse)
        put(work, v + 2 * LANES, u2 * inverse)
        put(work, v + 3 * LANES, u3 * inverse)
        put(work, v + 4 * LANES, u4 * inverse)
        put(work, v + 5 * LANES, u5 * inverse)
    return norm


@lean
def look_along(kind, sheet, mu, z, var, weak_height, dt, origin, C, height, work, comps, is_still, observing):
    """Everything that the rows like ``z`` share at one track, into ``work``. Part of ``weigh_edges``, the twin's.

    comps int64[6] is an output. Returns the number of components, and which of them (−1: none) is left out in lanes
    where KEEP is 0, because height is known there as well as pressure altitude may make it.
    """
    n_mode = mu.shape[0]
    _observe_modes(kind, sheet, n_mode, mu, var, dt, origin, C, height, work, is_still, observing)
    if kind == RADAR:
        _bend_range(sheet, work)
        if origin.shape[0] == STATION and origin[3] > NOWHERE_LOW:
            _mind_ground(sheet, n_mode, var[2], origin[3], origin[4], work)
    elif kind == REPORT:
        put(work, EXTRA, spread(0.0))
    n, weak, weak_row = 0, -1, 2 if kind == REPORT else 4
    for k in range(6):
        if math.isfinite(z[k]):
            comps[n] = k
            n += 1
            if weak_height and k == weak_row:
                weak = k
    if weak >= 0:
        least = WEAK_HEIGHT_SHARE * var[weak_row]
        put(work, KEEP, choose(least, load(sheet, COVARIANCE + 5 * LANES), 0.0, 1.0))
    norm = whiten(sheet, var, comps, n, 1 if kind == BEARING else 2, weak, is_still, work)
    put(work, NORM, norm * load_first(mu, 0, n_mode))
    return n, weak


def room_for(n_edge, n_mode):
    """Arrays for what ``weigh_edges`` finds of up to ``n_edge`` edges. Kept by the caller: fresh memory costs a look
    more than what is written into it."""
    return (
        np.empty(n_edge, np.int64), np.empty(n_edge, np.int64), np.empty(n_edge), np.empty(n_edge, np.int64),
        np.empty(n_edge), np.empty((n_edge, 6, n_mode)), np.empty((n_edge, n_mode)), np.empty(n_edge, np.int64),
        np.empty((n_edge, 6, 6, n_mode)), np.empty((n_edge, n_mode)),
    )  # fmt: skip


@njit
def weigh_edges(
    kind, edge_track, edge_row, t_ns, x, P, mu, share, xm, Pm, z, var, weak_height, t_row_ns, origin, C, height,
    frame_of_row, gate_of_dim, G, moving, share_birth, forget_rate, room,
):  # fmt: skip
    r"""Predict every track that has edges to the newest of its rows, in place, then weigh each edge (track, row) over
    the track's modes; edges out of the gate are left out.

    ::

        L = Σ_m μ_m N(z; ẑ_m, S_m)      in the gate: d²_m ≤ ``gate_of_dim``[D] of any mode with μ_m ≥ ``LIKELY``

    Parameters
    ----------
    edge_track, edge_row : int64[E]
        In order of track.
    t_ns, x, P, mu, share, xm, Pm, G, share_birth, forget_rate
        As in ``motion.predict_tracks``.
    moving : tuple
        ``moving_scratch`` of G and the modes' motion. Kept by the caller: looks come at the same intervals.
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
        For ``update_tracks``: of each edge its group int64[K], mean d² over the modes float64[K], whitened innovation
        y float64[K, 6, M], posterior mode probabilities float64[K, M], and 1 − c of each component float64[K, 6, M]
        (empty where no row has a heavy tail); of each group (rows alike at one track) D int64[G], U float64[G, 6, 6, M]
        and height floor float64[G, M] (≤ 0: none).
    """
    n_edge, n_mode = edge_track.shape[0], mu.shape[1]
    track, row, likelihood, group, d2, y, posterior, n_used, U, floor = room
    has_tail = kind == BEARING and origin.shape[1] == STATION and origin[0, 6] > 0.0
    spared, spare = np.zeros((n_edge if has_tail else 0, 6, n_mode)), np.zeros(8 * LANES)
    like, comps, is_still = alike(z, var, weak_height, frame_of_row), np.empty(6, np.int64), np.empty(6, np.bool_)
    kept = _weigh_all(
        kind, edge_track, edge_row, t_ns, x, P, mu, share, xm, Pm, z, var, weak_height, t_row_ns, origin, C, height,
        frame_of_row, gate_of_dim, G, share_birth, forget_rate, room, like, moving,
        np.zeros(SHEET), observing_scratch(), np.zeros(WORK), comps, is_still, spared, spare,
    )  # fmt: skip
    return track[:kept], row[:kept], likelihood[:kept], (group, d2, y, posterior, spared, n_used, U, floor)


@lean
def _weigh_all(
    kind, edge_track, edge_row, t_ns, x, P, mu, share, xm, Pm, z, var, weak_height, t_row_ns, origin, C, height,
    frame_of_row, gate_of_dim, G, share_birth, forget_rate, room, like, moving, sheet, observing, work, comps, is_still,
    spared, spare,
):  # fmt: skip
    """The loop of ``weigh_edges``; returns how many edges are kept."""
    track, row, likelihood, group, d2_mean, y, posterior, n_used, U, floor = room
    n_edge, n_mode, has_tail = edge_track.shape[0], mu.shape[1], spared.shape[0] > 0
    unlikely, limit, is_known = spread(0.0), spread(0.0), True
    kept, at, D, weak = 0, -1, 0, -1
    for e in range(n_edge):
        i, j = edge_track[e], edge_row[e]
        f = frame_of_row[j]
        if e == 0 or i != edge_track[e - 1]:
            take(x, P, i, sheet)
            newest, last = t_row_ns[j], e + 1
            while last < n_edge and edge_track[last] == i:
                newest = max(newest, t_row_ns[edge_row[last]])
                last += 1
            if newest > t_ns[i]:
                advance_sheet(sheet, newest - t_ns[i], mu[i], share[i], G, share_birth, forget_rate, moving)
                give(sheet, x, P, i)
                merge(sheet, mu[i], xm[i], Pm[i])
                t_ns[i] = newest
            unlikely = choose(LIKELY, load_first(mu, i * n_mode, n_mode), math.inf, 0.0)
        if e == 0 or _differ(e, edge_track, edge_row, like, t_row_ns):
            D, weak = look_along(
                kind, sheet, mu[i], z[j], var[j], weak_height[j], (t_row_ns[j] - t_ns[i]) * 1e-9, origin[f], C[f],
                height[f], work, comps, is_still, observing,
            )  # fmt: skip
            limit = gate_of_dim[D] - unlikely
            if weak >= 0:
                limit = choose(load(work, KEEP), 0.5, limit, gate_of_dim[D - 1] - unlikely)
            at, is_known = at + is_known, False
        if has_tail:
            _solve_tailed(kind, z[j], var[j], origin[f], comps, D, n_mode, work, spare)
            d2, fit = load(spare, 6 * LANES), load(spare, 7 * LANES)
        else:
            d2 = solve(kind, z, j, comps, D, work)
            fit = exp(-0.5 * d2)
        if not any_above(limit, d2):
            continue
        weight = load(work, NORM) * fit
        all_modes = total(weight)
        if not (all_modes > SAFE and math.isfinite(all_modes)):
            continue
        weight = weight * (1.0 / all_modes)
        put_first(posterior, kept * n_mode, n_mode, weight)
        d2 = spread(0.0)
        for n in range(D):
            nu = load(work, Y_AT + n * LANES)
            put_first(y, (kept * 6 + n) * n_mode, n_mode, nu)
            d2 = d2 + nu * nu
            if has_tail:
                put_first(spared, (kept * 6 + n) * n_mode, n_mode, load(spare, n * LANES))
        track[kept], row[kept], likelihood[kept], group[kept], d2_mean[kept] = i, j, all_modes, at, total(weight * d2)
        kept += 1
        if not is_known:
            is_known = True
            n_used[at] = D
            for k in range(6 * D):
                put_first(U, (at * 36 + k) * n_mode, n_mode, load(work, U_AT + k * LANES))
            least = spread(0.0)
            if weak >= 0:
                least = load(work, KEEP) * (WEAK_HEIGHT_SHARE * var[j, weak])
            put_first(floor, at * n_mode, n_mode, least)
    return kept


@lean
def solve(kind, z, j, comps, D, work):
    """Y of row j: L⁻¹ ν in every mode. Returns d².

    Part of ``weigh_edges``, which has the twin."""
    d2 = spread(0.0)
    for n in range(D):
        k = comps[n]
        nu = z[j, k] - load(work, Z + k * LANES)
        if IS_ANGLE[kind, k]:
            nu = nu - whole(nu * (0.5 / math.pi)) * (2.0 * math.pi)
        for c in range(n):
            nu = nu - load(work, L_AT + (6 * n + c) * LANES) * load(work, Y_AT + c * LANES)
        nu = nu * load(work, L_AT + 7 * n * LANES)
        put(work, Y_AT + n * LANES, nu)
        d2 = d2 + nu * nu
    return d2


@lean
def _solve_tailed(kind, z, var, origin, comps, D, n_mode, work, spare):
    """Y of one row whose noise has a heavy tail; ``spare``: 1 − c of each component, d² for the gate, and the factor of
    the likelihood, each a row of lanes."""
    for m in range(n_mode):
        d2, fit = 0.0, 1.0
        for n in range(D):
            k, inverse = comps[n], work[L_AT + 7 * n * LANES + m]
            nu = z[k] - work[Z + k * LANES + m]
            if IS_ANGLE[kind, k]:
                nu = wrap(nu)
            for c in range(n):
                nu -= work[L_AT + (6 * n + c) * LANES + m] * work[Y_AT + c * LANES + m]
            nu *= inverse
            factor, gain, cut = math.exp(-0.5 * nu * nu), 1.0, 1.0
            if IS_ANGLE[kind, k]:
                wider = 1.0 + (origin[7] * origin[7] - 1.0) * var[k] * inverse * inverse
                factor, gain, cut = tail(nu * nu, wider, origin[6])
            spare[n * LANES + m] = 1.0 - cut
            work[Y_AT + n * LANES + m] = gain * nu
            d2 += gain * nu * nu
            fit *= factor
        spare[6 * LANES + m], spare[7 * LANES + m] = d2, fit


@lean
def _differ(e, edge_track, edge_row, like, t_row_ns):
    """Does edge e begin another group than the edge before it?"""
    i, j = edge_row[e - 1], edge_row[e]
    return edge_track[e] != edge_track[e - 1] or like[i] != like[j] or t_row_ns[i] != t_row_ns[j]
