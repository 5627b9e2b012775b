"""Radar looks through the whole tracker."""

import math

import numpy as np
import pytest
from tests.unit.track.track_scenes import (
    SECOND,
    T0,
    batch,
    cover,
    distances,
    look,
    plots,
    radar,
    shown,
    site,
    straight,
)  # fmt: skip

from lowsky.model.events import TrackDropped, TracksMerged, TrackStarted
from lowsky.model.measurement import Coverage, MeasurementKind, empty_look
from lowsky.model.ports import Tick
from lowsky.model.track import TrackStatus
from lowsky.track.rows import TrackReject
from lowsky.track.tracker import Tracker


def crossing(t_s):
    """Ten targets that all pass one place at 40 s."""
    angle = 2 * np.pi * np.arange(10) / 10
    speed = np.linspace(14, 22, 10)
    v = np.column_stack((-np.cos(angle) * speed, -np.sin(angle) * speed, np.zeros(10)))
    middle = np.column_stack((np.full(10, 900.0), np.full(10, 700.0), np.linspace(80, 200, 10)))
    return np.hstack((middle + v * (t_s - 40.0), v))


def test_crossing_targets_keep_one_confirmed_track_each_through_clutter_and_misses():
    """Six seeds, P_D 0.8. A track ends after six misses in a row, rightly: once in 350 tracks of a minute."""
    missed = false = changed = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        sensor = radar(detection_probability=0.8)
        tracker, owner = Tracker(site(sensor)), {}
        for t in range(1, 71):
            tracker.step(look(rng, sensor, t, crossing(t)))
            snapshot = tracker.snapshot()
            if t >= 10:
                d = distances(snapshot, crossing(t))
                missed += (d.min(axis=0) > 80).sum()
                false += (d.min(axis=1) > 80).sum()
            if t in (15, 65):
                owner[t] = snapshot.track_id[shown(snapshot)][d.argmin(axis=0)]
        assert len(set(owner[15].tolist())) == 10
        changed += (owner[15] != owner[65]).sum()
    assert missed <= 0.005 * 6 * 61 * 10
    assert false <= 3
    assert changed <= 1


def test_errors_are_as_large_as_their_covariance_says():
    """Share of positions inside their 95 % ellipsoid, 24 seeded runs.

    ~600 nearly independent looks: its standard error is below 0.015, so 0.90–0.99 is missed by a consistent
    filter less than once in 500 times.
    """
    inside, sensor = [], radar()
    for seed in range(24):
        rng = np.random.default_rng(seed)
        tracker = Tracker(site(sensor))
        states = np.array([[800.0, 1500, 150, 12, -9, 0], [-1200, 600, 90, 3, 18, 0], [400, -2000, 120, -15, 4, 0]])
        for t in range(1, 61):
            tracker.step(look(rng, sensor, t, states))
            states[:, :3] += states[:, 3:]
            states[:, 3:5] += rng.normal(0, math.sqrt(0.1), (3, 2))
            if t >= 20 and t % 5 == 0:
                snapshot = tracker.snapshot()
                rows = shown(snapshot)
                ahead = ((T0 + (t + 1) * SECOND - snapshot.t_state_ns[rows]) * 1e-9)[:, None]
                x = snapshot.x[rows, :3] + ahead * snapshot.x[rows, 3:]
                P = snapshot.P[rows]
                for k in range(len(x)):
                    h = ahead[k, 0]
                    moved = P[k, :3, :3] + h * (P[k, :3, 3:] + P[k, 3:, :3]) + h * h * P[k, 3:, 3:]
                    error = x[k] - states[np.linalg.norm(states[:, :3] - x[k], axis=1).argmin(), :3]
                    inside.append(error @ np.linalg.solve(moved, error) < 7.815)
    assert len(inside) > 550
    assert 0.90 < np.mean(inside) < 0.99


