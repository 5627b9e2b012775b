"""How rough the air is: learnt from who flies straight."""

import numpy as np
from tests.unit.track.track_scenes import look, radar, site

from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

SETTINGS = TrackerSettings(air_lasts_s=900.0)


def flown(rng, q, seconds, settings=SETTINGS, n=8, turn=0.0):
    """A tracker that saw objects pushed by white acceleration of density ``q``, turning by ``turn`` rad/s."""
    sensor = radar(clutter_per_look=3.0)
    tracker = Tracker(site(sensor), settings)
    bearing, states = np.linspace(0.0, 6.0, n), np.empty((n, 6))
    states[:, :3] = np.column_stack((2500 * np.cos(bearing), 2500 * np.sin(bearing), np.full(n, 300.0)))
    states[:, 3:] = np.column_stack((-15 * np.sin(bearing), 15 * np.cos(bearing), np.zeros(n)))
    for t in range(1, seconds + 1):
        states[:, :3] += states[:, 3:]
        east, north = states[:, 3].copy(), states[:, 4].copy()
        states[:, 3] = np.cos(turn) * east - np.sin(turn) * north
        states[:, 4] = np.sin(turn) * east + np.cos(turn) * north
        states[:, 3:5] += rng.normal(0.0, np.sqrt(q), (n, 2))
        tracker.step(look(rng, sensor, t, states))
    return tracker


def test_calm_air_and_gusty_air_are_found_from_straight_flight(rng):
    usual = next(m.q_horizontal for m in SETTINGS.modes if m.name == "cruise")
    calm, gusty = flown(rng, usual / 4.0, 60), flown(rng, 4.0 * usual, 60)
    assert calm._air.factor() < 0.7
    assert gusty._air.factor() > 1.5
    assert gusty._core.motion[gusty._air.mode, 1] == gusty._air.factor() * usual


def test_who_turns_tells_nothing_of_the_air(rng):
    turning = flown(rng, 0.1, 40, turn=0.25)
    np.testing.assert_array_less(abs(np.log(turning._air.factor())), 0.1)


def test_nothing_is_learnt_where_the_site_file_says_so(rng):
    fixed = flown(rng, 0.01, 30, TrackerSettings(air_lasts_s=0.0))
    assert fixed._air.factor() == 1.0
    assert not fixed._air.serial.any()


def test_what_was_learnt_fades_once_nobody_flies(rng):
    tracker = flown(rng, 0.4, 50)
    learnt = tracker._air.factor()
    air, core = tracker._air, tracker._core
    core.now_ns += int(5 * SETTINGS.air_lasts_s * 1e9)
    none = np.empty(0, np.int64)
    air._hear(core, None, none, none)
    assert 1.0 < air.factor() < learnt
