"""Where every target really is, every 0.1 s."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.motion import move
from lowsky.simulate.process import STEP_S
from lowsky.simulate.scenario import Scenario, Target
from lowsky.simulate.signature import Signs, all_signs, rcs_of, signs_of
from lowsky.simulate.start import Generator, begin, draw
from lowsky.simulate.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Truth:
    """N targets at K times. Target ids are the columns' numbers."""

    t_ns: Ints  # int64[K] UTC
    pos: Floats  # float64[K, N, 3] m in the frame of the origin; meaningless where not ``alive``
    vel: Floats  # float64[K, N, 3] m/s
    alive: NDArray[np.bool_]  # bool[K, N]
    object_class: NDArray[np.str_]  # str[N]
    group: NDArray[np.str_]  # str[N] name of the [[target]] table
    identity: tuple[str | None, ...]  # length N
    rcs_dbsm: Floats  # float64[N] mean of each target
    signs: Signs

    def at(self, times_s: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Position, velocity and ``alive`` at seconds after the start; carried from the last step with its velocity."""
        k = np.clip(np.floor(times_s / STEP_S + 1e-6).astype(np.int64), 0, len(self.t_ns) - 1)
        rest_s = (times_s - k * STEP_S)[:, None, None]
        return self.pos[k] + self.vel[k] * rest_s, self.vel[k], self.alive[k]

    def each_at(self, times_s: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """The same, of each target at a time of its own: float64[L, N] seconds. Not alive before the start."""
        k = np.clip(np.floor(times_s / STEP_S + 1e-6).astype(np.int64), 0, len(self.t_ns) - 1)
        rest_s, n = times_s - k * STEP_S, np.arange(self.pos.shape[1])
        vel = self.vel[k, n]
        return self.pos[k, n] + vel * rest_s[..., None], vel, self.alive[k, n] & (times_s >= 0.0)


def make_truth(scenario: Scenario, seed: int, duration_s: float) -> Truth:
    """The truth of one seed. Each [[target]] table has a generator of its own, so adding one changes no other."""
    steps = round(duration_s / STEP_S)
    air = Surroundings.of(scenario)
    rngs = [np.random.default_rng([seed, 1, index]) for index in range(len(scenario.target))]
    # signs draw from generators of their own: what a target sounds like changes nothing about how it flies
    signs = all_signs([signs_of(rng.spawn(1)[0], each) for rng, each in zip(rngs, scenario.target, strict=True)])
    parts = [_group(rng, target, steps, air) for rng, target in zip(rngs, scenario.target, strict=True)]
    counts = [target.count for target in scenario.target]
    empty = np.empty((steps + 1, 0, 3))
    start_ns = int(scenario.start.timestamp()) * 1_000_000_000 + scenario.start.microsecond * 1_000
    return Truth(
        t_ns=start_ns + np.arange(steps + 1, dtype=np.int64) * round(STEP_S * 1e9),
        pos=np.concatenate([empty] + [part[0] for part in parts], axis=1),
        vel=np.concatenate([empty] + [part[1] for part in parts], axis=1),
        alive=np.concatenate([np.empty((steps + 1, 0), bool)] + [part[2] for part in parts], axis=1),
        object_class=np.repeat(np.array([target.object_class for target in scenario.target], np.str_), counts),
        group=np.repeat(np.array([target.name for target in scenario.target], np.str_), counts),
        identity=tuple(_identity(target, i) for target in scenario.target for i in range(target.count)),
        rcs_dbsm=np.concatenate([np.empty(0)] + [part[3] for part in parts]),
        signs=signs,
    )


def _identity(target: Target, index: int) -> str | None:
    if target.lies.identity is not None:
        return target.lies.identity
    return None if target.identity_prefix is None else f"{target.identity_prefix}{index + 1}"


def _group(
    rng: Generator, target: Target, steps: int, air: Surroundings
) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """Position, velocity, alive, radar cross-section of one group on the common grid of times."""
    n = target.count
    appear = np.ceil(draw(rng, target.appear_s, n) / STEP_S - 1e-6).astype(np.int64)
    stay = np.full(n, steps + 1)
    if target.stay_s is not None:
        stay = np.floor(draw(rng, target.stay_s, n) / STEP_S + 1e-6).astype(np.int64)
    rcs = rcs_of(rng, target)
    first = begin(rng, target.start, n)
    own_pos, own_vel = move(rng, target.motion, first, steps, air)
    # each target's own step 0 is when it appears
    own_step = np.arange(steps + 1)[:, None] - appear
    alive = (own_step >= 0) & (own_step <= stay)
    row, column = np.clip(own_step, 0, steps), np.arange(n)
    return own_pos[row, column], own_vel[row, column], alive, rcs


def truth_table(truth: Truth, origin: EnuFrame) -> pl.DataFrame:
    """The contract's truth table, in order of time and target. What is only claimed to be there is not in it."""
    k, n = np.nonzero(truth.alive & ~truth.signs.phantom)
    geodetic, vel_local = geodetic_state(origin, truth.pos[k, n], truth.vel[k, n])
    return pl.DataFrame(
        {
            "time": pl.Series(truth.t_ns[k], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
            "target_id": n.astype(np.int64),
            "latitude_deg": np.degrees(geodetic[:, 0]),
            "longitude_deg": np.degrees(geodetic[:, 1]),
            "height_m": geodetic[:, 2],
            "east_mps": vel_local[:, 0],
            "north_mps": vel_local[:, 1],
            "up_mps": vel_local[:, 2],
            "class": pl.Series(truth.object_class[n].tolist(), dtype=pl.String),
        }
    )


def geodetic_state(origin: EnuFrame, pos: Floats, vel: Floats) -> tuple[Floats, Floats]:
    """Latitude rad, longitude rad, height m; and the velocity in east, north, up *at that point*. float64[R, 3]."""
    geodetic = origin.geodetic(pos)
    local = origin.local_from_enu(geodetic[:, 0], geodetic[:, 1])
    return geodetic, np.einsum("rij,rj->ri", local, vel)
