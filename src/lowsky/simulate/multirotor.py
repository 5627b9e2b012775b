"""A multirotor that hovers, accelerates, cruises, turns and brakes (tracking-benchmarks, section 2, S4)."""

import math
from enum import IntEnum, unique

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Multirotor
from lowsky.simulate.start import Beginning, Generator, draw

HOVER_ACCELERATION_MPS2 = 4.0
HOVER_NOISE_MPS2, CRUISE_NOISE_MPS2 = 0.3, 0.2  # 1σ per horizontal axis, each step
CLIMB_ACCELERATION_MPS2 = 2.0
CLIMB_CHOICES_MPS = np.array([-2.0, 0.0, 2.0])
CLIMB_CHANGE = 0.3  # probability at the end of a timed mode
CLIMB_BACK_MPS = 1.5  # below ``low_m`` up, above ``high_m`` down
BRAKED_MPS = 1.0


@unique
class Mode(IntEnum):
    HOVER = 0
    ACCELERATE = 1
    CRUISE = 2
    TURN = 3
    BRAKE = 4


class _Fleet:
    """State of N multirotors between two steps."""

    def __init__(self, rng: Generator, motion: Multirotor, first: Beginning) -> None:
        n = len(first.pos)
        self.rng, self.motion, self.n = rng, motion, n
        self.pos, self.vel = first.pos.copy(), first.vel.copy()
        self.mode = np.full(n, Mode.HOVER)
        self.left_s = draw(rng, motion.first_hover_s, n)  # of a timed mode
        self.rate = np.zeros(n)  # m/s²: along the course, or sideways with its sign
        self.course = np.zeros(n)  # counter-clockwise from east
        self.goal_mps = np.zeros(n)
        self.climb_mps = np.zeros(n)

    def enter(self, who: np.ndarray, mode: Mode) -> None:
        """Put the targets of the mask ``who`` into a mode with a fresh draw of what it needs."""
        rng, motion, n = self.rng, self.motion, int(who.sum())
        self.mode[who] = mode
        if mode == Mode.ACCELERATE:
            pos = self.pos[who]
            homewards = np.arctan2(-pos[:, 1], -pos[:, 0]) + rng.standard_normal(n)
            anywhere = rng.uniform(-math.pi, math.pi, n)
            self.course[who] = np.where(np.hypot(pos[:, 0], pos[:, 1]) > motion.home_beyond_m, homewards, anywhere)
            self.rate[who] = draw(rng, motion.accelerate_mps2, n)
            self.goal_mps[who] = draw(rng, motion.cruise_mps, n)
        elif mode == Mode.TURN:
            self.rate[who] = draw(rng, motion.turn_mps2, n) * rng.choice([-1.0, 1.0], n)
            self.left_s[who] = draw(rng, motion.turn_s, n)
        elif mode == Mode.BRAKE:
            self.rate[who] = draw(rng, motion.brake_mps2, n)
        else:
            self.left_s[who] = draw(rng, motion.hover_s if mode == Mode.HOVER else motion.cruise_s, n)

    def change_modes(self) -> None:
        """What follows what. After a cruise: turn 0.70, cruise 0.15, brake 0.15; after a turn: cruise 0.85, brake."""
        mode = self.mode.copy()
        speed = np.hypot(self.vel[:, 0], self.vel[:, 1])
        timed_out = (self.left_s <= 0.0) & ((mode == Mode.HOVER) | (mode == Mode.CRUISE) | (mode == Mode.TURN))
        lot = self.rng.random(self.n)
        after_cruise, after_turn = timed_out & (mode == Mode.CRUISE), timed_out & (mode == Mode.TURN)
        self.enter(timed_out & (mode == Mode.HOVER), Mode.ACCELERATE)
        fast = (mode == Mode.ACCELERATE) & (speed >= self.goal_mps)
        self.enter(fast | (after_turn & (lot < 0.85)) | (after_cruise & (lot >= 0.70) & (lot < 0.85)), Mode.CRUISE)
        self.enter(after_cruise & (lot < 0.70), Mode.TURN)
        self.enter((after_cruise | after_turn) & (lot >= 0.85), Mode.BRAKE)
        self.enter((mode == Mode.BRAKE) & (speed <= BRAKED_MPS), Mode.HOVER)
        other = timed_out & (self.rng.random(self.n) < CLIMB_CHANGE)
        self.climb_mps = np.where(other, self.rng.choice(CLIMB_CHOICES_MPS, self.n), self.climb_mps)

    def step(self, dt_s: float) -> None:
        """Move all by one step; turns rotate the velocity exactly, the rest is accelerations."""
        mode, vel = self.mode, self.vel[:, :2]
        speed = np.hypot(vel[:, 0], vel[:, 1])
        ahead = vel / np.maximum(speed, 1e-9)[:, None]
        noise_mps2 = np.select([mode == Mode.HOVER, mode == Mode.CRUISE], [HOVER_NOISE_MPS2, CRUISE_NOISE_MPS2], 0.0)
        accel = self.rng.standard_normal((self.n, 2)) * noise_mps2[:, None]
        least = np.minimum(1.0, HOVER_ACCELERATION_MPS2 / np.maximum(speed, 1e-9))
        accel -= vel * np.where(mode == Mode.HOVER, least, 0.0)[:, None]
        push = np.where(mode == Mode.ACCELERATE, self.rate, 0.0)[:, None]
        accel += push * np.stack((np.cos(self.course), np.sin(self.course)), axis=-1)
        accel -= ahead * np.where(mode == Mode.BRAKE, self.rate, 0.0)[:, None]
        angle = np.where(mode == Mode.TURN, self.rate / np.maximum(speed, 1.0), 0.0) * dt_s
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.stack((cos * vel[:, 0] - sin * vel[:, 1], sin * vel[:, 0] + cos * vel[:, 1]), axis=-1)
        up = self.pos[:, 2]
        wanted = np.select(
            [up < self.motion.low_m, up > self.motion.high_m], [CLIMB_BACK_MPS, -CLIMB_BACK_MPS], self.climb_mps
        )
        limit = CLIMB_ACCELERATION_MPS2
        climb = self.vel[:, 2] + np.clip(wanted - self.vel[:, 2], -limit, limit) * dt_s
        after = np.column_stack((turned + accel * dt_s, climb))
        self.pos += 0.5 * dt_s * (self.vel + after)
        self.vel = after
        self.left_s -= dt_s


def fly_multirotor(
    rng: Generator, motion: Multirotor, first: Beginning, steps: int, step_s: float
) -> tuple[Floats, Floats]:
    """Paths float64[steps + 1, N, 3] of position and velocity."""
    fleet = _Fleet(rng, motion, first)
    pos, vel = np.empty((steps + 1, fleet.n, 3)), np.empty((steps + 1, fleet.n, 3))
    pos[0], vel[0] = fleet.pos, fleet.vel
    for k in range(1, steps + 1):
        fleet.step(step_s)
        fleet.change_modes()
        pos[k], vel[k] = fleet.pos, fleet.vel
    return pos, vel
