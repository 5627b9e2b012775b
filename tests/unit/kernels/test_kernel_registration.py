"""References, meetings and votes against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import registration as twin
from tests.unit.kernels.draws import RADAR, REPORT, covariance, frame, pad, state

from lowsky.kernels import registration as kernel

SEEDS = st.integers(0, 2**32 - 1)
SIGMA = {1: [10, 0.01, 0.02, 0.5], 2: [0.03, 0.05], 3: [10, 10, 15, 0.5, 0.5, 0.5]}
SIGMA_ERRORS = np.array([30.0, 0.02, 0.01, 0.3, 3.0, 3.0])


def joint(rng):
    """An object near a sensor and the sensor's errors, correlated."""
    x, _ = state(rng)
    errors = rng.normal(size=6) * SIGMA_ERRORS
    return np.concatenate((x, errors)), covariance(rng, [15, 15, 15, 3, 3, 3, *SIGMA_ERRORS])


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(0.0, 20.0))
def test_prediction_is_that_of_the_matrices(seed, dt):
    x, P = joint(np.random.default_rng(seed))
    want_x, want_P = twin.predict_joint(x, P, dt, 1.0, 0.3)
    kernel.predict_joint(x, P, dt, 1.0, 0.3)
    np.testing.assert_allclose(x, want_x, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(P, want_P, rtol=1e-9, atol=1e-9)


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.sampled_from([1, 2, 3]), st.floats(-1.0, 1.0), st.integers(1, 15))
def test_one_row_conditions_object_and_errors_as_the_joint_update_does(seed, kind, dt, mask):
    rng = np.random.default_rng(seed)
    (x, P), (origin, C) = joint(rng), frame(rng)
    if kind != REPORT and np.hypot(*(C @ (x[:3] - origin))[:2]) < 300:
        return  # overhead: differences are no derivative there
    var = np.array(SIGMA[kind], float) ** 2
    z = twin.observe_joint(kind, x, dt, origin, C, 30.0) + rng.normal(size=len(var)) * np.sqrt(var)
    z[[k for k in range(min(len(z), 4)) if not mask >> k & 1]] = np.nan
    if np.isnan(z).all():
        return
    want_x, want_P, want_d2 = twin.condition_joint(kind, x, P, z, var, dt, origin, C, 30.0)
    d2, used = kernel.condition_joint(kind, x, P, pad(z), pad(var, 1.0), dt, origin, C, 30.0, kernel.room())
    assert used == np.isfinite(z).sum()
    np.testing.assert_allclose(x, want_x, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(P, want_P, rtol=1e-3, atol=2e-4 * P.max())
    assert d2 == pytest.approx(want_d2, rel=1e-3, abs=1e-4)
    np.testing.assert_array_equal(P, P.T)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, 25))
def test_a_vote_counts_looks_of_objects_once(seed, n):
    rng = np.random.default_rng(seed)
    slot, look = np.sort(rng.integers(0, 3, n)), rng.integers(0, 4, n)
    order = np.lexsort((look, slot))
    slot, look = slot[order], look[order]
    nu = rng.normal(size=(n, 3)) * [50, 0.05, 0.05]
    nu[rng.random((n, 3)) < 0.1] = np.nan
    move = rng.normal(size=(n, 3)) * [30, 0.01, 0.01]
    reach = np.broadcast_to([30.0, 0.03, 0.03], (n, 3)).copy()
    times_s, inside = np.array([0.0, -1.0, 1.0]), np.empty(n, np.bool_)
    votes, g, centre = kernel.vote(slot, look, nu, move, reach, times_s, inside)
    assert votes == twin.vote(slot, look, nu, move, reach, times_s)
    assert inside[centre]
    assert g in (0, 1, 2)
    assert len(set(zip(slot[inside].tolist(), look[inside].tolist(), strict=True))) == votes


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(0.0, 2.0))
def test_residuals_are_those_of_the_prediction_and_far_rows_are_left_out(seed, dt):
    rng = np.random.default_rng(seed)
    (x, P), (origin, C) = joint(rng), frame(rng)
    beta, P_beta = x[6:], np.diag(SIGMA_ERRORS**2)
    there, spread = twin.predict_joint(x[:6], P[:6, :6], dt, 1.0, 0.3)
    moved = np.concatenate((there, beta))
    if np.hypot(*(C @ (there[:3] - origin))[:2]) < 300:
        return
    z = np.full((2, 6), np.nan)
    z[:, :4] = twin.observe_joint(RADAR, moved, 0.0, origin, C, 30.0)
    z[0, :3] += rng.normal(size=3) * [5, 0.005, 0.01]
    z[1, 0] += 2000.0
    t_ns, var = np.array([1_000_000_000]), np.ones((2, 6)) * pad(np.array(SIGMA[RADAR]) ** 2, 1.0)
    t_row_ns = np.full(2, 1_000_000_000 + round(dt * 1e9))
    slot, row, d2 = np.empty(8, np.int64), np.empty(8, np.int64), np.empty(8)
    nu, var_nu, move = np.empty((8, 3)), np.empty((8, 3)), np.empty((8, 3))
    n = kernel.compare(
        RADAR, np.array([0]), t_row_ns, z, var, origin, C, 30.0, beta, P_beta, np.array([1.0, 0.3]), np.zeros(3), 25.0,
        16.0, t_ns, x[None, :6].copy(), P[None, :6, :6].copy(), slot, row, nu, var_nu, move, d2,
    )  # fmt: skip
    assert (n, slot[0], row[0]) == (1, 0, 0)
    want = z[0, :3] - twin.observe_joint(RADAR, moved, 0.0, origin, C, 30.0)[:3]
    want[0] -= twin.range_second_order(there + np.append(beta[4:], [0.0] * 4), spread, -beta[3], origin)[0]
    np.testing.assert_allclose(nu[0], want, rtol=1e-6, atol=1e-6)
    assert d2[0] == pytest.approx((nu[0] ** 2 / var_nu[0]).sum(), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_references_in_view_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    x = np.array([state(rng)[0] for _ in range(32)])
    t_ns = rng.integers(0, 2, 32) * (10_000_000_000 + rng.integers(0, 5_000_000_000, 32))
    limits = np.array([1000.0, 6000.0, rng.uniform(0, 5), 0.0, -0.1, 0.6])
    limits[3] = limits[2] + rng.uniform(1, 6.2)
    given = 12_000_000_000, t_ns, rng.integers(0, 6, 32), x, 3, 2_500_000_000, 100.0, 1.0, limits, *frame(rng)
    np.testing.assert_array_equal(kernel.in_view(*given), twin.in_view(*given))


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 7))
def test_a_reference_begins_as_its_report_says_along_the_reports_axes(seed, unknown):
    rng = np.random.default_rng(seed)
    origin, C = frame(rng)
    z, var = rng.normal(size=6) * 10, rng.uniform(1, 100, 6)
    z[:3] = 0.0
    z[[3 + k for k in range(3) if unknown >> k & 1]] = np.nan
    x, P = np.empty(6), np.empty((6, 6))
    kernel.begin_reference(x, P, z, var, origin, C, 2500.0)
    want_x, want_P = twin.begin_reference(z, var, origin, C, 2500.0)
    np.testing.assert_allclose(x, want_x, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(P, want_P, rtol=1e-12, atol=1e-9)
