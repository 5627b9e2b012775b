"""Evidence about the class adds up like evidence, not like votes."""

import numpy as np
import pytest

from lowsky.classify.classifier import ATYPICAL, SAVED_VERSION, Classifier
from lowsky.classify.evidence import FOOLED
from lowsky.classify.verdict import verdict
from lowsky.model.classes import DRONES, ObjectClass
from lowsky.model.evidence import EvidenceKind, kinds_for
from lowsky.model.measurement import DIM, Labels, MeasurementBatch
from lowsky.model.site import Sensor, Site, Wind
from lowsky.model.track import Moving

N_CLASS = len(ObjectClass)
USUAL = np.array([0.25, 0.4, 0.25, 0.1])
PLACE = {"latitude_rad": 0.8, "longitude_rad": 0.1, "height_m": 100.0}
SENSORS = tuple(
    Sensor(id=kind, kind=kind, **PLACE) for kind in ("radar", "direction-finder", "camera", "acoustic", "cooperative")
)
SITE = Site(name="here", **PLACE, sensors=SENSORS)
WINDY = Site(
    name="windy", **PLACE, sensors=SENSORS,
    wind=Wind(up_m=(0.0,), east_mps=(8.0,), north_mps=(0.0,), sigma_mps=(1.5,)),
)  # fmt: skip


def batch(sensor, t_s, words=None, rcs_dbsm=None, snr_db=None, n=1):
    kind = next(s.measures for s in SENSORS if s.id == sensor)
    t = np.full(n, round(t_s * 1e9) + 1, np.int64)
    attributes = {}
    for name, value in (("rcs_dbsm", rcs_dbsm), ("snr_db", snr_db)):
        if value is not None:
            attributes[name] = np.full(n, float(value))
    texts = {} if words is None else {"class": Labels.of(list(words))}
    z = np.zeros((n, DIM[kind]))
    return MeasurementBatch(sensor, kind, t, t.copy(), z, z.copy(), attributes=attributes, texts=texts)


def state(t_s, velocity, up_m=80.0, sigma_mps=0.5, styles=USUAL, track_id=7):
    x = np.array([[500.0, 0.0, up_m, *velocity]])
    P = np.diag([25.0, 25.0, 25.0, *[sigma_mps**2] * 3])[None]
    return Moving(
        np.array([track_id]), np.array([round(t_s * 1e9) + 1]), x, P, np.array([styles]), USUAL, np.zeros(1, bool)
    )


def tell(classifier, sensor, words=None, t_s=0.0, weight=1.0, track_id=7, moving=None, **told):
    n = 1 if words is None else len(words)
    classifier.step(
        batch(sensor, t_s, words, n=n, **told), np.full(n, track_id), np.arange(n), np.full(n, weight), moving
    )


def fly(classifier, velocity_at, seconds=30, **how):
    """A track that is seen each second."""
    for t in range(seconds):
        tell(classifier, "radar", t_s=float(t), moving=state(float(t), velocity_at(t), **how))


def p_of(classifier, track_id=7):
    return classifier.probabilities(np.array([track_id]))[0]


def p_drone(classifier):
    return p_of(classifier)[list(DRONES)].sum()


def test_a_track_nobody_spoke_of_is_unknown():
    assert p_of(Classifier(SITE))[ObjectClass.UNKNOWN] == 1.0


def test_repeated_words_of_one_kind_settle_on_the_class_by_time_and_not_by_number():
    seldom, often = Classifier(SITE), Classifier(SITE)
    for t in range(20):
        tell(seldom, "radar", ["bird"], t_s=float(t))
    for t in range(200):
        tell(often, "radar", ["bird"], t_s=0.1 * t)
    assert p_of(seldom)[ObjectClass.BIRD] > 0.7
    np.testing.assert_allclose(p_of(often), p_of(seldom), atol=0.02)


def test_contradicting_words_leave_no_confident_class():
    classifier = Classifier(SITE)
    for t in range(30):
        tell(classifier, "radar", ["bird" if t % 2 else "multirotor"], t_s=float(t))
    named, _ = verdict(p_of(classifier)[None])
    assert named[0] == ObjectClass.UNKNOWN


def test_the_word_drone_supports_every_kind_of_drone_and_none_is_only_a_drone():
    classifier = Classifier(SITE)
    for t in range(60):
        tell(classifier, "radar", ["drone"], t_s=float(t))
    assert p_of(classifier)[ObjectClass.DRONE] < 1e-100
    named, probability = verdict(p_of(classifier)[None])
    assert (named[0], probability[0]) == (ObjectClass.DRONE, pytest.approx(p_drone(classifier)))


