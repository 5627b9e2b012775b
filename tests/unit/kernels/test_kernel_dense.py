"""Close tracks: plots of several objects and hypotheses dealt out anew, against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import rearrange as rearrange_twin
from tests.reference import unresolved as unresolved_twin
from tests.unit.kernels.draws import covariance, frame, state

from lowsky.kernels import close, groups, rearrange, unresolved

SEEDS = st.integers(0, 2**32 - 1)
WIDE, NARROW = [5, 5, 5, 1, 1, 1], [0.5] * 6


@settings(max_examples=60, deadline=None)
@given(st.floats(-60, 60), st.floats(0.1, 40), st.floats(1, 50))
def test_the_chance_to_be_in_one_cell_is_that_of_a_grid_laid_at_random(distance, sigma, cell):
    got = close.overlap(distance, sigma, cell)
    assert got == pytest.approx(unresolved_twin.overlap(distance, sigma, cell), abs=1e-5)


def test_known_places_and_cells_without_limits_are_told():
    assert close.overlap(5.0, 0.0, 20.0) == pytest.approx(0.75)
    assert close.overlap(5.0, 1.0, np.inf) == 1.0
    assert close.overlap(0.0, 1.0, 0.0) == 0.0


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_overlap_is_taken_along_range_azimuth_and_elevation(seed):
    rng = np.random.default_rng(seed)
    origin, C = frame(rng)
    xa = np.append(origin + C.T @ rng.uniform(500, 2000, 3), rng.normal(0, 10, 3))
    xb = xa + rng.normal(0, 15, 6)
    Pa, Pb = covariance(rng, WIDE), covariance(rng, WIDE)
    cell, out = np.array([20.0, 0.02, np.inf]), np.empty(3)
    close.pair_overlap(xa, Pa, xb, Pb, origin, C, cell, out)
    np.testing.assert_allclose(out, unresolved_twin.pair_overlap(xa, Pa, xb, Pb, origin, C, cell), atol=1e-5)


def group(rng, n_t, n_r):
    """A group of tracks with edges to some of n_r plots, as ``weigh_close`` would put it."""
    edge = rng.random((n_t, n_r)) < 0.7
    edge[:, 0] = True
    rows = np.concatenate([np.flatnonzero(row) for row in edge]).astype(np.int64)
    start = np.append(0, np.cumsum(edge.sum(axis=1)))
    n_e = len(rows)
    nu, HPH = rng.normal(0, 2, (n_e, 6)), np.array([covariance(rng, NARROW) for _ in range(n_e)])
    z_finite = np.ones((n_r, 6), np.bool_)
    z_finite[:, 3:] = rng.random((n_r, 3)) < 0.3
    same = rng.random((n_t, n_t, 3))
    same = (same + same.transpose(1, 0, 2)) / 2
    log_seen = np.log(rng.uniform(0.5, 0.95, n_t))
    return (
        start, rows, rng.normal(-6, 2, n_e), nu, HPH, z_finite, rng.uniform(0.5, 2, (n_r, 6)), rng.normal(-9, 1, n_r),
        log_seen, np.log(1 - np.exp(log_seen)), same,
    )  # fmt: skip


def outputs(problem):
    n_e, n_t, n_r = len(problem[1]), len(problem[0]) - 1, len(problem[7])
    sizes = [n_e, n_e, (n_e, 6), (n_e, 6), n_t, n_r, (n_t, n_t)]
    return [np.empty(size) for size in sizes]


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(2, 3), st.integers(1, 3))
def test_small_groups_have_exact_marginals(seed, n_t, n_r):
    problem = group(np.random.default_rng(seed), n_t, n_r)
    got = outputs(problem)
    unresolved.share_exactly(*problem, *got)
    del got[3]
    for value, want in zip(got, unresolved_twin.share_plots(*problem), strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-4, atol=1e-8)  # means of what is unlikely are quotients


def test_the_sampler_finds_the_exact_marginals_and_repeats_itself():
    for seed in range(5):
        problem = group(np.random.default_rng(seed), 4, 3)
        got, again, exact = outputs(problem), outputs(problem), outputs(problem)
        unresolved.share_plots(*problem, 4000, 50, 12345, *got)
        unresolved.share_plots(*problem, 4000, 50, 12345, *again)
        unresolved.share_exactly(*problem, *exact)
        for k in (0, 1, 4, 5, 6):
            np.testing.assert_allclose(got[k], exact[k], atol=0.05)
            assert np.array_equal(got[k], again[k])
        of_track = np.repeat(np.arange(4), np.diff(problem[0]))
        np.testing.assert_allclose(got[4] + np.bincount(of_track, got[0] + got[1], 4), 1.0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 8))
def test_groups_are_the_connected_components(seed, n):
    rng = np.random.default_rng(seed)
    first, second = np.nonzero(np.triu(rng.random((n, n)) < 0.25, 1))
    joint = rng.random(len(first)) < 0.8
    got = groups.groups_of(first, second, joint, n, 4)
    np.testing.assert_array_equal(got, unresolved_twin.groups_of(first, second, joint, n, 4))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_close_pairs_are_those_that_share_a_plot_and_agree(seed):
    rng = np.random.default_rng(seed)
    n, n_row = 6, 4
    track, row = np.nonzero(rng.random((n, n_row)) < 0.6)
    Pm = np.array([covariance(rng, WIDE) for _ in range(n)])
    xm = np.tile(state(rng)[0], (n, 1)) + rng.normal(0, 8, (n, 6))
    p_edge, p_miss = rng.random(len(track)) ** 4, rng.random(n) ** 4
    strong, floor = rng.random(n) < 0.8, np.array([5.0, 1.0])
    first, second, _, _ = close.close_pairs(
        track, row, p_edge, p_miss, strong, n_row, xm, Pm, np.zeros(3), np.eye(3), np.ones(3), 16.0, floor
    )
    want = unresolved_twin.close_pairs(
        list(zip(track, row, strict=True)), p_edge, p_miss, strong, xm, Pm, 16.0, floor, close.TOLD_APART
    )
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == {(int(a), int(b)) for a, b in want}


def dealt(rng, n_k, per):
    x = rng.normal(0, 10, (n_k * per, 6))
    P = np.array([covariance(rng, WIDE) for _ in x])
    q = np.zeros((n_k, n_k * per))
    for k in range(n_k):
        q[k, k * per : (k + 1) * per] = rng.dirichlet(np.ones(per))
    return x, P, q


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(2, 5), st.integers(1, 4))
def test_what_is_dealt_out_anew_is_conserved_and_never_dearer(seed, n_k, per):
    x, P, q = dealt(np.random.default_rng(seed), n_k, per)
    w = q.sum(axis=0)
    mean, cov, cost = np.empty((n_k, 6)), np.empty((n_k, 6, 6)), np.empty(q.shape)
    rearrange.moments(q, x, P, mean, cov)
    want_mean, want_cov = rearrange_twin.moments(q, x, P)
    np.testing.assert_allclose(mean, want_mean, atol=1e-9)
    np.testing.assert_allclose(cov, want_cov, rtol=1e-9, atol=1e-7)
    assert rearrange.deal_costs(mean, cov, x, P, cost)
    np.testing.assert_allclose(cost, rearrange_twin.deal_costs(mean, cov, x, P), rtol=1e-6, atol=1e-6)
    before = (q * cost).sum()
    gained = rearrange.exchange(cost, q)
    assert gained >= 0.0
    assert (q * cost).sum() == pytest.approx(before - gained, abs=1e-6 * (1 + abs(before)))
    np.testing.assert_allclose(q.sum(axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(q.sum(axis=0), w, atol=1e-9)
    assert q.min() >= -1e-12
    best = rearrange_twin.exchange(cost, w)
    assert (q * cost).sum() >= best - 1e-6 * (1 + abs(best))
    if n_k == 2:
        assert (q * cost).sum() == pytest.approx(best, abs=1e-6 * (1 + abs(best)))


def test_two_tracks_that_may_each_be_in_two_places_are_put_into_one_each():
    x = np.zeros((4, 6))
    x[:, 0] = [0.0, 20.0, 0.0, 20.0]  # hypotheses of the one, then of the other
    P, q = np.tile(np.eye(6), (4, 1, 1)), np.array([[0.55, 0.45, 0.0, 0.0], [0.0, 0.0, 0.45, 0.55]])
    mean, cov, cost = np.empty((2, 6)), np.empty((2, 6, 6)), np.empty((2, 4))
    for _ in range(3):
        rearrange.moments(q, x, P, mean, cov)
        assert rearrange.deal_costs(mean, cov, x, P, cost)
        rearrange.exchange(cost, q)
    rearrange.moments(q, x, P, mean, cov)
    np.testing.assert_allclose(mean[:, 0], [0.0, 20.0], atol=1e-9)
