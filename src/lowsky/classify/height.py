"""Height above ground: who flies how high."""

import numpy as np

from lowsky.classify.mixtures import HEIGHT
from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.model.measurement import Floats

GROUND_SIGMA_M, GROUND_SIGMA_PER_M = 15.0, 0.01
"""1σ of the ground about the site's height, here and for each metre away: no terrain is known yet (assumed)."""
WORTH = 0.7
"""Heights of one site's objects are alike (one harbour, one approach): less than a whole word (assumed)."""


def above_ground(x: Floats, P: Floats) -> tuple[Floats, Floats]:
    """Height above the site's ground, m, and its variance, float64[K] both, of states in the site's frame."""
    away2 = x[:, 0] ** 2 + x[:, 1] ** 2
    ground = (GROUND_SIGMA_M + GROUND_SIGMA_PER_M * np.sqrt(away2)) ** 2
    return x[:, 2] + away2 / (2.0 * EARTH_MEAN_RADIUS_M), P[:, 2, 2] + ground


def rows(height_m: Floats, var: Floats) -> Floats:
    """ln P(height | class), tempered, float64[K, C]."""
    return WORTH * HEIGHT.log(np.maximum(height_m, 0.0), var)
