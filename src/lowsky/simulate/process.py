"""What all motions share: the step, random values that last, and paths from velocities."""

import math

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.start import Generator

STEP_S = 0.1
Path = tuple[Floats, Floats]
"""Position m and velocity m/s, float64[K + 1, N, 3] each: K steps from the first state."""


def relaxing(rng: Generator, steps: int, n: int, rate_per_s: float, sigma: float) -> Floats:
    """Stationary Ornstein-Uhlenbeck values float64[steps + 1, n] of mean 0: exact at the steps."""
    keep = math.exp(-rate_per_s * STEP_S)
    noise = rng.standard_normal((steps + 1, n)) * sigma
    noise[1:] *= math.sqrt(1.0 - keep * keep)
    for k in range(1, steps + 1):
        noise[k] += keep * noise[k - 1]
    return noise


def path_of(vel: Floats, start: Floats) -> Path:
    """Positions by the trapezium rule."""
    pos = np.concatenate((start[None], start + np.cumsum(0.5 * STEP_S * (vel[1:] + vel[:-1]), axis=0)))
    return pos, vel


def wrapped(angle_rad: Floats) -> Floats:
    return np.asarray((angle_rad + math.pi) % (2.0 * math.pi) - math.pi)
