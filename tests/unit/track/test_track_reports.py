"""Cooperative reports, identities, and what becomes of them."""

import gzip
import json
import math
from collections import defaultdict

import numpy as np
import pytest
from tests import needs
from tests.unit.track.track_scenes import (
    FRAME,
    SECOND,
    T0,
    batch,
    look,
    plots,
    radar,
    receiver,
    reports,
    shown,
    site,
    straight,
)  # fmt: skip

from lowsky.geo.enu import EnuFrame
from lowsky.model.events import (
    TrackConfirmed,
    TrackDropped,
    TrackIdentified,
    TracksMerged,
    TrackStarted,
)  # fmt: skip
from lowsky.model.measurement import Labels, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.track import TrackStatus
from lowsky.track.rows import TrackReject
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

SWISS = "adsb/traffic/switzerland.json.gz"


def kinds(events, kind):
    return [e for e in events if isinstance(e, kind)]


def idle(tracker, from_s, to_s):
    """Time passing, four ticks a second."""
    events = []
    for k in range(round(from_s * 4) + 1, round(to_s * 4) + 1):
        events += tracker.step(Tick(T0 + k * SECOND // 4))
    return events


def turning(t_s, speed=230.0, turn_s=100.0, rate=0.0524):
    """An airliner that flies north and turns right for half a minute, at 3°/s."""
    heading = rate * np.clip(t_s - turn_s, 0, 30)
    radius = speed / rate
    if t_s <= turn_s:
        place = [0.0, speed * (t_s - turn_s), 9000.0]
    else:
        place = [radius * (1 - math.cos(heading)), radius * math.sin(heading), 9000.0]
        rest = max(t_s - turn_s - 30, 0) * speed
        place[0] += rest * math.sin(heading)
        place[1] += rest * math.cos(heading)
    return np.array([[*place, speed * math.sin(heading), speed * math.cos(heading), 0.0]])


@pytest.mark.parametrize("velocity", [True, False])
def test_reports_every_ten_seconds_follow_an_airliner_through_its_turn_within_30_m(rng, velocity):
    sensor = receiver()
    tracker, events = Tracker(site(sensor)), []
    for t in range(10, 300, 10):
        tick = reports(rng, sensor, t, turning(t), ["4b1234"], velocity=velocity)
        events += tracker.step(tick)
        snapshot = tracker.snapshot()
        said = FRAME.pos_enu(*tick.batch.z[0, :3])
        assert snapshot.identity == ("4b1234",)
        assert np.hypot(*(snapshot.x[0, :2] - said[:2])) < 30
        events += idle(tracker, t, t + 10)
        assert t == 10 or tracker.snapshot().status.tolist() == [TrackStatus.CONFIRMED]
    assert len(kinds(events, TrackStarted)) == len(kinds(events, TrackConfirmed)) == 1


def test_reports_of_a_fast_aircraft_tell_its_place_along_its_way_no_better_than_its_clock_and_a_radar_does():
    rng, sensors, lag_s = np.random.default_rng(5), (radar(), receiver()), 0.4
    tracker = Tracker(site(*sensors))

    def flight(t_s):
        return straight([-20_000, 1500, 900], [200, 0, 0], t_s)

    for k in range(2, 240):  # seen by the radar from 75 s on
        if k >= 150 and k % 2 == 0:
            tracker.step(look(rng, sensors[0], 0.5 * k, flight(0.5 * k)))
        told = flight(0.5 * k + 0.25 - lag_s)
        tracker.step(reports(rng, sensors[1], 0.5 * k + 0.25, told, ["4b1234"]))
        if k in (140, 200):
            snapshot = tracker.snapshot()
            row = snapshot.identity.index("4b1234")
            error, sigma = snapshot.x[row, :2] - flight(0.5 * k + 0.25)[0, :2], np.sqrt(np.diag(snapshot.P[row]))
            assert np.abs(error[0]) < 3.0 * sigma[0]
            assert sigma[1] < 20.0
            assert (sigma[0] > 60.0) == (k == 140)  # 0.35 s of 200 m/s


def test_a_report_and_a_plot_of_one_aircraft_are_one_track_whichever_comes_first():
    for first in ("plot", "report"):
        rng = np.random.default_rng(11)
        sensors = radar(), receiver()
        tracker, events = Tracker(site(*sensors)), []
        for t in range(1, 41):
            target = straight([-800, 1500, 120], [20, 5, 0], t)
            if first == "plot" or t > 10:
                events += tracker.step(look(rng, sensors[0], t, target))
            if first == "report" or t > 10:
                states = straight([-800, 1500, 120], [20, 5, 0], t + 0.5)
                events += tracker.step(reports(rng, sensors[1], t + 0.5, states, ["drone-1"]))
        snapshot = tracker.snapshot()
        assert shown(snapshot).sum() == 1
        assert snapshot.identity[int(np.flatnonzero(shown(snapshot))[0])] == "drone-1"
        assert snapshot.sensors[shown(snapshot)].tolist() == [3]
        assert len(kinds(events, TrackIdentified)) == 1
        assert np.linalg.norm(snapshot.x[shown(snapshot)][0, :3] - states[0, :3]) < 30


def test_a_track_coasts_after_three_missed_reports_and_drops_after_thirty_seconds(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    for t in range(1, 21):
        tracker.step(reports(rng, sensor, t, straight([0, 500, 50], [10, 0, 0], t), ["a"]))
    idle(tracker, 20, 23)
    assert tracker.snapshot().status.tolist() == [TrackStatus.CONFIRMED]
    idle(tracker, 23, 24.5)
    assert tracker.snapshot().status.tolist() == [TrackStatus.COASTING]
    idle(tracker, 24.5, 49)
    assert tracker.snapshot().status.tolist() == [TrackStatus.COASTING]
    assert len(kinds(idle(tracker, 49, 51.5), TrackDropped)) == 1


def test_a_returning_identity_gets_its_number_back_and_nobody_else_ever_does(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    for t in (1, 2, 3):
        tracker.step(reports(rng, sensor, t, straight([0, 500, 50], [10, 0, 0], t), ["a"]))
    number = int(tracker.snapshot().track_id[0])
    idle(tracker, 3, 60)
    assert len(tracker.snapshot()) == 0
    tracker.step(reports(rng, sensor, 61, straight([0, 500, 50], [10, 0, 0], 61), ["b"]))
    assert int(tracker.snapshot().track_id[0]) != number
    tracker.step(reports(rng, sensor, 62, straight([500, 3000, 50], [10, 0, 0], 0), ["a"]))
    snapshot = tracker.snapshot()
    assert dict(zip(snapshot.identity, snapshot.track_id.tolist(), strict=True))["a"] == number


def test_an_identity_that_cannot_have_got_there_is_a_new_object(rng):
    sensor, settings = receiver(), TrackerSettings(reidentify_s=3600.0)
    tracker = Tracker(site(sensor), settings)
    for t in (1, 2):
        tracker.step(reports(rng, sensor, t, straight([0, 500, 50], [0, 0, 0], t), ["a"]))
    number = int(tracker.snapshot().track_id[0])
    idle(tracker, 2, 40)
    tracker.step(reports(rng, sensor, 41, straight([90e3, 0, 50], [0, 0, 0], 0), ["a"]))
    assert int(tracker.snapshot().track_id[0]) != number


def test_a_report_from_out_of_reach_is_counted_and_followed_only_when_several_agree(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    for t in range(1, 6):
        tracker.step(reports(rng, sensor, t, straight([0, 500, 50], [10, 0, 0], t), ["a"]))
    far = straight([60e3, 500, 50], [10, 0, 0], 0)
    for k, t in enumerate((6, 7)):
        tracker.step(reports(rng, sensor, t, far, ["a"]))
        assert tracker.rejects["adsb", TrackReject.UNREACHABLE] == k + 1
        assert np.hypot(*tracker.snapshot().x[0, :2]) < 1000
    tracker.step(reports(rng, sensor, 8, far, ["a"]))
    snapshot = tracker.snapshot()
    assert len(snapshot) == 1
    assert abs(snapshot.x[0, 0] - 60e3) < 100


def test_a_jump_within_reach_moves_the_same_track(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    for t in range(1, 31):
        tracker.step(reports(rng, sensor, t, straight([0, 500, 50], [10, 0, 0], t), ["a"]))
    jumped = straight([500, 900, 50], [10, 0, 0], 31)
    tracker.step(reports(rng, sensor, 31, jumped, ["a"]))
    snapshot = tracker.snapshot()
    assert len(snapshot) == 1
    assert np.hypot(*(snapshot.x[0, :2] - jumped[0, :2])) < 40


def test_a_velocity_alone_updates_its_track_and_starts_none(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    z = np.array([[np.nan, np.nan, np.nan, 30.0, 0.0, 0.0]])
    who = {"identity": Labels.of(["a"])}
    tracker.step(Tick(T0, batch(sensor, MeasurementKind.REPORT, T0, z, texts=who)))
    assert len(tracker.snapshot()) == 0
    assert tracker.rejects["adsb", TrackReject.VELOCITY_ALONE] == 1
    tracker.step(reports(rng, sensor, 1, straight([0, 500, 50], [0, 0, 0], 1), ["a"], velocity=False))
    t_ns = T0 + SECOND + SECOND // 2
    tracker.step(Tick(t_ns, batch(sensor, MeasurementKind.REPORT, t_ns, z, texts=who)))
    snapshot = tracker.snapshot()
    assert snapshot.x[0, 3] == pytest.approx(30.0, abs=1.0)
    assert snapshot.t_update_ns[0] == t_ns


def test_reports_without_height_keep_the_horizontal_place_whatever_the_height(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    for t in range(1, 31):
        target = straight([20e3, 30e3, 8000], [100, -50, 0], t)
        tracker.step(reports(rng, sensor, t, target, ["a"], height=False))
    snapshot = tracker.snapshot()
    said = FRAME.geodetic(target[0, :3])
    here = FRAME.geodetic(snapshot.x[0, :3])
    assert abs(here[0] - said[0]) * 6.37e6 < 30
    assert abs(here[1] - said[1]) * 4.5e6 < 30
    assert math.sqrt(snapshot.P[0, 2, 2]) > 1000


def test_reports_without_identity_make_tracks_that_need_confirming(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    for t in range(1, 6):
        states = np.vstack((straight([0, 500, 50], [10, 0, 0], t), straight([0, 900, 50], [-10, 0, 0], t)))
        tracker.step(reports(rng, sensor, t, states, [None, None]))
        assert shown(tracker.snapshot()).any() == (t >= 3)
    assert shown(tracker.snapshot()).sum() == 2


def test_a_duplicate_born_of_a_registration_error_is_merged_into_the_named_track():
    rng = np.random.default_rng(12)
    sensors = radar(), receiver()
    tracker, events = Tracker(site(*sensors)), []
    for t in range(1, 31):
        # reports lie 75 m off at first: too far to be taken for the radar's track
        shift = np.array([[75.0 if t < 12 else 0.0, 0, 0, 0, 0, 0]])
        target = straight([-800, 1500, 120], [20, 5, 0], t)
        events += tracker.step(look(rng, sensors[0], t, target, clutter=0))
        if t >= 8:
            later = straight([-800, 1500, 120], [20, 5, 0], t + 0.5)
            events += tracker.step(reports(rng, sensors[1], t + 0.5, later + shift, ["drone-1"], sigma=3.0))
    snapshot = tracker.snapshot()
    assert shown(snapshot).sum() == 1
    assert snapshot.identity[int(np.flatnonzero(shown(snapshot))[0])] == "drone-1"
    assert len(kinds(events, TracksMerged)) <= 1


def test_texts_attributes_and_class_evidence_reach_the_track(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    for t in (1, 2):
        tick = reports(rng, sensor, t, straight([0, 500, 50], [10, 0, 0], t), ["a"])
        texts = {"identity": Labels.of(["a"]), "callsign": Labels.of([f"CALL{t}"]), "class": Labels.of(["aeroplane"])}
        more = {"nic": np.array([8.0]), "snr_db": np.array([np.nan])}
        rows = batch(sensor, MeasurementKind.REPORT, tick.t_ns, tick.batch.z, texts=texts, attributes=more)
        tracker.step(Tick(tick.t_ns, rows))
        assert tracker.associated.row.tolist() == [0]
        assert tracker.associated.track_id.tolist() == [1]
        assert tracker.associated.weight.tolist() == [1.0]
    snapshot = tracker.snapshot()
    assert snapshot.texts["callsign"] == ("CALL2",)
    assert snapshot.attributes["nic"].tolist() == [8.0]
    assert "snr_db" not in snapshot.attributes
    assert tracker.facts(1).class_counts == {(0, "aeroplane"): 2}
    assert snapshot.class_probability.sum(axis=1).tolist() == [1.0]


def test_many_reports_of_one_object_in_one_batch_are_used_in_their_order(rng):
    sensor = receiver()
    tracker = Tracker(site(sensor))
    times = np.arange(1, 31)
    states = np.vstack([straight([0, 500, 50], [10, 5, 0], t) for t in times])
    z = np.full((30, 6), np.nan)
    z[:, :3] = FRAME.geodetic(states[:, :3])
    order = rng.permutation(30)
    rows = batch(
        sensor, MeasurementKind.REPORT, T0 + times[order] * SECOND, z[order], texts={"identity": Labels.of(["a"] * 30)}
    )
    tracker.step(Tick(T0 + 30 * SECOND, rows))
    snapshot = tracker.snapshot()
    assert len(snapshot) == 1
    assert np.linalg.norm(snapshot.x[0, :2] - states[-1, :2]) < 1
    np.testing.assert_allclose(snapshot.x[0, 3:5], [10, 5], atol=0.5)


def test_plots_of_an_unnamed_object_do_not_take_over_a_named_one(rng):
    sensors = radar(), receiver()
    tracker = Tracker(site(*sensors))
    for t in range(1, 31):
        named = straight([-800, 1500, 120], [20, 5, 0], t + 0.5)
        tracker.step(look(rng, sensors[0], t, straight([-800, 1650, 120], [20, -5, 0], t), clutter=0))
        tracker.step(reports(rng, sensors[1], t + 0.5, named, ["drone-1"]))
        snapshot = tracker.snapshot()
        at = snapshot.identity.index("drone-1")
        assert np.linalg.norm(snapshot.x[at, :2] - named[0, :2]) < 60
    assert shown(snapshot).sum() == 2


def test_the_swiss_sky_has_one_track_per_aircraft_within_30_m_of_its_reports():
    """The first 90 minutes: 10 s between rows, climbs, turns, aircraft that leave and come back."""
    with gzip.open(needs.recording(SWISS)) as file:
        rows = json.load(file)
    start = min(row["timestamp"] for row in rows)
    by_time = defaultdict(list)
    for row in rows:
        if row["timestamp"] <= start + 5_400_000:
            by_time[row["timestamp"]].append(row)
    place = {"latitude_rad": math.radians(46.9), "longitude_rad": math.radians(8.2), "height_m": 500.0}
    sensor = receiver(sigma_height_m=150.0, **place)
    frame = EnuFrame.at(*place.values())
    tracker = Tracker(Site(name="ch", sensors=(sensor,), **place))
    numbers, worst, lost, seen = defaultdict(set), 0.0, 0, 0
    for stamp in sorted(by_time):
        now = by_time[stamp]
        column = lambda name, now=now: np.array([math.nan if r[name] is None else r[name] for r in now], float)  # noqa: E731
        course, speed = np.radians(column("track")), column("groundspeed") * 1852 / 3600
        z = np.column_stack(
            (
                np.radians(column("latitude")), np.radians(column("longitude")), column("altitude") * 0.3048,
                speed * np.sin(course), speed * np.cos(course), column("vertical_rate") * 0.3048 / 60,
            )
        )  # fmt: skip
        names = [r["icao24"] for r in now]
        tracker.step(Tick(stamp * 10**6 - SECOND))
        who = {"identity": Labels.of(names)}
        tracker.step(Tick(stamp * 10**6, batch(sensor, MeasurementKind.REPORT, stamp * 10**6, z, texts=who)))
        snapshot = tracker.snapshot()
        alive = snapshot.status != TrackStatus.DROPPED
        row_of = {name: k for k, name in enumerate(snapshot.identity) if alive[k]}
        assert len(row_of) == alive.sum()  # no duplicate, nobody without a name
        local = frame.local_from_enu(z[:, 0], z[:, 1])
        said = frame.pos_enu(z[:, 0], z[:, 1], np.nan_to_num(z[:, 2]))
        for k in np.flatnonzero(np.isfinite(z[:, 0])).tolist():
            seen += 1
            if names[k] not in row_of:
                lost += 1
                continue
            row = row_of[names[k]]
            numbers[names[k]].add(int(snapshot.track_id[row]))
            worst = max(worst, float(np.hypot(*(local[k] @ (snapshot.x[row, :3] - said[k]))[:2])))
    assert seen > 3000
    assert lost == 0
    assert worst < 30
    assert all(len(n) == 1 for n in numbers.values())


def test_plots_helper_agrees_with_the_filters_own_geometry(rng):
    """A noiseless plot of a confirmed track moves it by next to nothing."""
    sensor = radar(place=(300.0, -200.0, 20.0))
    tracker = Tracker(site(sensor))
    for t in range(1, 31):
        target = straight([500, 1500, 150], [5, 10, 1], t)
        t_ns = T0 + t * SECOND
        tracker.step(Tick(t_ns, batch(sensor, MeasurementKind.RADAR, t_ns, plots(sensor, target))))
    np.testing.assert_allclose(tracker.snapshot().x[0], target[0], atol=1.0)
