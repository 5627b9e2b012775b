"""What objects say of themselves, followed by their own words alone, and what sensors that see make of it.

A claim is a place and a velocity that an object reports. Nothing that a sensor saw is in it, or it could not be checked
by what sensors see (docs/decisions/0150).
"""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.existence import inside
from lowsky.kernels.linalg import OK, cholesky
from lowsky.kernels.observe import BEARING, IS_ANGLE, RADAR, mind_ground, observe, wrap
from lowsky.kernels.registration import N_ERROR, error_row

MAIN, OTHER = 0, 1
"""Which of the two places of an identity a report fits: the one it is followed at, or another."""
SIDE_STEP, STEP_S, STEP_MPS2, LONGEST_S, ALTERNATE_S = range(5)
"""Of ``law`` of ``follow_claims``: see there."""
NEAR_SIGMA, NEAR_M = 8.0, 100.0
NO_HEIGHT = 1e6  # m²; a variance of height from which a claim has none
LEAST_SHARE = 1e-9
"""Of 2π times the density of velocities, (s/m)²: something may always be as fast as it is."""


@njit
def follow_claims(
    slot, t_row_ns, place, velocity, var_row, law, t_ns, x, var, n, other_t_ns, other_x, other_n, last, swaps,
    twin_ns, chain, moved,
):  # fmt: skip
    r"""Reports into the claims of their identities, in place, one by one in the order given.

    A report fits a place p with velocity v, Δ s ago, within ::

        law[0] + 4 √(σ² + σ₀²) + law[1] s + ½ law[2] Δ²          s the greater of the speeds stated

    One that does not fit is kept as the identity's *other* place. A second there without one at the first between them,
    and the two change roles: it moved. Where they alternate, four times within ``law[4]`` s of each other, there are
    two that use one name.

    Parameters
    ----------
    slot : int64[R]
        Claim of each row.
    place, velocity : float64[R, 3]
        In the site's frame, m and m/s; velocity NaN where the report has none.
    var_row : float64[R, 3]
        Of the place, level and up, and of the velocity.
    law : float64[5]
        Step m, time s, acceleration m/s², age s after which a claim begins anew, time s between turns of two.
    t_ns, x, var, n : int64[K], float64[K, 6], float64[K, 3], int64[K]
        Newest report of each claim and how many there were.
    other_t_ns, other_x, other_n, last, swaps, twin_ns : columns of the other place
        ``last`` is which of the two spoke last; ``twin_ns`` when both last did, 0: never.
    chain, moved : uint8[R], bool[R], outputs
    """
    for k in range(slot.shape[0]):
        s = slot[k]
        chain[k], moved[k] = MAIN, False
        dt = (t_row_ns[k] - t_ns[s]) * 1e-9
        if n[s] == 0 or dt > law[LONGEST_S]:
            _say(s, k, t_row_ns, place, velocity, var_row, t_ns, x, var, 0.0)
            n[s] = 1
            other_n[s], swaps[s], last[s] = 0, 0, MAIN
            continue
        if other_n[s] > 0 and (t_row_ns[k] - other_t_ns[s]) * 1e-9 > law[ALTERNATE_S]:
            other_n[s], swaps[s], last[s] = 0, 0, MAIN
        if _fits(x[s], dt, place[k], velocity[k], var[s, 0] + var_row[k, 0], law):
            if last[s] == OTHER:
                swaps[s] += 1
            last[s] = MAIN
            if dt > 0.0:
                _say(s, k, t_row_ns, place, velocity, var_row, t_ns, x, var, dt)
                n[s] += 1
        elif dt > -law[STEP_S] * 2.0:
            chain[k] = OTHER
            gone = (t_row_ns[k] - other_t_ns[s]) * 1e-9
            known = other_n[s] > 0 and gone >= 0.0
            if known and _fits(other_x[s], gone, place[k], velocity[k], var[s, 0] + var_row[k, 0], law):
                other_n[s] += 1
            else:
                other_n[s], swaps[s] = 1, 0
                for a in range(3):
                    other_x[s, a + 3] = x[s, a + 3]
            if last[s] == MAIN:
                swaps[s] += 1
            _move(other_x[s], place[k], velocity[k], gone if other_n[s] > 1 else 0.0)
            other_t_ns[s] = t_row_ns[k]
            if last[s] == OTHER and other_n[s] > 1 and twin_ns[s] == 0:
                moved[k], chain[k] = True, MAIN
                t_ns[s], other_t_ns[s] = other_t_ns[s], t_ns[s]
                for a in range(6):
                    x[s, a], other_x[s, a] = other_x[s, a], x[s, a]
                last[s] = MAIN
                n[s], other_n[s] = other_n[s], n[s]
            else:
                last[s] = OTHER
        if swaps[s] >= 4:
            twin_ns[s] = t_row_ns[k]


