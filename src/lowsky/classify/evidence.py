"""What a word about the class is worth: likelihoods P(word | class) and how much repeats count.

First filling: only words (a declared category, a sensor's own class). Kinematics, RCS and the rest come with
the classification work; they add further rows of likelihood and nothing here changes.
"""

import numpy as np

from lowsky.model.classes import COVERS, UMBRELLAS, ObjectClass
from lowsky.model.measurement import Floats

N_CLASS = len(ObjectClass)

PRIOR_UNKNOWN = 0.5
"""Share of objects that are none of the classes, or not told by any evidence we have. Assumed."""

TRUST_DECLARED = 0.98
"""P(an object that says what it is says so rightly): science.md section 4.4 (8). Assumed."""

TRUST_SENSOR = 0.75
"""P(a sensor's own class is right) where no confusion matrix is known. Assumed, deliberately low."""

WORTH_OF_REPEAT = 0.11
"""(1 − ϱ)/(1 + ϱ) at ϱ = 0.8: repeated verdicts of one kind of source on one object are one opinion, slowly refined
(science.md section 4.4, long AR(1) sequences). The first counts whole."""


def prior() -> Floats:
    """float64[N_CLASS], sums to 1. Words that only cover other classes (DRONE) are no hypotheses: 0."""
    p = np.full(N_CLASS, (1.0 - PRIOR_UNKNOWN) / (N_CLASS - 1 - len(UMBRELLAS)))
    p[ObjectClass.UNKNOWN] = PRIOR_UNKNOWN
    p[list(UMBRELLAS)] = 0.0
    return p


def log_likelihood(trust: float) -> Floats:
    """ln P(word | class) as float64[word, class].

    An object of a class is called so with probability ``trust``, otherwise by any other word alike. An object of
    class UNKNOWN is called by every word alike.
    """
    other = (1.0 - trust) / (N_CLASS - 2)
    likelihood = np.full((N_CLASS, N_CLASS), other)
    np.fill_diagonal(likelihood, trust)
    for word, covered in COVERS.items():
        for c in covered:
            likelihood[word, c] = trust
            likelihood[c, word] = max(likelihood[c, word], trust / 2.0)
    likelihood[:, ObjectClass.UNKNOWN] = 1.0 / (N_CLASS - 1)
    likelihood[ObjectClass.UNKNOWN, :] = 1.0 / (N_CLASS - 1)  # the word "unknown" tells nothing
    return np.log(likelihood)
