"""What kinds of evidence about an object's class there are, and which of them are told by different physics."""

from enum import IntEnum, unique

import numpy as np

from lowsky.model.measurement import Floats


@unique
class EvidenceKind(IntEnum):
    """One column of ``TrackSnapshot.drone_evidence``. Append, never reorder."""

    MOTION = 0  # how fast and how steadily it moves, climbs and turns
    DRIFT = 1  # with or against the wind
    HEIGHT = 2  # above ground
    STRENGTH = 3  # radar cross-section and how it fluctuates
    DOPPLER = 4  # what a radar itself says it is
    CAMERA = 5  # … a camera
    SOUND = 6  # … an acoustic array
    RADIO = 7  # … a direction finder: whose protocol is on the air
    DECLARED = 8  # what the object says of itself

    @property
    def label(self) -> str:
        """The name in files and on cards."""
        return self.name.lower()


GROUPS = (
    (EvidenceKind.MOTION, EvidenceKind.DRIFT, EvidenceKind.HEIGHT), (EvidenceKind.STRENGTH,), (EvidenceKind.DOPPLER,),
    (EvidenceKind.CAMERA,), (EvidenceKind.SOUND,), (EvidenceKind.RADIO,), (EvidenceKind.DECLARED,),
)  # fmt: skip
"""Kinds within a group go by the same track, so they corroborate as one."""

SPEAKS_DB = 10.0
"""A group speaks for drones where it makes them ten times as likely against what else it may be."""


def kinds_for(drone_evidence: Floats) -> Floats:
    """How many groups speak for a drone, float64[N], of decibans by kind float64[N, len(EvidenceKind)]."""
    groups = [drone_evidence[:, list(group)].sum(axis=1) >= SPEAKS_DB for group in GROUPS]
    return np.asarray(np.sum(groups, axis=0), np.float64)
