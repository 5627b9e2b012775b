"""Traffic on the ground: along a line, slower in bends, with stops."""

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.process import STEP_S, Path
from lowsky.simulate.scenario import Road
from lowsky.simulate.start import Beginning, Generator, draw
from lowsky.simulate.surroundings import Surroundings

STEP_M = 5.0  # of the table along the line
BRAKING = 0.7  # of what the brakes can do, so that the limit is kept with some to spare
BEND_M = 25.0  # a corner is rounded over this length


def drive(rng: Generator, motion: Road, first: Beginning, steps: int, air: Surroundings) -> Path:
    """Paths float64[steps + 1, N, 3]; each begins somewhere on the line, one way or the other."""
    n = len(first.pos)
    line, limit = _line(motion)
    length = STEP_M * (len(line) - 1)
    at = rng.random(n) * length
    speed = draw(rng, motion.speed_mps, n)
    now = np.minimum(speed, np.interp(at, np.arange(len(line)) * STEP_M, limit))
    wait = np.zeros(n)
    lots, stops = rng.random((steps, n)), draw(rng, motion.stop_s, steps * n).reshape(steps, n)
    stopping = np.zeros(n, np.bool_)
    place = np.empty((steps + 1, n))
    place[0] = at
    for k in range(steps):
        stopping |= (lots[k] < motion.stops_per_km * now * STEP_S / 1e3) & (wait <= 0.0)
        allowed = np.minimum(speed, np.interp(at, np.arange(len(line)) * STEP_M, limit))
        allowed = np.where(stopping | (wait > 0.0), 0.0, allowed)
        now = now + np.clip(allowed - now, -motion.acceleration_mps2 * STEP_S, motion.acceleration_mps2 * STEP_S)
        halted = stopping & (now <= 0.01)
        wait = np.where(halted, stops[k], wait - STEP_S)
        stopping &= ~halted
        at = (at + now * STEP_S) % length
        place[k + 1] = at
    pos = np.empty((steps + 1, n, 3))
    for axis in range(2):
        pos[..., axis] = np.interp(place, np.arange(len(line)) * STEP_M, line[:, axis])
    pos[..., 2] = air.floor(pos) + motion.height_m
    vel = np.gradient(pos, STEP_S, axis=0) if steps > 0 else np.zeros_like(pos)
    return pos, vel


def _line(motion: Road) -> tuple[Floats, Floats]:
    """Points every 5 m round the whole tour, float64[M, 2], and the speed the bends ahead allow, float64[M]."""
    points = np.array(motion.points_m, np.float64)
    tour = np.concatenate((points, points[-2::-1])) if motion.round_trip else np.concatenate((points, points[:1]))
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(tour, axis=0).T))))
    count = max(int(np.ceil(along[-1] / STEP_M)), 4)
    wide = max(int(BEND_M / STEP_M), 1)
    at = np.linspace(0.0, along[-1], count, endpoint=False)
    raw = np.stack([np.interp(at, along, tour[:, axis]) for axis in range(2)], axis=-1)
    kernel = np.hanning(2 * wide + 3)[1:-1] / np.hanning(2 * wide + 3)[1:-1].sum()
    # the tour is closed, so its ends are rounded as all its corners are
    padded = np.concatenate([raw] * (2 * (2 * wide // count + 1) + 1))
    smooth = np.stack([np.convolve(padded[:, axis], kernel, "same") for axis in range(2)], axis=-1)
    middle = (len(padded) // count // 2) * count
    line = smooth[middle : middle + count]
    line = np.concatenate((line, line[:1]))
    way = np.diff(np.concatenate((line[-2:-1], line)), axis=0)
    heading = np.unwrap(np.arctan2(way[:, 0], way[:, 1]))
    bend = np.abs(np.gradient(heading)) / STEP_M
    limit = np.sqrt(motion.lateral_mps2 / np.maximum(bend, motion.lateral_mps2 / 60.0**2))
    limit = np.maximum(limit, 1.0)
    for k in range(2 * count, 0, -1):  # braking begins before the bend; the tour is closed, so twice round
        after = limit[k % count] ** 2 + 2.0 * BRAKING * motion.acceleration_mps2 * STEP_M
        limit[(k - 1) % count] = min(limit[(k - 1) % count], np.sqrt(after))
    limit[-1] = limit[0]
    return line, limit
