import math

import numpy as np
import pytest
from tests.feeds.asterix.scene import COOPERATIVE, NOON, RADAR, SECOND, feed, one, rejected, run, utc
from tests.feeds.asterix.synthetic import (
    AIRCRAFT,
    NM_M,
    STATION,
    T0,
    TRACKER,
    adsb_report,
    block,
    old_adsb_report,
    station_reports,
    system_track,
    tod,
    tracker_updates,
    units,
)

from lowsky.model.measurement import MeasurementKind
from lowsky.wire.adsb.integrity import EPU_M, SIGMA_PER_95_PLANE
from lowsky.wire.asterix import tables

FT = 0.3048
EARTH_M = 6_371_008.8
TRACK_EDITIONS = tables.editions()[62]
NEW_ADSB = [name for name in tables.editions()[21] if name.startswith("2.")]
OLD_ADSB = [name for name in tables.editions()[21] if name.startswith("0.")]


def tracks(*records, edition="1.21"):
    return block(62, edition, records)


def reports(*records, edition="2.7"):
    return block(21, edition, records)


def track(**changes):
    return system_track(T0, AIRCRAFT[0], 100, **changes)


def report(**changes):
    return adsb_report(T0, AIRCRAFT[0], **changes)


def positions():
    return np.radians([a[7:9] for a in AIRCRAFT])


def velocities():
    courses = np.radians([a[5] for a in AIRCRAFT])
    return np.column_stack((np.sin(courses), np.cos(courses))) * np.array([[a[4]] for a in AIRCRAFT])


@pytest.mark.parametrize("edition", TRACK_EDITIONS)
def test_system_tracks_become_reports_with_height_velocity_and_sigma(edition):
    made = tracks(*(system_track(T0, a, 100 + n) for n, a in enumerate(AIRCRAFT)), edition=edition)
    batch = one(feed(COOPERATIVE, editions={"62": edition}), made)
    assert (batch.kind, batch.look, batch.coverage) == (MeasurementKind.REPORT, -1, None)
    np.testing.assert_allclose(batch.z[:, :2], positions(), atol=math.pi / 2**26)
    np.testing.assert_allclose(batch.z[:, 2], [(a[6] * 100 + 60) * FT for a in AIRCRAFT], atol=6.25 * FT / 2)
    np.testing.assert_allclose(batch.z[:, 3:5], velocities(), atol=0.125)
    np.testing.assert_allclose(batch.z[:, 5], 640.0 * FT / 60.0, atol=6.25 * FT / 120)
    assert (batch.t_meas_ns == utc(T0)).all()
    lsb_m = math.radians(180 / 2**25) * EARTH_M
    np.testing.assert_allclose(batch.sigma[:, 1], math.radians(0.0004) * EARTH_M, atol=lsb_m)
    np.testing.assert_allclose(
        batch.sigma[:, 0], math.radians(0.0005) * EARTH_M * np.cos(positions()[:, 0]), atol=lsb_m
    )
    np.testing.assert_allclose(batch.sigma[:, 2:], [[50.0 * FT, 1.0, 1.5, 100.0 * FT / 60.0]] * 4)


def test_what_a_track_says_of_itself_is_kept_beside_it():
    batch = one(feed(COOPERATIVE), tracks(*(system_track(T0, a, 100 + n) for n, a in enumerate(AIRCRAFT))))
    assert [batch.texts["identity"].text(row) for row in range(4)] == ["f00001", "f00002", "f00003", "f00004"]
    assert [batch.texts["callsign"].text(row) for row in range(4)] == ["TEST1", "TEST2", "TEST3", None]
    assert batch.attributes["track_number"].tolist() == [100, 101, 102, 103]
    assert batch.attributes["mode_3a"].tolist() == [0o1234] * 4
    np.testing.assert_allclose(batch.attributes["pressure_altitude_m"], [a[6] * 100 * FT for a in AIRCRAFT])


def test_a_callsign_is_no_identity():
    batch = one(feed(COOPERATIVE), tracks(track(**{"380": None})))
    assert "identity" not in batch.texts
    assert batch.texts["callsign"].text(0) == "TEST1"


def test_accuracy_in_metres_serves_where_none_is_in_degrees_and_zero_is_no_accuracy():
    batch = one(feed(COOPERATIVE), tracks(track(**{"500": {"APC": (40, 60), "AGA": 0}}), track(**{"500": None})))
    assert batch.sigma[0, :2].tolist() == [20.0, 30.0]
    assert np.isnan(batch.sigma[0, 2:]).all()
    assert np.isnan(batch.sigma[1]).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"080": ((0, 0, 1, 1, 0, None), (1, 0, 0, 0, 0, 0, 0, None))}, "SIMULATED"),
        ({"080": ((0, 0, 1, 1, 0, None), (0, 1, 0, 0, 0, 0, 0, None))}, "NOT_A_MEASUREMENT"),  # end of track
        (
            {"080": ((0, 0, 1, 1, 0, None), (0,) * 7 + (None,), (0,) * 5 + (None,), (1,) + (0,) * 6 + (None,))},
            "NOT_A_MEASUREMENT",  # coasted: the tracker only extrapolates
        ),
        ({"105": None}, "NO_POSITION"),
    ],
)
def test_each_track_that_is_no_measurement_is_counted_by_its_reason(changes, reason):
    assert rejected(feed(COOPERATIVE), tracks(track(**changes))) == {reason: 1}


