"""What objects say of themselves, and what is wrong with it: clocks, datums, latencies, links that fade."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SPEED_OF_LIGHT_MPS
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.pairs import Pairs, World, normal_share
from lowsky.simulate.rows import Columns
from lowsky.simulate.scenario import Reports, Sensor
from lowsky.simulate.signature import Signs
from lowsky.simulate.start import Generator, draw
from lowsky.simulate.terrain import shadow_db

FADING_DB = 4.0  # 1σ of the level about its mean (assumed)
SAID_AGAIN = ("latitude_deg", "longitude_deg", "height_m", "east_mps", "north_mps", "up_mps")
BAND_HZ = 1.1e9  # between Remote ID's 2.4 GHz and ADS-B's 1.09: shadows are much alike


@dataclass(frozen=True, slots=True)
class Wrongs:
    """Of N objects, for the whole run."""

    clock_s: Floats  # float64[N] stated time less the true one
    datum_m: Floats  # float64[N] stated height less the true one


def wrongs_of(rng: Generator, reports: Reports, n: int) -> Wrongs:
    clock_s = reports.clock_sigma_s * rng.standard_normal(n)
    gross = rng.random(n) < reports.gross_clock_share
    clock_s = np.where(gross, reports.gross_clock_s * rng.uniform(-1.0, 1.0, n), clock_s)
    wrong = rng.random(n) < reports.wrong_datum_share
    return Wrongs(clock_s, np.where(wrong, draw(rng, reports.datum_m, n), 0.0))


def claimed(signs: Signs, times_s: Floats, pos: Floats, target: Ints) -> Floats:
    """Where R objects say they are, float64[R, 3], that are at ``pos``; ``times_s`` float64[R] of the run."""
    since_s = times_s - signs.lies_from_s[target]
    grows_s = np.maximum(since_s, 0.0)
    off = np.column_stack(
        (
            signs.lie_east_m[target] + signs.drift_east_mps[target] * grows_s,
            signs.lie_north_m[target] + signs.drift_north_mps[target] * grows_s, signs.lie_up_m[target],
        )
    )  # fmt: skip
    return np.asarray(pos + np.where(since_s >= 0.0, 1.0, 0.0)[:, None] * off)


def replayed(signs: Signs, times_s: Floats, target: Ints, columns: Columns) -> Columns:
    """Reports of objects that say again what they said before: each gets the place and velocity of the one then."""
    out = {name: columns[name].copy() for name in SAID_AGAIN if name in columns}
    for who in np.flatnonzero(np.isfinite(signs.replay_s)).tolist():
        mine = np.flatnonzero(target == who)
        from_s, length_s = signs.lies_from_s[who], signs.replay_s[who]
        then = mine[(times_s[mine] >= from_s - length_s) & (times_s[mine] < from_s)]
        again = mine[times_s[mine] >= from_s]
        if not len(then):
            continue
        source = then[np.arange(len(again)) % len(then)]
        for name, column in out.items():
            column[again] = columns[name][source]
    return out


def heard(rng: Generator, sensor: Sensor, reports: Reports, world: World, pairs: Pairs) -> NDArray[np.bool_]:
    """bool[P]: which reports come through: half of them at ``hears_m`` in plain sight."""
    share = np.full(len(pairs.look), sensor.detection_probability)
    if reports.hears_m is not None:
        place_m = np.array(sensor.position_m, np.float64)
        margin = 20.0 * np.log10(reports.hears_m / np.maximum(pairs.polar[:, 0], 1.0))
        margin -= shadow_db(world.ground, place_m, pairs.pos_m, SPEED_OF_LIGHT_MPS / BAND_HZ)
        share = share * normal_share(margin / FADING_DB)
    return np.asarray(rng.random(len(share)) < share)
