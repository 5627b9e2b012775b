"""What only bearings have: sound that was under way for seconds, and noise with a heavy tail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import observe as twin
from tests.reference import update as update_twin
from tests.unit.kernels.draws import BEARING, chain, columns, frame, pad, state

from lowsky.kernels import fuse, sight, update
from lowsky.kernels import observe as kernel
from lowsky.kernels.gate import arc_of, track_boxes

SEEDS = st.integers(0, 2**32 - 1)


def station(origin, sound_mps=0.0, wind=(0.0, 0.0), tail=(0.0, 1.0), sigma_place=0.0):
    return np.array([*origin, sound_mps, *wind, *tail, sigma_place])


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.floats(-1.0, 1.0))
def test_what_is_heard_comes_from_where_the_object_was(seed, dt):
    rng = np.random.default_rng(seed)
    (x, P), (place, C) = state(rng), frame(rng)
    if np.hypot(*(C @ (x[:3] - place))[:2]) < 300:
        return
    origin = station(place, 340.0)
    z_pred, H, extra, d, u, g, _, _ = update.scratch()
    kernel.observe(BEARING, x, P, dt, origin, C, 0.0, z_pred, H, extra, d, u, g)
    np.testing.assert_allclose(z_pred[:3], twin.observe(BEARING, x, dt, origin, C, 0.0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(H[:3], twin.jacobian(BEARING, x, dt, origin, C, 0.0), rtol=1e-4, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_wind_carries_the_sound(seed):
    rng = np.random.default_rng(seed)
    (x, _), (place, C) = state(rng), frame(rng)
    origin = station(place, 340.0, rng.uniform(-15, 15, 2))
    d, u = C @ (x[:3] - place), C @ x[3:]
    want = twin.retard(d.copy(), u, C[:, :2] @ origin[4:6], 340.0)
    tau, _ = kernel.retard(d, u, C, *origin[3:6])
    assert tau == pytest.approx(want, rel=2e-4)


def test_an_object_faster_than_sound_leaves_finite_numbers():
    x, z = np.array([800.0, 500, 100, -400, 100, 0]), pad([0.3, 0.1])
    P = np.diag([100.0] * 3 + [25.0] * 3)
    update.condition(
        BEARING, x, P, z, pad([0.01, 0.01], 1.0), False, 0.0, station([0, 0, 0], 340.0), np.eye(3), 0.0,
        update.scratch(),
    )  # fmt: skip
    assert np.isfinite(x).all() and np.linalg.eigvalsh(P).min() > 0


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(-12.0, 12.0), st.floats(0.01, 0.5))
def test_a_heavy_tail_is_the_mixture_of_its_two_gaussians(seed, sigmas, share):
    rng = np.random.default_rng(seed)
    (x, P), (place, C) = state(rng), frame(rng)
    if np.hypot(*(C @ (x[:3] - place))[:2]) < 300:
        return
    var = np.array([0.03**2, 0.05**2])
    z = twin.observe(BEARING, x, 0.0, place, C, 0.0) + np.array([sigmas * 0.03, np.nan, np.nan])
    x1, P1 = x.copy(), P.copy()
    _, log_l, used = update.condition(
        BEARING, x1, P1, pad(z), pad(var, 1.0), False, 0.0, station(place, tail=(share, 5.0)), C, 0.0, update.scratch()
    )
    want_x, want_P, want_log = update_twin.tailed(x, P, z, var, 0.0, place, C, share, 5.0)
    assert used == 1
    np.testing.assert_allclose(x1, want_x, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(P1, want_P, rtol=1e-4, atol=1e-4 * P.max())
    assert log_l == pytest.approx(want_log, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(-12.0, 12.0), st.booleans())
def test_a_track_takes_a_bearing_as_a_gaussian_does(seed, sigmas, is_heard):
    rng = np.random.default_rng(seed)
    (x, P), (place, C) = state(rng), frame(rng)
    if np.hypot(*(C @ (x[:3] - place))[:2]) < 300:
        return
    origin = station(place, 340.0 if is_heard else 0.0, tail=(0.2, 5.0))
    z = pad(twin.observe(BEARING, x, 0.0, origin, C, 0.0) + np.array([sigmas * 0.03, np.nan, np.nan]))
    var, one, zero = pad([0.03**2, 0.05**2], 1.0), np.ones(1), np.zeros(1, np.int64)
    want_x, want_P = x.copy(), P.copy()
    _, log_l, _ = update.condition(BEARING, want_x, want_P, z, var, False, 0.0, origin, C, 0.0, update.scratch())
    track_columns, (own, still) = (*columns(x[None], P[None]), one[None]), chain()
    track, _, likelihood, sights = sight.weigh_edges(
        BEARING, zero, zero, zero, *track_columns, *own, z[None], var[None], np.zeros(1, np.bool_), zero, origin[None],
        C[None], np.zeros(1), zero, np.full(7, 1e9), *still, sight.room_for(1, 1),
    )  # fmt: skip
    assert np.log(likelihood[0]) == pytest.approx(log_l)
    _, xm, Pm = own
    fuse.update_tracks(track, one, np.zeros(1), sights, *track_columns, xm, Pm, np.full(2, 1e-6), np.full(2, 1e12))
    np.testing.assert_allclose(xm[0], want_x, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(Pm[0], want_P, rtol=1e-6, atol=1e-8 * P.max())


def test_a_bearing_far_off_moves_a_track_less_than_a_near_one():
    x, P = np.array([0.0, 2000, 100, 0, 0, 0]), np.diag([1e4, 1e4, 100, 25, 25, 1.0])
    moved = []
    for off in (0.05, 0.5):
        x1, P1 = x.copy(), P.copy()
        update.condition(
            BEARING, x1, P1, pad([off]), pad([0.03**2], 1.0), False, 0.0, station([0, 0, 0], tail=(0.1, 5.0)),
            np.eye(3), 0.0, update.scratch(),
        )  # fmt: skip
        moved.append((x1[0] / (2000 * off), P1[0, 0]))
    assert moved[1][0] < 0.4 * moved[0][0] and moved[1][1] > 2 * moved[0][1]


def test_the_box_of_a_fast_object_holds_where_it_is_heard():
    rng = np.random.default_rng(5)
    (x, P), (place, C) = state(rng), frame(rng)
    x[3:] = [90.0, -60.0, 0.0]
    origin, P = station(place, 340.0), P * 1e-6
    mu = np.full(3, 1 / 3)
    heard = twin.observe(BEARING, x, 0.0, origin, C, 0.0)[0]
    out = np.empty((4, 1))
    track_boxes(
        BEARING, 0, 0.0, np.zeros(1, np.int64), x[None], P[None], mu[None], np.zeros((3, 2)), origin, C, 4.5,
        np.array([0.0, 1e-6]), arc_of(np.array([heard])), out[0], out[1], out[2], out[3],
    )  # fmt: skip
    assert abs((heard - out[1, 0] + np.pi) % (2 * np.pi) - np.pi) < out[3, 0]
