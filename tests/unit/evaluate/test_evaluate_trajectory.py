"""Metrics over whole trajectories against every way counted out, a linear programme of SciPy, and hand-made cases."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog
from tests.unit.evaluate.evaluate_tables import FRAME, standing, tracks, truth

from lowsky.evaluate.assign import best_matching
from lowsky.evaluate.pairs import together
from lowsky.evaluate.relaxed import along_a_chain, primal_dual, worth
from lowsky.evaluate.seconds import SHOWN, picture, whole_seconds
from lowsky.evaluate.tables import read_tracks, read_truth
from lowsky.evaluate.trajectory import ospa2, trajectory_gospa

A, B = (0.0, 0.0, 100.0), (1000.0, 0.0, 100.0)
C_M, GAMMA_M = 100.0, 50.0


def of(own, real):
    """The pairs of hand-made rows."""
    states, given = read_truth(truth(real)), read_tracks(tracks(own))
    seconds = whole_seconds((int(states.t_ns.min()), int(states.t_ns.max())))
    there = picture(states, seconds, FRAME, 1.0, None)
    return together(there, picture(given, seconds, FRAME, 0.9, SHOWN), C_M)


def by_linear_programme(gain, row, column, switch):
    """What the best weights are worth: SciPy on the whole programme."""
    n_pair, n_second = gain.shape
    n_diff = n_pair * (n_second - 1)
    cost = np.concatenate((-gain.ravel(), np.full(n_diff, switch)))
    rows, limit = [], []
    for k in range(n_second):
        for ids in (row, column):
            for i in np.unique(ids):
                line = np.zeros(len(cost))
                line[np.flatnonzero(ids == i) * n_second + k] = 1.0
                rows.append(line)
                limit.append(1.0)
    for e, k in itertools.product(range(n_pair), range(n_second - 1)):
        for sign in (1.0, -1.0):
            line = np.zeros(len(cost))
            line[e * n_second + k + 1], line[e * n_second + k] = sign, -sign
            line[n_pair * n_second + e * (n_second - 1) + k] = -1.0
            rows.append(line)
            limit.append(0.0)
    return -linprog(cost, np.array(rows), np.array(limit), bounds=(0.0, None)).fun


def by_counting(gain, row, column, switch):
    """The same over whole numbers: all ways of all seconds."""
    n_pair, n_second = gain.shape
    ways = [
        way for way in itertools.product((0.0, 1.0), repeat=n_pair)
        if all(np.bincount(ids, way).max() <= 1.0 for ids in (row, column))
    ]  # fmt: skip
    return max(worth(gain, np.array(run).T.copy(), switch) for run in itertools.product(ways, repeat=n_second))


def test_along_a_chain_is_the_best_of_all_ways(rng):
    for n_pair, n_second in [(1, 6), (2, 5), (3, 4)]:
        for _ in range(15):
            gain = np.maximum(rng.uniform(-0.5, 1.0, (n_pair, n_second)), 0.0)
            switch = rng.uniform(0.01, 0.6)
            row, column = np.zeros(n_pair, np.int64), np.arange(n_pair)
            W = along_a_chain(gain, switch)
            assert W.sum(axis=0).max() <= 1.0
            assert worth(gain, W, switch) == pytest.approx(by_counting(gain, row, column, switch))


def test_primal_dual_steps_reach_the_linear_programme_and_the_bound_holds(rng):
    for _ in range(12):
        row, column = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 1])
        gain = np.maximum(rng.uniform(-0.5, 1.0, (5, 6)), 0.0)
        switch = rng.uniform(0.01, 0.4)
        W, bound = primal_dual(gain, row, column, switch, 1e-5, 20_000)
        best = by_linear_programme(gain, row, column, switch)
        assert worth(gain, W, switch) == pytest.approx(best, abs=5e-4)
        assert best - 1e-9 <= bound <= best + 5e-4
        assert W.min() >= 0.0
        for ids in (row, column):
            assert max(np.bincount(ids, W[:, k]).max() for k in range(6)) <= 1.0 + 1e-12


def test_the_relaxation_is_worth_at_least_every_whole_way_and_mostly_no_more(rng):
    row, column = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    equal = 0
    for _ in range(10):
        gain = np.maximum(rng.uniform(-0.5, 1.0, (4, 4)), 0.0)
        W, _ = primal_dual(gain, row, column, 0.125, 1e-5, 20_000)
        whole = by_counting(gain, row, column, 0.125)
        assert worth(gain, W, 0.125) >= whole - 5e-4
        equal += worth(gain, W, 0.125) == pytest.approx(whole, abs=1e-3)
    assert equal >= 7


def test_the_best_matching_is_scipys(rng):
    for n, m, share in [(4, 4, 1.0), (12, 7, 0.3), (30, 40, 0.06)]:
        gain = rng.uniform(0.1, 1.0, (n, m)) * (rng.random((n, m)) < share)
        row, column = np.nonzero(gain)
        taken = best_matching(row, column, gain[row, column], n, m)
        assert len(set(row[taken])) == len(set(column[taken])) == taken.sum()
        rows, columns = linear_sum_assignment(-gain)
        assert gain[row, column][taken].sum() == pytest.approx(gain[rows, columns].sum())


def test_trajectory_gospa_of_one_constant_error_is_that_error():
    found = trajectory_gospa(of(standing(7, (30.0, 0.0, 100.0), range(11), "confirmed"), standing(1, A, range(11))), 50)
    assert found.value_m == pytest.approx(30.0, rel=1e-6)
    assert (found.missed, found.false, found.switches) == (0.0, 0.0, 0.0)


def test_a_change_of_track_costs_gamma_once():
    own = standing(1, A, range(6), "confirmed") + standing(2, A, range(6, 11), "confirmed")
    found = trajectory_gospa(of(own, standing(1, A, range(11))), GAMMA_M)
    assert found.switches == pytest.approx(1.0)
    assert found.value_m == pytest.approx(math.sqrt(GAMMA_M**2 / 10))


def test_two_tracks_that_swap_for_good_cost_two_changes_and_for_a_second_none_but_their_error():
    near = (90.0, 0.0, 100.0)
    real = standing(1, A, range(21)) + standing(2, near, range(21))
    for changed, expected in ((range(11, 21), 2.0), (range(11, 12), 0.0)):
        own = []
        for s in range(1, 21):
            places = (near, A) if s in changed else (A, near)
            own += [(i + 1, float(s), place, (0.0, 0.0, 0.0), "confirmed") for i, place in enumerate(places)]
        found = trajectory_gospa(of(own, real), GAMMA_M * 2)
        assert found.switches == pytest.approx(expected, abs=1e-3)
        assert found.gap_m < 0.05


def test_without_tracks_everything_is_missed_in_every_metric():
    near = of([], standing(1, A, range(11)) + standing(2, B, range(11)))
    found = trajectory_gospa(near, GAMMA_M)
    assert (found.value_m, found.missed, found.false) == (pytest.approx(100.0), 2.0, 0.0)
    assert ospa2(near, 60, 10)[1].tolist() == [100.0]


def test_ospa2_is_the_mean_distance_and_the_cut_off_where_one_is_alone():
    own = standing(1, (40.0, 0.0, 100.0), range(6), "confirmed")
    ends, values = ospa2(of(own, standing(1, A, range(11))), 10, 5)
    # both are there for five of ten seconds
    assert ends.tolist() == [10]
    assert values == pytest.approx([0.5 * 40.0 + 0.5 * 100.0], rel=1e-6)
    own += standing(9, B, range(11), "confirmed")  # and one that is of no target
    assert ospa2(of(own, standing(1, A, range(11))), 10, 5)[1] == pytest.approx([(70.0 + 100.0) / 2], rel=1e-6)


def test_ospa2_sees_a_track_that_changes_its_number():
    real = standing(1, A, range(21))
    kept = standing(1, A, range(21), "confirmed")
    changed = standing(1, A, range(11), "confirmed") + standing(2, A, range(11, 21), "confirmed")
    assert ospa2(of(kept, real), 20, 5)[1] == pytest.approx([0.0], abs=1e-6)
    # the better of two tracks is there half of the time, and the other is too many
    assert ospa2(of(changed, real), 20, 5)[1] == pytest.approx([(50.0 + 100.0) / 2])


def test_windows_slide():
    own = standing(1, A, range(11), "confirmed")
    ends, values = ospa2(of(own, standing(1, A, range(31))), 10, 10)
    assert ends.tolist() == [10, 20, 30]
    assert values == pytest.approx([0.0, 100.0, 100.0], abs=1e-6)


def brute_ospa2(real, own, seconds):
    """By its definition, all assignments counted out; positions {id: {second: place}}."""
    few, many = sorted((list(real.values()), list(own.values())), key=len)

    def base(a, b):
        either = [s for s in seconds if s in a or s in b]
        return np.mean([min(math.dist(a[s], b[s]), C_M) if s in a and s in b else C_M for s in either])

    best = min(sum(base(a, b) for a, b in zip(few, way)) for way in itertools.permutations(many, len(few)))
    return (best + C_M * (len(many) - len(few))) / len(many)


def test_ospa2_is_its_definition_on_random_sets(rng):
    for _ in range(10):
        real, own, rows, given = {}, {}, [], []
        for i in range(3):
            place = rng.uniform(0.0, 120.0, 3) * [1, 1, 0] + [0, 0, 100]
            real[i] = {s: tuple(place) for s in range(1, 9)}
            rows += standing(i, tuple(place), range(9))
        for j in range(rng.integers(1, 5)):
            place = rng.uniform(0.0, 120.0, 3) * [1, 1, 0] + [0, 0, 100]
            there = sorted(rng.choice(np.arange(1, 9), rng.integers(1, 9), replace=False).tolist())
            own[j] = {s: tuple(place) for s in there}
            given += standing(j, tuple(place), there, "confirmed")
        assert ospa2(of(given, rows), 8, 8)[1] == pytest.approx([brute_ospa2(real, own, range(1, 9))], rel=1e-4)
