"""A camera's bearing of somebody nobody tracks must not decide where a track is that merely stands near its way."""

import math

import numpy as np
from tests.unit.track.track_scenes import (
    SECOND,
    T0,
    batch,
    cover,
    finder,
    geometry,
    look,
    radar,
    shown,
    site,
    straight,
)

from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

FINE = math.radians(0.05)
FLIGHT = ([1500, 1500, 120], [0, -12, 0])


def camera():
    return finder("camera", kind="camera", sigma_azimuth_rad=FINE, sigma_elevation_rad=FINE, clutter_per_look=0.02)


def dwell(rng, sensor, from_s, states):
    """Ten looks at one object within two seconds."""
    origin, C = geometry(sensor)
    for k in range(10):
        t_ns = T0 + round((from_s + 0.2 * k) * SECOND)
        d = (states(from_s + 0.2 * k)[:, :3] - origin) @ C.T
        z = np.column_stack((np.arctan2(d[:, 0], d[:, 1]), np.arctan2(d[:, 2], np.hypot(d[:, 0], d[:, 1]))))
        z += rng.normal(0.0, FINE, z.shape)
        yield Tick(t_ns, batch(sensor, MeasurementKind.BEARING, t_ns, z, coverage=cover(sensor, t_ns)))


def tracked(rng, sensors, until_s, settings=None):
    tracker = Tracker(site(*sensors), settings)
    for k in range(1, until_s + 1):
        tracker.step(look(rng, sensors[0], k, straight(*FLIGHT, k), p_detect=1.0, clutter=0))
    return tracker


def place(tracker, t_s):
    """eᵀP⁻¹e of the only track's place, and the volume of its ellipsoid (σ³), m³."""
    snapshot = tracker.snapshot(T0 + round(t_s * SECOND))
    (row,) = np.flatnonzero(shown(snapshot))
    error, P = snapshot.x[row, :3] - straight(*FLIGHT, t_s)[0, :3], snapshot.P[row, :3, :3]
    return float(error @ np.linalg.solve(P, error)), math.sqrt(np.linalg.det(P))


def beside(rng, sensor, tracker):
    """A dwell on a bird 60 m beside the object and 60 m below it, whom no radar sees."""
    for tick in dwell(rng, sensor, 21.0, lambda t: straight(*FLIGHT, t) + np.array([60.0, 0, -60.0, 0, 0, 0])):
        tracker.step(tick)


def test_a_stranger_in_line_of_sight_does_not_move_a_track_that_has_become_wide(rng):
    sensors = radar(detection_probability=0.5), camera()
    tracker = tracked(rng, sensors, 15)
    before = place(tracker, 23.0)[1]
    beside(rng, sensors[1], tracker)
    d2, volume = place(tracker, 23.0)
    assert d2 < 16.0
    assert volume > 0.8 * before
    credulous = tracked(np.random.default_rng(1), sensors, 15, TrackerSettings(stranger_odds=50.0))
    beside(rng, sensors[1], credulous)
    assert place(credulous, 23.0)[0] > 100.0


def test_a_camera_still_sharpens_a_track_that_a_radar_sees(rng):
    sensors = radar(), camera()
    tracker = tracked(rng, sensors, 20)
    before = place(tracker, 22.0)[1]
    for tick in dwell(rng, sensors[1], 20.1, lambda t: straight(*FLIGHT, t)):
        tracker.step(tick)
    d2, volume = place(tracker, 22.0)
    assert d2 < 16.0
    assert volume < 0.05 * before