@lean
def _fits(x, dt, place, velocity, var, law):
    """Is a report where an object could be that was at ``x`` (float64[6]) dt s ago?"""
    far2, speed2, own2 = 0.0, 0.0, 0.0
    for a in range(2):
        far2 += (place[a] - x[a] - dt * x[a + 3]) ** 2
        speed2 += x[a + 3] ** 2
        if math.isfinite(velocity[a]):
            own2 += velocity[a] ** 2
    reach = law[SIDE_STEP] + 4.0 * math.sqrt(var) + 0.5 * law[STEP_MPS2] * dt * dt
    return math.sqrt(far2) <= reach + law[STEP_S] * math.sqrt(max(speed2, own2))


@lean
def _move(x, place, velocity, dt):
    """Put a claim where a report is, dt s after the last (0: there was none); by its way where it says no velocity."""
    for a in range(3):
        if math.isfinite(velocity[a]):
            x[a + 3] = velocity[a]
        elif dt > 0.2:
            x[a + 3] += 0.5 * ((place[a] - x[a]) / dt - x[a + 3])
        x[a] = place[a]


@lean
def _say(s, k, t_row_ns, place, velocity, var_row, t_ns, x, var, dt):
    if dt == 0.0:
        for a in range(3, 6):
            x[s, a] = 0.0
    _move(x[s], place[k], velocity[k], dt)
    t_ns[s] = t_row_ns[k]
    for a in range(3):
        var[s, a] = var_row[k, a]


@lean
def repeats(slot, t_row_ns, place, key, least, ring, ring_t_ns, ring_n, lag, run, run_m, repeat_ns, repeat_lag_ns):
    r"""Positions that an identity said before, word for word and in the same order, in place: a recording played again.

    GNSS never says the same for some ten positions in a row while it moves; a recording does. ``key`` int64[R] is a
    report's position to its last digit. ``ring`` int64[K, B] holds each identity's last B different keys, ``ring_t_ns``
    when it said them, ``ring_n`` how many it had. A run of ``least[0]`` keys at one lag along ``least[1]`` m, none of
    them within ``least[2]`` keys, sets ``repeat_ns`` to the report's time and ``repeat_lag_ns`` to how long before.
    """
    size = ring.shape[1]
    for k in range(slot.shape[0]):
        s = slot[k]
        had = ring_n[s]
        if had > 0 and ring[s, (had - 1) % size] == key[k]:
            continue
        again = lag[s] > 0 and had >= lag[s] and ring[s, (had - lag[s]) % size] == key[k]
        if again:
            run[s] += 1
        else:
            lag[s], run[s] = 0, 0
            for back in range(int(least[2]), min(had, size) + 1):
                if ring[s, (had - back) % size] == key[k]:
                    lag[s], run[s] = back, 1
                    run_m[s, 0], run_m[s, 1], run_m[s, 2] = 0.0, place[k, 0], place[k, 1]
                    break
        if run[s] > 1:
            run_m[s, 0] += math.sqrt((place[k, 0] - run_m[s, 1]) ** 2 + (place[k, 1] - run_m[s, 2]) ** 2)
            run_m[s, 1], run_m[s, 2] = place[k, 0], place[k, 1]
        if run[s] >= least[0] and run_m[s, 0] >= least[1]:
            repeat_ns[s] = t_row_ns[k]
            repeat_lag_ns[s] = t_row_ns[k] - ring_t_ns[s, (had - lag[s]) % size]
        ring[s, had % size] = key[k]
        ring_t_ns[s, had % size] = t_row_ns[k]
        ring_n[s] = had + 1


