"""Radar cross-section: how large an object's echo is, and how it fluctuates.

Every plot is one look at the same object. So each track keeps how likely its plots are for every mean cross-section
that it may have, and for two ways to fluctuate; a class then weighs these by how common they are in it. A second look
at the same object thus narrows down *its* mean, and tells nothing more of its class than that.

A weak object is seen only when its echo is lucky. Where a plot tells its signal to noise ratio, the weakest echo that
would have been seen is known, and likelihoods are of echoes above that.
"""

import math

import numpy as np

from lowsky.classify.mixtures import RCS, column
from lowsky.classify.profiles import ROUGH_DB, SMOOTH_DB
from lowsky.classify.settled import half_worth
from lowsky.model.measurement import Floats, Ints

STEP_DB = 3.0
MEANS_DB = np.arange(-51.0, 48.0, STEP_DB)
"""Mean cross-sections that are told apart; a class's spread is 4 dB and more."""
N_MEAN = len(MEANS_DB)
COLUMNS = 2 * N_MEAN
MEAN_OF_DB = 2.0
"""A mean of decibels is below the decibels of the mean: 1.2 dB (Swerling 3) to 2.5 dB (Swerling 1)."""
SNR_LEAST_DB = 11.0
"""Weakest plot a radar lets through: threshold for one false alarm in a million cells."""
UNCALIBRATED_DB = 2.0
"""1σ of a radar's own error of calibration, which lasts (assumed)."""
LASTS_S = 1.5
"""The same side of the object is looked at for about so long (science.md 4.4: ϱ 0.7–0.95 at 1 s; assumed 0.5)."""
MEMORY_S = 120.0
"""Plots are forgotten after this: an object turns its other side."""
LEAST_DB, MOST_DB, FINE_DB = -80.0, 80.0, 0.5

_SIGMAS = np.repeat([SMOOTH_DB, ROUGH_DB], N_MEAN)
_CENTRES = np.tile(MEANS_DB - MEAN_OF_DB, 2)
_ECHOES = np.arange(LEAST_DB, MOST_DB + FINE_DB, FINE_DB)
_Z = (_ECHOES[:, None] - _CENTRES) / _SIGMAS
_LOG_SEEN = np.log(np.maximum(0.5 * np.vectorize(math.erfc)(_Z / math.sqrt(2.0)), 1e-12))
_LOG_ECHO = np.maximum(-0.5 * _Z**2 - np.log(_SIGMAS), -40.0)
_ROUGH = column(lambda profile: profile.rough)


def _class_weights() -> Floats:
    """P(mean, way to fluctuate | class), float64[COLUMNS, C]."""
    density = np.exp(RCS.log(MEANS_DB, np.full(N_MEAN, UNCALIBRATED_DB**2)))
    density /= density.sum(axis=0)
    return np.concatenate((density * (1.0 - _ROUGH), density * _ROUGH))


_WEIGHTS = _class_weights()


def _index(value: Floats) -> Ints:
    return np.rint((np.clip(value, LEAST_DB, MOST_DB) - LEAST_DB) / FINE_DB).astype(np.int64)


def plot_rows(rcs_dbsm: Floats, snr_db: Floats, gap_s: Floats, weight: Floats) -> Floats:
    """ln P(plot | mean, way to fluctuate), tempered, float64[K, COLUMNS]; to be added to the track's.

    ``snr_db`` NaN: nothing is known of what would have been missed. ``weight``: probability that the plot is its.
    """
    rows = _LOG_ECHO[_index(rcs_dbsm)]
    tells = np.isfinite(snr_db)
    least = np.where(tells, rcs_dbsm - snr_db + SNR_LEAST_DB, LEAST_DB)
    rows = rows - _LOG_SEEN[_index(np.minimum(least, rcs_dbsm))]
    return np.asarray(rows * (weight * half_worth(gap_s, LASTS_S))[:, None])


def fade(gap_s: Floats) -> Floats:
    return np.asarray(np.exp(-np.maximum(gap_s, 0.0) / MEMORY_S))


def rows(kept: Floats) -> Floats:
    """ln P(plots | class) up to a constant, float64[K, C], of what tracks keep, float64[K, COLUMNS]."""
    best = kept.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(kept - best) @ _WEIGHTS + 1e-30))


def mean_of(kept: Floats) -> tuple[Floats, Floats]:
    """The object's own mean cross-section, dBsm, and 1σ of it, whatever its class: float64[K] both."""
    likely = np.exp(kept - kept.max(axis=1, keepdims=True))
    likely = likely[:, :N_MEAN] + likely[:, N_MEAN:]
    likely /= likely.sum(axis=1, keepdims=True)
    mean = likely @ MEANS_DB
    return mean, np.sqrt(np.maximum(likely @ MEANS_DB**2 - mean**2, (0.5 * STEP_DB) ** 2))
