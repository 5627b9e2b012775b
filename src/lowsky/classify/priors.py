"""What flies here, at this hour: prior probabilities of the classes, learnt from the tracks that were settled.

Counts of objects by class and hour of the day are Gamma–Poisson: prior counts and counts seen add up. They are soft (a
track counts as what it probably was), so that learning neither needs nor trusts verdicts.
"""

from dataclasses import dataclass, field

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.model.classes import UMBRELLAS, ObjectClass
from lowsky.model.measurement import Floats

N_CLASS = len(ObjectClass)
C = ObjectClass
SHARES = {
    C.UNKNOWN: 0.15, C.MULTIROTOR: 0.10, C.FIXED_WING_DRONE: 0.05, C.DELTA_DRONE: 0.03, C.BIRD: 0.28, C.FLOCK: 0.08,
    C.BALLOON: 0.06, C.PARAGLIDER: 0.04, C.AEROPLANE: 0.10, C.HELICOPTER: 0.04, C.VEHICLE: 0.04, C.CLUTTER: 0.02,
    C.WIND_TURBINE: 0.01,
}  # fmt: skip
"""Shares of objects where nothing was learnt yet. Assumed, and on the side of warning: drones are rarer than that."""
PRIOR_OBJECTS = 20.0
"""So many settled tracks outweigh ``SHARES``."""
FLOOR = 0.1
"""No class is taken for rarer than this share of what ``SHARES`` says, however long none was seen: the first drone of
a year has to be seen for one. Nor do errors of learning shift odds by more than that towards "nothing"."""
NEIGHBOUR = 0.5
"""What an hour's counts are worth in the hour before and after."""
MEMORY_OBJECTS = 4000.0
"""An hour's counts fade with so many new ones: the season changes."""
HOUR_NS = 3600 * SECOND_NS


def shares() -> Floats:
    """float64[N_CLASS], sums to 1. Words that only cover other classes (DRONE) are no hypotheses: 0."""
    p = np.zeros(N_CLASS)
    for c, share in SHARES.items():
        p[c] = share
    p[list(UMBRELLAS)] = 0.0
    return p / p.sum()


@dataclass(slots=True)
class Priors:
    """``counts`` float64[24, N_CLASS]: settled tracks by hour (UTC) and class."""

    base: Floats = field(default_factory=shares)
    counts: Floats = field(default_factory=lambda: np.zeros((24, N_CLASS)))

    def at(self, t_ns: int) -> Floats:
        """Probabilities at a time, float64[N_CLASS]."""
        hour = t_ns // HOUR_NS % 24
        seen = self.counts[hour] + NEIGHBOUR * (self.counts[(hour - 1) % 24] + self.counts[(hour + 1) % 24])
        p = (PRIOR_OBJECTS * self.base + seen) / (PRIOR_OBJECTS + seen.sum())
        p = np.maximum(p, FLOOR * self.base)
        return np.asarray(p / p.sum())

    def count(self, t_ns: int, p_class: Floats) -> None:
        """Take settled tracks, float64[K, N_CLASS]."""
        hour = t_ns // HOUR_NS % 24
        self.counts[hour] *= np.exp(-len(p_class) / MEMORY_OBJECTS)
        self.counts[hour] += p_class.sum(axis=0)
