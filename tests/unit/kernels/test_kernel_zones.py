"""Zones: distances and probabilities of entry against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import zones as twin

from lowsky.kernels.zones import NEVER, away_m, entry, height_m, is_inside

SEEDS = st.integers(0, 2**32 - 1)
EVERYWHERE = np.array([-1e9, 1e9, -1e9, 1e9])


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.booleans(), st.integers(1, 7))
def test_distance_from_a_zone_is_that_of_the_twin(seed, is_area, n):
    rng = np.random.default_rng(seed)
    n = max(n, 3) if is_area else n
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    corners = np.column_stack((np.cos(angle), np.sin(angle))) * rng.uniform(100, 900, n)[:, None]
    point = rng.uniform(-1200, 1200, 2)
    found = away_m(*point, corners, is_area, 150.0)
    assert found == pytest.approx(twin.away_m(point, corners, is_area, 150.0), abs=0.2)


def test_corners_may_run_either_way():
    square = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    for corners in (square, np.ascontiguousarray(square[::-1])):
        assert away_m(50.0, 50.0, corners, True, 0.0) == -50.0
        assert away_m(130.0, 50.0, corners, True, 0.0) == 30.0


def test_heights_are_of_the_ellipsoid_and_far_off_the_earth_falls_away():
    assert height_m(0.0, 0.0, 50.0, 30.0) == 80.0
    assert height_m(30e3, 0.0, 50.0, 30.0) == pytest.approx(80.0 + 70.6, abs=0.5)
    circle = np.array([[0.0, 0.0]])
    place = np.array([10.0, 0.0, 50.0])
    assert is_inside(place, circle, False, 100.0, 70.0, 90.0, 30.0, 0.0)
    assert not is_inside(place, circle, False, 100.0, 85.0, 90.0, 30.0, 0.0)
    assert is_inside(place, circle, False, 100.0, 85.0, 90.0, 30.0, 5.0)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_probability_of_entry_is_the_share_of_paths_that_enter(seed):
    rng = np.random.default_rng(seed)
    x = np.concatenate((rng.uniform(-600, 600, 2), [100.0], rng.uniform(-20, 20, 2), [0.0]))
    A = rng.normal(size=(6, 6)) * [20, 20, 20, 3, 3, 1]
    P, draws = A.T @ A + np.eye(6), rng.normal(size=(40, 9))
    circle = np.zeros((1, 2))
    want = twin.entry(x, P, (1.0, 0.1), draws, np.arange(31.0), lambda p: np.hypot(*p[:2]) <= 200 and 50 <= p[2] <= 160)
    p, t_s = entry(
        x, np.linalg.cholesky(P), np.sqrt(np.array([1.0, 0.1]) / 3), draws, 1.0, 30, circle, False, 200.0, 50.0, 160.0,
        0.0, EVERYWHERE,
    )  # fmt: skip
    assert p == pytest.approx(want, abs=0.03), "but for the earth's curve"
    assert (t_s == NEVER) == (p <= 0.5) or p == pytest.approx(0.5, abs=0.03)


def test_who_flies_straight_at_a_zone_enters_when_he_is_there():
    x, L = np.array([-1000.0, 0.0, 100.0, 20.0, 0.0, 0.0]), np.eye(6) * 1e-3
    p, t_s = entry(
        x, L, np.zeros(2), np.zeros((8, 9)), 1.0, 60, np.zeros((1, 2)), False, 200.0, 0.0, 500.0, 0.0, EVERYWHERE
    )
    assert (p, t_s) == (1.0, 40.0)