def test_no_kind_of_evidence_alone_rules_out_more_than_it_may_be_fooled():
    classifier = Classifier(SITE)
    before = None
    for t in range(3600):
        tell(classifier, "radar", ["drone"], t_s=10.0 * t)
        before = p_of(classifier) if before is None else before
    prior = np.exp(classifier.why(7).prior_db / 10.0 * np.log(10.0))
    odds = np.exp(classifier.why(7).odds_db / 10.0 * np.log(10.0))
    assert odds / prior < 1.0 / FOOLED[EvidenceKind.DOPPLER]


def test_words_of_two_kinds_of_sensor_say_more_than_twice_as_many_of_one():
    one, two = Classifier(SITE), Classifier(SITE)
    for t in range(20):
        tell(one, "radar", ["drone"], t_s=t)
        tell(two, "radar" if t % 2 else "camera", ["drone"], t_s=t)
    assert p_drone(two) > p_drone(one)


def test_a_drones_radio_on_the_bearing_of_a_bird_does_not_make_the_bird_a_drone():
    sure, shared = Classifier(SITE), Classifier(SITE)
    for t in range(20):
        tell(sure, "direction-finder", ["drone"], t_s=t)
        tell(shared, "direction-finder", ["drone"], t_s=t, weight=0.3)
    assert p_drone(sure) > 0.9
    assert p_drone(shared) < 0.5


def test_a_stated_confusion_matrix_replaces_the_default():
    poor = Sensor(
        id="radar", kind="radar", **PLACE, confusion={"bird": {"drone": 0.5}, "multirotor": {"drone": 0.5}}
    )  # fmt: skip
    classifier = Classifier(Site(name="poor", **PLACE, sensors=(poor,)))
    tell(classifier, "radar", ["drone"])
    ratio = p_of(classifier)[ObjectClass.MULTIROTOR] / p_of(classifier)[ObjectClass.BIRD]
    known = Classifier(SITE)
    tell(known, "radar", ["drone"])
    assert ratio < 0.1 * p_of(known)[ObjectClass.MULTIROTOR] / p_of(known)[ObjectClass.BIRD]


def test_a_hovering_object_that_dashes_is_a_multirotor_rather_than_a_bird():
    classifier = Classifier(WINDY)
    fly(classifier, lambda t: (0.0, 0.0, 0.0) if t % 20 < 10 else (14.0, 0.0, 0.0), 60)
    p = p_of(classifier)
    assert p[ObjectClass.MULTIROTOR] > 3.0 * p[ObjectClass.BIRD]


def test_an_object_at_sixty_metres_a_second_is_no_bird_and_no_multirotor():
    classifier = Classifier(SITE)
    fly(classifier, lambda t: (60.0, 0.0, 0.0))
    p = p_of(classifier)
    assert p[[ObjectClass.BIRD, ObjectClass.FLOCK, ObjectClass.MULTIROTOR]].sum() < 0.06


def test_what_is_measured_badly_tells_next_to_nothing():
    classifier = Classifier(SITE)
    fly(classifier, lambda t: (9.0, 0.0, 0.0), sigma_mps=60.0)
    p = p_of(classifier)
    assert p.max() < 2.0 * classifier._priors.base.max()


def test_a_balloon_goes_with_the_wind_and_what_goes_against_it_is_none():
    along, across = Classifier(WINDY), Classifier(WINDY)
    fly(along, lambda t: (8.0 + np.sin(0.7 * t), 0.3, 1.5), 60)
    fly(across, lambda t: (-8.0 + np.sin(0.7 * t), 0.3, 1.5), 60)
    assert p_of(along)[ObjectClass.BALLOON] > 0.8
    assert p_of(across)[ObjectClass.BALLOON] < 0.1


def test_a_weak_echo_speaks_for_a_bird_and_a_strong_one_against():
    weak, strong = Classifier(SITE), Classifier(SITE)
    for t in range(30):
        tell(weak, "radar", t_s=t, rcs_dbsm=-36.0)
        tell(strong, "radar", t_s=t, rcs_dbsm=12.0)
    assert p_of(weak)[ObjectClass.BIRD] > 0.55
    assert p_of(strong)[ObjectClass.BIRD] < 0.02


def test_a_plot_that_barely_passed_the_threshold_may_be_of_something_weaker():
    fair, lucky = Classifier(SITE), Classifier(SITE)
    for t in range(30):
        tell(fair, "radar", t_s=t, rcs_dbsm=-20.0, snr_db=30.0)
        tell(lucky, "radar", t_s=t, rcs_dbsm=-20.0, snr_db=11.5)
    assert p_of(lucky)[ObjectClass.BIRD] > p_of(fair)[ObjectClass.BIRD]