def test_a_cartesian_position_alone_is_no_position():
    assert rejected(feed(COOPERATIVE), tracks(track(**{"105": None, "100": (1000, 1000)}))) == {"NO_POSITION": 1}


@pytest.mark.parametrize(("feet", "is_there"), [(-1500, True), (-1506.25, False), (150_000, True), (150_006.25, False)])
def test_a_geometric_height_outside_its_range_is_left_out(feet, is_there):
    batch = one(feed(COOPERATIVE), tracks(track(**{"130": units(feet, 6.25) % 2**16, "136": None})))
    assert np.isfinite(batch.z[0, 2]) == is_there
    assert np.isfinite(batch.sigma[0, 2]) == is_there


def test_pressure_altitude_serves_as_height_with_its_own_sigma_where_there_is_no_other():
    for batch in (
        one(feed(COOPERATIVE), tracks(track(**{"130": None}))),
        one(feed(COOPERATIVE), reports(report(**{"140": None}))),
    ):
        assert batch.z[0, 2] == batch.attributes["pressure_altitude_m"][0] == pytest.approx(8500 * FT)
        assert batch.sigma[0, 2] == 150.0
    none = one(feed(COOPERATIVE), tracks(track(**{"130": None, "136": None})))
    assert np.isnan(none.z[0, 2])
    assert np.isnan(none.sigma[0, 2])


def test_status_messages_of_the_tracker_are_counted_and_measure_nothing():
    measured, covered, counts = run(feed(COOPERATIVE), tracker_updates(3))
    assert sum(map(len, measured)) == 12
    assert covered == []
    assert {reason.name: count for reason, count in counts.items()} == {"NOT_A_MEASUREMENT": 3}


def test_tracks_need_a_cooperative_sensor_in_the_site_file():
    assert rejected(feed(RADAR), tracks(track(), track())) == {"UNSUPPORTED": 2}
    assert rejected(feed(RADAR), reports(report())) == {"UNSUPPORTED": 1}


def test_tracks_of_another_source_are_counted_as_such():
    assert rejected(feed(COOPERATIVE, sac=1), tracks(track())) == {"OTHER_SOURCE": 1}
    both = tracks(track(), track(**{"010": (25, 101)}))
    assert len(one(feed(COOPERATIVE), both)) == 2  # without a filter a line may carry several trackers


@pytest.mark.parametrize("edition", NEW_ADSB)
def test_adsb_reports_become_reports_with_integrity(edition):
    made = reports(*(adsb_report(T0, a) for a in AIRCRAFT), edition=edition)
    batch = one(feed(COOPERATIVE, editions={"21": edition}), made)
    assert batch.kind is MeasurementKind.REPORT
    np.testing.assert_allclose(batch.z[:, :2], positions(), atol=math.pi / 2**31)
    np.testing.assert_allclose(batch.z[:, 2], [(a[6] * 100 + 60) * FT for a in AIRCRAFT], atol=6.25 * FT / 2)
    np.testing.assert_allclose(batch.z[:, 3:5], velocities(), atol=0.1)
    np.testing.assert_allclose(batch.z[:, 5], 640.0 * FT / 60.0, atol=6.25 * FT / 120)
    assert {name: batch.attributes[name].tolist() for name in ("nic", "nac_p", "nac_v", "sil", "on_ground")} == {
        "nic": [8.0] * 4, "nac_p": [9.0] * 4, "nac_v": [2.0] * 4, "sil": [3.0] * 4, "on_ground": [0.0] * 4,
    }  # fmt: skip
    np.testing.assert_allclose(batch.sigma[:, :2], 30.0 / 2.4477, rtol=1e-4)  # NACp 9: 30 m, 95 %
    np.testing.assert_allclose(batch.sigma[:, 3:5], 3.0 / 2.4477, rtol=1e-4)  # NACv 2: 3 m/s, 95 %
    np.testing.assert_allclose(batch.sigma[:, 2], 45.0 / 1.96, rtol=1e-4)  # GVA 2: 45 m, 95 %
    assert [batch.texts["identity"].text(row) for row in range(4)] == ["f00001", "f00002", "f00003", "f00004"]
    assert batch.texts["callsign"].text(0) == "TEST1"


@pytest.mark.parametrize("edition", OLD_ADSB)
def test_the_0_2x_editions_of_cat021_are_read_where_the_site_file_says_so(edition):
    made = reports(*(old_adsb_report(T0, a, edition) for a in AIRCRAFT), edition=edition)
    batch = one(feed(COOPERATIVE, editions={"21": edition}), made)
    np.testing.assert_allclose(batch.z[:, :2], positions(), atol=math.pi / (2**24 if edition == "0.23" else 2**26))
    np.testing.assert_allclose(batch.z[:, 3:5], velocities(), atol=0.1)
    assert (batch.t_meas_ns == utc(T0)).all()
    assert batch.texts["identity"].text(0) == "f00001"
    assert "nic" not in batch.attributes


