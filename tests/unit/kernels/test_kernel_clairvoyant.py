"""Reference lines against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import clairvoyant as twin
from tests.reference.observe import observe
from tests.unit.kernels.draws import BEARING, RADAR, frame, pad

from lowsky.kernels import clairvoyant

SEEDS = st.integers(0, 2**32 - 1)
VAR = {RADAR: [100.0, 1e-4, 3e-4, 0.25], BEARING: [1e-3, 1e-3, 0.1]}
VELOCITY = np.array([144.0, 9.0])
MODES = np.array([[0.05, 0.05], [8.0, 1.0]])
CHAIN = np.array([[-0.25, 0.25], [0.25, -0.25]])


def flight(rng, n=12):
    """Rows of one target that a radar and a bearing sensor see: (kind, t_s, z, var, origin, C, height) and states."""
    x = np.array([*rng.uniform(800, 3000, 2), rng.uniform(80, 300), *rng.normal(0, 15, 2), 0.0])
    places = {RADAR: frame(rng), BEARING: frame(rng)}
    rows, states, t_s = [], [], 0.0
    for k in range(n):
        kind = RADAR if k == 0 or rng.random() < 0.6 else BEARING
        x = np.concatenate((x[:3] + x[3:] * (0.7 if k else 0.0), x[3:]))
        t_s += 0.7 if k else 0.0
        origin, C = places[kind]
        var = np.array(VAR[kind])
        z = observe(kind, x, 0.0, origin, C, 30.0)
        z = np.where(np.arange(len(z)) < len(var), z, np.nan)  # no pressure altitude
        var = np.append(var, np.ones(len(z) - len(var)))
        z += rng.normal(size=len(z)) * np.sqrt(var)
        rows.append((kind, t_s, z, var, origin, C, 30.0))
        states.append(x)
    return rows, states


def columns(rows):
    kind, t_s, z, var, origin, C, height = zip(*rows, strict=True)
    return (
        np.zeros(len(rows), np.int64), np.round(np.array(t_s) * 1e9).astype(np.int64), np.array(kind),
        np.array([pad(v) for v in z]), np.array([pad(v, 1.0) for v in var]), np.array(origin), np.array(C),
        np.array(height),
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from([1, 2]))
def test_the_filter_that_is_told_everything_is_the_twins(seed, n_mode):
    rng = np.random.default_rng(seed)
    rows, _ = flight(rng)
    q, G = MODES[:n_mode], CHAIN if n_mode == 2 else np.zeros((1, 1))
    xm, Pm, ok = np.zeros((12, 6)), np.zeros((12, 6, 6)), np.zeros(12, np.bool_)
    clairvoyant.follow(*columns(rows), q, G, VELOCITY, xm, Pm, ok)
    assert ok.all()
    want = twin.follow(rows, q, G, (xm[0], Pm[0]))
    for k, (x, P) in enumerate(want):
        np.testing.assert_allclose(xm[k], x, rtol=1e-5, atol=0.02)
        np.testing.assert_allclose(Pm[k], P, rtol=0.01, atol=0.02)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_the_bound_is_the_inverse_of_the_information(seed):
    rng = np.random.default_rng(seed)
    rows, states = flight(rng)
    Pm, ok = np.zeros((12, 6, 6)), np.zeros(12, np.bool_)
    clairvoyant.bound(*columns(rows), np.array(states), np.array([0.1, 0.01]), VELOCITY, Pm, ok)
    assert ok.all()
    for k, P in enumerate(twin.bound(rows, states, (0.1, 0.01), VELOCITY)):
        np.testing.assert_allclose(Pm[k], P, rtol=2e-3, atol=1e-3)


def test_a_target_begins_with_its_first_radar_row_and_the_next_anew(rng):
    rows, states = flight(rng, 6)
    bearing = (BEARING, 0.0, np.array([0.3, 0.1]), np.array(VAR[BEARING]), *rows[0][4:])
    data = list(columns([bearing, *rows, *rows]))
    data[0] = np.array([0] * 7 + [5] * 6)
    xm, Pm, ok = np.zeros((13, 6)), np.zeros((13, 6, 6)), np.zeros(13, np.bool_)
    clairvoyant.follow(*data, MODES[:1], np.zeros((1, 1)), VELOCITY, xm, Pm, ok)
    assert ok.tolist() == [False] + [True] * 12
    np.testing.assert_array_equal(xm[1:7], xm[7:])
    assert np.linalg.norm(xm[6, :3] - states[-1][:3]) == pytest.approx(0.0, abs=150.0)
