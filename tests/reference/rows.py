"""Twin of lowsky.kernels.rows: NumPy, one rule after another."""

import numpy as np
from scipy.stats import norm

from lowsky.constants import EARTH_MEAN_RADIUS_M


def sane_rows(kind, z_in, sigma_in, sigma, scale, floor, ceiling, pressure, var_pressure, t_ns, latest_ns):
    """(components, variances, weak, source rows) of what is kept, and how many are bad, how many too late."""
    n, width = z_in.shape
    z, var, weak = np.full((n, 6), np.nan), np.ones((n, 6)), np.zeros(n, bool)
    z[:, :width] = np.where(np.abs(z_in) < 1e9, z_in, np.nan)
    var[:, :width] = (
        np.clip(np.where(sigma_in > 0, sigma_in, np.outer(scale, sigma) if len(scale) else sigma), floor, ceiling) ** 2
    )
    if len(pressure) and kind != 2:
        column = 4 if kind == 1 else 2
        weak = np.isnan(z[:, column]) & (np.abs(pressure) < 1e5)
        z[weak, column], var[weak, column] = pressure[weak], var_pressure
    if kind == 1:
        good = (z[:, 0] >= 1.0) & np.isfinite(z[:, 1]) & ~(np.abs(z[:, 2]) > np.pi / 2)
    elif kind == 2:
        good = np.isfinite(z[:, 0]) & ~(np.abs(z[:, 1]) > np.pi / 2)
    else:
        place = (np.abs(z[:, 0]) <= np.pi / 2) & (np.abs(z[:, 1]) <= 2 * np.pi)
        z[~place, :3] = np.nan
        z[np.isnan(z[:, 3]) | np.isnan(z[:, 4]), 3:] = np.nan
        good = place | np.isfinite(z[:, 3])
    late = good & (t_ns > latest_ns)
    keep = np.flatnonzero(good & ~late)
    return (z[keep], var[keep], weak[keep], keep), int((~good).sum()), int(late.sum())


def false_and_new(z, var, extent, clutter, is_density, new, prior):
    volume = np.where(np.isfinite(z), extent, 1.0).prod(axis=1)
    false = clutter if is_density else clutter[0] / volume
    fresh = new / volume
    if len(prior):
        mean, sigma, per_m, low, high, rate, anywhere = prior
        r = np.maximum(z[:, 0], 1.0)
        middle = np.arcsin(np.minimum(mean / r, 1.0)) + r / (8.0 * EARTH_MEAN_RADIUS_M)
        spread = np.sqrt((sigma / r) ** 2 + per_m**2 + var[:, 2])
        for value, law, ends in (
            (z[:, 2], norm(middle, spread), (low, high)),
            (z[:, 3], norm(0.0, np.sqrt(rate**2 + var[:, 3])), (-extent[3] / 2, extent[3] / 2)),
        ):
            inside = np.maximum(law.cdf(ends[1]) - law.cdf(ends[0]), 1e-3)
            times = anywhere + (1 - anywhere) * (ends[1] - ends[0]) * law.pdf(value) / inside
            fresh = fresh * np.where(np.isfinite(value), times, 1.0)
    return false + fresh, fresh / (false + fresh)
