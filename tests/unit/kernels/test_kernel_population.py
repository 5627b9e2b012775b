"""Kernels that count objects and reconsider candidates, against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import existence as twin

from lowsky.kernels import existence

SECOND = 1_000_000_000
SEEDS = st.integers(0, 2**32 - 1)


def columns(rng, n=12):
    return {
        "r": rng.random(n),
        "hits": rng.integers(1, 4, n),
        "has_identity": rng.random(n) < 0.2,
        "start_share": rng.random(n),
        "t_born_ns": rng.integers(0, 200, n) * SECOND,
        "t_hit_ns": np.where(rng.random((n, 2)) < 0.6, 5 * SECOND, 0),
        "born_by": rng.integers(0, 3, n),
        "born_cell": rng.integers(0, 12, n),
    }


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_what_is_found_is_counted_as_the_twin_counts(seed):
    table = columns(np.random.default_rng(seed))
    now, fade = 150 * SECOND, 1.0 / (60 * SECOND)
    by_azimuth, by_range = np.full(4, 9.0), np.full(3, 9.0)
    got = existence.found_so_far(12, now, fade, 0.3, *table.values(), 1, by_azimuth, by_range)
    tracks = [{name: column[k] for name, column in table.items()} for k in range(12)]
    *numbers, by_cell = twin.found_so_far(tracks, now, fade, 0.3, 1, (4, 3))
    assert got == pytest.approx(tuple(numbers))
    np.testing.assert_allclose(by_azimuth, by_cell.sum(axis=1))
    np.testing.assert_allclose(by_range, by_cell.sum(axis=0))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_candidates_are_reconsidered_as_bayes_would_and_others_are_not(seed, times_start, times_since):
    rng = np.random.default_rng(seed)
    r, share = rng.random(8), rng.random(8)
    status, born_by = rng.integers(1, 3, 8).astype(np.uint8), rng.integers(0, 3, 8)
    before = r.copy(), share.copy()
    existence.reconsider(8, 1, times_start, times_since, r, status, born_by, share)
    for k in range(8):
        want = before[0][k], before[1][k]
        if status[k] == existence.TENTATIVE and born_by[k] == 2:
            want = twin.reconsider(*want, times_start, times_since)
        assert (r[k], share[k]) == pytest.approx(want)
