"""Twin of lowsky.kernels.clutter: counts in dictionaries, one row at a time."""

import math

import numpy as np

SIDES = [(1, 1, 4), (4, 6, 8), (16, 24, 16), (48, 72, 16)]
SHAPES = [5.0, 1.0, 1.0, 1.0]


def cell_of(z, grid, edges):
    """(range number, azimuth number, layer)."""
    layer = 16 if math.isnan(z[2]) else int(np.searchsorted(edges, z[2], side="left"))
    i = int(np.clip(math.floor((z[0] - grid[0]) / grid[1]), 0, 47))
    return i, min(int(((z[1] - grid[2]) % (2 * math.pi)) / grid[3]), 71), layer


def places(cell):
    """The cell on each level; plots without elevation have cells of their own, -1."""
    i, a, layer = cell
    return [
        (level, i * r // 48, a * w // 72, -1 if layer == 16 else layer * e // 16)
        for level, (r, w, e) in enumerate(SIDES)
    ]


def count_clutter(rows, weights, grid, edges):
    counts = {}
    for z, w in zip(rows, weights, strict=True):
        for place in places(cell_of(z, grid, edges)):
            counts[place] = counts.get(place, 0.0) + w
    return counts


def clutter_density(z, own, counts, looks, grid, edges, width, prior, extent):
    """``width`` float64[17]: the layers' in rad, and 1 for plots without elevation."""
    cell = cell_of(z, grid, edges)
    has_elevation = cell[2] < 16
    whole = prior / width[:16].sum() if has_elevation else prior  # per cell of one by one, per rad
    rate, volume_before = prior, width[:16].sum() if has_elevation else 1.0
    for (level, _, _, k), (r, w, e), shape in zip(places(cell), SIDES, SHAPES, strict=True):
        volume = sum(width[q] for q in range(16) if q * e // 16 == k) if has_elevation else 1.0
        volume /= r * w
        rate *= volume / volume_before
        rate *= (shape + max(counts.get(places(cell)[level], 0.0) - own, 0.0)) / (shape + looks * rate)
        volume_before = volume
    density = max(rate / (volume * 48 * 72), 0.01 * whole / (48 * 72)) / (grid[1] * grid[3])
    return density / np.prod([extent[k] for k in range(3, 6) if np.isfinite(z[k])])
