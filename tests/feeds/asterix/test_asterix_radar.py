import itertools
import math

import msgspec
import numpy as np
import pytest
from tests.feeds.asterix.scene import COOPERATIVE, NOON, RADAR, SECOND, SITE, config, feed, one, rejected, run, utc
from tests.feeds.asterix.synthetic import AIRCRAFT, NM_M, T0, TURN_S, block, marker, plot, radar_turns

from lowsky.feeds import asterix
from lowsky.model.measurement import MeasurementKind
from lowsky.wire.asterix import tables

FT = 0.3048
PLOT_EDITIONS = tables.editions()[48]


def plots(*records, edition="1.32"):
    return block(48, edition, records)


@pytest.mark.parametrize("edition", PLOT_EDITIONS)
def test_plots_become_slant_range_azimuth_and_range_rate(edition):
    batch = one(feed(editions={"48": edition}), plots(*(plot(T0, a) for a in AIRCRAFT), edition=edition))
    assert (batch.sensor, batch.kind, batch.look, batch.coverage) == ("radar-1", MeasurementKind.RADAR, -1, None)
    np.testing.assert_allclose(batch.z[:, 0], [a[2] * NM_M for a in AIRCRAFT], atol=NM_M / 512)
    np.testing.assert_allclose(batch.z[:, 1], np.radians([a[3] for a in AIRCRAFT]), atol=math.pi / 2**16)
    assert np.isnan(batch.z[:, 2]).all()
    assert (batch.z[:, 3] == 37.0).all()
    assert np.isnan(batch.sigma).all()
    assert (batch.t_meas_ns == utc(T0)).all()
    assert (batch.t_recv_ns == utc(T0 + 1.0)).all()


def test_what_a_plot_says_of_itself_is_kept_beside_it():
    batch = one(feed(), plots(*(plot(T0, a) for a in AIRCRAFT)))
    assert [batch.texts["identity"].text(row) for row in range(4)] == ["f00001", "f00002", "f00003", "f00004"]
    assert [batch.texts["callsign"].text(row) for row in range(4)] == ["TEST1", "TEST2", "TEST3", None]
    assert batch.attributes["mode_3a"].tolist() == [0o1234] * 4
    assert batch.attributes["track_number"].tolist() == [1, 2, 3, 4]
    assert batch.attributes["link_rssi_dbm"].tolist() == [-60.0] * 4
    assert batch.attributes["on_ground"].tolist() == [0.0] * 4


@pytest.mark.parametrize("edition", PLOT_EDITIONS)
def test_a_flight_level_below_zero_is_below_zero_in_every_edition(edition):
    batch = one(feed(editions={"48": edition}), plots(*(plot(T0, a) for a in AIRCRAFT), edition=edition))
    np.testing.assert_allclose(batch.attributes["pressure_altitude_m"], [a[6] * 100 * FT for a in AIRCRAFT])
    assert batch.attributes["pressure_altitude_m"][3] < 0.0


@pytest.mark.parametrize("flags", [(1, 0), (0, 1), (1, 1)])
def test_a_code_or_level_that_is_not_validated_or_garbled_is_left_out(flags):
    record = plot(T0, AIRCRAFT[0], **{"070": (*flags, 0, 0, 0o7700), "090": (*flags, 340)})
    batch = one(feed(), plots(record, plot(T0, AIRCRAFT[1])))
    for name in ("mode_3a", "pressure_altitude_m"):
        assert np.isnan(batch.attributes[name]).tolist() == [True, False]


def test_a_doubtful_doppler_speed_is_no_range_rate():
    batch = one(feed(), plots(plot(T0, AIRCRAFT[0], **{"120": {"CAL": (1, 0, 37)}})))
    assert np.isnan(batch.z[0, 3])


def test_a_radar_that_counts_closing_as_positive_says_so_in_the_site_file():
    record = plot(T0, AIRCRAFT[0], **{"120": {"CAL": (0, 0, -12 % 1024)}})
    assert one(feed(), plots(record)).z[0, 3] == -12.0
    assert one(feed(doppler_positive="closing"), plots(record)).z[0, 3] == 12.0


