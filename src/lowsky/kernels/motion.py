"""Prediction: the mode chain, mixing, and the motion of each mode, exact for any interval.

A mode's motion is a row float64[9], made by ``lowsky.track.settings.MotionMode``: rates of return to a velocity of its
own ``DAMPING_H``, ``DAMPING_V`` (1/s; 0: velocity lasts), densities of white acceleration ``Q_H``, ``Q_V`` (m²/s³),
sideways acceleration of a level turn ``LATERAL`` (m/s², to the left), the greatest acceleration of the horizontal
return ``BRAKE`` (m/s²; 0: no bound) and that own velocity ``TO_EAST``, ``TO_NORTH``, ``TO_UP`` (m/s). H is horizontal,
V vertical.
"""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.lanes import (
    LANES,
    choose,
    exp,
    higher,
    load,
    load_first,
    lower,
    put,
    root,
    spread,
    turned,
)
from lowsky.kernels.sheet import COVARIANCE, MEAN, SHEET, give, merge, take

DAMPING_H, Q_H, DAMPING_V, Q_V, LATERAL, BRAKE, TO_EAST, TO_NORTH, TO_UP = range(9)
KEPT = 61
"""Intervals that are remembered while a look's tracks are predicted: most tracks share one of a few."""
SERIES_TO = 0.25
"""βΔ up to which a returning velocity's noise is worked out by series: above, the closed form has digits enough."""
SLOWEST_TURN_MPS = 3.0
"""A turn's rate is lateral acceleration over speed; below this speed the rate grows no further."""


@lean
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


@lean
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


@lean
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


@lean
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


N_SPAN = 8
(LAST_UP, RETURN_UP, PUSH_UP, PULL_UP, NOISE_UP_PP, NOISE_UP_PV, NOISE_UP_VV, FORGET) = range(N_SPAN)
"""Rows of what an interval is worked out for once; behind them each behaviour's transition matrix, row by row."""


@njit
def motion_rows(motion):
    """Modes' rows float64[M, 9] as nine rows of lanes. No sums in it, so no twin."""
    rows = np.zeros(9 * LANES)
    for m in range(motion.shape[0]):
        for k in range(9):
            rows[k * LANES + m] = motion[m, k]
    return rows


@lean
def axis(damping, q, dt):
    r"""One axis of velocity that returns to its own (Ornstein–Uhlenbeck) under white acceleration, over ``dt`` ≥ 0 s.

    With u the own velocity and E = e^{−βΔ}::

        p' = p + a v + (Δ − a) u     v' = E v + (1 − E) u     a = (1 − E)/β
        Q_vv = q (1 − E²)/(2β)       Q_pv = q a²/2            Q_pp = (q (Δ − 2a) + Q_vv)/β²

    which are integrals of the responses e^{−βs} and (1 − e^{−βs})/β; β → 0 is constant velocity. docs/science, section
    1.3, mode H, has the same with q = 2βσ². Where βΔ is so small that these lose digits, their series in it. Lanes in,
    lanes out: a, E, Q_pp, Q_pv, Q_vv. Twin, with ``move``: ``advance``.
    """
    z = damping * dt
    f = 1.0 - z * (1.0 / 6.0) * (1.0 - z * (1.0 / 7.0) * (1.0 - z * (1.0 / 8.0) * (1.0 - z * (1.0 / 9.0))))
    f = 1.0 - z * (1.0 / 2.0) * (1.0 - z * (1.0 / 3.0) * (1.0 - z * (1.0 / 4.0) * (1.0 - z * (1.0 / 5.0) * f)))
    # Σ (−z)ᵏ (2ᵏ⁺² − 2)/(k + 3)!
    square = z * z
    g = (z * (-8190.0 / 87178291200.0) + 4094.0 / 6227020800.0) * square + (
        z * (-2046.0 / 479001600.0) + 1022.0 / 39916800.0
    )
    g = g * square + (z * (-510.0 / 3628800.0) + 254.0 / 362880.0)
    g = g * square + (z * (-126.0 / 40320.0) + 62.0 / 5040.0)
    g = g * square + (z * (-30.0 / 720.0) + 14.0 / 120.0)
    g = g * square + (z * (-6.0 / 24.0) + 2.0 / 6.0)
    last = choose(z, SERIES_TO, exp(-z), 1.0 - z * f)
    a = choose(z, SERIES_TO, (1.0 - last) / damping, f * dt)
    vv = 0.5 * q * a * (1.0 + last)
    pp = choose(z, SERIES_TO, (q * (dt - 2.0 * a) + vv) / (damping * damping), q * g * (dt * dt * dt))
    return a, last, pp, 0.5 * q * a * a, vv


