"""Zones: distances and probabilities of entry against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import zones as twin

from lowsky.kernels.zones import NEVER, away_by_runs_m, away_m, crossing, entry, height_m, is_inside, paths
from lowsky.warn.ground import HABITS, keyhole, runs_of, ways_of

SEEDS = st.integers(0, 2**32 - 1)
EVERYWHERE = np.array([-1e9, 1e9, -1e9, 1e9])
POINT = runs_of(np.zeros((1, 2)), False)


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


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.booleans(), st.integers(1, 400), st.booleans())
def test_runs_of_edges_give_the_distance_that_all_edges_give(seed, is_area, n, is_on_a_grid):
    """On a grid points lie on edges, on corners and level with them."""
    rng = np.random.default_rng(seed)
    n = max(n, 3) if is_area else n
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    corners = np.column_stack((np.cos(angle), np.sin(angle))) * rng.uniform(100, 900, n)[:, None]
    points = rng.uniform(-1200, 1200, (50, 2))
    if is_on_a_grid:
        corners, points = 100.0 * np.round(corners / 100.0), 100.0 * np.round(points / 100.0)
    runs = runs_of(corners, is_area)
    for point in points:
        found, every = (
            f(*point, corners, is_area, 150.0, *more) for f, more in ((away_by_runs_m, (runs,)), (away_m, ()))
        )
        assert found == pytest.approx(every, abs=1e-9)


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
    assert is_inside(place, circle, False, 100.0, runs_of(circle, False), 70.0, 90.0, 30.0, 0.0)
    assert not is_inside(place, circle, False, 100.0, runs_of(circle, False), 85.0, 90.0, 30.0, 0.0)
    assert is_inside(place, circle, False, 100.0, runs_of(circle, False), 85.0, 90.0, 30.0, 5.0)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_paths_are_those_of_the_twin(seed):
    rng = np.random.default_rng(seed)
    x, A = rng.normal(size=6) * [600, 600, 50, 15, 15, 1], rng.normal(size=(6, 6)) * [20, 20, 20, 3, 3, 1]
    L = np.linalg.cholesky(A.T @ A + np.eye(6))
    normals, uniforms = rng.normal(size=(20, 9)), rng.random((20, 6, 4))
    out, boxes = np.empty((20, 41, 3)), np.empty((20, 4))
    paths(x, L, 0.4, 0.3, HABITS, normals, uniforms, 1.0, out, boxes)
    np.testing.assert_array_equal(boxes[:, 0::2], out[:, :, :2].min(axis=1))
    np.testing.assert_array_equal(boxes[:, 1::2], out[:, :, :2].max(axis=1))
    np.testing.assert_allclose(out, twin.paths(x, L, 0.4, 0.3, HABITS, normals, uniforms, 1.0, 40), atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_probability_of_entry_is_the_share_of_paths_that_enter(seed):
    ways = np.random.default_rng(seed).normal(size=(40, 31, 3)).cumsum(axis=1) * [40, 40, 5] + [500, 0, 100]
    p, t_s = entry(
        ways, np.tile(EVERYWHERE, (40, 1)), 0.5, 30, np.zeros((1, 2)), False, 300.0, POINT, 50.0, 140.0, 0.0, EVERYWHERE
    )
    share, median = twin.entry(ways, 0.5 * np.arange(31), lambda p: np.hypot(*p[:2]) <= 300 and 50 <= p[2] <= 140)
    assert p == pytest.approx(share, abs=0.03), "but for the earth's curve"
    assert (t_s == NEVER) == (p < 0.5) or p == pytest.approx(0.5, abs=0.03)
    assert t_s == NEVER or t_s == pytest.approx(median, abs=1.0)


def test_who_flies_straight_at_a_zone_enters_when_he_is_there_and_who_is_at_work_may_not():
    x, P = np.array([-1000.0, 0.0, 100.0, 20.0, 0.0, 0.0]), np.eye(6) * 1e-6
    told = []
    for on_its_way in (1.0, 0.0):
        ways = ways_of(x, P, np.array([on_its_way, 0.0]), 60.0)
        told.append(
            entry(ways.places, ways.boxes, 1.0, 60, np.zeros((1, 2)), False, 200.0, POINT, 0.0, 500.0, 0.0, EVERYWHERE)
        )
    (p, t_s), (p_at_work, _) = told
    assert p > 0.85 and 39.0 <= t_s <= 42.0
    assert p_at_work < 0.4


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(3, 8))
def test_edges_cross_where_the_twin_says_so(seed, n):
    corners = np.random.default_rng(seed).uniform(-100.0, 100.0, (n, 2))
    assert (crossing(corners)[0] >= 0) == twin.crosses(corners)


def test_a_hole_is_outside_and_so_is_what_is_beside_the_outline():
    square = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    line = np.ascontiguousarray(keyhole(square, [20.0 + 0.2 * square, 60.0 + 0.3 * square[::-1]]))
    for point, away in (((30.0, 30.0), 10.0), ((75.0, 75.0), 15.0), ((130.0, 50.0), 30.0)):
        assert away_m(*point, line, True, 0.0) == pytest.approx(away)
    assert away_m(50.0, 50.0, line, True, 0.0) < 0.0 and away_m(10.0, 90.0, line, True, 0.0) < 0.0
