"""Sound: how fast it travels, where its source was when it made what is heard now, and how much of it arrives."""

import math

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats
from lowsky.simulate.pairs import Pairs, Sensed, World, lasting, plain
from lowsky.simulate.scenario import Air, Sensor, Sound, Wind
from lowsky.simulate.start import Generator
from lowsky.simulate.terrain import shadow_db
from lowsky.simulate.truth import Truth

ROUNDS = 30  # of a fixed point that contracts by v/c
EXACT_S = 1e-4  # 3 cm of sound: what paths between their steps of 0.1 s are good for
BENDING_WIND_MPS = 5.0  # from which wind bends sound fully (assumed), and doubles the errors of bearings
DOWNWIND, UPWIND = 0.3, 0.5  # range grows by the one and shrinks by the other (science.md 5.2, assumed)
SIGMA_OVER_THRESHOLD_DB = 6.0
"""The stated σ holds so far over the threshold, in calm air."""


def still_air_mps(air: Air) -> float:
    """Speed of sound without wind: 331.3 √(1 + T/273.15), T in °C."""
    return 331.3 * math.sqrt(1.0 + air.temperature_c / 273.15)


def heard_from(
    truth: Truth, times_s: Floats, place_m: Floats, air: Air, wind: Wind
) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """Where each target was when it made the sound that arrives now.

    The delay τ solves |p(t − τ) − p_s| = c τ along the path the target really flew, c = c₀ − V·û with û the unit
    vector from the sensor to where the sound comes from and V the wind; a target is heard for as long after it is
    gone as its sound travels, and not before its first sound has arrived.

    Parameters
    ----------
    times_s : float64[L]
        Seconds of the looks: when the sound arrives.
    place_m : float64[3]
        The sensor, in the axes of the site's origin.

    Returns
    -------
    pos, vel, heard, delay_s : float64[L, N, 3], float64[L, N, 3], bool[L, N], float64[L, N]
    """
    still_mps = still_air_mps(air)
    blows = np.array([wind.east_mps, wind.north_mps, 0.0])
    arrives = np.repeat(times_s[:, None], truth.pos.shape[1], axis=1)
    delay_s = np.zeros_like(arrives)
    pos, vel, heard = truth.each_at(arrives)
    for _ in range(ROUNDS):
        way = pos - place_m
        length = np.maximum(np.linalg.norm(way, axis=-1), 1e-9)
        longer_s = length / np.maximum(still_mps - way @ blows / length, 0.5 * still_mps)
        change_s = np.abs(longer_s - delay_s).max(initial=0.0)
        delay_s = longer_s
        pos, vel, heard = truth.each_at(arrives - delay_s)
        if change_s < EXACT_S:
            break
    return pos, vel, heard, delay_s


def absorption_db_per_m(air: Air, frequency_hz: Floats) -> Floats:
    """Pure-tone absorption of the air by relaxation of oxygen and nitrogen, at 101.325 kPa (ISO 9613-1)."""
    kelvin = air.temperature_c + 273.15
    ratio = kelvin / 293.15
    saturated = 10.0 ** (4.6151 - 6.8346 * (273.16 / kelvin) ** 1.261)
    h = air.humidity_percent * saturated  # molar concentration of water vapour, percent
    oxygen_hz = 24.0 + 4.04e4 * h * (0.02 + h) / (0.391 + h)
    nitrogen_hz = ratio**-0.5 * (9.0 + 280.0 * h * math.exp(-4.170 * (ratio ** (-1.0 / 3.0) - 1.0)))
    f2 = np.asarray(frequency_hz, np.float64) ** 2
    oxygen = 0.01275 * math.exp(-2239.1 / kelvin) / (oxygen_hz + f2 / oxygen_hz)
    nitrogen = 0.1068 * math.exp(-3352.0 / kelvin) / (nitrogen_hz + f2 / nitrogen_hz)
    return np.asarray(8.686 * f2 * (1.84e-11 * math.sqrt(ratio) + ratio**-2.5 * (oxygen + nitrogen)))


def received_db(sound: Sound, air: Air, level_db: Floats, tone_hz: Floats, range_m: Floats) -> Floats:
    """Level at the array: source level at 1 m less spreading, absorption, ground, and what theory leaves out."""
    r = np.maximum(range_m, 1.0)
    excess = sound.excess_db * np.clip(np.log10(r / 300.0) / np.log10(3_000.0 / 300.0), 0.0, 1.5)
    lost = 20.0 * np.log10(r) + absorption_db_per_m(air, tone_hz) * r + sound.ground_db
    return np.asarray(level_db - lost - excess)


def noise_db(sound: Sound, wind_mps: float) -> float:
    """Ambient level: wind adds ``wind_noise_db`` per tenfold speed above 2 m/s."""
    return sound.noise_db + sound.wind_noise_db * max(0.0, math.log10(max(wind_mps, 2.0) / 2.0))


def sense(rng: Generator, sensor: Sensor, sound: Sound, world: World, pairs: Pairs) -> Sensed:
    """What an array makes of the pairs in its reach: those it hears over the noise."""
    signs, n_target = world.truth.signs, len(world.truth.signs.sound_db)
    place_m = np.array(sensor.position_m, np.float64)
    way = pairs.pos_m - place_m
    range_m = np.maximum(np.linalg.norm(way, axis=1), 1.0)
    wind_mps = math.hypot(world.wind.east_mps, world.wind.north_mps)
    level, tone_hz = signs.sound_db[pairs.target], signs.tone_hz[pairs.target]
    # sound that travels with the wind is bent down and carries, against it there is shadow: as if nearer or farther
    towards = -(way[:, 0] * world.wind.east_mps + way[:, 1] * world.wind.north_mps) / range_m / max(wind_mps, 1e-9)
    strong = min(wind_mps / BENDING_WIND_MPS, 1.0)
    as_if = 1.0 + strong * np.where(towards > 0.0, DOWNWIND * towards, UPWIND * towards)
    heard = received_db(sound, world.air, level, tone_hz, range_m / as_if)
    wavelength_m = still_air_mps(world.air) / float(np.nanmean(signs.tone_hz))
    heard -= np.minimum(shadow_db(world.ground, place_m, pairs.pos_m, wavelength_m), 25.0)
    shape = (len(pairs.times_s), n_target)
    heard += lasting(rng, shape, sensor.look_period_s, sound.swing_db, sound.swing_s)[pairs.look, pairs.target]
    snr_db = heard + sound.array_gain_db - noise_db(sound, wind_mps)
    detected = np.nan_to_num(snr_db, nan=-99.0) >= sound.threshold_db
    # never better than 1°
    best = 1.0 / (sensor.sigma_azimuth_deg or 1.0)
    stated = 10.0 ** ((sound.threshold_db + SIGMA_OVER_THRESHOLD_DB - snr_db) / 20.0) * (
        1.0 + wind_mps / BENDING_WIND_MPS
    )
    stated = np.clip(np.nan_to_num(stated, nan=1.0), best, 5.0)
    return plain(detected, snr_db=snr_db, stated=stated)