@lean
def prepare_span(G, rows, dt, forget_rate, span, Pi, work):
    """What all tracks that wait for ``dt`` s share, into ``span`` float64[(N_SPAN + C M) 8].

    ``rows`` of ``motion_rows``. Pi float64[M, M] and ``work`` float64[2, M, M] are scratch.
    Calls ``transition_matrix`` and ``axis``. Twin: theirs.
    """
    own = load(rows, TO_UP * LANES)
    a, last, pp, pv, vv = axis(load(rows, DAMPING_V * LANES), load(rows, Q_V * LANES), dt)
    put(span, RETURN_UP * LANES, a)
    put(span, LAST_UP * LANES, last)
    put(span, PUSH_UP * LANES, own * (dt - a))
    put(span, PULL_UP * LANES, own * (1.0 - last))
    put(span, NOISE_UP_PP * LANES, pp)
    put(span, NOISE_UP_PV * LANES, pv)
    put(span, NOISE_UP_VV * LANES, vv)
    span[FORGET * LANES] = 1.0 - math.exp(-forget_rate * dt)
    n_mode, at = G.shape[1], N_SPAN * LANES
    for c in range(G.shape[0]):
        transition_matrix(G[c], dt, Pi, work)
        for m in range(n_mode):
            put(span, at, load_first(Pi, m * n_mode, n_mode))
            at += LANES


@lean
def mix_joint(sheet, mu, share, span, share_birth, forget, work):
    r"""IMM mixing with a joint chain of behaviour and mode, of one track's ``sheet``, in place.

    The joint probability is μ(c, m) = μ(m) κ(c | m), ``share`` κ float64[M, C]. Moments are shared over behaviours,
    so what mixes them is one matrix, and likelihoods, which depend on the mode alone, leave κ as it is::

        Π̄_mm'    = Σ_c κ(c|m) Π^c_mm'          μ̄_m' = Σ_m Π̄_mm' μ_m          w_m|m' = Π̄_mm' μ_m / μ̄_m'
        κ'(c|m') ∝ Σ_m Π^c_mm' κ(c|m) μ(m)
        κ'       ← (1 − ε) κ' + ε κ_birth        ε = ``forget``: an object may turn out otherwise than it was

    Second moments are taken about the first mode's mean, e: P⁰_m' = Σ_m w [P_m + (x_m − e)(x_m − e)ᵀ] − ee'ᵀ with
    e' = Σ_m w (x_m − e), so that each mode's outer product is formed once and not once for every m'. A mode that
    cannot be reached keeps its own moments.

    ``span`` of ``prepare_span``; ``work`` float64[WORK] is scratch. Source: docs/science, section 1.3.
    """
    n_mode, n_class = share.shape
    new = spread(0.0)
    for c in range(n_class):
        put(work, JOINT + c * LANES, new)
    for m in range(n_mode):
        of_m = spread(0.0)
        for c in range(n_class):
            flow = load(span, (N_SPAN + c * n_mode + m) * LANES) * (share[m, c] * mu[m])
            put(work, JOINT + c * LANES, load(work, JOINT + c * LANES) + flow)
            of_m = of_m + flow
        put(work, FROM + m * LANES, of_m)
        new = new + of_m
    inverse = 1.0 / higher(new, 1e-300)
    for m in range(n_mode):
        put(work, FROM + m * LANES, load(work, FROM + m * LANES) * inverse)
    for m in range(n_mode, LANES):
        put(work, FROM + m * LANES, spread(0.0))
    k = 0
    for a in range(6):
        away = load(sheet, MEAN + a * LANES) - sheet[MEAN + a * LANES]
        put(work, AWAY + a * LANES, away)
        for b in range(a + 1):
            moment = load(sheet, COVARIANCE + k * LANES) + away * load(work, AWAY + b * LANES)
            put(work, MOMENT + k * LANES, moment)
            k += 1
    _blend(work, n_mode)
    k = 0
    for a in range(6):
        e, old = load(work, AWAY + a * LANES), load(sheet, MEAN + a * LANES)
        put(sheet, MEAN + a * LANES, choose(new, 1e-300, e + sheet[MEAN + a * LANES], old))
        for b in range(a + 1):
            mixed = load(work, MOMENT + k * LANES) - e * load(work, AWAY + b * LANES)
            old = load(sheet, COVARIANCE + k * LANES)
            put(sheet, COVARIANCE + k * LANES, choose(new, 1e-300, mixed, old))
            k += 1
    put(work, FROM, new)
    put(work, FROM + LANES, inverse)
    for m in range(n_mode):
        mu[m] = work[FROM + m]
        if mu[m] > 1e-300:
            for c in range(n_class):
                kept = work[JOINT + c * LANES + m] * work[FROM + LANES + m]
                share[m, c] = (1.0 - forget) * kept + forget * share_birth[m, c]


