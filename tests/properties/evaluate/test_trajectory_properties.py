"""Distances between sets of trajectories are distances: nothing to itself, the same both ways, no shorter detour."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lowsky.evaluate.pairs import together
from lowsky.evaluate.seconds import Picture
from lowsky.evaluate.trajectory import ospa2, trajectory_gospa

SECONDS, C_M, GAMMA_M = 6, 100.0, 60.0
SEEDS = st.integers(0, 2**32 - 1)


def some_set(seed):
    """Up to three trajectories that walk about in a small place, each there for some of the seconds."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 4))
    walks = rng.uniform(0.0, 150.0, (n, 1, 3)) + np.cumsum(rng.normal(0.0, 30.0, (n, SECONDS, 3)), axis=1)
    there = rng.random((n, SECONDS)) < 0.75
    second, who = np.nonzero(there.T)
    return Picture(
        first=np.searchsorted(second, np.arange(SECONDS + 1)), row=np.zeros(len(who), np.int64), id=who + 5,
        pos=np.ascontiguousarray(walks[who, second]), vel=np.zeros((len(who), 3)), exact=np.ones(len(who), np.bool_),
    )  # fmt: skip


def both(a, b):
    """Trajectory GOSPA with what it may be off, and OSPA(2); no objects at all are at no distance."""
    near = together(a, b, C_M)
    found = trajectory_gospa(near, GAMMA_M)
    over = float(ospa2(near, SECONDS, 1)[1][0])
    return found.value_m, found.gap_m, 0.0 if math.isnan(over) else over


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_set_is_at_no_distance_from_itself(seed):
    one = some_set(seed)
    whole, gap, over = both(one, one)
    assert whole <= gap + 1e-3  # the root of what rounding leaves of squares of hundreds of metres
    assert over <= 1e-9


@given(SEEDS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_both_ways_are_the_same(first, second):
    a, b = some_set(first), some_set(second)
    (there, gap, over), (back, gap_back, over_back) = both(a, b), both(b, a)
    assert abs(there - back) <= gap + gap_back + 1e-6
    assert math.isclose(over, over_back, abs_tol=1e-9)


@given(SEEDS, SEEDS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_detour_is_never_shorter(first, second, third):
    a, b, c = some_set(first), some_set(second), some_set(third)
    ab, bc, ac = both(a, b), both(b, c), both(a, c)
    # what was found may lie above the exact value by the gap that is told
    assert ac[0] - ac[1] <= ab[0] + bc[0] + 1e-6
    assert ac[2] <= ab[2] + bc[2] + 1e-9
