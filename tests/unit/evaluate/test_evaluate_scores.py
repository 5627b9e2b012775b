"""Scores against cases worked out by hand."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from tests.unit.evaluate.evaluate_tables import START_NS, standing, tracks, truth

from lowsky.evaluate import evaluate

A, B = (0.0, 0.0, 100.0), (1000.0, 0.0, 100.0)


def test_perfect_tracks_score_nothing():
    rows = [(i, 0.1 * k, (100.0 * i + 2.0 * k, 3.0 * k, 80.0), (20.0, 30.0, 0.0)) for i in range(5) for k in range(101)]
    own = [(10 + i, t, p, v, "confirmed") for i, t, p, v in rows]
    report = evaluate(tracks(own), truth(rows))
    assert report.gospa == pytest.approx(0.0, abs=1e-6)
    whole = report.metrics["whole"]
    assert (whole["missed"], whole["false"], whole["completeness"]) == (0.0, 0.0, 1.0)
    assert report.metrics["identity_switches"] == 0
    assert report.metrics["false_tracks"]["count"] == 0
    assert report.metrics["seconds"] == 10


def test_gospa_is_made_of_error_missed_and_false():
    own = standing(1, (30.0, 0.0, 100.0), range(11), "confirmed") + standing(
        2, (0.0, 500.0, 100.0), range(11), "coasting"
    )
    real = standing(1, A, range(11)) + standing(2, B, range(11))
    report = evaluate(tracks(own), truth(real))
    assert report.gospa == pytest.approx(math.sqrt(30.0**2 + 5000.0 * 2), rel=1e-6)
    whole = report.metrics["whole"]
    assert whole["localisation_m2"] == pytest.approx(900.0, rel=1e-5)
    assert (whole["missed"], whole["false"], whole["completeness"]) == (1.0, 1.0, 0.5)
    assert whole["rmse_m"] == pytest.approx(30.0, rel=1e-5)
    assert whole["rmse_vertical_m"] == pytest.approx(0.0, abs=1e-3)
    assert report.metrics["gospa_c20_m"] == pytest.approx(math.sqrt(200.0 * 4))
    assert report.metrics["false_tracks"] == {"count": 1, "per_hour": 360.0}


def test_no_tracks_at_all_misses_everything():
    report = evaluate(tracks([]), truth(standing(1, A, range(11)) + standing(2, B, range(11))))
    assert report.gospa == pytest.approx(100.0)
    assert report.nees is None
    assert report.metrics["confirmed_s"] == {"targets": 0, "never": 2, "median": None, "p95": None, "worst": None}


def test_tentative_and_dropped_tracks_are_not_shown():
    own = (
        standing(1, A, range(11), "tentative") + standing(2, B, range(6), "confirmed") + standing(2, B, [6], "dropped")
    )
    report = evaluate(tracks(own), truth(standing(1, A, range(11)) + standing(2, B, range(11))))
    assert report.series["shown"].to_list() == [1] * 5 + [0] * 5
    assert report.metrics["first_track_s"]["targets"] == 2
    assert report.metrics["confirmed_s"]["targets"] == 1


def test_a_track_is_carried_with_its_velocity_until_it_is_too_old():
    real = [(1, 0.1 * k, (2.0 * k, 0.0, 100.0), (20.0, 0.0, 0.0)) for k in range(101)]
    own = [(1, 0.5, (10.0, 0.0, 100.0), (20.0, 0.0, 0.0), "confirmed")]
    report = evaluate(tracks(own), truth(real), max_age_s=3.0)
    assert report.series["shown"].to_list() == [1, 1, 1] + [0] * 7
    assert report.errors_m.max() < 1e-3
    assert evaluate(tracks(own), truth(real), max_age_s=6.6).series["shown"].sum() == 7


def test_the_picture_of_a_second_uses_nothing_later():
    own = [(1, 2.001, A, (0.0, 0.0, 0.0), "confirmed")]
    report = evaluate(tracks(own), truth(standing(1, A, range(6))))
    assert report.series["shown"].to_list() == [0, 0, 1, 1, 1]


def test_a_target_is_there_from_its_first_to_its_last_row():
    real = standing(1, A, range(11)) + standing(2, B, range(4, 8))
    report = evaluate(tracks([]), truth(real))
    assert report.series["targets"].to_list() == [1, 1, 1, 2, 2, 2, 2, 1, 1, 1]


def test_truth_with_a_gap_has_no_target_in_it():
    real = standing(1, A, [0, 1, 2, 6, 7]) + standing(2, B, range(8))
    assert evaluate(tracks([]), truth(real)).series["targets"].to_list() == [2, 2, 2, 1, 1, 2, 2]
    assert evaluate(tracks([]), truth(real), truth_max_age_s=5.0).series["targets"].to_list() == [2] * 7


def test_the_map_has_east_on_the_right_also_where_longitude_turns_over():
    real = truth(standing(1, A, range(6)) + standing(2, B, range(6)))
    east_of_the_line = pl.when(pl.col("target_id") == 2).then(-179.999).otherwise(179.999).alias("longitude_deg")
    report = evaluate(tracks([]), real.with_columns(east_of_the_line))
    assert report.truth_paths[2][0, 0] - report.truth_paths[1][0, 0] == pytest.approx(176.8, abs=1.0)


def test_switches_count_targets_whose_track_changes():
    own = standing(1, A, range(5), "confirmed") + standing(9, A, range(5, 11), "confirmed")
    own += standing(2, B, range(11), "confirmed")
    report = evaluate(tracks(own), truth(standing(1, A, range(11)) + standing(2, B, range(11))), max_age_s=0.5)
    assert report.metrics["identity_switches"] == 1
    assert report.targets["switches"].to_list() == [1, 0]


def test_a_pair_lives_on_though_another_track_is_nearer():
    near = standing(2, (1.0, 0.0, 100.0), range(4, 11), "confirmed")
    own = standing(1, (40.0, 0.0, 100.0), range(11), "confirmed") + near
    report = evaluate(tracks(own), truth(standing(1, A, range(11))))
    assert report.metrics["identity_switches"] == 0


def test_two_that_swap_places_count_two_switches():
    there = [(1, A), (2, B)]
    own = [row for i, p in there for row in standing(i, p, range(5), "confirmed")]
    own += [row for i, p in ((1, B), (2, A)) for row in standing(i, p, range(5, 11), "confirmed")]
    report = evaluate(tracks(own), truth([row for i, p in there for row in standing(i, p, range(11))]))
    assert report.metrics["identity_switches"] == 2


def test_times_count_from_the_first_row_of_truth():
    real = standing(1, A, range(11)) + standing(2, B, range(3, 11))
    own = standing(1, A, range(2, 4), "tentative") + standing(1, A, range(4, 11), "confirmed")
    own += standing(2, B, range(5, 11), "confirmed")
    report = evaluate(tracks(own), truth(real))
    assert report.targets["first_track_s"].to_list() == [2.0, 2.0]
    assert report.targets["confirmed_s"].to_list() == [4.0, 2.0]
    assert report.targets["held"].to_list() == [7, 6]


def test_nees_is_one_for_errors_of_the_stated_covariance(rng):
    n = 60
    sigma = np.array([8.0, 5.0, 12.0, 1.5, 1.0, 0.5])
    root = np.diag(sigma) @ np.linalg.cholesky(0.3 * np.ones((6, 6)) + 0.7 * np.eye(6))
    real, own = [], []
    for i in range(n):
        # a different place in a wide area: the covariance is in axes at each track
        place = np.array([2_000.0 * i - 60_000.0, 1_500.0 * (i % 7), 100.0])
        for s in range(51):
            error = root @ rng.standard_normal(6)
            real.append((i, float(s), place, (10.0, -5.0, 0.0)))
            own.append((i, float(s), place + error[:3], np.array([10.0, -5.0, 0.0]) + error[3:], "confirmed"))
    report = evaluate(tracks(own, root @ root.T), truth(real), cutoff_m=300.0)
    count = report.metrics["whole"]["nees_pairs"]
    assert count == n * 50
    # five standard errors: two in a million by chance
    assert abs(report.nees - 1.0) < 5.0 * math.sqrt(2.0 / (6.0 * count))
    assert abs(report.metrics["whole"]["inside_95"] - 0.95) < 5.0 * math.sqrt(0.05 * 0.95 / count)


def test_nees_takes_rows_of_exactly_the_second_and_good_covariances_only():
    bad = np.diag([1.0, 1.0, 1.0, 1.0, 1.0, -1.0])
    real = truth(standing(1, A, range(6)))
    own = standing(1, A, range(6), "confirmed")
    report = evaluate(tracks(own, bad), real)
    assert report.nees is None
    assert report.metrics["covariances_not_positive_definite"] == 5
    late = [(i, t - 0.25, p, v, s) for i, t, p, v, s in own]
    assert evaluate(tracks(late, np.eye(6)), real).metrics["whole"]["nees_pairs"] == 0


def test_settled_starts_at_its_second():
    own = standing(1, A, range(20, 41), "confirmed")
    report = evaluate(tracks(own), truth(standing(1, A, range(41))), settled_from_s=20.0)
    assert report.metrics["settled"]["seconds"] == 21
    assert report.metrics["settled"]["gospa_m"] == pytest.approx(0.0, abs=1e-6)
    assert report.metrics["whole"]["missed"] == pytest.approx(19.0 / 40.0)
    assert evaluate(tracks(own), truth(standing(1, A, range(11)))).metrics["settled"] is None


def test_a_span_longer_than_the_truth_counts_its_seconds_too():
    start = datetime.fromtimestamp(START_NS / 1e9, UTC)
    own = standing(1, A, range(21), "confirmed")
    report = evaluate(
        tracks(own), truth(standing(1, A, range(5, 11))), span=(start, start + timedelta(seconds=20)), max_age_s=0.5
    )
    assert report.metrics["seconds"] == 20
    assert report.series["false"].sum() == 14


def test_the_class_shown_is_scored_where_it_is_given():
    real = truth(standing(1, A, range(11)), "bird")
    right = evaluate(tracks(standing(1, A, range(11), "confirmed"), object_class="bird"), real)
    unknown = evaluate(tracks(standing(1, A, range(11), "confirmed"), object_class="unknown"), real)
    assert right.metrics["class"] == {"n": 10, "right": 1.0, "unknown": 0.0, "wrong": 0.0}
    assert unknown.metrics["class"]["unknown"] == 1.0
    drone = tracks(standing(1, A, range(11), "confirmed"), object_class="drone")
    assert evaluate(drone, real).metrics["class"]["wrong"] == 1.0
    assert evaluate(drone, truth(standing(1, A, range(11)), "multirotor")).metrics["class"]["right"] == 1.0


def test_tracks_without_a_position_are_counted_and_not_shown():
    own = tracks(standing(1, A, range(11), "confirmed"))
    own = own.with_columns(latitude_deg=None, longitude_deg=None, height_m=None)
    report = evaluate(
        own.cast({"latitude_deg": float, "longitude_deg": float, "height_m": float}), truth(standing(1, A, range(11)))
    )
    assert report.metrics["rows_without_position"] == 11
    assert report.metrics["whole"]["missed"] == 1.0


def test_a_track_nearer_to_another_target_is_told_apart_from_errors_of_its_own():
    first, lost, second = (0.0, 0.0, 100.0), (40.0, 0.0, 100.0), (1.0, 0.0, 100.0)
    real = truth(standing(1, first, range(11)) + standing(2, lost, range(11)))
    own = standing(1, first, range(11), "confirmed") + standing(2, second, range(11), "confirmed")
    whole = evaluate(tracks(own, np.eye(6)), real).metrics["whole"]
    assert whole["contested"] == 0.5
    assert whole["anees"] > 100.0
    assert whole["anees_own"] < 1e-6
    assert whole["inside_95_own"] == 1.0
