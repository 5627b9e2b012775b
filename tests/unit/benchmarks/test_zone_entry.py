"""The benchmark of probabilities of entry: its figures are what they are called."""

import numpy as np
import pytest
from benchmarks.zone_entry import Answers, ece, figures


def test_answers_that_come_true_as_often_as_told_are_calibrated_and_others_are_off_by_how_much():
    rng = np.random.default_rng(1)
    told = rng.choice([0.1, 0.4, 0.8], 60_000)
    came, weight = rng.random(len(told)) < told, np.ones(len(told))
    assert ece(told, came, weight) < 0.01
    assert ece(np.clip(told + 0.1, 0, 1), came, weight) == pytest.approx(0.1, abs=0.01)
    assert ece(np.full(1000, 0.7), np.arange(1000) < 300, np.ones(1000)) == pytest.approx(0.4)


def test_runs_weigh_alike_however_many_questions_they_have():
    few = Answers(np.full(10, 0.5), np.ones(10), np.ones(10, bool))
    many = Answers(np.full(1000, 0.0), np.zeros(1000), np.zeros(1000, bool))
    found = figures([few, many])
    assert found["came"] == pytest.approx(0.5) and found["brier"] == pytest.approx(0.125)
    assert found["brier_straight"] == 0.0 and np.isnan(found["better"])
