"""What objects say of themselves, and what is wrong with it: clocks, datums, latencies, links that fade."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SPEED_OF_LIGHT_MPS
from lowsky.model.measurement import Floats
from lowsky.simulate.pairs import Pairs, World, normal_share
from lowsky.simulate.scenario import Reports, Sensor
from lowsky.simulate.start import Generator, draw
from lowsky.simulate.terrain import shadow_db

FADING_DB = 4.0  # 1σ of the level about its mean (assumed)
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


def heard(rng: Generator, sensor: Sensor, reports: Reports, world: World, pairs: Pairs) -> NDArray[np.bool_]:
    """bool[P]: which reports come through: half of them at ``hears_m`` in plain sight."""
    share = np.full(len(pairs.look), sensor.detection_probability)
    if reports.hears_m is not None:
        place_m = np.array(sensor.position_m, np.float64)
        margin = 20.0 * np.log10(reports.hears_m / np.maximum(pairs.polar[:, 0], 1.0))
        margin -= shadow_db(world.ground, place_m, pairs.pos_m, SPEED_OF_LIGHT_MPS / BAND_HZ)
        share = share * normal_share(margin / FADING_DB)
    return np.asarray(rng.random(len(share)) < share)
