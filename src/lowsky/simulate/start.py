"""Where targets start: position, velocity and the point they are headed for, in metres of the site's axes."""

import math
from dataclasses import dataclass

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Box, Circle, Crossing, Inbound, Start, Swarm

Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class Beginning:
    """First state of N targets."""

    pos: Floats  # float64[N, 3] m east, north, up
    vel: Floats  # float64[N, 3] m/s
    aim: Floats  # float64[N, 2] m: the point they are headed for, or circle; NaN where there is none


def draw(rng: Generator, value: float | tuple[float, float], n: int) -> Floats:
    """n values: uniform over [from, to], or the number itself. Takes n random numbers either way."""
    low, high = value if isinstance(value, tuple) else (value, value)
    return low + (high - low) * rng.random(n)


def along(course_rad: Floats, speed_mps: Floats) -> Floats:
    """Level velocity float64[N, 3]; course clockwise from north."""
    return np.stack((speed_mps * np.sin(course_rad), speed_mps * np.cos(course_rad), np.zeros_like(speed_mps)), axis=-1)


def begin(rng: Generator, start: Start, n: int) -> Beginning:
    """Draw the first states of n targets."""
    if isinstance(start, Box):
        return _box(rng, start, n)
    if isinstance(start, Inbound):
        return _inbound(rng, start, n)
    if isinstance(start, Crossing):
        return _crossing(rng, start, n)
    if isinstance(start, Circle):
        return _circle(rng, start, n)
    return _swarm(rng, start, n)


def _box(rng: Generator, start: Box, n: int) -> Beginning:
    pos = np.stack([draw(rng, value, n) for value in (start.east_m, start.north_m, start.up_m)], axis=-1)
    vel = along(np.radians(draw(rng, start.course_deg, n)), draw(rng, start.speed_mps, n))
    return Beginning(pos, vel, np.full((n, 2), np.nan))


def _inbound(rng: Generator, start: Inbound, n: int) -> Beginning:
    range_m, azimuth = draw(rng, start.range_m, n), np.radians(draw(rng, start.azimuth_deg, n))
    pos = np.stack((range_m * np.sin(azimuth), range_m * np.cos(azimuth), draw(rng, start.up_m, n)), axis=-1)
    aim = np.array(start.aim_m) + start.aim_sigma_m * rng.standard_normal((n, 2))
    aim += start.aim_box_m * rng.uniform(-1.0, 1.0, (n, 2))
    towards = aim - pos[:, :2]
    return Beginning(pos, along(np.arctan2(towards[:, 0], towards[:, 1]), draw(rng, start.speed_mps, n)), aim)


def _crossing(rng: Generator, start: Crossing, n: int) -> Beginning:
    jitter = math.radians(start.jitter_deg) * rng.uniform(-1.0, 1.0, n)
    # the angle from which target i comes, counter-clockwise from east; it flies the other way
    angle = 2.0 * math.pi * np.arange(n) / n + jitter
    speed = draw(rng, start.speed_mps, n)
    vel = np.stack((-speed * np.cos(angle), -speed * np.sin(angle), np.zeros(n)), axis=-1)
    point = np.array(start.point_m) + start.point_sigma_m * rng.standard_normal((n, 2))
    pos = np.column_stack((point, draw(rng, start.up_m, n))) - vel * draw(rng, start.at_s, n)[:, None]
    return Beginning(pos, vel, point)


def _swarm(rng: Generator, start: Swarm, n: int) -> Beginning:
    groups, members = start.groups, n // start.groups
    centre = np.column_stack(
        (draw(rng, start.centre_m, groups), draw(rng, start.centre_m, groups), draw(rng, start.up_m, groups))
    )
    vel = along(np.radians(draw(rng, start.course_deg, groups)), draw(rng, start.speed_mps, groups))
    half = np.array([start.member_offset_m, start.member_offset_m, start.member_up_m])
    pos = np.repeat(centre, members, axis=0) + half * rng.uniform(-1.0, 1.0, (n, 3))
    vel = np.repeat(vel, members, axis=0)
    vel[:, :2] += start.member_velocity_sigma_mps * rng.standard_normal((n, 2))
    return Beginning(pos, vel, np.full((n, 2), np.nan))


def _circle(rng: Generator, start: Circle, n: int) -> Beginning:
    range_m, azimuth = draw(rng, start.range_m, 1), np.radians(draw(rng, start.azimuth_deg, 1))
    pos = np.column_stack((range_m * np.sin(azimuth), range_m * np.cos(azimuth), draw(rng, start.up_m, 1)))
    pos[:, :2] += start.centre_m
    vel = along(azimuth + math.pi / 2.0, draw(rng, start.speed_mps, 1))
    return Beginning(np.repeat(pos, n, axis=0), np.repeat(vel, n, axis=0), np.tile(np.array(start.centre_m), (n, 1)))
