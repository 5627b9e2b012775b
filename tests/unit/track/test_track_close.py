"""Tracks that a radar cannot tell apart, or not yet."""

import numpy as np
from tests.unit.track.track_scenes import (
    SECOND,
    T0,
    batch,
    cover,
    look,
    plots,
    radar,
    receiver,
    reports,
    shown,
    site,
    straight,
)  # fmt: skip

from lowsky.model.events import TrackConfirmed, TracksMerged
from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.track.dense import in_crowd
from lowsky.track.table import TrackTable
from lowsky.track.together import LEAST, Together
from lowsky.track.tracker import Tracker
from lowsky.track.whose import Whose

CELL = np.array([15.0, np.radians(1.0), np.radians(2.0)])
SIGMA = np.array([10.0, np.radians(0.5), np.radians(1.0), 0.5])


def cells_look(rng, sensor, t_s, states):
    """A look of a radar with resolution cells, their grid laid anew: one plot at the centre of all that are in one."""
    z = plots(sensor, states[rng.random(len(states)) < sensor.detection_probability])
    cell = np.floor(z[:, :3] / CELL + rng.random(3))
    _, of = np.unique(cell, axis=0, return_inverse=True)
    of = of.reshape(-1)
    z = np.column_stack([np.bincount(of, z[:, k]) for k in range(4)]) / np.bincount(of)[:, None]
    z = z + rng.normal(size=z.shape) * SIGMA
    t_ns = T0 + round(t_s * SECOND)
    return Tick(t_ns, batch(sensor, MeasurementKind.RADAR, t_ns, z, coverage=cover(sensor, t_ns)))


def grid_of_nine(t_s):
    """Three by three drones flying across the radar's sight, three plot σ apart, from 50 s on only one."""

    def places(t):
        spread, (rank, file) = np.interp(t, [30.0, 50.0], [3.0, 1.0]), np.divmod(np.arange(9), 3)
        east, north = -400.0 + 10.0 * t + spread * 17.45 * (file - 1), 2000.0 + spread * 10.0 * (rank - 1)
        return np.column_stack((east, north, np.full(9, 150.0)))

    return np.hstack((places(t_s), places(t_s + 0.5) - places(t_s - 0.5)))


def test_a_formation_keeps_its_count_when_the_radar_no_longer_tells_its_members_apart():
    sensor, apart, close = radar(clutter_per_look=2.0), [], []
    for seed in (5, 6, 7):  # a run may have one too many or too few
        rng, tracker, counts = np.random.default_rng(seed), Tracker(site(sensor)), []
        for t in range(1, 81):
            tracker.step(cells_look(rng, sensor, t, grid_of_nine(t)))
            counts.append(int(shown(tracker.snapshot()).sum()))
        apart.append(np.mean(counts[20:40]) - 9.0)
        close.append(np.mean(np.abs(np.array(counts[50:]) - 9)))
    assert np.abs(apart).max() < 0.5
    assert np.mean(close) <= 0.5


def test_who_may_still_be_taken_for_a_neighbour_waits_to_be_confirmed():
    def confirmed_at(apart_m):
        rng, sensor, at = np.random.default_rng(2), radar(clutter_per_look=0.0, detection_probability=0.95), []
        tracker = Tracker(site(sensor))
        for t in range(1, 21):
            two = np.vstack(
                (straight([0, 2500, 150], [8, 8, 0], t), straight([apart_m, 2500, 150], [8, 8, 0], t)),
            )
            events = tracker.step(look(rng, sensor, t, two))
            at += [t for e in events if isinstance(e, TrackConfirmed)]
        return at

    far, near = confirmed_at(400.0), confirmed_at(20.0)
    assert far[:2] == [3, 3]
    assert min(near) > 4
    assert len(near) >= 2  # they never come apart, and are confirmed all the same


def test_a_likely_candidate_is_a_neighbour_too_and_an_unlikely_one_is_clutter():
    rng, sensor = np.random.default_rng(2), radar(clutter_per_look=0.0, detection_probability=0.95)
    tracker = Tracker(site(sensor))
    for t in range(1, 7):
        two = np.vstack([straight([apart, 2500, 150], [8, 8, 0], t) for apart in (0.0, 400.0)])
        tracker.step(look(rng, sensor, t, two))
    core, table = tracker._core, tracker._core.table
    own, other = np.flatnonzero(table.track_id[: table.n] > 0)
    assert not in_crowd(core, np.array([own])).any()
    table.track_id[other], table.xm[other] = 0, table.xm[own]
    for existence, neighbour in ((0.3, True), (0.01, False)):
        table.r[other] = existence
        assert in_crowd(core, np.array([own])).tolist() == [neighbour]


def test_tracks_that_came_together_from_apart_take_twice_as_much_to_be_one():
    together, first, second = Together(), np.array([1, 3]), np.array([2, 4])
    told, never, half = np.array([True, False]), np.zeros(2), np.full(2, 0.5)
    together.note(first, second, told, never, half, 0)
    assert together.of[1, 2][0] == LEAST + np.log(2.0)
    assert together.of[3, 4][0] == np.log(2.0)
    together.note(first, second, ~told, never, half, 1)  # what counts is what they were when they met
    assert together.of[1, 2][0] == LEAST + 2.0 * np.log(2.0)


