"""SIAP, surveillance form, calibration and consistency against values worked out by hand."""

import itertools
import math

import numpy as np
import pytest
from tests.unit.evaluate.evaluate_tables import standing
from tests.unit.evaluate.test_evaluate_trajectory import A, B, of

from lowsky.evaluate.calibration import (
    Claims,
    cells_of,
    middle,
    probabilistic_gospa_m,
    real_rows,
    reliability,
    reliability_of_cells,
)
from lowsky.evaluate.consistency import Innovations, autocorrelation, band, consistency, independent, nis
from lowsky.evaluate.siap import cover, siap, surveillance


def siap_of(own, real):
    near = of(own, real)
    return siap(near, np.full(len(near.second), np.nan))


def test_one_track_on_one_of_two_targets_is_half_complete():
    found = siap_of(
        standing(1, (30.0, 0.0, 100.0), range(11), "confirmed"), standing(1, A, range(11)) + standing(2, B, range(11))
    )
    assert found["completeness"] == pytest.approx(0.5)
    assert (found["ambiguity"], found["spuriousness"]) == (1.0, 0.0)
    assert found["position_accuracy_m"] == pytest.approx(30.0, rel=1e-5)
    assert found["velocity_accuracy_mps"] is None
    assert found["longest_segment"] == pytest.approx(0.5)


def test_a_second_track_of_one_target_is_ambiguity_and_a_track_of_none_is_spurious():
    own = [
        row
        for i, x in ((1, 0.0), (2, 20.0), (3, 900.0))
        for row in standing(i, (x, 0.0, 100.0), range(11), "confirmed")
    ]
    found = siap_of(own, standing(1, A, range(11)))
    assert (found["ambiguity"], found["spuriousness"]) == (2.0, pytest.approx(1 / 3))
    assert found["track_number_changes_per_hour"] == 0.0
    assert found["tracks_per_target"] == 1.0


def test_a_change_of_number_counts_against_the_time_tracked():
    own = standing(1, A, range(7), "confirmed") + standing(2, A, range(7, 11), "confirmed")
    found = siap_of(own, standing(1, A, range(11)))
    assert found["track_number_changes_per_hour"] == pytest.approx(3600 / 10)
    assert found["longest_segment"] == pytest.approx(0.6)
    assert found["tracks_per_target"] == 2.0


def test_the_fewest_tracks_cover_a_target():
    second, track = np.array([0, 0, 1, 1, 2, 2, 3, 5]), np.array([1, 2, 1, 2, 2, 3, 3, 2])
    assert cover(second, track) == [(2, 0, 2), (3, 3, 3), (2, 5, 5)]


def test_the_surveillance_form_counts_updates_gaps_and_false_reports():
    own = standing(1, A, [1, 2, 3, 8, 9, 10], "confirmed") + standing(5, B, range(5), "confirmed")
    near = of(own, standing(1, A, range(11)))
    held = np.array([0, 1, 2, 7, 8, 9])  # seconds of the run, and entries of the only target
    found = surveillance(near, held, held, np.full(6, 12.0))
    assert found["probability_of_update"] == pytest.approx(0.6)
    assert (found["long_gaps"], found["long_gap_share"]) == (1, pytest.approx(0.4))
    assert (found["horizontal_rms_m"], found["horizontal_p95_m"]) == (pytest.approx(12.0), 12.0)
    assert found["false_reports_per_450_updates"] == pytest.approx(4 * 45)


def test_a_gap_of_two_updates_is_not_long():
    near = of(standing(1, A, [1, 2, 5, 6], "confirmed"), standing(1, A, range(7)))
    assert surveillance(near, np.array([0, 1, 4, 5]), np.array([0, 1, 4, 5]), np.zeros(4))["long_gaps"] == 0


def test_what_is_claimed_rightly_has_no_calibration_error(rng):
    claimed = rng.random(60_000)
    found = reliability(claimed, rng.random(60_000) < claimed)
    assert len(found.count) == 15
    assert np.ptp(found.count) <= 1
    # one bin of 4,000 has a standard error of at most 0.008; the mean of 15 absolute values stays below that
    assert found.ece < 0.01
    assert found.brier == pytest.approx(1 / 6, abs=0.005)  # ∫ r (1 − r) dr


def test_brier_is_the_sum_of_its_parts():
    rng = np.random.default_rng(5)
    claimed = rng.random(999) ** 2
    found = reliability(claimed, rng.random(999) < 0.5)
    parts = found.reliability - found.resolution + found.uncertainty + found.within
    assert found.brier == pytest.approx(parts)
    assert found.ece > 0.15


def test_claims_of_one_value_are_one_bin():
    found = reliability(np.array([0.5] * 60 + [0.9] * 40), np.array([True] * 30 + [False] * 30 + [True] * 40))
    assert found.claimed == pytest.approx([0.5, 0.9])
    assert found.found == pytest.approx([0.5, 1.0])
    assert found.ece == pytest.approx(0.04)
    assert reliability(np.empty(0), np.empty(0, bool)) is None


def test_the_doubtful_are_those_between_the_ends():
    assert middle(np.array([0.0, 0.049, 0.05, 0.5, 0.95, 0.951])).tolist() == [False, False, True, True, True, False]


def claims_of(places, existence):
    return Claims(np.array([0, len(places)]), np.array(places, float), np.array(existence, float))


