"""Objects known by bearings alone: mixtures of Gaussians along a ray, and what further bearings make of them."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.existence import inside
from lowsky.kernels.linalg import OK, cholesky
from lowsky.kernels.motion import predict_cv
from lowsky.kernels.observe import BEARING, REFRACTION, STATION, observe, wrap
from lowsky.kernels.update import LOG_2PI, scratch, tail

ROUNDS = 5
"""Derivatives are taken anew at the crossing found so often at most: a shell is hundreds of metres long."""
FOUND_M = 0.05
"""A crossing that moved less than this along each axis is found: one more round, and the rest would be the same."""
REACH = 4.0
"""σ of a Gaussian's place beyond which it made no bearing."""
NARROW = 0.1
"""A Gaussian whose spread is below this share of its distance from the sensor is straight enough to be judged first."""
FAR2 = 50.0  # χ² beyond which such a one cannot have made a bearing, outliers included
ASTRAY_RAD = 0.3  # a crossing that still misses its bearing by more was not found
SAME2 = 2.0  # Gaussians nearer than this (χ² of 3) become one
LEAST_SHARE = 1e-4


@njit
def shells(z, var, origin, C, reach, ratio, width, height_prior, var_velocity, x, P, w):
    r"""Gaussians along the ray of one bearing, each about ``ratio`` times as far as the last; returns how many.

    Shell k is centred at R_k = low · ratio^(k + ½) with σ = ``width`` · R_k. With elevation the weight is the volume
    of the shell, ∝ R³; with azimuth alone, and heights as in ``height_prior`` (float64[3]: m above the sensor, its σ,
    and σ per metre), it is its area, ∝ R².

    Parameters
    ----------
    z, var : float64[6]
        The row, BEARING.
    reach : float64[2]
        From, to: m, as far as the sensor hears.
    var_velocity : float64[2]
        Horizontal, vertical, m²/s².
    x, P, w : float64[K, 6], float64[K, 6, 6], float64[K], outputs
        w sums to 1.

    Source
    ------
    docs/science, section 1.6.
    """
    has_elevation = math.isfinite(z[1])
    n = math.ceil(math.log(max(reach[1] / reach[0], 1.0001)) / math.log(ratio) - 1e-9)
    n = min(max(n, 1), w.shape[0])
    sin_az, cos_az = math.sin(z[0]), math.cos(z[0])
    total = 0.0
    for k in range(n):
        far = reach[0] * ratio ** (k + 0.5)
        if has_elevation:
            elevation = z[1] - REFRACTION * far
            rho, up = far * math.cos(elevation), far * math.sin(elevation)
            var_up = (rho * rho) * var[1]
            w[k] = far**3
        else:
            rho, up = far, height_prior[0]
            var_up = height_prior[1] ** 2 + (height_prior[2] * far) ** 2
            w[k] = far**2
        total += w[k]
        local = (rho * sin_az, rho * cos_az, up)
        slope = up / rho if has_elevation else 0.0
        # three directions: along the ray, across it, and up
        s = ((width * far) ** 2, rho * rho * var[0], var_up)
        A = ((sin_az, cos_az, slope), (cos_az, -sin_az, 0.0), (0.0, 0.0, 1.0))
        for a in range(6):
            x[k, a] = 0.0
            for b in range(6):
                P[k, a, b] = 0.0
        for a in range(3):
            x[k, a] = origin[a]
            for b in range(3):
                x[k, a] += C[b, a] * local[b]
            P[k, a + 3, a + 3] = var_velocity[0] if a < 2 else var_velocity[1]
        for m in range(3):
            for a in range(3):
                left = C[0, a] * A[m][0] + C[1, a] * A[m][1] + C[2, a] * A[m][2]
                for b in range(3):
                    P[k, a, b] += left * s[m] * (C[0, b] * A[m][0] + C[1, b] * A[m][1] + C[2, b] * A[m][2])
        for a in range(3):
            for b in range(a):
                P[k, b, a] = P[k, a, b]
            P[k, a, a] += 1.0
    for k in range(n):
        w[k] /= total
    return n


