"""How dense false plots are where a plot is, and at its range rate: counts in nested cells, each level's estimate the
prior of the next."""

import math

import numpy as np

from lowsky.kernels.compiled import lean

EDGES_RAD = np.radians(np.array([0.75, 1.5, 2.75, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0, 24.0, 30.0, 36.0, 45.0, 54.0, 70.0]))
"""Between the layers of elevation: what makes false plots (roads, trees, waves) lies low, rain higher."""
LAYERS = len(EDGES_RAD) + 2
"""The layers between the edges, and one for plots that carry no elevation."""
SIDES = np.array([[1, 1, 4], [4, 6, 8], [16, 24, 16], [48, 72, 16]])
"""Cells in range, azimuth and elevation of each level; beside the last, one for plots without elevation."""
LEVELS = len(SIDES)
FINEST = SIDES[-1]
FIRST = np.concatenate(([0], np.cumsum(SIDES[:, 0] * SIDES[:, 1] * (SIDES[:, 2] + 1))))
N_CELLS = int(FIRST[-1])
SHAPE = np.array([5.0, 1.0, 1.0, 1.0])
"""Of the gamma distribution of a cell's rate about its share of its parent's: small, so that patches a hundred times
denser are learnt in a few looks, and not so small that one false plot makes a patch."""
LEAST_SHARE = 0.01
"""No place is believed freer of clutter than this share of what the site file says."""
RATE_EDGES_MPS = np.array([1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 11.0, 15.0, 20.0, 27.0, 36.0, 50.0])
"""Between the bins of range rate, of either sign: what makes false plots moves with the wind, or hardly."""
RATES = 2 * len(RATE_EDGES_MPS) + 1
RATE_SIDES = np.array([[1, 1], [4, 6], [16, 24]])
"""Cells in range and azimuth of each level of what is known of range rates."""
RATE_LEVELS = len(RATE_SIDES)
RATE_FIRST = np.concatenate(([0], np.cumsum(RATE_SIDES[:, 0] * RATE_SIDES[:, 1] * RATES)))
N_RATES = int(RATE_FIRST[-1])
RATE_SHAPE = 50.0
"""Of the Dirichlet distribution of a cell's range rates about its parent's, at least; in false plots."""
LEAST_RATE = 0.1
"""No range rate is believed freer of clutter than this share of what it would be, were all as many."""


@lean
def cell_of(z, grid, layer_edges):
    """(range number, azimuth number, layer) of a RADAR row on the finest level.

    grid float64[4]: least range m, cell m, first azimuth rad, cell rad. Twin: with ``clutter_density``.
    """
    layer = LAYERS - 1
    if math.isfinite(z[2]):
        layer = 0
        while layer < layer_edges.shape[0] and z[2] > layer_edges[layer]:
            layer += 1
    i = min(max(int((z[0] - grid[0]) / grid[1]), 0), FINEST[0] - 1)
    turn = (z[1] - grid[2]) % (2.0 * math.pi)
    return i, min(int(turn / grid[3]), FINEST[1] - 1), layer


@lean
def place_of(level, i, a, layer):
    """Where in the counts the cell of a level is that the finest cell lies in. Twin: with ``clutter_density``."""
    n_range, n_azimuth, n_layer = SIDES[level, 0], SIDES[level, 1], SIDES[level, 2]
    at = i * n_range // FINEST[0] * n_azimuth + a * n_azimuth // FINEST[1]
    k = n_layer if layer == LAYERS - 1 else layer * n_layer // FINEST[2]
    return FIRST[level] + at * (n_layer + 1) + k


@lean
def rate_bin(rate, edges):
    """Which bin of range rate (``edges`` float64[RATES − 1], m/s). Twin: with ``clutter_density``."""
    b = 0
    while b < edges.shape[0] and rate > edges[b]:
        b += 1
    return b


