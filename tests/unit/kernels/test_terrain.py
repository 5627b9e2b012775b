"""The rays' kernel against its plain twin, on maps and buildings drawn at random."""

import numpy as np
import pytest
from tests.reference import terrain as twin

from lowsky.kernels.terrain import map_height, worst_fresnel

EARTH_M, EFFECTIVE_M = 6_371_008.8, 8_494_678.4


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 1), (4, 5)])
def test_the_kernel_is_its_twin(rng, shape):
    heights = rng.uniform(0.0, 150.0, shape)
    edge = np.array([-3000.0, 2000.0, -1500.0, 2500.0])
    corner = rng.uniform(-2500.0, 1500.0, (6, 2))
    blocks = np.column_stack((corner[:, 0], corner[:, 0] + 300.0, corner[:, 1], corner[:, 1] + 200.0, np.full(6, 60.0)))
    place, pos = np.array([200.0, -100.0, 90.0]), rng.uniform(-4000.0, 4000.0, (40, 3))
    pos[:, 2] = rng.uniform(0.0, 600.0, 40)
    shares = np.linspace(0.01, 0.99, 25)
    out = np.empty(40)
    worst_fresnel(place, pos, edge, heights, blocks, shares, 0.03, EARTH_M, EFFECTIVE_M, out)
    np.testing.assert_allclose(
        out, twin.worst_fresnel(place, pos, edge, heights, blocks, shares, 0.03, EARTH_M, EFFECTIVE_M), rtol=1e-9
    )
    for east, north in rng.uniform(-4000.0, 4000.0, (30, 2)):
        assert map_height(east, north, edge, heights) == pytest.approx(twin.map_height(east, north, edge, heights))
