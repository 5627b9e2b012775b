"""Who could be seen when: looks and targets in pairs, and what a sensor's physics makes of each pair."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.scenario import Air, Wind
from lowsky.simulate.start import Generator
from lowsky.simulate.terrain import Ground
from lowsky.simulate.truth import Truth


@dataclass(frozen=True, slots=True)
class World:
    """What there is to be seen, and what lies between it and the sensors."""

    truth: Truth
    origin: EnuFrame
    wind: Wind
    air: Air
    ground: Ground | None


@dataclass(frozen=True, slots=True)
class Pairs:
    """P pairs of a look and a target in its reach, in order of look."""

    times_s: Floats  # float64[L] of all looks
    look: Ints  # int64[P]
    target: Ints  # int64[P]
    polar: Floats  # float64[P, 3] slant range m, azimuth rad, elevation rad in the sensor's axes
    pos_m: Floats  # float64[P, 3] in the site's axes
    rate_mps: Floats  # float64[P] range rate


@dataclass(frozen=True, slots=True)
class Sensed:
    """What became of the pairs. float64[P] unless said."""

    detected: NDArray[np.bool_]  # bool[P]
    snr_db: Floats  # as measured
    stated: Floats  # errors over the sensor's own standard deviations, as it could tell from the signal
    scale: Floats  # errors over the same, as they really are
    elevation_scale: Floats  # the same of elevation
    azimuth_off_deg: Floats  # added
    elevation_off_deg: Floats
    rate_off_mps: Floats
    clarity: Floats  # share of the class statements that come through


def plain(detected: NDArray[np.bool_], **other: Floats) -> Sensed:
    """With errors as the site file says, but for what is given."""
    n = len(detected)
    none = {"snr_db": np.full(n, np.nan), "stated": np.ones(n), "clarity": np.ones(n)}
    zeros = {name: np.zeros(n) for name in ("azimuth_off_deg", "elevation_off_deg", "rate_off_mps")}
    values = {**none, **zeros, **other}
    values.setdefault("scale", values["stated"])
    values.setdefault("elevation_scale", values["scale"])
    return Sensed(detected, **values)


def taken(sensed: Sensed, rows: NDArray[np.bool_]) -> Sensed:
    """Of some pairs."""
    return Sensed(**{name: getattr(sensed, name)[rows] for name in Sensed.__dataclass_fields__})


def lasting(rng: Generator, shape: tuple[int, int], step_s: float, sigma: float, lasts_s: float) -> Floats:
    """Normal values float64[L, N] that last: each column an Ornstein-Uhlenbeck process, stationary, exact at looks."""
    keep = math.exp(-step_s / lasts_s)
    values = rng.standard_normal(shape) * sigma
    values[1:] *= math.sqrt(1.0 - keep * keep)
    for k in range(1, shape[0]):
        values[k] += keep * values[k - 1]
    return values


def switching(rng: Generator, shape: tuple[int, int], step_s: float, share: float, lasts_s: float) -> NDArray[np.bool_]:
    """bool[L, N]: a two-state chain that is on for ``share`` of the time, for ``lasts_s`` on average."""
    odds = share / (1.0 - share)
    # neither probability may pass 1: where spells are shorter than steps, the share holds and their length does not
    off = min(1.0, step_s / lasts_s, 1.0 / odds if odds > 0.0 else 1.0)
    begin = off * odds
    lot = rng.random((shape[0] + 1, shape[1]))
    on = np.empty((shape[0] + 1, shape[1]), np.bool_)
    on[0] = lot[0] < share
    for k in range(1, shape[0] + 1):
        on[k] = np.where(on[k - 1], lot[k] >= off, lot[k] < begin)
    return on[1:]


def normal_share(margin_sigmas: Floats) -> Floats:
    """The share of a standard normal below each value: logistic approximation, within 0.01."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(1.702 * margin_sigmas, -50.0, 50.0))))
