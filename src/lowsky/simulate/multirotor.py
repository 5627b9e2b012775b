"""A multirotor that hovers, accelerates, cruises, turns and brakes (S4 of docs/scenarios.md)."""

import math

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


HOVER, ACCELERATE, CRUISE, TURN, BRAKE = range(5)  # plain numbers: they are compared with whole columns


class _Fleet:
    """State of N multirotors between two steps."""

    def __init__(self, rng: Generator, motion: Multirotor, first: Beginning) -> None:
        n = len(first.pos)
        self.rng, self.motion, self.n = rng, motion, n
        self.pos, self.vel = first.pos.copy(), first.vel.copy()
        self.mode = np.full(n, HOVER)
        self.left_s = draw(rng, motion.first_hover_s, n)  # of a timed mode
        self.rate = np.zeros(n)  # m/s²: along the course, or sideways with its sign
        self.course = np.zeros(n)  # counter-clockwise from east
        self.goal_mps = np.zeros(n)
        self.climb_mps = np.zeros(n)

    def enter(self, who: np.ndarray, mode: int) -> None:
        """Put the targets of the mask ``who`` into a mode with a fresh draw of what it needs."""
        rng, motion, n = self.rng, self.motion, int(np.count_nonzero(who))
        if n == 0:
            return
        self.mode[who] = mode
        if mode == ACCELERATE:
            pos = self.pos[who]
            homewards = np.arctan2(-pos[:, 1], -pos[:, 0]) + rng.standard_normal(n)
            anywhere = rng.uniform(-math.pi, math.pi, n)
            self.course[who] = np.where(np.hypot(pos[:, 0], pos[:, 1]) > motion.home_beyond_m, homewards, anywhere)
            self.rate[who] = draw(rng, motion.accelerate_mps2, n)
            self.goal_mps[who] = draw(rng, motion.cruise_mps, n)
        elif mode == TURN:
            self.rate[who] = draw(rng, motion.turn_mps2, n) * rng.choice([-1.0, 1.0], n)
            self.left_s[who] = draw(rng, motion.turn_s, n)
        elif mode == BRAKE:
            self.rate[who] = draw(rng, motion.brake_mps2, n)
        else:
            self.left_s[who] = draw(rng, motion.hover_s if mode == HOVER else motion.cruise_s, n)

    def change_modes(self) -> None:
        """What follows what. After a cruise: turn 0.70, cruise 0.15, brake 0.15; after a turn: cruise 0.85, brake."""
        mode = self.mode.copy()
        speed = np.hypot(self.vel[:, 0], self.vel[:, 1])
        timed_out = (self.left_s <= 0.0) & ((mode == HOVER) | (mode == CRUISE) | (mode == TURN))
        lot = self.rng.random(self.n)
        after_cruise, after_turn = timed_out & (mode == CRUISE), timed_out & (mode == TURN)
        self.enter(timed_out & (mode == HOVER), ACCELERATE)
        fast = (mode == ACCELERATE) & (speed >= self.goal_mps)
        self.enter(fast | (after_turn & (lot < 0.85)) | (after_cruise & (lot >= 0.70) & (lot < 0.85)), CRUISE)
        self.enter(after_cruise & (lot < 0.70), TURN)
        self.enter((after_cruise | after_turn) & (lot >= 0.85), BRAKE)
        self.enter((mode == BRAKE) & (speed <= BRAKED_MPS), HOVER)
        other = timed_out & (self.rng.random(self.n) < CLIMB_CHANGE)
        self.climb_mps = np.where(other, self.rng.choice(CLIMB_CHOICES_MPS, self.n), self.climb_mps)

    def step(self, dt_s: float) -> None:
        """Move all by one step; turns rotate the velocity exactly, the rest is accelerations."""
        mode, vel = self.mode, self.vel[:, :2]
        speed = np.hypot(vel[:, 0], vel[:, 1])
        ahead = vel / np.maximum(speed, 1e-9)[:, None]
        hovers = mode == HOVER
        noise_mps2 = HOVER_NOISE_MPS2 * hovers + CRUISE_NOISE_MPS2 * (mode == CRUISE)
        accel = self.rng.standard_normal((self.n, 2)) * noise_mps2[:, None]
        least = np.minimum(1.0, HOVER_ACCELERATION_MPS2 / np.maximum(speed, 1e-9))
        accel -= vel * (hovers * least)[:, None]
        push = self.rate * (mode == ACCELERATE)
        accel[:, 0] += push * np.cos(self.course)
        accel[:, 1] += push * np.sin(self.course)
        accel -= ahead * (self.rate * (mode == BRAKE))[:, None]
        angle = np.where(mode == TURN, self.rate / np.maximum(speed, 1.0), 0.0) * dt_s
        cos, sin = np.cos(angle), np.sin(angle)
        up = self.pos[:, 2]
        wanted = np.where(up > self.motion.high_m, -CLIMB_BACK_MPS, self.climb_mps)
        wanted = np.where(up < self.motion.low_m, CLIMB_BACK_MPS, wanted)
        limit = CLIMB_ACCELERATION_MPS2
        after = np.empty_like(self.vel)
        after[:, 0] = cos * vel[:, 0] - sin * vel[:, 1] + accel[:, 0] * dt_s
        after[:, 1] = sin * vel[:, 0] + cos * vel[:, 1] + accel[:, 1] * dt_s
        after[:, 2] = self.vel[:, 2] + np.minimum(np.maximum(wanted - self.vel[:, 2], -limit), limit) * dt_s
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