@njit
def look_at_claims(
    kind, slots, t_look_ns, z, var_row, t_row_ns, rho, owner, own, origin, C, height, P_error, limits, wide, t_ns, x,
    var, ratio, within,
):  # fmt: skip
    r"""What one look says of each claim, if it is true: Σ_j N(z_j; h(x), S)/ρ_j, and P(it is where the look looked).

    S holds the row's variances, those of the claim (its own, that of its clock along its way, and what it may have
    done since it spoke) and the covariance ``P_error`` float64[6, 6] of the sensor's lasting errors (``registration``).

    Parameters
    ----------
    slots : int64[C]
        Claims to look at.
    z, var_row, t_row_ns, rho : float64[N, 6], float64[N, 6], int64[N], float64[N]
        Rows of the look and their density, were they nobody's.
    owner, own : int64[N], int64[C]
        Table row of the named track that surely made a row, −1: none; and of the track that carries each claim. What is
        another name's says nothing of this one.
    limits : float64[6]
        As in ``existence.inside``.
    wide : float64[4]
        Least σ of a claim's place, level and up, m; σ of its clock, s; its acceleration, m/s².
    ratio, within : float64[C], outputs
    """
    z_pred, H, extra = np.empty(6), np.empty((6, 6)), np.empty(6)
    d, u, g = np.empty(3), np.empty(3), np.empty(3)
    P, S, L, w = np.zeros((6, 6)), np.zeros((6, 6)), np.zeros((6, 6)), np.zeros(6)
    e, pick, J = np.zeros(N_ERROR), np.zeros(6, np.int64), np.zeros((6, N_ERROR))
    middle, reach = np.zeros(2), np.zeros(2)
    work = z_pred, H, extra, d, u, g, P, S, L, w, e, pick, J
    for i in range(slots.shape[0]):
        s = slots[i]
        dt = (t_look_ns - t_ns[s]) * 1e-9
        claim_covariance(x[s], var[s], dt, wide, P)
        within[i] = inside(x[s], P, dt, origin, C, limits)
        total, n_near = 0.0, 2 if kind == RADAR else 1
        observe(kind, x[s], P, dt, origin, C, height, z_pred, H, extra, d, u, g)
        for k in range(n_near):
            error_row(kind, k, x[s], H, e)
            reach[k] = _spread(H[k], P) + _spread(e, P_error) + extra[k]
            middle[k] = z_pred[k]
        r = max(math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]), 1.0)
        j = -1
        while True:
            j = _next_near(kind, n_near, z, var_row, rho, owner, own[i], middle, reach, r, j + 1)
            if j == z.shape[0]:
                break
            age = (t_row_ns[j] - t_ns[s]) * 1e-9
            total += math.exp(
                min(log_density(kind, x[s], z[j], var_row[j], age, origin, C, height, P_error, work), 300.0)
            ) / rho[j]  # fmt: skip
        ratio[i] = total


@lean
def _spread(h, P):
    """hᵀ P h."""
    total = 0.0
    for a in range(6):
        for b in range(6):
            total += h[a] * P[a, b] * h[b]
    return total


