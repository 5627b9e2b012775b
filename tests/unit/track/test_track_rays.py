"""Bearings that cross make a track; bearings that do not, make none."""

import math

import numpy as np
import pytest
from tests.unit.track.test_track_bearings import bearing
from tests.unit.track.track_scenes import SECOND, T0, batch, finder, look, radar, shown, site, straight

from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.track import PositionKind, TrackStatus
from lowsky.track.rays import replaced
from lowsky.track.rows import TrackReject
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

AROUND = ((0, -1500, 5), (-1500, 900, 5), (1500, 900, 5))


def finders(places=AROUND, **changes):
    return [finder(f"f{k}", p, look_period_s=0.5, max_range_m=5000.0, **changes) for k, p in enumerate(places)]


def listen(tracker, rng, sensors, t_s, states, clutter=0):
    """One bearing of each state from each sensor; returns what happened."""
    events = []
    for k, sensor in enumerate(sensors):
        events += tracker.step(bearing(rng, sensor, t_s + 0.05 * k, states, clutter))
    return events


def points(snapshot):
    return snapshot.x[(snapshot.position_kind == PositionKind.POINT) & (snapshot.existence > 0.5)]


def test_three_finders_place_an_emitter_that_nobody_else_sees(rng):
    sensors = finders()
    tracker, inside = Tracker(site(*sensors)), []
    for k in range(1, 61):
        target = straight([-300, 400, 120], [12, 3, 0], k / 2)
        listen(tracker, rng, sensors, k / 2, target)
        snapshot = tracker.snapshot()
        if k > 10:
            rows = np.flatnonzero(shown(snapshot))
            assert len(rows) == 1
            error = (snapshot.x[rows[0]] - target[0])[:2]
            inside.append(error @ np.linalg.solve(snapshot.P[rows[0]][:2, :2], error) < 5.991)
    assert np.hypot(*error) < 60
    assert np.mean(inside) > 0.85
    assert snapshot.position_kind[snapshot.existence > 0.5].tolist() == [PositionKind.POINT]


@pytest.mark.parametrize("places", [AROUND[:1], ((0, -1500, 5), (12, -1490, 5))], ids=["one", "side by side"])
def test_bearings_that_do_not_cross_place_nothing(rng, places):
    sensors = finders(places)
    tracker = Tracker(site(*sensors))
    for k in range(1, 81):
        listen(tracker, rng, sensors, k / 2, straight([-300, 400, 120], [12, 3, 0], k / 2))
        assert len(points(tracker.snapshot())) == 0
    assert PositionKind.WEDGE in tracker.snapshot().position_kind.tolist()


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_track_of_bearings_whose_errors_last_is_sure_only_if_nobody_said_so(told):
    rng, inside = np.random.default_rng(6), []
    sensors = finders(error_lasts_s=8.0 if told else 0.0)
    tracker, error = Tracker(site(*sensors)), np.zeros(3)
    for k in range(1, 81):
        target = straight([-300, 400, 120], [6, 2, 0], k / 2)
        for i, sensor in enumerate(sensors):
            if k % 16 == 1:
                error[i] = rng.normal(0.0, math.radians(2.0))
            lasting = np.random.default_rng(0)
            tick = bearing(lasting, sensor, k / 2 + 0.05 * i, target)
            fresh = float(np.random.default_rng(0).normal(0, math.radians(2.0), 1)[0])
            z = tick.batch.z + np.array([[error[i] - fresh, 0.0]])
            tracker.step(
                Tick(tick.t_ns, batch(sensor, MeasurementKind.BEARING, tick.t_ns, z, coverage=tick.batch.coverage))
            )
        snapshot = tracker.snapshot()
        rows = np.flatnonzero(shown(snapshot))
        if len(rows) and k > 20:
            off = (snapshot.x[rows[0]] - target[0])[:2]
            inside.append(off @ np.linalg.solve(snapshot.P[rows[0]][:2, :2], off) < 5.991)
    assert len(inside) > 40
    assert (np.mean(inside) > 0.9) == told


def unlooked(rng, sensor, t_s, state):
    """A bearing of a sensor that tells what it heard, and never when it listened."""
    tick = bearing(rng, sensor, t_s, state)
    return Tick(tick.t_ns, batch(sensor, MeasurementKind.BEARING, tick.t_ns, tick.batch.z))


def test_an_emitter_heard_ten_times_a_second_is_one_and_two_that_part_are_two(rng):
    sensors = finders()
    tracker, ids = Tracker(site(*sensors)), set()
    for k in range(1, 401):
        t_s = k / 10
        one, other = straight([-300, 400, 120], [12, 3, 0], t_s), straight([-300, 400, 120], [12, 3, 0], t_s)
        other[0, :2] += [0.0, 25.0 * max(t_s - 10.0, 0.0)]
        for i, sensor in enumerate(sensors):
            tracker.step(unlooked(rng, sensor, t_s + 0.01 * i, one))
            if t_s > 10.0:
                tracker.step(unlooked(rng, sensor, t_s + 0.05 + 0.01 * i, other))
        snapshot = tracker.snapshot()
        if 5.0 < t_s <= 10.0:
            ids |= set(snapshot.track_id[shown(snapshot)].tolist())
    assert len(ids) == 1
    away = np.linalg.norm(points(snapshot)[:, None, :2] - np.vstack((one, other))[:, :2], axis=2)
    assert len(away) == 2 and (away.min(axis=0) < 60).all()