@lean
def _blend(work, n_mode):
    """First and second moments of each mode, in the shares of FROM, in place."""
    w0, w1, w2 = load(work, FROM), load(work, FROM + LANES), load(work, FROM + 2 * LANES)
    w3, w4, w5 = load(work, FROM + 3 * LANES), load(work, FROM + 4 * LANES), load(work, FROM + 5 * LANES)
    w6, w7 = load(work, FROM + 6 * LANES), load(work, FROM + 7 * LANES)
    for at in range(AWAY, AWAY + 27 * LANES, LANES):
        s = w0 * work[at] + w1 * work[at + 1] + w2 * work[at + 2] + (w3 * work[at + 3] + w4 * work[at + 4])
        if n_mode > 5:
            s = s + (w5 * work[at + 5] + w6 * work[at + 6] + w7 * work[at + 7])
        put(work, at, s)


FROM, AWAY, MOMENT, JOINT = 0, 8 * LANES, 14 * LANES, 35 * LANES
MOST_BEHAVIOURS = 8
WORK = JOINT + MOST_BEHAVIOURS * LANES


@lean
def move(sheet, dt, rows, span):
    r"""Move every mode of a sheet through ``dt`` s of its motion, in place.

    With BRAKE b the damping is at most b/|v − u|, so that nothing fast stops at once. With LATERAL ≠ 0 the horizontal
    velocity turns at ω = LATERAL/max(|v|, SLOWEST_TURN_MPS). Both are taken at the prior mean and held::

        p' = p + 1/ω [sin ωΔ, cos ωΔ − 1; 1 − cos ωΔ, sin ωΔ] v     v' = [cos ωΔ, −sin ωΔ; sin ωΔ, cos ωΔ] v

    A turn's Q is that of straight flight: white noise has no direction. With T and B what takes v to p' − p and to v',
    and Y = P_pv + T P_vv::

        P'_pp = P_pp + T P_vp + Y Tᵀ + Q_pp     P'_pv = Y Bᵀ + Q_pv     P'_vv = B P_vv Bᵀ + Q_vv

    ``rows`` of ``motion_rows``, ``span`` of ``prepare_span``. docs/decisions/0044. Twin: ``advance``.
    """
    east, north, up = load(sheet, MEAN + 3 * LANES), load(sheet, MEAN + 4 * LANES), load(sheet, MEAN + 5 * LANES)
    to_east, to_north = load(rows, TO_EAST * LANES), load(rows, TO_NORTH * LANES)
    damping, brake, lateral = load(rows, DAMPING_H * LANES), load(rows, BRAKE * LANES), load(rows, LATERAL * LANES)
    speed = root((east - to_east) * (east - to_east) + (north - to_north) * (north - to_north))
    damping = choose(brake, 0.0, lower(damping, brake / higher(speed, 1e-3)), damping)
    pv, vv, noise_pp, noise_pv, noise_vv = axis(damping, load(rows, Q_H * LANES), dt)
    push_east, push_north = to_east * (dt - pv), to_north * (dt - pv)
    pull_east, pull_north = to_east * (1.0 - vv), to_north * (1.0 - vv)
    rate = lateral / higher(root(east * east + north * north), SLOWEST_TURN_MPS)
    sine, less = turned(rate * dt)
    turns = lateral * lateral
    vv, vw = choose(turns, 0.0, 1.0 - less, vv), -sine  # v' = [vv, vw; −vw, vv] v
    pv, pw = choose(turns, 0.0, sine / rate, pv), choose(turns, 0.0, -less / rate, 0.0)  # p' = p + [pv, pw; −pw, pv] v
    pu, vu = load(span, RETURN_UP * LANES), load(span, LAST_UP * LANES)
    at = MEAN
    put(sheet, at, load(sheet, at) + pv * east + pw * north + push_east)
    put(sheet, at + LANES, load(sheet, at + LANES) + pv * north - pw * east + push_north)
    put(sheet, at + 2 * LANES, load(sheet, at + 2 * LANES) + pu * up + load(span, PUSH_UP * LANES))
    put(sheet, at + 3 * LANES, vv * east + vw * north + pull_east)
    put(sheet, at + 4 * LANES, vv * north - vw * east + pull_north)
    put(sheet, at + 5 * LANES, vu * up + load(span, PULL_UP * LANES))
    # P_vv, P_vp (row: velocity) and Y, all by axis: e, n, u
    at = COVARIANCE
    v_ee, v_ne, v_nn = load(sheet, at + 9 * LANES), load(sheet, at + 13 * LANES), load(sheet, at + 14 * LANES)
    v_ue, v_un, v_uu = load(sheet, at + 18 * LANES), load(sheet, at + 19 * LANES), load(sheet, at + 20 * LANES)
    c_ee, c_en, c_eu = load(sheet, at + 6 * LANES), load(sheet, at + 7 * LANES), load(sheet, at + 8 * LANES)
    c_ne, c_nn, c_nu = load(sheet, at + 10 * LANES), load(sheet, at + 11 * LANES), load(sheet, at + 12 * LANES)
    c_ue, c_un, c_uu = load(sheet, at + 15 * LANES), load(sheet, at + 16 * LANES), load(sheet, at + 17 * LANES)
    y_ee, y_en, y_eu = c_ee + pv * v_ee + pw * v_ne, c_ne + pv * v_ne + pw * v_nn, c_ue + pv * v_ue + pw * v_un
    y_ne, y_nn, y_nu = c_en + pv * v_ne - pw * v_ee, c_nn + pv * v_nn - pw * v_ne, c_un + pv * v_un - pw * v_ue
    y_ue, y_un, y_uu = c_eu + pu * v_ue, c_nu + pu * v_un, c_uu + pu * v_uu
    put(sheet, at, load(sheet, at) + (pv * c_ee + pw * c_ne) + (y_ee * pv + y_en * pw) + noise_pp)
    at += LANES
    put(sheet, at, load(sheet, at) + (pv * c_ne - pw * c_ee) + (y_ne * pv + y_nn * pw))
    at += LANES
    put(sheet, at, load(sheet, at) + (pv * c_nn - pw * c_en) + (y_nn * pv - y_ne * pw) + noise_pp)
    at += LANES
    put(sheet, at, load(sheet, at) + pu * c_ue + (y_ue * pv + y_un * pw))
    at += LANES
    put(sheet, at, load(sheet, at) + pu * c_un + (y_un * pv - y_ue * pw))
    at += LANES
    put(sheet, at, load(sheet, at) + pu * c_uu + y_uu * pu + load(span, NOISE_UP_PP * LANES))
    at = COVARIANCE + 6 * LANES
    put(sheet, at, y_ee * vv + y_en * vw + noise_pv)
    put(sheet, at + LANES, y_ne * vv + y_nn * vw)
    put(sheet, at + 2 * LANES, y_ue * vv + y_un * vw)
    put(sheet, at + 4 * LANES, y_en * vv - y_ee * vw)
    put(sheet, at + 5 * LANES, y_nn * vv - y_ne * vw + noise_pv)
    put(sheet, at + 6 * LANES, y_un * vv - y_ue * vw)
    put(sheet, at + 9 * LANES, y_eu * vu)
    put(sheet, at + 10 * LANES, y_nu * vu)
    put(sheet, at + 11 * LANES, y_uu * vu + load(span, NOISE_UP_PV * LANES))
    b_ee, b_en = vv * v_ee + vw * v_ne, vv * v_ne + vw * v_nn
    b_ne, b_nn = vv * v_ne - vw * v_ee, vv * v_nn - vw * v_ne
    put(sheet, at + 3 * LANES, b_ee * vv + b_en * vw + noise_vv)
    put(sheet, at + 7 * LANES, b_ne * vv + b_nn * vw)
    put(sheet, at + 8 * LANES, b_nn * vv - b_ne * vw + noise_vv)
    put(sheet, at + 12 * LANES, vu * (vv * v_ue + vw * v_un))
    put(sheet, at + 13 * LANES, vu * (vv * v_un - vw * v_ue))
    put(sheet, at + 14 * LANES, vu * v_uu * vu + load(span, NOISE_UP_VV * LANES))


