"""What a sensor would measure of a state: predicted rows and their derivatives, for every kind of measurement.

One row has up to six components; which, depends on the kind (``lowsky.model.measurement.COMPONENTS``):

========  =====================================================================================
RADAR     slant range, azimuth, elevation, range rate, and height from pressure altitude (m)
BEARING   azimuth, elevation, and the logarithm of the slant range (m), told by signal strength
REPORT    east, north, up of the reported point in its own level frame (m), then velocity there
========  =====================================================================================

``origin`` is three numbers, the sensor's place; of a bearing it may be nine, with what else its station tells:

=====  ==========================================================================================
0–2    place in the site's frame, m
3      speed of sound in still air, m/s; 0: what it hears comes at the speed of light
4, 5   wind, east and north of the site, m/s
6, 7   share of its bearings that are far off, and how many times their σ is the others'
8      σ of its place, m: a bearing of what is near is off by more
=====  ==========================================================================================

and of a radar, too, with

=====  ==========================================================================================
3, 4   elevation below which the ground mirrors the beam, rad (below −π/2: nowhere), and how many
       times the σ of elevation is there what it is above
=====  ==========================================================================================
"""

import math

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.kernels.compiled import lean

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

REFRACTION = 1.0 / (8.0 * EARTH_MEAN_RADIUS_M)
"""Apparent minus geometric elevation per metre of slant range: what 4/3 earth leaves once curvature is exact."""
STATION = 9
"""Numbers of an ``origin`` that tells more than the place."""
FASTEST_HEARD = 0.8
"""Share of the speed of sound up to which the delay's formula is used; faster objects count as so fast."""
NOWHERE_LOW = -2.0
"""A radar's elevation below which the ground mirrors is higher than that, or the ground does nowhere."""
NEAREST_M = 1.0
"""Closer than this to the sensor angles mean nothing; ranges are floored here so that no derivative explodes."""


@lean
def wrap(angle):
    """The same angle in [−π, π). Twin: ``geo.polar.wrap_pi``."""
    if -math.pi <= angle < math.pi:
        return angle  # nearly always; the remainder costs more than all the rest of an innovation
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@lean
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


@lean
def retard(d, u, C, sound_mps, wind_east, wind_north):
    r"""Seconds the sound was under way, and in ``d`` where the object was when it made it; see ``observe``.

    With d and u the place and velocity now, c the speed of sound along the way::

        τ = [−d·u + √((d·u)² + (c² − |u|²)|d|²)] / (c² − |u|²)      d ← d − u τ

    c = c₀ − w·û depends on the direction û the sound comes from, so it is found in three rounds. Returns τ and c.
    """
    du, uu, dd = 0.0, 0.0, 0.0
    for a in range(3):
        du += d[a] * u[a]
        uu += u[a] * u[a]
        dd += d[a] * d[a]
    limit = FASTEST_HEARD * sound_mps
    slow = 1.0
    if uu > limit * limit:
        slow = limit / math.sqrt(uu)
    tau, c = 0.0, sound_mps
    for _ in range(3):
        # the wind along the way, from where the sound now seems to come
        along, length = 0.0, 1e-9
        for a in range(3):
            way = d[a] - u[a] * slow * tau
            along += way * (C[a, 0] * wind_east + C[a, 1] * wind_north)
            length += way * way
        c = max(sound_mps - along / math.sqrt(length), 0.9 * sound_mps)
        rest = c * c - uu * slow * slow
        tau = (-du * slow + math.sqrt(du * du * slow * slow + rest * dd)) / rest
    for a in range(3):
        u[a] *= slow
        d[a] -= u[a] * tau
    return tau, c


@lean
def ground_variance(elevation, var_state, var, low, times):
    r"""What the ground adds to a radar's variance of elevation, where it may be as low as that.

    A state of mean ``elevation`` and variance ``var_state`` is below ``low`` with p = Φ((low − elevation)/σ), which
    adds (``times``² − 1) p ``var``. docs/science, section 5 (multipath).
    """
    below = (low - elevation) / math.sqrt(var_state + 1e-12)
    return (times * times - 1.0) * var * 0.5 * math.erfc(-below / math.sqrt(2.0))


@lean
def mind_ground(kind, P, var, origin, z_pred, H, extra):
    """Into ``extra`` what the ground adds to elevation's variance, after ``observe``. Twin: ``ground_variance``'s."""
    if kind == RADAR and origin.shape[0] == STATION and origin[3] > NOWHERE_LOW:
        var_state = 0.0
        for a in range(6):
            for b in range(6):
                var_state += H[2, a] * P[a, b] * H[2, b]
        extra[2] = ground_variance(z_pred[2], var_state, var[2], origin[3], origin[4])


