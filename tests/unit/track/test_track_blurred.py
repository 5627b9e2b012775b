"""Tracks that only the density of false plots carries."""

import msgspec
import numpy as np
from tests.unit.track.track_scenes import SECOND, SIGMA, T0, batch, cover, look, plots, radar, shown, site, straight

from lowsky.model.events import TrackDropped
from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

SETTINGS = TrackerSettings()
NEVER = msgspec.structs.replace(SETTINGS, blurred_most=6000)
RADAR = radar(detection_probability=0.8, clutter_per_look=60.0)


def patch_look(rng, t_s):
    """Some 30 false plots on 150 m of ground 430 m away, as trees give, and nothing else."""
    n = rng.poisson(30)
    place = rng.normal([-100.0, -420.0, 0.0], [150.0, 150.0, 20.0], (n, 3))
    states = np.column_stack((place[:, :2], np.abs(place[:, 2]) + 6.0, np.zeros((n, 3))))
    z = plots(RADAR, states) + rng.normal(size=(n, 4)) * SIGMA
    z[:, 3] = np.nan  # no range rate
    z = z[(z[:, 2] > 0.0) & (z[:, 0] > RADAR.min_range_m)]
    t_ns = T0 + round(t_s * SECOND)
    return Tick(t_ns, batch(RADAR, MeasurementKind.RADAR, t_ns, z, coverage=cover(RADAR, t_ns)))


def shown_in_patch(settings, seed):
    """Tracks at a time in the patch from its 40th to its 100th look, and the causes of what ended."""
    rng, tracker, number, causes = np.random.default_rng(seed), Tracker(site(RADAR), settings), 0, []
    for t_s in range(100):
        causes += [event.cause for event in tracker.step(patch_look(rng, t_s)) if isinstance(event, TrackDropped)]
        number += int(shown(tracker.snapshot()).sum()) if t_s >= 40 else 0
    return number / 60.0, causes


def test_density_alone_carries_fewer_tracks_and_their_end_says_why():
    without = [shown_in_patch(NEVER, seed)[0] for seed in range(4)]
    ruled = [shown_in_patch(SETTINGS, seed) for seed in range(4)]
    assert sum(number for number, _ in ruled) < 0.4 * sum(without)
    assert "its plots cannot be told from false ones" in ruled[0][1]


def test_a_drone_among_even_clutter_is_not_taken_for_density():
    rng, tracker, numbers = np.random.default_rng(3), Tracker(site(RADAR)), set()
    for t_s in range(60):
        states = straight((-900.0, -400.0, 120.0), (18.0, 6.0, 0.0), t_s)
        tracker.step(look(rng, RADAR, t_s, states))
        picture = tracker.snapshot()
        near = np.linalg.norm(picture.x[:, :3] - states[0, :3], axis=1) < 60.0
        numbers |= set(picture.track_id[shown(picture) & near].tolist()) if t_s >= 10 else set()
    assert len(numbers) == 1


def test_plots_of_a_formation_are_somebodys():
    """Twelve drones 4 m apart: each plot may be any of several drones' and hardly ever one of theirs for sure."""
    rng, tracker, causes = np.random.default_rng(4), Tracker(site(RADAR)), []
    for t_s in range(40):
        starts = [(-900.0 + 4.0 * k, -400.0, 120.0) for k in range(12)]
        states = np.vstack([straight(start, (18.0, 6.0, 0.0), t_s) for start in starts])
        events = tracker.step(look(rng, RADAR, t_s, states))
        causes += [event.cause for event in events if isinstance(event, TrackDropped)]
    assert shown(tracker.snapshot()).sum() >= 11
    assert "its plots cannot be told from false ones" not in causes