@lean
def rate_place(level, i, a):
    """Where in the counts of range rates the bins of a level's cell begin. Twin: with ``rate_density``."""
    n_range, n_azimuth = RATE_SIDES[level, 0], RATE_SIDES[level, 1]
    return RATE_FIRST[level] + (i * n_range // FINEST[0] * n_azimuth + a * n_azimuth // FINEST[1]) * RATES


@lean
def rate_density(rate, own, i, a, counts, scale, edges, width, p):
    r"""Density of the range rate of a false plot in a finest cell, in s/m.

    From the whole down to the cell, with g_b false plots counted in bin b of B and G in all, the mean of a Dirichlet
    distribution about the parent's shares, of shape a::

        p_b ← (a p_b + g_b) / (a + G)      a = max(a_0, (G − 1)/(χ²/(B − 1) − 1) − 1)      χ² = Σ (g_b − G p_b)²/(G p_b)

    a is what makes χ² what it is (its mean is (B − 1)(1 + (G − 1)/(a + 1))): cells that are like their parent stay so.

    ``counts`` float32[N_RATES], current by ``scale``; ``own`` as in ``clutter_density``; ``edges`` float64[RATES − 1]
    and ``width`` float64[RATES] of the bins, m/s; ``p`` float64[RATES] is room to work in. Twin in tests/reference.
    """
    whole, b = 0.0, rate_bin(rate, edges)
    for k in range(RATES):
        whole += width[k]
    for k in range(RATES):
        p[k] = width[k] / whole
    least = LEAST_RATE * p[b]
    for level in range(RATE_LEVELS):
        at, total, apart = rate_place(level, i, a), 0.0, 0.0
        for k in range(RATES):
            total += max(counts[at + k] * scale - (own if k == b else 0.0), 0.0)
        if total <= 1.0:
            continue
        for k in range(RATES):
            off = max(counts[at + k] * scale - (own if k == b else 0.0), 0.0) - total * p[k]
            apart += off * off / (total * p[k])
        excess = apart / (RATES - 1) - 1.0
        shape = max(RATE_SHAPE, (total - 1.0) / max(excess, 1e-3) - 1.0)
        for k in range(RATES):
            mine = max(counts[at + k] * scale - (own if k == b else 0.0), 0.0)
            p[k] = (shape * p[k] + mine) / (shape + total)
    return max(p[b], least) / width[b]


@lean
def clutter_density(
    z, own, counts, rates, scale, looks, grid, layer_edges, rate_edges, spread, layer_width, rate_width, prior, extent,
    room, kappa,
):  # fmt: skip
    r"""Density of false plots at each row, per unit of the components the row has, into ``kappa`` float64[N].

    From the whole down to the cell, with ``n`` looks and ``g`` false plots counted, the share s of a parent's rate
    that falls on a child if it is even is the mean of the child's prior, a gamma distribution of shape a, so::

        λ ← s λ_parent (a + g) / (a + n s λ_parent)

    Parameters
    ----------
    z : float64[N, 6]
        RADAR rows.
    own : float64[N]
        What each row itself has in the counts, now: it is left out, so that rows of a look may speak of each other.
    counts, rates : float32[N_CELLS], float32[N_RATES]
        Soft counts of false plots by place and by range rate; ``scale`` makes them current (they fade), ``looks`` float
        is n, faded alike.
    grid, layer_edges, rate_edges, rate_width : as in ``cell_of`` and ``rate_density``
    spread : float64[LEVELS, LAYERS]
        s of the cell of each level that a finest cell of the layer lies in, by volume.
    layer_width : float64[LAYERS]
        In rad; 1 for the layer without elevation.
    prior : float
        False plots per look by the site file.
    extent : float64[6]
        Spans of the components; false plots are even in those the map does not have.
    room : float64[RATES]
        To work in.

    Source
    ------
    docs/science, section 1.7 (gamma–Poisson map, hierarchical prior); the levels are ours.
    """
    for j in range(z.shape[0]):
        i, a, layer = cell_of(z[j], grid, layer_edges)
        rate, least = prior, LEAST_SHARE * prior
        for level in range(LEVELS):
            rate *= spread[level, layer]
            least *= spread[level, layer]
            counted = max(counts[place_of(level, i, a, layer)] * scale - own[j], 0.0)
            rate *= (SHAPE[level] + counted) / (SHAPE[level] + looks * rate)
        density = max(rate, least) / (grid[1] * grid[3] * layer_width[layer])
        if math.isfinite(z[j, 3]):
            density *= rate_density(z[j, 3], own[j], i, a, rates, scale, rate_edges, rate_width, room)
        for k in range(4, 6):
            if math.isfinite(z[j, k]):
                density /= extent[k]
        kappa[j] = density


@lean
def count_clutter(z, weight, counts, rates, grid, layer_edges, rate_edges):
    """Add ``weight`` float64[N], each row's probability of being false, to its cell of every level, in place."""
    for j in range(z.shape[0]):
        i, a, layer = cell_of(z[j], grid, layer_edges)
        for level in range(LEVELS):
            counts[place_of(level, i, a, layer)] += weight[j]
        if math.isfinite(z[j, 3]):
            b = rate_bin(z[j, 3], rate_edges)
            for level in range(RATE_LEVELS):
                rates[rate_place(level, i, a) + b] += weight[j]
