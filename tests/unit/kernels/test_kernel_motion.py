"""Prediction kernels against their twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import motion as twin
from tests.unit.kernels.draws import FORGET_RATE, GENERATOR, MOTION, SHARE_BIRTH, columns, modes, rows_of, shares, state

from lowsky.kernels import motion
from lowsky.kernels.compiled import njit
from lowsky.kernels.lanes import LANES, load, put, spread
from lowsky.kernels.sheet import SHEET, give, settle, take

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(0.0, 200.0))
def test_transition_matrices_are_the_matrix_exponential(seed, dt):
    rng = np.random.default_rng(seed)
    G = rng.uniform(0, 1, (4, 4))
    np.fill_diagonal(G, 0)
    np.fill_diagonal(G, -G.sum(axis=1))
    Pi = np.empty((4, 4))
    motion.transition_matrix(G, dt, Pi, np.empty((2, 4, 4)))
    np.testing.assert_allclose(Pi, twin.transition_matrix(G, dt), atol=1e-9)
    np.testing.assert_allclose(Pi.sum(axis=1), 1.0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(0.001, 60.0))
def test_a_predicted_track_is_the_twins(seed, dt):
    rng = np.random.default_rng(seed)
    xs, Ps, mu = modes(rng, *state(rng))
    (x, P), m = columns(xs, Ps), mu[None].copy()
    own = shares(rng)
    share = own[None].copy()
    xm, Pm, t_ns = np.zeros((1, 6)), np.zeros((1, 6, 6)), np.zeros(1, np.int64)
    to_ns = np.array([round(dt * 1e9)])
    motion.predict_tracks(
        np.zeros(1, np.int64), to_ns, t_ns, x, P, m, share, xm, Pm, GENERATOR, MOTION, SHARE_BIRTH, FORGET_RATE
    )
    want_x, want_P, want_mu, want_share = twin.predict_tracks(
        xs, Ps, mu, own, to_ns[0] * 1e-9, GENERATOR, MOTION, SHARE_BIRTH, FORGET_RATE
    )
    np.testing.assert_allclose(m[0], want_mu, rtol=1e-8)
    np.testing.assert_allclose(share[0], want_share, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(share[0].sum(axis=1), 1.0, rtol=1e-9)
    got_x, got_P = rows_of(x, P)
    np.testing.assert_allclose(got_x, want_x, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(got_P, want_P, rtol=1e-7, atol=1e-6 * want_P.max())
    want_xm, want_Pm = twin.merge_modes(want_x, want_P, want_mu)
    np.testing.assert_allclose(xm[0], want_xm, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(Pm[0], want_Pm, rtol=1e-7, atol=1e-6 * want_Pm.max())
    assert t_ns[0] == to_ns[0]


@njit
def axis(damping, q, dt, out):
    for k, lanes in enumerate(motion.axis(load(damping, 0), spread(q), dt)):
        put(out, k * LANES, lanes)


def moved(x, P, dt, row):
    """One Gaussian through one mode."""
    sheet, columns_of = np.zeros(SHEET), columns(x[None], P[None])
    scratch = motion.moving_scratch(np.zeros((1, 1, 1)), row[None])
    take(*columns_of, 0, sheet)
    motion.prepare_span(np.zeros((1, 1, 1)), scratch[0], dt, 0.0, scratch[1][0], *scratch[4:])
    motion.move(sheet, dt, scratch[0], scratch[1][0])
    give(sheet, *columns_of, 0)
    got_x, got_P = rows_of(*columns_of)
    return got_x[0], got_P[0]


def test_two_half_steps_are_one_step_of_constant_velocity(rng):
    x, P = state(rng)
    x1, P1, x2, P2 = x.copy(), P.copy(), x.copy(), P.copy()
    motion.predict_cv(x1, P1, 4.0, 8.0, 1.0)
    motion.predict_cv(x2, P2, 1.5, 8.0, 1.0)
    motion.predict_cv(x2, P2, 2.5, 8.0, 1.0)
    np.testing.assert_allclose(x1, x2)
    np.testing.assert_allclose(P1, P2)


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.floats(1e-4, 60.0), st.floats(0.0, 2.0), st.floats(-8.0, 8.0))
def test_a_mode_moves_as_its_differential_equation_says(seed, dt, damping, turn):
    rng = np.random.default_rng(seed)
    x, P = state(rng)
    row = np.array([damping, 2.0, 0.3 * damping, 0.5, 0.0, rng.choice([0.0, 4.0]), *rng.normal(0, 5, 3)])
    if turn > 0.0:  # a turn has no velocity of its own
        row = np.array([0.0, 2.0, 0.3 * damping, 0.5, turn, 0.0, 0.0, 0.0, 0.0])
    want_x, want_P = twin.advance(x, P, dt, row)
    x, P = moved(x, P, dt, row)
    np.testing.assert_allclose(x, want_x, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(P, want_P, rtol=1e-6, atol=1e-8 * want_P.max())


def test_damping_too_small_to_matter_is_constant_velocity_and_nothing_jumps_where_the_series_ends():
    damping, out = np.zeros(LANES), np.empty((5, LANES))
    damping[1], damping[2] = np.nextafter(motion.SERIES_TO, 0), motion.SERIES_TO + 1e-12
    axis(damping, 3.0, 2.0, out)
    np.testing.assert_allclose(out[:, 0], [2.0, 1.0, 3.0 * 8 / 3, 3.0 * 2.0, 3.0 * 2.0])
    axis(damping, 3.0, 1.0, out)
    np.testing.assert_allclose(out[:, 1], out[:, 2], rtol=1e-10)


def test_a_turn_keeps_speed_and_height(rng):
    row = np.array([0.0, 1.0, 0.0, 0.1, 4.0, 0.0, 0.0, 0.0, 0.0])
    x, P = np.array([0.0, 0.0, 100.0, 0.0, 20.0, 1.0]), np.eye(6)
    for _ in range(round(2 * np.pi * 20 / 4)):  # once round, nearly: 4 m/s² at 20 m/s is 0.2 rad/s
        x, P = moved(x, P, 1.0, row)
    np.testing.assert_allclose(np.hypot(x[3], x[4]), 20.0)
    assert np.hypot(x[0], x[1]) < 20.0
    assert x[5] == 1.0


def test_a_track_already_past_the_time_is_left_alone(rng):
    xs, Ps, mu = modes(rng, *state(rng))
    (x, P), m = columns(xs, Ps), mu[None].copy()
    t_ns = np.array([5])
    motion.predict_tracks(
        np.zeros(1, np.int64), np.array([5]), t_ns, x, P, m, shares(rng)[None], np.zeros((1, 6)), np.zeros((1, 6, 6)),
        GENERATOR, MOTION, SHARE_BIRTH, FORGET_RATE,
    )  # fmt: skip
    np.testing.assert_array_equal(rows_of(x, P)[0], xs)
    np.testing.assert_array_equal(rows_of(x, P)[1], Ps)


def test_settling_bounds_the_diagonal_and_sees_what_is_no_state(rng):
    xs, Ps, mu = modes(rng, *state(rng))
    Ps[0, 0, 0] = 1e12
    floor, ceiling = np.array([0.01, 0.01]), np.array([1e8, 1e6])

    def settled(xs, Ps):
        (x, P), sheet = columns(xs, Ps), np.zeros(SHEET)
        take(x, P, 0, sheet)
        good = settle(sheet, mu, np.zeros(6), np.zeros((6, 6)), np.zeros((6, 6)), floor, ceiling)
        give(sheet, x, P, 0)
        return good, rows_of(x, P)[1]

    good, bounded = settled(xs, Ps)
    assert good and bounded[0, 0, 0] <= 1e8 * (1 + 1e-9)
    broken = bounded.copy()
    broken[:, 1, 1], broken[:, 1, 0] = -1e6, 1e7
    assert not settled(xs, broken)[0]
    with np.errstate(all="ignore"):
        xs[1, 2] = np.nan
        assert not settled(xs, bounded)[0]
