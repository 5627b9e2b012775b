"""Measurement models and updates against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import observe as twin
from tests.reference import update as update_twin
from tests.unit.kernels.draws import (
    RADAR,
    REPORT,
    WIDTH,
    chain,
    columns,
    covariance,
    frame,
    mirrored,
    modes,
    pad,
    rows_of,
    state,
)

from lowsky.kernels import fuse, rearrange, sight, update
from lowsky.kernels import observe as kernel
from lowsky.kernels.compiled import njit
from lowsky.kernels.lanes import LANES, put
from lowsky.kernels.sheet import SHEET, take

SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from([1, 2, 3])
ZERO = np.zeros(1, np.int64)
SIGMA = {1: [10, 0.01, 0.02, 0.5, 150], 2: [0.03, 0.05, 0.7], 3: [10, 10, 15, 0.5, 0.5, 0.5]}


@njit
def bend(sheet, ref, per_rho2, kind, var, out):
    put(out, 0, sight.bend(sheet, ref, per_rho2, kind, var))


def observed(kind, x, P, dt, origin, C, height):
    z_pred, H, extra, d, u, g, _, _ = update.scratch()
    kernel.observe(kind, x, P, dt, origin, C, height, z_pred, H, extra, d, u, g)
    n = WIDTH[kind]
    return z_pred[:n], H[:n], extra[:n]


@settings(max_examples=80, deadline=None)
@given(SEEDS, KINDS, st.floats(-1.0, 1.0))
def test_predictions_and_derivatives_are_those_of_the_definition(seed, kind, dt):
    rng = np.random.default_rng(seed)
    (x, P), (origin, C) = state(rng), frame(rng)
    if kind != REPORT and np.hypot(*(C @ (x[:3] - origin))[:2]) < 150:
        return  # overhead: differences are no derivative there
    z_pred, H, extra = observed(kind, x, P, dt, origin, C, 30.0)
    want = twin.observe(kind, x, dt, origin, C, 30.0)
    if kind == RADAR:
        shift, variance = twin.range_second_order(x, P, dt, origin)
        want[0] += shift
        assert extra[0] == pytest.approx(variance, rel=1e-6)
    np.testing.assert_allclose(z_pred, want, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(H, twin.jacobian(kind, x, dt, origin, C, 30.0), rtol=1e-4, atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(SEEDS, KINDS, st.floats(-1.0, 1.0), st.integers(1, 63))
def test_one_row_conditions_as_the_joint_update_does(seed, kind, dt, mask):
    rng = np.random.default_rng(seed)
    (x, P), (origin, C) = state(rng), frame(rng)
    if kind != REPORT and np.hypot(*(C @ (x[:3] - origin))[:2]) < 150:
        return
    var = np.array(SIGMA[kind], float) ** 2
    z = twin.observe(kind, x, dt, origin, C, 30.0) + rng.normal(size=len(var)) * np.sqrt(var)
    z[[k for k in range(len(z)) if not mask >> k & 1]] = np.nan
    if np.isnan(z).all():
        return
    origin = mirrored(rng, origin) if kind == RADAR else origin
    x1, P1 = x.copy(), P.copy()
    d2, log_l, dim = update.condition(kind, x1, P1, pad(z), pad(var, 1.0), False, dt, origin, C, 30.0, update.scratch())
    want_x, want_P, want_d2, want_log = update_twin.condition(kind, x, P, z, var, dt, origin, C, 30.0)
    assert dim == np.isfinite(z).sum()
    np.testing.assert_allclose(x1, want_x, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(P1, want_P, rtol=1e-4, atol=1e-4 * P.max())
    assert d2 == pytest.approx(want_d2, rel=1e-4, abs=1e-5)
    assert log_l == pytest.approx(want_log, rel=1e-4, abs=1e-4)
    np.testing.assert_array_equal(P1, P1.T)
    assert np.linalg.eigvalsh(P1).min() > 0


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 3), st.sampled_from([0.0, 1.0]), st.booleans())
def test_weighted_rows_update_the_modes_as_the_mixture_does(seed, n_row, apart, dealt_out):
    rng = np.random.default_rng(seed)
    (x0, _), (origin, C) = state(rng), frame(rng)
    if np.hypot(*(C @ (x0[:3] - origin))[:2]) < 150:
        return
    xs, Ps, mu = modes(rng, x0, covariance(rng, [20, 20, 20, 5, 5, 5]))
    xs = x0 + apart * (xs - x0)
    var = np.array(SIGMA[RADAR], float) ** 2
    rows = [  # some of one group, some of others: other variances, a component that is missing
        (twin.observe(RADAR, x0, 0.0, origin, C, 30.0) + rng.normal(size=5) * np.sqrt(var), var * rng.choice([1, 1, 3]))
        for _ in range(n_row)
    ]
    rows[0][0][rng.integers(5)] = np.nan
    origin = mirrored(rng, origin)
    p = 0.01 + rng.dirichlet(np.ones(n_row + 1))
    p /= p.sum()
    (x, P), m, (own, still) = columns(xs, Ps), mu[None].copy(), chain(3)
    _, xm, Pm = own
    zero, bounds = np.zeros(n_row, np.int64), (np.full(2, 1e-6), np.full(2, 1e12))
    seen = (
        np.array([pad(z) for z, _ in rows]), np.array([pad(v, 1.0) for _, v in rows]), np.zeros(n_row, np.bool_), zero,
        origin[None], C[None], np.array([30.0]), zero,
    )  # fmt: skip
    if dealt_out:  # as one of a group of close tracks, but without the dealing
        rearrange.rearrange_tracks(
            RADAR, ZERO, np.array([0, n_row]), np.arange(n_row), p[1:], p[:1], zero, x, P, m, xm, Pm, *seen, *bounds, 0,
            np.empty((1, 1)), np.empty(1, np.bool_),
        )  # fmt: skip
    else:
        track, _, _, sights = sight.weigh_edges(
            RADAR, zero, np.arange(n_row), zero, x, P, m, *own, *seen, np.full(7, 1e6), *still,
            sight.room_for(n_row, 3),
        )  # fmt: skip
        assert len(track) == n_row
        assert len(fuse.update_tracks(track, p[1:], p[:1], sights, x, P, m, xm, Pm, *bounds)) == 0
    want_mu, want_x, want_P = update_twin.update_tracks(RADAR, xs, Ps, mu, rows, p[1:], p[0], 0.0, origin, C, 30.0)
    large, loose = want_mu > 1e-4, 10.0 * apart  # modes near each other share derivatives: off by up to 2 % of a σ
    np.testing.assert_allclose(m[0], want_mu, rtol=3e-3 * (1 + loose), atol=1e-6)
    got_x, got_P = rows_of(x, P)
    np.testing.assert_allclose(got_x[large], want_x[large], rtol=1e-3, atol=1e-2 + 0.03 * loose)
    atol = 1e-3 * (1 + loose) * want_P.max()
    np.testing.assert_allclose(got_P[large], want_P[large], rtol=1e-2 * (1 + loose), atol=atol)


@pytest.mark.parametrize("height_sigma", [10.0, 90.0, 1000.0])  # m; below, about, above its floor
def test_a_certain_row_updates_a_track_as_it_conditions_a_gaussian(rng, height_sigma):
    x = np.array([2000.0, 1000.0, 300.0, 10.0, -5.0, 1.0])
    P = np.diag(np.array([20.0, 20.0, height_sigma, 5.0, 5.0, 1.0]) ** 2)
    P[2, 0] = P[0, 2] = 5.0 * height_sigma
    z = pad([2260.0, 1.1, np.nan, 7.0, 350.0])
    var, one, place = pad([100.0, 1e-4, 1.0, 0.25, 150.0**2], 1.0), np.ones(1), (np.zeros(3), np.eye(3), 30.0)
    want_x, want_P = x.copy(), P.copy()
    _, log_l, _ = update.condition(RADAR, want_x, want_P, z, var, True, -0.5, *place, update.scratch())
    row_t_ns = np.array([500_000_000])
    track_columns, (own, still) = (*columns(x[None], P[None]), one[None]), chain()
    track, _, likelihood, sights = sight.weigh_edges(
        RADAR, ZERO, ZERO, 2 * row_t_ns, *track_columns, *own, z[None], var[None], np.ones(1, np.bool_), row_t_ns,
        *(np.array([v]) for v in place), ZERO, np.full(7, 1e9), *still, sight.room_for(1, 1),
    )  # fmt: skip
    assert np.log(likelihood[0]) == pytest.approx(log_l)
    _, xm, Pm = own
    fuse.update_tracks(track, one, np.zeros(1), sights, *track_columns, xm, Pm, np.full(2, 1e-6), np.full(2, 1e12))
    np.testing.assert_allclose(xm[0], want_x, rtol=1e-9)
    np.testing.assert_allclose(Pm[0], want_P, rtol=1e-9, atol=1e-9 * P.max())


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_rows_are_numbered_alike_where_they_share_what_a_track_makes_of_them(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    z, var = rng.choice([1.0, np.nan], (n, 6), p=[0.9, 0.1]), rng.choice([1.0, 2.0], (n, 6), p=[0.95, 0.05])
    weak, frame_of_row = rng.random(n) < 0.2, rng.integers(0, 2, n)
    number = sight.alike(z, var, weak, frame_of_row)
    np.testing.assert_array_equal(number, update_twin.alike(z, var, weak, frame_of_row))


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([1, 2]))
def test_a_near_mode_is_one_whose_linearisation_may_be_borrowed(seed, kind):
    rng = np.random.default_rng(seed)
    x = np.array([rng.normal(0, 2000, 6)] * 2)
    x[1] += rng.normal(size=6) * 10.0 ** rng.uniform(-1, 2, 6)
    var, rho = rng.uniform(1e-5, 1e-3, 6), np.hypot(*x[0, :2])
    var[0] = 100.0 if kind == RADAR else var[0]
    sheet, bent = np.zeros(SHEET), np.empty(LANES)
    take(*columns(x, np.zeros((2, 6, 6))), 0, sheet)
    bend(sheet, 0, rho**-2.0, kind, var, bent)
    assert bent[0] == 0.0
    assert (bent[1] <= 1.0) == update_twin.is_near(x, 1, 0, rho**-2.0, kind, var)


def test_an_angle_innovation_is_taken_the_short_way_round():
    x, P = np.array([1.0, -1000.0, 50.0, 0.0, 0.0, 0.0]), np.diag([400.0] * 3 + [25.0] * 3)
    z = pad([-np.pi + 1e-3])
    d2, _, _ = update.condition(2, x, P, z, pad([1e-4], 1.0), False, 0.0, np.zeros(3), np.eye(3), 0.0, update.scratch())
    assert d2 < 0.1