@lean
def _next_near(kind, n_near, z, var, rho, owner, own, middle, reach, r, j):
    """The first row from j on that says something of a claim, or the number of rows.

    Not one that another named track made, nor one so far away in range or azimuth that its density is nothing: beyond
    ``NEAR_SIGMA``, and ``NEAR_M`` more for what the claim flies between the look and the row. Nor one whose density as
    nobody's is none (NaN: a sensor's correction put it behind the sensor).
    """
    while j < z.shape[0]:
        near = (owner[j] < 0 or owner[j] == own) and rho[j] > 0.0
        for k in range(n_near):
            if near and math.isfinite(z[j, k]):
                nu, more = z[j, k] - middle[k], NEAR_M
                if IS_ANGLE[kind, k]:
                    nu, more = wrap(nu), NEAR_M / r
                near = abs(nu) <= NEAR_SIGMA * math.sqrt(reach[k] + var[j, k]) + more
        if near:
            return j
        j += 1
    return j


@lean
def claim_covariance(x, var, dt, wide, P):
    r"""Covariance of a true claim's state, dt s from its report, into ``P`` float64[6, 6]. Twin in tests/reference.

    ::

        P_pp = diag(σ_h², σ_h², σ_u²) + (σ_v² Δ² + ¼ a² Δ⁴) I + σ_t² v vᵀ        P_vv = (σ_v² + a² Δ²) I
    """
    for a in range(6):
        for b in range(6):
            P[a, b] = 0.0
    grown = var[2] * dt * dt + 0.25 * wide[3] ** 2 * dt**4
    for a in range(3):
        k = 0 if a < 2 else 1
        P[a, a] = max(var[k], wide[k] ** 2) + grown
        P[a + 3, a + 3] = var[2] + (wide[3] * dt) ** 2
    for a in range(3):
        for b in range(3):
            P[a, b] += wide[2] ** 2 * x[a + 3] * x[b + 3]


@njit
def log_density(kind, x, z, var, dt, origin, C, height, P_error, work):
    """ln N(z; h(x), S) of one row at a claim, as in ``look_at_claims``; −inf where S is not positive definite."""
    z_pred, H, extra, d, u, g, P, S, L, w, e, pick, J = work
    observe(kind, x, P, dt, origin, C, height, z_pred, H, extra, d, u, g)
    mind_ground(kind, P, var, origin, z_pred, H, extra)
    m = 0
    for k in range(4 if kind == RADAR else (2 if kind == BEARING else 6)):
        if math.isfinite(z[k]):
            pick[m] = k
            error_row(kind, k, x, H, e)
            for a in range(N_ERROR):
                J[m, a] = e[a]
            m += 1
    if m == 0:
        return -math.inf
    log_det, d2 = 0.0, 0.0
    for r in range(m):
        for c in range(r + 1):
            total = 0.0
            for a in range(6):
                for b in range(6):
                    total += H[pick[r], a] * P[a, b] * H[pick[c], b] + J[r, a] * P_error[a, b] * J[c, b]
            S[r, c] = total
        S[r, r] += var[pick[r]] + extra[pick[r]]
    if cholesky(S[:m, :m], L[:m, :m]) != OK:
        return -math.inf
    for r in range(m):
        nu = z[pick[r]] - z_pred[pick[r]]
        if IS_ANGLE[kind, pick[r]]:
            nu = wrap(nu)
        for c in range(r):
            nu -= L[r, c] * w[c]
        w[r] = nu / L[r, r]
        d2 += w[r] * w[r]
        log_det += 2.0 * math.log(L[r, r])
    return -0.5 * (d2 + log_det + m * math.log(2.0 * math.pi))