@lean
def observe(kind, x, P, dt, origin, C, height, z_pred, H, extra, d, u, g):
    r"""Predicted measurement h(x), Jacobian H and second-order terms of one state at one row.

    With d = C (p + v Δ − origin), u = C v, ρ² = d_E² + d_N²::

        range      r = |d|                              ∂/∂d = dᵀ/r
        log range  ln |d|                               ∂/∂d = dᵀ/r²
        azimuth    atan2(d_E, d_N)                      ∂/∂d = [d_N, −d_E, 0]/ρ²
        elevation  atan2(d_U, ρ) + r/(8 a_e)            ∂/∂d = [−d_E d_U, −d_N d_U, ρ²]/(r² ρ) + dᵀ/(8 a_e r)
        rate       ṙ = d·u/r                            ∂/∂d = (u − ṙ d/r)ᵀ/r      ∂/∂u = dᵀ/r
        height     h_s + d_U + ρ²/(2 a_e)               ∂/∂d = [d_E/a_e, d_N/a_e, 1]

    A microphone array hears where the object was τ seconds ago: its bearing is that of d − u τ, with |d − u τ| = c τ
    (``retard``). With g the bearing's derivative to d − u τ, and c held constant::

        ∂/∂d = g − (g·u) (d − u τ)/((d − u τ)·u + c² τ)         ∂/∂u = −τ ∂/∂d

    Bearings of a station whose place is known to σ_p get σ_p²/ρ² and σ_p²/r² added to their variances.

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
    origin, C : float64[3] or float64[9], float64[3, 3]
        Sensor (for REPORT the reported point) in the site's frame, and of a bearing what else its station tells (top
        of this file); axes there from axes of the site.
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
    is_heard = kind == BEARING and origin.shape[0] == STATION and origin[3] > 0.0
    tau, c = 0.0, 0.0
    if is_heard:
        tau, c = retard(d, u, C, origin[3], origin[4], origin[5])
    rho2 = max(d[0] * d[0] + d[1] * d[1], NEAREST_M * NEAREST_M)
    rho = math.sqrt(rho2)
    r2 = rho2 + d[2] * d[2]
    r = math.sqrt(r2)
    azimuth_row = 1 if kind == RADAR else 0
    z_pred[azimuth_row] = math.atan2(d[0], d[1])
    z_pred[azimuth_row + 1] = math.atan2(d[2], rho) + REFRACTION * r
    g[0], g[1], g[2] = d[1] / rho2, -d[0] / rho2, 0.0
    if is_heard:
        _of_now(g, d, u, tau, c)
    _chain(H, azimuth_row, g, C, dt - tau)
    k, bend = 1.0 / (r2 * rho), REFRACTION / r
    g[0], g[1] = -d[0] * d[2] * k + bend * d[0], -d[1] * d[2] * k + bend * d[1]
    g[2] = rho2 * k + bend * d[2]
    if is_heard:
        _of_now(g, d, u, tau, c)
    _chain(H, azimuth_row + 1, g, C, dt - tau)
    if kind == BEARING:
        if origin.shape[0] == STATION:
            extra[0] = origin[8] * origin[8] / rho2
            extra[1] = origin[8] * origin[8] / r2
        z_pred[2] = math.log(r)
        for a in range(3):
            g[a] = d[a] / r2
        if is_heard:
            _of_now(g, d, u, tau, c)
        _chain(H, 2, g, C, dt - tau)
        return
    rate = (d[0] * u[0] + d[1] * u[1] + d[2] * u[2]) / r
    z_pred[0], z_pred[3] = r, rate
    z_pred[4] = height + d[2] + rho2 / (2.0 * EARTH_MEAN_RADIUS_M)
    for a in range(3):
        g[a] = (u[a] - rate * d[a] / r) / r
    _chain(H, 3, g, C, dt)
    for a in range(3):
        g[a] = d[a] / r
    _chain(H, 0, g, C, dt)
    for b in range(3):
        H[3, b + 3] += H[0, b]
    g[0], g[1], g[2] = d[0] / EARTH_MEAN_RADIUS_M, d[1] / EARTH_MEAN_RADIUS_M, 1.0
    _chain(H, 4, g, C, dt)
    across = 0.0
    for a in range(3):
        across += P[a, a]
        for b in range(3):
            across -= H[0, a] * P[a, b] * H[0, b]
    across = max(across, 0.0)
    z_pred[0] += 0.5 * across / r
    extra[0] = 0.5 * (across / r) ** 2


@lean
def _chain(H, row, g, C, dt):
    """Row ``row`` of H from the derivative ``g`` to local position: gᵀ C, and Δ times that for velocity."""
    for b in range(3):
        s = g[0] * C[0, b] + g[1] * C[1, b] + g[2] * C[2, b]
        H[row, b] = s
        H[row, b + 3] = s * dt


@lean
def _of_now(g, d, u, tau, c):
    """Turn a derivative to the place the sound comes from into one to the place now, in place."""
    gu, du = 0.0, 0.0
    for a in range(3):
        gu += g[a] * u[a]
        du += d[a] * u[a]
    k = gu / max(du + c * c * tau, 1e-9)
    for a in range(3):
        g[a] -= k * d[a]
