"""Figures of the desk, each counted by hand."""

import pytest

from lowsky.warn.figures import DAY_NS, Entry, Flood, figures

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def test_rate_priorities_times_and_sources_are_what_one_counts_by_hand():
    entries = [
        Entry(k, k * MINUTE, "high" if k == 0 else "low", f"rule {k % 2}", acknowledged_ns=(k * MINUTE + k * SECOND))
        for k in range(8)
    ]
    told = figures(entries, [Flood(10 * MINUTE, 13 * MINUTE), Flood(18 * MINUTE)], 0, 20 * MINUTE)
    assert told.alerts == 8 and told.per_ten_minutes == pytest.approx(4.0) and told.most_in_ten_minutes == 8
    assert told.priority_share == {"high": 0.125, "medium": 0.0, "low": 0.875}
    assert told.floods == 2 and told.flood_share == pytest.approx(5 / 20)
    assert (told.acknowledge_median_s, told.acknowledge_p95_s) == (3.0, 7.0)
    assert told.top_sources == (("rule 0", 4, 0.5), ("rule 1", 4, 0.5))


def test_a_desk_of_a_minute_says_no_rate_and_an_empty_one_nothing_that_is_not_known():
    assert figures([Entry(1, SECOND, "low", "x")], [], 0, MINUTE).per_ten_minutes is None
    told = figures([], [], 0, DAY_NS)
    assert (told.per_ten_minutes, told.acknowledge_median_s, told.priority_share) == (0.0, None, {})


def test_what_is_open_for_more_than_a_day_is_stale_although_it_was_raised_before():
    entries = [Entry(1, 0, "low", "x"), Entry(2, 0, "low", "x", cleared_ns=SECOND)]
    assert figures(entries, [], DAY_NS, 2 * DAY_NS).stale == 1
    assert figures(entries, [], DAY_NS, 2 * DAY_NS).alerts == 0
