"""Twin of lowsky.kernels.existence: Bayes on paper."""

import numpy as np
from scipy.stats import norm


def inside(x, P, dt, origin, C, limits):
    d = x[:3] + dt * x[3:] - origin
    r = max(np.linalg.norm(d), 1.0)
    radius = np.sqrt(np.trace(P[:3, :3]) / 3)
    e, n, up = C @ d
    rho = max(np.hypot(e, n), 1.0)
    elevation = np.arctan2(up, rho) + r / (8 * 6_371_008.8)

    def between(value, sigma, low, high):
        return norm.cdf((high - value) / sigma) - norm.cdf((low - value) / sigma)

    p = between(r, radius, limits[0], limits[1]) * between(elevation, radius / r, limits[4], limits[5])
    width = limits[3] - limits[2]
    if width < 2 * np.pi - 1e-6:
        off = (np.arctan2(e, n) - (limits[2] + limits[3]) / 2 + np.pi) % (2 * np.pi) - np.pi
        p *= between(off, radius / rho, -width / 2, width / 2)
    return p


def after_look(r, p_missed, p_i0, p_hit):
    """Existence: it is there and was seen, or it is there and was not."""
    not_there = 1 - r
    there_unseen = r * p_missed
    return p_hit + p_i0 * there_unseen / (not_there + there_unseen)
