"""Prediction: the mode chain, mixing, and the motion of each mode, exact for any interval.

A mode's motion is a row float64[9], made by ``lowsky.track.settings.MotionMode``: rates of return to a velocity of its
own ``DAMPING_H``, ``DAMPING_V`` (1/s; 0: velocity lasts), densities of white acceleration ``Q_H``, ``Q_V`` (m²/s³),
sideways acceleration of a level turn ``LATERAL`` (m/s², to the left), the greatest acceleration of the horizontal
return ``BRAKE`` (m/s²; 0: no bound) and that own velocity ``TO_EAST``, ``TO_NORTH``, ``TO_UP`` (m/s). H is horizontal,
V vertical.
"""

import math

import numpy as np

from lowsky.kernels.compiled import njit
from lowsky.kernels.packed import N_PACKED, merge_packed, pack, unpack

DAMPING_H, Q_H, DAMPING_V, Q_V, LATERAL, BRAKE, TO_EAST, TO_NORTH, TO_UP = range(9)
KEPT = 16
"""Intervals whose transition matrices are kept while a look's tracks are predicted."""
SLOWEST_TURN_MPS = 3.0
"""A turn's rate is lateral acceleration over speed; below this speed the rate grows no further."""


@njit
def transition_matrix(G, dt, Pi, work):
    r"""Π(Δ) = expm(G Δ) of a mode chain's generator, by scaling, Taylor series and squaring.

    Parameters
    ----------
    G : float64[M, M]
        Generator, 1/s: off-diagonal ≥ 0, rows sum to 0.
    dt : float
        Δ ≥ 0, s.
    Pi : float64[M, M], output
        Row m is the distribution of the mode after Δ given mode m; entries in [0, 1], rows sum to 1.
    work : float64[2, M, M], scratch

    Notes
    -----
    After scaling ‖GΔ‖ ≤ 1/4, eight terms leave 1e-11. Rows are renormalised. Twin: ``scipy.linalg.expm``.
    """
    m = G.shape[0]
    norm = 0.0
    for a in range(m):
        norm = max(norm, -2.0 * G[a, a] * dt)
    halvings = 0
    while norm > 0.25 and halvings < 40:
        norm *= 0.5
        halvings += 1
    scale = dt / 2.0**halvings
    term, product = work[0], work[1]
    for a in range(m):
        for b in range(m):
            Pi[a, b] = 1.0 if a == b else 0.0
            term[a, b] = Pi[a, b]
    for k in range(1, 9):
        for a in range(m):
            for b in range(m):
                s = 0.0
                for c in range(m):
                    s += term[a, c] * G[c, b]
                product[a, b] = s * scale / k
        for a in range(m):
            for b in range(m):
                term[a, b] = product[a, b]
                Pi[a, b] += term[a, b]
    for _ in range(halvings):
        for a in range(m):
            for b in range(m):
                s = 0.0
                for c in range(m):
                    s += Pi[a, c] * Pi[c, b]
                product[a, b] = s
        for a in range(m):
            for b in range(m):
                Pi[a, b] = product[a, b]
    for a in range(m):
        total = 0.0
        for b in range(m):
            Pi[a, b] = max(Pi[a, b], 0.0)
            total += Pi[a, b]
        for b in range(m):
            Pi[a, b] /= total


@njit
def merge_modes(x, P, mu, xm, Pm):
    """Mean and covariance of the mode mixture of one track.

    x float64[M, 6], P float64[M, 6, 6], mu float64[M] -> xm float64[6], Pm float64[6, 6] (outputs).
    """
    for a in range(6):
        s = 0.0
        for m in range(mu.shape[0]):
            s += mu[m] * x[m, a]
        xm[a] = s
    for a in range(6):
        for b in range(a + 1):
            s = 0.0
            for m in range(mu.shape[0]):
                s += mu[m] * (P[m, a, b] + (x[m, a] - xm[a]) * (x[m, b] - xm[b]))
            Pm[a, b] = s
            Pm[b, a] = s


