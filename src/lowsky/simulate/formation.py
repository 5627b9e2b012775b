"""Targets that keep places in a block which flies on a circle."""

import math

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Formation
from lowsky.simulate.start import Beginning, Generator


def fly_formation(
    rng: Generator, motion: Formation, first: Beginning, steps: int, step_s: float
) -> tuple[Floats, Floats]:
    """Paths float64[steps + 1, N, 3]: the slot of each target and its sway about it.

    Target i has radial place i // tangential and tangential place i % tangential. The tangential distance is along
    the circle of the block's middle, so all targets of one place have one azimuth seen from the centre.
    """
    times_s = np.arange(steps + 1) * step_s
    at_s, factor = (np.array(column) for column in zip(*motion.spacing, strict=True))
    spacing = np.interp(times_s, at_s, factor)[:, None]
    # the slope of the straight line that starts at a step, so that velocity and the next position agree
    growth = np.append(np.diff(spacing[:, 0]) / step_s, 0.0)[:, None]
    out = (np.arange(motion.radial) - (motion.radial - 1) / 2.0) * motion.radial_m
    on = (np.arange(motion.tangential) - (motion.tangential - 1) / 2.0) * motion.tangential_m
    out, on = np.repeat(out, motion.tangential), np.tile(on, motion.radial)
    arm = first.pos[0, :2] - first.aim[0]
    middle_m, speed = float(np.hypot(*arm)), float(np.hypot(*first.vel[0, :2]))
    radius = middle_m + out * spacing
    azimuth = math.atan2(arm[0], arm[1]) + (speed * times_s[:, None] + on * spacing) / middle_m
    turn = (speed + on * growth) / middle_m
    away = np.stack((np.sin(azimuth), np.cos(azimuth)), axis=-1)
    along = np.stack((away[..., 1], -away[..., 0]), axis=-1)
    sway_pos, sway_vel = _sway(rng, motion, steps, len(out), step_s)
    pos, vel = sway_pos, sway_vel
    pos[..., :2] += first.aim[0] + radius[..., None] * away
    pos[..., 2] += first.pos[0, 2]
    vel[..., :2] += (out * growth)[..., None] * away + (radius * turn)[..., None] * along
    return pos, vel


def _sway(rng: Generator, motion: Formation, steps: int, n: int, step_s: float) -> tuple[Floats, Floats]:
    """Stationary x'' = -2ωx' - ω²x + white noise, exact at the steps: offset m and its rate, float64[steps + 1, n, 3].

    In the stationary state offset and rate are independent, of variance σ² and ω²σ².
    """
    w, sigma = motion.sway_radps, motion.sway_m
    keep = math.exp(-w * step_s) * np.array([[1.0 + w * step_s, step_s], [-w * w * step_s, 1.0 - w * step_s]])
    stationary = np.diag([1.0, w * w])
    lost = stationary - keep @ stationary @ keep.T
    root = np.linalg.cholesky(lost)
    state = np.empty((steps + 1, 2, n, 3))
    noise = rng.standard_normal((steps + 1, 2, n, 3))
    state[0] = noise[0] * np.array([1.0, w])[:, None, None]
    for k in range(steps):
        state[k + 1] = np.tensordot(keep, state[k], 1) + np.tensordot(root, noise[k + 1], 1)
    return sigma * state[:, 0], sigma * state[:, 1]
