"""What the tracker learns of a radar's false plots."""

import math

import numpy as np
import pytest

from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Coverage
from lowsky.model.site import Sensor
from lowsky.track.clutter import ClutterMap
from lowsky.track.rows import Station
from lowsky.track.settings import TrackerSettings

SECOND_NS = 1_000_000_000
SENSOR = Sensor(
    id="radar", kind="radar", latitude_rad=0.65, longitude_rad=2.2, height_m=10.0, look_period_s=1.0,
    clutter_per_look=20.0, min_range_m=100.0, max_range_m=5000.0, elevation_rad=(0.0, math.pi / 2),
)  # fmt: skip


@pytest.fixture
def station():
    return Station(SENSOR, 0, EnuFrame.at(0.65, 2.2, 10.0), TrackerSettings())


def look(t_ns):
    return Coverage(t_ns - SECOND_NS, t_ns, 100.0, 5000.0, 0.0, 2 * math.pi, 0.0, math.pi / 2)


def plots(rng, n, patch=0):
    z = np.full((n + patch, 6), np.nan)
    z[:, 0], z[:, 1] = rng.uniform(100, 5000, n + patch), rng.uniform(0, 2 * math.pi, n + patch)
    z[:, 2] = rng.uniform(0, math.pi / 4, n + patch)
    z[n:, :3] = rng.normal([1500.0, 1.0, 0.02], [100.0, 0.05, 0.005], (patch, 3))
    return z


IN_PATCH = np.array([[1500.0, 1.0, 0.02, np.nan, np.nan, np.nan]])
ELSEWHERE = np.array([[3000.0, 4.0, 0.3, np.nan, np.nan, np.nan]])


def test_before_anything_is_known_the_site_file_counts(station):
    known = ClutterMap(station, 600.0, 0.0)
    volume = 4900.0 * 2 * math.pi * math.pi / 2
    assert known.density(ELSEWHERE)[0] == pytest.approx(20.0 / volume, rel=1e-6)


def test_a_patch_is_learnt_within_seconds_and_the_rest_stays(station):
    rng, known = np.random.default_rng(5), ClutterMap(station, 600.0, 0.0)
    before = known.density(np.vstack((IN_PATCH, ELSEWHERE)))
    for k in range(1, 16):
        z = plots(rng, 20, patch=25)
        known.learn(z, np.ones(len(z)), k * SECOND_NS, look(k * SECOND_NS))
    after = known.density(np.vstack((IN_PATCH, ELSEWHERE)))
    assert after[0] > 300 * before[0]
    assert 0.2 < after[1] / before[1] < 5.0


def test_false_plots_that_stand_still_do_not_speak_against_what_flies_past(station):
    """Moths at ±2 m/s make the same place ten times worse for what is slow, and not for what comes at 25 m/s."""
    rng, known, slow, fast = np.random.default_rng(7), ClutterMap(station, 600.0, 0.0), IN_PATCH.copy(), IN_PATCH.copy()
    slow[0, 3], fast[0, 3] = 1.5, -25.0
    even = known.density(np.vstack((slow, fast)))
    assert even[0] == pytest.approx(even[1])
    for k in range(1, 31):
        z = plots(rng, 20, patch=10)
        z[:20, 3], z[20:, 3] = rng.uniform(-30.0, 30.0, 20), rng.uniform(-2.0, 2.0, 10)
        known.learn(z, np.ones(len(z)), k * SECOND_NS, look(k * SECOND_NS))
    after = known.density(np.vstack((slow, fast)))
    without = known.density(IN_PATCH)[0]
    assert after[0] / without > 0.1  # of ±2 m/s each m/s has a quarter
    assert after[1] / without < 0.005
    assert after[0] > 30.0 * after[1]


def test_even_range_rates_stay_even(station):
    rng, known = np.random.default_rng(8), ClutterMap(station, 600.0, 0.0)
    half = 0.5 * station.extent[3]
    for k in range(1, 200):
        z = plots(rng, 30)
        z[:, 3] = rng.uniform(-half, half, 30)
        known.learn(z, np.ones(30), k * SECOND_NS, look(k * SECOND_NS))
    z = plots(rng, 2000)
    z[:, 3] = rng.uniform(-half, half, 2000)
    told = np.log(known.density(z) / known.density(np.column_stack((z[:, :3], np.full((2000, 3), np.nan)))) * 2 * half)
    assert abs(told.mean()) < 0.1
    assert told.std() < 0.5


def test_clutter_that_ended_is_forgotten(station):
    rng, known = np.random.default_rng(5), ClutterMap(station, 60.0, 0.0)
    for k in range(1, 400):
        z = plots(rng, 20, patch=25 if k < 40 else 0)
        known.learn(z, np.ones(len(z)), k * SECOND_NS, look(k * SECOND_NS))
        if k == 39:
            full = known.density(IN_PATCH)[0]
    assert known.density(IN_PATCH)[0] < 0.1 * full


def test_objects_do_not_count(station):
    rng, known, blind = np.random.default_rng(5), ClutterMap(station, 600.0, 0.0), ClutterMap(station, 600.0, 0.0)
    for k in range(1, 30):
        z = plots(rng, 20, patch=25)
        known.learn(z, np.append(np.ones(20), np.zeros(25)), k * SECOND_NS, look(k * SECOND_NS))
        blind.learn(z, np.ones(45), k * SECOND_NS, look(k * SECOND_NS))
    assert known.density(IN_PATCH)[0] < 0.01 * blind.density(IN_PATCH)[0]


def test_a_saved_map_goes_on_exactly(station):
    rng, one, other = np.random.default_rng(5), ClutterMap(station, 600.0, 0.0), ClutterMap(station, 600.0, 0.0)
    for k in range(1, 20):
        z = plots(rng, 20)
        z[:, 3] = rng.normal(0.0, 5.0, 20)
        one.learn(z, np.ones(20), k * SECOND_NS, None)
    other.load(one.dump())
    z = plots(rng, 50)
    z[:, 3] = rng.normal(0.0, 5.0, 50)
    for known in (one, other):
        known.learn(z, np.ones(50), 21 * SECOND_NS, None)
    np.testing.assert_array_equal(one.density(z), other.density(z))


def test_days_of_counting_stay_finite(station):
    known = ClutterMap(station, 10.0, 0.0)
    for k in range(1, 200):
        known.learn(ELSEWHERE, np.ones(1), k * 100 * SECOND_NS, look(k * 100 * SECOND_NS))
    assert np.isfinite(known.density(np.vstack((IN_PATCH, ELSEWHERE)))).all()
