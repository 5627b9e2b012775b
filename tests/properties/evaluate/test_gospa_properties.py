"""GOSPA against a slow twin, and what must not change it."""

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lowsky.evaluate.assign import assign

CUTOFF_M = 100.0
coordinate = st.floats(-150.0, 150.0, allow_nan=False, width=32)
points = st.lists(st.tuples(coordinate, coordinate, coordinate), max_size=5).map(
    lambda rows: np.array(rows, np.float64).reshape(-1, 3)
)


def gospa(truth, tracks):
    track_of = assign(truth, tracks, CUTOFF_M)
    pairs = [(i, j) for i, j in enumerate(track_of.tolist()) if j >= 0]
    d2 = sum(float(((truth[i] - tracks[j]) ** 2).sum()) for i, j in pairs)
    return math.sqrt(d2 + CUTOFF_M**2 / 2.0 * (len(truth) + len(tracks) - 2 * len(pairs)))


def slow_twin(truth, tracks):
    """Every partial assignment there is, one by one; the definition and nothing else."""
    best = math.inf
    for k in range(min(len(truth), len(tracks)) + 1):
        for some in itertools.combinations(range(len(truth)), k):
            for others in itertools.permutations(range(len(tracks)), k):
                d2 = sum(float(((truth[i] - tracks[j]) ** 2).sum()) for i, j in zip(some, others))
                best = min(best, d2 + CUTOFF_M**2 / 2.0 * (len(truth) + len(tracks) - 2 * k))
    return math.sqrt(best)


@settings(deadline=None, max_examples=150)
@given(points, points)
def test_gospa_is_the_least_over_all_partial_assignments(truth, tracks):
    assert math.isclose(gospa(truth, tracks), slow_twin(truth, tracks), rel_tol=1e-9, abs_tol=1e-9)


@settings(deadline=None)
@given(points, points, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(truth, tracks, random):
    order, other = list(range(len(truth))), list(range(len(tracks)))
    random.shuffle(order)
    random.shuffle(other)
    assert math.isclose(gospa(truth, tracks), gospa(truth[order], tracks[other]), rel_tol=1e-9, abs_tol=1e-9)


@settings(deadline=None)
@given(points, points)
def test_truth_and_tracks_may_change_places(truth, tracks):
    assert math.isclose(gospa(truth, tracks), gospa(tracks, truth), rel_tol=1e-9, abs_tol=1e-9)


@settings(deadline=None)
@given(points)
def test_a_set_is_at_no_distance_from_itself(points):
    assert gospa(points, points.copy()) == 0.0


@settings(deadline=None)
@given(points, points, points)
def test_a_detour_is_never_shorter(a, b, c):
    assert gospa(a, c) <= gospa(a, b) + gospa(b, c) + 1e-6