def test_what_is_like_nothing_in_the_table_is_called_unknown():
    classifier = Classifier(SITE)
    fly(classifier, lambda t: (170.0, 0.0, 60.0 if t % 2 else -60.0), 40)
    named, _ = verdict(p_of(classifier)[None])
    assert named[0] == ObjectClass.UNKNOWN


def test_an_emitter_of_a_drones_protocol_that_is_like_no_drone_is_one_all_the_same():
    classifier = Classifier(SITE)
    for t in range(60):
        tell(classifier, "direction-finder", ["drone"], t_s=float(t))
        moves = state(float(t), (9.0, 0.0, 0.0))
        tell(classifier, "radar", t_s=t + 0.5, moving=moves, rcs_dbsm=2.0, snr_db=40.0)  # the echo of a paraglider
    assert classifier.why(7).typical < ATYPICAL
    assert p_drone(classifier) > 0.9


def test_the_why_of_a_verdict_adds_up_and_says_what_it_rests_on():
    classifier = Classifier(SITE)
    for t in range(20):
        tell(classifier, "direction-finder", ["drone"], t_s=t)
        tell(classifier, "radar", t_s=t, rcs_dbsm=-24.0)
    why = classifier.why(7)
    assert why.prior_db + sum(why.by_kind_db.values()) == pytest.approx(why.odds_db, abs=0.2)
    assert why.named == "multirotor"
    assert why.rests_on == ("radio",)


def test_evidence_of_two_kinds_is_told_as_two():
    classifier = Classifier(SITE)
    for t in range(20):
        tell(classifier, "direction-finder", ["drone"], t_s=t)
    one = kinds_for(classifier.drone_evidence(np.array([7])))
    for t in range(20, 40):
        tell(classifier, "camera", ["multirotor"], t_s=t)
    two = kinds_for(classifier.drone_evidence(np.array([7])))
    assert (one[0], two[0]) == (1.0, 2.0)
    assert kinds_for(classifier.drone_evidence(np.array([99])))[0] == 0.0


def test_a_class_that_was_wrong_is_given_up_when_the_evidence_turns():
    classifier = Classifier(SITE)
    for t in range(30):
        tell(classifier, "radar", ["bird"], t_s=t)
    for t in range(30, 150):
        tell(classifier, "radar", ["multirotor"], t_s=t)
    assert p_of(classifier)[ObjectClass.MULTIROTOR] > p_of(classifier)[ObjectClass.BIRD]


def test_priors_learn_what_flies_here_at_this_hour_but_never_rule_out_a_drone():
    classifier = Classifier(SITE)
    for k in range(300):
        for t in (0.0, 25.0):
            tell(classifier, "camera", ["bird"], t_s=t, track_id=k + 1)
        classifier.forget([k + 1])
    now, later = (classifier._priors.at(round(t_s * 1e9)) for t_s in (30.0, 12 * 3600.0))
    base = classifier._priors.base
    assert now[ObjectClass.BIRD] > 0.5 > later[ObjectClass.BIRD]
    assert (now[list(DRONES)] >= 0.05 * base[list(DRONES)]).all()


def test_probabilities_sum_to_one_and_everything_survives_dump_load_and_copy():
    classifier, other = Classifier(WINDY), Classifier(WINDY)
    tell(classifier, "radar", ["bird", "balloon"], track_id=3, rcs_dbsm=-20.0)
    fly(classifier, lambda t: (8.0, 0.0, 1.0), 40)
    other.load(classifier.dump())
    twin = classifier.copy()
    for one in (other, twin):
        assert one.dump() == classifier.dump()
        tell(one, "camera", ["bird"], t_s=41.0)
    tell(classifier, "camera", ["bird"], t_s=41.0)
    assert other.dump() == twin.dump() == classifier.dump()
    ids = np.array([3, 5, 7])
    assert classifier.probabilities(ids).sum(axis=1) == pytest.approx(np.ones(3))
    classifier.forget([7])
    assert p_of(classifier)[ObjectClass.UNKNOWN] == 1.0


def test_a_dump_of_another_version_is_not_read():
    saved = Classifier(SITE).dump().replace(b"\xa7version" + bytes([SAVED_VERSION]), b"\xa7version\x00")
    with pytest.raises(ValueError, match="version"):
        Classifier(SITE).load(saved)