def test_a_plot_without_extras_has_no_columns_of_nothing():
    bare = {name: plot(T0, AIRCRAFT[0])[name] for name in ("010", "140", "020", "040")}
    batch = one(feed(), plots(bare))
    assert dict(batch.attributes) == {}
    assert dict(batch.texts) == {}
    assert np.isnan(batch.z[0, 2:]).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"020": ((5, 1, 0, 0, 0, None),)}, "SIMULATED"),
        ({"020": ((5, 0, 0, 0, 0, None), (1, 0, 0, 0, 0, 0, None))}, "SIMULATED"),
        ({"020": ((0, 0, 0, 0, 0, None),)}, "NOT_A_MEASUREMENT"),  # nothing detected: the radar's own tracker coasts
        ({"020": ((5, 0, 0, 0, 1, None),)}, "NOT_A_MEASUREMENT"),  # fixed field monitor
        ({"140": None}, "NO_TIME"),
        ({"140": 86_400 * 128}, "OUT_OF_RANGE"),
        ({"040": None}, "NO_POSITION"),
        ({"040": (0, 1000)}, "OUT_OF_RANGE"),
    ],
)
def test_each_record_that_is_no_measurement_is_counted_by_its_reason(changes, reason):
    normaliser = feed()
    assert rejected(normaliser, plots(plot(T0, AIRCRAFT[0], **changes))) == {reason: 1}
    assert len(one(normaliser, plots(plot(T0 + 1, AIRCRAFT[0])))) == 1


@pytest.mark.parametrize(("tod", "arrival", "day"), [(86_399.5, 86_400.2, 0), (0.5, 86_400.6, 1), (0.25, 86_399.9, 1)])
def test_the_day_of_a_time_of_day_is_the_one_nearest_to_arrival(tod, arrival, day):
    batch = one(feed(), plots(plot(tod, AIRCRAFT[0])), t=arrival)
    midnight = NOON - 43_200 * SECOND
    assert batch.t_meas_ns.tolist() == [midnight + day * 86_400 * SECOND + round(tod * SECOND)]


def test_looks_are_counted_by_north_markers_and_sectors_cover_the_turn():
    measured, covered, counts = run(feed(), radar_turns(3))
    assert sorted({batch.look for batch in measured}) == [0, 1, 2]
    assert {name.name: count for name, count in counts.items()} == {"NOT_A_MEASUREMENT": 1 + 3 * 33}
    assert all(batch.kind is MeasurementKind.RADAR for batch in covered)
    for look in range(3):
        sectors = [batch.coverage for batch in covered if batch.look == look]
        assert len(sectors) == 32
        edges = [(c.azimuth_from_rad, c.azimuth_to_rad) for c in sectors]
        assert sum(to - start for start, to in edges) == pytest.approx(2 * math.pi)
        for (_, to), (start, _) in itertools.pairwise(edges):
            assert (start - to) % (2 * math.pi) == pytest.approx(0.0, abs=1e-12)
        assert sectors[0].t_from_ns == utc(T0 + TURN_S * look)
        assert sectors[-1].t_to_ns == utc(T0 + TURN_S * (look + 1))
        assert {(c.range_min_m, c.range_max_m) for c in sectors} == {(0.0, 2e5)}


def test_each_plot_lies_in_a_sector_that_its_own_look_covered():
    measured, covered, _ = run(feed(), radar_turns(2))
    for batch in measured:
        for azimuth, t_ns in zip(batch.z[:, 1], batch.t_meas_ns):
            assert any(
                c.look == batch.look
                and c.coverage.azimuth_from_rad <= azimuth <= c.coverage.azimuth_to_rad
                and c.coverage.t_from_ns <= t_ns <= c.coverage.t_to_ns
                for c in covered
            )


def test_a_plot_that_comes_after_the_next_north_marker_stays_in_its_own_look():
    late = plots(plot(T0 + TURN_S - 0.1, AIRCRAFT[3]), plot(T0 + TURN_S + 0.2, AIRCRAFT[0]))
    north = [(T0 + TURN_S * k, block(34, "1.29", [marker(T0 + TURN_S * k)])) for k in range(2)]
    measured, _, _ = run(feed(), [*north, (T0 + TURN_S + 0.3, late)])
    assert [(batch.look, len(batch)) for batch in measured] == [(0, 1), (1, 1)]
    assert measured[0].texts["identity"].text(0) == "f00004"


def test_one_north_marker_of_a_wrong_time_does_not_stop_the_looks():
    times = [T0, T0 + TURN_S, T0 + 30_000.0, T0 + 2 * TURN_S, T0 + 3 * TURN_S]
    arrivals = [T0, T0 + TURN_S, T0 + TURN_S + 0.1, T0 + 2 * TURN_S, T0 + 3 * TURN_S]
    north = [(arrival, block(34, "1.29", [marker(t)])) for arrival, t in zip(arrivals, times)]
    last = (T0 + 3 * TURN_S + 1.0, plots(plot(T0 + 3 * TURN_S + 0.5, AIRCRAFT[0])))
    measured, covered, _ = run(feed(), [*north, last])
    assert [batch.look for batch in measured] == [4]  # the wrong marker counted once
    assert [batch.look for batch in covered] == [0, 3]