@njit
def mix_modes(x, P, mu, Pi, x_old, P_old, w):
    r"""IMM mixing of one track, in place, with transition matrix ``Pi``.

    ::

        μ̄_m'     = Σ_m Π_mm' μ_m            w_m|m' = Π_mm' μ_m / μ̄_m'
        x⁰_m'     = Σ_m w x_m                P⁰_m' = Σ_m w [P_m + (x_m − x⁰)(x_m − x⁰)ᵀ]

    ``x_old`` float64[M, 6], ``P_old`` float64[M, 6, 6] and ``w`` float64[2, M] are scratch. A mode that cannot be
    reached keeps its own moments. Source: Blom & Bar-Shalom's interacting multiple model in the form of
    docs/science, section 1.3 (one class).
    """
    n_mode = mu.shape[0]
    for m in range(n_mode):
        for a in range(6):
            x_old[m, a] = x[m, a]
            for b in range(6):
                P_old[m, a, b] = P[m, a, b]
    for k in range(n_mode):
        s = 0.0
        for m in range(n_mode):
            s += Pi[m, k] * mu[m]
        w[1, k] = s
    for k in range(n_mode):
        if w[1, k] <= 1e-300:
            continue
        for m in range(n_mode):
            w[0, m] = Pi[m, k] * mu[m] / w[1, k]
        for a in range(6):
            s = 0.0
            for m in range(n_mode):
                s += w[0, m] * x_old[m, a]
            x[k, a] = s
        for a in range(6):
            for b in range(a + 1):
                s = 0.0
                for m in range(n_mode):
                    s += w[0, m] * (P_old[m, a, b] + (x_old[m, a] - x[k, a]) * (x_old[m, b] - x[k, b]))
                P[k, a, b] = s
                P[k, b, a] = s
    for k in range(n_mode):
        mu[k] = w[1, k]


@njit
def predict_cv(x, P, dt, q_horizontal, q_vertical):
    r"""Constant velocity with white acceleration over ``dt`` ≥ 0 seconds, one Gaussian, in place.

    ::

        p' = p + v Δ      Q per axis = q · [[Δ³/3, Δ²/2], [Δ²/2, Δ]]      q in m²/s³

    x float64[6], P float64[6, 6]. Exact for any Δ, so two steps of Δ/2 are one of Δ.
    """
    for a in range(3):
        x[a] += dt * x[a + 3]
    # rows first, then columns: F P Fᵀ with F = [[I, Δ I], [0, I]]
    for a in range(3):
        for b in range(6):
            P[a, b] += dt * P[a + 3, b]
    for a in range(6):
        for b in range(3):
            P[a, b] += dt * P[a, b + 3]
    for a in range(3):
        q = q_vertical if a == 2 else q_horizontal
        P[a, a] += q * dt * dt * dt / 3.0
        P[a, a + 3] += 0.5 * q * dt * dt
        P[a + 3, a] += 0.5 * q * dt * dt
        P[a + 3, a + 3] += q * dt


@njit
def transitions(G, dt, Pi, work):
    """``transition_matrix`` of every behaviour: G, Pi float64[C, M, M]. Twin: that function's."""
    for c in range(G.shape[0]):
        transition_matrix(G[c], dt, Pi[c], work)