def test_crossings_where_nobody_is_are_not_shown(rng):
    sensors, ghosts = finders(clutter_per_look=0.2), 0
    start = rng.uniform(-800, 800, (4, 2))
    tracker = Tracker(site(*sensors))
    for k in range(1, 61):
        states = np.vstack([straight([*p, 100], [5, 2, 0], k / 2) for p in start])
        listen(tracker, rng, sensors, k / 2, states, clutter=int(rng.random() < 0.2))
        away = np.linalg.norm(points(tracker.snapshot())[:, None, :2] - states[None, :, :2], axis=2)
        ghosts += bool((away.min(axis=1) > 300).any()) if len(away) else 0
    assert ghosts <= 1
    assert (away.min(axis=0) < 150).all()


def test_a_track_that_only_bearings_hold_ends_when_they_do(rng):
    sensors = finders()
    tracker, settings = Tracker(site(*sensors)), TrackerSettings()
    for k in range(1, 41):
        listen(tracker, rng, sensors, k / 2, straight([-300, 400, 120], [12, 3, 0], k / 2))
    assert len(points(tracker.snapshot())) == 1
    for k in range(41, 41 + int(2 * settings.ray_silence_s) + 4):
        listen(tracker, rng, sensors, k / 2, np.empty((0, 6)))
    assert len(tracker.snapshot()) == 0


def test_what_a_radar_sees_makes_no_second_track(rng):
    sensors, watch = finders(), radar()
    tracker = Tracker(site(watch, *sensors))
    for k in range(1, 41):
        target = straight([-300, 400, 120], [12, 3, 0], k / 2)
        listen(tracker, rng, sensors, k / 2, target)
        if k % 2 == 0:
            tracker.step(look(rng, watch, k / 2 + 0.2, target, clutter=0))
        if k > 14:
            assert len(points(tracker.snapshot())) == 1


def test_a_burst_of_bearings_stays_within_its_room(rng):
    sensors = finders()
    tracker = Tracker(site(*sensors), TrackerSettings(rays_most=16))
    for k in range(1, 4):
        listen(tracker, rng, sensors, k / 2, np.empty((0, 6)), clutter=60)
    assert tracker.rejects[sensors[0].id, TrackReject.THINNED] > 0
    assert np.isfinite(tracker.snapshot().existence).all()


def test_a_tracker_goes_on_from_its_dump_with_its_rays(rng):
    sensors = finders()
    first = Tracker(site(*sensors))
    for k in range(1, 3):
        listen(first, rng, sensors, k / 2, straight([-300, 400, 120], [12, 3, 0], k / 2), clutter=1)
    second = Tracker(site(*sensors))
    second.load(first.dump())
    for k in range(3, 12):
        ticks = [bearing(rng, s, k / 2 + 0.05 * i, straight([-300, 400, 120], [12, 3, 0], k / 2), 1)
                 for i, s in enumerate(sensors)]  # fmt: skip
        for tick in ticks:
            first.step(tick)
            second.step(tick)
    assert first.dump() == second.dump()
    assert len(points(first.snapshot())) == 1
    assert T0 < first.snapshot().t_ns < T0 + 10 * SECOND and math.isfinite(first.snapshot().x.sum())
    assert first.step(Tick(first.snapshot().t_ns)) == second.step(Tick(second.snapshot().t_ns))


@pytest.mark.parametrize(("heard_s", "is_believed"), [(4, False), (30, True)])
def test_a_place_of_bearings_that_falls_silent_is_believed_once_it_is_old(rng, heard_s, is_believed):
    sensors, target = finders(), lambda k: straight([-300, 400, 120], [3, 1, 0], k / 2)
    tracker = Tracker(site(*sensors))
    for k in range(1, 2 * heard_s + 1):
        listen(tracker, rng, sensors, k / 2, target(k))
    assert len(points(tracker.snapshot())) == 1
    for k in range(2 * heard_s + 1, 2 * heard_s + 7):
        listen(tracker, rng, sensors, k / 2, np.empty((0, 6)))
    assert (len(points(tracker.snapshot())) == 1) == is_believed


@pytest.mark.parametrize(("away_m", "is_new", "is_one"), [(60, True, True), (60, False, False), (400, True, False)])
def test_an_emitter_that_falls_silent_where_another_begins_is_the_same(away_m, is_new, is_one):
    tracker = Tracker(site(*finders()))
    core, table = tracker._core, tracker._core.table
    core.now_ns = T0 + 60 * SECOND
    a, b = table.add(2).tolist()
    for row, east, update_s, placed_s, status in (
        (a, 0.0, 50, 5, TrackStatus.COASTING),
        (b, float(away_m), 60, 48 if is_new else 10, TrackStatus.CONFIRMED),
    ):
        table.track_id[row], table.emits[row], table.r[row], table.status[row] = row + 1, 0.9, 0.95, status
        table.t_ns[row] = table.t_r_ns[row] = core.now_ns
        table.t_update_ns[row], table.t_placed_ns[row] = T0 + update_s * SECOND, T0 + placed_s * SECOND
        table.xm[row], table.Pm[row] = [east, 0, 100, 0, 0, 0], np.diag([30.0**2] * 3 + [4.0] * 3)
    assert replaced(core, []) == ([(a, b)] if is_one else [])
    assert replaced(core, [a]) == []
