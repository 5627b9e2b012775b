"""One row into one Gaussian, and reports into the track they name. Rows that may be of many tracks: ``sight``."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.motion import advance_sheet, moving_scratch
from lowsky.kernels.observe import BEARING, IS_ANGLE, REPORT, STATION, mind_ground, observe, wrap
from lowsky.kernels.sheet import SHEET, give, lay, lift, settle, take

LOG_2PI = math.log(2.0 * math.pi)
WEAK_HEIGHT_SHARE = 0.5
"""Pressure altitude is one constant error, not fresh noise: it never makes height better known than this share of
its own variance."""

# what became of a row that was assigned by its identity
USED, MOVED, UNREACHABLE, TOO_OLD, NOT_A_STATE = 0, 1, 2, 3, 4


@njit
def scratch():
    """Work arrays of ``observe`` and ``condition``: z_pred, H, extra, d, u, g, Ph, dx. No sums in it, so no twin."""
    return (
        np.zeros(6), np.zeros((6, 6)), np.zeros(6), np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(6), np.zeros(6),
    )  # fmt: skip


@lean
def condition(kind, x, P, z, var, weak_height, dt, origin, C, height, work):
    r"""Condition one Gaussian on one row, in place; return (d², log-likelihood, components used).

    R is diagonal, so the components enter one after another, each a scalar update with the Jacobian taken at the
    prior mean::

        S = h P hᵀ + R     K = P hᵀ/S     x += K (ν − h (x − x_prior))     P −= K S Kᵀ

    which equals the joint EKF update, needs no inverse, keeps P symmetric, and gives
    d² = Σ ν²/S, ln L = −½ Σ (ν²/S + ln S + ln 2π) on the way.

    A bearing whose station says that a share ε of them is far off has noise (1 − ε) N(0, R) + ε N(0, k² R): two
    Gaussians come of it, of which mean and covariance are kept (``tail``). A radar whose station says where the ground
    mirrors its beam knows elevation worse there (``ground_variance``).

    Parameters
    ----------
    kind : int
    x, P : float64[6], float64[6, 6], changed in place
    z, var : float64[6]
        The row; NaN where not measured. Variances.
    weak_height : bool
        The height component comes from pressure altitude: used only while height is known worse than that,
        and never to make it better than ``WEAK_HEIGHT_SHARE`` of its variance.
    dt, origin, C, height
        As in ``observe``.
    work : tuple
        ``scratch()``.
    """
    z_pred, H, extra, d, u, g, Ph, dx = work
    observe(kind, x, P, dt, origin, C, height, z_pred, H, extra, d, u, g)
    has_tail = kind == BEARING and origin.shape[0] == STATION and origin[6] > 0.0
    mind_ground(kind, P, var, origin, z_pred, H, extra)
    weak_row = 2 if kind == REPORT else 4
    weak_floor = WEAK_HEIGHT_SHARE * var[weak_row] if weak_height else 0.0
    skip_weak = weak_height and P[2, 2] < weak_floor
    d2, log_likelihood, used = 0.0, 0.0, 0
    for a in range(6):
        dx[a] = 0.0
    for k in range(6):
        if not math.isfinite(z[k]) or (skip_weak and k == weak_row):
            continue
        nu = z[k] - z_pred[k]
        if IS_ANGLE[kind, k]:
            nu = wrap(nu)
        S = var[k] + extra[k]
        for a in range(6):
            s = 0.0
            for b in range(6):
                s += P[a, b] * H[k, b]
            Ph[a] = s
            S += H[k, a] * s
            nu -= H[k, a] * dx[a]
        gain, cut, log_l = nu / S, 1.0 / S, -0.5 * (nu * nu / S + math.log(S) + LOG_2PI)
        if has_tail and IS_ANGLE[kind, k]:
            factor, g_mean, g_cut = tail(nu * nu / S, 1.0 + (origin[7] * origin[7] - 1.0) * var[k] / S, origin[6])
            gain, cut, log_l = g_mean * gain, g_cut * cut, math.log(factor) - 0.5 * (math.log(S) + LOG_2PI)
        for a in range(6):
            dx[a] += Ph[a] * gain
            for b in range(a + 1):
                P[a, b] -= Ph[a] * Ph[b] * cut
                P[b, a] = P[a, b]
        d2 += nu * gain
        log_likelihood += log_l
        used += 1
    for a in range(6):
        x[a] += dx[a]
    if weak_height and not skip_weak and P[2, 2] < weak_floor:
        P[2, 2] = weak_floor
    return d2, log_likelihood, used


@lean
def tail(d2, wider, share):
    r"""What noise that is wide in a ``share`` ε of all cases makes of one component with d² = ν²/S.

    With ρ = ``wider`` the ratio of the innovation's variances, and w the posterior weights of near and far::

        factor = (1 − ε) e^{−d²/2} + ε e^{−d²/2ρ}/√ρ      instead of e^{−d²/2} in the likelihood
        g      = w_near + w_far/ρ                         times the usual gain
        cut    = g − d² w_near w_far (1 − 1/ρ)²           times what is usually taken off P

    ``factor`` is never 0. Returns the three; the twin is ``tailed``.
    """
    near = (1.0 - share) * math.exp(-0.5 * d2)
    far = share * math.exp(-0.5 * d2 / wider) / math.sqrt(wider)
    factor = max(near + far, 1e-300)
    near, far = near / factor, far / factor
    if near + far == 0.0:
        far = 1.0
    g = near + far / wider
    return factor, g, g - d2 * near * far * (1.0 - 1.0 / wider) ** 2


@njit
def update_assigned(
    rows, row_track, t_ns, x, P, mu, share, xm, Pm, z, var, weak_height, t_row_ns, origin, C, height, G, motion,
    mu_birth, share_birth, gate_of_dim, reach, var_birth_velocity, var_floor, var_ceiling, outcome,
):  # fmt: skip
    r"""Reports whose identity names their track, one after another (``rows`` int64[K] of REPORT, in order of time).

    Each is predicted to and updated alone (weight 1). Errors of reports last (docs/decisions/0041), so they teach
    nothing about behaviour: ``share`` stays a newborn's. A report outside the gate of every mode but within reach,
    |p_row − p| ≤ reach[0] (Δ + reach[1]) + 3σ + reach[2], restarts the same track's state there; one out of
    reach leaves the track alone.

    Parameters
    ----------
    row_track : int64[K]
        Row of the track table.
    reach : float64[4]
        Greatest speed m/s, allowance for its time s, for its place m, and how much older than the state a
        report may be, s.
    outcome : uint8[K], output
        ``USED``, ``MOVED``, ``UNREACHABLE``, ``TOO_OLD`` or ``NOT_A_STATE``.
    """
    n_mode = mu.shape[1]
    work, L = scratch(), np.zeros((6, 6))
    moving, sheet = moving_scratch(G, motion), np.zeros(SHEET)
    x_new, P_new, log_mode = np.empty((n_mode, 6)), np.empty((n_mode, 6, 6)), np.empty(n_mode)
    for k in range(rows.shape[0]):
        j, i = rows[k], row_track[k]
        dt = (t_row_ns[j] - t_ns[i]) * 1e-9
        if dt < -reach[3]:
            outcome[k] = TOO_OLD
            continue
        has_position = math.isfinite(z[j, 0])
        if has_position:
            far2, s2 = 0.0, 0.0
            for a in range(3):
                far2 += (origin[j, a] - xm[i, a]) ** 2 if a < 2 or math.isfinite(z[j, 2]) else 0.0
                s2 += Pm[i, a, a] if a < 2 else 0.0
            s2 += var[j, 0] + var[j, 1]
            if math.sqrt(far2) > reach[0] * (abs(dt) + reach[1]) + 3.0 * math.sqrt(s2) + reach[2]:
                outcome[k] = UNREACHABLE
                continue
        take(x, P, i, sheet)
        if dt > 0.0:
            # nothing is learnt of behaviour: with an infinite rate all of it is forgotten
            advance_sheet(sheet, t_row_ns[j] - t_ns[i], mu[i], share[i], G, share_birth, math.inf, moving)
            t_ns[i] = t_row_ns[j]
        offset = min(dt, 0.0)
        best, d2_best, dim = -math.inf, math.inf, 0
        for m in range(n_mode):
            lift(sheet, m, x_new[m], P_new[m])
            d2, log_l, dim = condition(
                REPORT, x_new[m], P_new[m], z[j], var[j], weak_height[j], offset, origin[j], C[j], height[j], work
            )
            log_mode[m] = log_l + math.log(max(mu[i, m], 1e-300))
            if mu[i, m] > 1e-3:
                d2_best = min(d2_best, d2)
            best = max(best, log_mode[m])
        outcome[k] = USED
        if d2_best <= gate_of_dim[dim] and math.isfinite(best):
            norm = 0.0
            for m in range(n_mode):
                log_mode[m] = math.exp(log_mode[m] - best)
                norm += log_mode[m]
            for m in range(n_mode):
                mu[i, m] = max(log_mode[m] / norm, 1e-12)
                lay(x_new[m], P_new[m], sheet, m)
        elif offset < 0.0:
            outcome[k] = TOO_OLD  # nothing to restart from a report older than the state
        else:
            outcome[k] = MOVED
            for m in range(n_mode):
                lift(sheet, m, x_new[m], P_new[m])
            restart(x_new, P_new, mu[i], xm[i], z[j], var[j], origin[j], C[j], dt, mu_birth, var_birth_velocity)
            for m in range(n_mode):
                lay(x_new[m], P_new[m], sheet, m)
        if not settle(sheet, mu[i], xm[i], Pm[i], L, var_floor, var_ceiling):
            outcome[k] = NOT_A_STATE
        give(sheet, x, P, i)


@lean
def restart(x, P, mu, x_last, z, var, origin, C, dt, mu_birth, var_birth_velocity):
    """Set one track's modes (x float64[M, 6], P, mu) to what a report says, keeping what it does not say.

    Velocity comes from the report, else from the way since ``x_last`` (merged state ``dt`` s ago, if dt ≥ 1 s),
    else stays with ``var_birth_velocity`` float64[2] (horizontal, vertical, m²/s²). Height stays where the
    report has none.
    """
    has_position, has_height, has_velocity = math.isfinite(z[0]), math.isfinite(z[2]), math.isfinite(z[3])
    up = 0.0
    if has_position and not has_height:
        for b in range(3):
            up += C[2, b] * (x[0, b] - origin[b])
    for m in range(mu.shape[0]):
        mu[m] = mu_birth[m]
        for a in range(6):
            keep = P[m, a, a]
            for b in range(6):
                P[m, a, b] = 0.0
                P[m, b, a] = 0.0
            P[m, a, a] = keep
        # variances are along the report's own axes; their tilt against the site's is left out
        for a in range(3):
            if has_position:
                x[m, a] = origin[a] + C[2, a] * up
                if a < 2 or has_height:
                    P[m, a, a] = var[a]
            v = a + 3
            if has_velocity:
                x[m, v] = C[0, a] * z[3] + C[1, a] * z[4]
                x[m, v] += C[2, a] * z[5] if math.isfinite(z[5]) else 0.0
                P[m, v, v] = var[v] if math.isfinite(z[v]) else var_birth_velocity[1]
            elif has_position and dt >= 1.0:
                x[m, v] = (x[m, a] - x_last[a]) / dt
                P[m, v, v] = min(4.0 * (var[0] + P[m, a, a]) / (dt * dt) + 100.0, var_birth_velocity[0])
            else:
                P[m, v, v] = var_birth_velocity[0] if a < 2 else var_birth_velocity[1]
