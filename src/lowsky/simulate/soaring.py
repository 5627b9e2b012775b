"""Circling up in rising air, and gliding to the next."""

import math

import numpy as np

from lowsky.simulate.process import STEP_S, Path, path_of, relaxing, wrapped
from lowsky.simulate.scenario import Soaring
from lowsky.simulate.start import Beginning, Generator, draw
from lowsky.simulate.surroundings import Surroundings

CIRCLING = 0.8  # of the gliding airspeed
THERMALS = 32  # drawn beforehand for each target; more than a day's worth of climbs in an hour


def soar(rng: Generator, motion: Soaring, first: Beginning, steps: int, air: Surroundings) -> Path:
    """Paths float64[steps + 1, N, 3]: climbs in circles of one's own radius, side and strength, then glides."""
    n = len(first.pos)
    climb, radius, top, glide, side, course = _drawn(rng, motion, first, n)
    bumps = relaxing(rng, steps, n, 0.4, 0.3)
    wander = relaxing(rng, steps, n, 0.05, math.radians(10.0))
    heading = np.arctan2(first.vel[:, 0], first.vel[:, 1])
    circling = rng.random(n) < 0.5
    turn, leg, rows = np.zeros(n), np.zeros(n, np.int64), np.arange(n)
    pos, vel = first.pos.copy(), np.empty((steps + 1, n, 3))
    for k in range(steps + 1):
        at = rows, leg % THERMALS
        speed = glide * np.where(circling, CIRCLING, 1.0)
        homewards = np.arctan2(first.pos[:, 0] - pos[:, 0], first.pos[:, 1] - pos[:, 1])
        far = np.hypot(pos[:, 0] - first.pos[:, 0], pos[:, 1] - first.pos[:, 1]) > motion.home_beyond_m
        wanted = np.where(far & (motion.course_deg is None), homewards, course[at] + wander[k])
        straight = np.clip(wrapped(wanted - heading), -0.4, 0.4)
        turn += (np.where(circling, side[at] * speed / radius[at], straight) - turn) * min(1.0, STEP_S / 1.0)
        heading = heading + turn * STEP_S
        up = np.where(circling, climb[at] + bumps[k], -glide / motion.glide_ratio + 0.5 * bumps[k])
        wind = air.blows(pos[:, 2])
        vel[k] = np.stack((speed * np.sin(heading) + wind[:, 0], speed * np.cos(heading) + wind[:, 1], up), axis=-1)
        pos = pos + vel[k] * STEP_S
        high, low = circling & (pos[:, 2] > top[at]), ~circling & (pos[:, 2] < motion.base_m)
        leg = leg + high
        circling = (circling & ~high) | low
    return path_of(vel, first.pos)


def _drawn(rng: Generator, motion: Soaring, first: Beginning, n: int) -> tuple[np.ndarray, ...]:
    """Climb, radius, top of each thermal, float64[n, THERMALS]; glide float64[n]; side and course of each leg."""
    shape = (n, THERMALS)
    climb, radius, top = (
        draw(rng, value, n * THERMALS).reshape(shape) for value in (motion.climb_mps, motion.circle_m, motion.top_m)
    )
    glide = np.maximum(draw(rng, motion.glide_mps, n), 1.0)
    side = rng.choice([-1.0, 1.0], shape)
    course = rng.uniform(-math.pi, math.pi, shape)
    if motion.course_deg is not None:
        own = np.radians(draw(rng, motion.course_deg, n))[:, None]
        course = own + math.radians(motion.course_sigma_deg) * rng.standard_normal(shape)
    return climb, np.maximum(radius, 5.0), top, glide, side, course
