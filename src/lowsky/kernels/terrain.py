"""Rays over a height map: how far the ground reaches into, or stays below, the straight way between two points."""

import math

import numpy as np

from lowsky.kernels.compiled import njit


@njit
def map_height(east, north, edge, heights):
    """Bilinear height of float64[rows south to north, columns west to east]; ``edge`` = east and north from, to."""
    rows, columns = heights.shape
    y = min(max((north - edge[2]) / (edge[3] - edge[2]), 0.0), 1.0) * (rows - 1)
    x = min(max((east - edge[0]) / (edge[1] - edge[0]), 0.0), 1.0) * (columns - 1)
    i, j = min(int(y), max(rows - 2, 0)), min(int(x), max(columns - 2, 0))
    up_i, up_j = min(i + 1, rows - 1), min(j + 1, columns - 1)
    v, u = y - i, x - j
    south = heights[i, j] * (1.0 - u) + heights[i, up_j] * u
    north_of = heights[up_i, j] * (1.0 - u) + heights[up_i, up_j] * u
    return south * (1.0 - v) + north_of * v


@njit
def worst_fresnel(place, pos, edge, heights, blocks, shares, wavelength_m, earth_m, effective_m, out):
    r"""Largest Fresnel parameter ν of each path, written to ``out`` float64[P].

    ::

        ν = h √(2 / (λ D s(1−s)))       h = surface − [h_s + s (h_t − h_s) − D² s(1−s)/(2 kₑ)]

    s the share of the way D along the ground, h_s and h_t the ends' heights over the level surface through the origin,
    kₑ 4/3 of the earth's radius.

    Parameters
    ----------
    place, pos : float64[3], float64[P, 3]
        Sensor and points, m in the site's axes.
    edge, heights : float64[4], float64[rows, columns]
        The map (``map_height``).
    blocks : float64[B, 5]
        Buildings: east from, to, north from, to, height above the ground.
    shares : float64[S]
        Where on the way to look, in (0, 1).
    """
    h_s = place[2] + (place[0] ** 2 + place[1] ** 2) / (2.0 * earth_m)
    for p in range(pos.shape[0]):
        h_t = pos[p, 2] + (pos[p, 0] ** 2 + pos[p, 1] ** 2) / (2.0 * earth_m)
        d_east, d_north = pos[p, 0] - place[0], pos[p, 1] - place[1]
        way = max(math.sqrt(d_east * d_east + d_north * d_north), 1.0)
        worst = -np.inf
        for k in range(shares.shape[0]):
            s = shares[k]
            east, north = place[0] + d_east * s, place[1] + d_north * s
            bare = map_height(east, north, edge, heights)
            top = bare
            for b in range(blocks.shape[0]):
                if blocks[b, 0] <= east <= blocks[b, 1] and blocks[b, 2] <= north <= blocks[b, 3]:
                    top = max(top, bare + blocks[b, 4])
            rest = s * (1.0 - s)
            ray = h_s + (h_t - h_s) * s - way * way * rest / (2.0 * effective_m)
            worst = max(worst, (top - ray) * math.sqrt(2.0 / (wavelength_m * way * rest)))
        out[p] = worst
