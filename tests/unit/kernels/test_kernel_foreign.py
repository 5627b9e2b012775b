"""Tracklets against their twin, and against the plots that made the tracks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import foreign as twin
from tests.unit.kernels.draws import frame

from lowsky.kernels.foreign import tracklets

Q, SIGMA = 1.0, 20.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_a_tracklet_is_the_difference_of_two_informations(seed, n):
    rng = np.random.default_rng(seed)
    frames = [frame(rng) for _ in range(n)]
    origin = np.array([place for place, _ in frames]).reshape(n, 3)
    C = np.array([axes for _, axes in frames]).reshape(n, 3, 3)
    before = np.concatenate((origin + rng.normal(size=(n, 3)) * 50.0, rng.normal(size=(n, 3)) * 20.0), axis=1)
    var_before, var = (10.0 ** rng.uniform(-0.5, 3.0, (n, 6)) for _ in range(2))
    dt_s, z, z_twin, var_twin = rng.uniform(0.05, 5.0, n), np.empty((n, 6)), np.empty((n, 6)), var.copy()
    moved, moved_twin = np.empty(n, bool), np.empty(n, bool)
    tracklets(before, var_before, dt_s, var, origin, C, 2.0, 0.02, 4.0, z, moved)
    twin.tracklets(before, var_before, dt_s, var_twin, origin, C, 2.0, 0.02, 4.0, z_twin, moved_twin)
    np.testing.assert_allclose(z, z_twin, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(var, var_twin, rtol=1e-9)
    np.testing.assert_array_equal(moved, moved_twin)


def test_tracklets_of_a_kalman_filter_are_its_plots():
    rng = np.random.default_rng(5)
    F, G = np.array([[1.0, 1.0], [0.0, 1.0]]), Q * np.array([[1 / 3, 1 / 2], [1 / 2, 1.0]])
    x, P, reports, plots = np.zeros(2), np.diag([SIGMA**2, 100.0]), [], rng.normal(size=120) * SIGMA
    for plot in plots:
        x, P = F @ x, F @ P @ F.T + G
        K = P[:, 0] / (P[0, 0] + SIGMA**2)
        x, P = x + K * (plot - x[0]), P - np.outer(K, P[0])
        reports.append((x, np.diag(P)))
    after = reports[60:]
    n = len(after) - 1
    before, var, z = np.zeros((n, 6)), np.ones((n, 6)), np.empty((n, 6))
    var_before = np.ones((n, 6))
    before[:, 0], before[:, 3] = [r[0][0] for r in after[:-1]], [r[0][1] for r in after[:-1]]
    var_before[:, 0], var_before[:, 3] = [r[1][0] for r in after[:-1]], [r[1][1] for r in after[:-1]]
    var[:, 0] = [r[1][0] for r in after[1:]]
    place = np.array([[r[0][0], 0.0, 0.0] for r in after[1:]])
    C, moved = np.tile(np.eye(3), (n, 1, 1)), np.empty(n, bool)
    tracklets(before, var_before, np.ones(n), var, place, C, 1.0, 0.02, 6.0, z, moved)
    assert not moved.any()
    error = z[:, 0] + place[:, 0] - plots[61:]
    assert np.sqrt((error**2).mean()) < 0.25 * SIGMA
    assert abs(np.sqrt(var[:, 0]).mean() / SIGMA - 1.0) < 0.1