def test_a_radar_with_north_markers_only_covers_a_turn_at_a_time():
    north = [(T0 + TURN_S * k, block(34, "1.29", [marker(T0 + TURN_S * k)])) for k in range(3)]
    _, covered, _ = run(feed(), north)
    assert [(b.look, b.coverage.azimuth_from_rad, b.coverage.azimuth_to_rad) for b in covered] == [
        (0, 0.0, 2 * math.pi),
        (1, 0.0, 2 * math.pi),
    ]


@pytest.mark.parametrize("lost", [4, 20])
def test_lost_sector_messages_make_no_coverage_that_was_not_swept_in_the_time(lost):
    timed = radar_turns(2)
    kept = timed[:10] + timed[10 + lost :]
    _, covered, _ = run(feed(), kept)
    for batch in covered:
        c = batch.coverage
        swept = (c.t_to_ns - c.t_from_ns) / (TURN_S * SECOND) * 2 * math.pi
        assert c.azimuth_to_rad - c.azimuth_from_rad == pytest.approx(swept, abs=math.radians(2.0))


def test_a_radar_that_was_silent_for_minutes_claims_nothing_for_them():
    timed = radar_turns(1) + radar_turns(1, t0=T0 + 300.0 + 1.0)
    _, covered, _ = run(feed(), timed)
    assert max(b.coverage.t_to_ns - b.coverage.t_from_ns for b in covered) < TURN_S * SECOND


def test_the_same_datagram_over_two_networks_counts_once():
    timed = [(t + lag, datagram) for t, datagram in radar_turns(1) for lag in (0.0, 0.02)]
    timed.sort(key=lambda pair: pair[0])
    once, covered_once, _ = run(feed(), radar_turns(1))
    twice, covered_twice, counts = run(feed(), timed)
    assert [b.z.tobytes() for b in twice] == [b.z.tobytes() for b in once]
    assert len(covered_twice) == len(covered_once)
    assert counts.total() == 34 + sum(map(len, once)) + 34
    both, _, counts = run(feed(duplicate_window_s=0.0), timed)
    assert sum(map(len, both)) == 2 * sum(map(len, once))
    assert {reason.name for reason in counts} == {"NOT_A_MEASUREMENT"}


def test_the_same_block_much_later_is_not_a_duplicate():
    datagram = plots(plot(T0, AIRCRAFT[0]))
    normaliser = feed()
    for t in (T0, T0 + 1.5, T0 + 3.0):
        assert len(one(normaliser, datagram, t)) == 1
    assert rejected(normaliser, datagram, T0 + 3.9) == {"DUPLICATE": 1}


def test_a_radar_feed_keeps_to_its_source_or_to_the_first_it_hears():
    ours, other = plot(T0, AIRCRAFT[0]), plot(T0, AIRCRAFT[1], **{"010": (25, 13)})
    normaliser = feed()
    assert len(one(normaliser, plots(ours))) == 1
    assert rejected(normaliser, plots(other)) == {"OTHER_SOURCE": 1}
    assert one(feed(sac=25, sic=13), plots(ours, other)).texts["identity"].text(0) == "f00002"
    assert len(one(feed(sac=25), plots(ours, other))) == 2
    assert rejected(feed(sic=99), plots(ours, other)) == {"OTHER_SOURCE": 2}


def test_a_radar_feed_whose_source_fell_silent_takes_the_next():
    stray, normaliser = plot(T0, AIRCRAFT[1], **{"010": (9, 9)}), feed()
    timed = [(T0 + k, plots(plot(T0 + k, AIRCRAFT[0]))) for k in range(1, 40)]
    measured, _, counts = run(normaliser, [(T0, plots(stray)), *timed])
    assert sum(map(len, measured)) == 1 + 9
    assert {reason.name: n for reason, n in counts.items()} == {"OTHER_SOURCE": 30}


def test_another_radars_markers_turn_nothing():
    other = [(t, datagram) for t, datagram in radar_turns(1)]
    _, covered, counts = run(feed(sac=1, sic=1), other)
    assert covered == []
    assert {reason.name for reason in counts} == {"OTHER_SOURCE"}


def test_plots_need_a_radar_in_the_site_file():
    assert rejected(feed(COOPERATIVE), plots(plot(T0, AIRCRAFT[0]), plot(T0, AIRCRAFT[1]))) == {"UNSUPPORTED": 2}
    _, covered, _ = run(feed(COOPERATIVE), radar_turns(1))
    assert covered == []


def test_the_rotation_of_the_site_file_serves_where_the_radar_sends_none():
    sectors = [(T0 + k, block(34, "1.29", [marker(T0 + k, 64 * k % 256)])) for k in range(1, 6)]
    slow = msgspec.structs.replace(RADAR, look_period_s=4.0)
    fast = msgspec.structs.replace(RADAR, look_period_s=1.0)
    assert len(run(asterix.open_feed(config(), slow, SITE), sectors)[1]) == 4
    assert len(run(asterix.open_feed(config(), fast, SITE), sectors)[1]) == 0
