"""Bearings: they steer tracks that are there, and make wedges of what is not."""

import math

import numpy as np
from tests.unit.track.track_scenes import SECOND, T0, batch, cover, finder, geometry, look, radar, shown, site, straight

from lowsky.model.events import TrackDropped
from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.track import PositionKind, TrackStatus
from lowsky.track.tracker import Tracker

SIGMA = math.radians(2.0)


def bearing(rng, sensor, t_s, states, clutter=0):
    origin, C = geometry(sensor)
    d = (states[:, :3] - origin) @ C.T
    azimuth = np.arctan2(d[:, 0], d[:, 1]) + rng.normal(0, SIGMA, len(d))
    azimuth = np.append(azimuth, rng.uniform(0, 2 * np.pi, clutter))
    t_ns = T0 + round(t_s * SECOND)
    z = np.column_stack((azimuth, np.full(len(azimuth), np.nan)))
    return Tick(t_ns, batch(sensor, MeasurementKind.BEARING, t_ns, z, coverage=cover(sensor, t_ns)))


def test_an_emitter_without_range_is_a_wedge_until_it_falls_silent(rng):
    sensor = finder()
    tracker, events = Tracker(site(sensor)), []
    for k in range(1, 21):
        target = straight([1000, 1000, 100], [-10, 10, 0], k / 2)
        events += tracker.step(bearing(rng, sensor, k / 2, target))
        assert len(tracker.snapshot()) == (k >= 3)
    snapshot = tracker.snapshot()
    assert snapshot.position_kind.tolist() == [PositionKind.WEDGE]
    assert snapshot.origin_sensor.tolist() == [0]
    true_azimuth = math.atan2(target[0, 0], target[0, 1])
    assert abs(snapshot.bearing[0, 0] - true_azimuth) < 3 * snapshot.bearing[0, 1]
    assert snapshot.bearing[0, 1] < SIGMA
    assert np.linalg.eigvalsh(snapshot.P[0]).min() > 0
    for k in range(1, 25):
        events += tracker.step(Tick(T0 + 10 * SECOND + k * SECOND // 4))
    assert len(tracker.snapshot()) == 0
    assert sum(isinstance(e, TrackDropped) for e in events) == 1


def test_bearings_that_do_not_agree_make_no_wedge():
    rng, sensor = np.random.default_rng(1), finder(clutter_per_look=1.0)
    tracker = Tracker(site(sensor))
    shown_steps = 0
    for k in range(1, 121):
        tracker.step(bearing(rng, sensor, k / 2, np.empty((0, 6)), clutter=1))
        shown_steps += len(tracker.snapshot()) > 0
    assert shown_steps < 12


def test_a_wedge_goes_when_a_track_with_a_position_explains_it():
    rng, sensors = np.random.default_rng(2), (radar(), finder(place=(0, -500, 5)))
    tracker = Tracker(site(*sensors))
    for k in range(1, 41):
        target = straight([1500, 1000, 100], [-10, 5, 0], k / 2)
        tracker.step(bearing(rng, sensors[1], k / 2, target))
        if k > 10 and k % 2 == 0:
            tracker.step(look(rng, sensors[0], k / 2, target, clutter=0))
        if k == 10:
            assert tracker.snapshot().position_kind.tolist() == [PositionKind.WEDGE]
    snapshot = tracker.snapshot()
    alive = snapshot.status != TrackStatus.DROPPED
    assert snapshot.position_kind[alive].tolist() == [PositionKind.POINT]
    assert snapshot.sensors[alive].tolist() == [3]


def test_three_finders_hold_a_track_the_radar_lost():
    rng = np.random.default_rng(3)
    finders = [finder(f"f{k}", p) for k, p in enumerate(((0, -1500, 5), (-1500, 900, 5), (1500, 900, 5)))]
    sensor = radar()
    tracker = Tracker(site(sensor, *finders))
    for k in range(1, 61):
        t = k / 2
        target = straight([-300, 400, 120], [12, 3, 0], t)
        if t <= 12 and k % 2 == 0:
            tracker.step(look(rng, sensor, t, target, clutter=0, streaming=True))
        for f in finders:
            tracker.step(bearing(rng, f, t, target))
    snapshot = tracker.snapshot()
    assert shown(snapshot).sum() == 1
    row = int(np.flatnonzero(shown(snapshot))[0])
    assert snapshot.status[row] == TrackStatus.CONFIRMED
    assert np.hypot(*(snapshot.x[row, :2] - target[0, :2])) < 60


def test_clutter_bearings_do_not_keep_a_false_track_alive():
    rng, sensors = np.random.default_rng(4), (radar(clutter_per_look=20.0), finder(clutter_per_look=2.0))
    tracker = Tracker(site(*sensors))
    for k in range(1, 121):
        tracker.step(bearing(rng, sensors[1], k / 2, straight([1000, 0, 50], [0, 5, 0], k / 2), clutter=2))
        if k % 2 == 0:
            tracker.step(look(rng, sensors[0], k / 2, np.empty((0, 6))))
        assert not shown(tracker.snapshot()).any()
