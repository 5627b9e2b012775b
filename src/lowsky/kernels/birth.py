"""New tracks from single rows."""

import math

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.observe import REFRACTION
from lowsky.kernels.update import condition, scratch


@njit
def born_of_radar(z, var, origin, C, height, height_prior, elevation_limits, var_velocity, x, P):
    r"""State of an object that made one radar plot: converted position, velocity prior conditioned on range rate.

    With elevation φ (refraction taken off) the position is r (cos φ sin θ, cos φ cos θ, sin φ). Without it the
    height is a guess: pressure altitude where the plot carries it, else ``height_prior`` float64[3] (m above the
    sensor, its σ in m, and σ per metre of range), kept within ``elevation_limits`` (rad); ground range follows,
    ρ = √(r² − d_U²), and so does its covariance.

    z, var : float64[6], RADAR row. x, P : float64[6], float64[6, 6], outputs.
    """
    _convert(
        z, var, origin, C, height, height_prior, elevation_limits, var_velocity, np.zeros((3, 3)), np.zeros(3), x, P
    )


@lean
def _convert(z, var, origin, C, height, height_prior, elevation_limits, var_velocity, J, s, x, P):
    """``born_of_radar`` with its work: J float64[3, 3], local east, north, up against the three drawn quantities, whose
    variances are s float64[3]."""
    J[:, :] = 0.0
    range_m, azimuth = z[0], z[1]
    sin_az, cos_az = math.sin(azimuth), math.cos(azimuth)
    if math.isfinite(z[2]):
        elevation = z[2] - REFRACTION * range_m
        cos_el, sin_el = math.cos(elevation), math.sin(elevation)
        rho, up = range_m * cos_el, range_m * sin_el
        J[0, 0], J[1, 0], J[2, 0] = cos_el * sin_az, cos_el * cos_az, sin_el
        J[0, 2], J[1, 2], J[2, 2] = -up * sin_az, -up * cos_az, rho
        s[0], s[1], s[2] = var[0], var[1], var[2]
    else:
        if math.isfinite(z[4]):
            up, var_up = z[4] - height - range_m * range_m / (2.0 * EARTH_MEAN_RADIUS_M), var[4]
        else:
            up, var_up = height_prior[0], height_prior[1] ** 2 + (height_prior[2] * range_m) ** 2
            low = range_m * math.sin(max(elevation_limits[0], -1.4))
            high = range_m * math.sin(min(elevation_limits[1], 1.4))
            up = min(max(up, low), high)
        up = min(max(up, -0.98 * range_m), 0.98 * range_m)
        var_up = min(var_up, (0.5 * range_m) ** 2)
        rho = math.sqrt(range_m * range_m - up * up)
        J[0, 0], J[1, 0] = range_m / rho * sin_az, range_m / rho * cos_az
        J[0, 2], J[1, 2], J[2, 2] = -up / rho * sin_az, -up / rho * cos_az, 1.0
        s[0], s[1], s[2] = var[0], var[1], var_up
    J[0, 1], J[1, 1] = rho * cos_az, -rho * sin_az
    local = (rho * sin_az, rho * cos_az, up)
    for a in range(6):
        x[a] = 0.0
        for b in range(6):
            P[a, b] = 0.0
    # into the site's axes: A = Cᵀ J, P = A diag(s) Aᵀ
    for a in range(3):
        x[a] = origin[a]
        for b in range(3):
            x[a] += C[b, a] * local[b]
    for a in range(3):
        for b in range(a + 1):
            total = 0.0
            for k in range(3):
                left, right = 0.0, 0.0
                for c in range(3):
                    left += C[c, a] * J[c, k]
                    right += C[c, b] * J[c, k]
                total += left * s[k] * right
            P[a, b], P[b, a] = total, total
        P[a, a] += 1e-3  # keeps a singular direction (straight above) positive definite
        P[a + 3, a + 3] = var_velocity[0] if a < 2 else var_velocity[1]