@njit
def mix_joint(x, P, mu, share, Pi, share_birth, forget, work):
    r"""IMM mixing with a joint chain of behaviour and mode, one track, in place. P float64[M, 21] is packed.

    The joint probability is μ(c, m) = μ(m) κ(c | m), ``share`` κ float64[M, C]. Moments are shared over behaviours,
    so what mixes them is one matrix, and likelihoods, which depend on the mode alone, leave κ as it is::

        Π̄_mm'    = Σ_c κ(c|m) Π^c_mm'          μ̄_m' = Σ_m Π̄_mm' μ_m          w_m|m' = Π̄_mm' μ_m / μ̄_m'
        κ'(c|m') ∝ Σ_m Π^c_mm' κ(c|m) μ(m)
        κ'       ← (1 − ε) κ' + ε κ_birth        ε = ``forget``: an object may turn out otherwise than it was

    Second moments are taken about the first mode's mean, e: P⁰_m' = Σ_m w [P_m + (x_m − e)(x_m − e)ᵀ] − ee'ᵀ with
    e' = Σ_m w (x_m − e), so that each mode's outer product is formed once and not once for every m'.

    Pi float64[C, M, M]; ``work`` is ``mixing_scratch``. Source: docs/science, section 1.3.
    """
    n_mode, n_class = share.shape
    moments, away, Pi_mean, joint, mu_new, e = work
    for m in range(n_mode):
        for a in range(6):
            away[m, a] = x[m, a] - x[0, a]
        k = 0
        for a in range(6):
            for b in range(a + 1):
                moments[m, k] = P[m, k] + away[m, a] * away[m, b]
                k += 1
    for k in range(n_mode):
        mu_new[k] = 0.0
        for c in range(n_class):
            joint[k, c] = 0.0
    for m in range(n_mode):
        for k in range(n_mode):
            s = 0.0
            for c in range(n_class):
                flow = share[m, c] * Pi[c, m, k]
                s += flow
                joint[k, c] += flow * mu[m]
            Pi_mean[m, k] = s * mu[m]
            mu_new[k] += Pi_mean[m, k]
    for a in range(6):
        e[1, a] = x[0, a]
    for k in range(n_mode):
        total = mu_new[k]
        mu[k] = total
        if total <= 1e-300:
            continue
        for a in range(6):
            e[0, a] = 0.0
        for at in range(N_PACKED):
            P[k, at] = 0.0
        for m in range(n_mode):
            w = Pi_mean[m, k] / total
            for a in range(6):
                e[0, a] += w * away[m, a]
            for at in range(N_PACKED):
                P[k, at] += w * moments[m, at]
        at = 0
        for a in range(6):
            x[k, a] = e[1, a] + e[0, a]
            for b in range(a + 1):
                P[k, at] -= e[0, a] * e[0, b]
                at += 1
        for c in range(n_class):
            share[k, c] = (1.0 - forget) * joint[k, c] / total + forget * share_birth[k, c]


@njit
def mixing_scratch(n_mode, n_class):
    """Work arrays of ``mix_joint``. No sums in it, so no twin."""
    return (
        np.empty((n_mode, N_PACKED)), np.empty((n_mode, 6)), np.empty((n_mode, n_mode)), np.empty((n_mode, n_class)),
        np.empty(n_mode), np.empty((2, 6)),
    )  # fmt: skip


N_STEP = 21
"""Numbers that describe one mode's motion over an interval; see ``predict_step``."""


@njit
def axis_step(damping, q, dt, out):
    r"""One axis of velocity that returns to its own (Ornstein–Uhlenbeck) under white acceleration, over ``dt`` ≥ 0 s.

    With u the own velocity and E = e^{−βΔ}::

        p' = p + a v + (Δ − a) u     v' = E v + (1 − E) u     a = (1 − E)/β
        Q_vv = q (1 − E²)/(2β)       Q_pv = q a²/2            Q_pp = (q (Δ − 2a) + Q_vv)/β²

    which are integrals of the responses e^{−βs} and (1 − e^{−βs})/β; β → 0 is constant velocity. docs/science, section
    1.3, mode H, has the same with q = 2βσ². ``out`` float64[5]: a, E, Q_pp, Q_pv, Q_vv. Twin,
    with ``move``: ``advance``.
    """
    fall = damping * dt
    if fall < 1e-3:  # the closed form loses digits; what these leave out is below 1e-8 of each
        out[0] = dt * (1.0 - fall / 2.0 + fall * fall / 6.0)
        out[1] = math.exp(-fall)
        out[2] = q * dt * dt * dt * (1.0 / 3.0 - fall / 4.0 + 7.0 * fall * fall / 60.0)
        out[4] = q * dt * (1.0 - fall + 2.0 * fall * fall / 3.0)
    else:
        out[0], out[1] = -math.expm1(-fall) / damping, math.exp(-fall)
        out[4] = -0.5 * q * math.expm1(-2.0 * fall) / damping
        out[2] = (q * (dt - 2.0 * out[0]) + out[4]) / (damping * damping)
    out[3] = 0.5 * q * out[0] * out[0]


@njit
def mode_steps(motion, dt, steps):
    """``predict_step``'s numbers of every mode over ``dt`` ≥ 0 s: motion float64[M, 9] -> ``steps`` float64[M, N_STEP].

    Twin, with ``move``: ``advance``.
    """
    out = np.empty(5)
    for m in range(motion.shape[0]):
        horizontal_step(motion[m], motion[m, DAMPING_H], dt, out, steps[m])
        axis_step(motion[m, DAMPING_V], motion[m, Q_V], dt, out)
        _set_axis(2, motion[m, TO_UP], dt, out, steps[m])


