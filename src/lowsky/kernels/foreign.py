"""What a new report of another system's track says that its earlier reports did not."""

import math

from lowsky.kernels.compiled import njit

CORRELATION = 0.7
"""Of position and velocity in the steady state of a constant-velocity filter: 0.71 where its gain is small, 0.64 at one
half (design note in docs/decisions/0048)."""


@njit
def tracklets(before, var_before, dt_s, var, origin, C, inflation, least, jump, z, moved):
    r"""Positions that an independent sensor would have measured, from successive reports of K tracks.

    Axis by axis of each report's level frame, with + the new report (position 0, variance P₊) and − the one before it,
    carried ahead with the noise q of the filter that made it::

        P_pv = ρ √(P_pp P_vv)      q = κ √(P_vv³/2 P_pp)      P₋ = P_pp + 2Δ P_pv + Δ² P_vv + q Δ³/3
        α = 1 − P₊/P₋      R = P₊/α      z = −(1 − α)/α x₋

    which is the difference of information of the two, 1/R = 1/P₊ − 1/P₋. A position is all a plot brings, so the
    difference in velocity is what the difference in position implies; what a range rate adds to it is given up.

    Parameters
    ----------
    before : float64[K, 6]
        Position and velocity of the report before, site's frame.
    var_before, var : float64[K, 6]
        Stated variances of both, along the axes of the report's level frame.
    dt_s : float64[K]
        Δ > 0, s.
    origin, C : float64[K, 3], float64[K, 3, 3]
        Of the new report, as in ``observe``.
    inflation : float
        κ: its filter may be quicker than its variances say.
    least : float
        α below which an axis brings nothing new.
    jump : float
        |x₋| beyond this many standard deviations √(P₋ − P₊): not the same object, or not the same track.
    z, moved : float64[K, 6], bool[K], outputs
        Along the axes of the report; NaN where there is nothing new, and for velocity. ``var`` becomes R in place.

    Source
    ------
    docs/science 1.10, in one dimension; q and ρ from the steady state with white acceleration noise. Twin in
    tests/reference.
    """
    for k in range(dt_s.shape[0]):
        dt = dt_s[k]
        moved[k] = False
        for a in range(3):
            z[k, a], z[k, a + 3] = math.nan, math.nan
            p, v = var_before[k, a], var_before[k, a + 3]
            q = inflation * math.sqrt(0.5 * v * v * v / p)
            ahead = p + 2.0 * dt * CORRELATION * math.sqrt(p * v) + dt * dt * v + q * dt * dt * dt / 3.0
            new = 1.0 - var[k, a] / ahead
            if not new > least:
                continue
            away = 0.0
            for b in range(3):
                away += C[k, a, b] * (before[k, b] + dt * before[k, b + 3] - origin[k, b])
            moved[k] = moved[k] or away * away > jump * jump * new * ahead
            z[k, a] = -(1.0 - new) / new * away
            var[k, a] /= new