@njit
def condition_on_rate(kind, x, P, z, var, origin, C, height):
    """Condition a newborn on its plot's range rate alone, in place (no effect where z[3] is NaN).

    One ``condition``, which has the twin.
    """
    _condition_on_rate(kind, x, P, z, var, origin, C, height, np.full(6, np.nan), scratch())


@lean
def _condition_on_rate(kind, x, P, z, var, origin, C, height, only_rate, work):
    only_rate[3] = z[3]
    condition(kind, x, P, only_rate, var, False, 0.0, origin, C, height, work)


@njit
def born_of_report(z, var, origin, C, var_height, var_velocity, x, P):
    """State of an object that reported itself at ``origin`` (axes C): position, velocity where given.

    Where it gives no height, ``origin`` stands at an assumed one with ``var_height`` m².
    x, P : float64[6], float64[6, 6], outputs.
    """
    _say(z, var, origin, C, var_height, var_velocity, np.empty(6), x, P)


@lean
def _say(z, var, origin, C, var_height, var_velocity, s, x, P):
    for a in range(3):
        s[a] = var[a]
        s[a + 3] = var[a + 3] if math.isfinite(z[a + 3]) else (var_velocity[0] if a < 2 else var_velocity[1])
    if not math.isfinite(z[2]):
        s[2] = var_height
    for a in range(3):
        x[a], x[a + 3] = origin[a], 0.0
        for b in range(3):
            if math.isfinite(z[b + 3]):
                x[a + 3] += C[b, a] * z[b + 3]
    for a in range(6):
        for b in range(6):
            P[a, b] = 0.0
    for a in range(3):
        for b in range(a + 1):
            for k in range(3):
                P[a, b] += C[k, a] * s[k] * C[k, b]
                P[a + 3, b + 3] += C[k, a] * s[k + 3] * C[k, b]
            P[b, a], P[b + 3, a + 3] = P[a, b], P[a + 3, b + 3]  # to the bit, whatever the order of rounding


@njit
def give_birth(
    kind, rows, at, z, var, origin, C, height, frame_of_row, height_prior, elevation_limits, var_height,
    var_velocity, mu_birth, share_birth, x, P, mu, share, xm, Pm,
):  # fmt: skip
    """Fill the table's rows ``at`` (int64[K]) with newborns of measurement ``rows`` (int64[K]): all modes alike.

    RADAR is kind 1, REPORT kind 3 (bearings give no birth here). x, P (packed), mu, xm, Pm are the table's columns.

    Calls the functions above, which have the twins.
    """
    _fill(
        kind, rows, at, z, var, origin, C, height, frame_of_row, height_prior, elevation_limits, var_height,
        var_velocity, mu_birth, share_birth, x, P, mu, share, xm, Pm, np.zeros((3, 3)), np.zeros(6), np.full(6, np.nan),
        scratch(),
    )  # fmt: skip


@lean
def _fill(
    kind, rows, at, z, var, origin, C, height, frame_of_row, height_prior, elevation_limits, var_height, var_velocity,
    mu_birth, share_birth, x, P, mu, share, xm, Pm, J, s, only_rate, work,
):  # fmt: skip
    for k in range(rows.shape[0]):
        j, i = rows[k], at[k]
        f = frame_of_row[j]
        if kind == 1:
            _convert(
                z[j], var[j], origin[f], C[f], height[f], height_prior, elevation_limits, var_velocity, J, s, xm[i],
                Pm[i],
            )  # fmt: skip
            _condition_on_rate(kind, xm[i], Pm[i], z[j], var[j], origin[f], C[f], height[f], only_rate, work)
        else:
            _say(z[j], var[j], origin[f], C[f], var_height, var_velocity, s, xm[i], Pm[i])
        for m in range(mu.shape[1]):
            mu[i, m] = mu_birth[m]
            for c in range(share.shape[2]):
                share[i, m, c] = share_birth[m, c]
            n = 0
            for a in range(6):
                x[i, a, m] = xm[i, a]
                for b in range(a + 1):
                    P[i, n, m] = Pm[i, a, b]
                    n += 1
