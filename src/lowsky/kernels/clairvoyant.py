"""Filters for reference lines: each target alone, every row known to be its own."""

import numpy as np

from lowsky.kernels.birth import born_of_radar, condition_on_rate
from lowsky.kernels.compiled import njit
from lowsky.kernels.motion import merge_modes, mix_modes, predict_cv, transition_matrix
from lowsky.kernels.observe import RADAR, observe
from lowsky.kernels.update import condition, scratch

NO_PRIOR = np.array([0.0, 1.0, 0.0])
ALL_ELEVATIONS = np.array([-1.4, 1.4])


@njit
def follow(target, t_ns, kind, z, var, origin, C, height, q, G, var_velocity, xm, Pm, ok):
    r"""Extended Kalman filter (one mode) or IMM over the rows of each target.

    A target starts with its first RADAR row, all modes alike and equally likely; rows before it are left out.

    Parameters
    ----------
    target, t_ns, kind : int64[R]
        In order of target and time.
    z, var : float64[R, 6]
    origin, C, height : float64[R, 3], float64[R, 3, 3], float64[R]
        As in ``observe``, one frame a row.
    q : float64[M, 2]
        Horizontal and vertical density of each constant-velocity mode, m²/s³.
    G : float64[M, M]
        Generator of the mode chain, 1/s.
    var_velocity : float64[2]
        Prior of the velocity, horizontal and vertical, m²/s².
    xm, Pm, ok : float64[R, 6], float64[R, 6, 6], bool[R], outputs
        Merged state after each row; ``ok`` False where there is none yet.
    """
    n_mode = q.shape[0]
    work = scratch()
    x, P, mu = np.empty((n_mode, 6)), np.empty((n_mode, 6, 6)), np.empty(n_mode)
    x_old, P_old, w = np.empty((n_mode, 6)), np.empty((n_mode, 6, 6)), np.empty((2, n_mode))
    Pi, work_pi, log_mode = np.empty((n_mode, n_mode)), np.empty((2, n_mode, n_mode)), np.empty(n_mode)
    is_followed = False
    for j in range(target.shape[0]):
        if j == 0 or target[j] != target[j - 1]:
            is_followed = False
        ok[j] = is_followed or kind[j] == RADAR
        if not ok[j]:
            continue
        if not is_followed:
            born_of_radar(
                z[j], var[j], origin[j], C[j], height[j], NO_PRIOR, ALL_ELEVATIONS, var_velocity, xm[j], Pm[j]
            )
            condition_on_rate(kind[j], xm[j], Pm[j], z[j], var[j], origin[j], C[j], height[j])
            for m in range(n_mode):
                mu[m] = 1.0 / n_mode
                x[m], P[m] = xm[j], Pm[j]
            is_followed = True
            continue
        dt = (t_ns[j] - t_ns[j - 1]) * 1e-9
        transition_matrix(G, dt, Pi, work_pi)
        mix_modes(x, P, mu, Pi, x_old, P_old, w)
        best = -np.inf
        for m in range(n_mode):
            predict_cv(x[m], P[m], dt, q[m, 0], q[m, 1])
            _, log_l, _ = condition(kind[j], x[m], P[m], z[j], var[j], False, 0.0, origin[j], C[j], height[j], work)
            log_mode[m] = log_l + np.log(max(mu[m], 1e-300))
            best = max(best, log_mode[m])
        total = 0.0
        for m in range(n_mode):
            mu[m] = np.exp(log_mode[m] - best)
            total += mu[m]
        for m in range(n_mode):
            mu[m] /= total
        merge_modes(x, P, mu, xm[j], Pm[j])


@njit
def bound(target, t_ns, kind, z, var, origin, C, height, x_true, q, var_velocity, Pm, ok):
    r"""Posterior Cramér–Rao recursion over the rows that were detected, Jacobians at the truth.

    ::

        J ← (F J⁻¹ Fᵀ + Q)⁻¹ + Σ HᵀR⁻¹H

    in covariance form: ``Pm`` float64[R, 6, 6] is J⁻¹ after each row. It starts with the first RADAR row and the
    prior ``var_velocity`` float64[2]. ``x_true`` float64[R, 6] is the target's true state at the row's time; of
    ``z`` only counts what is measured. q float64[2]; other parameters as in ``follow``.
    """
    work = scratch()
    z_true, H, extra, d, u, g = np.empty(6), np.zeros((6, 6)), np.empty(6), np.empty(3), np.empty(3), np.empty(3)
    x, P = np.empty(6), np.zeros((6, 6))
    is_followed = False
    for j in range(target.shape[0]):
        if j == 0 or target[j] != target[j - 1]:
            is_followed = False
        ok[j] = is_followed or kind[j] == RADAR
        if not ok[j]:
            continue
        if is_followed:
            predict_cv(x, P, (t_ns[j] - t_ns[j - 1]) * 1e-9, q[0], q[1])
        else:
            # nothing is known of the position: so little that the row's own information is all there is
            P[:] = 0.0
            for a in range(3):
                P[a, a] = 1e10
                P[a + 3, a + 3] = var_velocity[0] if a < 2 else var_velocity[1]
            is_followed = True
        for a in range(6):
            x[a] = x_true[j, a]
        observe(kind[j], x, np.zeros((6, 6)), 0.0, origin[j], C[j], height[j], z_true, H, extra, d, u, g)
        for a in range(6):
            if not np.isfinite(z[j, a]):
                z_true[a] = np.nan
        _scalar_updates(P, H, z_true, var[j], d, work)
        Pm[j] = P


@njit
def _scalar_updates(P, H, z, var, d, work):
    Ph = work[6]
    for k in range(6):
        if not np.isfinite(z[k]):
            continue
        S = var[k]
        for a in range(6):
            s = 0.0
            for b in range(6):
                s += P[a, b] * H[k, b]
            Ph[a] = s
            S += H[k, a] * s
        for a in range(6):
            for b in range(a + 1):
                P[a, b] -= Ph[a] * Ph[b] / S
                P[b, a] = P[a, b]