@njit
def take_offsets(
    kind, slot, row, weight, z, var_row, t_row_ns, origin, C, height, wide, t_ns, x, var, information, total, count
):
    r"""Rows of the tracks that carry claims: information on how far the object is from where it says, in place.

    A row z of an object at p + d, p the claimed place, tells of d with H the derivative of h to the place::

        J ← J + w Hᵀ R⁻¹ H        y ← y + w Hᵀ R⁻¹ (z − h(p))

    component by component, without range rate. R holds what is new in each row: its own variances, and what the claim
    says differently each time (its noise, and what it may have done since it spoke).

    slot, row, weight : int64[E], int64[E], float64[E]. information, total, count : float64[K, 3, 3], float64[K, 3],
    float64[K], of this sensor.
    """
    z_pred, H, extra = np.empty(6), np.empty((6, 6)), np.empty(6)
    d, u, g, P = np.empty(3), np.empty(3), np.empty(3), np.zeros((6, 6))
    for e in range(slot.shape[0]):
        s, j = slot[e], row[e]
        dt = (t_row_ns[j] - t_ns[s]) * 1e-9
        claim_covariance(x[s], var[s], dt, wide, P)
        observe(kind, x[s], P, dt, origin, C, height, z_pred, H, extra, d, u, g)
        mind_ground(kind, P, var_row[j], origin, z_pred, H, extra)
        grown = var[s, 2] * dt * dt + 0.25 * wide[3] ** 2 * dt**4
        for k in range(3 if kind == RADAR else 2):
            if not math.isfinite(z[j, k]):
                continue
            nu = z[j, k] - z_pred[k]
            if IS_ANGLE[kind, k]:
                nu = wrap(nu)
            R = var_row[j, k] + extra[k]
            for a in range(3):
                R += H[k, a] ** 2 * (grown + var[s, 0 if a < 2 else 1])
            for a in range(3):
                total[s, a] += weight[e] * H[k, a] * nu / R
                for b in range(3):
                    information[s, a, b] += weight[e] * H[k, a] * H[k, b] / R
        count[s] += weight[e]


@njit
def log_evidence(information, total, covariance):
    r"""ln of what (J, y) are worth if d ~ N(0, Σ), against d = 0, float64[N]::

        ½ yᵀ (J + Σ⁻¹)⁻¹ y − ½ ln det(I + Σ J)

    By Σ = L Lᵀ and M = I + Lᵀ J L, so that J may be singular (a bearing tells nothing along it). ``information``
    float64[N, 3, 3], ``total`` float64[N, 3], ``covariance`` float64[N, 3, 3]. 0 where Σ is not positive definite.
    """
    out = np.zeros(information.shape[0])
    L, M, F, q = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3)
    for i in range(information.shape[0]):
        for a in range(3):
            for b in range(3):
                L[a, b] = 0.0
        if cholesky(covariance[i], L) != OK:
            continue
        for a in range(3):
            q[a] = 0.0
            for b in range(3):
                q[a] += L[b, a] * total[i, b]
                M[a, b] = 1.0 if a == b else 0.0
                for c in range(3):
                    for e in range(3):
                        M[a, b] += L[c, a] * information[i, c, e] * L[e, b]
        if cholesky(M, F) != OK:
            continue
        for a in range(3):
            s = q[a]
            for b in range(a):
                s -= F[a, b] * q[b]
            q[a] = s / F[a, a]
            out[i] += 0.5 * q[a] * q[a] - math.log(F[a, a])
    return out


@lean
def _normal(value, var):
    """N(value; 0, var)."""
    return math.exp(-0.5 * min(value * value / var, 1400.0)) / math.sqrt(2.0 * math.pi * var)


