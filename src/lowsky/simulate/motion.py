"""How targets move, in steps of 0.1 s. All targets of a group at once; one random generator each group.

Every model returns position m and velocity m/s as float64[K + 1, N, 3]: K steps from the first state.
"""

import math

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.flight import fly_waypoints
from lowsky.simulate.formation import fly_formation
from lowsky.simulate.multirotor import fly_multirotor
from lowsky.simulate.scenario import (
    Balloon,
    Bird,
    Formation,
    Motion,
    Multirotor,
    Waypoints,
    WhiteAcceleration,
    Wind,
)
from lowsky.simulate.start import Beginning, Generator, draw

STEP_S = 0.1
Path = tuple[Floats, Floats]


def move(rng: Generator, motion: Motion, first: Beginning, steps: int, wind: Wind) -> Path:
    """The paths of one group."""
    if isinstance(motion, WhiteAcceleration):
        return _white_acceleration(rng, motion, first, steps)
    if isinstance(motion, Multirotor):
        return fly_multirotor(rng, motion, first, steps, STEP_S)
    if isinstance(motion, Waypoints):
        return fly_waypoints(rng, motion, first, steps, STEP_S)
    if isinstance(motion, Formation):
        return fly_formation(rng, motion, first, steps, STEP_S)
    if isinstance(motion, Bird):
        return _flock(rng, motion, first, steps) if motion.flock_spacing_m > 0.0 else _bird(rng, motion, first, steps)
    return _balloon(rng, motion, first, steps, wind)


def _white_acceleration(rng: Generator, motion: WhiteAcceleration, first: Beginning, steps: int) -> Path:
    """Exact discretisation: Q = q [[Δ³/3, Δ²/2], [Δ²/2, Δ]] per axis, drawn through its Cholesky factor."""
    q_up = motion.q_m2ps3 / 10.0 if motion.q_vertical_m2ps3 is None else motion.q_vertical_m2ps3
    root_q = np.sqrt([motion.q_m2ps3, motion.q_m2ps3, q_up])
    a, b = rng.standard_normal((2, steps, len(first.pos), 3)) * root_q
    # Q = L Lᵀ with position first: L = √Δ [[Δ/√3, 0], [√3/2, 1/2]]
    d_pos = a * math.sqrt(STEP_S**3 / 3.0)
    d_vel = math.sqrt(STEP_S) * (a * math.sqrt(0.75) + 0.5 * b)
    vel = np.concatenate((first.vel[None], first.vel + np.cumsum(d_vel, axis=0)))
    pos = np.concatenate((first.pos[None], first.pos + np.cumsum(vel[:-1] * STEP_S + d_pos, axis=0)))
    if motion.ground_mirror_m is not None:
        low = pos[..., 2] < motion.ground_mirror_m
        pos[..., 2] = np.where(low, 2.0 * motion.ground_mirror_m - pos[..., 2], pos[..., 2])
        vel[..., 2] = np.where(low, -vel[..., 2], vel[..., 2])
    return pos, vel


def _relaxing(rng: Generator, steps: int, n: int, rate_per_s: float, sigma: float) -> Floats:
    """Stationary Ornstein-Uhlenbeck values float64[steps + 1, n] of mean 0: exact at the steps."""
    keep = math.exp(-rate_per_s * STEP_S)
    noise = rng.standard_normal((steps + 1, n)) * sigma
    noise[1:] *= math.sqrt(1.0 - keep * keep)
    for k in range(1, steps + 1):
        noise[k] += keep * noise[k - 1]
    return noise


def _path_of(vel: Floats, start: Floats) -> Path:
    """Positions by the trapezium rule."""
    pos = np.concatenate((start[None], start + np.cumsum(0.5 * STEP_S * (vel[1:] + vel[:-1]), axis=0)))
    return pos, vel


def _bird(rng: Generator, motion: Bird, first: Beginning, steps: int) -> Path:
    """Course from a fluctuating turn rate, with a pull towards home beyond ``home_beyond_m``."""
    n = len(first.pos)
    speed = draw(rng, motion.speed_mps, n) + _relaxing(rng, steps, n, 0.3, motion.speed_sigma_mps)
    speed = np.maximum(speed, 2.0)
    turn = _relaxing(rng, steps, n, 1.0 / motion.turn_time_s, math.radians(motion.turn_sigma_dps))
    climb_time_s = 8.0
    climb = _relaxing(rng, steps, n, 1.0 / climb_time_s, motion.up_sigma_m / climb_time_s)
    course = np.empty((steps + 1, n))
    course[0] = np.arctan2(first.vel[:, 0], first.vel[:, 1])
    offset = np.zeros((n, 2))
    for k in range(steps):
        heading = np.stack((np.sin(course[k]), np.cos(course[k])), axis=-1)
        away = np.hypot(offset[:, 0], offset[:, 1]) > motion.home_beyond_m
        homewards = np.arctan2(-offset[:, 0], -offset[:, 1])
        swing = (homewards - course[k] + math.pi) % (2.0 * math.pi) - math.pi
        pull = np.where(away, np.clip(swing, -0.5, 0.5), 0.0)
        course[k + 1] = course[k] + (turn[k] + pull) * STEP_S
        offset += heading * speed[k][:, None] * STEP_S
    # a pull back to the height of the start keeps the climb from wandering off
    up = np.empty_like(climb)
    height = np.zeros(n)
    for k in range(steps + 1):
        up[k] = climb[k] - height / (2.0 * climb_time_s)
        height += up[k] * STEP_S
    return _path_of(np.stack((speed * np.sin(course), speed * np.cos(course), up), axis=-1), first.pos)


def _flock(rng: Generator, motion: Bird, first: Beginning, steps: int) -> Path:
    """One bird leads; each keeps a slowly changing place about it."""
    n = len(first.pos)
    leader = Beginning(first.pos.mean(axis=0, keepdims=True), first.vel[:1], first.aim[:1])
    pos, vel = _bird(rng, motion, leader, steps)
    place = rng.standard_normal((n, 3)) * motion.flock_spacing_m * np.array([1.0, 1.0, 0.3])
    sway = np.stack([_relaxing(rng, steps, n, 0.4, 0.5) for _ in range(3)], axis=-1)
    member_vel = vel + sway
    return _path_of(member_vel, pos[0] + place)


def _balloon(rng: Generator, motion: Balloon, first: Beginning, steps: int, wind: Wind) -> Path:
    n = len(first.pos)
    gust = [_relaxing(rng, steps, n, motion.relax_per_s, motion.gust_mps) for _ in range(2)]
    climb = draw(rng, motion.climb_mps, n) + _relaxing(rng, steps, n, 0.2, motion.climb_sigma_mps)
    vel = np.stack((wind.east_mps + gust[0], wind.north_mps + gust[1], climb), axis=-1)
    return _path_of(vel, first.pos)
