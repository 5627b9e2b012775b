"""A radar that is blind where its site entry says it sees: others hold the tracks, and the map shows where."""

import numpy as np
import pytest
from tests.unit.track.track_scenes import SECOND, T0, distances, look, plots, radar, site, straight, tracked

from lowsky.engine.config import parse_site
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

SEES = radar("sees", (-400, 0, 5), detection_probability=0.7, look_period_s=2.0)
WALLED = radar("walled", (0, 0, 5), detection_probability=0.95, look_period_s=1.0)
BOTH = (WALLED, SEES)
# four fly one after the other from the open sky in the north into the sector in the east, one stays in the west
STARTS = [(700, 1100, 120), (900, 1700, 150), (800, 2300, 90), (1000, 2900, 140), (-1500, 500, 100)]
VELOCITIES = [(12, -16, 0), (11, -16, 0), (10, -17, 0), (9, -17, 0), (6, 2, 0)]


def states(t_s):
    return np.vstack([straight(p, v, t_s) for p, v in zip(STARTS, VELOCITIES, strict=True)])


def ticks(seconds, is_walled=True, seed=2):
    """The wall stands to the east of one radar: azimuth 45 to 135 degrees."""
    rng = np.random.default_rng(seed)
    for t in range(1, seconds + 1):
        there = states(t)
        azimuth = plots(WALLED, there)[:, 1]
        open_sky = ~((azimuth > np.pi / 4) & (azimuth < 3 * np.pi / 4)) if is_walled else np.ones(len(there), bool)
        yield look(rng, WALLED, t, there[open_sky])
        if t % 2:
            yield look(rng, SEES, t + 0.5, states(t + 0.5))


@pytest.fixture(scope="module")
def walled():
    return tracked(ticks(100), BOTH)


def held(tracker, t_s):
    far = distances(tracker.snapshot(T0 + round(t_s * SECOND)), states(t_s))
    return int((far.min(axis=0, initial=1e9) < 150.0).sum())


def test_tracks_that_another_radar_holds_live_on_where_this_one_is_blind(walled):
    off = tracked(ticks(100), BOTH, TrackerSettings(detection_memory_s=0.0))
    assert held(walled, 100.5) >= len(STARTS) - 1
    assert held(off, 100.5) <= len(STARTS) - 3, "where the site file is believed, its misses end them"


def test_the_blind_sector_is_told_and_nobody_else_is_doubted(walled):
    assert list(walled.doubts()) == ["walled"]
    assert "of what others see at azimuth" in walled.doubts()["walled"]
    known = walled._core.detection["walled"]
    there = states(75.0)[:, :3]
    assert (known.factors(there[:4]) < 0.5).sum() >= 2
    assert known.factors(there[4:])[0] == 1.0


def test_a_radar_that_sees_what_it_says_is_believed():
    tracker = tracked(ticks(60, is_walled=False), BOTH)
    assert not any(known.differs for known in tracker._core.detection.values())
    assert tracker.doubts() == {}


def test_a_lone_radar_teaches_itself_nothing():
    tracker = Tracker(site(WALLED))
    for tick in ticks(40):
        if tick.batch.sensor == "walled":
            tracker.step(tick)
    assert tracker._core.detection == {}


def test_the_map_survives_saving(walled):
    other = Tracker(site(WALLED, SEES))
    other.load(walled.dump())
    assert other.dump() == walled.dump()
    assert other.doubts() == walled.doubts()


def test_it_can_be_switched_off_in_the_site_file():
    source = "[site]\nname = 'x'\nlatitude_deg = 0.0\nlongitude_deg = 0.0\nheight_m = 0.0\n"
    assert parse_site(source + "[tracker]\ndetection_memory_s = 0.0\n").tracker == {"detection_memory_s": 0.0}
