"""Why a track is taken for what it is: signed contributions in decibans, and what would change the verdict."""

import msgspec
import numpy as np

from lowsky.classify.evidence import DECIBANS, posterior
from lowsky.model.classes import ObjectClass
from lowsky.model.evidence import EvidenceKind
from lowsky.model.measurement import Floats

LEAST_DB = 0.05
"""Contributions smaller than this are left out."""


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One track's class, against the class that is the next most probable.

    ``prior_db + Σ by_kind_db = odds_db``: ten times the decimal logarithm of how much likelier the one is.
    """

    named: str
    probability: float
    rival: str
    rival_probability: float
    odds_db: float
    prior_db: float
    by_kind_db: dict[str, float]
    typical: float  # p-value of its motion and echo in its class
    rests_on: tuple[str, ...]  # kinds without any one of which the rival, or another class, would be named


def explain(log_prior: Floats, evidence: Floats, typical: float) -> Why:
    """``log_prior`` float64[C] and bounded ``evidence`` float64[N_KIND, C] of one track."""
    log_p = posterior(log_prior[None], evidence[None])[0]
    first, second = (int(c) for c in np.argsort(-log_p, kind="stable")[:2])
    gain = DECIBANS * (evidence[:, first] - evidence[:, second])
    rests_on = []
    for kind in EvidenceKind:
        without = posterior(log_prior[None], np.delete(evidence, kind, axis=0)[None])[0]
        if int(without.argmax()) != first:
            rests_on.append(kind.label)
    return Why(
        named=ObjectClass(first).label, probability=float(np.exp(log_p[first])), rival=ObjectClass(second).label,
        rival_probability=float(np.exp(log_p[second])), odds_db=float(DECIBANS * (log_p[first] - log_p[second])),
        prior_db=float(DECIBANS * (log_prior[first] - log_prior[second])),
        by_kind_db={k.label: round(float(gain[k]), 2) for k in EvidenceKind if abs(gain[k]) >= LEAST_DB},
        typical=typical, rests_on=tuple(rests_on),
    )  # fmt: skip
