"""Targets move as their models say. Statistical bounds are five standard errors: two in a million by chance."""

import numpy as np
import pytest

from lowsky.simulate.motion import STEP_S, move
from lowsky.simulate.scenario import (
    Balloon,
    Bird,
    Circle,
    Crossing,
    Formation,
    Inbound,
    Multirotor,
    Swarm,
    Waypoints,
    WhiteAcceleration,
    Wind,
)
from lowsky.simulate.start import Beginning, begin
from lowsky.simulate.surroundings import Surroundings

CALM = Surroundings(Wind(), None)


def at_rest(n, up_m=100.0):
    pos = np.zeros((n, 3))
    pos[:, 2] = up_m
    return Beginning(pos, np.zeros((n, 3)), np.full((n, 2), np.nan))


def test_white_acceleration_has_the_covariance_of_its_density(rng):
    n, steps, q = 4000, 40, 0.8
    pos, vel = move(rng, WhiteAcceleration(q_m2ps3=q), at_rest(n), steps, CALM)
    t_s = steps * STEP_S
    for axis, density in ((0, q), (1, q), (2, q / 10.0)):
        p, v = pos[-1, :, axis] - pos[0, :, axis], vel[-1, :, axis]
        wanted = density * np.array([[t_s**3 / 3.0, t_s**2 / 2.0], [t_s**2 / 2.0, t_s]])
        spread = np.sqrt((wanted**2 + np.outer(np.diag(wanted), np.diag(wanted))) / n)  # of a sample covariance
        assert np.all(np.abs(np.cov(p, v) - wanted) < 5.0 * spread)


def test_the_ground_mirror_turns_the_path_and_its_climb(rng):
    first = Beginning(np.array([[0.0, 0.0, 12.0]]), np.array([[0.0, 0.0, -1.0]]), np.full((1, 2), np.nan))
    pos, vel = move(rng, WhiteAcceleration(q_m2ps3=0.0, ground_mirror_m=10.0), first, 50, CALM)
    assert pos[-1, 0, 2] == pytest.approx(13.0)
    assert vel[-1, 0, 2] == 1.0
    assert vel[10, 0, 2] == -1.0


def test_a_multirotor_stays_within_what_its_machine_allows(rng):
    pos, vel = move(rng, Multirotor(), at_rest(40), 1200, CALM)
    speed = np.hypot(vel[..., 0], vel[..., 1])
    acceleration = np.diff(vel, axis=0) / STEP_S
    assert speed.max() < 30.0  # cruises at 12 to 25 and drifts a little
    assert np.abs(vel[..., 2]).max() < 2.3
    assert np.abs(acceleration[..., 2]).max() <= 2.0 + 1e-9
    assert np.hypot(acceleration[..., 0], acceleration[..., 1]).max() < 7.0
    assert (speed < 1.0).mean() > 0.05  # it hovers
    assert (speed > 11.0).mean() > 0.3  # and cruises
    assert np.hypot(pos[..., 0], pos[..., 1]).max() < 4000.0
    assert pos[..., 2].min() > 20.0
    assert pos[..., 2].max() < 270.0


def test_a_multirotor_turns_at_constant_speed(rng):
    """The largest changes of course come without a change of speed."""
    _, vel = move(rng, Multirotor(), at_rest(30), 900, CALM)
    speed = np.hypot(vel[..., 0], vel[..., 1])
    course = np.arctan2(vel[..., 1], vel[..., 0])
    swing = np.abs((np.diff(course, axis=0) + np.pi) % (2.0 * np.pi) - np.pi)
    turning = (swing > 0.01) & (speed[:-1] > 10.0)
    assert turning.sum() > 500
    assert np.median(np.abs(np.diff(speed, axis=0)[turning])) < 0.05


def test_a_balloon_goes_with_the_wind(rng):
    n, steps = 400, 600
    _, vel = move(
        rng, Balloon(climb_mps=1.0), at_rest(n), steps, Surroundings(Wind(east_mps=4.0, north_mps=-3.0), None)
    )
    mean = vel.mean(axis=(0, 1))
    # 60 s of gusts that last 1 / 0.3 s are about 9 independent values for each balloon
    assert abs(mean[0] - 4.0) < 5.0 * 0.7 / np.sqrt(9 * n)
    assert abs(mean[1] + 3.0) < 5.0 * 0.7 / np.sqrt(9 * n)
    assert vel[..., 0].std() == pytest.approx(0.7, rel=0.05)


def test_waypoints_are_reached_and_the_last_one_is_hovered_over(rng):
    start = Inbound(range_m=1500.0, azimuth_deg=270.0, up_m=80.0, speed_mps=20.0, aim_m=(50.0, 0.0))
    pos, vel = move(rng, Waypoints(gust_mps2=0.0, end="hover"), begin(rng, start, 4), 1500, CALM)
    assert np.all(np.hypot(pos[-1, :, 0] - 50.0, pos[-1, :, 1]) < 2.0)
    assert np.all(np.linalg.norm(vel[-1], axis=1) < 0.5)


def test_a_circling_target_keeps_its_speed_and_its_distance(rng):
    start = Inbound(range_m=1500.0, azimuth_deg=200.0, up_m=80.0, speed_mps=30.0)
    motion = Waypoints(gust_mps2=0.0, end="circle", circle_m=260.0, acceleration_mps2=6.0)
    pos, vel = move(rng, motion, begin(rng, start, 3), 1500, CALM)
    away = np.hypot(pos[1000:, :, 0], pos[1000:, :, 1])
    assert away.min() > 180.0
    assert away.max() < 340.0
    assert np.hypot(vel[1000:, :, 0], vel[1000:, :, 1]).min() > 20.0


