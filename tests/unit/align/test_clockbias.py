"""What a sensor's times say about its clock."""

import numpy as np
import pytest

from lowsky.align.clockbias import WINDOW, ClockBias
from lowsky.model.measurement import Coverage, MeasurementBatch, MeasurementKind, empty_look

T0 = 1_790_000_000_000_000_000


def heard(seen_s, delay_s):
    t = np.array([T0 + round(seen_s * 1e9)], np.int64)
    nan = np.full((1, 2), np.nan)
    return MeasurementBatch("a", MeasurementKind.BEARING, t, t + round(delay_s * 1e9), nan, nan)


def watched(delays_s, latency_s=0.1):
    bias = ClockBias(latency_s)
    for k, delay in enumerate(delays_s):
        bias.see(heard(k, delay))
    return bias.estimate()


def test_nothing_is_said_of_too_few_batches():
    assert watched([0.1] * 4) is None


def test_a_good_clock_is_plausible_and_its_latency_is_the_median():
    estimate = watched([0.02, 0.03, 0.04, 0.03, 9.0])
    assert estimate.plausible
    assert estimate.latency_s == pytest.approx(0.03)
    assert estimate.spread_s == pytest.approx(0.01)
    assert str(estimate) == "latency 0.030 s"


def test_a_fast_clock_is_seen_as_ahead_and_a_slow_one_as_behind():
    assert str(watched([-5.0, -4.95, -4.98, -4.9, -4.99])) == "clock at least 5.000 s ahead of UTC"
    assert str(watched([3600.0] * 5)) == "clock at least 3599.900 s behind UTC"


def test_the_interval_holds_the_true_offset(rng):
    for offset in (-2.0, 0.0, 0.3):
        delays = rng.uniform(0.0, 0.5, 40)
        delays[3] = 0.05  # one quick message within the latency the site states
        estimate = watched(delays - offset)
        assert estimate.offset_low_s <= offset <= estimate.offset_high_s


def test_only_the_last_batches_are_looked_at_and_empty_looks_not_at_all():
    bias = ClockBias(0.1)
    for k in range(5):
        bias.see(heard(k, 50.0))
    for k in range(WINDOW):
        bias.see(heard(k, 0.05))
        bias.see(empty_look("a", MeasurementKind.BEARING, k, Coverage(T0, T0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)))
    assert bias.estimate().offset_high_s == pytest.approx(0.05)
