"""The mixture filter that lowsky is held against: its assignments, derivatives and existence, counted out by hand."""

import itertools
import math

import numpy as np
import pytest
from benchmarks.pmbm import Mixture, World, born, k_best, observed, scene

SIGMA = np.array([10.0, 0.0087, 0.0175, 0.5])


def world(p_detect=0.9):
    return World(5.0, p_detect, 1e-7, 2e-8, SIGMA, 0.0)


def test_the_k_best_assignments_are_the_cheapest_of_all(rng):
    for n, m in [(1, 2), (2, 3), (3, 5)]:
        cost = rng.normal(size=(n, m))
        cost[rng.random((n, m)) < 0.2] = np.inf
        cost[:, -1 if n == 1 else 0] = rng.normal(size=n)  # every row has somewhere to go
        everything = sorted(
            total
            for way in itertools.permutations(range(m), n)
            if math.isfinite(total := float(cost[np.arange(n), list(way)].sum()))
        )
        if not everything:
            continue
        found = k_best(cost, 4, 100.0)
        assert [total for total, _ in found] == pytest.approx(everything[:4])
        assert all(cost[np.arange(n), columns].sum() == pytest.approx(total) for total, columns in found)


def test_what_is_much_dearer_than_the_best_is_left_out():
    assert len(k_best(np.array([[0.0, 5.0, 50.0]]), 10, 20.0)) == 2
    assert k_best(np.empty((0, 3)), 5, 1.0)[0][0] == 0.0


def test_derivatives_are_differences(rng):
    x = np.array([900.0, -700.0, 130.0, 12.0, -8.0, 1.0])
    z, H = observed(x, 5.0)
    steps = 1e-4 * np.eye(6)
    numeric = np.array([(observed(x + s, 5.0)[0] - observed(x - s, 5.0)[0]) / 2e-4 for s in steps]).T
    assert pytest.approx(numeric, abs=1e-6) == H
    assert z[0] == pytest.approx(np.linalg.norm([900, -700, 125]))


def test_an_object_is_born_where_its_plot_was():
    x = np.array([900.0, -700.0, 130.0, 12.0, -8.0, 1.0])
    z, _ = observed(x, 5.0)
    mean, P = born(z, world())
    assert mean[:3] == pytest.approx(x[:3])
    assert observed(mean, 5.0)[0][3] == pytest.approx(z[3], rel=0.01)  # 0.5 of 12 m/s: the prior hardly pulls
    assert np.linalg.eigvalsh(P).min() > 0.0


def test_existence_after_a_plot_and_a_miss_is_bayes():
    told = world()
    filter_ = Mixture(told)
    z, _ = observed(np.array([900.0, -700.0, 130.0, 12.0, -8.0, 1.0]), 5.0)
    filter_.update(z[None])
    first = 0.9 * 2e-8 / (1e-7 + 0.9 * 2e-8)
    (way,) = filter_.objects[1]
    assert way.r == pytest.approx(first)
    filter_.predict(1.0)
    filter_.update(np.empty((0, 4)))
    survived = first * 0.9999
    assert filter_.objects[1][0].r == pytest.approx(survived * 0.1 / (1.0 - survived * 0.9))


def test_two_ways_to_explain_two_plots_have_the_weights_of_their_likelihoods():
    """One object, one look of two plots in its gate: missed, the one, or the other."""
    told = world()
    filter_ = Mixture(told)
    x = np.array([900.0, -700.0, 130.0, 12.0, -8.0, 1.0])
    z, _ = observed(x, 5.0)
    filter_.update(z[None])
    filter_.objects[1][0].r = 0.8
    told.unseen = 0.0  # nobody new: the other plot is false
    way = filter_.objects[1][0]
    zs = z + np.array([[5.0, 0.0, 0.0, 0.2], [-14.0, 0.01, 0.0, -0.3]])
    weights = [1.0 - 0.8 * 0.9]
    for one in zs:
        expected, H = observed(way.x, 5.0)
        S = H @ way.P @ H.T + np.diag(SIGMA**2)
        nu = one - expected
        likelihood = math.exp(-0.5 * nu @ np.linalg.solve(S, nu)) / math.sqrt(np.linalg.det(2 * np.pi * S))
        weights.append(0.8 * 0.9 * likelihood / told.clutter)
    filter_.update(zs)
    found = sorted(math.exp(weight) for weight, _ in filter_.explanations)
    expected = sorted(np.array(weights) / sum(weights))
    assert found == pytest.approx(expected[-len(found) :], rel=1e-3)


def test_scenes_are_small_and_close():
    for name, count in (("bundle", 8), ("flock", 6)):
        assert [target.count for target in scene(name).target] == [count]
