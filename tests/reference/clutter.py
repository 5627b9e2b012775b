"""Twin of lowsky.kernels.clutter: counts in dictionaries, one row at a time."""

import math

import numpy as np

SIDES = [(1, 1), (4, 6), (16, 24), (64, 96)]
SHAPES = [5.0, 1.0, 1.0, 1.0]


def cell_of(z, grid, edges):
    """(layer, range number, azimuth number)."""
    layer = 5 if math.isnan(z[2]) else int(np.searchsorted(edges, z[2], side="left"))
    i = int(np.clip(math.floor((z[0] - grid[0]) / grid[1]), 0, 63))
    return layer, i, min(int(((z[1] - grid[2]) % (2 * math.pi)) / grid[3]), 95)


def places(cell):
    """The cell on each level."""
    layer, i, a = cell
    return [(level, layer, i * r // 64, a * w // 96) for level, (r, w) in enumerate(SIDES)]


def count_clutter(rows, weights, grid, edges):
    counts = {}
    for z, w in zip(rows, weights, strict=True):
        for place in places(cell_of(z, grid, edges)):
            counts[place] = counts.get(place, 0.0) + w
    return counts


def clutter_density(z, counts, looks, grid, edges, width, prior, extent):
    cell = cell_of(z, grid, edges)
    rate = prior[cell[0]]
    floor = 0.01 * rate / (64 * 96)
    cells_before = 1
    for place, (r, w), shape in zip(places(cell), SIDES, SHAPES, strict=True):
        rate *= cells_before / (r * w)
        rate *= (shape + counts.get(place, 0.0)) / (shape + looks * rate)
        cells_before = r * w
    density = max(rate, floor) / (grid[1] * grid[3] * width[cell[0]])
    return density / np.prod([extent[k] for k in range(3, 6) if np.isfinite(z[k])])