def test_clutter_alone_confirms_nothing():
    rng, sensor = np.random.default_rng(7), radar(clutter_per_look=40.0)
    tracker = Tracker(site(sensor))
    for t in range(1, 121):
        tracker.step(look(rng, sensor, t, np.empty((0, 6))))
        assert not shown(tracker.snapshot()).any()


def test_a_target_that_leaves_is_dropped_by_the_looks_that_miss_it_and_shown_once_more(rng):
    sensor = radar()
    tracker = Tracker(site(sensor))
    for t in range(1, 11):
        tracker.step(look(rng, sensor, t, straight([500, 1000, 100], [10, 0, 0], t), p_detect=1.0, clutter=0))
    assert shown(tracker.snapshot()).sum() == 1
    events = []
    for t in range(11, 22):
        events += tracker.step(look(rng, sensor, t, np.empty((0, 6)), clutter=0))
        if any(isinstance(e, TrackDropped) for e in events):
            break
    assert t <= 17
    assert tracker.snapshot().status.tolist() == [TrackStatus.DROPPED]
    tracker.step(Tick(T0 + 22 * SECOND))
    assert len(tracker.snapshot()) == 0


def test_a_sector_looked_at_elsewhere_is_no_evidence_against_a_track(rng):
    sensor = radar()
    tracker = Tracker(site(sensor))
    for t in range(1, 11):
        tracker.step(look(rng, sensor, t, straight([0, 1000, 100], [0, 10, 0], t), p_detect=1.0, clutter=0))
    before = tracker.snapshot().existence[0]
    for k in range(20):
        t_ns = T0 + 10 * SECOND + k * SECOND // 20
        south = Coverage(t_ns, t_ns, 100, 5000, math.radians(120), math.radians(240), 0, 1.5)
        tracker.step(Tick(t_ns, empty_look("radar", MeasurementKind.RADAR, k, south)))
    assert tracker.snapshot().existence[0] == pytest.approx(before, rel=0.01)
    t_ns = T0 + 11 * SECOND
    north = Coverage(t_ns, t_ns, 100, 5000, math.radians(300), math.radians(420), 0, 1.5)
    tracker.step(Tick(t_ns, empty_look("radar", MeasurementKind.RADAR, 21, north)))
    odds = before / (1 - before)
    assert tracker.snapshot().existence[0] == pytest.approx(0.1 * odds / (1 + 0.1 * odds), rel=0.05)


