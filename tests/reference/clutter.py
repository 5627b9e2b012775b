"""Twin of lowsky.kernels.clutter: counts in dictionaries, one row at a time."""

import math

import numpy as np

SIDES = [(1, 1, 4), (4, 6, 8), (16, 24, 16), (48, 72, 16)]
SHAPES = [5.0, 1.0, 1.0, 1.0]
RATE_SIDES = [(1, 1), (4, 6), (16, 24)]
RATE_SHAPES = [50.0, 50.0, 50.0]


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


def rate_places(cell):
    i, a, _ = cell
    return [(level, i * r // 48, a * w // 72) for level, (r, w) in enumerate(RATE_SIDES)]


def count_rates(rows, weights, grid, edges, rate_edges):
    counts = {}
    for z, w in zip(rows, weights, strict=True):
        if np.isfinite(z[3]):
            for place in rate_places(cell_of(z, grid, edges)):
                bins = counts.setdefault(place, np.zeros(len(rate_edges) + 1))
                bins[np.searchsorted(rate_edges, z[3], side="left")] += w
    return counts


def rate_density(rate, own, cell, counts, rate_edges, width):
    p = flat = width / width.sum()
    mine = np.zeros(len(width))
    mine[b := np.searchsorted(rate_edges, rate, side="left")] = own
    for place, shape in zip(rate_places(cell), RATE_SHAPES, strict=True):
        seen = np.maximum(counts.get(place, np.zeros(len(width))) - mine, 0.0)
        total = seen.sum()
        if total > 1.0:
            excess = ((seen - total * p) ** 2 / (total * p)).sum() / (len(p) - 1) - 1.0
            a = max(shape, (total - 1.0) / max(excess, 1e-3) - 1.0)
            p = (a * p + seen) / (a + total)
    return max(p[b], 0.1 * flat[b]) / width[b]


def clutter_density(z, own, counts, looks, grid, edges, width, prior, extent, p_rate=None):
    """``width`` float64[17]: the layers' in rad, and 1 for plots without elevation; ``p_rate`` the density of the row's
    range rate."""
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
    if np.isfinite(z[3]):
        density *= p_rate
    return density / np.prod([extent[k] for k in range(4, 6) if np.isfinite(z[k])])
