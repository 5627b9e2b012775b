"""Sensors that are off: found out, told with their uncertainty, and taken off their rows."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.track.track_scenes import (
    FRAME,
    SECOND,
    T0,
    distances,
    finder,
    look,
    radar,
    receiver,
    reports,
    site,
    straight,
    tracked,
)

from lowsky.kernels.registration import AZIMUTH, ELEVATION, RANGE, TIME
from lowsky.track.registration import BEARING_MOST, Registration
from lowsky.track.rows import Station
from lowsky.track.sensor_errors import SensorErrors
from lowsky.track.settings import SETTINGS
from lowsky.track.tracker import Tracker

STARTS = [
    (1500, 800, 120),
    (-1200, 1500, 90),
    (800, -1600, 150),
    (-1000, -1300, 200),
    (300, 2200, 100),
    (2000, -300, 80),
]
VELOCITIES = [(-12, 4, 0), (9, -10, 0), (-3, 14, 0), (11, 7, 0), (8, -13, 0), (-13, 6, 0)]
NAMES = ["a", "b", "c", "d"]  # the other two are silent
RADARS = radar("one", (-1500, -800, 5), max_range_m=6000.0), radar("two", (1500, 900, 5), max_range_m=6000.0)
RECEIVER = receiver()
SENSORS = (*RADARS, RECEIVER)
OFF = np.array([60.0, np.radians(1.5), np.radians(0.5), 0.25])  # range, azimuth, elevation, clock


def states(t_s):
    return np.vstack([straight(p, v, t_s) for p, v in zip(STARTS, VELOCITIES, strict=True)])


def off(tick, error):
    """The same look of a sensor with constant errors."""
    z = tick.batch.z.copy()
    z[:, :3] += error[:3]
    moved = replace(tick.batch, z=z).moved(round(error[3] * SECOND))
    return replace(tick, batch=moved)


def ticks(seconds, error=OFF, speaks=True, seed=1):
    """Radar one is off, two is not; four of six objects report themselves."""
    rng = np.random.default_rng(seed)
    for t in range(1, seconds + 1):
        yield off(look(rng, RADARS[0], t, states(t)), error)
        yield look(rng, RADARS[1], t + 0.3, states(t + 0.3))
        if speaks:
            yield reports(rng, RECEIVER, t + 0.5, states(t + 0.5)[: len(NAMES)], NAMES)


@pytest.fixture(scope="module")
def settled():
    """Ninety seconds: enough for four objects to tell."""
    return tracked(ticks(90), SENSORS)


def test_errors_of_a_radar_are_found_and_told_with_their_uncertainty(settled):
    errors = settled.registration("one")
    sigma = np.sqrt(np.diag(errors.P))
    assert errors.applied
    assert np.all(np.abs(errors.beta[:4] - OFF) < 4 * sigma[:4])
    assert sigma[RANGE] < 5.0
    assert sigma[AZIMUTH] < np.radians(0.12)
    assert sigma[ELEVATION] < np.radians(0.2)
    assert sigma[TIME] < 0.25  # four objects' clocks of 0.35 s


def test_a_radar_that_is_well_is_left_alone(settled):
    errors = settled.registration("two")
    assert errors.meetings > 10
    assert not errors.applied


def test_one_object_whose_place_is_older_than_it_says_convinces_nobody():
    rng, tracker = np.random.default_rng(3), Tracker(site(*SENSORS))
    for t in range(1, 101):
        for k, sensor in enumerate(RADARS):
            tracker.step(look(rng, sensor, t + 0.3 * k, straight([-1000, 3000, 300], [20, -50, 0], t + 0.3 * k)))
        old = straight([-1000, 3000, 300], [20, -50, 0], t + 0.5 - 0.5)
        tracker.step(reports(rng, RECEIVER, t + 0.5, old, NAMES[:1]))
    assert tracker.registration("one").meetings >= 3
    assert not tracker.registration("one").applied
    assert not tracker.registration("two").applied


def test_the_picture_of_a_misregistered_radar_is_right_and_single(settled):
    there = states(90.5)
    far = distances(settled.snapshot(T0 + 90 * SECOND + SECOND // 2), there)
    assert far.shape == (len(there), len(there))
    assert far.min(axis=0).max() < 40.0


def silent(seconds, error, turned="two", seed=1):
    """The same radars and objects, of which none reports itself; one radar is off."""
    rng = np.random.default_rng(seed)
    for t in range(1, seconds + 1):
        for sensor, t_s in zip(RADARS, (t, t + 0.3), strict=True):
            tick = look(rng, sensor, t_s, states(t_s))
            yield off(tick, error) if sensor.id == turned else tick


@pytest.fixture(scope="module")
def relative():
    return tracked(silent(75, OFF), RADARS)


def test_without_reports_a_radar_is_registered_against_another_and_told_so(relative):
    errors, said = relative.registration("two"), relative.registered("two")
    assert errors.applied
    assert np.all(np.abs(errors.beta[:4] - OFF) < 4 * np.sqrt(np.diag(errors.P))[:4])
    assert said.relative_to == "one"
    assert "relative to one" in str(said)
    assert relative.doubts() == {"two": relative.doubts()["two"]}
    assert relative.doubts()["two"].endswith("relative to one; corrected")
    assert relative.registered("one") is None


def test_the_picture_of_radars_registered_against_each_other_is_single(relative):
    far = distances(relative.snapshot(T0 + 75 * SECOND + SECOND // 2), states(75.5))
    assert far.shape == (len(STARTS), len(STARTS))
    assert far.min(axis=0).max() < 40.0


def test_without_reports_radars_that_agree_are_left_alone():
    tracker = tracked(silent(45, np.zeros(4)), RADARS)
    assert tracker.registration("two").meetings >= 3
    assert not tracker.registration("two").applied
    assert tracker.doubts() == {}


def test_two_radars_that_agree_outvote_a_third():
    third = radar("three", (0, -1800, 5), max_range_m=6000.0)
    rng = np.random.default_rng(7)

    def stream():
        for t in range(1, 81):
            for sensor, t_s in zip((*RADARS, third), (t, t + 0.3, t + 0.6), strict=True):
                tick = look(rng, sensor, t_s, states(t_s))
                yield off(tick, np.array([0.0, np.radians(3.0), 0.0, 0.0])) if sensor.id == "one" else tick

    tracker = tracked(stream(), (*RADARS, third))
    assert list(tracker.doubts()) == ["one"]
    assert "+3.0" in tracker.doubts()["one"]
    assert not tracker.registration("three").applied
    far = distances(tracker.snapshot(T0 + 81 * SECOND), states(81.0))
    assert far.shape == (len(STARTS), len(STARTS))
    assert far.min(axis=0).max() < 40.0


def test_objects_in_a_swarm_register_nobody():
    rng = np.random.default_rng(3)
    swarm = np.vstack([straight((1000 + 60 * k, 500 + 40 * (k % 3), 100), (10, 5, 0), 0.0) for k in range(9)])

    def stream():
        for t in range(1, 21):
            swarm[:, :3] += swarm[:, 3:]
            yield look(rng, RADARS[0], t, swarm, clutter=0)
            yield off(look(rng, RADARS[1], t + 0.3, swarm, clutter=0), np.array([60.0, 0.0, 0.0, 0.0]))

    assert not tracked(stream(), RADARS).registration("two").found


def test_when_objects_begin_to_report_the_radars_are_registered_by_them():
    def stream():
        yield from silent(40, OFF)
        yield from (tick for tick in ticks(90) if tick.t_ns > T0 + 41 * SECOND)

    tracker = tracked(stream(), SENSORS)
    assert tracker.registered("one").relative_to is None
    assert tracker.registration("one").beta[RANGE] == pytest.approx(OFF[RANGE], abs=10.0)
    assert tracker.registration("two").relative_to == ""
    assert not tracker.registration("two").applied


def test_a_lone_radar_is_compared_with_nobody():
    tracker = tracked(silent(10, OFF, turned="one"), RADARS[:1])
    assert not tracker.registration("one").found


def test_a_bumped_radar_is_sought_again_and_found():
    def stream():
        yield from ticks(60)
        turned = OFF + np.array([0.0, np.radians(4.0), 0.0, 0.0])
        for tick in ticks(130, turned):
            if tick.t_ns > T0 + 60 * SECOND + SECOND // 2:
                yield tick

    errors = tracked(stream(), SENSORS).registration("one")
    assert errors.lost == 1
    assert errors.applied
    assert errors.beta[AZIMUTH] == pytest.approx(OFF[AZIMUTH] + np.radians(4.0), abs=np.radians(0.3))


def test_a_tracker_saved_while_it_learns_goes_on_exactly():
    stream = list(ticks(45))
    half = 70
    first = tracked(stream[:half], SENSORS)
    second = Tracker(site(*SENSORS))
    second.load(first.dump())
    for tick in stream[half:]:
        first.step(tick)
        second.step(tick)
    assert first.dump() == second.dump()
    assert first.registration("one").applied


def test_a_clock_error_of_the_reports_is_not_taken_for_one_of_the_radars():
    def stream():
        for tick in ticks(60, np.zeros(4)):
            # what reports say of now they say of a second ago
            late = -SECOND if tick.batch.sensor == RECEIVER.id else 0
            yield replace(tick, batch=tick.batch.moved(late))

    tracker = tracked(stream(), SENSORS)
    for name in ("one", "two"):
        told = tracker.registered(name)
        assert told.time_s is None or abs(told.time_s[0]) < 4 * told.time_s[1]
    there = states(60.5)
    far = distances(tracker.snapshot(T0 + 60 * SECOND + SECOND // 2), there)
    assert far.shape == (len(there), len(there))
    assert tracker.doubts() == {}


def test_an_identity_without_a_height_is_no_reference():
    rng = np.random.default_rng(2)
    tracker = Tracker(site(*SENSORS))
    for t in range(1, 30):
        tracker.step(off(look(rng, RADARS[0], t, states(t)), OFF))
        tracker.step(reports(rng, RECEIVER, t + 0.5, states(t + 0.5)[:4], NAMES, height=False))
    assert not tracker.registration("one").found


def test_errors_far_beyond_what_is_expected_beforehand_are_not_taken_off_a_bearing_sensor():
    J_prior = np.diag(1.0 / np.array(SETTINGS.registration_sigma) ** 2)
    for azimuth_deg, believed in ((6.0, True), (15.0, False)):
        beta = np.array([0.0, math.radians(azimuth_deg), 0.0, 0.0, 0.0, 0.0])
        errors = SensorErrors(meetings=3, beta=beta, P=1e-6 * np.eye(6))
        errors.judge(J_prior, np.full(6, 1e-3), BEARING_MOST)
        assert errors.applied == believed


def test_three_reporters_do_not_prove_a_finder_wrong_by_less_than_its_reflections():
    town, open_country = (Station(finder(outlier_share=share), 0, FRAME, SETTINGS) for share in (0.2, 0.0))
    registration = Registration([town, open_country], SETTINGS)
    registration._references.x[0, :3] = 500.0, 500.0, 50.0
    wide, narrow = (registration._lasting(station, 0)[0][AZIMUTH, AZIMUTH] for station in (town, open_country))
    assert narrow < 1e-9
    assert math.isclose(wide, 0.2 * (5.0 * math.radians(2.0)) ** 2, rel_tol=0.01)


@pytest.mark.parametrize(
    ("slots", "is_believed"),
    [([0] * 3, False), ([0] * 60, True), ([0, 1, 2], True)],
    ids=["3 of one", "60", "of three"],
)
def test_an_object_whose_error_may_differ_from_meeting_to_meeting_has_to_say_the_same_for_long(slots, is_believed):
    """A drone beside a wind turbine, whose plots are taken for the drone's: no constant error of its place explains
    what they say, because it moves about; so it looked like one of the radar's azimuth."""
    errors, J_prior = SensorErrors(), np.diag(1.0 / np.array(SETTINGS.registration_sigma) ** 2)
    said = np.zeros(6)
    said[AZIMUTH] = np.radians(-2.7)
    J = np.diag([0.1, 1.0 / np.radians(0.5) ** 2, 0.0, 0.0, 0.0, 0.0])
    place = np.diag([0.0, 0.0, 0.0, 0.0, 2.5**2, 2.5**2])  # 2.5 m, seen from 200 m
    fresh = place + np.diag([2.5**2, (2.5 / 200.0) ** 2, (2.5 / 200.0) ** 2, 0.0, 0.0, 0.0])
    for slot in slots:
        assert errors.learn(slot, J, J @ said, place, fresh)
        errors.solve(J_prior)
        errors.judge(J_prior, np.full(6, 0.01))
    assert errors.applied == is_believed
