"""Evidence of all kinds brought together: bounded, summed, told in decibans."""

import math

import numpy as np

from lowsky.model.classes import DRONES, ObjectClass
from lowsky.model.evidence import EvidenceKind
from lowsky.model.measurement import Floats

N_CLASS, N_KIND = len(ObjectClass), len(EvidenceKind)
K = EvidenceKind
FOOLED = {
    K.MOTION: 3e-3, K.DRIFT: 5e-3, K.HEIGHT: 1e-2, K.STRENGTH: 1e-2, K.DOPPLER: 1e-2, K.CAMERA: 5e-3, K.SOUND: 3e-2,
    K.RADIO: 2e-3, K.DECLARED: 2e-3,
}  # fmt: skip
"""P(a kind of evidence is wrong about an object from beginning to end): a bird that a radar's own classifier takes for
a drone, a plot that is somebody else's, a table that is wrong. However long it repeats itself, one kind alone makes a
class at most 1/this times as likely, so that a warning needs kinds that agree. Assumed."""
IMPOSSIBLE = -700.0
"""ln of a probability that is nothing in float64's sums: of words that are no classes of their own."""
DECIBANS = 10.0 / math.log(10.0)

_FOOLED = np.array([FOOLED[kind] for kind in EvidenceKind])
_IS_DRONE = np.isin(np.arange(N_CLASS), DRONES)


def bounded(evidence: Floats, possible: Floats) -> Floats:
    """ln[(1 − ε) L_c + ε max_c L] − ln max_c L of each kind, float64[N, N_KIND, N_CLASS], between ln ε and 0.

    ``evidence`` are ln L_c; ``possible`` float64[N_CLASS] 0 for what is no hypothesis.
    """
    best = np.where(possible > 0.0, evidence, -np.inf).max(axis=2, keepdims=True)
    fooled = _FOOLED[:, None]
    return np.asarray(np.log((1.0 - fooled) * np.exp(np.minimum(evidence - best, 0.0)) + fooled))


def posterior(log_prior: Floats, evidence: Floats) -> Floats:
    """ln P(class), float64[N, N_CLASS], normalised, of bounded evidence."""
    log_p = log_prior + evidence.sum(axis=1)
    log_p -= log_p.max(axis=1, keepdims=True)
    return np.asarray(np.maximum(log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True)), IMPOSSIBLE))


def for_drones(log_p: Floats, evidence: Floats) -> Floats:
    """Decibans by kind for "a drone" against what else it may be, float64[N, N_KIND].

    The mean of each kind's ln L over the kinds of drone, as probable as they are, less that over all else: where one
    drone class and one other are left, exactly ln of the ratio between the two.
    """
    told = []
    for of in (_IS_DRONE, ~_IS_DRONE):
        own = np.where(of, log_p, IMPOSSIBLE)
        share = np.exp(own - own.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        told.append(np.einsum("nkc,nc->nk", evidence, share))
    return DECIBANS * (told[0] - told[1])


def chi2_4_tail(x: Floats) -> Floats:
    """P(χ² with 4 degrees of freedom > x)."""
    return np.asarray((1.0 + 0.5 * x) * np.exp(-0.5 * x))
