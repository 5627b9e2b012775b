"""Flight from point to point within what an airframe can do."""

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Waypoints
from lowsky.simulate.start import Beginning, Generator, draw

REPLY_S = 1.0  # how quickly the velocity follows the one wanted
STOPPING = 0.5  # of what the brakes could do, so that a hover is reached without overshoot


def _points(rng: Generator, motion: Waypoints, first: Beginning) -> Floats:
    """float64[N, M, 3]: each target's own points."""
    n = len(first.pos)
    if motion.points_m:
        points = np.tile(np.array(motion.points_m), (n, 1, 1))
    else:
        up = first.pos[:, 2] if motion.end_up_m is None else draw(rng, motion.end_up_m, n)
        points = np.column_stack((first.aim, up))[:, None, :]
    offset = np.zeros((n, 1, 3))
    offset[:, 0, :2] = motion.spread_m * rng.standard_normal((n, 2))
    return points + offset


def _wanted(
    motion: Waypoints, pos: Floats, vel: Floats, goal: Floats, cruise: Floats, last: np.ndarray, heading: Floats
) -> Floats:
    """The velocity to steer for, float64[N, 3]."""
    gap = goal - pos
    ground = np.hypot(gap[:, 0], gap[:, 1])
    direction = gap[:, :2] / np.maximum(ground, 1e-6)[:, None]
    speed = cruise
    if motion.end == "hover":
        slow = np.sqrt(2.0 * STOPPING * motion.acceleration_mps2 * ground)
        speed = np.where(last, np.minimum(cruise, np.minimum(slow, ground / REPLY_S)), cruise)
    elif motion.end == "circle":
        # a vector field: inwards outside the circle, along it on the circle, clockwise seen from above
        lean = np.arctan((ground - motion.circle_m) / (0.35 * motion.circle_m))
        along = np.stack((-direction[:, 1], direction[:, 0]), axis=-1)
        field = np.sin(lean)[:, None] * direction + np.cos(lean)[:, None] * along
        near = last & (ground < 3.0 * motion.circle_m)
        direction = np.where(near[:, None], field, direction)
    elif motion.end == "fly-on":
        direction = np.where(last[:, None], heading, direction)
    climb = np.clip(gap[:, 2] / np.maximum(ground / np.maximum(cruise, 1.0), 3.0), -motion.climb_mps, motion.climb_mps)
    return np.column_stack((speed[:, None] * direction, climb))


def fly_waypoints(
    rng: Generator, motion: Waypoints, first: Beginning, steps: int, step_s: float
) -> tuple[Floats, Floats]:
    """Paths float64[steps + 1, N, 3]; acceleration is limited, velocity replies within about a second."""
    n = len(first.pos)
    points = _points(rng, motion, first)
    n_point = points.shape[1]
    cruise = np.hypot(first.vel[:, 0], first.vel[:, 1])
    capture_m = np.maximum(20.0, 2.0 * cruise)
    index, passed = np.zeros(n, np.int64), np.zeros(n, bool)
    heading = first.vel[:, :2] / np.maximum(cruise, 1e-6)[:, None]
    pos, vel = np.empty((steps + 1, n, 3)), np.empty((steps + 1, n, 3))
    pos[0], vel[0] = first.pos, first.vel
    gusts = rng.standard_normal((steps, n, 2)) * motion.gust_mps2
    rows = np.arange(n)
    for k in range(steps):
        p, v, goal = pos[k], vel[k], points[rows, index]
        reached = np.hypot(goal[:, 0] - p[:, 0], goal[:, 1] - p[:, 1]) < capture_m
        last = index == n_point - 1
        if motion.end == "repeat":
            index = np.where(reached, (index + 1) % n_point, index)
            last = np.zeros(n, bool)
        else:
            newly = reached & last & ~passed
            heading = np.where(newly[:, None], v[:, :2] / np.maximum(cruise, 1e-6)[:, None], heading)
            passed |= reached & last
            index = np.where(reached & ~last, index + 1, index)
            last = passed if motion.end == "fly-on" else last
        pull = (_wanted(motion, p, v, goal, cruise, last, heading) - v) / REPLY_S
        size = np.linalg.norm(pull, axis=1)
        pull *= np.minimum(1.0, motion.acceleration_mps2 / np.maximum(size, 1e-9))[:, None]
        pull[:, :2] += gusts[k]
        vel[k + 1] = v + pull * step_s
        pos[k + 1] = p + 0.5 * step_s * (v + vel[k + 1])
    return pos, vel
