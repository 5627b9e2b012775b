"""Rays of bearings against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import observe as observe_twin
from tests.reference import rays as twin
from tests.unit.kernels.draws import BEARING, covariance, frame, pad, state

from lowsky.kernels import rays
from lowsky.kernels.update import scratch

SEEDS = st.integers(0, 2**32 - 1)
HEIGHTS = np.array([150.0, 150.0, 0.05])


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.booleans())
def test_a_bearing_is_cut_into_shells_that_reach_as_far_as_its_sensor(seed, has_elevation):
    rng = np.random.default_rng(seed)
    origin, C = frame(rng)
    z = pad([rng.uniform(-np.pi, np.pi), rng.uniform(0.0, 1.0) if has_elevation else np.nan])
    var = pad([0.05**2, 0.08**2], 1.0)
    x, P, w = np.empty((24, 6)), np.empty((24, 6, 6)), np.empty(24)
    reach = np.array([100.0, 4000.0])
    n = rays.shells(z, var, origin, C, reach, 2**0.5, 0.125, HEIGHTS, np.array([400.0, 9.0]), x, P, w)
    mean, cov, weight = twin.shells(z, var, origin, C, reach, 2**0.5, 0.125, HEIGHTS)
    assert n == len(weight) == 11
    np.testing.assert_allclose(x[:n, :3], mean, atol=1e-6)
    np.testing.assert_allclose(P[:n, :3, :3], cov, rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(w[:n], weight, rtol=1e-9)
    assert (np.diagonal(P[:n], axis1=1, axis2=2)[:, 3:] == [400.0, 400.0, 9.0]).all()


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.booleans(), st.booleans())
def test_a_crossing_is_that_of_gauss_and_newton(seed, has_elevation, has_range):
    rng = np.random.default_rng(seed)
    (x, _), (origin, C) = state(rng), frame(rng)
    if np.hypot(*(C @ (x[:3] - origin))[:2]) < 500:
        return
    P = covariance(rng, [60, 60, 30, 10, 10, 3])
    true = x + np.linalg.cholesky(P) @ rng.normal(size=6)
    z = pad(observe_twin.observe(BEARING, true, 0.0, origin, C, 0.0) + rng.normal(size=3) * [0.03, 0.05, 0.3])
    if not has_elevation:
        z[1] = np.nan
    if not has_range:
        z[2] = np.nan
    var, x1, P1 = pad([0.03**2, 0.05**2, 0.3**2], 1.0), np.empty(6), np.empty((6, 6))
    log_l = rays.cross(x, P, z, var, 0.0, origin, C, x1, P1, scratch())
    want_x, want_P, want_log = twin.cross(x, P, z, var, 0.0, origin, C)
    if not np.isfinite(log_l):
        return  # farther out than any outlier; the next test is about that
    np.testing.assert_allclose(x1, want_x, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(P1, want_P, rtol=1e-3, atol=1e-4 * P.max())
    assert log_l == pytest.approx(want_log, abs=1e-3)


def test_a_shell_is_cut_where_another_sensors_bearing_crosses_it():
    x, P = np.array([0.0, 2000.0, 100.0, 0.0, 0.0, 0.0]), np.diag([60.0**2, 300.0**2, 150.0**2, 400.0, 400.0, 9.0])
    sensor, target = np.array([800.0, 1900.0, 0.0]), np.array([0.0, 2400.0, 100.0])
    z = pad([np.arctan2(target[0] - sensor[0], target[1] - sensor[1])])
    x1, P1 = np.empty(6), np.empty((6, 6))
    log_l = rays.cross(x, P, z, pad([0.01**2], 1.0), 0.0, sensor, np.eye(3), x1, P1, scratch())
    assert np.isfinite(log_l)
    np.testing.assert_allclose(x1[:2], target[:2], atol=25.0)
    away = pad([z[0] + np.pi])
    assert rays.cross(x, P, away, pad([0.01**2], 1.0), 0.0, sensor, np.eye(3), x1, P1, scratch()) == -np.inf


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.01, 30.0))
def test_rays_move_fade_and_fall_silent_as_their_chain_says(seed, dt):
    rng = np.random.default_rng(seed)
    (x, P), q, rates = state(rng), np.array([0.5, 0.2]), np.array([1 / 60, 1 / 20])
    r, on = np.array([0.7]), np.array([rng.random()])
    want = twin.predict_rays(x, P, 0.7, on[0], dt, q, 1 / 600, rates)
    xs, Ps, t_ns = x[None, None].copy(), P[None, None].copy(), np.zeros(1, np.int64)
    rays.predict_rays(1, round(dt * 1e9), t_ns, xs, Ps, np.ones(1, np.int64), r, on, q, 1 / 600, rates)
    np.testing.assert_allclose(xs[0, 0], want[0], rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(Ps[0, 0], want[1], rtol=1e-6, atol=1e-4)
    assert (r[0], on[0]) == (pytest.approx(want[2]), pytest.approx(want[3], abs=1e-4))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 3))
def test_a_ray_after_its_bearings_is_the_mixture_of_what_may_have_happened(seed, n_row):
    rng = np.random.default_rng(seed)
    (x0, _), (origin, C) = state(rng), frame(rng)
    if np.hypot(*(C @ (x0[:3] - origin))[:2]) < 800:
        return
    n, most = 4, 8
    P0 = covariance(rng, [40, 40, 30, 5, 5, 2])
    x = np.array([x0 + np.append(rng.normal(0, 200, 3), np.zeros(3)) for _ in range(n)])
    z = [pad(observe_twin.observe(BEARING, x[k % n], 0.0, origin, C, 0.0)) for k in range(n_row)]
    var = pad([0.03**2, 0.05**2], 1.0)
    w_miss, w_rows = rng.uniform(0.1, 1, n), rng.uniform(0.1, 1, (n, n_row))
    xs, Ps, ws = np.zeros((most, 6)), np.zeros((most, 6, 6)), np.zeros(most)
    xs[:n], Ps[:n], ws[:n] = x, P0, 1 / n

    def crossing(mean, cov, row, row_var):
        x1, P1 = np.empty(6), np.empty((6, 6))
        can = np.isfinite(rays.cross(mean, cov, row, row_var, 0.0, origin, C, x1, P1, scratch()))
        return (x1, P1) if can else None

    for k in range(n):
        for j in range(n_row):
            w_rows[k, j] *= crossing(x[k], P0, z[j], var) is not None  # what cannot be has no weight
    full_rows = np.zeros((most, n_row))
    full_rows[:n] = w_rows
    zero = np.zeros(n_row, np.int64)
    got = rays.update_ray(
        xs, Ps, ws, n, np.append(w_miss, np.zeros(most - n)), full_rows, np.array(z), np.array([var] * n_row), zero, 0,
        origin, C,
    )  # fmt: skip
    want = twin.update_ray(x, [P0] * n, w_miss, w_rows, [(a, var) for a in z], most, rays.SAME2, crossing)
    assert got == len(want) and ws[:got].sum() == pytest.approx(1.0)
    for k, (w, mean, cov) in enumerate(want):
        assert ws[k] == pytest.approx(w, rel=1e-3)
        np.testing.assert_allclose(xs[k], mean, rtol=1e-3, atol=0.1)
        np.testing.assert_allclose(Ps[k], cov, rtol=1e-2, atol=1e-3 * P0.max())


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.booleans())
def test_the_arc_of_a_gaussian_holds_what_is_drawn_from_it(seed, is_heard):
    rng = np.random.default_rng(seed)
    (x, _), (origin, C) = state(rng), frame(rng)
    P = covariance(rng, [200, 60, 30, 10, 10, 3])
    station = np.concatenate((origin, [340.0 if is_heard else 0.0, 0.0, 0.0, 0.1, 5.0]))
    middle, half = rays.azimuths(x, P, station, C)
    drawn = x + rng.normal(size=(300, 6)) @ np.linalg.cholesky(P).T
    azimuth = np.array([observe_twin.observe(BEARING, d, 0.0, station, C, 0.0)[0] for d in drawn])
    off = np.abs((azimuth - middle + np.pi) % (2 * np.pi) - np.pi)
    # the wayward few of 300, and what sound that goes another way than straight makes of it
    assert (off < half + 0.02).mean() > 0.99


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_ray_is_a_place_when_two_sensors_heard_it_and_it_is_narrow(seed):
    rng = np.random.default_rng(seed)
    n, most = 6, 5
    origins = rng.normal(size=(3, 3)) * 1500.0
    x, spread = rng.normal(size=(n, most, 6)) * 30.0, 10.0 ** rng.uniform(0.5, 2.5, n)
    P = np.array([[covariance(rng, [s, s, 20, 5, 5, 2]) for _ in range(most)] for s in spread])
    w, parts, heard = rng.dirichlet(np.full(most, 0.3), n), np.full(n, most), rng.integers(0, 8, n)
    mean, cov, is_place = np.zeros((n, 6)), np.zeros((n, 6, 6)), np.empty(n, bool)
    rays.ray_places(n, parts, w, x, P, heard, origins, 0.9, 0.25, 0.1, mean, cov, is_place)
    for i in range(n):
        by = origins[[bool(heard[i] >> s & 1) for s in range(3)]]
        if len(by) < 2:
            assert not is_place[i]
            continue
        want = twin.ray_places(w[i], x[i], P[i], by, 0.9, 0.25, 0.1)
        np.testing.assert_allclose(mean[i], want[0], atol=1e-9)
        np.testing.assert_allclose(cov[i], want[1], rtol=1e-9, atol=1e-9 * cov[i].max())
        assert is_place[i] == want[2]
