"""What a sensor would measure of a state: predicted rows and their derivatives, for every kind of measurement.

One row has up to six components; which, depends on the kind (``lowsky.model.measurement.COMPONENTS``):

========  =====================================================================================
RADAR     slant range, azimuth, elevation, range rate, and height from pressure altitude (m)
BEARING   azimuth, elevation
REPORT    east, north, up of the reported point in its own level frame (m), then velocity there
========  =====================================================================================
"""

import math

import numpy as np

from lowsky.kernels.compiled import njit

RADAR, BEARING, REPORT = 1, 2, 3
IS_ANGLE = np.array(
    [
        [False, False, False, False, False, False],
        [False, True, True, False, False, False],
        [True, True, False, False, False, False],
        [False, False, False, False, False, False],
    ]
)
"""bool[kind, component]: True where the component is an angle."""

EARTH_RADIUS_M = 6_371_008.8
REFRACTION = 1.0 / (8.0 * EARTH_RADIUS_M)
"""Apparent minus geometric elevation per metre of slant range: what 4/3 earth leaves once curvature is exact."""
NEAREST_M = 1.0
"""Closer than this to the sensor angles mean nothing; ranges are floored here so that no derivative explodes."""


@njit
def wrap(angle):
    """The same angle in [−π, π). Twin: ``geo.polar.wrap_pi``."""
    if -math.pi <= angle < math.pi:
        return angle  # nearly always; the remainder costs more than all the rest of an innovation
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@njit
def local_frame(x, dt, origin, C, d, u):
    """Position ``d`` relative to ``origin`` and velocity ``u`` of state ``x`` ``dt`` s later, in axes C (outputs).

    Part of ``observe``, tested with its twin.
    """
    for a in range(3):
        s, v = 0.0, 0.0
        for b in range(3):
            s += C[a, b] * (x[b] + dt * x[b + 3] - origin[b])
            v += C[a, b] * x[b + 3]
        d[a] = s
        u[a] = v


@njit
def observe(kind, x, P, dt, origin, C, height, z_pred, H, extra, d, u, g):
    r"""Predicted measurement h(x), Jacobian H and second-order terms of one state at one row.

    With d = C (p + v Δ − origin), u = C v, ρ² = d_E² + d_N²::

        range      r = |d|                              ∂/∂d = dᵀ/r
        azimuth    atan2(d_E, d_N)                      ∂/∂d = [d_N, −d_E, 0]/ρ²
        elevation  atan2(d_U, ρ) + r/(8 a_e)            ∂/∂d = [−d_E d_U, −d_N d_U, ρ²]/(r² ρ) + dᵀ/(8 a_e r)
        rate       ṙ = d·u/r                            ∂/∂d = (u − ṙ d/r)ᵀ/r      ∂/∂u = dᵀ/r
        height     h_s + d_U + ρ²/(2 a_e)               ∂/∂d = [d_E/a_e, d_N/a_e, 1]

    Range also gets its second-order terms, with P_⊥ the position variance across the line of sight: mean
    + P_⊥/(2 r), variance + ½ (P_⊥/r)². They matter for a radar without elevation, whose height is a guess.

    Parameters
    ----------
    kind : int
        RADAR, BEARING or REPORT.
    x, P : float64[6], float64[6, 6]
        State in the site's frame and its covariance (only for the second-order terms).
    dt : float
        Δ, the row's time minus the state's, s.
    origin, C : float64[3], float64[3, 3]
        Sensor (for REPORT the reported point) in the site's frame; axes there from axes of the site.
    height : float
        Ellipsoidal height of ``origin``, m.
    z_pred, H, extra : float64[6], float64[6, 6], float64[6], outputs
        h(x); derivatives to (p, v) in the site's frame; variance to add to R.
    d, u, g : float64[3], scratch

    Source
    ------
    docs/science, section 1.4; derivatives are checked against differences in tests/unit/kernels.
    """
    local_frame(x, dt, origin, C, d, u)
    for a in range(6):
        extra[a] = 0.0
    if kind == REPORT:
        for a in range(3):
            z_pred[a] = d[a]
            z_pred[a + 3] = u[a]
            for b in range(3):
                H[a, b] = C[a, b]
                H[a, b + 3] = C[a, b] * dt
                H[a + 3, b] = 0.0
                H[a + 3, b + 3] = C[a, b]
        return
    rho2 = max(d[0] * d[0] + d[1] * d[1], NEAREST_M * NEAREST_M)
    rho = math.sqrt(rho2)
    r2 = rho2 + d[2] * d[2]
    r = math.sqrt(r2)
    azimuth_row = 1 if kind == RADAR else 0
    z_pred[azimuth_row] = math.atan2(d[0], d[1])
    z_pred[azimuth_row + 1] = math.atan2(d[2], rho) + REFRACTION * r
    g[0], g[1], g[2] = d[1] / rho2, -d[0] / rho2, 0.0
    _chain(H, azimuth_row, g, C, dt)
    k, bend = 1.0 / (r2 * rho), REFRACTION / r
    g[0], g[1] = -d[0] * d[2] * k + bend * d[0], -d[1] * d[2] * k + bend * d[1]
    g[2] = rho2 * k + bend * d[2]
    _chain(H, azimuth_row + 1, g, C, dt)
    if kind == BEARING:
        return
    rate = (d[0] * u[0] + d[1] * u[1] + d[2] * u[2]) / r
    z_pred[0], z_pred[3] = r, rate
    z_pred[4] = height + d[2] + rho2 / (2.0 * EARTH_RADIUS_M)
    for a in range(3):
        g[a] = (u[a] - rate * d[a] / r) / r
    _chain(H, 3, g, C, dt)
    for a in range(3):
        g[a] = d[a] / r
    _chain(H, 0, g, C, dt)
    for b in range(3):
        H[3, b + 3] += H[0, b]
    g[0], g[1], g[2] = d[0] / EARTH_RADIUS_M, d[1] / EARTH_RADIUS_M, 1.0
    _chain(H, 4, g, C, dt)
    across = 0.0
    for a in range(3):
        across += P[a, a]
        for b in range(3):
            across -= H[0, a] * P[a, b] * H[0, b]
    across = max(across, 0.0)
    z_pred[0] += 0.5 * across / r
    extra[0] = 0.5 * (across / r) ** 2


@njit
def _chain(H, row, g, C, dt):
    """Row ``row`` of H from the derivative ``g`` to local position: gᵀ C, and Δ times that for velocity."""
    for b in range(3):
        s = g[0] * C[0, b] + g[1] * C[1, b] + g[2] * C[2, b]
        H[row, b] = s
        H[row, b + 3] = s * dt
