"""Flight on wings: banked turns at an airspeed, carried by the wind."""

import math

import numpy as np

from lowsky.constants import STANDARD_GRAVITY_MPS2
from lowsky.model.measurement import Floats
from lowsky.simulate.process import STEP_S, Path, path_of, relaxing, wrapped
from lowsky.simulate.scenario import Wing
from lowsky.simulate.start import Beginning, Generator
from lowsky.simulate.surroundings import Surroundings

GUST_PER_S = 0.5
TURN_REPLY_S = 2.0  # how soon a course error is to be gone
CLIMB_REPLY_S = 4.0


def fly_wings(rng: Generator, motion: Wing, first: Beginning, steps: int, air: Surroundings) -> Path:
    """Paths float64[steps + 1, N, 3]. Turn rate = g tan(bank)/airspeed; bank is limited and so is its rate."""
    n = len(first.pos)
    points = _points(rng, motion, first)
    airspeed = np.maximum(np.hypot(first.vel[:, 0], first.vel[:, 1]), 1.0)
    speed = np.maximum(airspeed + relaxing(rng, steps, n, 0.1, motion.speed_sigma_mps), 0.5 * airspeed)
    gust = np.stack([relaxing(rng, steps, n, GUST_PER_S, motion.gust_mps) for _ in range(3)], axis=-1)
    gust[..., 2] /= 3.0
    heading = np.arctan2(first.vel[:, 0], first.vel[:, 1])
    bank, climb, index = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
    done, kept = np.zeros(n, np.bool_), heading
    pos = first.pos.copy()
    if motion.above_ground:
        pos[:, 2] += air.floor(pos)
    vel, start, rows = np.empty((steps + 1, n, 3)), pos.copy(), np.arange(n)
    most, roll = math.radians(motion.bank_deg), math.radians(motion.roll_dps) * STEP_S
    for k in range(steps + 1):
        goal = points[rows, index]
        wind = air.blows(pos[:, 2])
        wanted = _course(motion, pos, goal, done, kept)
        # the nose points so much into the wind that the way over ground is the wanted one
        across = wind[:, 0] * np.cos(wanted) - wind[:, 1] * np.sin(wanted)
        wanted = wanted - np.arcsin(np.clip(across / speed[k], -0.9, 0.9))
        rate = wrapped(wanted - heading) / TURN_REPLY_S
        lean = np.clip(np.arctan(rate * speed[k] / STANDARD_GRAVITY_MPS2), -most, most)
        bank += np.clip(lean - bank, -roll, roll)
        heading = heading + STANDARD_GRAVITY_MPS2 * np.tan(bank) / speed[k] * STEP_S
        climb += (_slope(motion, pos, goal, airspeed, air) - climb) * STEP_S
        vel[k] = gust[k]
        vel[k, :, 0] += speed[k] * np.sin(heading) + wind[:, 0]
        vel[k, :, 1] += speed[k] * np.cos(heading) + wind[:, 1]
        vel[k, :, 2] += climb
        kept = np.where(
            done, kept, np.arctan2(vel[k, :, 0], vel[k, :, 1])
        )  # over ground, to be held behind the last point
        if k > 0:
            pos = pos + 0.5 * STEP_S * (vel[k] + vel[k - 1])
        reached = np.hypot(goal[:, 0] - pos[:, 0], goal[:, 1] - pos[:, 1]) < np.maximum(30.0, 3.0 * airspeed)
        index, done = _next(motion, index, done, reached, points.shape[1])
    return path_of(vel, start)


def _points(rng: Generator, motion: Wing, first: Beginning) -> Floats:
    """float64[N, M, 3]: each target's own points."""
    n = len(first.pos)
    points = np.column_stack((first.aim, first.pos[:, 2]))[:, None, :]
    if motion.points_m:
        points = np.tile(np.array(motion.points_m, np.float64), (n, 1, 1))
    offset = np.zeros((n, 1, 3))
    offset[:, 0, :2] = motion.spread_m * rng.standard_normal((n, 2))
    return points + offset


def _course(motion: Wing, pos: Floats, goal: Floats, done: np.ndarray, kept: Floats) -> Floats:
    """The way over ground to steer for, clockwise from north, rad."""
    gap = goal[:, :2] - pos[:, :2]
    towards = np.arctan2(gap[:, 0], gap[:, 1])
    if motion.end == "circle":
        # along the circle, leaning inwards outside it and outwards inside, clockwise seen from above
        lean = np.arctan((np.hypot(gap[:, 0], gap[:, 1]) - motion.circle_m) / (0.35 * motion.circle_m))
        return np.where(done, towards - math.pi / 2.0 + lean, towards)
    return np.where(done, kept, towards)


def _slope(motion: Wing, pos: Floats, goal: Floats, airspeed: Floats, air: Surroundings) -> Floats:
    """The vertical speed to steer for: a straight slope to the point, or over the ground at its height."""
    if motion.above_ground:
        wanted = (goal[:, 2] + air.floor(pos) - pos[:, 2]) / CLIMB_REPLY_S
    else:
        left_s = np.hypot(goal[:, 0] - pos[:, 0], goal[:, 1] - pos[:, 1]) / airspeed
        wanted = (goal[:, 2] - pos[:, 2]) / np.maximum(left_s, CLIMB_REPLY_S)
    return np.clip(wanted, -motion.climb_mps, motion.climb_mps)


def _next(
    motion: Wing, index: np.ndarray, done: np.ndarray, reached: np.ndarray, n_point: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which point each flies to now, and who has passed the last one."""
    if motion.end == "repeat":
        return np.where(reached, (index + 1) % n_point, index), done
    last = index == n_point - 1
    return np.where(reached & ~last, index + 1, index), done | (reached & last)