@njit
def cross(x, P, z, var, dt, origin, C, x1, P1, work):
    r"""Condition one Gaussian on one bearing with derivatives taken where the two meet; returns ln L.

    Iterated extended Kalman filter: h is linearised at x̂, which starts at the mean and becomes the posterior mean,
    until it stays (``FOUND_M``), at most ``ROUNDS`` times::

        ν = z − h(x̂) − H (x − x̂)      S = H P Hᵀ + R      x̂ ← x + P Hᵀ ν/S

    Heavy tails as in ``kernels.update.condition``, in the last round. −inf where no crossing is found. x1, P1 are
    outputs; x float64[6] and P float64[6, 6] stay.
    """
    z_pred, H, extra, d, u, g, Ph, _ = work
    x_at = np.empty(6)
    for a in range(6):
        x_at[a] = x[a]
    has_tail = origin.shape[0] == STATION and origin[6] > 0.0
    log_likelihood, turn, is_last = 0.0, 0, False
    while True:
        observe(BEARING, x_at, P, dt, origin, C, 0.0, z_pred, H, extra, d, u, g)
        if turn == 0 and _is_out(P, z, var[0] + extra[0], z_pred, H, d):
            return -math.inf
        for a in range(6):
            x1[a] = 0.0
            for b in range(6):
                P1[a, b] = P[a, b]
        log_likelihood = 0.0
        for k in range(3):
            if not math.isfinite(z[k]):
                continue
            nu = z[k] - z_pred[k]
            if k < 2:
                nu = wrap(nu)
            S = var[k] + extra[k]
            for a in range(6):
                s = 0.0
                for b in range(6):
                    s += P1[a, b] * H[k, b]
                Ph[a] = s
                S += H[k, a] * s
                nu -= H[k, a] * (x[a] - x_at[a] + x1[a])
            gain, cut, log_l = nu / S, 1.0 / S, -0.5 * (nu * nu / S + math.log(S) + LOG_2PI)
            if k < 2 and has_tail and is_last:
                factor, g_mean, g_cut = tail(nu * nu / S, 1.0 + (origin[7] * origin[7] - 1.0) * var[k] / S, origin[6])
                gain, cut, log_l = g_mean * gain, g_cut * cut, math.log(factor) - 0.5 * (math.log(S) + LOG_2PI)
            for a in range(6):
                x1[a] += Ph[a] * gain
                for b in range(a + 1):
                    P1[a, b] -= Ph[a] * Ph[b] * cut
                    P1[b, a] = P1[a, b]
            log_likelihood += log_l
        step = 0.0
        for a in range(6):
            x1[a] += x[a]
            if a < 3:
                step = max(step, abs(x1[a] - x_at[a]))
            x_at[a] = x1[a]
        if is_last:
            break
        turn += 1
        is_last = turn == ROUNDS - 1 or step < FOUND_M
    observe(BEARING, x1, P1, dt, origin, C, 0.0, z_pred, H, extra, d, u, g)
    spread = (var[0] + extra[0]) * (origin[7] * origin[7] if has_tail else 1.0)
    if not abs(wrap(z[0] - z_pred[0])) < ASTRAY_RAD + 3.0 * math.sqrt(spread):
        return -math.inf
    return log_likelihood if math.isfinite(log_likelihood) else -math.inf


