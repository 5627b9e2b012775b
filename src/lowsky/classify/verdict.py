"""One word for what a track probably is, from its class probabilities."""

import numpy as np
from numpy.typing import NDArray

from lowsky.model.classes import COVERS, ObjectClass
from lowsky.model.measurement import Floats

SAID_FROM = 0.8
"""Least probability at which a class is named; below it the word is "unknown"."""


def verdict(p_class: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """The class to name and its probability, uint8[N] and float64[N], of float64[N, len(ObjectClass)].

    The most probable class where it is at least ``SAID_FROM``; else a word that covers several (drone, bird) where
    their sum is; else UNKNOWN: with its own probability where it is the most probable, else with that of not being
    the most probable class.
    """
    n = len(p_class)
    best = p_class.argmax(axis=1) if n else np.empty(0, np.intp)
    probability = p_class[np.arange(n), best]
    for word, covered in COVERS.items():
        together = p_class[:, [word, *covered]].sum(axis=1)
        wider = (probability < SAID_FROM) & (together >= SAID_FROM)
        best = np.where(wider, word, best)
        probability = np.where(wider, together, probability)
    undecided = (probability < SAID_FROM) & (best != ObjectClass.UNKNOWN)
    best = np.where(undecided, ObjectClass.UNKNOWN, best)
    probability = np.where(undecided, 1.0 - p_class.max(axis=1, initial=0.0), probability)
    return best.astype(np.uint8), probability