def test_the_coarse_position_serves_where_there_is_no_fine_one():
    batch = one(feed(COOPERATIVE), reports(report(**{"131": None})))
    np.testing.assert_allclose(batch.z[0, :2], positions()[0], atol=math.pi / 2**24)
    assert rejected(feed(COOPERATIVE), reports(report(**{"131": None, "130": None}))) == {"NO_POSITION": 1}


def test_the_best_clock_that_is_sent_is_used():
    for gone, seconds in (((), 0.0), (("071",), 0.1), (("071", "073"), 0.3)):
        batch = one(feed(COOPERATIVE), reports(report(**dict.fromkeys(gone))))
        assert batch.t_meas_ns.tolist() == [NOON + tod(seconds) * SECOND // 128]
    assert rejected(feed(COOPERATIVE), reports(report(**dict.fromkeys(("071", "073", "077"))))) == {"NO_TIME": 1}


def test_nucp_of_version_0_is_not_taken_for_nic():
    batch = one(feed(COOPERATIVE), reports(report(**{"210": (0, 0, 0, 2)}), report(**{"210": None}), report()))
    assert np.isnan(batch.attributes["nic"]).tolist() == [True, True, False]


def test_values_past_their_range_are_left_out():
    gone = one(feed(COOPERATIVE), reports(report(**{"160": (1, 0x7FFF, 0), "157": (1, 5), "140": 0x7FFF, "145": None})))
    assert np.isnan(gone.z[0, 2:]).all()
    barometric = one(feed(COOPERATIVE), reports(report(**{"157": (1, 5), "155": (0, 16)})))
    assert barometric.z[0, 5] == pytest.approx(100 * FT / 60)


@pytest.mark.parametrize(("kind", "is_own"), [(0, True), (1, False), (2, True), (3, False)])
def test_an_address_that_is_not_its_own_is_no_identity(kind, is_own):
    batch = one(feed(COOPERATIVE), reports(report(**{"040": ((kind, 1, 0, 0, None),)})))
    assert ("identity" in batch.texts) == is_own


@pytest.mark.parametrize(
    ("descriptor", "reason"),
    [
        (((0, 1, 0, 1, None),), "NOT_A_MEASUREMENT"),  # field monitor
        (((0, 1, 0, 0, None), (0, 0, 1, 0, 0, 0, None)), "SIMULATED"),
        (((0, 1, 0, 0, None), (0, 0, 0, 1, 0, 0, None)), "SIMULATED"),
    ],
)
def test_each_adsb_report_that_is_no_measurement_is_counted_by_its_reason(descriptor, reason):
    assert rejected(feed(COOPERATIVE), reports(report(**{"040": descriptor}))) == {reason: 1}


def test_the_ground_bit_is_kept():
    batch = one(feed(COOPERATIVE), reports(report(**{"040": ((2, 1, 0, 0, None), (0, 1, 0, 0, 0, 0, None))})))
    assert batch.attributes["on_ground"].tolist() == [1.0]


def test_a_station_gives_one_batch_for_each_datagram():
    measured, _, counts = run(feed(COOPERATIVE), station_reports(5))
    assert [len(batch) for batch in measured] == [1] * 20
    assert counts.total() == 0


@pytest.mark.parametrize("category", range(12))
def test_sigma_follows_the_accuracy_category(category):
    batch = one(feed(COOPERATIVE), reports(report(**{"090": ((2, 8, None), (1, 3, category, None))})))
    assert batch.sigma[0, 0] == pytest.approx(EPU_M[category] * SIGMA_PER_95_PLANE, nan_ok=True)
    assert np.isnan(batch.sigma[0, 2])


def test_ground_speed_is_in_nautical_miles_per_second():
    batch = one(feed(COOPERATIVE), reports(report(**{"160": (0, 2**11, 2**14)})))  # 1/8 NM/s, 90°
    np.testing.assert_allclose(batch.z[0, 3:5], [NM_M / 8, 0.0], atol=1e-9)


@pytest.mark.parametrize("code", [0, 1, 0x0FFFFF, 0xFFFFFF])
def test_addresses_are_six_lower_case_digits_and_zero_is_nobody(code):
    batch = one(feed(COOPERATIVE), reports(report(**{"080": code}), report()))
    assert batch.texts["identity"].text(0) == (f"{code:06x}" if code else None)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(0x041105_31CBC0, None), (0, None), (0x820820820820, None), (int("000001" * 8, 2), "AAAAAAAA")],
)
def test_a_callsign_outside_its_alphabet_or_blank_is_none(raw, text):
    batch = one(feed(COOPERATIVE), reports(report(**{"170": raw}), report()))
    assert batch.texts["callsign"].text(0) == text


def test_sources_of_the_synthetic_scene_differ():
    assert TRACKER != STATION
