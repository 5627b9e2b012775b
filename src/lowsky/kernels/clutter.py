"""How dense false plots are where a plot is: counts in nested cells, each level's estimate the prior of the next."""

import math

import numpy as np

from lowsky.kernels.compiled import njit

LAYERS = 6
"""Five layers of elevation and one for plots that carry none."""
EDGES_RAD = np.radians(np.array([1.5, 4.0, 8.0, 16.0]))
"""Between the layers: what makes false plots (roads, trees, waves) lies low."""
SIDES = np.array([[1, 1], [4, 6], [16, 24], [64, 96]])
"""Cells in range and in azimuth of each level; every cell has the same number of children."""
CHILDREN = np.array([1.0, 24.0, 16.0, 16.0])
FIRST = np.array([0, 6, 6 + 6 * 24, 6 + 6 * 24 + 6 * 384])
N_CELLS = 6 * (1 + 24 + 384 + 6144)
SHAPE = np.array([5.0, 1.0, 1.0, 1.0])
"""Of the gamma distribution of a cell's rate about its parent's: small, so that patches a hundred times denser are
learnt in a few looks, and not so small that one false plot makes a patch."""
LEAST_SHARE = 0.01
"""No place is believed freer of clutter than this share of what the site file says."""


@njit
def cell_of(z, grid, layer_edges):
    """(layer, range number, azimuth number) of a RADAR row on the finest level.

    grid float64[4]: least range m, cell m, first azimuth rad, cell rad. Twin: with ``clutter_density``.
    """
    layer = LAYERS - 1
    if math.isfinite(z[2]):
        layer = 0
        for k in range(layer_edges.shape[0]):
            if z[2] > layer_edges[k]:
                layer = k + 1
    n_range, n_azimuth = SIDES[3, 0], SIDES[3, 1]
    i = min(max(int((z[0] - grid[0]) / grid[1]), 0), n_range - 1)
    turn = (z[1] - grid[2]) % (2.0 * math.pi)
    return layer, i, min(int(turn / grid[3]), n_azimuth - 1)


@njit
def clutter_density(z, counts, scale, looks, grid, layer_edges, layer_width, layer_prior, extent, kappa):
    r"""Density of false plots at each row, per unit of the components the row has, into ``kappa`` float64[N].

    From the whole layer down to the cell, with ``n`` looks and ``g`` false plots counted, a parent's rate spread over
    its children is the mean of the children's prior, a gamma distribution of shape a, so::

        λ ← (λ_parent / children) · (a + g) / (a + n λ_parent / children)

    Parameters
    ----------
    z : float64[N, 6]
        RADAR rows.
    counts : float64[N_CELLS]
        Soft counts of false plots; ``scale`` makes them current (they fade), ``looks`` float is n, faded alike.
    grid, layer_edges : as in ``cell_of``
    layer_width, layer_prior : float64[LAYERS]
        Width in rad (1 for the layer without elevation) and false plots per look by the site file.
    extent : float64[6]
        Spans of the components; false plots are even in those the map does not have.

    Source
    ------
    docs/science, section 1.7 (gamma–Poisson map, hierarchical prior); the levels are ours.
    """
    for j in range(z.shape[0]):
        layer, i, a = cell_of(z[j], grid, layer_edges)
        rate = layer_prior[layer]
        least = LEAST_SHARE * rate
        for level in range(4):
            rate /= CHILDREN[level]
            least /= CHILDREN[level]
            n_range, n_azimuth = SIDES[level, 0], SIDES[level, 1]
            at = FIRST[level] + (layer * n_range + i * n_range // 64) * n_azimuth + a * n_azimuth // 96
            rate *= (SHAPE[level] + counts[at] * scale) / (SHAPE[level] + looks * rate)
        density = max(rate, least) / (grid[1] * grid[3] * layer_width[layer])
        for k in range(3, 6):
            if math.isfinite(z[j, k]):
                density /= extent[k]
        kappa[j] = density


@njit
def count_clutter(z, weight, counts, grid, layer_edges):
    """Add ``weight`` float64[N], each row's probability of being false, to its cell of every level, in place."""
    for j in range(z.shape[0]):
        layer, i, a = cell_of(z[j], grid, layer_edges)
        for level in range(4):
            n_range, n_azimuth = SIDES[level, 0], SIDES[level, 1]
            at = FIRST[level] + (layer * n_range + i * n_range // 64) * n_azimuth + a * n_azimuth // 96
            counts[at] += weight[j]
