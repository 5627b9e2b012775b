"""The assignment is the optimal one."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from lowsky.evaluate.assign import assign, solve_rectangular


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 3), (5, 9), (20, 20), (40, 61)])
def test_the_solver_is_as_cheap_as_scipys(rng, shape):
    for _ in range(20):
        cost = rng.normal(size=shape) * 100.0
        column_of = solve_rectangular(cost)
        rows, columns = linear_sum_assignment(cost)
        assert sorted(set(column_of.tolist())) == sorted(column_of.tolist())
        assert cost[np.arange(shape[0]), column_of].sum() == pytest.approx(cost[rows, columns].sum(), abs=1e-9)


def test_ties_and_equal_costs_still_give_every_row_a_column(rng):
    for cost in (np.zeros((4, 6)), np.ones((5, 5)), np.round(rng.normal(size=(8, 8)))):
        column_of = solve_rectangular(cost)
        rows, columns = linear_sum_assignment(cost)
        assert len(set(column_of.tolist())) == len(cost)
        assert cost[np.arange(len(cost)), column_of].sum() == pytest.approx(cost[rows, columns].sum())


@pytest.mark.parametrize(("n", "m", "side_m"), [(30, 30, 500.0), (60, 45, 300.0), (25, 70, 400.0), (200, 200, 4000.0)])
def test_gated_groups_together_are_the_optimum_of_the_whole(rng, n, m, side_m):
    truth, tracks = rng.uniform(0.0, side_m, (n, 3)), rng.uniform(0.0, side_m, (m, 3))
    track_of = assign(truth, tracks, 100.0)
    gain = np.minimum(((truth[:, None] - tracks) ** 2).sum(axis=2) - 100.0**2, 0.0)
    rows, columns = linear_sum_assignment(gain)
    chosen = np.flatnonzero(track_of >= 0)
    assert len(set(track_of[chosen].tolist())) == len(chosen)
    assert gain[chosen, track_of[chosen]].max() < 0.0
    assert gain[chosen, track_of[chosen]].sum() == pytest.approx(gain[rows, columns].sum())


def test_a_pair_at_the_cut_off_is_no_pair():
    here = np.zeros((1, 3))
    assert assign(here, np.array([[100.0, 0.0, 0.0]]), 100.0).tolist() == [-1]
    assert assign(here, np.array([[99.9, 0.0, 0.0]]), 100.0).tolist() == [0]


def test_nothing_to_assign_is_no_assignment():
    assert assign(np.empty((0, 3)), np.zeros((2, 3)), 100.0).tolist() == []
    assert assign(np.zeros((2, 3)), np.empty((0, 3)), 100.0).tolist() == [-1, -1]


def test_the_nearest_track_is_not_taken_where_the_sum_is_smaller_otherwise():
    truth = np.array([[0.0, 0.0, 0.0], [60.0, 0.0, 0.0]])
    tracks = np.array([[50.0, 0.0, 0.0], [130.0, 0.0, 0.0]])
    # nearest first would give 10 m and leave a target out at 130 m; together 50² + 70² < 10² + 100²
    assert assign(truth, tracks, 100.0).tolist() == [0, 1]