def test_a_sure_track_has_its_target_before_a_doubtful_one_nearby():
    truth = np.zeros((1, 3))
    claims = claims_of([[60.0, 0, 0], [5.0, 0, 0], [300.0, 0, 0]], [0.95, 0.02, 0.4])
    assert real_rows(np.array([0, 1]), truth, claims, 100.0).tolist() == [True, False, False]


def test_probabilistic_gospa_is_the_least_over_all_matchings(rng):
    c2 = 100.0**2
    for _ in range(30):
        truth, places = rng.uniform(0, 150, (rng.integers(1, 4), 3)), rng.uniform(0, 150, (rng.integers(1, 4), 3))
        r = rng.random(len(places))
        costs = []
        for way in itertools.product(range(-1, len(places)), repeat=len(truth)):
            taken = [j for j in way if j >= 0]
            if len(set(taken)) < len(taken):
                continue
            cost = 0.5 * c2 * way.count(-1) + sum(0.5 * c2 * r[j] for j in range(len(places)) if j not in taken)
            for i, j in enumerate(way):
                if j >= 0:
                    cost += r[j] * min(((truth[i] - places[j]) ** 2).sum(), c2) + (1 - r[j]) * 0.5 * c2
            costs.append(cost)
        claims, first = claims_of(places, r), np.array([0, len(truth)])
        is_real = real_rows(first, truth, claims, 100.0)
        assert probabilistic_gospa_m(first, truth, claims, is_real, 100.0) == pytest.approx([math.sqrt(min(costs))])


def test_sure_rows_make_probabilistic_gospa_gospa():
    near = claims_of([[30.0, 0, 0], [500.0, 0, 0]], [1.0, 1.0])
    value = probabilistic_gospa_m(
        np.array([0, 2]), np.array([[0.0, 0, 0], [900.0, 0, 0]]), near, np.ones(2, bool), 100.0
    )
    assert value == pytest.approx([math.sqrt(900 + 5000 * 2)])


def test_the_band_is_the_documents():
    assert band(100, 6) == pytest.approx((0.89, 1.11), abs=0.005)
    assert band(0, 6) is None


def test_a_first_order_series_has_its_correlation_and_says_less(rng):
    values = np.empty(40_000)
    values[0] = 0.0
    for k in range(1, len(values)):
        values[k] = 0.6 * values[k - 1] + rng.normal()
    rho, n = autocorrelation(values, np.zeros(len(values), int))
    assert n == len(values) - 1
    assert rho == pytest.approx(0.6, abs=0.03)  # standard error 0.004
    assert independent(1000, 0.6) == pytest.approx(250.0)
    assert independent(1000, -0.3) == 1000.0


def test_series_do_not_run_into_each_other():
    rho, n = autocorrelation(np.array([1.0, -1.0, 1.0, -1.0]), np.array([0, 1, 2, 3]))
    assert (rho, n) == (None, 0)
    rho, n = autocorrelation(np.array([1.0, -1.0, 1.0, -1.0]), np.array([0, 0, 1, 1]))
    assert (rho, n) == (-1.0, 2)


def test_chi_squared_values_are_consistent_and_doubled_ones_are_not(rng):
    values = rng.chisquare(6, 5000)
    series = np.repeat(np.arange(50), 100)
    found = consistency(values, series, 6)
    assert abs(found["mean"] - 1.0) < 0.04  # five standard errors
    assert found["trimmed_99"] < found["mean"]
    assert abs(found["lag_1"]) < 2.5 * found["lag_1_white_below"]
    assert consistency(2.0 * values, series, 6)["inside_band"] is False


def test_innovations_are_judged_sensor_by_sensor(rng):
    n = 3000
    sensor = ["good"] * n + ["bad"] * n
    values = np.concatenate((rng.chisquare(4, n), 3.0 * rng.chisquare(2, n)))
    size = np.repeat([4, 2], n)
    found = nis(Innovations(tuple(sensor), np.arange(2 * n) // 30, np.arange(2 * n), values, size))
    assert (found["good"]["size"], found["bad"]["size"]) == (4, 2)
    assert found["good"]["mean"] == pytest.approx(1.0, abs=0.07)
    assert found["bad"]["mean"] == pytest.approx(3.0, abs=0.3)


def test_cells_give_nearly_what_the_rows_give_and_add_up(rng):
    claimed = rng.random(30_000)
    is_real = rng.random(30_000) < claimed**2
    whole = reliability(claimed, is_real)
    pooled = reliability_of_cells(cells_of(claimed[:9000], is_real[:9000]) + cells_of(claimed[9000:], is_real[9000:]))
    assert pooled.count.sum() == 30_000
    assert pooled.ece == pytest.approx(whole.ece, abs=0.003)
    assert pooled.brier == pytest.approx(whole.brier, abs=0.001)
    part = reliability_of_cells(cells_of(claimed, is_real), 0.05, 0.95)
    assert part.count.sum() == pytest.approx(middle(claimed).sum(), abs=400)
    assert reliability_of_cells(np.zeros((961, 3))) is None


def test_chance_makes_an_error_of_perfect_claims():
    rng = np.random.default_rng(3)
    claimed = np.full(15 * 40, 0.5) + 1e-6 * np.arange(600)
    errors = [reliability(claimed, rng.random(600) < claimed).ece for _ in range(200)]
    assert np.mean(errors) == pytest.approx(reliability(claimed, claimed > 0.5).floor, rel=0.05)