def test_one_that_flies_on_keeps_its_last_course(rng):
    start = Inbound(range_m=500.0, azimuth_deg=270.0, up_m=80.0, speed_mps=40.0)
    pos, _ = move(rng, Waypoints(gust_mps2=0.0, end="fly-on"), begin(rng, start, 1), 600, CALM)
    assert pos[-1, 0, 0] == pytest.approx(-500.0 + 40.0 * 60.0, abs=20.0)


def test_birds_turn_back_towards_home_and_a_flock_stays_together(rng):
    alone, _ = move(rng, Bird(home_beyond_m=400.0), at_rest(30), 3000, CALM)
    assert np.hypot(alone[..., 0], alone[..., 1]).max() < 900.0
    assert alone[..., 2].std() < 40.0
    together, vel = move(rng, Bird(flock_spacing_m=20.0), at_rest(12), 1200, CALM)
    assert (together - together.mean(axis=1, keepdims=True)).std() < 40.0
    assert np.hypot(vel[..., 0], vel[..., 1]).mean() > 6.0


def test_a_formation_flies_its_circle_with_the_spacing_of_the_second(rng):
    start = Circle(range_m=2000.0, azimuth_deg=350.0, up_m=150.0, speed_mps=15.0, centre_m=(100.0, -50.0))
    motion = Formation(
        radial=4, tangential=5, radial_m=10.0, tangential_m=17.45, spacing=((60.0, 3.0), (80.0, 2.0), (100.0, 1.0))
    )
    pos, vel = move(rng, motion, begin(rng, start, 20), 1200, CALM)
    off = pos[..., :2] - np.array([100.0, -50.0])
    radius, azimuth = np.hypot(off[..., 0], off[..., 1]), np.arctan2(off[..., 0], off[..., 1])
    for second, factor in ((0, 3.0), (60, 3.0), (70, 2.5), (80, 2.0), (90, 1.5), (120, 1.0)):
        rows = radius[second * 10].reshape(4, 5)
        np.testing.assert_allclose(rows.T, [2000.0 + 10.0 * factor * np.array([-1.5, -0.5, 0.5, 1.5])] * 5)
        middle = np.radians(350.0) + 15.0 * second / 2000.0  # clockwise
        along = (azimuth[second * 10].reshape(4, 5) - middle + np.pi) % (2.0 * np.pi) - np.pi
        np.testing.assert_allclose(along * 2000.0, [17.45 * factor * np.array([-2, -1, 0, 1, 2])] * 4, atol=1e-6)
    np.testing.assert_allclose(pos[..., 2], 150.0)
    np.testing.assert_allclose(np.diff(pos, axis=0) / STEP_S, vel[:-1], atol=0.01)  # circling: half a step of turn


def test_members_sway_about_their_slots_as_a_critically_damped_oscillator(rng):
    start = Circle(range_m=2000.0, up_m=150.0, speed_mps=0.0)
    motion = Formation(radial=20, tangential=20, radial_m=0.0, tangential_m=0.0, sway_m=2.0, sway_radps=0.4)
    pos, vel = move(rng, motion, begin(rng, start, 400), 600, CALM)
    off = pos - pos.mean(axis=(0, 1))
    n = 400 * 3 * 60.0 / 10.0  # values that hardly depend on each other: about 10 s apart
    assert abs(off.std() - 2.0) < 5.0 * 2.0 / np.sqrt(2.0 * n)
    assert abs(vel.std() - 0.8) < 5.0 * 0.8 / np.sqrt(2.0 * n)  # ω σ
    for lag_s in (1.0, 3.0, 6.0):
        k = round(lag_s / STEP_S)
        wanted = (1.0 + 0.4 * lag_s) * np.exp(-0.4 * lag_s)
        assert abs((off[k:] * off[:-k]).mean() / 4.0 - wanted) < 5.0 / np.sqrt(n)


def test_positions_are_the_integral_of_velocities(rng):
    for motion in (Multirotor(), Bird(), Balloon(), Bird(flock_spacing_m=20.0)):
        pos, vel = move(rng, motion, at_rest(5), 200, CALM)
        carried = pos[0] + np.cumsum(0.5 * STEP_S * (vel[1:] + vel[:-1]), axis=0)
        np.testing.assert_allclose(pos[1:], carried, atol=1e-9)


def test_crossing_courses_meet_at_the_point_at_the_time(rng):
    start = Crossing(
        point_m=(900.0, 700.0), point_sigma_m=0.0, at_s=100.0, jitter_deg=0.0, up_m=100.0, speed_mps=(14.0, 22.0)
    )
    first = begin(rng, start, 10)
    np.testing.assert_allclose((first.pos + 100.0 * first.vel)[:, :2], np.tile([900.0, 700.0], (10, 1)), atol=1e-9)
    assert first.vel[0, 0] < 0.0  # the first comes from the east


def test_a_swarm_flies_in_groups(rng):
    start = Swarm(
        groups=4, centre_m=(-2500.0, 2500.0), speed_mps=(12.0, 22.0), up_m=150.0, member_offset_m=350.0,
        member_up_m=60.0, member_velocity_sigma_mps=0.7,
    )  # fmt: skip
    first = begin(rng, start, 200)
    groups = first.vel.reshape(4, 50, 3)
    assert groups.std(axis=1)[:, :2].max() < 1.2
    assert np.abs(first.pos.reshape(4, 50, 3) - first.pos.reshape(4, 50, 3).mean(axis=1, keepdims=True)).max() < 500.0