def test_a_radar_that_streams_without_coverage_loses_a_track_by_virtual_misses(rng):
    sensor = radar()
    tracker = Tracker(site(sensor))
    other = straight([-2000, 500, 100], [0, 5, 0], 0)
    for t in range(1, 26):
        target = straight([500, 1000, 100], [10, 0, 0], t)
        states = np.vstack((other, target)) if t <= 10 else other
        tracker.step(look(rng, sensor, t, states, p_detect=1.0, clutter=0, streaming=True))
        for k in range(1, 4):
            tracker.step(Tick(T0 + t * SECOND + k * SECOND // 4))
        if t == 10:
            assert shown(tracker.snapshot()).sum() == 2
    assert shown(tracker.snapshot()).sum() == 1


def test_a_radar_gone_silent_is_no_evidence_and_its_tracks_coast(rng):
    sensor = radar()
    tracker = Tracker(site(sensor))
    for t in range(1, 11):
        target = straight([500, 1000, 100], [10, 0, 0], t)
        tracker.step(look(rng, sensor, t, target, p_detect=1.0, clutter=0, streaming=True))
    for k in range(1, 80):
        tracker.step(Tick(T0 + 10 * SECOND + k * SECOND // 4))
    assert tracker.snapshot().status.tolist() == [TrackStatus.COASTING]
    for k in range(80, 140):
        tracker.step(Tick(T0 + 10 * SECOND + k * SECOND // 4))
    assert len(tracker.snapshot()) == 0


def test_rows_of_a_rotating_look_are_used_at_their_own_times(rng):
    sensor = radar()
    tracker = Tracker(site(sensor))
    for t in range(1, 41):
        # row times spread over the second before, half a turn late for one of the two
        times = np.array([t - 0.75, t - 0.05])
        states = np.vstack(
            (straight([2000, 500, 100], [0, 30, 0], times[0]), straight([-2000, 500, 100], [0, 30, 0], times[1]))
        )
        z = plots(sensor, states) + rng.normal(size=(2, 4)) * [10, 0.0087, 0.017, 0.5]
        t_ns = T0 + np.round(times * SECOND).astype(np.int64)
        rows = batch(sensor, MeasurementKind.RADAR, t_ns, z, coverage=cover(sensor, T0 + t * SECOND))
        tracker.step(Tick(T0 + t * SECOND, rows))
    snapshot = tracker.snapshot()
    assert shown(snapshot).sum() == 2
    for k in range(2):
        t = (snapshot.t_state_ns[k] - T0) / SECOND
        truth = np.array([2000.0 if snapshot.x[k, 0] > 0 else -2000.0, 500 + 30 * t, 100])
        assert np.linalg.norm(snapshot.x[k, :3] - truth) < 40
    assert abs(int(snapshot.t_state_ns[0] - snapshot.t_state_ns[1])) > SECOND // 2


def test_two_drones_in_formation_seen_apart_are_never_merged():
    rng, sensor = np.random.default_rng(3), radar()
    tracker, events = Tracker(site(sensor)), []
    for t in range(1, 61):
        pair = np.vstack(
            (straight([200, 800, 100], [8, 8, 0], t), straight([260, 800, 100], [8, 8, 0], t)),
        )
        events += tracker.step(look(rng, sensor, t, pair))
    assert shown(tracker.snapshot()).sum() == 2
    assert not any(isinstance(e, TracksMerged) for e in events)


def test_two_radars_see_one_aircraft_as_one_track():
    rng = np.random.default_rng(4)
    first, second = radar("west", (-800, -600, 5)), radar("east", (900, 500, 5))
    tracker, events = Tracker(site(first, second)), []
    for t in range(1, 41):
        for offset, sensor in ((0.0, first), (0.4, second)):
            target = straight([-500, 1500, 150], [15, -5, 0], t + offset)
            events += tracker.step(look(rng, sensor, t + offset, target))
    snapshot = tracker.snapshot()
    assert shown(snapshot).sum() == 1
    assert snapshot.sensors[shown(snapshot)].tolist() == [3]
    assert sum(isinstance(e, TrackStarted) for e in events) <= 3  # clutter may raise a candidate for a moment


def test_a_radar_without_elevation_follows_ground_position_and_admits_not_knowing_height():
    rng = np.random.default_rng(5)
    sensor = radar(sigma_elevation_rad=None, elevation_rad=(0.0, math.radians(30)))
    tracker = Tracker(site(sensor))
    for t in range(1, 61):
        target = straight([1500, 1500, 220], [-15, 5, 0], t)
        tick = look(rng, sensor, t, target, clutter=3)
        z = tick.batch.z.copy()
        z[:, 2] = np.nan
        tracker.step(Tick(tick.t_ns, batch(sensor, MeasurementKind.RADAR, tick.t_ns, z, coverage=tick.batch.coverage)))
    snapshot = tracker.snapshot()
    assert shown(snapshot).sum() == 1
    error = snapshot.x[shown(snapshot)][0, :3] - target[0, :3]
    assert np.hypot(*error[:2]) < 40
    assert abs(error[2]) < 3 * math.sqrt(snapshot.P[shown(snapshot)][0, 2, 2])
    assert 30 < math.sqrt(snapshot.P[shown(snapshot)][0, 2, 2]) < 400


def test_pressure_altitude_gives_a_flat_radar_the_height():
    rng = np.random.default_rng(6)
    sensor = radar(
        sigma_elevation_rad=None, max_range_m=150e3, look_period_s=4.0, elevation_rad=(0.0, math.radians(40))
    )
    tracker = Tracker(site(sensor))
    for k in range(1, 31):
        t = 4.0 * k
        target = straight([40e3, 60e3, 9000], [-200, 50, 0], t)
        z = plots(sensor, target) + rng.normal(size=(1, 4)) * [30, 0.002, 0, 0]
        z[:, 2:] = np.nan
        height = 100.0 + 9000 + np.hypot(*target[0, :2]) ** 2 / (2 * 6_371_000)
        rows = batch(
            sensor, MeasurementKind.RADAR, T0 + int(t * SECOND), z,
            attributes={"pressure_altitude_m": np.array([height])}, coverage=cover(sensor, T0 + int(t * SECOND)),
        )  # fmt: skip
        tracker.step(Tick(T0 + int(t * SECOND), rows))
    snapshot = tracker.snapshot()
    assert shown(snapshot).tolist() == [True]
    assert np.hypot(*(snapshot.x[0, :2] - target[0, :2])) < 400
    assert abs(snapshot.x[0, 2] - 9000) < 150
    assert math.sqrt(snapshot.P[0, 2, 2]) > 90  # one constant error does not average out
    assert snapshot.attributes["pressure_altitude_m"][0] == height


def test_plots_without_range_or_of_the_wrong_kind_or_sensor_are_counted(rng):
    sensor = radar()
    tracker = Tracker(site(sensor))
    z = np.array(
        [[np.nan, 0.1, 0.1, 0], [1000, np.nan, 0.1, 0], [-5, 0.1, 0.1, 0], [np.inf, 0, 0, 0], [1000, 0.1, 0.1, 0]]
    )
    tracker.step(Tick(T0, batch(sensor, MeasurementKind.RADAR, T0, z)))
    assert tracker.rejects["radar", TrackReject.NO_RANGE_OR_AZIMUTH] == 4
    tracker.step(Tick(T0, batch(sensor, MeasurementKind.RADAR, T0 + 60 * SECOND, z[-1:])))
    assert tracker.rejects["radar", TrackReject.FUTURE] == 1
    tracker.step(Tick(T0, batch(sensor, MeasurementKind.BEARING, T0, np.zeros((2, 2)))))
    assert tracker.rejects["radar", TrackReject.WRONG_KIND] == 2
    tracker.step(Tick(T0, batch(radar("nobody"), MeasurementKind.RADAR, T0, z[-1:])))
    assert tracker.rejects["nobody", TrackReject.UNKNOWN_SENSOR] == 1


@pytest.mark.parametrize("says_rate", [True, False])
def test_what_a_chirp_adds_to_ranges_is_taken_off_where_it_is_stated(rng, says_rate):
    """Half a second of coupling: 12 m at 24 m/s. Without range rates the track is less sure instead."""
    rate = {} if says_rate else {"sigma_range_rate_mps": None}
    chirp = radar(range_doppler_coupling_s=0.5, **rate)
    trackers = Tracker(site(chirp)), Tracker(site(radar(**rate)))
    start, velocity = (600.0, 2500.0, 150.0), (0.0, -24.0, 0.0)
    for t in range(1, 41):
        z = plots(chirp, straight(start, velocity, t))
        z[:, 0] += 0.5 * z[:, 3]
        z += rng.normal(size=z.shape) * [2.0, 0.001, 0.001, 0.5]
        if not says_rate:
            z[:, 3] = np.nan
        tick = Tick(T0 + t * SECOND, batch(chirp, MeasurementKind.RADAR, T0 + t * SECOND, z, coverage=cover(chirp, T0)))
        for tracker in trackers:
            tracker.step(tick)
    there = straight(start, velocity, 40.0)
    along = there[0, :2] / np.linalg.norm(there[0, :2])
    off_m, naive_m = ((t.snapshot().x[0, :2] - there[0, :2]) @ along for t in trackers)
    sure_m, naive_sure_m = (math.sqrt(along @ t.snapshot().P[0, :2, :2] @ along) for t in trackers)
    assert naive_m < -8.0
    if says_rate:
        assert abs(off_m) < 4.0
    else:
        assert abs(off_m) < 3.0 * sure_m
        assert sure_m > 1.2 * naive_sure_m
