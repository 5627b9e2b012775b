"""A camera: pixels on the object, contrast through the air, and a mount that looks at one object at a time."""

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats
from lowsky.simulate.pairs import Pairs, Sensed, World, plain
from lowsky.simulate.scenario import Optics, Sensor
from lowsky.simulate.start import Generator
from lowsky.simulate.terrain import fresnel

STEEP = 4.0  # of the logistic in the logarithm of pixels × contrast (assumed)
LIGHT_M = 5e-7


def pixels(optics: Optics, size_m: Floats, range_m: Floats) -> Floats:
    """Across the object: D/(r · IFOV)."""
    per_pixel = np.radians(optics.field_deg) / optics.width_px
    return np.asarray(size_m / (np.maximum(range_m, 1.0) * per_pixel))


def contrast(optics: Optics, at_object: Floats, range_m: Floats) -> Floats:
    """C₀ exp(−3.9 r/V) (Koschmieder)."""
    return np.asarray(at_object * np.exp(-3.9 * range_m / optics.visibility_m))


def share_seen(pixels_times_contrast: Floats, half: float) -> Floats:
    """Logistic in the logarithm: one half at ``half``."""
    ratio = np.clip(np.maximum(pixels_times_contrast, 1e-6) / half, 1e-4, 1e4)
    return np.asarray(1.0 / (1.0 + ratio**-STEEP))


def sense(rng: Generator, sensor: Sensor, optics: Optics, world: World, pairs: Pairs) -> Sensed:
    """What a camera makes of the pairs in its reach."""
    signs, range_m = world.truth.signs, pairs.polar[:, 0]
    useful = pixels(optics, signs.size_m[pairs.target], range_m)
    useful = useful * contrast(optics, signs.contrast[pairs.target], range_m)
    detected = rng.random(len(useful)) < share_seen(useful, optics.detect_px)
    if optics.slew_dps is not None:
        detected &= _looked_at(sensor, optics, pairs, len(signs.size_m))
    if world.ground is not None:
        rows = np.nonzero(detected)[0]
        place_m = np.array(sensor.position_m, np.float64)
        detected[rows] = fresnel(world.ground, place_m, pairs.pos_m[rows], LIGHT_M) < 0.0
    return plain(detected, clarity=share_seen(useful, optics.says_px))


def _looked_at(sensor: Sensor, optics: Optics, pairs: Pairs, n: int) -> NDArray[np.bool_]:
    """bool[P]: in the field of a mount that turns to the object it has not looked at for longest, near ones first.

    It is pointed by somebody who knows roughly what is where, as a cued camera is; slewing takes its time, and so does
    settling.
    """
    looks = len(pairs.times_s)
    first = np.searchsorted(pairs.look, np.arange(looks + 1))
    seen_s = np.full(n, -60.0)
    azimuth, elevation = np.radians(0.5 * sum(sensor.azimuth_deg)), 0.1
    goal, ready_s, until_s = -1, 0.0, -1.0
    out = np.zeros(len(pairs.look), np.bool_)
    half = np.radians(optics.field_deg) / 2.0
    for k in range(looks):
        rows = slice(first[k], first[k + 1])
        who, t = pairs.target[rows], float(pairs.times_s[k])
        if not len(who):
            continue
        at = pairs.polar[rows, 1:]
        away = np.hypot((at[:, 0] - azimuth + np.pi) % (2.0 * np.pi) - np.pi, at[:, 1] - elevation)
        if t >= until_s or goal not in who:
            slew_s = np.degrees(away) / (optics.slew_dps or 1.0) + optics.settle_s
            pick = int(
                np.argmax((t - seen_s[who]) / (slew_s + optics.dwell_s) / np.maximum(pairs.polar[rows, 0], 50.0))
            )
            goal, ready_s = int(who[pick]), t + float(slew_s[pick])
            until_s = ready_s + optics.dwell_s
        azimuth, elevation = at[np.nonzero(who == goal)[0][0]]
        if t >= ready_s:
            away = np.hypot((at[:, 0] - azimuth + np.pi) % (2.0 * np.pi) - np.pi, at[:, 1] - elevation)
            out[rows] = away <= half
            seen_s[goal] = t
    return out
