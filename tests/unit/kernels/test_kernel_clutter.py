"""The clutter map's kernels against their twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import clutter as twin

from lowsky.kernels import clutter
from lowsky.track.clutter import spread

GRID = np.array([100.0, 4900.0 / 48, 0.0, 2 * np.pi / 72])
EDGES = clutter.EDGES_RAD
WIDTH = np.append(np.diff([0.0, *EDGES, np.pi / 2]), 1.0)
PRIOR = 30.0
RATE_EDGES = np.array([*-clutter.RATE_EDGES_MPS[::-1], *clutter.RATE_EDGES_MPS]).clip(-30.0, 30.0)
RATE_WIDTH = np.maximum(np.diff([-30.0, *RATE_EDGES, 30.0]), 0.1)
EXTENT = np.array([4900.0, 2 * np.pi, np.pi / 2, 60.0, 1e4, 1.0])
SEEDS = st.integers(0, 2**32 - 1)


def rows(rng, n):
    """Plots; some beyond the map, some without elevation or range rate, many in one place."""
    z = np.column_stack(
        (rng.uniform(50, 5100, n), rng.uniform(-np.pi, 2 * np.pi, n), rng.uniform(0, 1.5, n), rng.normal(0, 10, n))
    )
    z[: n // 2, :2] = rng.normal([1500.0, 1.0], [60.0, 0.03], (n // 2, 2))
    z[rng.random(n) < 0.2, 2] = np.nan
    z[rng.random(n) < 0.2, 3] = np.nan
    return np.column_stack((z, np.full((n, 2), np.nan)))


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.floats(0.0, 50.0))
def test_counts_and_densities_are_the_twins(seed, looks):
    rng = np.random.default_rng(seed)
    z, weight = rows(rng, 60), rng.random(60)
    counts, rates = np.zeros(clutter.N_CELLS, np.float32), np.zeros(clutter.N_RATES, np.float32)
    clutter.count_clutter(z, weight, counts, rates, GRID, EDGES, RATE_EDGES)
    want, rated = twin.count_clutter(z, weight, GRID, EDGES), twin.count_rates(z, weight, GRID, EDGES, RATE_EDGES)
    assert np.isclose(counts.sum(), sum(want.values()))
    assert np.isclose(rates.sum(), sum(bins.sum() for bins in rated.values()))
    kappa, own = np.empty(60), 0.5 * weight * rng.integers(0, 2, 60)
    clutter.clutter_density(
        z, own, counts, rates, 0.5, looks, GRID, EDGES, RATE_EDGES, spread(WIDTH[:-1]), WIDTH, RATE_WIDTH, PRIOR,
        EXTENT, np.empty(clutter.RATES), kappa,
    )  # fmt: skip
    halved = {place: 0.5 * n for place, n in want.items()}
    half_rates = {place: 0.5 * n for place, n in rated.items()}
    for row, mine, got in zip(z, own, kappa, strict=True):
        p_rate = twin.rate_density(row[3], mine, twin.cell_of(row, GRID, EDGES), half_rates, RATE_EDGES, RATE_WIDTH)
        expected = twin.clutter_density(row, mine, halved, looks, GRID, EDGES, WIDTH, PRIOR, EXTENT, p_rate)
        assert np.isclose(got, expected, rtol=1e-5)
        assert clutter.cell_of(row, GRID, EDGES) == twin.cell_of(row, GRID, EDGES)


def test_every_cell_of_every_level_has_a_place_of_its_own():
    seen = set()
    for level, (n_range, n_azimuth, _) in enumerate(clutter.SIDES.tolist()):
        for i in range(0, 48, 48 // n_range):
            for a in range(0, 72, 72 // n_azimuth):
                seen |= {clutter.place_of(level, i, a, layer) for layer in range(clutter.LAYERS)}
    assert seen == set(range(clutter.N_CELLS))
