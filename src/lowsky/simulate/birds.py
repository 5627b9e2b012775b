"""Birds: about a home, in a flock, or on their way."""

import math

import numpy as np

from lowsky.simulate.process import STEP_S, Path, path_of, relaxing, wrapped
from lowsky.simulate.scenario import Bird, Migrating
from lowsky.simulate.start import Beginning, Generator, draw
from lowsky.simulate.surroundings import Surroundings


def fly_bird(rng: Generator, motion: Bird, first: Beginning, steps: int) -> Path:
    return _flock(rng, motion, first, steps) if motion.flock_spacing_m > 0.0 else _bird(rng, motion, first, steps)


def _bird(rng: Generator, motion: Bird, first: Beginning, steps: int) -> Path:
    """Course from a fluctuating turn rate, with a pull towards home beyond ``home_beyond_m``."""
    n = len(first.pos)
    speed = draw(rng, motion.speed_mps, n) + relaxing(rng, steps, n, 0.3, motion.speed_sigma_mps)
    speed = np.maximum(speed, 2.0)
    turn = relaxing(rng, steps, n, 1.0 / motion.turn_time_s, math.radians(motion.turn_sigma_dps))
    climb_time_s = 8.0
    climb = relaxing(rng, steps, n, 1.0 / climb_time_s, motion.up_sigma_m / climb_time_s)
    course = np.empty((steps + 1, n))
    course[0] = np.arctan2(first.vel[:, 0], first.vel[:, 1])
    offset = np.zeros((n, 2))
    for k in range(steps):
        heading = np.stack((np.sin(course[k]), np.cos(course[k])), axis=-1)
        away = np.hypot(offset[:, 0], offset[:, 1]) > motion.home_beyond_m
        homewards = np.arctan2(-offset[:, 0], -offset[:, 1])
        swing = wrapped(homewards - course[k])
        pull = np.where(away, np.clip(swing, -0.5, 0.5), 0.0)
        course[k + 1] = course[k] + (turn[k] + pull) * STEP_S
        offset += heading * speed[k][:, None] * STEP_S
    # a pull back to the height of the start keeps the climb from wandering off
    up = np.empty_like(climb)
    height = np.zeros(n)
    for k in range(steps + 1):
        up[k] = climb[k] - height / (2.0 * climb_time_s)
        height += up[k] * STEP_S
    return path_of(np.stack((speed * np.sin(course), speed * np.cos(course), up), axis=-1), first.pos)


def _flock(rng: Generator, motion: Bird, first: Beginning, steps: int) -> Path:
    """One bird leads; each keeps a slowly changing place about it."""
    n = len(first.pos)
    leader = Beginning(first.pos.mean(axis=0, keepdims=True), first.vel[:1], first.aim[:1])
    pos, vel = _bird(rng, motion, leader, steps)
    place = rng.standard_normal((n, 3)) * motion.flock_spacing_m * np.array([1.0, 1.0, 0.3])
    sway = np.stack([relaxing(rng, steps, n, 0.4, 0.5) for _ in range(3)], axis=-1)
    member_vel = vel + sway
    return path_of(member_vel, pos[0] + place)


def migrate(rng: Generator, motion: Migrating, first: Beginning, steps: int, air: Surroundings) -> Path:
    """A steady heading and airspeed in the wind; flapping lifts, gliding sinks, at a period of each bird's own."""
    n = len(first.pos)
    course = np.radians(draw(rng, motion.course_deg, n) + motion.course_sigma_deg * rng.standard_normal(n))
    sway = relaxing(rng, steps, n, 0.1, math.radians(motion.turn_sigma_dps))
    heading = np.tile(course, (steps + 1, 1))
    # the heading is held: what was swayed is steered back within half a minute
    for k in range(1, steps + 1):
        heading[k] = course + (heading[k - 1] - course) * (1.0 - STEP_S / 30.0) + sway[k] * STEP_S
    speed = np.maximum(draw(rng, motion.speed_mps, n) + relaxing(rng, steps, n, 0.3, motion.speed_sigma_mps), 2.0)
    period, lift = np.maximum(draw(rng, motion.bound_s, n), 0.2), draw(rng, motion.bound_mps, n)
    times = np.arange(steps + 1)[:, None] * STEP_S
    bound = lift * np.sin(2.0 * math.pi * (times / period + rng.random(n)))
    climb_time_s = 20.0
    drift = relaxing(rng, steps, n, 1.0 / climb_time_s, motion.up_sigma_m / climb_time_s)
    wind = air.blows(first.pos[:, 2])
    east, north = speed * np.sin(heading) + wind[:, 0], speed * np.cos(heading) + wind[:, 1]
    return path_of(np.stack((east, north, bound + drift), axis=-1), first.pos)
