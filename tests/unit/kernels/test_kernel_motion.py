"""Prediction kernels against their twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import motion as twin
from tests.unit.kernels.draws import FORGET_RATE, GENERATOR, MOTION, SHARE_BIRTH, modes, packed, shares, state, whole

from lowsky.kernels import motion
from lowsky.kernels.packed import settle

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
    x, P, m = xs[None].copy(), packed(Ps[None]), mu[None].copy()
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
    np.testing.assert_allclose(x[0], want_x, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(whole(P[0]), want_P, rtol=1e-7, atol=1e-6 * want_P.max())
    want_xm, want_Pm = twin.merge_modes(want_x, want_P, want_mu)
    np.testing.assert_allclose(xm[0], want_xm, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(Pm[0], want_Pm, rtol=1e-7, atol=1e-6 * want_Pm.max())
    assert t_ns[0] == to_ns[0]


def test_two_half_steps_are_one_step_of_constant_velocity(rng):
    x, P = state(rng)
    x1, P1, x2, P2 = x.copy(), P.copy(), x.copy(), P.copy()
    motion.predict_cv(x1, P1, 4.0, 8.0, 1.0)
    motion.predict_cv(x2, P2, 1.5, 8.0, 1.0)
    motion.predict_cv(x2, P2, 2.5, 8.0, 1.0)
    np.testing.assert_allclose(x1, x2)
    np.testing.assert_allclose(P1, P2)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_step_of_any_block_form_moves_mean_and_covariance(seed):
    rng = np.random.default_rng(seed)
    (x, P), step = state(rng), rng.normal(size=motion.N_STEP)
    step[12:] = [3, 4, 5, 1, 1, 1, 3, 4, 5]
    a, b, q_pp, q_pv, q_vv = (np.diag(step[k : k + 3]) for k in (0, 3, 12, 15, 18))
    F = np.block([[np.eye(3), a], [np.zeros((3, 3)), b]])
    x1, P1 = x.copy(), packed(P)
    motion.predict_step(x1, P1, step)
    np.testing.assert_allclose(x1, F @ x + step[6:12], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole(P1), F @ P @ F.T + np.block([[q_pp, q_pv], [q_pv, q_vv]]), rtol=1e-9, atol=1e-9)


def test_touched_tracks_are_predicted_to_their_newest_row_and_no_others(rng):
    xs, Ps, mu = modes(rng, *state(rng))
    x, P, m = (np.repeat(v[None], 3, axis=0) for v in (xs, packed(Ps), mu))
    t_ns, share = np.zeros(3, np.int64), np.repeat(shares(rng)[None], 3, axis=0)
    columns = t_ns, x, P, m, share, np.zeros((3, 6)), np.zeros((3, 6, 6))
    alone = tuple(c.copy() for c in columns)
    chain = GENERATOR, MOTION, SHARE_BIRTH, FORGET_RATE
    row_t_ns = np.array([1, 4, 2], np.int64) * 10**9
    motion.predict_touched(np.array([0, 0, 2]), np.array([0, 2, 1]), row_t_ns, *columns, *chain)
    motion.predict_tracks(np.array([0, 2]), np.array([2, 4]) * 10**9, *alone, *chain)
    assert t_ns.tolist() == [2 * 10**9, 0, 4 * 10**9]
    for got, want in zip(columns, alone, strict=True):
        np.testing.assert_array_equal(got, want)


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.floats(1e-4, 60.0), st.floats(0.0, 2.0), st.floats(-8.0, 8.0))
def test_a_mode_moves_as_its_differential_equation_says(seed, dt, damping, turn):
    rng = np.random.default_rng(seed)
    x, P = state(rng)
    row = np.array([damping, 2.0, 0.3 * damping, 0.5, 0.0, rng.choice([0.0, 4.0]), *rng.normal(0, 5, 3)])
    if turn > 0.0:  # a turn has no velocity of its own
        row = np.array([0.0, 2.0, 0.3 * damping, 0.5, turn, 0.0, 0.0, 0.0, 0.0])
    want_x, want_P = twin.advance(x, P, dt, row)
    steps, P = np.empty((1, motion.N_STEP)), packed(P)
    motion.mode_steps(row[None], dt, steps)
    motion.move(x, P, dt, row, steps[0], np.empty(5), np.empty((6, 6)))
    np.testing.assert_allclose(x, want_x, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(whole(P), want_P, rtol=1e-6, atol=1e-8 * want_P.max())


def test_damping_too_small_to_matter_is_constant_velocity_and_nothing_jumps_where_the_series_ends(rng):
    step = np.empty(5)
    motion.axis_step(0.0, 3.0, 2.0, step)
    np.testing.assert_allclose(step, [2.0, 1.0, 3.0 * 8 / 3, 3.0 * 2.0, 3.0 * 2.0])
    below, above = np.empty(5), np.empty(5)
    motion.axis_step(np.nextafter(1e-3, 0), 1.0, 1.0, below)
    motion.axis_step(1e-3, 1.0, 1.0, above)
    np.testing.assert_allclose(below, above, rtol=1e-8)


def test_a_turn_keeps_speed_and_height(rng):
    row = np.array([0.0, 1.0, 0.0, 0.1, 4.0, 0.0, 0.0, 0.0, 0.0])
    steps, x, P = np.empty((1, motion.N_STEP)), np.array([0.0, 0.0, 100.0, 0.0, 20.0, 1.0]), packed(np.eye(6))
    motion.mode_steps(row[None], 1.0, steps)
    for _ in range(round(2 * np.pi * 20 / 4)):  # once round, nearly: 4 m/s² at 20 m/s is 0.2 rad/s
        motion.move(x, P, 1.0, row, steps[0], np.empty(5), np.empty((6, 6)))
    np.testing.assert_allclose(np.hypot(x[3], x[4]), 20.0)
    assert np.hypot(x[0], x[1]) < 20.0
    assert x[5] == 1.0


def test_a_track_already_past_the_time_is_left_alone(rng):
    xs, Ps, mu = modes(rng, *state(rng))
    x, P, m = xs[None].copy(), packed(Ps[None]), mu[None].copy()
    t_ns = np.array([5])
    motion.predict_tracks(
        np.zeros(1, np.int64), np.array([5]), t_ns, x, P, m, shares(rng)[None], np.zeros((1, 6)), np.zeros((1, 6, 6)),
        GENERATOR, MOTION, SHARE_BIRTH, FORGET_RATE,
    )  # fmt: skip
    assert (x[0] == xs).all()
    assert (P[0] == packed(Ps)).all()


def test_settling_bounds_the_diagonal_and_sees_what_is_no_state(rng):
    xs, Ps, mu = modes(rng, *state(rng))
    Ps[0, 0, 0] = 1e12
    Ps, xm, Pm, L = packed(Ps), np.zeros(6), np.zeros((6, 6)), np.zeros((6, 6))
    floor, ceiling = np.array([0.01, 0.01]), np.array([1e8, 1e6])
    assert settle(xs, Ps, mu, xm, Pm, L, floor, ceiling)
    assert Ps[0, 0] <= 1e8 * (1 + 1e-9)
    broken = Ps.copy()
    broken[:, 2] = -1e6
    broken[:, 1] = 1e7
    assert not settle(xs, broken, mu, xm, Pm, L, floor, ceiling)
    with np.errstate(all="ignore"):
        xs[1, 2] = np.nan
        assert not settle(xs, Ps, mu, xm, Pm, L, floor, ceiling)
