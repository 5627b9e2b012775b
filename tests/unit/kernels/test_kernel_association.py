"""Gate, marginals, existence, births and duplicates against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import associate as associate_twin
from tests.reference import birth as birth_twin
from tests.reference import existence as existence_twin
from tests.reference import gate as gate_twin
from tests.reference import merge as merge_twin
from tests.unit.kernels.draws import covariance, frame, pad, state

from lowsky.kernels import associate, birth, existence, gate, linalg, merge

SEEDS = st.integers(0, 2**32 - 1)


def scene(rng, n_track, n_row, density):
    """A random gate graph in the order the gate delivers it."""
    track, row = np.nonzero(rng.random((n_track, n_row)) < density)
    psi = np.exp(rng.normal(0, 3, len(track)))
    return track.astype(np.int64), row.astype(np.int64), psi, np.exp(rng.normal(0, 2, n_row))


def test_the_edges_of_each_row_stay_in_their_order(rng):
    row = rng.integers(0, 7, 40)  # row 7 has none
    for got, want in zip(associate.edges_by_row(row, 8), associate_twin.edges_by_row(row, 8), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_contested_track_has_its_whole_weight_on_its_best_edge(rng):
    track = np.sort(rng.integers(0, 9, 30))
    p_edge, contested = rng.random(30), np.array([0, 3, 4, 8, 11])  # 11 has no edge
    got = associate.whole_on_best(contested, track, p_edge)
    np.testing.assert_allclose(got, associate_twin.whole_on_best(contested, track, p_edge), rtol=1e-15)


def solved(track, row, psi, rho, n_track):
    p_edge, p_miss, p_new = np.empty(len(psi)), np.empty(n_track), np.empty(len(rho))
    associate.marginals(track, row, psi, rho, n_track, p_edge, p_miss, p_new)
    return p_edge, p_miss, p_new


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(0, 4), st.integers(0, 4))
def test_small_clusters_have_exact_marginals(seed, n_track, n_row):
    rng = np.random.default_rng(seed)
    graph = scene(rng, n_track, n_row, 0.6)
    if len(graph[2]) > associate.EXACT_EDGES:
        return
    for got, want in zip(solved(*graph, n_track), associate_twin.marginals(*graph, n_track), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(5, 7))
def test_belief_propagation_is_exact_on_chains(seed, n_track):
    rng = np.random.default_rng(seed)
    # track i sees rows i and i + 1: a tree, too long to enumerate by the kernel
    track = np.repeat(np.arange(n_track), 2)
    row = np.array([[i, i + 1] for i in range(n_track)]).ravel()
    graph = track, row, np.exp(rng.normal(0, 3, len(track))), np.exp(rng.normal(0, 2, n_track + 1))
    for got, want in zip(solved(*graph, n_track), associate_twin.marginals(*graph, n_track), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_belief_propagation_on_loops_is_near_the_truth_and_a_probability(seed):
    rng = np.random.default_rng(seed)
    graph = scene(rng, 6, 5, 0.5)
    p_edge, p_miss, p_new = solved(*graph, 6)
    want = associate_twin.marginals(*graph, 6)
    # worst error seen in 3,000 random graphs of this family is 0.2; a wrong message is worse at once
    np.testing.assert_allclose(p_edge, want[0], atol=0.3)
    total = p_miss + np.bincount(graph[0], p_edge, 6)
    np.testing.assert_allclose(total, 1.0, atol=1e-9)
    assert ((p_new >= 0) & (p_new <= 1)).all()


def test_weights_of_any_size_give_probabilities():
    track, row = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]), np.array([0, 1, 0, 1, 1, 2, 2, 3, 3, 0])
    psi = np.array([1e12, 1e-30, 1e12, 1.0, 0.0, 1e9, 1e9, 1e-9, 1e5, 1e5])
    p_edge, p_miss, p_new = solved(track, row, psi, np.full(4, 1e-6), 5)
    for p in (p_edge, p_miss, p_new):
        assert np.isfinite(p).all()
        assert ((p >= 0) & (p <= 1 + 1e-12)).all()


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(0, 30), st.sampled_from([0, 1, 7, 33, 200]), st.booleans())
def test_the_grid_finds_what_trying_every_pair_finds(seed, n_track, n_row, periodic):
    rng = np.random.default_rng(seed)
    u, row_u = rng.uniform(0, 5000, n_track), rng.uniform(0, 5000, n_row)
    v, row_v = rng.uniform(-np.pi, np.pi, n_track), rng.uniform(-np.pi, np.pi, n_row)
    half_u, half_v = rng.uniform(0, 800, n_track), rng.uniform(0, 1.0, n_track) ** 3 * np.pi
    skip_t, skip_r = rng.random(n_track) < 0.3, rng.random(n_row) < 0.3
    track, row, cut = gate.pairs(u, v, half_u, half_v, row_u, row_v, periodic, skip_t, skip_r, 10_000)
    want = gate_twin.pairs(u, v, half_u, half_v, row_u, row_v, periodic, skip_t, skip_r)
    assert list(zip(track.tolist(), row.tolist(), strict=True)) == want
    assert cut == 0


def test_a_burst_on_one_track_is_thinned_to_the_nearest_and_counted():
    row_u = np.linspace(0, 1, 100)
    one = np.ones(1)
    track, row, cut = gate.pairs(
        0 * one, 0 * one, 2 * one, one, row_u, np.zeros(100), False, np.zeros(1, bool), np.zeros(100, bool), 8
    )
    assert cut == 92
    assert row.tolist() == list(range(8))
    assert track.tolist() == [0] * 8


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_coverage_is_blurred_as_the_normal_law_says(seed):
    rng = np.random.default_rng(seed)
    (x, P), (origin, C) = state(rng), frame(rng)
    low = rng.uniform(-np.pi, np.pi)
    limits = np.array([rng.uniform(0, 500), rng.uniform(1000, 9000), low, low + rng.uniform(0.1, 6.0), -0.1, 0.6])
    got = existence.inside(x, P, 0.5, origin, C, limits)
    want = existence_twin.inside(x, P, 0.5, origin, C, limits)
    assert got == pytest.approx(want, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_existence_after_a_look_is_bayes_and_a_probability(r, p_missed, p_i0):
    if r == 1.0 and p_missed == 0.0:
        return
    got, p_miss = np.array([r]), np.array([p_i0])
    existence.update_existence(p_miss, np.array([1 - p_i0]), got, np.array([p_missed]))
    want = existence_twin.update_existence(r, p_missed, p_i0, 1 - p_i0)
    assert got[0] == pytest.approx(min(want, existence.R_MAX), abs=1e-9)
    assert 0 <= got[0] <= 1


def test_a_newborn_has_the_moments_of_its_plots_cloud(rng):
    origin, C = frame(rng)
    z, sigma = np.array([3000.0, 1.0, 0.3, np.nan, np.nan]), [10.0, 0.01, 0.02]
    x, P = np.empty(6), np.empty((6, 6))
    birth.born_of_radar(
        pad(z), pad(np.square(sigma), 1.0), origin, C, 0.0, np.array([150.0, 150.0, 0.05]), np.array([0.0, 1.0]),
        np.array([400.0, 25.0]), x, P,
    )  # fmt: skip
    z[2] -= 3000.0 / (8 * 6_371_008.8)
    cloud = birth_twin.born_of_radar(rng, z, sigma, origin, C, 200_000)
    np.testing.assert_allclose(x[:3], cloud.mean(axis=0), atol=1.5)
    np.testing.assert_allclose(P[:3, :3], np.cov(cloud.T), rtol=0.03, atol=0.01 * P[:3, :3].max())


def test_a_newborn_without_elevation_stands_on_the_slant_range(rng):
    x, P = np.empty(6), np.empty((6, 6))
    z = pad([1000.0, 0.0])
    birth.born_of_radar(
        z, np.ones(6), np.zeros(3), np.eye(3), 0.0, np.array([150.0, 150.0, 0.05]), np.array([0.0, 1.0]),
        np.array([400.0, 25.0]), x, P,
    )  # fmt: skip
    assert np.linalg.norm(x[:3]) == pytest.approx(1000.0)
    assert x[2] == pytest.approx(150.0)
    along = x[:3] / 1000.0
    assert along @ P[:3, :3] @ along < 2.0  # range stays as well known as it was measured
    assert np.linalg.eigvalsh(P).min() > 0


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_duplicates_agree_in_position_and_velocity(seed):
    rng = np.random.default_rng(seed)
    x, _ = state(rng)
    xm = np.array([x, x + rng.normal(size=6) * rng.uniform(1, 60) * [1, 1, 1, 0.3, 0.3, 0.3]])
    Pm = np.array([covariance(rng, [20, 20, 20, 5, 5, 5]) for _ in range(2)])
    agree, floor = np.zeros(1, np.uint8), np.array([5.0, 1.0, 0.3, 300.0])
    first, second, now, t_ns = np.array([0]), np.array([1]), 2_000_000_000, np.array([10**9, 5 * 10**8])
    no, none = np.zeros(2, np.bool_), np.zeros((2, 2), np.int64)
    merge.agreeing_pairs(first, second, now, t_ns, xm, Pm, no, none, np.array([1, 0]), floor, 16.0, agree)
    want = merge_twin.agreeing_pairs(xm[0], Pm[0], xm[1], Pm[1], 1.0, 1.5, 0.3, floor, 16.0)
    assert agree[0] == (merge.AGREE if want else 0)
    same_look = np.array([[7, 0], [7, 0]])
    merge.agreeing_pairs(first, second, now, t_ns, xm, Pm, no, same_look, np.array([1, 0]), floor, 16.0, agree)
    assert agree[0] == (merge.APART if want else 0)


@pytest.mark.parametrize("reported", [0, 1])
def test_no_pair_that_agrees_is_out_of_reach(rng, reported):
    xm, late = np.array([state(rng)[0] for _ in range(8)]), np.array([0, reported] * 4)
    Pm, floor = np.array([covariance(rng, [20, 30, 20, 5, 5, 5]) for _ in xm]), np.array([5.0, 1.0, 0.3, 300.0])
    half, rows = np.empty(4), np.array([7, 1, 2, 5])
    merge.reach(rows, xm, Pm, late, 16.0, floor, half)
    np.testing.assert_allclose(half, merge_twin.reach(xm[rows], Pm[rows], late[rows], 16.0, floor))


def test_near_pairs_are_those_whose_boxes_meet_now(rng):
    xm, t_ns = rng.normal(0, 100, (30, 6)), rng.integers(0, 10**9, 30)
    rows, half = rng.permutation(30)[:25], rng.uniform(20, 120, 25)
    first, second = merge.near_pairs(rows, 10**9, t_ns, xm, half, 100)
    place = (xm[:, :2] + (1.0 - t_ns * 1e-9)[:, None] * xm[:, 3:5])[rows]
    box = (half, half, place[:, 0], place[:, 1], False, np.zeros(25, bool), np.zeros(25, bool))
    want = [(rows[a], rows[b]) for a, b in gate_twin.pairs(place[:, 0], place[:, 1], *box) if b > a]
    assert list(zip(first, second, strict=True)) == want


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_rows_are_placed_in_the_coordinates_of_boxes(rng, kind):
    z, var, t_ns = rng.normal(0, 3, (20, 6)), rng.uniform(0.1, 1, (20, 6)), rng.integers(10**18, 10**18 + 10**9, 20)
    u, v, origin = np.empty(20), np.empty(20), rng.normal(size=(20, 3))
    got = gate.place_rows(kind, z, var, t_ns, origin, u, v)
    want_u, want_v, want = gate_twin.place_rows(kind, z, var, t_ns, origin)
    np.testing.assert_allclose(got, want)
    np.testing.assert_allclose([u, v], [want_u, want_v])


def test_cholesky_says_what_it_cannot_factor(rng):
    S, L = covariance(rng, [1] * 6), np.zeros((6, 6))
    assert linalg.cholesky(S, L) == linalg.OK
    np.testing.assert_allclose(np.tril(L), np.linalg.cholesky(S))
    assert linalg.cholesky(-S, L) == linalg.NOT_POSITIVE_DEFINITE
    assert linalg.cholesky(S * np.nan, L) == linalg.NOT_FINITE
    nu, w = rng.normal(size=6), np.empty(6)
    assert linalg.distance2(nu, S, L, w) == pytest.approx(nu @ np.linalg.solve(S, nu))
    assert linalg.distance2(nu, -S, L, w) == np.inf
