"""A batch's rows made ready for the other kernels."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.observe import BEARING, NEAREST_M, RADAR, REFRACTION

MOST = 1e9
"""A component beyond this is no measurement; pressure altitudes end at ``MOST_HEIGHT_M``."""
MOST_HEIGHT_M = 1e5


@lean
def sane_rows(
    kind, z_in, sigma_in, sigma, scale, floor, ceiling, pressure, var_pressure, t_ns, latest_ns, z, var, weak, keep,
):  # fmt: skip
    """Rows that can be used, in the order they came: how many are kept, how many are no measurement, how many too late.

    Components that cannot be become NaN; a row needs range and azimuth (RADAR), azimuth (BEARING), or a place or a
    horizontal velocity (REPORT). A height that is missing comes from ``pressure`` float64[N] (or [0], none given).

    Parameters
    ----------
    z_in, sigma_in : float64[N, D]
        As in the batch; sigma, floor, ceiling : float64[D], the sensor's where the row has none, and bounds.
    scale : float64[N]
        Times of ``sigma`` that a row's errors are, as its signal tells (or [0], none given).
    t_ns, latest_ns : int64[N], int
        Rows later than this are left out.
    z, var, weak, keep : float64[N, 6], float64[N, 6], bool[N], int64[N], outputs
        Kept rows' components, variances (1 where there is no component), "height is pressure altitude", source rows.

    Twin in tests/reference.
    """
    n_kept, n_bad, n_late = 0, 0, 0
    width = z_in.shape[1]
    height_column = 4 if kind == RADAR else 2
    for j in range(z_in.shape[0]):
        n = n_kept
        for k in range(6):
            z[n, k], var[n, k] = math.nan, 1.0
        for k in range(width):
            value, s = z_in[j, k], sigma_in[j, k]
            if abs(value) < MOST:
                z[n, k] = value
            if not s > 0.0:
                s = sigma[k] * (scale[j] if scale.shape[0] > 0 else 1.0)
            s = min(max(s, floor[k]), ceiling[k])
            var[n, k] = s * s
        weak[n] = False
        has_pressure = pressure.shape[0] > 0 and kind != BEARING and abs(pressure[j]) < MOST_HEIGHT_M
        if has_pressure and math.isnan(z[n, height_column]):
            weak[n] = True
            z[n, height_column] = pressure[j]
            var[n, height_column] = var_pressure
        if kind == RADAR:
            good = z[n, 0] >= NEAREST_M and math.isfinite(z[n, 1]) and not abs(z[n, 2]) > math.pi / 2
        elif kind == BEARING:
            good = math.isfinite(z[n, 0]) and not abs(z[n, 1]) > math.pi / 2
        else:
            good = abs(z[n, 0]) <= math.pi / 2 and abs(z[n, 1]) <= 2.0 * math.pi
            if not good:
                z[n, 0], z[n, 1], z[n, 2] = math.nan, math.nan, math.nan
            if math.isnan(z[n, 3]) or math.isnan(z[n, 4]):
                z[n, 3], z[n, 4], z[n, 5] = math.nan, math.nan, math.nan
            good = good or math.isfinite(z[n, 3])
        if not good:
            n_bad += 1
        elif t_ns[j] > latest_ns:
            n_late += 1
        else:
            keep[n] = j
            n_kept += 1
    return n_kept, n_bad, n_late


@njit
def put_in_order(order, z, var, weak, t_ns, source):
    """Rows ``order`` int64[N] of the columns, copied. Twin: NumPy's indexing."""
    n = order.shape[0]
    z_out, var_out, weak_out = np.empty((n, 6)), np.empty((n, 6)), np.empty(n, np.bool_)
    t_out, source_out = np.empty(n, np.int64), np.empty(n, np.int64)
    for j in range(n):
        at = order[j]
        for k in range(6):
            z_out[j, k], var_out[j, k] = z[at, k], var[at, k]
        weak_out[j] = weak[at]
        source_out[j] = source[at]
        t_out[j] = t_ns[source[at]]
    return z_out, var_out, weak_out, t_out, source_out


@lean
def is_settled(order, z, t_ns, source):
    """Do time and first component alone put rows in the order ``order`` int64[N], with no two equal and none missing?

    Twin: NumPy's lexsort, which is used where not.
    """
    for j in range(1, order.shape[0]):
        a, b = order[j - 1], order[j]
        if t_ns[source[a]] != t_ns[source[b]] or not z[a, 0] < z[b, 0]:
            return False
    return True


@lean
def false_and_new(z, var, extent, clutter, is_density, new, prior, rho, share):
    r"""Density of rows that are nobody's, and the share of it that is new objects.

    ``clutter``: where ``is_density`` false rows per unit volume of the components each row has, float64[N], else
    their number per look, float64[1]. ``new`` float64[N]: new objects per look, if everywhere were as
    many as where the row is. ``extent`` float64[6]: the whole volume, by component. rho, share float64[N] are outputs.

    New objects of a radar are as many in any range and azimuth, but most of them fly low, and no faster than the
    velocity a newborn is given; ``prior`` float64[7] is their height (mean above the sensor, its σ, and σ per metre of
    range; m), the least and greatest elevation (rad), the σ of range rate (m/s), and the share ε of those that may be
    at any height, or any rate. Empty: as many everywhere. With W the extent in elevation::

        f(φ) = ε + (1 − ε) W N(φ; φ_h, σ²)/P(in the volume)      σ² = (σ_h/r)² + σ_φ²       likewise of range rate

    Twin in tests/reference.
    """
    for j in range(z.shape[0]):
        volume, times = 1.0, 1.0
        for k in range(6):
            if math.isfinite(z[j, k]):
                volume *= extent[k]
        if prior.shape[0] > 0:
            r, rest = max(z[j, 0], NEAREST_M), 1.0 - prior[6]  # a correction may have put it behind the radar
            if math.isfinite(z[j, 2]):
                sigma = math.sqrt((prior[1] / r) ** 2 + prior[2] ** 2 + var[j, 2])
                middle = math.asin(min(prior[0] / r, 1.0)) + REFRACTION * r
                times *= prior[6] + rest * _among(z[j, 2], middle, sigma, prior[3], prior[4])
            if math.isfinite(z[j, 3]):
                sigma, half = math.sqrt(prior[5] ** 2 + var[j, 3]), 0.5 * extent[3]
                times *= prior[6] + rest * _among(z[j, 3], 0.0, sigma, -half, half)
        false, fresh = clutter[j] if is_density else clutter[0] / volume, times * new[j] / volume
        rho[j] = false + fresh
        share[j] = fresh / rho[j]


@lean
def _among(value, middle, sigma, low, high):
    """A normal density within two limits against one that is even between them."""
    k = 1.0 / (math.sqrt(2.0) * sigma)
    inside = 0.5 * (math.erf((high - middle) * k) - math.erf((low - middle) * k))
    return (high - low) * k / math.sqrt(math.pi) * math.exp(-(((value - middle) * k) ** 2)) / max(inside, 1e-3)
