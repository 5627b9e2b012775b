"""What a word about the class is worth: likelihoods P(word | class) of declared categories and sensors' own classes."""

import numpy as np
from numpy.typing import NDArray

from lowsky.classify.settled import half_worth
from lowsky.model.classes import BY_LABEL, COVERS, DRONES, ObjectClass
from lowsky.model.evidence import EvidenceKind
from lowsky.model.measurement import Floats, Ints
from lowsky.model.site import Sensor

N_CLASS = len(ObjectClass)
KINDS = (
    EvidenceKind.DOPPLER, EvidenceKind.CAMERA, EvidenceKind.SOUND, EvidenceKind.RADIO, EvidenceKind.DECLARED,
)  # fmt: skip
"""Evidence that is words, in the order in which it is kept."""
KIND_OF_SENSOR = {
    "radar": EvidenceKind.DOPPLER, "camera": EvidenceKind.CAMERA, "acoustic": EvidenceKind.SOUND,
    "direction-finder": EvidenceKind.RADIO, "cooperative": EvidenceKind.DECLARED,
}  # fmt: skip

TRUST_DECLARED = 0.98
"""P(an object that says what it is says so rightly): science.md section 4.4 (8). Assumed."""

TRUST_SENSOR = 0.75
"""P(a sensor's own class is right) where no confusion matrix is known. Assumed, deliberately low."""

TRUST_RADIO = 0.9
"""P(a drone's protocol is recognised as a drone's). Assumed."""

FALSE_RADIO = 0.01
"""P(a direction finder calls something a drone that is none): science.md 4.3 has 10² to 10⁴ for the ratio."""

LASTS_S = {
    EvidenceKind.DOPPLER: 4.5, EvidenceKind.CAMERA: 4.5, EvidenceKind.SOUND: 10.0, EvidenceKind.RADIO: 10.0,
    EvidenceKind.DECLARED: 60.0,
}  # fmt: skip
"""Words of one kind on one object within this are one opinion, slowly refined: ϱ = 0.8 at 1 s, or more. Assumed."""

HEARD_FROM = 0.1
"""A word of a row that is less probably the track's is not heard."""


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


def radio_likelihood() -> Floats:
    """The same of a direction finder: it knows protocols of drones, and seldom hears one where there is none."""
    likelihood = np.exp(log_likelihood(TRUST_SENSOR))
    for word in (ObjectClass.DRONE, *DRONES):
        likelihood[word] = FALSE_RADIO
        likelihood[word, [*DRONES, ObjectClass.DRONE]] = TRUST_RADIO
    return np.log(likelihood)


def stated_likelihood(confusion: dict[str, dict[str, float]]) -> Floats:
    """The same of a confusion matrix: for a true class, each word and how often. Classes and words left out are as
    likely as the rest allows, never impossible."""
    likelihood = np.exp(log_likelihood(TRUST_SENSOR))
    for label, words in confusion.items():
        c = BY_LABEL[label]
        rest = max(1.0 - sum(words.values()), 0.01)
        likelihood[:, c] = rest / N_CLASS
        for word, share in words.items():
            likelihood[BY_LABEL[word], c] = max(share, 1e-3)
        if c == ObjectClass.BIRD and ObjectClass.FLOCK.label not in confusion:
            likelihood[:, ObjectClass.FLOCK] = likelihood[:, c]
        if c == ObjectClass.FIXED_WING_DRONE and ObjectClass.DELTA_DRONE.label not in confusion:
            likelihood[:, ObjectClass.DELTA_DRONE] = likelihood[:, c]
    return np.log(likelihood)


def of_sensor(sensor: Sensor) -> tuple[EvidenceKind, Floats]:
    """What kind of evidence a sensor's words are, and ln P(word | class) float64[word, class]."""
    judges = sensor.kind == "cooperative" and sensor.delivers == "tracks"
    kind = EvidenceKind.DOPPLER if judges else KIND_OF_SENSOR[sensor.kind]
    if sensor.confusion:
        return kind, stated_likelihood(sensor.confusion)
    if kind == EvidenceKind.DECLARED:
        return kind, log_likelihood(TRUST_DECLARED)
    return kind, radio_likelihood() if kind == EvidenceKind.RADIO else log_likelihood(TRUST_SENSOR)


def rows(likelihood: Floats, word: NDArray[np.intp], weight: Floats, gap_s: Floats, kind: EvidenceKind) -> Floats:
    """ln P(word | class), tempered, float64[K, C]; ``weight``: probability that the word is about the track.

    It was said. If it was about somebody else, it was likely of that one, whatever this one is: a bird on the bearing
    of a drone's radio is no drone.
    """
    said = np.exp(likelihood[word])
    heard = weight[:, None] * said + (1.0 - weight)[:, None] * said.max(axis=1, keepdims=True)
    return np.asarray(np.log(heard) * half_worth(gap_s, LASTS_S[kind])[:, None])


def one_each(where: Ints, weight: Floats) -> Ints:
    """Of pairs, the place of the heaviest of each track; equal ones: the first."""
    order = np.lexsort((np.arange(len(where)), -weight, where))
    _, first = np.unique(where[order], return_index=True)
    return order[first]