@njit
def find_escorts(
    slots, now_ns, t_ns, x, var, wide, S_true, law, track, t_track_ns, xm, Pm, elsewhere, here, best, log_alike
):  # fmt: skip
    r"""Nameless tracks that fly as a claim does, at its place or beside it: is one of them its body?

    For claim i and track k with Δp, Δv between them, against "an object of its own" of density λ and any velocity::

        l_ik = N(Δp; 0, P_k + Σ) N(Δv; 0, S_v)/(λ q(v_k))        Σ: of a true claim here, of an untrue one elsewhere

    velocities level only. Heights count where the claim has one; others are spread over ``law[7]``. λ grows with the
    number of tracks about; q is a mixture of those that hover and those that fly.

    Parameters
    ----------
    S_true : float64[C, 3, 3]
        Lasting errors of a true claim and of the sensors.
    law : float64[8]
        σ of an untrue claim's offset, m; radius within which tracks are counted, m; σ of a velocity besides what is
        stated, m/s; share of objects that hover, σ of their velocity and of the others', m/s; σ of an untrue claim's
        height, m; heights between which others are, m.
    track : int64[A]
        Table rows of nameless tracks that sensors feed; t_track_ns, xm, Pm are columns of the table.
    elsewhere, here : float64[C], outputs
        Σ_k l_ik of both.
    best, log_alike : int64[C], float64[C], outputs
        Row of the track with the greatest l elsewhere (−1: none), and ln N(Δv)/q of it.
    """
    for i in range(slots.shape[0]):
        s = slots[i]
        elsewhere[i], here[i], best[i], log_alike[i] = 0.0, 0.0, -1, 0.0
        near, top = 1.0, 0.0
        dt = (now_ns - t_ns[s]) * 1e-9
        grown = var[s, 2] * dt * dt + 0.25 * wide[3] ** 2 * dt**4
        for turn in range(2):
            for k in range(track.shape[0]):
                row = track[k]
                back = (now_ns - t_track_ns[row]) * 1e-9
                e = x[s, 0] + dt * x[s, 3] - xm[row, 0] - back * xm[row, 3]
                n = x[s, 1] + dt * x[s, 4] - xm[row, 1] - back * xm[row, 4]
                far2 = e * e + n * n
                if far2 > law[1] * law[1]:
                    continue
                if turn == 0:
                    near += 1.0
                    continue
                ve, vn = x[s, 3] - xm[row, 3], x[s, 4] - xm[row, 4]
                S_v = 0.5 * (Pm[row, 3, 3] + Pm[row, 4, 4]) + var[s, 2] + law[2] ** 2
                speed2 = xm[row, 3] ** 2 + xm[row, 4] ** 2
                hover, fly = law[4] ** 2 + S_v, law[5] ** 2 + S_v
                q = law[3] * math.exp(-0.5 * speed2 / hover) / hover
                q += (1.0 - law[3]) * math.exp(-0.5 * speed2 / fly) / fly
                alike = math.exp(-0.5 * (ve * ve + vn * vn) / S_v) / S_v / max(q, LEAST_SHARE)
                density = (near - 1.0) / (math.pi * law[1] * law[1])  # it counts itself as one of those about
                see, snn, sen = Pm[row, 0, 0] + grown, Pm[row, 1, 1] + grown, Pm[row, 0, 1]
                spread = law[0] ** 2
                det = (see + spread) * (snn + spread) - sen * sen
                d2 = ((snn + spread) * e * e - 2.0 * sen * e * n + (see + spread) * n * n) / det
                up_here, up_else = 1.0, 1.0
                if var[s, 1] < NO_HEIGHT:
                    up = x[s, 2] + dt * x[s, 5] - xm[row, 2] - back * xm[row, 5]
                    above = Pm[row, 2, 2] + grown
                    up_here = law[7] * _normal(up, above + S_true[i, 2, 2])
                    up_else = law[7] * _normal(up, above + law[6] ** 2 + S_true[i, 2, 2])
                likely = alike * math.exp(-0.5 * min(d2, 700.0)) / (2.0 * math.pi * math.sqrt(det) * density)
                likely *= up_else
                elsewhere[i] += likely
                if likely > top:
                    top, best[i], log_alike[i] = likely, row, math.log(max(alike, 1e-12))
                see, snn, sen = see + S_true[i, 0, 0], snn + S_true[i, 1, 1], sen + S_true[i, 0, 1]
                det = see * snn - sen * sen
                d2 = (snn * e * e - 2.0 * sen * e * n + see * n * n) / det
                near_it = math.exp(-0.5 * min(d2, 700.0)) / (2.0 * math.pi * math.sqrt(max(det, 1e-9)))
                here[i] += alike * near_it / density * up_here
