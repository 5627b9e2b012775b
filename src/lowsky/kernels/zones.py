"""Zones over the ground: how far off a point is, and how probably an object will be inside within a time."""

import math

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.kernels.compiled import njit

NEVER = 1e9


@njit
def away_m(e, n, corners, is_area, reach_m):
    """Level distance of a point from a zone, m; 0 or less inside (of an area: how deep).

    corners float64[M, 2]: of an area (``is_area``) the corners in either direction; else a line, or one point, and what
    lies within ``reach_m`` of it is inside. Twin in tests/reference.
    """
    m = corners.shape[0]
    best, inside = math.inf, False
    for k in range(m if is_area else max(m - 1, 1)):
        a0, a1 = corners[k, 0], corners[k, 1]
        b0, b1 = corners[(k + 1) % m, 0], corners[(k + 1) % m, 1]
        d0, d1 = b0 - a0, b1 - a1
        length2 = d0 * d0 + d1 * d1
        along = 0.0 if length2 == 0.0 else min(max(((e - a0) * d0 + (n - a1) * d1) / length2, 0.0), 1.0)
        best = min(best, math.hypot(e - a0 - along * d0, n - a1 - along * d1))
        if is_area and (a1 > n) != (b1 > n) and e < a0 + (n - a1) * d0 / d1:
            inside = not inside
    if is_area:
        return -best if inside else best
    return best - reach_m


@njit
def height_m(e, n, up, site_height_m):
    """Ellipsoidal height of a point of the site's frame, to a metre within 50 km. Twin: ``geo.enu``."""
    return site_height_m + up + (e * e + n * n) / (2.0 * EARTH_MEAN_RADIUS_M)


@njit
def is_inside(x, corners, is_area, reach_m, floor_m, ceiling_m, site_height_m, margin_m):
    """Is a place float64[≥3] of the site's frame in the zone, or within ``margin_m`` beside it? Twin: ``away_m``'s."""
    if away_m(x[0], x[1], corners, is_area, reach_m) > margin_m:
        return False
    height = height_m(x[0], x[1], x[2], site_height_m)
    return floor_m - margin_m <= height <= ceiling_m + margin_m


@njit
def entry(x, L, wander, draws, step_s, steps, corners, is_area, reach_m, floor_m, ceiling_m, site_height_m, bounds):
    r"""Probability that an object enters a zone within ``steps`` · ``step_s`` s, and the median time until then.

    Each draw is a path: a state from N(x, L Lᵀ), which then departs from straight flight as white acceleration of
    density q would take it, in one direction that stays (its spread at each time is exact, √(q t³/3) along each axis;
    that it stays keeps a path smooth, as flight is)::

        p(t) = p + v t + √(q/3) t^{3/2} n

    Parameters
    ----------
    x, L : float64[6], float64[6, 6]
        Mean and lower Cholesky factor.
    wander : float64[2]
        √(q/3) level and vertical, q in m²/s³.
    draws : float64[K, 9]
        Standard normal, the same for all objects.
    bounds : float64[4]
        Least and greatest east and north of the zone, m.

    Returns
    -------
    p, t_s : float, float
        ``NEVER`` where fewer than half of the draws enter.
    """
    n_draw, entered = draws.shape[0], 0
    first = np.empty(n_draw)
    y = np.empty(6)
    place = np.empty(3)
    for k in range(n_draw):
        for a in range(6):
            y[a] = x[a]
            for b in range(a + 1):
                y[a] += L[a, b] * draws[k, b]
        first[k] = NEVER
        for s in range(steps + 1):
            t = s * step_s
            off = t * math.sqrt(t)
            for a in range(3):
                place[a] = y[a] + t * y[a + 3] + off * wander[0 if a < 2 else 1] * draws[k, 6 + a]
            if place[0] < bounds[0] or place[0] > bounds[1] or place[1] < bounds[2] or place[1] > bounds[3]:
                continue
            if is_inside(place, corners, is_area, reach_m, floor_m, ceiling_m, site_height_m, 0.0):
                first[k] = t
                entered += 1
                break
    first.sort()
    return entered / n_draw, first[(n_draw - 1) // 2]