@njit
def azimuths(x, P, origin, C):
    r"""Middle and half of the arc, rad, that a Gaussian takes up as a sensor sees it, out to ``REACH`` σ.

    With s_r and s_t its standard deviations along the level line of sight and across it, at a distance ρ, all of it
    lies within REACH s_t/(ρ − REACH s_r) of its mean. Where it may reach the sensor the arc is everything. What a
    microphone hears lies back by up to ρ/c times its velocity, whose spread counts, too. Twin: draws from the Gaussian.
    """
    d0, d1, back = 0.0, 0.0, 0.0
    e, m = x[0] - origin[0], x[1] - origin[1]
    u = x[2] - origin[2]
    if origin.shape[0] == STATION and origin[3] > 0.0:
        back = math.sqrt(e * e + m * m + u * u) / origin[3]
    e, m, u = e - back * x[3], m - back * x[4], u - back * x[5]
    d0 = C[0, 0] * e + C[0, 1] * m + C[0, 2] * u
    d1 = C[1, 0] * e + C[1, 1] * m + C[1, 2] * u
    rho = max(math.sqrt(d0 * d0 + d1 * d1), 1.0)
    along, across = 0.0, 0.0
    for a in range(3):
        r_a = (d0 * C[0, a] + d1 * C[1, a]) / rho
        t_a = (d1 * C[0, a] - d0 * C[1, a]) / rho
        for b in range(3):
            r_b = (d0 * C[0, b] + d1 * C[1, b]) / rho
            t_b = (d1 * C[0, b] - d0 * C[1, b]) / rho
            S = P[a, b] - back * (P[a, b + 3] + P[a + 3, b]) + back * back * P[a + 3, b + 3]
            along += r_a * S * r_b
            across += t_a * S * t_b
    near = rho - REACH * math.sqrt(max(along, 0.0))
    reach = REACH * math.sqrt(max(across, 0.0))
    half = math.atan2(reach, near) if near > 0.0 else math.pi
    return math.atan2(d0, d1), half


@njit
def ray_places(n_ray, parts, w, x, P, heard, origins, one_weight, one_share, narrow_share, mean, cov, is_place):
    r"""Mean and covariance of each of the first ``n_ray`` rays, and whether it has become a place.

    It has when two sensors heard it (bits of ``heard`` int64[M], places ``origins`` float64[S, 3]) and σ, the longer of
    its level axes, is below ``narrow_share`` of its distance from the nearest of them; or below ``one_share`` of it,
    with ``one_weight`` in one Gaussian. mean float64[M, 6], cov float64[M, 6, 6], is_place bool[M] are outputs, the
    first two only where two sensors heard it.
    """
    for i in range(n_ray):
        is_place[i] = False
        many = 0
        for s in range(origins.shape[0]):
            many += (heard[i] >> s) & 1
        if many < 2:
            continue
        heaviest = 0.0
        for a in range(6):
            mean[i, a] = 0.0
            for k in range(parts[i]):
                mean[i, a] += w[i, k] * x[i, k, a]
        for k in range(parts[i]):
            heaviest = max(heaviest, w[i, k])
        for a in range(6):
            for b in range(a + 1):
                s = 0.0
                for k in range(parts[i]):
                    s += w[i, k] * (P[i, k, a, b] + (x[i, k, a] - mean[i, a]) * (x[i, k, b] - mean[i, b]))
                cov[i, a, b] = s
                cov[i, b, a] = s
        far2 = math.inf
        for s in range(origins.shape[0]):
            if (heard[i] >> s) & 1:
                d2 = 0.0
                for a in range(3):
                    d2 += (mean[i, a] - origins[s, a]) ** 2
                far2 = min(far2, d2)
        half_sum, half_diff = 0.5 * (cov[i, 0, 0] + cov[i, 1, 1]), 0.5 * (cov[i, 0, 0] - cov[i, 1, 1])
        longest2 = half_sum + math.sqrt(half_diff * half_diff + cov[i, 0, 1] * cov[i, 0, 1])
        is_one = heaviest > one_weight and longest2 < one_share * one_share * far2
        is_place[i] = is_one or longest2 < narrow_share * narrow_share * far2


