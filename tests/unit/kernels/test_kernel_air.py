"""The witnesses' filters against their twin."""

import numpy as np
from tests.reference import air as twin
from tests.reference.observe import observe
from tests.unit.kernels.draws import RADAR, frame, pad

from lowsky.kernels.air import straight_steps
from lowsky.kernels.update import scratch

Q = np.array([0.05, 0.1, 0.2])


def test_each_level_of_noise_is_the_twins_and_nobody_else_is_touched(rng):
    n = 4
    x = np.array([[*rng.uniform(800, 3000, 2), 150.0, *rng.normal(0, 15, 2), 0.0] for _ in range(n)])
    x, P = np.repeat(x[:, None], 3, 1), np.repeat(np.diag([400.0, 400, 400, 9, 9, 4])[None, None], n * 3, 1)
    P = P.reshape(n, 3, 6, 6).copy()
    origin, C = frame(rng)
    var = np.array([100.0, 1e-4, 3e-4, 0.25])
    slot, row = np.array([3, 1]), np.array([0, 2])
    z = np.full((3, 6), np.nan)
    for w, j in zip(slot, row, strict=True):
        z[j, :4] = observe(RADAR, x[w, 0], 0.5, origin, C, 0.0)[:4] + rng.normal(size=4) * np.sqrt(var)
    t_ns, gained, d2 = np.full(n, 10**9), np.empty((2, 3)), np.empty((2, 3))
    was_x, was_P = x.copy(), P.copy()
    straight_steps(
        RADAR, slot, row, x, P, t_ns, z, np.tile(pad(var, 1.0), (3, 1)), np.zeros(3, np.bool_),
        np.full(3, 1_500_000_000), origin[None], C[None], np.zeros(1), np.zeros(3, np.int64), Q, 2.0, gained, d2,
        scratch(),
    )  # fmt: skip
    for k, (w, j) in enumerate(zip(slot, row, strict=True)):
        want = twin.straight_steps(
            RADAR, was_x[w], was_P[w], 0.5, z[j], pad(var, 1.0), origin, C, 0.0, Q, 2.0
        )  # fmt: skip
        for found, there, tolerance in zip((x[w], P[w], d2[k], gained[k]), want, (1e-3, 1e-3, 1e-4, 1e-4), strict=True):
            np.testing.assert_allclose(found, np.array(there), rtol=1e-4, atol=tolerance)
    np.testing.assert_array_equal(x[[0, 2]], was_x[[0, 2]])
    assert t_ns.tolist() == [10**9, 1_500_000_000, 10**9, 1_500_000_000]
