"""How targets move, in steps of 0.1 s. All targets of a group at once; one random generator each group.

Every model returns position m and velocity m/s as float64[K + 1, N, 3]: K steps from the first state.
"""

import math

import numpy as np

from lowsky.simulate.birds import fly_bird, migrate
from lowsky.simulate.flight import fly_waypoints
from lowsky.simulate.formation import fly_formation
from lowsky.simulate.multirotor import fly_multirotor
from lowsky.simulate.process import STEP_S, Path, path_of, relaxing
from lowsky.simulate.road import drive
from lowsky.simulate.scenario import (
    Balloon,
    Bird,
    Formation,
    Migrating,
    Motion,
    Multirotor,
    Road,
    Soaring,
    Waypoints,
    WhiteAcceleration,
)
from lowsky.simulate.soaring import soar
from lowsky.simulate.start import Beginning, Generator, draw
from lowsky.simulate.surroundings import Surroundings
from lowsky.simulate.wings import fly_wings


def move(rng: Generator, motion: Motion, first: Beginning, steps: int, air: Surroundings) -> Path:
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
        return fly_bird(rng, motion, first, steps)
    if isinstance(motion, Migrating):
        return migrate(rng, motion, first, steps, air)
    if isinstance(motion, Soaring):
        return soar(rng, motion, first, steps, air)
    if isinstance(motion, Road):
        return drive(rng, motion, first, steps, air)
    if isinstance(motion, Balloon):
        return _balloon(rng, motion, first, steps, air)
    return fly_wings(rng, motion, first, steps, air)


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


def _balloon(rng: Generator, motion: Balloon, first: Beginning, steps: int, air: Surroundings) -> Path:
    n = len(first.pos)
    gust = [relaxing(rng, steps, n, motion.relax_per_s, motion.gust_mps) for _ in range(2)]
    climb = draw(rng, motion.climb_mps, n) + relaxing(rng, steps, n, 0.2, motion.climb_sigma_mps)
    if motion.ceiling_m is not None:
        up = first.pos[:, 2] + np.cumsum(climb, axis=0) * STEP_S
        climb = np.where((up >= motion.ceiling_m) & (climb > 0.0), 0.0, climb)
    if not air.wind.profile:
        vel = np.stack((air.wind.east_mps + gust[0], air.wind.north_mps + gust[1], climb), axis=-1)
        return path_of(vel, first.pos)
    up = first.pos[:, 2] + np.cumsum(climb, axis=0) * STEP_S
    blows = air.blows(up)
    return path_of(np.stack((blows[..., 0] + gust[0], blows[..., 1] + gust[1], climb), axis=-1), first.pos)
