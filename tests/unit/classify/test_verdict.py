"""One word for what a track is: only where it is sure."""

import numpy as np
import pytest

from lowsky.classify.verdict import verdict
from lowsky.model.classes import ObjectClass

N_CLASS = len(ObjectClass)


def of(**shares):
    p = np.zeros((1, N_CLASS))
    for name, share in shares.items():
        p[0, ObjectClass[name]] = share
    named, probability = verdict(p)
    return named[0], probability[0]


def test_what_is_undecided_is_called_unknown():
    assert of(BALLOON=0.4, AEROPLANE=0.3, HELICOPTER=0.3) == (ObjectClass.UNKNOWN, pytest.approx(0.6))


def test_an_unknown_that_is_itself_most_likely_keeps_its_share():
    assert of(UNKNOWN=0.4, BALLOON=0.35, AEROPLANE=0.25) == (ObjectClass.UNKNOWN, pytest.approx(0.4))


def test_a_class_is_named_from_eight_tenths_on():
    assert of(BIRD=0.79, BALLOON=0.21)[0] == ObjectClass.UNKNOWN
    assert of(BIRD=0.81, BALLOON=0.19) == (ObjectClass.BIRD, pytest.approx(0.81))


def test_the_narrowest_word_that_is_sure_is_taken():
    assert of(FIXED_WING_DRONE=0.5, DELTA_DRONE=0.4, BIRD=0.1)[0] == ObjectClass.FIXED_WING_DRONE
    assert of(MULTIROTOR=0.5, FIXED_WING_DRONE=0.2, DELTA_DRONE=0.2, BIRD=0.1)[0] == ObjectClass.DRONE
