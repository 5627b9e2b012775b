"""A radio link heard by a direction finder: link budget, duty cycle, shadow, and bearings of façades."""

import numpy as np

from lowsky.constants import SPEED_OF_LIGHT_MPS
from lowsky.model.measurement import Floats
from lowsky.simulate.pairs import Pairs, Sensed, World, lasting, plain, switching
from lowsky.simulate.scenario import Radio, Sensor
from lowsky.simulate.start import Generator
from lowsky.simulate.terrain import shadow_db

REFERENCE_W = 0.1


def margin_db(radio: Radio, power_w: Floats, range_m: Floats) -> Floats:
    """Level over what is heard every other time: 10 n log₁₀(R₀/r) + 10 log₁₀(P/100 mW)."""
    power = 10.0 * np.log10(np.maximum(power_w, 1e-12) / REFERENCE_W)
    return np.asarray(power + 10.0 * radio.exponent * np.log10(radio.hears_m / np.maximum(range_m, 1.0)))


def sense(rng: Generator, sensor: Sensor, radio: Radio, world: World, pairs: Pairs) -> Sensed:
    """What a direction finder makes of the pairs in its reach."""
    signs = world.truth.signs
    shape = (len(pairs.times_s), len(signs.radio_w))
    where = pairs.look, pairs.target
    fading = lasting(rng, shape, sensor.look_period_s, radio.shadow_db, radio.shadow_s)
    place_m = np.array(sensor.position_m, np.float64)
    wavelength_m = SPEED_OF_LIGHT_MPS / (radio.frequency_ghz * 1e9)
    margin = margin_db(radio, signs.radio_w[pairs.target], pairs.polar[:, 0]) + fading[where]
    margin -= shadow_db(world.ground, place_m, pairs.pos_m, wavelength_m)
    sends = rng.random(len(pairs.look)) < signs.radio_share[pairs.target]
    detected = sends & (margin >= 0.0) & (signs.radio_w[pairs.target] > 0.0)
    off = np.zeros(len(pairs.look))
    if radio.reflected_share > 0.0:
        off = _facade_off_deg(rng, sensor, radio, pairs, shape)
    return plain(detected, azimuth_off_deg=off)


def _facade_off_deg(rng: Generator, sensor: Sensor, radio: Radio, pairs: Pairs, shape: tuple[int, int]) -> Floats:
    """How far the façade that is heard lies from the true azimuth; 0 where the object itself is heard.

    A spell keeps to one façade: drawn when it begins, likelier the closer it lies to the true azimuth (von Mises).
    """
    spell = switching(rng, shape, sensor.look_period_s, radio.reflected_share, radio.reflected_s)
    facades = np.sort(rng.uniform(0.0, 2.0 * np.pi, radio.facades))
    kappa = 1.0 / np.radians(radio.reflected_deg) ** 2
    azimuth = np.full(shape, np.nan)
    azimuth[pairs.look, pairs.target] = pairs.polar[:, 1]
    lot = rng.random(shape)
    heard = np.zeros(shape[1])
    out = np.zeros(shape)
    begun = np.zeros(shape[1], np.bool_)
    for k in range(shape[0]):
        here = spell[k] & ~np.isnan(azimuth[k])
        fresh = here & ~begun
        if fresh.any():
            away = facades[None, :] - azimuth[k, fresh][:, None]
            weight = np.cumsum(np.exp(kappa * (np.cos(away) - 1.0)) + 1e-12, axis=1)
            pick = np.sum(weight < (lot[k, fresh] * weight[:, -1])[:, None], axis=1)
            heard[fresh] = facades[np.minimum(pick, radio.facades - 1)]
        begun = here
        out[k, here] = np.degrees(heard[here] - azimuth[k, here])
    return np.asarray((out[pairs.look, pairs.target] + 180.0) % 360.0 - 180.0)