@njit
def moving_scratch(G, motion):
    """Work of ``advance_sheet``: modes' rows, kept spans and the intervals (ns) they are for, a sheet, and scratch.

    No sums in it, so no twin.
    """
    n_class, n_mode = G.shape[0], G.shape[1]
    return (
        motion_rows(motion), np.empty((KEPT, (N_SPAN + n_class * n_mode) * LANES)), np.zeros(KEPT, np.int64),
        np.empty(WORK), np.empty((n_mode, n_mode)), np.empty((2, n_mode, n_mode)),
    )  # fmt: skip


@lean
def advance_sheet(sheet, wait_ns, mu, share, G, share_birth, forget_rate, scratch):
    """Mix and move one track's sheet through ``wait_ns`` > 0, in place, and mu float64[M], share float64[M, C] with it.

    ``scratch`` of ``moving_scratch``, which remembers what was worked out for the last intervals. Calls ``mix_joint``
    and ``move``. Twin: ``predict_tracks``.
    """
    rows, spans, waits_ns, work, Pi, work_pi = scratch
    dt = wait_ns * 1e-9
    at = wait_ns % KEPT
    if waits_ns[at] != wait_ns:
        prepare_span(G, rows, dt, forget_rate, spans[at], Pi, work_pi)
        waits_ns[at] = wait_ns
    mix_joint(sheet, mu, share, spans[at], share_birth, spans[at, FORGET * LANES], work)
    move(sheet, dt, rows, spans[at])