def test_two_tracks_of_one_object_still_become_one():
    rng, events = np.random.default_rng(4), []
    first, second = radar("west", (-800, -600, 5)), radar("east", (900, 500, 5))
    tracker = Tracker(site(first, second))
    for t in range(1, 41):
        for offset, sensor in ((0.0, first), (0.4, second)):
            target = straight([-500, 1500, 150], [15, -5, 0], t + offset)
            off = sensor is first and t < 8  # it is turned until then, and shows the object elsewhere
            events += tracker.step(look(rng, sensor, t + offset, target + off * np.array([90, 90, 0, 0, 0, 0])))
    assert shown(tracker.snapshot()).sum() == 1
    assert not any(isinstance(e, TracksMerged) and e.track_id == e.merged_track_id for e in events)


def side_by_side(t_s):
    """Two that fly away from the radar and come within 10 m of each other, 18 to 38 s; ten seconds later 90 m apart."""
    gap = np.interp([t_s, t_s - 0.5, t_s + 0.5], [8.0, 18.0, 38.0, 48.0], [100.0, 10.0, 10.0, 100.0])
    side = np.array([-0.5, 0.5])
    states = np.zeros((2, 6))
    states[:, 0], states[:, 3] = side * gap[0], side * (gap[2] - gap[1])
    states[:, 1], states[:, 2], states[:, 4] = 700.0 + 8.0 * t_s, 120.0, 8.0
    return states


def flown(until_s, says_from_s=1000, saved_at_s=0):
    """A tracker that heard "me", the first of the two, until 6 s and again from ``says_from_s`` on."""
    rng, r, c, events = np.random.default_rng(1), radar(clutter_per_look=1.0), receiver(), []
    tracker = Tracker(site(r, c))
    for t in range(1, until_s + 1):
        events += tracker.step(look(rng, r, t, side_by_side(t)))
        if t <= 6 or t >= says_from_s:
            events += tracker.step(reports(rng, c, t + 0.3, side_by_side(t + 0.3)[:1], ["me"], sigma=5.0))
        if t == saved_at_s:
            saved, tracker = tracker.dump(), Tracker(site(r, c))
            tracker.load(saved)
    return tracker, events


def of_me(tracker):
    snapshot = tracker.snapshot()
    return snapshot, snapshot.identity.index("me")


def test_an_identity_that_fell_silent_is_unsure_after_close_flight_and_not_before():
    snapshot, at = of_me(flown(12)[0])
    assert snapshot.identity_probability[at] == 1.0
    assert not snapshot.is_unsure().any()
    snapshot, at = of_me(flown(56)[0])
    assert 0.3 < snapshot.identity_probability[at] < 0.9
    assert snapshot.is_unsure().tolist() == [k == at for k in range(len(snapshot))]
    assert np.isnan(snapshot.identity_probability[np.arange(len(snapshot)) != at]).all()


def test_an_identity_that_speaks_again_goes_to_the_track_it_speaks_from_and_is_sure():
    for says_from_s in (54, 58):
        tracker, _ = flown(62, says_from_s)
        snapshot, at = of_me(tracker)
        away = np.linalg.norm(snapshot.x[at, :2] - side_by_side(62)[:, :2], axis=1)
        assert away[0] < 30.0 < away[1]
        assert snapshot.identity_probability[at] > 0.99


def test_doubt_about_identities_is_kept_with_the_rest():
    plain, saved = of_me(flown(56)[0]), of_me(flown(56, saved_at_s=30)[0])
    assert plain[0].identity_probability.tobytes() == saved[0].identity_probability.tobytes()
    assert plain[0].group_count.tobytes() == saved[0].group_count.tobytes()


def test_an_identity_is_never_more_than_whole_and_mixes_as_tracks_do():
    rng, table, whose = np.random.default_rng(0), TrackTable(1, 1, 1), Whose()
    rows = table.add(4)
    for k, name in ((0, "a"), (1, "b")):
        table.facts_of(k).identity = name
        table.has_identity[k] = True
    quiet = np.zeros(2, np.bool_)
    whose.mix(table, rows[:2], np.array([[0.7, 0.3], [0.3, 0.7]]), quiet)
    assert whose.of["a"] == {1: 0.7, 2: 0.3}
    assert table.doubt[:2].tolist() == [1.0 - 0.7, 1.0 - 0.7]
    whose.mix(table, rows[1:3], np.array([[0.5, 0.5], [0.5, 0.5]]), quiet)
    assert whose.of["a"] == {1: 0.7, 2: 0.15, 3: 0.15}
    whose.mix(table, rows[:2], np.array([[0.5, 0.5], [0.5, 0.5]]), ~quiet)  # who speaks says where he is
    assert whose.of["a"] == {1: 0.7, 2: 0.15, 3: 0.15}
    for _ in range(20):
        p = rng.random()
        whose.mix(table, rng.choice(rows, 2, replace=False), np.array([[1 - p, p], [p, 1 - p]]), quiet)
        for mass in whose.of.values():
            assert sum(mass.values()) <= 1.0 + 1e-9


def test_objects_that_no_radar_tells_apart_are_counted_with_an_uncertainty():
    rng, sensor = np.random.default_rng(5), radar(clutter_per_look=2.0)
    tracker = Tracker(site(sensor))
    for t in range(1, 61):
        tracker.step(cells_look(rng, sensor, t, grid_of_nine(t)))
        if t == 25:
            assert np.nansum(tracker.snapshot().group_count[shown(tracker.snapshot())] > 4) == 0  # three σ apart
    snapshot = tracker.snapshot()
    crowd = snapshot.group_count[shown(snapshot)]
    assert np.isfinite(crowd).sum() >= 6, "most of the nine are in crowds, of which there may be two"
    assert np.nanmax(crowd) >= 4.0
    assert 0.0 < np.nanmax(snapshot.group_sigma) < 3.0
