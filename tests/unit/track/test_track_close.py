"""Tracks that a radar cannot tell apart, or not yet."""

import numpy as np
from tests.unit.track.track_scenes import SECOND, T0, batch, cover, look, plots, radar, shown, site, straight

from lowsky.model.events import TrackConfirmed, TracksMerged
from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.track.together import LEAST, Together
from lowsky.track.tracker import Tracker

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
    rng, sensor, counts = np.random.default_rng(5), radar(clutter_per_look=2.0), []
    tracker = Tracker(site(sensor))
    for t in range(1, 81):
        tracker.step(cells_look(rng, sensor, t, grid_of_nine(t)))
        counts.append(int(shown(tracker.snapshot()).sum()))
    assert abs(np.mean(counts[20:40]) - 9.0) < 0.5
    assert np.mean(np.abs(np.array(counts[50:]) - 9)) <= 0.9


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