@njit
def _is_out(P, z, var_azimuth, z_pred, H, d):
    """Is a narrow Gaussian so far from the bearing that not even an outlier joins them?"""
    near2 = (NARROW * NARROW) * (d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    if P[0, 0] + P[1, 1] + P[2, 2] > near2:
        return False
    nu = wrap(z[0] - z_pred[0])
    S = var_azimuth
    for a in range(6):
        for b in range(6):
            S += H[0, a] * P[a, b] * H[0, b]
    return nu * nu > FAR2 * S


@njit
def predict_rays(n_ray, t_to_ns, t_ns, x, P, n, r, on, q, survival_rate, rates):
    r"""Move the rays [0, n_ray) to one time, in place: constant velocity, survival, and whether they still emit.

    ``on`` float64[M] is the probability that an object that is there emits: a chain with ``rates`` float64[2]
    (falling silent, speaking up; 1/s), on ← s + (on − s) exp(−(λ₀ + λ₁) Δ), s = λ₁/(λ₀ + λ₁). q float64[2].
    """
    for i in range(n_ray):
        dt = (t_to_ns - t_ns[i]) * 1e-9
        if dt <= 0.0:
            continue
        for k in range(n[i]):
            predict_cv(x[i, k], P[i, k], dt, q[0], q[1])
        r[i] *= math.exp(-survival_rate * dt)
        on[i] = stays_on(on[i], dt, rates)
        t_ns[i] = t_to_ns


@lean
def stays_on(on, dt, rates):
    """Probability that it emits ``dt`` s later; see ``predict_rays``, whose twin it shares."""
    rest = rates[1] / (rates[0] + rates[1])
    return rest + (on - rest) * math.exp(-(rates[0] + rates[1]) * dt)


@njit
def weigh_rays(n_ray, t_ns, x, P, w, n, z, var, t_row_ns, origin, C, p_detect, limits, p_comp, log_l):
    r"""How each Gaussian of each ray would have made each bearing, N rows.

    ``p_comp`` float64[M, K], output: P_D times the chance to be where the sensor hears (``limits`` as in
    ``kernels.existence.inside``). ``log_l`` float64[M, K, N], output: ln L of ``cross``, −inf where it cannot be, or
    where the bearing misses all of the Gaussian (``azimuths``).

    Calls ``cross`` and ``inside``, which have the twins.
    """
    work, x1, P1 = scratch(), np.empty(6), np.empty((6, 6))
    middle, half = 0.0, 0.0
    is_unsure = origin.shape[0] == STATION and origin[8] > 0.0  # where it stands: near objects may be anywhere
    for i in range(n_ray):
        for k in range(n[i]):
            p_comp[i, k] = p_detect * inside(x[i, k], P[i, k], 0.0, origin, C, limits)
            if w[i, k] > 1e-9 and p_comp[i, k] > 1e-6 and z.shape[0] > 0:
                middle, half = azimuths(x[i, k], P[i, k], origin, C)
            else:
                half = -math.inf
            for j in range(z.shape[0]):
                log_l[i, k, j] = -math.inf
                if (half > 0.0 and is_unsure) or abs(wrap(z[j, 0] - middle)) < half + math.sqrt(FAR2 * var[j, 0]):
                    dt = (t_row_ns[j] - t_ns[i]) * 1e-9
                    log_l[i, k, j] = cross(x[i, k], P[i, k], z[j], var[j], dt, origin, C, x1, P1, work)


@njit
def update_ray(x, P, w, n, p_miss_comp, p_row_comp, z, var, t_row_ns, t_ns, origin, C):
    r"""One ray after association, in place; returns its number of Gaussians.

    Gaussian k that was not heard keeps its moments with weight ``p_miss_comp`` float64[K]; that of bearing j has
    weight ``p_row_comp`` float64[K, N]. The heaviest stay, each taking in those nearer than χ² ``SAME2`` of its
    position. x float64[K, 6], P float64[K, 6, 6], w float64[K].
    """
    most, n_row = w.shape[0], z.shape[0]
    total = 0.0
    for k in range(n):
        total += p_miss_comp[k]
        for j in range(n_row):
            total += p_row_comp[k, j]
    room = n * (n_row + 1)
    xs, Ps, ws, work = np.empty((room, 6)), np.empty((room, 6, 6)), np.empty(room), scratch()
    many = 0
    for k in range(n):
        if p_miss_comp[k] > LEAST_SHARE * total:
            xs[many], Ps[many], ws[many] = x[k], P[k], p_miss_comp[k]
            many += 1
        for j in range(n_row):
            if p_row_comp[k, j] > LEAST_SHARE * total:
                dt = (t_row_ns[j] - t_ns) * 1e-9
                cross(x[k], P[k], z[j], var[j], dt, origin, C, xs[many], Ps[many], work)
                ws[many] = p_row_comp[k, j]
                many += 1
    return reduce_mixture(xs[:many], Ps[:many], ws[:many], x, P, w, most)


@njit
def reduce_mixture(xs, Ps, ws, x, P, w, most):
    """At most ``most`` Gaussians from more, heaviest first, near ones merged (mean and covariance kept); weights sum
    to 1. xs float64[S, 6] …: used up. Returns how many are in x float64[K, 6], P, w (outputs)."""
    n, left, kept, L = 0, ws.shape[0], 0.0, np.zeros((3, 3))
    v = np.zeros(3)
    while n < most and left > 0:
        top = 0
        for s in range(ws.shape[0]):
            if ws[s] > ws[top]:
                top = s
        if ws[top] <= 0.0:
            break
        mean, cov, weight = xs[top].copy(), Ps[top].copy(), 0.0
        if cholesky(cov[:3, :3], L) != OK:
            ws[top] = 0.0
            continue
        x[n] = 0.0
        P[n] = 0.0
        for s in range(ws.shape[0]):
            if ws[s] <= 0.0:
                continue
            d2 = 0.0
            for a in range(3):
                v[a] = xs[s, a] - mean[a]
                for b in range(a):
                    v[a] -= L[a, b] * v[b]
                v[a] /= L[a, a]
                d2 += v[a] * v[a]
            if d2 < SAME2:
                for a in range(6):
                    da = xs[s, a] - mean[a]
                    x[n, a] += ws[s] * da
                    for b in range(6):
                        P[n, a, b] += ws[s] * (Ps[s, a, b] + da * (xs[s, b] - mean[b]))
                weight += ws[s]
                ws[s] = 0.0
                left -= 1
        for a in range(6):
            x[n, a] /= weight
        for a in range(6):
            for b in range(6):
                P[n, a, b] = P[n, a, b] / weight - x[n, a] * x[n, b]
        for a in range(6):
            x[n, a] += mean[a]
            for b in range(a):
                P[n, a, b] = 0.5 * (P[n, a, b] + P[n, b, a])
                P[n, b, a] = P[n, a, b]
        w[n] = weight
        kept += weight
        n += 1
    for k in range(n):
        w[k] /= kept
    return n


@njit
def heard_odds(rows, t_look_ns, t_ns, xm, Pm, emits, p_detect, origin, C, limits, is_look, p_seen, p_missed):
    r"""Chance of tracks ``rows`` (int64[K]), whose existence rests on bearings, to be heard in one look, in place.

    p_seen = P(emits) · P_D · P(where it hears); a look that did not hear one counts 1 − p_seen, rows that are no
    look count nothing. Other arrays are columns of the table. One call of ``inside`` each, which has the twin.
    """
    for i in rows:
        dt = (t_look_ns - t_ns[i]) * 1e-9
        p_seen[i] = emits[i] * p_detect * inside(xm[i], Pm[i], dt, origin, C, limits)
        p_missed[i] = 1.0 - p_seen[i] if is_look else 1.0
