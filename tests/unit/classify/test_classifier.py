"""Words about the class add up like evidence, not like votes."""

import numpy as np
import pytest

from lowsky.classify.classifier import Classifier
from lowsky.classify.evidence import N_CLASS, log_likelihood, prior
from lowsky.classify.verdict import verdict
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Labels, MeasurementBatch, MeasurementKind


def said(words, kind=MeasurementKind.RADAR):
    n, d = len(words), {MeasurementKind.RADAR: 4, MeasurementKind.REPORT: 6}[kind]
    t = np.zeros(n, np.int64)
    return MeasurementBatch(
        "s", kind, t, t.copy(), np.zeros((n, d)), np.zeros((n, d)), texts={"class": Labels.of(words)}
    )


def tell(classifier, words, track_id=7, kind=MeasurementKind.RADAR):
    n = len(words)
    classifier.step(said(words, kind), np.full(n, track_id), np.arange(n), np.ones(n))


def p_of(classifier, track_id=7):
    return classifier.probabilities(np.array([track_id]))[0]


def test_a_track_nobody_spoke_of_is_unknown():
    assert p_of(Classifier())[ObjectClass.UNKNOWN] == 1.0


def test_the_prior_and_every_word_are_proper_probabilities():
    assert prior().sum() == pytest.approx(1.0)
    assert (log_likelihood(0.75) <= 0).all()


def test_repeated_words_of_one_kind_settle_slowly_on_the_class():
    classifier = Classifier()
    tell(classifier, ["bird"])
    after_one = p_of(classifier)[[ObjectClass.BIRD, ObjectClass.FLOCK]].sum()
    tell(classifier, ["bird"])
    after_two = p_of(classifier)[[ObjectClass.BIRD, ObjectClass.FLOCK]].sum()
    for _ in range(60):
        tell(classifier, ["bird"])
    assert 0.5 < after_one < after_two < after_one + 0.1
    assert p_of(classifier)[[ObjectClass.BIRD, ObjectClass.FLOCK]].sum() > 0.9


def test_contradicting_words_leave_no_confident_class():
    classifier = Classifier()
    for _ in range(30):
        tell(classifier, ["bird", "multirotor"])
    assert p_of(classifier).max() < 0.8


def test_drone_supports_every_kind_of_drone_alike():
    classifier = Classifier()
    for _ in range(60):
        tell(classifier, ["drone"])
    p = p_of(classifier)
    assert p[ObjectClass.MULTIROTOR] == pytest.approx(p[ObjectClass.FIXED_WING_DRONE])
    assert p[ObjectClass.DRONE] < 1e-100
    named, probability = verdict(p[None])
    assert (named[0], probability[0]) == (ObjectClass.DRONE, pytest.approx(p[1] + p[2]))
    assert probability[0] > 0.9


def test_what_is_undecided_is_called_unknown():
    p = np.zeros((1, N_CLASS))
    p[0, [ObjectClass.BALLOON, ObjectClass.AEROPLANE, ObjectClass.HELICOPTER]] = 0.4, 0.3, 0.3
    named, probability = verdict(p)
    assert named[0] == ObjectClass.UNKNOWN
    assert probability[0] == pytest.approx(0.6)


def test_an_unknown_that_is_itself_most_likely_keeps_its_share():
    p = np.zeros((1, N_CLASS))
    p[0, [ObjectClass.UNKNOWN, ObjectClass.BALLOON, ObjectClass.AEROPLANE]] = 0.4, 0.35, 0.25
    named, probability = verdict(p)
    assert named[0] == ObjectClass.UNKNOWN
    assert probability[0] == pytest.approx(0.4)


def test_a_declared_class_counts_more_than_a_sensors_guess():
    declared, guessed = Classifier(), Classifier()
    for _ in range(3):
        tell(declared, ["helicopter"], kind=MeasurementKind.REPORT)
        tell(guessed, ["helicopter"])
    assert p_of(declared)[ObjectClass.HELICOPTER] > p_of(guessed)[ObjectClass.HELICOPTER]


def test_probabilities_sum_to_one_and_survive_dump_and_load():
    classifier, other = Classifier(), Classifier()
    tell(classifier, ["bird", "balloon"], 3)
    tell(classifier, ["drone"], 9)
    other.load(classifier.dump())
    ids = np.array([3, 5, 9])
    assert classifier.probabilities(ids).sum(axis=1) == pytest.approx(np.ones(3))
    np.testing.assert_array_equal(other.probabilities(ids), classifier.probabilities(ids))
    assert classifier.probabilities(ids).shape == (3, N_CLASS)