@njit
def predict_tracks(rows, t_to_ns, t_ns, x, P, mu, share, xm, Pm, G, motion, share_birth, forget_rate):
    """Predict the tracks ``rows`` (int64[K]) to their times ``t_to_ns`` (int64[K]), in place.

    A track already at or past its time is left alone (the caller observes it at a negative offset instead: no
    covariance ever shrinks by going backwards). ``motion`` float64[M, 9]: each mode's row. x float64[T, 6, M],
    P float64[T, 21, M] (``kernels.sheet``), mu float64[T, M]. G float64[C, M, M], ``share`` float64[T, M, C] and
    ``share_birth`` float64[M, C] as in ``mix_joint``; ``forget_rate`` 1/s.
    """
    _predict_all(
        rows, t_to_ns, t_ns, x, P, mu, share, xm, Pm, G, share_birth, forget_rate, np.zeros(SHEET),
        moving_scratch(G, motion),
    )  # fmt: skip


@lean
def _predict_all(rows, t_to_ns, t_ns, x, P, mu, share, xm, Pm, G, share_birth, forget_rate, sheet, scratch):
    for k in range(rows.shape[0]):
        i = rows[k]
        wait_ns = t_to_ns[k] - t_ns[i]
        if wait_ns <= 0:
            continue
        take(x, P, i, sheet)
        advance_sheet(sheet, wait_ns, mu[i], share[i], G, share_birth, forget_rate, scratch)
        give(sheet, x, P, i)
        merge(sheet, mu[i], xm[i], Pm[i])
        t_ns[i] = t_to_ns[k]
