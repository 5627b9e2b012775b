"""Each kind of object moves as its class does."""

import math

import numpy as np
import pytest

from lowsky.simulate.motion import move
from lowsky.simulate.process import STEP_S
from lowsky.simulate.scenario import Balloon, Migrating, Road, Soaring, Terrain, Wind, Wing
from lowsky.simulate.start import Beginning, along
from lowsky.simulate.surroundings import Surroundings
from lowsky.simulate.terrain import Ground

STILL = Surroundings(Wind(), None)
BREEZE = Surroundings(Wind(east_mps=6.0, north_mps=-2.0), None)


def start(n, up_m=200.0, speed_mps=0.0, course=0.0):
    pos = np.column_stack((np.zeros((n, 2)), np.full(n, up_m)))
    return Beginning(pos, along(np.full(n, course), np.full(n, speed_mps)), np.full((n, 2), np.nan))


def turn_rates(vel):
    course = np.unwrap(np.arctan2(vel[..., 0], vel[..., 1]), axis=0)
    return np.diff(course, axis=0) / STEP_S


def test_positions_are_the_integral_of_velocities(rng):
    for motion in (
        Wing(points_m=((3e3, 2e3, 300.0),)),
        Soaring(),
        Migrating(),
        Road(points_m=((0.0, 0.0), (900.0, 500.0))),
    ):
        pos, vel = move(rng, motion, start(5, speed_mps=18.0), 400, BREEZE)
        np.testing.assert_allclose(np.diff(pos, axis=0) / STEP_S, 0.5 * (vel[1:] + vel[:-1]), atol=0.35)
        assert np.isfinite(pos).all()


def test_wings_turn_no_tighter_than_their_bank_allows_and_never_stand(rng):
    motion = Wing(points_m=((800.0, 0.0, 200.0), (0.0, 800.0, 250.0)), bank_deg=30.0, gust_mps=0.0, end="repeat")
    _, vel = move(rng, motion, start(20, speed_mps=20.0), 1500, STILL)
    most = 9.80665 * math.tan(math.radians(30.0)) / 18.0
    assert np.abs(turn_rates(vel)).max() < 1.1 * most
    assert np.abs(turn_rates(vel)).max() > 0.7 * most
    assert np.hypot(vel[..., 0], vel[..., 1]).min() > 15.0


def test_wings_come_down_a_straight_slope_and_keep_their_line_in_a_crosswind(rng):
    motion = Wing(points_m=((0.0, 9000.0, 100.0),), gust_mps=0.0, speed_sigma_mps=0.0, climb_mps=6.0)
    first = start(1, up_m=570.0, speed_mps=70.0)
    pos, _ = move(rng, motion, first, 1200, BREEZE)
    assert np.abs(pos[100:, 0, 0]).max() < 60.0
    share = pos[100:, 0, 1] / 9000.0
    np.testing.assert_allclose(pos[100:, 0, 2], 570.0 - 470.0 * share, atol=12.0)


def test_wings_fly_on_straight_behind_their_last_point_in_any_wind(rng):
    motion = Wing(points_m=((0.0, 1000.0, 200.0),), gust_mps=0.0)
    pos, _ = move(rng, motion, start(3, speed_mps=25.0), 2400, BREEZE)
    assert pos[-1, :, 1].min() > 4000.0
    assert np.abs(pos[-1, :, 0]).max() < 250.0


def test_wings_over_ground_follow_it(rng):
    heights = tuple((0.0, 60.0, 120.0, 40.0, 0.0) for _ in range(2))
    ground = Ground.of(Terrain(east_m=(0.0, 8000.0), north_m=(-500.0, 500.0), heights_m=heights))
    motion = Wing(points_m=((9000.0, 0.0, 90.0),), above_ground=True, climb_mps=6.0)
    pos, _ = move(
        rng, motion, start(4, up_m=90.0, speed_mps=45.0, course=math.pi / 2), 1600, Surroundings(Wind(), ground)
    )
    over = pos[..., 2] - ground.up(pos[..., 0], pos[..., 1])
    assert over.min() > 60.0
    assert over.max() < 120.0


def test_a_soaring_bird_circles_up_and_glides_down_and_drifts_with_the_wind(rng):
    pos, vel = move(rng, Soaring(), start(30, speed_mps=12.0), 6000, BREEZE)
    assert pos[..., 2].min() > 50.0
    assert 300.0 < pos[..., 2].max() < 850.0
    rising = vel[..., 2] > 0.5
    assert 0.3 < rising.mean() < 0.95
    assert np.abs(turn_rates(vel - np.array([6.0, -2.0, 0.0])))[rising[1:]].mean() > 0.15
    circling = pos[3000] - pos[0]
    assert circling[:, 0].mean() > 300.0  # carried east


def test_migrants_keep_their_course_and_bound_up_and_down(rng):
    motion = Migrating(course_deg=180.0, course_sigma_deg=5.0, speed_mps=12.0)
    pos, vel = move(rng, motion, start(200, up_m=400.0), 3000, STILL)
    course = np.degrees(np.arctan2(pos[-1, :, 0], pos[-1, :, 1])) % 360.0
    assert course.mean() == pytest.approx(180.0, abs=2.0)
    assert course.std() == pytest.approx(5.0, abs=2.0)
    swings = np.diff(np.sign(vel[..., 2] - vel[..., 2].mean(axis=0)), axis=0) != 0
    per_s = swings.sum(axis=0) / 300.0
    assert 0.3 < np.median(per_s) < 2.5


def test_a_vehicle_stays_on_its_road_on_the_ground_and_slows_in_bends(rng):
    points = ((0.0, 0.0), (1000.0, 0.0), (1000.0, 800.0))
    ground = Ground.of(Terrain(heights_m=((50.0, 10.0), (50.0, 10.0))))
    motion = Road(points_m=points, stops_per_km=1.0, speed_mps=20.0)
    pos, vel = move(rng, motion, start(8), 3000, Surroundings(Wind(), ground))
    off = np.minimum(np.abs(pos[..., 1]) + 1e4 * (pos[..., 0] > 1010.0), np.abs(pos[..., 0] - 1000.0))
    assert off.max() < 15.0
    np.testing.assert_allclose(pos[..., 2], ground.up(pos[..., 0], pos[..., 1]) + 1.5)
    speed = np.hypot(vel[..., 0], vel[..., 1])
    assert speed.max() < 20.5
    corner = np.hypot(pos[..., 0] - 1000.0, pos[..., 1]) < 10.0
    assert speed[corner].max() < 12.0
    assert (speed < 0.05).mean() > 0.01  # it stops now and then


def test_a_balloon_takes_the_wind_of_its_height_and_keeps_below_its_ceiling(rng):
    wind = Wind(profile=((0.0, 0.0, 0.0), (1000.0, 10.0, 0.0)))
    motion = Balloon(climb_mps=5.0, ceiling_m=600.0, gust_mps=0.1)
    pos, vel = move(rng, motion, start(20, up_m=0.0), 3000, Surroundings(wind, None))
    assert vel[0, :, 0].mean() == pytest.approx(0.0, abs=0.2)
    assert vel[-1, :, 0].mean() == pytest.approx(6.0, abs=0.4)
    assert pos[..., 2].max() < 630.0
