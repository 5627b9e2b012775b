"""Sound: how fast it travels, and where its source was when it made what is heard now."""

import math

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Air, Wind
from lowsky.simulate.truth import Truth

ROUNDS = 30  # of a fixed point that contracts by v/c: 1e-9 of the delay at half the speed of sound
EXACT_S = 1e-7


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