@njit
def horizontal_step(motion, damping, dt, out, step):
    """The horizontal axes of one mode's step, at this ``damping``. ``out`` float64[5] is scratch.

    Twin, with ``move``: ``advance``.
    """
    axis_step(damping, motion[Q_H], dt, out)
    _set_axis(0, motion[TO_EAST], dt, out, step)
    _set_axis(1, motion[TO_NORTH], dt, out, step)


@njit
def _set_axis(a, own, dt, out, step):
    # one axis of a step; no sums in it, so no twin
    step[a], step[3 + a] = out[0], out[1]
    step[6 + a], step[9 + a] = own * (dt - out[0]), own * (1.0 - out[1])
    for k in range(3):
        step[12 + 3 * k + a] = out[2 + k]


@njit
def predict_step(x, P, step):
    r"""One mode through one interval, in place; x float64[6], P float64[21] packed, per axis::

        p' = p + a v + f      v' = b v + g      Q = [[q_pp, q_pv], [q_pv, q_vv]]

    ``step`` float64[N_STEP]: a, b, f, g, q_pp, q_pv, q_vv, three of each. Twin: the matrices.
    """
    for r in range(3):
        ar = step[r]
        for c in range(r + 1):
            vv = P[(r + 3) * (r + 4) // 2 + c + 3]
            P[r * (r + 1) // 2 + c] += ar * P[(r + 3) * (r + 4) // 2 + c] + step[c] * (
                P[(c + 3) * (c + 4) // 2 + r] + ar * vv
            )
    for r in range(3):
        br = step[3 + r]
        for c in range(3):
            hi, lo = max(r, c) + 3, min(r, c) + 3
            at = (r + 3) * (r + 4) // 2 + c
            P[at] = br * (P[at] + step[c] * P[hi * (hi + 1) // 2 + lo])
    for r in range(3):
        for c in range(r + 1):
            P[(r + 3) * (r + 4) // 2 + c + 3] *= step[3 + r] * step[3 + c]
    for a in range(3):
        x[a] += step[a] * x[a + 3] + step[6 + a]
        x[a + 3] = step[3 + a] * x[a + 3] + step[9 + a]
        P[a * (a + 1) // 2 + a] += step[12 + a]
        P[(a + 3) * (a + 4) // 2 + a] += step[15 + a]
        P[(a + 3) * (a + 4) // 2 + a + 3] += step[18 + a]


@njit
def move(x, P, dt, motion, step, out, W):
    r"""Move one Gaussian (x float64[6], P float64[21] packed, in place) through ``dt`` s of one mode's motion.

    ``motion`` float64[9] is the mode's row and ``step`` float64[N_STEP] its own of ``mode_steps``. With BRAKE b the
    damping is at most b/|v − u|, so that nothing fast stops at once. With LATERAL ≠ 0 the horizontal velocity turns at
    ω = LATERAL/max(|v|, SLOWEST_TURN_MPS). Both are taken at the prior mean and held::

        p' = p + 1/ω [sin ωΔ, cos ωΔ − 1; 1 − cos ωΔ, sin ωΔ] v     v' = [cos ωΔ, −sin ωΔ; sin ωΔ, cos ωΔ] v

    A turn's Q is that of straight flight: white noise has no direction. ``out`` float64[5] and ``W`` float64[6, 6] are
    scratch; of a mode with BRAKE ``step`` is, too. docs/decisions/0044. Twin: ``advance``.
    """
    if motion[LATERAL] == 0.0:
        if motion[BRAKE] > 0.0:
            away = math.hypot(x[3] - motion[TO_EAST], x[4] - motion[TO_NORTH])
            horizontal_step(motion, min(motion[DAMPING_H], motion[BRAKE] / max(away, 1e-3)), dt, out, step)
        predict_step(x, P, step)
        return
    rate = motion[LATERAL] / max(math.hypot(x[3], x[4]), SLOWEST_TURN_MPS)
    vv, vw = math.cos(rate * dt), -math.sin(rate * dt)  # v' = [vv, vw; −vw, vv] v
    pv, pw = -vw / rate, (vv - 1.0) / rate  # p' = p + [pv, pw; −pw, pv] v
    up, vu = step[2], step[5]
    east, north = x[3], x[4]
    x[0] += pv * east + pw * north
    x[1] += pv * north - pw * east
    x[2] += up * x[5]
    x[3], x[4], x[5] = vv * east + vw * north, vv * north - vw * east, vu * x[5]
    unpack(P, W)
    # rows first, then columns: F P Fᵀ
    for b in range(6):
        east, north = W[3, b], W[4, b]
        W[0, b] += pv * east + pw * north
        W[1, b] += pv * north - pw * east
        W[2, b] += up * W[5, b]
        W[3, b], W[4, b], W[5, b] = vv * east + vw * north, vv * north - vw * east, vu * W[5, b]
    for a in range(6):
        east, north = W[a, 3], W[a, 4]
        W[a, 0] += pv * east + pw * north
        W[a, 1] += pv * north - pw * east
        W[a, 2] += up * W[a, 5]
        W[a, 3], W[a, 4], W[a, 5] = vv * east + vw * north, vv * north - vw * east, vu * W[a, 5]
    for a in range(3):
        W[a, a] += step[12 + a]
        W[a + 3, a] += step[15 + a]
        W[a + 3, a + 3] += step[18 + a]
    pack(W, P)


@njit
def predict_tracks(rows, t_to_ns, t_ns, x, P, mu, share, xm, Pm, G, motion, share_birth, forget_rate):
    """Predict the tracks ``rows`` (int64[K]) to their times ``t_to_ns`` (int64[K]), in place.

    A track already at or past its time is left alone (the caller observes it at a negative offset instead: no
    covariance ever shrinks by going backwards). ``motion`` float64[M, 9]: each mode's row. P float64[T, M, 21] is
    packed. G float64[C, M, M], ``share`` float64[T, M, C] and ``share_birth`` float64[M, C] as in ``mix_joint``;
    ``forget_rate`` 1/s.
    """
    n_mode, n_class = mu.shape[1], G.shape[0]
    Pi, work = np.empty((KEPT, n_class, n_mode, n_mode)), np.empty((2, n_mode, n_mode))
    mixing, steps = mixing_scratch(n_mode, n_class), np.empty((KEPT, n_mode, N_STEP))
    out, W = np.empty(5), np.empty((6, 6))
    dt_ns, kept, at = np.empty(KEPT, np.int64), 0, 0  # tracks of one look have few different intervals
    for k in range(rows.shape[0]):
        i = rows[k]
        wait_ns = t_to_ns[k] - t_ns[i]
        if wait_ns <= 0:
            continue
        dt = wait_ns * 1e-9
        at = 0
        while at < min(kept, KEPT) and dt_ns[at] != wait_ns:
            at += 1
        if at == min(kept, KEPT):
            at = kept % KEPT
            kept += 1
            dt_ns[at] = wait_ns
            transitions(G, dt, Pi[at], work)
            mode_steps(motion, dt, steps[at])
        forget = 1.0 - math.exp(-forget_rate * dt)
        mix_joint(x[i], P[i], mu[i], share[i], Pi[at], share_birth, forget, mixing)
        for m in range(n_mode):
            move(x[i, m], P[i, m], dt, motion[m], steps[at, m], out, W)
        merge_packed(x[i], P[i], mu[i], xm[i], Pm[i])
        t_ns[i] = t_to_ns[k]


@njit
def predict_touched(edge_track, edge_row, t_row_ns, t_ns, x, P, mu, share, xm, Pm, G, motion, share_birth, forget_rate):
    """Predict every track that has edges (int64[E], in order of track) to the newest of their rows, in place.

    Twin: ``predict_tracks`` with those times; the other arguments are its.
    """
    rows, t_to_ns, n = np.empty_like(edge_track), np.empty_like(edge_track), 0
    for e in range(edge_track.shape[0]):
        t = t_row_ns[edge_row[e]]
        if e and edge_track[e] == edge_track[e - 1]:
            t_to_ns[n - 1] = max(t_to_ns[n - 1], t)
        else:
            rows[n], t_to_ns[n] = edge_track[e], t
            n += 1
    predict_tracks(rows[:n], t_to_ns[:n], t_ns, x, P, mu, share, xm, Pm, G, motion, share_birth, forget_rate)
